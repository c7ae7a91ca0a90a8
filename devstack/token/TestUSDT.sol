// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A contract that takes over when the token is deprecated. Like the token itself it returns nothing from its transfers.
interface ILegacyUpgrade {
    function transferByLegacy(address sender, address to, uint256 value) external;

    function transferFromByLegacy(address spender, address from, address to, uint256 value) external;

    function approveByLegacy(address holder, address spender, uint256 value) external;

    function balanceOf(address holder) external view returns (uint256);

    function allowance(address holder, address spender) external view returns (uint256);

    function totalSupply() external view returns (uint256);
}

/// A test token that behaves, seen from outside, as USDT does on Ethereum mainnet, odd parts included. A payment gateway
/// that works with this token and with a well-behaved ERC-20 works with the real one. It is worth nothing.
contract TestUSDT {
    string public constant name = "Tether USD (PayCow test token)";
    string public constant symbol = "USDT";
    uint8 public constant decimals = 6;

    uint256 private constant UNITS_PER_TOKEN = 10 ** 6;
    uint256 private constant BASIS_POINTS = 10_000;
    // Mainnet's token hard-codes these two limits, so that the fee can never be more than 0.19 % or 49 USDT.
    uint256 private constant FEE_BASIS_POINTS_LIMIT = 20;
    uint256 private constant FEE_TOKENS_LIMIT = 50;

    address public owner;
    bool public paused;
    bool public deprecated;
    address public upgradedAddress;
    uint256 public basisPointsRate;
    uint256 public maximumFee;

    mapping(address => bool) public isBlackListed;

    uint256 private supply;
    mapping(address => uint256) private balances;
    mapping(address => mapping(address => uint256)) private allowances;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);
    // The arguments of the administrative events are not indexed, as on mainnet.
    event Params(uint256 feeBasisPoints, uint256 maxFee);
    event AddedBlackList(address user);
    event RemovedBlackList(address user);
    event DestroyedBlackFunds(address blackListedUser, uint256 balance);
    event Pause();
    event Unpause();
    event Issue(uint256 amount);
    event Redeem(uint256 amount);
    event Deprecate(address newAddress);

    modifier onlyOwner() {
        require(msg.sender == owner, "only the owner may do this");
        _;
    }

    modifier whenNotPaused() {
        require(!paused, "the token is paused");
        _;
    }

    /// The first supply goes to the creator without a Transfer log, as on mainnet.
    constructor(uint256 initialSupply) {
        owner = msg.sender;
        supply = initialSupply;
        balances[msg.sender] = initialSupply;
    }

    // Moving tokens. None of these three returns a value: a client whose ABI expects a bool fails to decode the answer.

    function transfer(address to, uint256 value) external whenNotPaused {
        require(!isBlackListed[msg.sender], "the sender is blacklisted");
        if (deprecated) {
            ILegacyUpgrade(upgradedAddress).transferByLegacy(msg.sender, to, value);
            return;
        }
        move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external whenNotPaused {
        // Only the holder is looked at: a blacklisted spender may still move somebody else's tokens, as on mainnet.
        require(!isBlackListed[from], "the sender is blacklisted");
        if (deprecated) {
            ILegacyUpgrade(upgradedAddress).transferFromByLegacy(msg.sender, from, to, value);
            return;
        }
        uint256 allowed = allowances[from][msg.sender];
        require(allowed >= value, "the allowance is too small");
        // The largest number means "without limit" and is never used up.
        if (allowed != type(uint256).max) {
            allowances[from][msg.sender] = allowed - value;
        }
        move(from, to, value);
    }

    function approve(address spender, uint256 value) external {
        if (deprecated) {
            ILegacyUpgrade(upgradedAddress).approveByLegacy(msg.sender, spender, value);
            return;
        }
        // An allowance has to be set to zero before it can be changed to another amount.
        require(value == 0 || allowances[msg.sender][spender] == 0, "reset the allowance to zero first");
        allowances[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
    }

    /// With the fee switched on, the owner's share is logged first and the recipient's net amount second.
    function move(address from, address to, uint256 value) private {
        require(balances[from] >= value, "the balance is too small");
        uint256 fee = (value * basisPointsRate) / BASIS_POINTS;
        if (fee > maximumFee) {
            fee = maximumFee;
        }
        uint256 net = value - fee;
        balances[from] -= value;
        balances[to] += net;
        if (fee > 0) {
            balances[owner] += fee;
            emit Transfer(from, owner, fee);
        }
        emit Transfer(from, to, net);
    }

    // Reading. After deprecation the answers come from the contract that took over.

    function balanceOf(address holder) public view returns (uint256) {
        if (deprecated) {
            return ILegacyUpgrade(upgradedAddress).balanceOf(holder);
        }
        return balances[holder];
    }

    function allowance(address holder, address spender) external view returns (uint256) {
        if (deprecated) {
            return ILegacyUpgrade(upgradedAddress).allowance(holder, spender);
        }
        return allowances[holder][spender];
    }

    function totalSupply() external view returns (uint256) {
        if (deprecated) {
            return ILegacyUpgrade(upgradedAddress).totalSupply();
        }
        return supply;
    }

    function getOwner() external view returns (address) {
        return owner;
    }

    function getBlackListStatus(address user) external view returns (bool) {
        return isBlackListed[user];
    }

    // The issuer's powers. None of issue, redeem and destroyBlackFunds emits a Transfer log, although balances change.

    /// Switches the transfer fee on or off. The upper bound of the fee is given in whole tokens.
    function setParams(uint256 newBasisPoints, uint256 newMaxFeeTokens) external onlyOwner {
        require(newBasisPoints < FEE_BASIS_POINTS_LIMIT, "the fee rate is too high");
        require(newMaxFeeTokens < FEE_TOKENS_LIMIT, "the maximum fee is too high");
        basisPointsRate = newBasisPoints;
        maximumFee = newMaxFeeTokens * UNITS_PER_TOKEN;
        emit Params(basisPointsRate, maximumFee);
    }

    function addBlackList(address user) external onlyOwner {
        isBlackListed[user] = true;
        emit AddedBlackList(user);
    }

    function removeBlackList(address user) external onlyOwner {
        isBlackListed[user] = false;
        emit RemovedBlackList(user);
    }

    function destroyBlackFunds(address user) external onlyOwner {
        require(isBlackListed[user], "the address is not blacklisted");
        uint256 funds = balances[user];
        balances[user] = 0;
        supply -= funds;
        emit DestroyedBlackFunds(user, funds);
    }

    function issue(uint256 amount) external onlyOwner {
        supply += amount;
        balances[owner] += amount;
        emit Issue(amount);
    }

    function redeem(uint256 amount) external onlyOwner {
        require(balances[owner] >= amount, "the balance is too small");
        supply -= amount;
        balances[owner] -= amount;
        emit Redeem(amount);
    }

    function pause() external onlyOwner whenNotPaused {
        paused = true;
        emit Pause();
    }

    function unpause() external onlyOwner {
        require(paused, "the token is not paused");
        paused = false;
        emit Unpause();
    }

    /// From now on transfers, approvals and balances are the other contract's business, Transfer logs included.
    function deprecate(address newAddress) external onlyOwner {
        deprecated = true;
        upgradedAddress = newAddress;
        emit Deprecate(newAddress);
    }

    /// Giving the token to nobody is ignored silently, and the change has no event, as on mainnet.
    function transferOwnership(address newOwner) external onlyOwner {
        if (newOwner != address(0)) {
            owner = newOwner;
        }
    }
}
