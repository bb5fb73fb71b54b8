package desk

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// access returns a user's doors.
func (w *world) access(id uint64) []*Access {
	w.t.Helper()
	readers, err := w.Readers(w.t.Context(), as(Viewer))
	w.must(err)
	all, err := w.UserAccess(w.t.Context(), as(Viewer), readers, id)
	w.must(err)
	return all
}

// openers returns who may open a reader's door.
func (w *world) openers(reader string, q OpenerQuery) *OpenerPage {
	w.t.Helper()
	page, err := w.DoorAccess(w.t.Context(), as(Viewer), []*Reader{w.look(reader)}, q)
	w.must(err)
	return page
}

// evening is after the time at which a world begins, on the same day.
func evening() *wire.Schedule {
	return &wire.Schedule{Week: []wire.Span{{Day: 1, From: 18 * 60, To: 24 * 60}}}
}

func TestAUserAndADoorSayWhenAndHowItOpensAndWhyNotNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reader()
	w.says(id, wire.ModeState{Mode: wire.ModeNormal})
	w.live.states[0].State.Condition.ClockTrusted = true
	condition := w.live.states[0].State.Condition
	pin, both, bare := w.withPIN(), w.withPIN(), w.user()
	card, _ := w.card()
	w.must(w.AddCard(t.Context(), as(Owner), both, w.uid()))
	for _, step := range []struct {
		name    string
		policy  func(*wire.Policy)
		says    wire.Condition
		noClock bool // the reader trusts none
		user    uint64
		how     string
		when    string
		now     string
		not     string
		cannot  string
		nothing bool // none of their groups may open it
	}{
		{name: "by PIN", user: pin, how: "PIN", when: "always", now: "PIN"},
		{name: "by card", user: card, how: "card", when: "always", now: "card"},
		{name: "by either", user: both, how: "PIN or card", when: "always", now: "PIN or card"},
		{name: "with nothing", user: bare, when: "always", cannot: "they have neither PIN nor card"},
		{name: "paused", says: wire.Condition{PIN: wire.ReasonLockout, Lockout: wire.CauseAttempts}, user: pin, how: "PIN", when: "always", not: "PIN entry is paused"},
		{name: "paused for PINs only", says: wire.Condition{PIN: wire.ReasonLockout, Lockout: wire.CauseAttempts}, user: both, how: "PIN or card", when: "always", now: "card"},
		{name: "no card reader", says: wire.Condition{Card: wire.ReasonNone}, user: card, when: "always", cannot: "the reader has no card reader"},
		{name: "no touchscreen", says: wire.Condition{PIN: wire.ReasonNone}, user: pin, when: "always", cannot: "the reader has no touchscreen"},
		{name: "both broken", says: wire.Condition{PIN: wire.ReasonPanel, Card: wire.ReasonNFC}, user: both, how: "PIN or card", when: "always", not: "the display is out of order, and the card reader is out of order"},
		{name: "later", policy: func(p *wire.Policy) { p.Access[0].Schedule = evening() }, user: both, how: "PIN or card", when: "Mon 18:00-24:00", not: "their groups may not enter at this time"},
		{name: "never", policy: func(p *wire.Policy) { p.Access[0].Schedule = new(wire.Schedule) }, user: both, when: "never", cannot: "the hours of their groups never begin"},
		{name: "others", policy: func(p *wire.Policy) { p.Access = []wire.Access{{Group: "staff"}} }, user: both, nothing: true},
		{name: "open again", policy: func(p *wire.Policy) { p.Access = []wire.Access{{Group: wire.Everyone}} }, user: both, how: "PIN or card", when: "always", now: "PIN or card"},
		{name: "proven", policy: func(p *wire.Policy) { p.ProvenOpens = true }, user: card, when: "always", cannot: "only cards that prove themselves open this door"},
		{name: "PIN entry off", policy: func(p *wire.Policy) { p.ProvenOpens, p.PIN = false, false }, user: both, how: "card", when: "always", now: "card"},
		{name: "PIN entry off, and no card", user: pin, when: "always", cannot: "PIN entry is switched off"},
		{name: "both at night", policy: func(p *wire.Policy) { p.PIN, p.TwoProofs = true, &wire.TwoProofs{Schedule: evening()} }, user: both, how: "PIN or card, at some times both", when: "always", now: "PIN or card"},
		{name: "PIN by day", user: pin, how: "PIN, but not while both are demanded", when: "always", now: "PIN"},
		{name: "both at night, without a card reader", says: wire.Condition{Card: wire.ReasonNone}, noClock: true, user: both, how: "PIN, but not while both are demanded", when: "always", not: "card and PIN are demanded now, and the reader cannot take both"},
		{name: "PIN without a clock", noClock: true, user: pin, how: "PIN, but not while both are demanded", when: "always", not: "card and PIN are demanded now, and they have no card"},
		{name: "card without a clock", noClock: true, user: card, how: "card, but not while both are demanded", when: "always", not: "card and PIN are demanded now, and they have no PIN"},
		{name: "both", policy: func(p *wire.Policy) { p.TwoProofs = new(wire.TwoProofs) }, user: both, how: "card and PIN", when: "always", now: "card and PIN"},
		{name: "both, paused", says: wire.Condition{PIN: wire.ReasonLockout, Lockout: wire.CauseAttempts}, user: both, how: "card and PIN", when: "always", now: "card and PIN, the card first"},
		{name: "both, without a card", user: pin, when: "always", cannot: "the door demands card and PIN, and they have no card"},
		{name: "both at all hours, by a schedule", policy: func(p *wire.Policy) {
			p.Access[0].Schedule, p.TwoProofs.Schedule = evening(), &wire.Schedule{Week: []wire.Span{{Day: 1, From: 18 * 60, To: 20 * 60}, {Day: 1, From: 20 * 60, To: 24 * 60}}}
		}, user: pin, when: "Mon 18:00-24:00", cannot: "the door demands card and PIN, and they have no card"},
		{name: "both always", policy: func(p *wire.Policy) { p.Access[0].Schedule, p.TwoProofs.Schedule = nil, nil }, user: both, how: "card and PIN", when: "always", now: "card and PIN"},
		{name: "both, without a PIN", user: card, when: "always", cannot: "the door demands card and PIN, and they have no PIN"},
	} {
		if step.policy != nil {
			w.oldPolicy(id, step.policy)
			w.live.states[0].State.PolicyRevision = w.look(id).Policy.Revision
		}
		*condition = step.says
		condition.ClockTrusted = !step.noClock
		of, at := w.access(step.user), []*Access(nil)
		for _, o := range w.openers(id, OpenerQuery{Opens: true}).Openers {
			if o.ID == step.user {
				at = o.At
			}
		}
		if !reflect.DeepEqual(of, at) {
			t.Errorf("%s: the user's %+v is not the door's %+v", step.name, of, at)
		}
		if len(of) == 0 || step.nothing {
			if len(of) != 0 || !step.nothing {
				t.Errorf("%s: %+v", step.name, of)
			}
			continue
		}
		a := of[0]
		if a.How().String() != step.how || a.When().String() != step.when || a.ByNow().String() != step.now || a.Not.String() != step.not || a.Never.String() != step.cannot {
			t.Errorf("%s: %q, %s; now %q, not for %q, never for %q", step.name, a.How(), a.When(), a.ByNow(), a.Not, a.Never)
		}
	}
	w.saysOf(id, wire.LevelModes, nil, true)
	if a := w.access(both)[0]; !strings.Contains(a.Never.String(), "too old") {
		t.Errorf("at an old reader: %+v", a)
	}
}

func TestADoorListsThoseInItsGroupsPageByPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front, back := w.reader(), w.reader()
	w.must(w.MoveReader(t.Context(), as(Owner), back, "", w.look(front).DoorID))
	w.policy(front, func(p *wire.Policy) { p.Access = []wire.Access{{Group: "staff"}} })
	w.policy(back, func(p *wire.Policy) { p.Access = []wire.Access{{Group: "lab", Schedule: evening()}} })
	for name, groups := range map[string][]string{"Ada": {"staff"}, "Bob": {"lab"}, "Cleo": {"lab", "staff"}, "Dan": nil, "Eve": {"guests"}} {
		_, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: name, Groups: groups}, PIN{Choice: Auto}, nil)
		w.must(err)
	}
	door, err := w.Door(t.Context(), as(Viewer), w.look(front).DoorID)
	w.must(err)
	list := func(search string) (got string) {
		for q := (OpenerQuery{Search: search, Limit: 2}); ; {
			page, err := w.DoorAccess(t.Context(), as(Viewer), door.Readers, q)
			w.must(err)
			for _, o := range page.Openers {
				got += o.Name
				for _, a := range o.At {
					got += " " + a.Reader + " " + a.When().String()
				}
				got += fmt.Sprint(" of ", page.Found, "; ")
			}
			if q.After = page.Next; q.After == "" {
				return got
			}
		}
	}
	if got := list(""); got != "Ada reader-1 always of 3; Bob reader-2 Mon 18:00-24:00 of 3; Cleo reader-1 always reader-2 Mon 18:00-24:00 of 3; " {
		t.Error(got)
	}
	if got := list("lab b"); got != "Bob reader-2 Mon 18:00-24:00 of 1; " {
		t.Error(got)
	}
	w.policy(front, func(p *wire.Policy) { p.Access = []wire.Access{} })
	w.policy(back, func(p *wire.Policy) { p.Access = []wire.Access{} })
	if door, err = w.Door(t.Context(), as(Viewer), w.look(front).DoorID); err != nil || list("") != "" {
		t.Errorf("nobody may open it, and it lists %s; %v", list(""), err)
	}
	if _, err := w.DoorAccess(t.Context(), as(Viewer), door.Readers, OpenerQuery{After: "???"}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestNothingTellsOfAPINForDuressInWhoMayOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reader()
	ordinary, duress := w.withPIN(), w.underDuress()
	page := w.openers(id, OpenerQuery{})
	if len(page.Openers) != 2 || !reflect.DeepEqual(page.Openers[0].At, page.Openers[1].At) {
		t.Errorf("%+v", page)
	}
	if !reflect.DeepEqual(w.access(ordinary), w.access(duress)) {
		t.Error("their doors differ")
	}
}

func TestAPINWithATimeNeedsAReaderThatKnowsTheTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reader()
	w.says(id, wire.ModeState{Mode: wire.ModeNormal})
	user := w.user()
	_, err := w.SetPIN(t.Context(), as(Owner), user, PIN{Choice: Auto, Limits: PINLimits{Within: time.Hour}})
	w.must(err)
	if a := w.access(user)[0]; a.Not.String() != "the reader does not know the time" {
		t.Errorf("%+v", a)
	}
	w.live.states[0].State.Condition.ClockTrusted = true
	if a := w.access(user)[0]; a.ByNow().String() != "PIN" {
		t.Errorf("%+v", a)
	}
	w.saysOf(id, wire.LevelModes, nil, true) // it is downgraded
	if a := w.access(user)[0]; a.Never.String() != "the reader's program is too old for a PIN with limits: update it" {
		t.Errorf("%+v", a)
	}
}
