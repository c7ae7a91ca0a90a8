// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface IVault {
    function sweep() external;

    function sweepToken(address token) external;

    function sweepEther() external;
}

/// Sweeps many accounts in one transaction. Anybody may call it; it holds nothing and has no rights. Each account is called
/// on its own: one that reverts, has no code or burns its gas does not stop the others.
contract Sweeper {
    /// Calls sweep on each account with at most gasEach gas. The result says which calls did not revert: a call to an
    /// account without code does not revert, and moves nothing.
    function sweep(address[] calldata accounts, uint256 gasEach) external returns (bool[] memory succeeded) {
        return each(accounts, gasEach, abi.encodeCall(IVault.sweep, ()));
    }

    /// Calls sweepToken on each account, as sweep does.
    function sweepToken(
        address[] calldata accounts,
        uint256 gasEach,
        address token
    ) external returns (bool[] memory succeeded) {
        return each(accounts, gasEach, abi.encodeCall(IVault.sweepToken, (token)));
    }

    /// Calls sweepEther on each account, as sweep does.
    function sweepEther(address[] calldata accounts, uint256 gasEach) external returns (bool[] memory succeeded) {
        return each(accounts, gasEach, abi.encodeCall(IVault.sweepEther, ()));
    }

    function each(
        address[] calldata accounts,
        uint256 gasEach,
        bytes memory data
    ) private returns (bool[] memory succeeded) {
        succeeded = new bool[](accounts.length);
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            bool success;
            // Solidity's own call would copy the data that the account returns, however long it is.
            assembly ("memory-safe") {
                success := call(gasEach, account, 0, add(data, 32), mload(data), 0, 0)
            }
            succeeded[i] = success;
        }
    }
}
