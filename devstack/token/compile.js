// Compiles the contracts beside this file and writes one artefact a contract into the folder given as argument.
// The artefact records the hash of its source, so that a test can tell a stale artefact without a compiler.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const solc = require('solc');

const CONTRACTS = ['TestUSDT', 'TestUSDTUpgrade'];
// Old enough for every node we meet (geth's dev chain, anvil with any hard fork of the last years), so no PUSH0 is emitted.
const EVM_VERSION = 'paris';

const outputFolder = process.argv[2];
if (!outputFolder) {
  console.error('usage: node compile.js OUTPUT_FOLDER');
  process.exit(2);
}

const texts = Object.fromEntries(
  CONTRACTS.map((name) => [name, fs.readFileSync(path.join(__dirname, `${name}.sol`), 'utf8')]));

const result = JSON.parse(solc.compile(JSON.stringify({
  language: 'Solidity',
  sources: Object.fromEntries(CONTRACTS.map((name) => [`${name}.sol`, { content: texts[name] }])),
  settings: {
    evmVersion: EVM_VERSION,
    optimizer: { enabled: true, runs: 200 },
    metadata: { bytecodeHash: 'none' },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
  },
})));

const problems = result.errors || [];
problems.forEach((problem) => console.error(problem.formattedMessage));
if (problems.length > 0) {
  process.exit(1);
}

fs.mkdirSync(outputFolder, { recursive: true });
for (const name of CONTRACTS) {
  const contract = result.contracts[`${name}.sol`][name];
  const artefact = {
    contractName: name,
    compiler: solc.version(),
    evmVersion: EVM_VERSION,
    sourceSha256: crypto.createHash('sha256').update(texts[name]).digest('hex'),
    abi: contract.abi,
    bytecode: `0x${contract.evm.bytecode.object}`,
  };
  fs.writeFileSync(path.join(outputFolder, `${name}.json`), `${JSON.stringify(artefact, null, 2)}\n`);
}
