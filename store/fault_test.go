package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"paycow/models"
)

func TestWhatErrorsMean(t *testing.T) {
	t.Parallel()
	postgres := func(code string) error { return &pgconn.PgError{Code: code, Severity: "ERROR"} }
	for _, c := range []struct {
		err  error
		want fault
	}{
		{postgres("40001"), faultConflict},
		{postgres("40P01"), faultConflict},
		{postgres("25006"), faultConnection},
		{&pgconn.PgError{Code: "0A000", Message: "cached plan must not change result type"}, faultConnection},
		{postgres("26000"), faultConnection},
		{postgres("42P05"), faultConnection},
		{postgres("53100"), faultFull},
		{postgres("08006"), faultOutage},
		{postgres("28P01"), faultOutage},
		{postgres("53300"), faultOutage},
		{postgres("55P03"), faultOutage},
		{postgres("57P01"), faultOutage},
		{postgres("57P02"), faultOutage},
		{postgres("57P03"), faultOutage},
		{postgres("57P04"), faultOutage},
		{postgres("57P05"), faultOutage},
		{postgres("57014"), faultOutage},
		{postgres("58030"), faultOutage},
		{&pgconn.PgError{Code: "25P03", Severity: "FATAL"}, faultOutage},
		{&pgconn.PgError{Code: "3D000", Severity: "FATAL"}, faultOutage},
		{&pgconn.PgError{Code: "XX000", Severity: "SCHWERWIEGEND", SeverityUnlocalized: "FATAL"}, faultOutage},
		{postgres("23505"), faultBug},
		{postgres("42P01"), faultBug},
		{postgres("0A000"), faultBug},
		{postgres("25P02"), faultBug},
		{postgres("XX001"), faultBug},
		{fmt.Errorf("%w: %w", context.DeadlineExceeded, postgres("23505")), faultOutage},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, faultOutage},
		{io.ErrUnexpectedEOF, faultOutage},
		{driver.ErrBadConn, faultOutage},
		{context.Canceled, faultBug},
		{gorm.ErrRecordNotFound, faultBug},
		{models.ErrNotFound, faultBug},
		{errors.New("boom"), faultBug},
	} {
		require.Equal(t, c.want, faultOf(fmt.Errorf("wrapped: %w", c.err)), "%v", c.err)
		require.Equal(t, c.want != faultBug, IsOutage(c.err), "%v", c.err)
	}
	require.False(t, IsOutage(nil))
}

// A schema that is migrated under open connections costs a process at most one failed reading, and no failed writing.
func TestStatementsPreparedBeforeAMigration(t *testing.T) {
	t.Parallel()
	f := newPostgresFixture(t)
	p := f.create(t)
	pool, err := f.writer.DB()
	require.NoError(t, err)
	read := func() error {
		_, err := f.OperatorPayment(t.Context(), p.OperatorID, p.ID) // which reads all columns
		return err
	}
	held := make([]*sql.Conn, 4)
	pool.SetMaxOpenConns(len(held))
	hold := func(i int) {
		held[i], err = pool.Conn(t.Context())
		require.NoError(t, err)
	}
	for i := range held {
		hold(i)
	}
	for i := range held { // each connection prepares the statements
		require.NoError(t, held[i].Close())
		require.NoError(t, read())
		f.create(t)
		hold(i)
	}
	for i := range held {
		require.NoError(t, held[i].Close())
	}

	require.NoError(t, f.writer.Exec("ALTER TABLE payments ADD COLUMN new_one text").Error)
	err = read()
	require.ErrorContains(t, err, "cached plan")
	require.True(t, IsOutage(err))
	for i := range held {
		hold(i)
	}
	for i := range held {
		require.NoError(t, held[i].Close())
		require.NoError(t, read())
		f.create(t)
		hold(i)
	}
}

func TestFullSQLite(t *testing.T) {
	t.Parallel()
	f := newFixture(t, migratedSQLite(t))
	var pages int
	require.NoError(t, f.writer.Raw("PRAGMA page_count").Scan(&pages).Error)
	require.NoError(t, f.writer.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Error)
	err := error(nil)
	for range 1000 {
		in := f.newPayment()
		in.UserID = strings.Repeat("x", 255)
		if _, _, err = f.CreatePayment(t.Context(), in, derive); err != nil {
			break
		}
	}
	require.Equal(t, faultFull, faultOf(err), "%v", err)
}
