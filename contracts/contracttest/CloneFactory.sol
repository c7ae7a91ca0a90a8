// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface IToken {
    function balanceOf(address holder) external view returns (uint256);

    function transfer(address to, uint256 value) external;
}

/// The code behind each clone.
contract CloneVault {
    address private immutable treasury;
    address private immutable token;

    constructor(address givenTreasury, address givenToken) {
        treasury = givenTreasury;
        token = givenToken;
    }

    function sweep() external {
        uint256 balance = IToken(token).balanceOf(address(this));
        if (balance > 1) {
            IToken(token).transfer(treasury, balance - 1);
        }
    }
}

/// The usual other way to have deposit addresses without keys, for comparison: each address is a minimal proxy (ERC-1167)
/// that is created by CREATE2 when it is swept for the first time.
contract CloneFactory {
    CloneVault private immutable target;

    constructor(address treasury, address token) {
        target = new CloneVault(treasury, token);
    }

    function addressOf(bytes32 salt) external view returns (address) {
        bytes32 hash = keccak256(creationCode());
        return address(uint160(uint256(keccak256(abi.encodePacked(bytes1(0xff), address(this), salt, hash)))));
    }

    /// Creates the clones of the salts 0 to count - 1, and sweeps each.
    function createAndSweep(uint256 count) external {
        bytes memory code = creationCode();
        for (uint256 salt = 0; salt < count; ++salt) {
            address clone;
            assembly ("memory-safe") {
                clone := create2(0, add(code, 32), mload(code), salt)
            }
            CloneVault(clone).sweep();
        }
    }

    /// Sweeps clones that exist.
    function sweep(address[] calldata clones) external {
        for (uint256 i = 0; i < clones.length; ++i) {
            CloneVault(clones[i]).sweep();
        }
    }

    function creationCode() private view returns (bytes memory) {
        return
            abi.encodePacked(
                hex"3d602d80600a3d3981f3363d3d373d3d3d363d73",
                address(target),
                hex"5af43d82803e903d91602b57fd5bf3"
            );
    }
}
