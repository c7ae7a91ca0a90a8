package store

import (
	"context"
	"reflect"
	"strings"
	"sync"

	"gorm.io/gorm/schema"

	"paycow/models"
)

// createdAfter is the place of the chain's cursor when a payment is created: see models.Payment.CreatedAfter.
type createdAfter struct{ BlockNumber, Rewinds uint64 }

// knownAtCreation selects what the transaction that creates a payment must know: the cursor's place, whether the
// address must not be given to a new payment, and whether the database was restored. Its parameters are knownArguments.
const knownAtCreation = `SELECT COALESCE((SELECT block_number FROM chain_cursors WHERE network = ?), 0) AS block_number,
	COALESCE((SELECT rewinds FROM chain_cursors WHERE network = ?), 0) AS rewinds,
	EXISTS (SELECT 1 FROM deposit_addresses WHERE address = ?)
		OR EXISTS (SELECT 1 FROM own_addresses WHERE address = ?)
		OR EXISTS (SELECT 1 FROM sweeps WHERE to_address = ?)
		OR EXISTS (SELECT 1 FROM sweeps WHERE from_address = ?)
		OR EXISTS (SELECT 1 FROM forgotten_addresses WHERE address = ?)
		OR EXISTS (SELECT 1 FROM address_counters WHERE name = ? AND closed_below > ?) AS is_used,
	EXISTS (SELECT 1 FROM alarms WHERE network = ? AND kind = ? AND resolved_at IS NULL) AS is_restored`

func knownArguments(p models.Payment, accountKey string) []any {
	address := p.DepositAddress
	return []any{
		p.Network, p.Network, address, address, address, address, address, counterOf(accountKey), p.AddressIndex,
		p.Network, models.AlarmDatabaseRestored,
	}
}

// The tables of createStatement, as GORM knows them.
var (
	keySchema     = schemaOf(models.IdempotencyKey{})
	paymentSchema = schemaOf(models.Payment{})
	lineSchema    = schemaOf(models.PaymentEvent{})
	addressSchema = schemaOf(models.DepositAddress{})
)

func schemaOf(row any) *schema.Schema {
	table, err := schema.Parse(row, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		panic(err) // only for a model that cannot be stored
	}
	return table
}

// createStatement creates a payment and everything that belongs to it, for Postgres, if the cursor's place is the given
// one and nothing that knownAtCreation tells stands against it. It returns how many payments it has created.
func createStatement(withKey bool) string {
	var sql strings.Builder
	sql.WriteString(`WITH fit AS (SELECT 1 FROM (` + knownAtCreation + `) AS known
		WHERE NOT is_used AND NOT is_restored AND block_number = ? AND rewinds = ?)`)
	from := "fit"
	if withKey {
		sql.WriteString(`, key AS (` + insertFrom(keySchema, from) + ` ON CONFLICT (operator_id, idempotency_key)
			DO UPDATE SET request_hash = excluded.request_hash, payment_id = excluded.payment_id,
				created_at = excluded.created_at
			WHERE idempotency_keys.created_at < ? RETURNING 1)`)
		from = "key"
	}
	sql.WriteString(`,
		payment AS (` + insertFrom(paymentSchema, from) + ` RETURNING id, operator_id, created_at, metadata),
		line AS (` + insertFrom(lineSchema, "payment") + `),
		address AS (` + insertFrom(addressSchema, "payment") + `),
		entries AS (INSERT INTO payment_metadata (operator_id, name, value, created_at, payment_id)
			SELECT operator_id, entry.key, entry.value, created_at, id
			FROM payment CROSS JOIN jsonb_each_text(metadata::jsonb) AS entry)
		SELECT count(*) FROM payment`)
	return sql.String()
}

var createWithKey, createWithoutKey = createStatement(true), createStatement(false)

// insertFrom inserts a row, whose values are parameters, for each row of what it selects from.
func insertFrom(table *schema.Schema, from string) string {
	return "INSERT INTO " + table.Table + " (" + strings.Join(table.DBNames, ", ") + ") SELECT " +
		strings.TrimSuffix(strings.Repeat("?, ", len(table.DBNames)), ", ") + " FROM " + from
}

// valuesOf returns the values of a row in the order of insertFrom's parameters.
func valuesOf(ctx context.Context, table *schema.Schema, row any) []any {
	value := reflect.ValueOf(row)
	values := make([]any, len(table.DBNames))
	for i, name := range table.DBNames {
		values[i], _ = table.FieldsByDBName[name].ValueOf(ctx, value)
	}
	return values
}

// createAtOnce creates a payment in one statement, which is a transaction of its own and costs one round trip instead
// of four or five. It expects the cursor where the last creation has found it. If it is elsewhere, or if anything
// stands against the payment, nothing is written and created is false: then a transaction of several statements tells.
func (s *Store) createAtOnce(
	ctx context.Context, p models.Payment, accountKey string, in NewPayment,
) (_ models.Payment, created bool, err error) {
	expected := s.createdAfter.Load()
	if s.engine != enginePostgres || p.LinkID != "" || expected == nil {
		return p, false, nil
	}
	p = s.proven(p, *expected)
	statement := createWithoutKey
	arguments := append(knownArguments(p, accountKey), expected.BlockNumber, expected.Rewinds)
	if in.IdempotencyKey != "" {
		statement = createWithKey
		arguments = append(arguments, valuesOf(ctx, keySchema, idempotencyKeyOf(in))...)
		arguments = append(arguments, keysInForceSince(in))
	}
	arguments = append(arguments, valuesOf(ctx, paymentSchema, p)...)
	arguments = append(arguments, valuesOf(ctx, lineSchema, timelineLine(p.ID, p.PaymentState, p.CreatedAt))...)
	arguments = append(arguments, valuesOf(ctx, addressSchema, depositAddressOf(p, accountKey))...)
	var rows int64
	err = s.writer.WithContext(ctx).Raw(statement, arguments...).Row().Scan(&rows)
	if err != nil && isRetryable(err) {
		return p, false, nil
	}
	return p, rows == 1, wrap(err, "create a payment")
}
