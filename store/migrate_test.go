package store

import (
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"paycow/internal/pgtest"
	"paycow/models"
)

// An installation of the first schema, with rows, comes to the newest one and loses nothing.
func TestMigrationFromTheFirstSchema(t *testing.T) {
	check := func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url)
		provider, err := s.migrationProvider()
		require.NoError(t, err)
		_, err = provider.UpTo(ctx, 20261123120000)
		require.NoError(t, err)
		require.ErrorIs(t, s.CheckSchema(ctx), models.ErrSchemaBehind)
		at := epoch
		for _, row := range []struct {
			statement string
			values    []any
		}{
			{"INSERT INTO operators (id, email, name, status, password_hash, created_at, updated_at) VALUES ('op', 'a@example.org', 'Shop', 'ACTIVE', 'x', ?, ?)", []any{at, at}},
			{"INSERT INTO credentials (api_key, operator_id, secret_hash, secret_sealed, created_at) VALUES ('pk_1', 'op', ?, ?, ?)", []any{[]byte{1}, sealedBy(t, 7, "pk_1"), at}},
			{"INSERT INTO admins (id, email, password_hash, created_at, updated_at) VALUES ('ad', 'b@example.org', 'x', ?, ?)", []any{at, at}},
			{`INSERT INTO payments (id, operator_id, user_id, reference, network, currency, amount_requested, deposit_address, address_index, created_at, expires_at,
				status, exception, amount_received, amount_credited, tx_hash, last_block, decision, reason, version, updated_at)
				VALUES ('pay', 'op', 'u', 'ref', 'ERC20', 'USDT', 50000000, '0xA', 0, ?, ?, 'PENDING', '', 0, 0, '', 0, '', '', 1, ?)`, []any{at, at.Add(time.Hour), at}},
			{"INSERT INTO deposit_addresses (address, payment_id, address_index, created_at) VALUES ('0xA', 'pay', 0, ?)", []any{at}},
			{"INSERT INTO chain_cursors (network, block_number, block_hash, block_time, head_number, updated_at) VALUES ('ERC20', 100, '0xb', ?, 101, ?)", []any{at, at}},
		} {
			require.NoError(t, s.writer.Exec(row.statement, row.values...).Error, row.statement)
		}
		require.NoError(t, s.Migrate(ctx))
		require.NoError(t, s.CheckSchema(ctx))
		p, err := s.Payment(ctx, "pay")
		require.NoError(t, err)
		require.EqualValues(t, models.DefaultConfirmations, p.Confirmations)
		require.Equal(t, at, p.CreatedAt)
		cursor, err := s.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, cursor.Block(), cursor.Agreed())
		require.EqualValues(t, 100, cursor.RecheckedNumber)
		require.NoError(t, s.UseMasterKey(ctx, testKeys, nil))
		require.NoError(t, s.CheckTerms(mustRead(t, s, "pay")))
		_, operator, err := s.Credential(ctx, "pk_1")
		require.NoError(t, err)
		require.False(t, operator.HasTOTP())
		_, err = s.AdminByEmail(ctx, "b@example.org")
		require.NoError(t, err)
		next := block(101, "main")
		paid := models.TokenTransfer{TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(1)}, From: "0xP", To: "0xA", Amount: 5, Block: next}
		require.NoError(t, s.Advance(ctx, models.NetworkERC20, batch(cursor.Block(), next, 101, []models.TokenTransfer{paid})), "work goes on")
		transfers, err := s.Transfers(ctx, "pay")
		require.NoError(t, err)
		require.Len(t, transfers, 1)
	}
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); check(t, sqliteURL(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); check(t, pgtest.Start(t).NewDatabase(t)) })
}

// If what SQLite keeps of a table is not what the migration looks for, the migration fails and changes nothing.
func TestAConstraintThatCannotBeEditedStopsTheMigration(t *testing.T) {
	ctx := t.Context()
	s := open(t, sqliteURL(t))
	provider, err := s.migrationProvider()
	require.NoError(t, err)
	_, err = provider.UpTo(ctx, 20261127100000-1)
	require.NoError(t, err)
	before, err := provider.GetDBVersion(ctx)
	require.NoError(t, err)
	require.NoError(t, s.writer.Connection(func(tx *gorm.DB) error {
		for _, statement := range []string{
			"PRAGMA writable_schema = ON",
			"UPDATE sqlite_schema SET sql = replace(sql, '''AFTER_REJECT'')', '''AFTER_REJECT'' )') WHERE name = 'payments'",
			"PRAGMA writable_schema = RESET",
		} {
			if err := tx.Exec(statement).Error; err != nil {
				return err
			}
		}
		return nil
	}))
	require.ErrorContains(t, s.Migrate(ctx), "is_there")
	after, err := provider.GetDBVersion(ctx)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestSchemaCheck(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, url string) {
		t.Helper()
		first := open(t, url)
		err := first.CheckSchema(t.Context())
		require.ErrorIs(t, err, models.ErrSchemaBehind)
		require.Contains(t, err.Error(), "paycow migrate")

		var wg sync.WaitGroup // several processes start at once
		for range 4 {
			s := open(t, url)
			wg.Go(func() {
				if err := s.Migrate(withTimeout(t)); err != nil {
					t.Errorf("migrating beside others: %v", err)
				}
			})
		}
		wg.Wait()
		require.NoError(t, first.CheckSchema(t.Context()))
		require.NoError(t, first.Migrate(t.Context()), "again")
	}
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); check(t, sqliteURL(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); check(t, pgtest.Start(t).NewDatabase(t)) })
}

