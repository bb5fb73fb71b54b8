package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A compromised reader writes what it likes.
func TestWhatAReaderSaysIsOneLineWhateverItWrote(t *testing.T) {
	evil := "\x1b[2J\r\n2026-01-01 00:00:00  vault  access.granted  Ada\u202e"
	r := wire.Record{Number: 1, Kind: wire.RecordKind("x\x1b[2J\n"), By: wire.Means(evil), Reason: wire.Reason(evil), Who: evil, Subject: evil, Text: evil, Version: evil, Order: wire.Order(evil), Cause: wire.Cause(evil)}
	var out bytes.Buffer
	p := recordPrinter{invocation: &invocation{stdio: stdio{out: &out}}, in: time.UTC}
	record := &desk.Record{Record: &store.Record{Reader: "front-door"}, Decoded: &r, Text: evil}
	if err := p.record(record); err != nil {
		t.Fatal(err)
	}
	line, found := strings.CutSuffix(out.String(), "\n")
	if !found || strings.ContainsFunc(line, moves) {
		t.Errorf("%q", out.String())
	}
	out.Reset()
	p.json = true
	if err := p.record(record); err != nil {
		t.Fatal(err)
	}
	if err := p.alarm(&store.Alarm{Reader: "front-door", Kind: store.JournalGap, Text: evil}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		var texts map[string]any
		if err := json.Unmarshal([]byte(line), &texts); err != nil {
			t.Fatal(err)
		}
		for name, value := range texts {
			if text, ok := value.(string); ok && strings.ContainsFunc(text, moves) {
				t.Errorf("JSON, %s: %q", name, text)
			}
		}
	}
	if is := describe(&desk.ReaderStatus{Known: true, Online: true, Heard: time.Now(), Condition: wire.Condition{Lockout: wire.Cause(evil), Card: wire.Reason(evil), Door: wire.DoorState(evil), Faults: []wire.Fault{{Subject: wire.Subject(evil), Text: evil}}}}, time.UTC); strings.ContainsFunc(is, moves) {
		t.Errorf("%q", is)
	}
}

// moves says whether a terminal does more with r than show it.
func moves(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

func TestAStepOfAReadersClockSaysFromWhatToWhat(t *testing.T) {
	from, to := time.Date(2036, 1, 1, 12, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 12, 0, 5, 0, time.UTC)
	r := &wire.Record{Number: 1, Kind: wire.ClockStepped, Time: to.UnixMilli(), Trusted: true, From: from.UnixMilli(), To: to.UnixMilli()}
	var out bytes.Buffer
	p := recordPrinter{invocation: &invocation{stdio: stdio{out: &out}, json: true}, in: time.UTC}
	if err := p.record(&desk.Record{Record: &store.Record{Reader: "front-door"}, Decoded: r}); err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{from, to} {
		if want := at.Format(time.RFC3339); !strings.Contains(out.String(), want) {
			t.Errorf("%s is not in %s", want, out.String())
		}
	}
}

func TestAUseOfAPINWithLimitsSaysOfWhichAndUntilWhen(t *testing.T) {
	made, until := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	r := &wire.Record{Number: 1, Kind: wire.UseCounted, Seq: 3, Credential: 7, User: 5, Count: 2, From: made.UnixMilli(), To: until.UnixMilli()}
	out := recordJSON(&store.Record{Reader: "front-door"}, r, time.UTC)
	if out.Count != 2 || out.Credential != 7 || !out.From.Equal(made) || !out.To.Equal(until) {
		t.Errorf("%+v", out)
	}
	r.To = 0
	if out := recordJSON(&store.Record{Reader: "front-door"}, r, time.UTC); !out.To.IsZero() {
		t.Errorf("without an end: %+v", out)
	}
}
