package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// The name of a shop that an operator changes shows on its checkout pages at once; what another process changes, within
// shopLifetime.
func TestTheNameOfAShopShowsSoon(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v, admin := f.registered(newEmail), f.admin("admin@example.org")
	id := v.me().ID
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+id+"/approve", fieldsOf{"reason": "ok"})
	page := "/payment/" + v.order().ID
	shows := func() string { return f.call(f.account, http.MethodGet, page, "").body }
	f.call(f.account, http.MethodGet, page, "")
	v.must(http.StatusOK, http.MethodPut, "/api/operator/settings", fieldsOf{
		"name": "Second Name", "website": "https://shop.example", "returnOrigins": []string{},
	})
	require.Contains(t, shows(), "Second Name")

	ctx := t.Context()
	require.NoError(t, f.store.SetOperatorSettings(ctx, id, "Third Name", "", "", models.AuditEntry{Actor: "cli", Action: "test"}))
	known, ok := f.server.shops.Get(id)
	require.True(t, ok)
	require.Contains(t, shows(), known.name)
	require.LessOrEqual(t, time.Until(known.until), shopLifetime)
	known.until = time.Now()
	f.server.shops.Add(id, known)
	require.Contains(t, shows(), "Third Name")
}
