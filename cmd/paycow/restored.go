package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/urfave/cli/v3"

	"paycow/chain"
	"paycow/engine"
	"paycow/models"
)

const (
	// restoreCheckEvery is how often a process that creates payments asks the engine whether it knows payments that the
	// database lacks. It looks at the newest restoreChecked of them, and at all that were started since the look before
	// and for a while before that: a database that was restored, or failed over to a copy that is behind, lacks those.
	restoreCheckEvery = 10 * time.Second
	restoreChecked    = 200
	restoreLookBack   = time.Minute
	// restoreFirstLookBack is that while for the first look.
	restoreFirstLookBack = 10 * time.Minute
	// restoreAtStart bounds how long the first check holds up the start.
	restoreAtStart = 3 * time.Second
	// skippedIndexes is how many indexes are passed over above the highest that the engine knows: payments may have been
	// created whose workflow had not started.
	skippedIndexes = 1000
	// maxSkipped bounds that number: the balance of each address is asked for.
	maxSkipped = 1_000_000
)

// noticeRestoreAtStart looks for a restore before the first payment is created.
func (a *app) noticeRestoreAtStart(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, restoreAtStart)
	defer cancel()
	if err := a.noticeRestore(ctx, time.Now().Add(-restoreFirstLookBack)); err != nil {
		a.log.WarnContext(ctx, "cannot compare the payments with the engine's yet", "error", err)
	}
}

// watchForRestores looks for a restore until ctx ends. The database may be restored while processes run.
func (a *app) watchForRestores(ctx context.Context) {
	ticker := time.NewTicker(restoreCheckEvery)
	defer ticker.Stop()
	since := time.Now().Add(-restoreFirstLookBack)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		look := time.Now()
		if err := a.noticeRestore(ctx, since); err == nil {
			since = look.Add(-restoreLookBack)
		} else if ctx.Err() == nil {
			a.log.DebugContext(ctx, "cannot compare the payments with the engine's", "error", err)
		}
	}
}

// noticeRestore raises an alarm, while which no payment is created, if the engine knows a payment that the database
// lacks: one of the newest, or one whose workflow was started at that time or later. A process without an account key
// creates none, and does not look.
func (a *app) noticeRestore(ctx context.Context, since time.Time) error {
	if a.settings.XPub == nil {
		return nil
	}
	newest, err := a.engine.NewestPayments(ctx, restoreChecked)
	if err != nil {
		return err
	}
	if err := a.noteForgotten(ctx, newest); err != nil || len(newest) < restoreChecked {
		return err
	}
	return a.engine.EachPayment(ctx, since, func(page []engine.KnownPayment) error { return a.noteForgotten(ctx, page) })
}

// noteForgotten raises the alarm if the database lacks one of these payments.
func (a *app) noteForgotten(ctx context.Context, known []engine.KnownPayment) error {
	forgotten, err := a.forgotten(ctx, known)
	if err != nil || len(forgotten) == 0 {
		return err
	}
	first := forgotten[0]
	return a.store.NoteRestore(ctx, models.NetworkERC20, fmt.Sprintf("The engine knows payment %s with address %s "+
		"(index %d), and this database does not: it was restored to an earlier moment. No payment is created until `%s` has "+
		"been run.", first.PaymentID, first.Address, first.Index, models.RecoverCommand))
}

// forgotten returns the addresses of those payments that the database lacks. Whoever can start workflows can invent
// payments, so only those with an address of ours count.
func (a *app) forgotten(ctx context.Context, known []engine.KnownPayment) ([]models.ForgottenAddress, error) {
	ids := make([]string, len(known))
	byID := make(map[string]engine.KnownPayment, len(known))
	for i, p := range known {
		ids[i], byID[p.ID] = p.ID, p
	}
	unknown, err := a.store.UnknownPayments(ctx, ids)
	if err != nil {
		return nil, err
	}
	var found []models.ForgottenAddress
	for _, id := range unknown {
		address, ok, err := a.ownAddress(ctx, byID[id])
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, address)
			delete(byID, id) // it may have had several runs
		}
	}
	return found, nil
}

