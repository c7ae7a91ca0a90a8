package engine

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"paycow/models"
)

// The search attributes of the Payment workflow. TxHash is a list because several transfers may pay one payment:
// `TxHash="0x…"` finds a payment by any of them.
var (
	paymentStatusKey    = temporal.NewSearchAttributeKeyKeyword(models.AttributePaymentStatus)
	paymentExceptionKey = temporal.NewSearchAttributeKeyKeyword(models.AttributePaymentException)
	userIDKey           = temporal.NewSearchAttributeKeyKeyword(models.AttributeUserID)
	operatorIDKey       = temporal.NewSearchAttributeKeyKeyword(models.AttributeOperatorID)
	depositAddressKey   = temporal.NewSearchAttributeKeyKeyword(models.AttributeDepositAddress)
	paymentReferenceKey = temporal.NewSearchAttributeKeyKeyword(models.AttributePaymentReference)
	txHashKey           = temporal.NewSearchAttributeKeyKeywordList(models.AttributeTxHash)
)

// maxKeyword is how many characters a keyword in Temporal's SQL visibility stores may have.
const maxKeyword = 255

// keyword returns a text as the value of a search attribute: its first characters if it is longer than one may be.
func keyword(text string) string {
	if runes := []rune(text); len(runes) > maxKeyword {
		return string(runes[:maxKeyword])
	}
	return text
}

// SearchAttributes returns the name and type of every custom search attribute, as EnsureNamespace registers them.
func SearchAttributes() map[string]enumspb.IndexedValueType {
	attributes := map[string]enumspb.IndexedValueType{}
	for _, key := range []temporal.SearchAttributeKey{
		paymentStatusKey, paymentExceptionKey, userIDKey, operatorIDKey, depositAddressKey, paymentReferenceKey, txHashKey,
	} {
		attributes[key.GetName()] = key.GetValueType()
	}
	return attributes
}
