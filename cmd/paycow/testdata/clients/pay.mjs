// Pays with viem, as a wallet or a payer's own program would: node pay.mjs '{"rpcUrl", "chainId", "token", "key", "to", "units"}'
// Prints the transaction's hash as soon as the node has taken it, and does not wait for a block.
import { createPublicClient, createWalletClient, defineChain, http, parseAbi, webSocket } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';

const order = JSON.parse(process.argv[2]);
const chain = defineChain({
  id: order.chainId,
  name: 'outside',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [order.rpcUrl] } },
});
const transport = order.rpcUrl.startsWith('ws') ? webSocket(order.rpcUrl) : http(order.rpcUrl);
const account = privateKeyToAccount(order.key);
const reader = createPublicClient({ chain, transport });
const wallet = createWalletClient({ account, chain, transport });

// USDT's transfer returns nothing: with the usual `returns (bool)` viem refuses the simulation's empty answer.
const abi = parseAbi(['function transfer(address to, uint256 value)']);
const { request } = await reader.simulateContract({
  account, address: order.token, abi, functionName: 'transfer', args: [order.to, BigInt(order.units)],
});
console.log(await wallet.writeContract(request));
process.exit(0);
