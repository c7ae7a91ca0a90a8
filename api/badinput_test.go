package api

import (
	"testing"

	"paycow/api/apitest"
	"paycow/models"
)

func TestBadInput(t *testing.T) {
	t.Parallel()
	f := setup(t)
	apitest.BadInput(t, apitest.Target{
		BaseURL: f.url, Account: f.account, Other: f.other, MaxAmount: f.server.MaxAmount,
		Inactive: []apitest.Inactive{
			{Account: f.operator(models.OperatorPending), Code: "account_pending"},
			{Account: f.operator(models.OperatorSuspended), Code: "account_suspended"},
			{Account: f.operator(models.OperatorRejected), Code: "account_rejected"},
		},
	})
}