// ownAddress returns the address of a payment if one of the account keys has it at the index that its workflow states.
// One that an earlier version started states none; its address is passed over as those of newer payments are.
func (a *app) ownAddress(
	ctx context.Context, p engine.KnownPayment,
) (found models.ForgottenAddress, ok bool, err error) {
	if p.DepositAddress == "" || p.AddressIndex == nil {
		return found, false, nil
	}
	for _, key := range a.settings.accountKeys() {
		address, err := key.Address(*p.AddressIndex)
		// Anybody who can start workflows may state an index that no address has.
		if err != nil || address != p.DepositAddress {
			continue
		}
		name, err := a.store.KeyName(ctx, key.Fingerprint())
		return models.ForgottenAddress{
			Address: address, XPub: name, Index: *p.AddressIndex, PaymentID: p.ID, OperatorID: p.OperatorID,
		}, err == nil, err
	}
	return found, false, nil
}

func recoverCommand() *cli.Command {
	return &cli.Command{
		Name: "recover",
		Usage: "after the database was restored to an earlier moment: pass over every address that may have been handed " +
			"out since, show what those addresses hold, and let payments be created again; safe to repeat",
		Flags: append(settingFlags(), &cli.Uint32Flag{
			Name: "skip", Value: skippedIndexes,
			Usage: "how many indexes to pass over above the highest that the engine knows; more if the engine's state is " +
				"lost, too",
			Validator: func(skip uint32) error {
				if skip > maxSkipped {
					return fmt.Errorf("must be at most %d", maxSkipped)
				}
				return nil
			},
		}),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			s, err := loadSettings(cmd, append([]string{"XPUB"}, needsForChain...)...)
			if err != nil {
				return err
			}
			a, err := openApp(ctx, s, newLogger(cmd.Root().ErrWriter, s))
			if err != nil {
				return err
			}
			defer func() { _ = a.close() }()
			return a.recoverAddresses(ctx, cmd.Root().Writer, cmd.Uint32("skip"), cmd.IsSet("skip"))
		},
	}
}

