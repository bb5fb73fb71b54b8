package desk

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestADoorTellsWhatVisitorsMeetThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hours := &wire.Schedule{Week: []wire.Span{{Day: 1, From: 0, To: 60}}}
	for i, edit := range []func(*wire.Policy){
		func(p *wire.Policy) { p.Access = []wire.Access{{Group: wire.Everyone, Schedule: hours}} },
		func(p *wire.Policy) { p.PIN, p.Access = false, nil },
		func(p *wire.Policy) { p.TwoProofs, p.Access = &wire.TwoProofs{}, nil },
		func(p *wire.Policy) { p.TwoProofs, p.Access = &wire.TwoProofs{Schedule: hours}, nil },
	} {
		id := w.reader()
		_, err := w.SetPolicy(t.Context(), as(Owner), id, 0, func(p *wire.Policy) { p.PIN = true; edit(p); p.Door = fmt.Sprint("Door ", i) })
		w.must(err)
	}
	// A second reader at the first door, and one that is too old.
	w.must(w.MoveReader(t.Context(), as(Owner), w.reader(), "", w.look("reader-1").DoorID))
	_, err := w.SetPolicy(t.Context(), as(Owner), "reader-5", 0, func(p *wire.Policy) { p.PIN = true })
	w.must(err)
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetReaderLevel("reader-4", wire.LevelModes) }))
	w.must(w.TakeVisitors(t.Context(), as(Owner), w.look("reader-2").DoorID, true))
	doors, err := w.VisitDoors(t.Context(), as(Viewer))
	w.must(err)
	id := func(reader string) int64 { return w.look(reader).DoorID }
	want := []*VisitDoor{
		{ID: id("reader-1"), Name: "Door 0", Place: "Main building", Everyone: true, Notes: []*language.Sentence{language.Count(2, "It has %d reader, and each counts uses for itself while it is not connected.", "It has %d readers, and each counts uses for itself while it is not connected.")}},
		{ID: id("reader-2"), Name: "Door 1", Place: "Main building", Takes: true, Why: language.Say("PIN entry is switched off")},
		{ID: id("reader-3"), Name: "Door 2", Place: "Main building", Why: language.Say("the door demands card and PIN, and they have no card")},
		{ID: id("reader-4"), Name: "Door 3", Place: "Main building", Why: language.Say("the reader's program is too old to demand card and PIN, so it lets nobody in: update it")},
	}
	for i := range max(len(want), len(doors)) {
		if i >= len(doors) || i >= len(want) || !reflect.DeepEqual(doors[i], want[i]) {
			t.Errorf("%+v", doors)
			break
		}
	}
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetReaderLevel("reader-4", wire.LevelProofs) }))
	if doors, err = w.VisitDoors(t.Context(), as(Viewer)); err != nil || doors[3].Why.String() != "" || !slices.Equal(texts(doors[3].Notes), []string{"At set times it demands card and PIN, and a visitor cannot open it with a PIN."}) {
		t.Errorf("both at set times: %+v, %v", doors[3], err)
	}
	w.policy("reader-4", func(p *wire.Policy) { p.TwoProofs = nil })
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetReaderLevel("reader-4", wire.LevelModes) }))
	if doors, err = w.VisitDoors(t.Context(), as(Viewer)); err != nil || doors[3].Why.String() != "" || !slices.Equal(texts(doors[3].Notes), []string{"Its reader is too old for PINs with limits: update it first, or invite without limits."}) {
		t.Errorf("a reader that is too old: %+v, %v", doors[3], err)
	}
	w.must(w.SwitchPIN(t.Context(), as(Owner), "reader-5", false))
	if doors, err = w.VisitDoors(t.Context(), as(Viewer)); err != nil || !slices.Equal(texts(doors[0].Notes), []string{"Not at each of its readers: at one, PIN entry is switched off."}) || doors[0].Why.String() != "" {
		t.Errorf("one of two without PIN: %+v, %v", doors[0], err)
	}
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		return tx.SetGuessSettings(store.GuessSettings{OnlyTPM: true, Budget: 200})
	}))
	if doors, err = w.VisitDoors(t.Context(), as(Viewer)); err != nil || doors[0].Why.String() == "" {
		t.Errorf("no TPM: %+v, %v", doors[0], err)
	}
}

func TestLimitsAreRefusedForAVisitorWhileAReaderIsTooOldForThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetReaderLevel(w.readerOfIn(tx, door), wire.LevelModes) }))
	for field, limits := range map[string]PINLimits{"uses": {Uses: 1}, "within": {Within: time.Hour}} {
		form := w.visit(door, time.Hour)
		form.Limits = limits
		_, _, err := w.Invite(t.Context(), as(Owner), form)
		if got := Fields(err)[field]; !strings.Contains(got.String(), "too old") {
			t.Errorf("%s: %v", field, err)
		}
	}
	w.invite(w.visit(door, time.Hour))
}

