package link_test

import (
	"path/filepath"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// A policy's revision is its time, and the clock was ten years ahead when the
// reader's was made; then the clock was put right, and a backup put back.
func TestAPolicyOfAClockThatWasAheadDoesNotOutliveARestore(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		m := w.reader("front-door")
		w.inStep(m)
		path := filepath.Join(t.TempDir(), "backup")
		with := w.backUp(path)
		w.editPolicy(time.Now().AddDate(10, 0, 0), func(p *wire.Policy) { p.Limit = 3 })
		m.until("has the policy", func() bool { return m.policy.Limit == 3 })
		w.end()
		w.site.Close()
		restored := filepath.Join(t.TempDir(), "restored")
		if _, err := site.Restore(t.Context(), clock.Read(), path, with, restored, ""); err != nil {
			t.Fatal(err)
		}
		w.open(restored)
		w.serve()
		w.connect(m)
		m.until("has the policy of the backup", func() bool { return m.policy.Limit == 10 })
		w.editPolicy(time.Now(), func(p *wire.Policy) { p.Limit = 5 })
		m.until("has the next one", func() bool { return m.policy.Limit == 5 })
	})
}
