package desk

import (
	"testing"

	"latchkey/sync/wire"
)

func TestTheFirstStepsEndOnceAReaderHasLetSomebodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	over := func() bool {
		t.Helper()
		is, err := w.FirstSteps(t.Context(), as(Viewer))
		w.must(err)
		return is.Over
	}
	door, user := w.reader(), w.user()
	w.must(w.SetKeepDays(t.Context(), as(Owner), 1))
	w.records(door, &wire.Record{Kind: wire.AccessGranted, By: wire.ByRemote, Seconds: 5})
	if over() {
		t.Error("after an unlock from here")
	}
	w.records(door, &wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, User: user, Seconds: 5})
	if !over() {
		t.Error("not after an entry")
	}
	w.pass(91 * day)
	w.must(w.Prune(t.Context()))
	if told := w.told(Query{}); !over() || len(told) != 0 {
		t.Errorf("they come again once its record is deleted; %q", told)
	}
}
