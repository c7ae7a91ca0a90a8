package simulate

import "testing"

// mutant names what is broken on purpose.
type mutant string

const (
	sound               mutant = ""
	elevenConfirmations mutant = "eleven confirmations"
	noWalkBack          mutant = "no walk-back"
	dedupeByTxHash      mutant = "dedupe by transaction hash"
	cursorFirst         mutant = "cursor before commit"
	emptyBelieved       mutant = "empty list believed"
	unverified          mutant = "credit without verification"
	quorumIgnored       mutant = "quorum ignored"
	expiryByClock       mutant = "expiry by the clock"
	pauseIgnored        mutant = "pause ignored"
	acceptanceLost      mutant = "acceptance lost"
	oneNodeTakesBack    mutant = "one node takes back"
	stepsIgnored        mutant = "confirmation steps ignored"
)

// mutants lists all of them.
func mutants() []mutant {
	return []mutant{
		elevenConfirmations, noWalkBack, dedupeByTxHash, cursorFirst, emptyBelieved, unverified, quorumIgnored, expiryByClock,
		pauseIgnored, acceptanceLost, oneNodeTakesBack, stepsIgnored,
	}
}

// caughtAt is a seed at which the oracle catches each mutant. It is tried first; the others follow when it no longer does.
var caughtAt = map[mutant]uint64{
	elevenConfirmations: 0, noWalkBack: 0, dedupeByTxHash: 0, cursorFirst: 7, emptyBelieved: 0, unverified: 3, quorumIgnored: 3,
	expiryByClock: 3, pauseIgnored: 2, acceptanceLost: 4,
}

func TestMutantsAreCaught(t *testing.T) {
	file := template(t)
	const seeds = 200
	for _, broken := range mutants() {
		t.Run(string(broken), func(t *testing.T) {
			t.Parallel()
			known := caughtAt[broken]
			for seed := known; seed < known+seeds; seed++ {
				if sim := one(t, file, seed, broken); sim.failed != "" {
					t.Logf("%s: caught at seed %d: %s", broken, seed, sim.failed)
					if seed != known {
						t.Logf("put that seed into caughtAt: the known one, %d, no longer shows it", known)
					}
					return
				}
			}
			t.Errorf("not caught in %d seeds", seeds)
		})
	}
}
