package models

// ForgottenAddress is a deposit address that no payment of the database has, although it may have been handed out.
type ForgottenAddress struct {
	Address string `gorm:"primaryKey"` // EIP-55 form
	// XPub is the fingerprint of the account key that has the address at the index; "" for the first key.
	XPub       string `gorm:"column:xpub"`
	Index      uint32 `gorm:"column:address_index"`
	PaymentID  string // of the payment that had it, as the engine knows it; "" when none is known
	OperatorID string // of that payment
	// Units is what the address held at the block, in micro-USDT, when that was last shown to a person.
	Units       Amount
	BlockNumber uint64
}

// RecoverCommand is the command that mends a restored database.
const RecoverCommand = "paycow addresses recover"