func mustRead(t *testing.T, s *Store, paymentID string) models.Payment {
	t.Helper()
	p, err := s.Payment(t.Context(), paymentID)
	require.NoError(t, err)
	return p
}

// TestModelsMatchColumns holds the GORM models and the migrated tables against each other.
func TestModelsMatchColumns(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		for _, model := range []any{
			models.Operator{},
			models.Credential{},
			models.Admin{},
			models.Payment{},
			paymentStart{},
			models.PaymentEvent{},
			models.DepositAddress{},
			models.MetadataEntry{},
			models.Logo{},
			models.IdempotencyKey{},
			models.ChainCursor{},
			models.ChainBlock{},
			models.Transfer{},
			models.LedgerTransaction{},
			models.LedgerEntry{},
			models.Session{},
			models.Member{},
			models.PasswordLink{},
			models.LoginAttempt{},
			models.PaymentDecision{},
			keyState{},
			models.ExpiryWaiting{},
			models.Event{},
			models.EventCounter{},
			models.WebhookEndpoint{},
			models.WebhookDelivery{},
			models.WebhookAttempt{},
			models.TestPayment{},
			models.HealthSample{},
			models.Notice{},
			models.Mail{},
			models.PaymentLink{},
		} {
			parsed, err := schema.Parse(model, &sync.Map{}, f.writer.NamingStrategy)
			require.NoError(t, err)
			columns, err := f.writer.Migrator().ColumnTypes(parsed.Table)
			require.NoError(t, err)
			require.NotEmpty(t, columns, parsed.Table)

			var inTable, inModel, keysInTable, keysInModel []string
			for _, column := range columns {
				inTable = append(inTable, column.Name())
				field := parsed.LookUpField(column.Name())
				require.NotNil(t, field, "%s.%s is in no model", parsed.Table, column.Name())
				nullable, _ := column.Nullable()
				require.Equal(t, field.FieldType.Kind() == reflect.Pointer, nullable, "%s.%s null or not", parsed.Table, column.Name())
				require.Contains(t, kindsOf(column.DatabaseTypeName()), kindOf(field), "%s.%s %s", parsed.Table, column.Name(), column.DatabaseTypeName())
				if key, _ := column.PrimaryKey(); key {
					keysInTable = append(keysInTable, column.Name())
				}
			}
			for _, field := range parsed.Fields {
				if field.DBName != "" {
					inModel = append(inModel, field.DBName)
				}
			}
			for _, field := range parsed.PrimaryFields {
				keysInModel = append(keysInModel, field.DBName)
			}
			require.ElementsMatch(t, inModel, inTable, parsed.Table)
			require.ElementsMatch(t, keysInModel, keysInTable, parsed.Table)
		}
	})
}

func kindOf(field *schema.Field) string {
	fieldType := field.IndirectFieldType
	switch {
	case fieldType == reflect.TypeFor[time.Time]():
		return "time"
	case fieldType == reflect.TypeFor[[]byte]():
		return "bytes"
	case fieldType.Kind() == reflect.String, fieldType == reflect.TypeFor[models.Metadata](),
		fieldType == reflect.TypeFor[models.ConfirmationSteps]():
		return "text"
	case fieldType.Kind() == reflect.Bool:
		return "bool"
	default:
		return "integer"
	}
}

func kindsOf(columnType string) string {
	return map[string]string{
		"text": "text", "bigint": "integer", "int8": "integer", "integer": "integer", "boolean": "bool", "bool": "bool",
		"timestamptz": "time", "datetime": "time", "bytea": "bytes", "blob": "bytes",
	}[strings.ToLower(columnType)]
}

