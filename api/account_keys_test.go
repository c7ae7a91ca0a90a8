package api

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// madeUpKey is an account key whose addresses say where they come from.
type madeUpKey string

func (k madeUpKey) Address(index uint32) (string, error) {
	return fmt.Sprintf("0x%s%d", string(k), index), nil
}

// TestAddressesOfEarlierAccountKeysStayValid: after a new key was added for new addresses, those of the earlier keys are still
// derived again before they are shown, each at its own index, and no other address passes.
func TestAddressesOfEarlierAccountKeysStayValid(t *testing.T) {
	t.Parallel()
	s := newServer(Config{
		Addresses: madeUpKey("new"), PreviousAddresses: []Addresses{madeUpKey("older"), madeUpKey("old")},
	}, cheapHash)
	for _, key := range []madeUpKey{"new", "old", "older"} {
		address, _ := key.Address(7)
		require.NoError(t, s.checkAddress(models.Payment{ID: "p", DepositAddress: address, AddressIndex: 7}), key)
		require.Error(t, s.checkAddress(models.Payment{ID: "p", DepositAddress: address, AddressIndex: 8}), key)
	}
	require.Error(t, s.checkAddress(models.Payment{ID: "p", DepositAddress: "0xforeign7", AddressIndex: 7}))
}
