package device

import (
	"testing"
	"time"

	"latchkey/sync/wire"
)

const decade = 10 * 365 * 24 * time.Hour

func TestAStepOfTheClockIsRecordedAndSchedulesFollowAtOnce(t *testing.T) {
	g := newRig(t, nil)
	begin := g.now.Wall
	guest := &wire.Credential{ID: 7, Kind: wire.PIN, User: 8, Until: begin.Add(time.Hour).Unix()}
	step := func(by time.Duration) {
		t.Helper()
		from := g.now.Wall
		g.now.Wall = from.Add(by)
		g.do(Tick{})
		r := g.wantRecords(wire.ClockStepped)[0]
		if r.From != from.UnixMilli() || r.To != g.now.Wall.UnixMilli() || r.Time != r.To || !r.Trusted {
			t.Errorf("%+v after %v", r, by)
		}
	}
	step(decade)
	g.enter(Known, guest)
	if r := g.wantRecords(wire.AttemptStarted, wire.AttemptTakenBack)[1]; r.Reason != wire.ReasonExpired {
		t.Errorf("ten years ahead: %+v", r)
	}
	step(-decade)
	g.enter(Known, guest)
	g.wantRecords(wire.AttemptStarted, wire.AccessGranted)
	step(-61 * time.Second)
	step(61 * time.Second)
	for range 10 { // what the clocks of two machines differ by
		g.now.Wall = g.now.Wall.Add(-59 * time.Second)
		g.do(Tick{})
		g.now.Wall = g.now.Wall.Add(59 * time.Second)
		g.do(Tick{})
	}
	g.wantRecords()
}

// The clock ran ten years ahead when the power failed. After it the right time
// is a step back from what the records say; how long the reader was off, and so
// a step forward, nobody can tell.
func TestAStartTellsThatTheClockWasSetBack(t *testing.T) {
	for name, test := range map[string]struct {
		off  time.Duration
		want bool
	}{
		"back":              {-decade, true},
		"a little back":     {-59 * time.Second, false},
		"a day later":       {24 * time.Hour, false},
		"ten years forward": {decade, false},
	} {
		g := newRig(t, nil)
		g.do(Input{InputDoor, true})
		newest := g.now.Wall.UnixMilli()
		g.now.Trusted = false
		g.crash(test.off)
		g.now.Trusted = true
		g.records = nil
		g.do(Tick{})
		if !test.want {
			g.wantRecords(wire.ClockTrusted)
			continue
		}
		if r := g.wantRecords(wire.ClockTrusted, wire.ClockStepped)[1]; r.From != newest || r.To != g.now.Wall.UnixMilli() {
			t.Errorf("%s: %+v, from %d", name, r, newest)
		}
		if got := g.r.Durable().Time; got != g.now.Wall.UnixMilli() {
			t.Errorf("%s: the newest trusted time is %d", name, got)
		}
		g.do(Tick{})
		g.wantRecords()
	}
}
