package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// keyed derives the addresses of a made-up account key.
func keyed(key string) func(index uint32) (string, error) {
	return func(index uint32) (string, error) { return fmt.Sprintf("0x%s%038d", key, index), nil }
}

func bindingOf(xpub string, previous ...string) Binding {
	return Binding{
		ChainID: 1, Token: "0xT", XPub: xpub, PreviousXPubs: previous,
		Derives: func(address string, index uint32) (bool, error) {
			for _, key := range append([]string{xpub}, previous...) {
				if derived, _ := keyed(key)(index); derived == address {
					return true, nil
				}
			}
			return false, nil
		},
	}
}

func (f *fixture) requireRefused(t *testing.T, b Binding, part models.BoundTo) {
	t.Helper()
	_, err := f.Bind(t.Context(), b)
	var refused *models.BindingError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, part, refused.Part)
}

// TestADatabaseBelongsToOneChainAndToken: what was bound at the first start cannot be changed by a setting.
func TestADatabaseBelongsToOneChainAndToken(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		worker := Binding{ChainID: 1, Token: "0xT"} // no xpub, and no node answers yet
		bound, err := f.Bind(ctx, worker)
		require.NoError(t, err)
		require.Empty(t, bound.GenesisHash)
		worker.Genesis = "0xgenesis"
		for range 2 {
			bound, err = f.Bind(ctx, worker)
			require.NoError(t, err)
			require.Equal(t, "0xgenesis", bound.GenesisHash)
		}
		_, err = f.Bind(ctx, Binding{ChainID: 1, Token: "0xT"}) // an API, which asks no node
		require.NoError(t, err)
		f.requireRefused(t, Binding{ChainID: 2, Token: "0xT"}, models.BoundToChain)
		f.requireRefused(t, Binding{ChainID: 1, Token: "0xU"}, models.BoundToToken)
		f.requireRefused(t, Binding{ChainID: 1, Token: "0xT", Genesis: "0xother"}, models.BoundToGenesis)
		var refused *models.BindingError
		require.ErrorAs(t, f.BindGenesis(ctx, "0xother"), &refused)
		require.NoError(t, f.BindGenesis(ctx, "0xgenesis"))
	})
}

// TestTwoFirstStartsAtOnce: of two processes with different settings exactly one wins.
func TestTwoFirstStartsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		errs := make([]error, 8)
		together(len(errs), func(i int) {
			_, errs[i] = f.Bind(t.Context(), Binding{ChainID: uint64(i + 1), Token: "0xT"})
		})
		var won int
		for _, err := range errs {
			var refused *models.BindingError
			if err == nil {
				won++
			} else {
				require.ErrorAs(t, err, &refused)
			}
		}
		require.Equal(t, 1, won)
	})
}

// TestAnOldDatabaseIsCheckedWhenItIsBound: it was filled before there was a binding, so what it holds must fit the settings.
func TestAnOldDatabaseIsCheckedWhenItIsBound(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p, _, err := f.CreatePayment(t.Context(), f.newPayment(), keyed("aa"))
		require.NoError(t, err)
		f.mine(t, "main", transferTo(p, 1, 5, models.BlockRef{}))
		f.requireRefused(t, bindingOf("bb"), models.BoundToXPub)
		otherChain := bindingOf("aa")
		otherChain.ChainID = 5
		f.requireRefused(t, otherChain, models.BoundToChain)
		_, err = f.Bind(t.Context(), bindingOf("aa"))
		require.NoError(t, err, "a refusal binds nothing")
	})
}

// TestAKeyForNewAddresses: a mistyped key is refused; a new one beside the old one gets indexes of its own.
func TestAKeyForNewAddresses(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		create := func(key string) models.DepositAddress {
			p, _, err := f.CreatePayment(ctx, f.newPayment(), keyed(key))
			require.NoError(t, err)
			var row models.DepositAddress
			require.NoError(t, f.read(ctx).Where("payment_id = ?", p.ID).Take(&row).Error)
			require.Equal(t, p.DepositAddress, row.Address)
			return row
		}
		_, err := f.Bind(ctx, bindingOf("aa"))
		require.NoError(t, err)
		old := create("aa")
		require.Empty(t, old.XPub)
		f.requireRefused(t, bindingOf("bb"), models.BoundToXPub)
		f.requireRefused(t, bindingOf("bb", "cc"), models.BoundToXPub)
		require.Empty(t, create("aa").XPub, "a refusal changes nothing")

		_, err = f.Bind(ctx, bindingOf("bb", "aa"))
		require.NoError(t, err)
		fresh := create("bb")
		require.Equal(t, "bb", fresh.XPub)
		require.Equal(t, old.Index, fresh.Index, "each key counts for itself")
		f.requireRefused(t, bindingOf("aa"), models.BoundToXPub)
		_, err = f.Bind(ctx, bindingOf("aa", "bb"))
		require.NoError(t, err, "back to the first key")
		back := create("aa")
		require.Empty(t, back.XPub)
		require.Greater(t, back.Index, old.Index)
		require.Len(t, f.audited(t, "xpub_added"), 2)
	})
}