func (w *world) readerOfIn(tx *store.Tx, door int64) string {
	w.t.Helper()
	readers, err := tx.ReadersAt(store.Doors, door)
	w.must(err)
	return readers[0]
}

func TestADoorThatTakesVisitorsHasThemAtEachReaderAndNoOtherHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	group := site.VisitorGroup(door)
	lists := func(reader string) (groups []string) {
		for _, a := range w.look(reader).Policy.Access {
			groups = append(groups, a.Group)
		}
		return groups
	}
	// One that is adopted for the door, and one that is moved to it.
	form := w.form("adopted")
	form.Door = "Door of reader-1"
	_, err := w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil })
	w.must(err)
	moved := w.reader()
	w.must(w.MoveReader(t.Context(), as(Owner), moved, "", door))
	for reader, want := range map[string][]string{"reader-1": {group}, "adopted": {wire.Everyone, group}, moved: {wire.Everyone, group}} {
		if got := lists(reader); !slices.Equal(got, want) {
			t.Errorf("%s: %q", reader, got)
		}
	}
	w.check()
	// One that goes elsewhere, by its place and by its policy.
	other := w.look(w.reader()).DoorID
	w.must(w.MoveReader(t.Context(), as(Owner), moved, "", other))
	if got := lists(moved); !slices.Equal(got, []string{wire.Everyone}) {
		t.Errorf("moved away: %q", got)
	}
	_, err = w.SetPolicy(t.Context(), as(Owner), "adopted", 0, func(p *wire.Policy) { p.Door = "Back door" })
	w.must(err)
	if got := lists("adopted"); !slices.Equal(got, []string{wire.Everyone}) {
		t.Errorf("renamed away: %q", got)
	}
	id := w.invite(w.visit(door, time.Hour))
	w.must(w.TakeVisitors(t.Context(), as(Super), door, false))
	if e := w.newest(); e.Text.String() != "Super Admin switched invitations to Door of reader-1 off" {
		t.Error(e.Text)
	}
	if got := w.refusal("reader-1", id); got != wire.ReasonGroup {
		t.Errorf("switched off, the visitor gets %q", got)
	}
	w.check()
	p := w.look("reader-1").Policy
	p.Access = append(p.Access, wire.Access{Group: group})
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetPolicy(w.time.Unix(), p) }))
	if _, err := w.site.Check(t.Context()); err == nil || err.Error() != "policy of reader-1: its visitors are not those of its door" {
		t.Errorf("a policy with visitors that its door does not take: %v", err)
	}
}

func TestGroupsOfVisitorsAreGivenToNobodyByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	group, reader := site.VisitorGroup(door), w.readerOf(door)
	_, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: "Eve", Groups: []string{group}}, PIN{}, nil)
	if got := Fields(err)["groups"].String(); got != "The name visitors-of-door-1 is kept for visitors: choose another" {
		t.Error(err)
	}
	err = w.EditUser(t.Context(), as(Owner), w.user(), "", nil, func(f *UserForm) { f.Groups = []string{group} })
	if Fields(err)["groups"] == nil {
		t.Error(err)
	}
	for name, edit := range map[string]func(*wire.Policy){
		"access of another door": func(p *wire.Policy) { p.Access = append(p.Access, wire.Access{Group: "visitors-of-door-99"}) },
		"access with hours": func(p *wire.Policy) {
			p.Access = []wire.Access{{Group: group, Schedule: &wire.Schedule{Week: []wire.Span{{From: 1, To: 2}}}}}
		},
		"exempt":      func(p *wire.Policy) { p.Exempt = []string{group} },
		"in lockdown": func(p *wire.Policy) { p.InLockdown = []string{group} },
		"first person": func(p *wire.Policy) {
			p.Opening = &wire.Opening{Schedule: wire.Schedule{Week: []wire.Span{{From: 1, To: 2}}}, First: group}
		},
	} {
		if _, err := w.SetPolicy(t.Context(), as(Owner), reader, 0, edit); Fields(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	form := w.form("new")
	form.Access = []wire.Access{{Group: "visitors-of-door-99"}}
	if _, err := w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil }); Fields(err)["access"] == nil {
		t.Error("adopted with it")
	}
	// An edit of the whole list leaves them on it.
	_, err = w.SetPolicy(t.Context(), as(Owner), reader, 0, func(p *wire.Policy) { p.Access = []wire.Access{{Group: "staff"}} })
	w.must(err)
	if e := w.newest(); e.Text.String() != "Owner changed the settings of Door of reader-1: access of staff from none to always" {
		t.Error(e.Text)
	}
	if got := w.look(reader).Policy.Access; len(got) != 2 || got[1].Group != group {
		t.Errorf("%+v", got)
	}
	for _, name := range []string{"visitors", "visitors-", "visitors-0", "visitors-07", "visitors-x", "visitors--1", "visitors-99999999999999999999"} {
		if site.IsVisitorGroup(name) {
			t.Errorf("%s is one of visitors", name)
		}
	}
}
