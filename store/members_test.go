package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// invite makes a member of an operator who has not followed the link yet.
func (f *fixture) invite(t testing.TB, operatorID, email string, role models.MemberRole) error {
	t.Helper()
	return f.CreateMember(t.Context(), models.Member{ID: models.NewID(), OperatorID: operatorID, Email: email, Role: role},
		did("member_invited"))
}

// member makes a member who can log in.
func (f *fixture) member(t testing.TB, operatorID, email string, role models.MemberRole) models.Account {
	t.Helper()
	require.NoError(t, f.invite(t, operatorID, email, role))
	account := f.account(t, email)
	link := models.PasswordLink{
		TokenHash: []byte(email), Role: account.Role, AccountID: account.ID, ExpiresAt: f.now().Add(models.PasswordLinkLifetime),
	}
	require.NoError(t, f.PutPasswordLink(t.Context(), link, did("link")))
	linked, err := f.PasswordLink(t.Context(), link.TokenHash)
	require.NoError(t, err)
	require.Equal(t, account.ID, linked.ID)
	require.NoError(t, f.UsePasswordLink(t.Context(), link.TokenHash, account, "first password", did("password")))
	return f.account(t, email)
}

// Whoever changes one row of the database gives a member no other role and no other operator, and plants none.
func TestAnAlteredMemberIsNone(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		mine, victim := f.person(t, "mine@example.org"), f.person(t, "victim@example.org")
		account := f.member(t, mine.ID, "books@example.org", models.MemberAccountant)
		require.Equal(t, models.RoleMember, account.Role)
		require.Equal(t, mine.ID, account.OperatorID)
		require.Equal(t, models.MemberAccountant, account.MemberRole)
		other := f.member(t, mine.ID, "code@example.org", models.MemberDeveloper)
		for _, forged := range []string{
			"UPDATE members SET role = 'developer' WHERE id = ?",
			"UPDATE members SET operator_id = '" + victim.ID + "' WHERE id = ?",
			"UPDATE members SET email = 'thief@example.org' WHERE id = ?",
			"UPDATE members SET role = 'developer', mac = (SELECT mac FROM members WHERE id = '" + other.ID + "') WHERE id = ?",
		} {
			require.NoError(t, f.writer.Exec(forged, account.ID).Error)
			_, err := f.AccountByID(ctx, models.RoleMember, account.ID)
			require.ErrorIs(t, err, models.ErrNotFound, forged)
			members, err := f.Members(ctx, mine.ID)
			require.NoError(t, err)
			for _, m := range members {
				require.Equal(t, m.ID == account.ID, m.Altered, forged)
			}
			require.NoError(t, f.writer.Exec("UPDATE members SET role = ?, operator_id = ?, email = ?, mac = ? WHERE id = ?",
				account.MemberRole, mine.ID, account.Email, account.MAC, account.ID).Error)
			_, err = f.AccountByID(ctx, models.RoleMember, account.ID)
			require.NoError(t, err)
		}
		require.Error(t, f.writer.Exec("UPDATE members SET role = 'owner' WHERE id = ?", account.ID).Error)
		planted := models.Member{
			ID: models.NewID(), OperatorID: victim.ID, Email: "ghost@example.org", Role: models.MemberDeveloper,
			PasswordHash: "known", MAC: []byte{}, CreatedAt: f.now(), UpdatedAt: f.now(),
		}
		require.NoError(t, f.writer.Create(&planted).Error)
		_, err := f.AccountByEmail(ctx, models.RoleOperator, planted.Email)
		require.ErrorIs(t, err, models.ErrNotFound)
		require.NoError(t, f.RemoveMember(ctx, victim.ID, planted.ID, did("member_removed")), "its owner can remove it")
	})
}

// A link sets the password of the account that it was made for, until its own end, whatever its row is made to say.
func TestAnAlteredLinkIsNone(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner := f.person(t, "mine@example.org")
		account := f.member(t, owner.ID, "books@example.org", models.MemberAccountant)
		for i, forged := range []string{
			"UPDATE password_links SET role = 'operator', account_id = '" + owner.ID + "' WHERE token_hash = ?",
			"UPDATE password_links SET role = 'admin' WHERE token_hash = ?",
			"UPDATE password_links SET expires_at = '2199-01-01 00:00:00+00:00' WHERE token_hash = ?",
		} {
			hash := []byte(fmt.Sprint("link ", i))
			link := models.PasswordLink{
				TokenHash: hash, Role: account.Role, AccountID: account.ID, ExpiresAt: f.now().Add(time.Hour),
			}
			require.NoError(t, f.PutPasswordLink(ctx, link, did("link")))
			_, err := f.PasswordLink(ctx, hash)
			require.NoError(t, err)
			require.NoError(t, f.writer.Exec(forged, hash).Error)
			_, err = f.PasswordLink(ctx, hash)
			require.ErrorIs(t, err, models.ErrNotFound, forged)
		}
		// Nor does the link of the owner take the token of somebody else.
		mine := []byte("mine")
		require.NoError(t, f.PutPasswordLink(ctx, models.PasswordLink{
			TokenHash: []byte("the owner's"), Role: owner.Role, AccountID: owner.ID, ExpiresAt: f.now().Add(time.Hour),
		}, did("link")))
		require.NoError(t, f.writer.Model(&models.PasswordLink{}).Where("account_id = ?", owner.ID).
			UpdateColumn("token_hash", mine).Error)
		_, err := f.PasswordLink(ctx, mine)
		require.ErrorIs(t, err, models.ErrNotFound)
	})
}

