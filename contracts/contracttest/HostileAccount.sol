// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What an account might be delegated to instead of the vault, to keep others in its batch from being swept. `manner` is
/// in the code, as an account that is delegated has no storage of the contract's.
contract HostileAccount {
    uint256 private immutable manner;

    constructor(uint256 givenManner) {
        manner = givenManner;
    }

    fallback() external payable {
        if (manner == 0) {
            assembly {
                invalid()
            }
        }
        if (manner == 1) {
            assembly {
                revert(0, 1000000)
            }
        }
        while (true) {}
    }
}
