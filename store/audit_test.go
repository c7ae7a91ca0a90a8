package store

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// A period of the audit log holds every line of it, also where processes with other clocks wrote the lines in another
// order, and where nothing was written around its ends.
func TestAPeriodOfTheAuditLogHoldsEveryLine(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		begin := time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
		minutes := []int{-600, -20, 30, -25, 5, -3, 50, 10, 90, 45, 600, 640, 610, 1200, 2061, 2059, 2341, 2339}
		for _, m := range minutes {
			entry := models.AuditEntry{At: begin.Add(time.Duration(m) * time.Minute), Actor: models.ActorSystem, Action: "period"}
			require.NoError(t, f.writer.Table("audit_log").Create(&entry).Error)
		}
		ends := []int{-2000, -600, -300, -20, 0, 20, 48, 60, 100, 300, 605, 620, 641, 1000, 1201, 2000, 2400, 3000}
		for _, from := range ends {
			for _, to := range ends {
				filter := AuditFilter{
					Action: "period", From: begin.Add(time.Duration(from) * time.Minute), To: begin.Add(time.Duration(to) * time.Minute),
				}
				entries, _, err := f.ListAudit(t.Context(), filter)
				require.NoError(t, err)
				var got, want []int
				for _, e := range entries {
					got = append(got, int(e.At.Sub(begin).Minutes()))
				}
				for _, m := range slices.Backward(minutes) {
					if m >= from && m < to {
						want = append(want, m)
					}
				}
				require.Equal(t, want, got, "from %d to %d", from, to)
			}
		}
	})
}

// What a deleted account did, and what was done to it, is found by its id.
func TestTheAuditLogFindsWhoIsGone(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		gone := models.NewID()
		for _, entry := range []models.AuditEntry{
			{Actor: models.Account{Role: models.RoleOperator, ID: gone}.Actor(), Action: "login"},
			{Actor: models.ActorSystem, Action: "reject operator", Subject: "operator:" + gone},
		} {
			entry.At = epoch
			require.NoError(t, f.writer.Table("audit_log").Create(&entry).Error)
		}
		for action, filter := range map[string]AuditFilter{"login": {Who: gone}, "reject operator": {About: gone}} {
			page, _, err := f.ListAudit(t.Context(), filter)
			require.NoError(t, err)
			require.Equal(t, []string{action}, pluck(page, func(e models.AuditEntry) string { return e.Action }))
		}
	})
}