// One e-mail address belongs to one login. An application that nobody has verified keeps nobody out.
func TestOneAddressHasOneLogin(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner, second := f.person(t, "mine@example.org"), f.person(t, "second@example.org")
		f.member(t, owner.ID, "books@example.org", models.MemberAccountant)
		for _, taken := range []string{"mine@example.org", "second@example.org", "books@example.org"} {
			require.ErrorIs(t, f.invite(t, second.ID, taken, models.MemberDeveloper), models.ErrAlreadyExists, taken)
		}
		register := func(email string) bool {
			isNew, err := f.RegisterOperator(ctx, models.Operator{ID: models.NewID(), Email: email, Name: "Shop"}, "192.0.2.1")
			require.NoError(t, err)
			return isNew
		}
		require.False(t, register("books@example.org"))
		require.Contains(t, f.audited(t, "operator_registered_again")[0].Subject, owner.ID)
		require.ErrorIs(t, f.CreateOperator(ctx, models.Operator{ID: "x", Email: "books@example.org", Status: models.OperatorActive}, nil),
			models.ErrAlreadyExists)

		// An invitation that nobody accepted keeps no shop out, and ends when the shop is approved.
		require.NoError(t, f.invite(t, owner.ID, "rival@example.org", models.MemberDeveloper))
		require.True(t, register("rival@example.org"))
		rival, err := f.OperatorByEmail(ctx, "rival@example.org")
		require.NoError(t, err)
		_, err = f.ChangeOperator(ctx, rival.ID, []models.OperatorStatus{models.OperatorPending}, models.OperatorActive, "", nil, nil,
			did("operator_approved"))
		require.NoError(t, err)
		require.Equal(t, models.RoleOperator, f.account(t, "rival@example.org").Role)
		require.ErrorIs(t, f.invite(t, owner.ID, "rival@example.org", models.MemberDeveloper), models.ErrAlreadyExists,
			"nor after the approval, before anybody has used the link")

		// No member looks like an admin.
		admin := models.Admin{ID: models.NewID(), Email: "admin@example.org"}
		require.NoError(t, f.CreateAdmin(ctx, admin))
		require.ErrorIs(t, f.invite(t, owner.ID, admin.Email, models.MemberDeveloper), models.ErrAlreadyExists)
		require.ErrorIs(t, f.CreateAdmin(ctx, models.Admin{ID: models.NewID(), Email: "books@example.org"}), models.ErrAlreadyExists)
		for _, email := range []string{"next-admin@example.org", "next-shop@example.org"} {
			require.NoError(t, f.invite(t, owner.ID, email, models.MemberDeveloper))
		}
		require.NoError(t, f.CreateAdmin(ctx, models.Admin{ID: models.NewID(), Email: "next-admin@example.org"}))
		require.NoError(t, f.CreateOperator(ctx, models.Operator{
			ID: models.NewID(), Email: "next-shop@example.org", Status: models.OperatorActive,
		}, nil))
		require.Equal(t, models.RoleOperator, f.account(t, "next-shop@example.org").Role)

		require.True(t, register("new@example.org"), "a stranger applies in the name of somebody else")
		applicant, err := f.OperatorByEmail(ctx, "new@example.org")
		require.NoError(t, err)
		f.member(t, owner.ID, "new@example.org", models.MemberDeveloper)
		require.Equal(t, models.RoleMember, f.account(t, "new@example.org").Role)
		_, err = f.ChangeOperator(ctx, applicant.ID, []models.OperatorStatus{models.OperatorPending}, models.OperatorActive, "", nil,
			nil, did("operator_approved"))
		require.ErrorIs(t, err, models.ErrAlreadyExists)
		_, err = f.ChangeOperator(ctx, applicant.ID, []models.OperatorStatus{models.OperatorPending}, models.OperatorRejected, "no", nil,
			nil, did("operator_rejected"))
		require.NoError(t, err)
	})
}

