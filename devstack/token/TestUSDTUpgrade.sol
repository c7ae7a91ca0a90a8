// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What a deprecated TestUSDT forwards to. It keeps balances of its own and emits the Transfer logs under its own address,
/// which is exactly what a watcher of the old address does not see.
contract TestUSDTUpgrade {
    address public immutable legacy;
    address public immutable owner;
    uint256 public totalSupply;

    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    modifier onlyLegacy() {
        require(msg.sender == legacy, "only the legacy token may do this");
        _;
    }

    constructor(address legacyToken) {
        legacy = legacyToken;
        owner = msg.sender;
    }

    /// The owner carries balances over from the old token by hand.
    function migrate(address holder, uint256 amount) external {
        require(msg.sender == owner, "only the owner may do this");
        totalSupply += amount;
        balanceOf[holder] += amount;
    }

    function transferByLegacy(address sender, address to, uint256 value) external onlyLegacy {
        move(sender, to, value);
    }

    function transferFromByLegacy(address spender, address from, address to, uint256 value) external onlyLegacy {
        require(allowance[from][spender] >= value, "the allowance is too small");
        allowance[from][spender] -= value;
        move(from, to, value);
    }

    function approveByLegacy(address holder, address spender, uint256 value) external onlyLegacy {
        allowance[holder][spender] = value;
        emit Approval(holder, spender, value);
    }

    function move(address from, address to, uint256 value) private {
        require(balanceOf[from] >= value, "the balance is too small");
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}
