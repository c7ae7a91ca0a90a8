// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What the vault asks of an ERC-20 token. transfer has no return value here, because USDT's has none.
interface IToken {
    function balanceOf(address holder) external view returns (uint256);

    function transfer(address to, uint256 value) external;
}

/// The code to which deposit addresses are delegated (EIP-7702). Whoever calls it, it can do one thing: send what the
/// account holds to TREASURY. It has no owner and no storage, it cannot be changed, and no call takes a destination.
/// The owner of an account's key can still do everything, and can delegate the account elsewhere.
contract Vault {
    /// The only address that anything is ever sent to.
    address public immutable TREASURY;
    /// The token that payments are made in: USDT.
    address public immutable TOKEN;

    /// The constructor refuses addresses that would lose what is swept.
    error BadAddress(address given);
    /// The treasury did not take the ether.
    error EtherRefused();

    constructor(address treasury, address token) {
        if (treasury == address(0) || treasury == token) {
            revert BadAddress(treasury);
        }
        if (token.code.length == 0) {
            revert BadAddress(token);
        }
        TREASURY = treasury;
        TOKEN = token;
    }

    /// An account that is delegated here can be sent ether, as any other.
    receive() external payable {}

    /// Sends the account's TOKEN to TREASURY, but for one unit (0.000001 USDT): a transfer to an account that holds nothing
    /// costs the next payer much more gas. Does nothing if there is no more than one unit.
    function sweep() external {
        send(TOKEN, 1);
    }

    /// Sends to TREASURY all that the account holds of another ERC-20 token. TOKEN is sent as sweep does.
    function sweepToken(address token) external {
        send(token, token == TOKEN ? 1 : 0);
    }

    /// Sends the account's ether to TREASURY.
    function sweepEther() external {
        (bool taken, ) = TREASURY.call{value: address(this).balance}("");
        if (!taken) {
            revert EtherRefused();
        }
    }

    /// Sends the account's balance of a token to TREASURY, but for what is kept. A token that says "false" instead of
    /// reverting has moved nothing, and its Transfer event is missing.
    function send(address token, uint256 kept) private {
        uint256 balance = IToken(token).balanceOf(address(this));
        if (balance > kept) {
            IToken(token).transfer(TREASURY, balance - kept);
        }
    }
}