// A changed role, a removal and a suspension end a member's sessions at once. Another operator's owner can do neither.
func TestAMembersSessionsEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner, stranger := f.person(t, "mine@example.org"), f.person(t, "stranger@example.org")
		account := f.member(t, owner.ID, "books@example.org", models.MemberAccountant)
		require.NoError(t, f.logIn(ctx, account, "one"))
		require.NoError(t, f.logIn(ctx, owner, "owner"))
		_, err := f.Member(ctx, stranger.ID, account.ID)
		require.ErrorIs(t, err, models.ErrNotFound)
		require.ErrorIs(t, f.RemoveMember(ctx, stranger.ID, account.ID, did("member_removed")), models.ErrNotFound)
		require.NoError(t, f.SetMemberRole(ctx, account, models.MemberDeveloper, did("member_role_changed")))
		requireEnded(t, f, "one")
		require.ErrorIs(t, f.SetMemberRole(ctx, account, models.MemberAccountant, did("member_role_changed")), models.ErrNotFound,
			"by an owner who saw the role before")

		account = f.account(t, "books@example.org")
		require.Equal(t, models.MemberDeveloper, account.MemberRole)
		require.NoError(t, f.logIn(ctx, account, "two"))
		_, err = f.ChangeOperator(ctx, owner.ID, []models.OperatorStatus{models.OperatorPending}, models.OperatorSuspended, "x", nil, nil,
			did("operator_suspended"))
		require.NoError(t, err)
		requireEnded(t, f, "two")

		require.NoError(t, f.logIn(ctx, account, "three"))
		link := models.PasswordLink{TokenHash: []byte("l"), Role: account.Role, AccountID: account.ID, ExpiresAt: f.now().Add(time.Hour)}
		require.NoError(t, f.PutPasswordLink(ctx, link, did("link")))
		require.NoError(t, f.RemoveMember(ctx, owner.ID, account.ID, did("member_removed")))
		requireEnded(t, f, "three")
		require.Equal(t, "Removed books@example.org (developer) from the team.", f.audited(t, "member_removed")[0].Detail)
		require.ErrorIs(t, f.logIn(ctx, account, "four"), models.ErrNotFound, "a login that overlaps the removal")
		_, err = f.PasswordLink(ctx, link.TokenHash)
		require.ErrorIs(t, err, models.ErrNotFound)
		require.ErrorIs(t, f.PutPasswordLink(ctx, link, did("link")), models.ErrNotFound)
	})
}

func requireEnded(t *testing.T, f *fixture, token string) {
	t.Helper()
	_, err := f.Session(t.Context(), []byte(token))
	require.ErrorIs(t, err, models.ErrNotFound, token)
}

// A team has at most so many members, also when they are invited at the same time. An invitation that nobody accepts
// ends with its link.
func TestATeamHasABound(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx, at := withTimeout(t), epoch
		f.now = func() time.Time { return at }
		owner := f.person(t, "mine@example.org")
		f.member(t, owner.ID, "books@example.org", models.MemberAccountant)
		var made atomic.Int64
		var group sync.WaitGroup
		for i := range models.MaxMembers + 2 {
			group.Go(func() {
				if f.invite(t, owner.ID, fmt.Sprintf("m%d@example.org", i), models.MemberDeveloper) == nil {
					made.Add(1)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, models.MaxMembers-1, made.Load())
		require.ErrorIs(t, f.invite(t, owner.ID, "more@example.org", models.MemberDeveloper), models.ErrNotPossible)

		members, err := f.Members(ctx, owner.ID)
		require.NoError(t, err)
		require.Len(t, members, models.MaxMembers)
		again := members[len(members)-1]
		at = at.Add(models.PasswordLinkLifetime - time.Minute)
		require.NoError(t, f.PutPasswordLink(ctx, models.PasswordLink{
			TokenHash: []byte("again"), Role: models.RoleMember, AccountID: again.ID, ExpiresAt: at.Add(models.PasswordLinkLifetime),
		}, did("link")))
		at = at.Add(2 * time.Minute)
		require.NoError(t, f.DropOld(ctx, Ages{}, func(string) {}))
		members, err = f.Members(ctx, owner.ID)
		require.NoError(t, err)
		require.Len(t, members, 2, "who has accepted, and who got a new link")
	})
}

// A member's proof and second factor move to another master key.
func TestRekeyOfMembers(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		f.now = func() time.Time { return epoch }
		require.NoError(t, f.UseMasterKey(ctx, ringOf(1), nil))
		owner := f.person(t, "mine@example.org")
		account := f.member(t, owner.ID, "books@example.org", models.MemberAccountant)
		totp := models.TOTPOwner(models.RoleMember, account.ID)
		require.NoError(t, f.OfferTOTP(ctx, account, sealedBy(t, 1, totp)))
		require.NoError(t, f.UseMasterKey(ctx, ringOf(2, 1), nil))
		_, left, err := f.Rekey(ctx)
		require.NoError(t, err)
		require.Zero(t, left)
		require.NoError(t, f.UseMasterKey(ctx, ringOf(2), nil))
		account = f.account(t, "books@example.org")
		require.Equal(t, models.RoleMember, account.Role)
		require.True(t, ringOf(2).Opens(totp, account.TOTPPending))
	})
}
