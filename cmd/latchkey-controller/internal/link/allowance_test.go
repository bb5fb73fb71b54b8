package link_test

import (
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestWhatAReaderReportsTooMuchOfIsNotAcknowledgedAndOthersAreServed(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		m, other := w.reader("front-door"), w.reader("back-door")
		// It begins one journal after the other.
		until(t, "it is refused", func() bool {
			for range 10 {
				m.mu.Lock()
				for i := 15; i > 0; i-- {
					if m.journal[i]++; m.journal[i] != 0 {
						break
					}
				}
				m.records, m.first, m.acked = nil, 1, 0
				m.mu.Unlock()
				m.happen(wire.Record{Kind: wire.ExitPressed})
			}
			_, alarms := w.stored("front-door")
			return len(alarms) > 0 && alarms[len(alarms)-1].Kind == store.RecordsRefused
		})
		m.mu.Lock()
		acked := m.acked
		m.mu.Unlock()
		if acked != 0 {
			t.Error("what was refused is acknowledged")
		}
		other.happen(wire.Record{Kind: wire.ExitPressed})
		other.until("is acknowledged", func() bool { return other.acked == 1 })
		w.addUsers(1)
		w.inStep(m) // it is still told what it has to know
	})
}
