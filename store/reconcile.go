package store

import (
	"context"
	"fmt"
	"math/big"
	"strings"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// differenceLimit bounds how many differences of one comparison are reported: a hundred are enough to begin with.
const differenceLimit = 100

// BooksReport is the result of comparing the database with itself.
type BooksReport struct {
	LedgerTransactions int64
	Transfers          int64
	Differences        []models.Difference
}

// comparison finds rows that disagree with each other. Its query is one statement, so it sees everything at the same
// moment.
type comparison struct {
	check   string // one of the Check constants of models
	subject string // what the id of a difference names
	detail  func(d differing) string
	query   *gorm.DB
}

// differing is one difference: two amounts in micro-USDT that should be equal.
type differing struct {
	ID    string
	Left  models.Amount
	Right models.Amount
	Named string // what else the sentence names
}

// CompareBooks compares ledger, transfers and payments with each other. Transfers in blocks up to settledBelow must be
// credited, and credits of transfers that a reorg removed before settledBefore must be reversed.
func (s *Store) CompareBooks(
	ctx context.Context, network string, settledBelow uint64, settledBefore time.Time,
) (BooksReport, error) {
	var report BooksReport
	db := s.read(ctx)
	if err := db.Model(&models.LedgerTransaction{}).Count(&report.LedgerTransactions).Error; err != nil {
		return report, wrap(err, "count the ledger's transactions")
	}
	if err := db.Model(&models.Transfer{}).Count(&report.Transfers).Error; err != nil {
		return report, wrap(err, "count transfers")
	}
	for _, c := range append(s.compareLedger(db, network), compareTransfers(db, network, settledBelow, settledBefore)...) {
		var found []differing
		if err := c.query.Scan(&found).Error; err != nil {
			return report, wrap(err, "compare "+c.check)
		}
		for _, d := range found {
			report.Differences = append(report.Differences, models.Difference{
				Check: c.check, Subject: c.subject + ":" + d.ID, Detail: c.detail(d),
			})
		}
	}
	return report, nil
}

// compareLedger compares the ledger with itself, with payments and with transfers.
func (s *Store) compareLedger(db *gorm.DB, network string) []comparison {
	// The entries of the payment's operator: the only operator account that a booking for its payments may touch.
	const entriesOfOperators = `FROM ledger_transactions h JOIN payments q ON q.id = h.payment_id
		JOIN ledger_entries e ON e.transaction_id = h.id AND e.account = 'operator:' || q.operator_id || ':available'`
	return []comparison{
		{models.CheckLedgerBalances, "ledger", func(d differing) string {
			return fmt.Sprintf("its entries sum to %s instead of zero", d.Left)
		}, db.Raw(`SELECT transaction_id AS id, CAST(SUM(amount) AS bigint) AS "left", 0 AS "right" FROM ledger_entries
			GROUP BY transaction_id HAVING SUM(amount) <> 0 OR COUNT(*) < 2 ORDER BY transaction_id LIMIT ?`, differenceLimit)},
		{models.CheckLedgerTransfers, "payment", func(d differing) string {
			return fmt.Sprintf("the ledger has %s, but its transfers say %s", d.Left, d.Right)
		}, db.Raw(`SELECT p.id AS id, COALESCE(l.total, 0) AS "left", COALESCE(t.total, 0) AS "right" FROM payments p
			LEFT JOIN (SELECT h.payment_id, CAST(SUM(e.amount) AS bigint) AS total `+entriesOfOperators+`
				GROUP BY h.payment_id, q.operator_id) l ON l.payment_id = p.id
			LEFT JOIN (`+creditedByPayment+`) t ON t.payment_id = p.id
			WHERE p.network = ? AND COALESCE(l.total, 0) <> COALESCE(t.total, 0)
			ORDER BY p.id LIMIT ?`, network, differenceLimit)},
		{models.CheckLedgerTransfers, "transfer", func(d differing) string {
			return fmt.Sprintf("the ledger has %s, but its row says %s", d.Left, d.Right)
		}, db.Raw(`SELECT k.id AS id, COALESCE(l.total, 0) AS "left", k.credited AS "right" FROM
			(SELECT `+keyOfTransfer+` AS id, CAST(SUM(t.credited_amount) AS bigint) AS credited
				FROM transfers t GROUP BY t.chain_id, t.tx_hash, t.ordinal, t.token) k
			LEFT JOIN (SELECT `+s.keyOfExternalID("h.external_id")+` AS id, CAST(SUM(e.amount) AS bigint) AS total
				`+entriesOfOperators+` GROUP BY 1) l ON l.id = k.id
			WHERE COALESCE(l.total, 0) <> k.credited ORDER BY k.id LIMIT ?`, differenceLimit)},
		{models.CheckLedgerBalances, "ledger", func(d differing) string {
			return fmt.Sprintf(
				"%s is booked to an account that belongs neither to the payment's operator nor to deposits, "+
					"or its transaction header is missing",
				d.Left,
			)
		}, db.Raw(`SELECT e.transaction_id AS id, CAST(SUM(ABS(e.amount)) AS bigint) AS "left", 0 AS "right"
				FROM ledger_entries e
			LEFT JOIN ledger_transactions h ON h.id = e.transaction_id LEFT JOIN payments q ON q.id = h.payment_id
			WHERE h.id IS NULL OR (e.account <> ? AND e.account <> 'operator:' || q.operator_id || ':available')
			GROUP BY e.transaction_id ORDER BY e.transaction_id LIMIT ?`, models.AccountChainDeposits, differenceLimit)},
	}
}

// compareTransfers compares transfers with payments and with the chain as it was read.
func compareTransfers(db *gorm.DB, network string, settledBelow uint64, settledBefore time.Time) []comparison {
	return []comparison{
		{models.CheckPaymentCredited, "payment", func(d differing) string {
			return fmt.Sprintf("its row says that %s is credited, its transfers say %s", d.Left, d.Right)
		}, db.Raw(`SELECT p.id AS id, p.amount_credited AS "left", COALESCE(t.total, 0) AS "right" FROM payments p
			LEFT JOIN (`+creditedByPayment+`) t ON t.payment_id = p.id
			WHERE p.network = ? AND p.amount_credited <> COALESCE(t.total, 0) ORDER BY p.id LIMIT ?`, network, differenceLimit)},
		{models.CheckCreditedCanonical, "transfer", func(d differing) string {
			return fmt.Sprintf("%s is credited, but the chain holds %s", d.Left, d.Right)
		}, db.Raw(`SELECT `+keyOfTransfer+` AS id, t.credited_amount AS "left",
				CASE WHEN t.canonical THEN t.amount ELSE 0 END AS "right" FROM transfers t
			WHERE t.credited_amount <> 0 AND t.credited_amount <> (CASE WHEN t.canonical THEN t.amount ELSE 0 END)
				AND t.updated_at < ?
			ORDER BY t.tx_hash, t.ordinal LIMIT ?`, settledBefore, differenceLimit)},
		{models.CheckInternalCredited, "transfer", func(d differing) string {
			return fmt.Sprintf("%s is credited, but its sender %s is an address of ours", d.Left, d.Named)
		}, db.Raw(`SELECT `+keyOfTransfer+` AS id, t.credited_amount AS "left", 0 AS "right", t.from_address AS named
				FROM transfers t
			WHERE t.credited_amount <> 0 AND t.canonical AND `+fromOurselves("t.from_address")+`
			ORDER BY t.tx_hash, t.ordinal LIMIT ?`, differenceLimit)},
		{models.CheckTransfersCredited, "transfer", func(d differing) string {
			return fmt.Sprintf("%s was confirmed long ago but is not credited", d.Left)
		}, db.Raw(`SELECT `+keyOfTransfer+` AS id, t.amount AS "left", 0 AS "right" FROM transfers t
			JOIN payments p ON p.id = t.payment_id
			WHERE p.network = ? AND t.canonical AND t.credited_amount = 0 AND t.block_number <= ?
			ORDER BY t.block_number, t.tx_hash, t.ordinal LIMIT ?`, network, settledBelow, differenceLimit)},
	}
}

// creditedByPayment is SQL for the sum of each payment's credited transfers.
const creditedByPayment = "SELECT payment_id, CAST(SUM(credited_amount) AS bigint) AS total " +
	"FROM transfers GROUP BY payment_id"

// keyOfTransfer is SQL for the key of a transfer t, as models.TransferKey writes it.
var keyOfTransfer = keyOf("t")

// keyOf is SQL for the key of a transfer in the table of that name.
func keyOf(table string) string {
	return strings.ReplaceAll("CAST(t.chain_id AS text) || ':' || t.tx_hash || ':' || CAST(t.ordinal AS text) || "+
		"CASE WHEN t.token = '' THEN '' ELSE ':' || t.token END", "t.", table+".")
}

// keyOfExternalID is SQL for the transfer's key in the external id of its booking: the text between the first colon and
// the number of the generation.
func (s *Store) keyOfExternalID(column string) string {
	if s.engine == enginePostgres {
		return "split_part(substr(" + column + ", strpos(" + column + ", ':') + 1), '#', 1)"
	}
	key := "substr(" + column + ", instr(" + column + ", ':') + 1)"
	return "CASE WHEN instr(" + key + ", '#') > 0 THEN substr(" + key + ", 1, instr(" + key + ", '#') - 1) " +
		"ELSE " + key + " END"
}

// AddressBalance is the balance that one of our addresses should have.
type AddressBalance struct {
	Address string   // EIP-55 form
	Units   *big.Int // micro-USDT
}

// ExpectedBalances returns the balances that the token should report for our addresses at a block: transfers in, from
// others and from addresses of ours, minus transfers out, minus what the token's owner destroyed. Addresses without a known transfer are included, because a
// transfer may have been missed. The addresses come in order, from the first one after the given address; limit bounds
// their number.
func (s *Store) ExpectedBalances(
	ctx context.Context, network string, atBlock uint64, after string, limit int,
) ([]AddressBalance, error) {
	var rows []struct {
		Address string
		Units   int64
	}
	err := s.read(ctx).Raw(`SELECT d.address AS address,
			CAST(COALESCE((SELECT SUM(t.amount) FROM transfers t
					WHERE t.payment_id = d.payment_id AND t.canonical AND t.block_number <= ?), 0)
				+ COALESCE((SELECT SUM(i.amount) FROM sweeps i
					WHERE i.to_address = d.address AND i.canonical AND i.block_number <= ?
						AND NOT EXISTS (SELECT 1 FROM transfers t WHERE `+sameKey("t", "i")+`
							AND t.payment_id = d.payment_id AND t.canonical)), 0)
				- COALESCE((SELECT SUM(w.amount) FROM sweeps w
					WHERE w.from_address = d.address AND w.canonical AND w.block_number <= ?), 0) AS bigint) AS units
		FROM deposit_addresses d JOIN payments p ON p.id = d.payment_id AND p.network = ?
		WHERE d.address > ?
		ORDER BY d.address LIMIT ?`, atBlock, atBlock, atBlock, network, after, limit).Scan(&rows).Error
	if err != nil {
		return nil, wrap(err, "add up what our addresses hold")
	}
	var destroyed []models.TokenEvent
	err = s.read(ctx).Where("canonical AND kind = ? AND block_number <= ?", models.TokenFundsDestroyed, atBlock).
		Find(&destroyed).Error
	if err != nil {
		return nil, wrap(err, "read destroyed funds")
	}
	balances := make([]AddressBalance, len(rows))
	for i, row := range rows {
		balances[i] = AddressBalance{Address: row.Address, Units: big.NewInt(row.Units)}
		for _, event := range destroyed {
			if lost, ok := new(big.Int).SetString(event.Value, 10); ok && event.Address == row.Address {
				balances[i].Units.Sub(balances[i].Units, lost)
			}
		}
	}
	return balances, nil
}

// SignalledUncredited returns canonical transfers that were signalled to their payment before the given time and are
// not credited, in the order of the chain.
func (s *Store) SignalledUncredited(
	ctx context.Context, network string, before time.Time, limit int,
) ([]models.Transfer, error) {
	var transfers []models.Transfer
	err := s.read(ctx).Where(`canonical AND credited_amount = 0 AND signalled_confirmations > 0 AND updated_at < ?
		AND EXISTS (SELECT 1 FROM payments p WHERE p.id = transfers.payment_id AND p.network = ?)`, before, network).
		Order(chainOrder).Limit(limit).Find(&transfers).Error
	return transfers, wrap(err, "read the signalled transfers")
}

// PutReconciliation stores a report.
func (s *Store) PutReconciliation(ctx context.Context, report models.Reconciliation) error {
	if report.Differences == nil {
		report.Differences = []models.Difference{}
	}
	report.StartedAt, report.FinishedAt = toMillis(report.StartedAt), toMillis(report.FinishedAt)
	err := s.write(ctx, func(tx *gorm.DB) error {
		row := report // Create sets its ID
		return tx.Create(&row).Error
	})
	return wrap(err, "store a reconciliation's report")
}

// LastReconciliation returns the newest report. Returns models.ErrNotFound.
func (s *Store) LastReconciliation(ctx context.Context, network string) (models.Reconciliation, error) {
	var report models.Reconciliation
	err := s.read(ctx).Where("network = ?", network).Order("id DESC").Take(&report).Error
	return report, wrap(err, "read the last reconciliation")
}
