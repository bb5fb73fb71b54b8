package desk

import (
	"errors"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/sync/wire"
)

func TestThePINSwitchIsTheReadersWhereverItIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reader()
	see := func() (reader, door, hub, location bool) {
		t.Helper()
		r := w.look(id)
		d, err := w.Door(t.Context(), as(Viewer), r.DoorID)
		w.must(err)
		h, err := w.Hub(t.Context(), as(Viewer), r.HubID)
		w.must(err)
		places, err := w.Places(t.Context(), as(Viewer))
		w.must(err)
		return r.PIN(), d.Readers[0].PIN(), h.Doors[0].Readers[0].PIN(), places[0].Doors[0].Readers[0].PIN()
	}
	for _, on := range []bool{false, true} {
		before := w.look(id).Policy.Revision
		w.must(w.SwitchPIN(t.Context(), as(Editor), id, on))
		r, d, h, l := see()
		if r != on || d != on || h != on || l != on {
			t.Errorf("%v %v %v %v, not %v", r, d, h, l, on)
		}
		after := w.look(id)
		if after.Policy.Revision <= before || after.PolicyApplied() {
			t.Errorf("revision %d, before %d; taken: %t", after.Policy.Revision, before, after.PolicyApplied())
		}
		w.live.states = []link.ReaderStatus{{ID: id, State: &wire.State{PolicyRevision: after.Policy.Revision}}}
		if !w.look(id).PolicyApplied() {
			t.Error("the reader has confirmed it")
		}
	}
	if err := w.SwitchPIN(t.Context(), as(Editor), "nobody", true); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestAPolicyIsCheckedFieldByFieldAndNotOverwrittenUnseen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reader()
	for field, edit := range map[string]func(*wire.Policy){
		"limit":     func(p *wire.Policy) { p.Limit = 11 },
		"unlock":    func(p *wire.Policy) { p.Unlock = 0 },
		"extended":  func(p *wire.Policy) { p.Extended = 301 },
		"greeting":  func(p *wire.Policy) { p.Greeting = strings.Repeat("a", 65) },
		"door":      func(p *wire.Policy) { p.Door = "a\nb" },
		"time-zone": func(p *wire.Policy) { p.TimeZone = "Mars/Olympus" },
		"access":    func(p *wire.Policy) { p.Access = []wire.Access{{Group: "The Staff"}} },
		"holidays":  func(p *wire.Policy) { p.Holidays = []wire.Holiday{{Month: 13, Day: 1}} },
	} {
		before := w.look(id).Policy.Revision
		_, err := w.SetPolicy(t.Context(), as(Super), id, 0, edit)
		if fields := Fields(err); len(fields) != 1 || fields[field].String() == "" {
			t.Errorf("%s: %v", field, err)
		}
		if w.look(id).Policy.Revision != before {
			t.Errorf("%s: changed", field)
		}
	}
	seen := w.look(id).Policy.Revision
	p, err := w.SetPolicy(t.Context(), as(Super), id, seen, func(p *wire.Policy) { p.Limit, p.Reader, p.Revision = 3, "other", 1 })
	if err != nil || p.Limit != 3 || p.Reader != id || p.Revision <= seen {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, err := w.SetPolicy(t.Context(), as(Super), id, seen, func(p *wire.Policy) { p.Limit = 5 }); Fields(err)["policy"] == nil || w.look(id).Policy.Limit != 3 {
		t.Error("somebody else's change is overwritten:", err)
	}
}
