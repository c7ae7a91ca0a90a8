// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface IVault {
    function sweep() external;

    function sweepToken(address token) external;

    function sweepEther() external;
}

/// An ERC-20 token that somebody made to do harm to whoever calls it. `manner` says how.
contract HostileToken {
    uint8 private constant RETURNS_FALSE = 1;
    uint8 private constant REVERTS = 2;
    uint8 private constant BURNS_GAS = 3;
    uint8 private constant RETURNS_MUCH = 4;
    uint8 private constant CALLS_BACK = 5;
    uint8 private constant CLAIMS_MORE = 6;

    /// 0 for an honest token.
    uint8 public manner;
    mapping(address => uint256) private balances;

    event Transfer(address indexed from, address indexed to, uint256 value);

    constructor(uint8 givenManner) {
        manner = givenManner;
    }

    function mint(address to, uint256 value) external {
        balances[to] += value;
    }

    function balanceOf(address holder) external view returns (uint256) {
        return manner == CLAIMS_MORE ? type(uint256).max : balances[holder];
    }

    function transfer(address to, uint256 value) external returns (bool) {
        if (manner == RETURNS_FALSE) {
            return false;
        }
        if (manner == BURNS_GAS) {
            assembly {
                invalid()
            }
        }
        if (manner == RETURNS_MUCH) {
            assembly {
                return(0, 200000)
            }
        }
        if (manner == CALLS_BACK) {
            IVault(msg.sender).sweep();
            IVault(msg.sender).sweepEther();
        }
        require(manner != REVERTS && balances[msg.sender] >= value, "the token refuses");
        balances[msg.sender] -= value;
        balances[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}