// TestBothEnginesHaveTheSameIndexes finds an index that a migration of one engine forgot, such as when SQLite's tables are made
// again.
func TestBothEnginesHaveTheSameIndexes(t *testing.T) {
	t.Parallel()
	indexes := func(url, query string) (names []string) {
		s := open(t, url)
		require.NoError(t, s.Migrate(t.Context()))
		require.NoError(t, s.read(t.Context()).Raw(query).Scan(&names).Error)
		return names
	}
	require.ElementsMatch(t,
		indexes(pgtest.Start(t).NewDatabase(t), `SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
			LEFT JOIN pg_constraint c ON c.conindid = x.indexrelid AND c.contype IN ('p', 'u')
			WHERE i.relnamespace = 'public'::regnamespace AND c.oid IS NULL`),
		indexes(sqliteURL(t), "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))
}

// TestTheContractJoinsTheKeysAndNothingIsLost: the tables that get the contract into their keys hold rows. SQLite makes them again,
// with their indexes, triggers and constraints.
func TestTheContractJoinsTheKeysAndNothingIsLost(t *testing.T) {
	t.Parallel()
	tables := []string{"transfers", "sweeps", "quarantined_transfers", "token_events", "deposit_addresses"}
	check := func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url)
		provider, err := s.migrationProvider()
		require.NoError(t, err)
		_, err = provider.UpTo(ctx, 20261125120000)
		require.NoError(t, err)
		for _, row := range []string{
			"INSERT INTO operators (id, email, name, status, password_hash, created_at, updated_at) VALUES ('op', 'a@example.org', 'Shop', 'ACTIVE', 'x', @at, @at)",
			`INSERT INTO payments (id, operator_id, user_id, reference, network, currency, amount_requested, deposit_address, address_index, created_at, expires_at,
				status, exception, amount_received, amount_credited, tx_hash, last_block, decision, reason, version, updated_at)
				VALUES ('pay', 'op', 'u', 'ref', 'ERC20', 'USDT', 50000000, '0xA', 7, @at, @at, 'PENDING', '', 0, 0, '', 0, '', '', 1, @at)`,
			"INSERT INTO deposit_addresses (address, payment_id, address_index, created_at) VALUES ('0xA', 'pay', 7, @at)",
			`INSERT INTO transfers (chain_id, tx_hash, ordinal, payment_id, from_address, amount, log_index, block_number, block_hash, block_time, canonical, revision,
				signal_due_at, signalled_confirmations, credited_amount, created_at, updated_at)
				VALUES (1, '0x1', 2, 'pay', '0xP', 5, 3, 4, '0xb', @at, true, 6, 9, 8, 5, @at, @at), (1, '0x1', 3, 'pay', '0xP', 5, 3, 4, '0xb', @at, false, 6, NULL, 8, 0, @at, @at)`,
			"INSERT INTO sweeps (chain_id, tx_hash, ordinal, from_address, to_address, amount, log_index, block_number, block_hash, block_time, canonical) VALUES (1, '0x2', 0, '0xA', '0xC', 5, 1, 2, '0xb', @at, true)",
			"INSERT INTO quarantined_transfers (chain_id, tx_hash, ordinal, payment_id, from_address, value, log_index, block_number, block_hash, block_time, canonical) VALUES (1, '0x3', 0, 'pay', '0xP', '99', 1, 2, '0xb', @at, true)",
			"INSERT INTO token_events (chain_id, tx_hash, ordinal, kind, address, value, block_number, block_hash, block_time, log_index, canonical) VALUES (1, '0x4', 0, 'PAUSE', '', '', 2, '0xb', @at, 1, true)",
		} {
			require.NoError(t, s.writer.Exec(row, map[string]any{"at": epoch}).Error, row)
		}
		rows := func(table string) (all []map[string]any) {
			// On a connection of its own: one that has planned the query before the migration refuses it after.
			require.NoError(t, open(t, url).writer.Table(table).Order("1, 2, 3").Find(&all).Error)
			return all
		}
		before := map[string][]map[string]any{}
		for _, table := range tables {
			before[table] = rows(table)
			require.NotEmpty(t, before[table])
		}
		require.NoError(t, s.Migrate(ctx))
		for _, table := range tables {
			after := rows(table)
			require.Len(t, after, len(before[table]), table)
			for i, row := range before[table] {
				for column, value := range row {
					require.Equal(t, value, after[i][column], "%s.%s", table, column)
				}
			}
		}
		require.ErrorContains(t, s.writer.Exec("UPDATE deposit_addresses SET address = '0xB'").Error, "append-only")
		require.ErrorContains(t, s.writer.Exec("DELETE FROM deposit_addresses").Error, "append-only")
		require.Error(t, s.writer.Exec("INSERT INTO deposit_addresses (address, payment_id, address_index, created_at) VALUES ('0xB', 'other', 7, ?)", epoch).Error, "no such payment, and the index is taken")
		require.Error(t, s.writer.Exec("UPDATE transfers SET credited_amount = -1").Error)
		require.Error(t, s.writer.Exec("UPDATE transfers SET payment_id = 'nobody'").Error)
		transfer := models.Transfer{TransferKey: models.TransferKey{ChainID: 1, TxHash: "0x1", Ordinal: 2}, PaymentID: "pay"}
		require.NoError(t, rowOf(s.writer, transfer.TransferKey, "pay").Take(&transfer).Error)
		require.EqualValues(t, 6, transfer.Revision)
	}
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); check(t, sqliteURL(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); check(t, pgtest.Start(t).NewDatabase(t)) })
}
