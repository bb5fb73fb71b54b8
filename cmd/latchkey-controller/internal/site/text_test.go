package site

import (
	"crypto/rand"
	"encoding/hex"
	"path/filepath"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/sync/wire"
)

func TestNoTextOfAReaderBlocksItsJournal(t *testing.T) {
	s, err := Create(t.Context(), filepath.Join(t.TempDir(), "site"), postgrestest.Database(t), "home", "UTC", at(noon))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	adopt(t, s, noon, "front-door", newBoard(t), noEdit)
	long := make([]byte, 1800)
	rand.Read(long) // cannot be compressed
	for i, text := range []string{"a\x00b", "\x00", "\\u0000", "\u2028\ufffe\ufffd", hex.EncodeToString(long)} {
		d := &diary{reader: "front-door", journal: wire.JournalID{1, byte(i)}}
		if len(text) <= 32 {
			d.add(wire.Record{Kind: wire.RecordKind(text), Time: 1})
		}
		for _, kind := range []wire.RecordKind{wire.AccessGranted, wire.AccessDenied, wire.LockoutCleared, wire.CommandDone, wire.CommandRefused, wire.ModeChanged, wire.HealthChanged, wire.EventsCollapsed, wire.MessageRefused, wire.ReaderStarted, wire.CacheDamaged, wire.JournalResumed, wire.JournalBegan, wire.LockoutStarted} {
			for _, r := range []wire.Record{{Who: text}, {Subject: text}, {Text: text}, {Version: text}, {By: wire.Means(text)}, {Reason: wire.Reason(text)}, {Cause: wire.Cause(text)}, {Order: wire.Order(text)}, {Mode: wire.Mode(text)}} {
				r.Kind, r.Time, r.Command, r.Count = kind, 1, wire.CommandID{1}, 1
				d.add(r)
			}
		}
		last := uint64(len(d.records))
		stored, err := s.StoreRecords(t.Context(), at(noon), []*wire.Records{d.message(1, 1, last)})
		if err != nil || stored[0].Ack.Number != last {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
