package desk

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
)

// refuseAudit makes the database refuse any audit entry from now on.
func (w *world) refuseAudit() {
	w.t.Helper()
	sitetest.Refuse(w.t, w.dir, "INSERT", "audit")
}

// changesNothing are acts that need no audit entry.
var changesNothing = map[string]bool{"reader.adopt 1": true, "reader.adopt 3": true, "readers.brokers 2": true, "readers.brokers 3": true, "readers.brokers 4": true, "readers.brokers 5": true, "readers.brokers 6": true, "pin.set 1": true, "users.import 1": true}

// This does each act that changes something, in each way. If its audit entry cannot be
// written, nothing is stored, and nothing is sent to a reader.
func TestNothingIsKeptOfAnActThatCannotBeNoted(t *testing.T) {
	t.Parallel()
	for _, act := range Acts() {
		if strings.HasSuffix(string(act), ".view") {
			continue
		}
		for i, prepare := range attempts[act] {
			t.Run(fmt.Sprint(act, " ", i), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				do := prepare(w)
				w.refuseAudit()
				before, orders := sitetest.Rows(t, w.dir), len(w.live.orders)
				err := do(t.Context(), as(Owner))
				if noted := err != nil && strings.Contains(err.Error(), "refused by the test"); !noted && !changesNothing[fmt.Sprint(act, " ", i)] {
					t.Error(err)
				}
				if after := sitetest.Rows(t, w.dir); after != before {
					t.Errorf("something is kept:\n%s\nbefore:\n%s", after, before)
				}
				if len(w.live.orders) != orders {
					t.Error("a reader was asked")
				}
			})
		}
	}
}

func TestAClashThatCannotBeNotedIsNotTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	eve := w.user()
	w.must(func() error { _, err := w.SetPIN(t.Context(), as(Owner), w.user(), chosen("58310274")); return err }())
	w.refuseAudit()
	if err := w.guess(as(Editor), eve, "58310274"); err == nil || errors.Is(err, site.ErrPINTaken) || Fields(err) != nil {
		t.Error(err)
	}
}
