package desk

import (
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestASpentBudgetNeedsAnAdoptionOnlyOnceAllRecordsAreHere(t *testing.T) {
	t.Parallel()
	spent := ReaderStatus{Condition: wire.Condition{TPM: &wire.TPMState{Budget: wire.Budget{Spent: 500, Limit: 500}}}}
	for _, test := range []struct {
		attempts, waiting uint64
		want              Need
	}{{500, 0, NeedsGrant}, {499, 0, NeedsAdoption}, {499, 1, NeedsGrant}, {0, 900, NeedsGrant}, {501, 0, NeedsGrant}} {
		spent.Waiting = test.waiting
		if got := needOf([]*store.Budget{{Attempts: test.attempts, Granted: 500}}, spent); got != test.want {
			t.Errorf("%d attempts, %d records waiting: it needs %q, not %q", test.attempts, test.waiting, got, test.want)
		}
	}
}