// recoverAddresses closes all indexes that may have been handed out to payments that the database lacks, notes what
// their addresses hold, ends the runs of workflows that know more than the rows, and resolves the alarm of the restore.
// Indexes above the highest one that the engine knows are passed over if a payment is missing, or if mustSkip is true.
func (a *app) recoverAddresses(ctx context.Context, out io.Writer, skip uint32, mustSkip bool) error {
	var forgotten []models.ForgottenAddress
	var running []string
	seen := map[string]bool{}
	err := a.engine.EachPayment(ctx, time.Time{}, func(page []engine.KnownPayment) error {
		more, err := a.forgotten(ctx, page)
		for _, address := range more {
			if !seen[address.PaymentID] {
				forgotten = append(forgotten, address)
			}
			seen[address.PaymentID] = true
		}
		for _, p := range page {
			if p.IsRunning {
				running = append(running, p.ID)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	next, err := a.closedIndexes(ctx, forgotten, skip, mustSkip)
	if err != nil {
		return err
	}
	spare, err := a.spareAddresses(ctx, forgotten, next)
	if err != nil {
		return err
	}
	if err := a.readUnits(ctx, spare); err != nil {
		return err
	}
	// What a new payment has got since is compared with that payment's transfers.
	listed := make(map[string]bool, len(spare))
	for _, f := range spare {
		listed[f.Address] = true
	}
	for _, f := range forgotten {
		if !listed[f.Address] {
			spare = append(spare, f)
		}
	}
	if len(forgotten) > 0 { // before the alarm is resolved: what was begun is done again by the next call
		if err := a.restartWorkflows(ctx, running); err != nil {
			return err
		}
	}
	said := []string{fmt.Sprintf("%d payments that the engine knows are not in this database.", len(forgotten))}
	for _, key := range a.settings.accountKeys() {
		name, err := a.store.KeyName(ctx, key.Fingerprint())
		if err != nil {
			return err
		}
		said = append(said, fmt.Sprintf("Of account key %s, new addresses begin at index %d or above.", key.Fingerprint(),
			next[name]))
	}
	note := strings.Join(said, " ")
	if err := a.store.PutForgotten(ctx, models.NetworkERC20, spare, next, note); err != nil {
		return err
	}
	return writeForgotten(out, spare, note)
}

// closedIndexes returns, by the name of each account key, the index at which new addresses begin.
func (a *app) closedIndexes(
	ctx context.Context, forgotten []models.ForgottenAddress, skip uint32, mustSkip bool,
) (map[string]uint32, error) {
	next := map[string]uint32{}
	for _, key := range a.settings.accountKeys() {
		name, err := a.store.KeyName(ctx, key.Fingerprint())
		if err != nil {
			return nil, err
		}
		if next[name], err = a.store.NextAddressIndex(ctx, name); err != nil {
			return nil, err
		}
		isMissing := mustSkip
		for _, f := range forgotten {
			if f.XPub == name {
				next[name], isMissing = max(next[name], f.Index+1), true
			}
		}
		if isMissing {
			next[name] += skip
		}
	}
	return next, nil
}

// spareAddresses returns the addresses of all closed indexes that no payment has, with what is known of those that a
// forgotten payment had.
func (a *app) spareAddresses(
	ctx context.Context, forgotten []models.ForgottenAddress, next map[string]uint32,
) ([]models.ForgottenAddress, error) {
	byAddress := make(map[string]models.ForgottenAddress, len(forgotten))
	for _, f := range forgotten {
		byAddress[f.Address] = f
	}
	var spare []models.ForgottenAddress
	for _, key := range a.settings.accountKeys() {
		name, err := a.store.KeyName(ctx, key.Fingerprint())
		if err != nil {
			return nil, err
		}
		for first := a.settings.Reserved; first < next[name]; first += addressPage {
			end := min(first+addressPage, next[name])
			free, err := a.store.UnusedIndexes(ctx, name, first, end)
			if err != nil {
				return nil, err
			}
			for _, index := range free {
				address, err := key.Address(index)
				if err != nil {
					continue // an index that no address has
				}
				f, known := byAddress[address]
				if !known {
					f = models.ForgottenAddress{Address: address, XPub: name, Index: index}
				}
				spare = append(spare, f)
			}
		}
	}
	return a.store.WithForgotten(ctx, spare)
}

// balancesAtOnce is how many balances are asked for at once.
const balancesAtOnce = 500

// readUnits reads what the addresses hold.
func (a *app) readUnits(ctx context.Context, addresses []models.ForgottenAddress) error {
	pool, err := a.dialPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	pool.Probe(ctx)
	head, err := pool.AgreedHead(ctx)
	if err != nil {
		return fmt.Errorf("read the newest block: %w", err)
	}
	for first := 0; first < len(addresses); first += balancesAtOnce {
		page := addresses[first:min(first+balancesAtOnce, len(addresses))]
		if err := readPage(ctx, pool, head, page); err != nil {
			return err
		}
	}
	return nil
}

func readPage(ctx context.Context, pool *chain.Pool, head chain.Header, page []models.ForgottenAddress) error {
	asked := make([]common.Address, len(page))
	for i, f := range page {
		asked[i] = common.HexToAddress(f.Address)
	}
	units, err := pool.Balances(ctx, asked, head.Hash)
	if err != nil {
		return fmt.Errorf("read the balances: %w", err)
	}
	largest := big.NewInt(math.MaxInt64)
	for i := range page {
		if units[i].Cmp(largest) > 0 {
			units[i] = largest // no supply comes near that
		}
		page[i].Units, page[i].BlockNumber = models.Amount(units[i].Int64()), head.Number
	}
	return nil
}

// restartWorkflows ends the running workflows of payments, because they may know more than the rows, and starts those
// of open payments again, which begin with what the rows say.
func (a *app) restartWorkflows(ctx context.Context, running []string) error {
	for _, id := range running {
		if err := a.engine.Terminate(ctx, id, "the database was restored to an earlier moment"); err != nil {
			return err
		}
	}
	for after := ""; ; {
		open, err := a.store.OpenPayments(ctx, models.NetworkERC20, time.Now(), after, addressPage)
		if err != nil {
			return err
		}
		for _, p := range open {
			if err := a.engine.Resume(ctx, p); err != nil {
				return err
			}
		}
		if len(open) < addressPage {
			return nil
		}
		after = open[len(open)-1].ID
	}
}

// writeForgotten prints what was done, and the addresses that hold something although no payment has them.
func writeForgotten(out io.Writer, spare []models.ForgottenAddress, note string) error {
	fmt.Fprintln(out, note)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	funded, total := 0, models.Amount(0)
	for _, f := range spare {
		if f.Units == 0 {
			continue
		}
		if funded == 0 {
			fmt.Fprintln(table, "INDEX\tADDRESS\tUSDT\tPAYMENT\tOPERATOR")
		}
		funded, total = funded+1, total.AddSaturating(f.Units)
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", f.Index, f.Address, f.Units, orDash(f.PaymentID), orDash(f.OperatorID))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the addresses: %w", err)
	}
	_, err := fmt.Fprintf(out, "%d addresses that no payment has hold USDT %s, which is in no ledger.\n", funded, total)
	return err
}
