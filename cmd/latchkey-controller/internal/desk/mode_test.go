package desk

import (
	"errors"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// readerAt adopts a reader at a door of a location.
func (w *world) readerAt(id, place, door string) *Reader {
	w.t.Helper()
	form := w.form(id)
	form.Place, form.Door = place, door
	_, err := w.Adopt(w.t.Context(), as(Owner), form, func([]byte) error { return nil })
	w.must(err)
	return w.look(id)
}

// setMode sets a mode as an Owner.
func (w *world) setMode(where Where, mode wire.Mode, lasts time.Duration) int64 {
	w.t.Helper()
	id, err := w.SetMode(w.t.Context(), as(Owner), where, mode, w.until(lasts))
	w.must(err)
	return id
}

// modes returns the modes in a reader's policy as text: "locked lockdown".
func (w *world) modes(reader string) string {
	w.t.Helper()
	var names []string
	for _, m := range w.look(reader).Policy.Modes {
		names = append(names, string(m.Mode))
	}
	return strings.Join(names, " ")
}

// wanted returns a wanted mode as it is shown.
func (w *world) wanted(id int64) *WantedMode {
	w.t.Helper()
	all, err := w.WantedModes(w.t.Context(), as(Viewer))
	w.must(err)
	for _, m := range all {
		if m.ID == id {
			return m
		}
	}
	w.t.Fatalf("mode %d is not wanted", id)
	return nil
}

// says has a reader report a mode in force with its newest policy, as one of this version.
func (w *world) says(reader string, mode wire.ModeState) {
	w.t.Helper()
	w.saysOf(reader, wire.Level, &mode, true)
}

func (w *world) saysOf(reader string, level uint8, mode *wire.ModeState, online bool) {
	w.t.Helper()
	r := w.look(reader)
	state := &wire.State{Level: level, PolicyRevision: r.Policy.Revision, Condition: &wire.Condition{Mode: mode}}
	status := link.ReaderStatus{ID: reader, Door: r.Door, Online: online, Heard: w.time, State: state}
	for i := range w.live.states {
		if w.live.states[i].ID == reader {
			w.live.states = append(w.live.states[:i], w.live.states[i+1:]...)
			break
		}
	}
	w.live.states = append(w.live.states, status)
	report := site.ModeReport{Reader: reader, Bundle: r.Bundle, At: w.time, Level: int(level), Revision: r.Policy.Revision}
	if mode != nil {
		report.Mode = mode.Mode
	}
	if online {
		_, err := w.site.TakeModes(w.t.Context(), []site.ModeReport{report})
		w.must(err)
	}
}

func TestWhatNobodyCanWantIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.readerAt("lab", "Annex", "Lab")
	for _, c := range []struct {
		where Where
		mode  wire.Mode
		until int64
		field string
	}{
		{Where{}, wire.ModeNormal, 0, "mode"},
		{Where{}, "open", 0, "mode"},
		{Where{}, wire.ModeUnlocked, 0, "until"},
		{Where{}, wire.ModeUnlocked, w.until(32 * day), "until"},
		{Where{}, wire.ModeEvacuation, w.until(time.Hour), "until"},
		{Where{}, wire.ModeLocked, w.time.Unix(), "until"},
		{Where{}, wire.ModeLockdown, w.until(-time.Second), "until"},
		{Where{}, wire.ModeLocked, -1, "until"},
		{Where{}, wire.ModeLocked, wire.MaxTime + 1, "until"},
		{Where{Hubs, r.HubID}, wire.ModeLocked, 0, "where"},
		{Where{"", 1}, wire.ModeLocked, 0, "where"},
		{Where{Doors, 0}, wire.ModeLocked, 0, "where"},
		{Where{Doors, 99}, wire.ModeLocked, 0, "where"},
	} {
		if _, err := w.SetMode(t.Context(), as(Owner), c.where, c.mode, c.until); Fields(err)[c.field] == nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if all, err := w.WantedModes(t.Context(), as(Owner)); err != nil || len(all) != 0 {
		t.Errorf("%d are wanted, %v", len(all), err)
	}
	if err := w.EndMode(t.Context(), as(Owner), 99); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestAModeIsOneEntryThatNamesPlaceModeAndEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.readerAt("lab", "Annex", "Lab")
	w.readerAt("front", "Main", "Front door")
	location := func() int64 {
		all, err := w.Places(t.Context(), as(Owner))
		w.must(err)
		return all[0].ID
	}()
	var id int64
	set := func(where Where, mode wire.Mode, lasts time.Duration) func() {
		return func() { id = w.setMode(where, mode, lasts) }
	}
	ended := func() { w.must(w.EndMode(t.Context(), as(Owner), id)) }
	for _, c := range []struct {
		do   func()
		want string
	}{
		{set(Where{}, wire.ModeLockdown, 0), "Owner locked down the whole site from now until somebody ends it"},
		{ended, "Owner took back a lockdown of the whole site: wanted by Owner since 23 Nov 2026, 12:30"},
		{set(Where{Locations, location}, wire.ModeEvacuation, 0), "Owner evacuated Annex from now until somebody ends it"},
		{ended, "Owner ended the evacuation of Annex: wanted by Owner since 23 Nov 2026, 12:30"},
		{set(Where{Doors, r.DoorID}, wire.ModeUnlocked, time.Hour), "Owner set the mode of Lab to unlocked until 23 Nov 2026, 13:30"},
		{ended, "Owner ended a mode of Lab: unlocked, wanted by Owner since 23 Nov 2026, 12:30 until 23 Nov 2026, 13:30"},
		{set(Where{}, wire.ModeLocked, time.Hour), "Owner set the mode of the whole site to locked until 23 Nov 2026, 13:30"},
	} {
		before := w.newest().ID
		c.do()
		e := w.newest()
		if e.Text.String() != c.want || e.ID != before+1 {
			t.Errorf("%q, %d entries\nnot %q", e.Text, e.ID-before, c.want)
		}
	}
	page, err := w.Activity(t.Context(), as(Owner), Query{Door: r.DoorID, Kind: "admin.mode.set"})
	w.must(err)
	if len(page.Events) != 1 {
		t.Errorf("%d acts in the door's activity", len(page.Events))
	}
}

func TestTwoAdministratorsAtOnceUndoNothingOfEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.readerAt("lab", "Annex", "Lab")
	ada, grace := as(Super), as(Owner)
	ada.Name, grace.Name = "Ada", "Grace"
	first, err := w.SetMode(t.Context(), ada, Where{}, wire.ModeLockdown, 0)
	w.must(err)
	second, err := w.SetMode(t.Context(), grace, Where{}, wire.ModeLockdown, 0)
	w.must(err)
	w.must(w.EndMode(t.Context(), ada, second))
	if w.modes("lab") != "lockdown" {
		t.Error("the other one's lockdown has ended, too")
	}
	// Both see the last one, and both end it.
	done := make(chan error, 2)
	for _, a := range []Actor{ada, grace} {
		go func() { done <- w.EndMode(t.Context(), a, first) }()
	}
	one, other := <-done, <-done
	if one != nil {
		one, other = other, one
	}
	if one != nil || other == nil {
		t.Fatalf("%v, %v", one, other)
	}
	if text := Fields(other)["mode"].String(); text != "Ada has ended this lockdown already, on 23 Nov 2026, 12:30" && text != "Grace has ended this lockdown already, on 23 Nov 2026, 12:30" {
		t.Error(other)
	}
	if w.modes("lab") != "" {
		t.Error("the lockdown goes on")
	}
}

func TestAModeThatIsOverCannotBeEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reader()
	id := w.setMode(Where{}, wire.ModeLocked, time.Hour)
	w.pass(time.Hour)
	for range 2 {
		if err := w.EndMode(t.Context(), as(Owner), id); Fields(err)["mode"].String() != "This locking ended by itself, on 23 Nov 2026, 13:30" {
			t.Error(err)
		}
		if all, err := w.WantedModes(t.Context(), as(Owner)); err != nil || len(all) != 0 {
			t.Errorf("%d are wanted, %v", len(all), err)
		}
		w.must(w.maintain(t.Context()))
	}
}

func TestModesFollowReadersAndDoorsThatMove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lab, front := w.readerAt("lab", "Annex", "Lab"), w.readerAt("front", "Main", "Front door")
	ctx, owner := t.Context(), as(Owner)
	annex, err := w.Hub(ctx, owner, lab.HubID)
	w.must(err)
	main, err := w.Hub(ctx, owner, front.HubID)
	w.must(err)
	w.setMode(Where{Locations, annex.Parent}, wire.ModeLockdown, 0)
	w.setMode(Where{Doors, front.DoorID}, wire.ModeLocked, 0)
	w.must(w.MoveReader(ctx, owner, "front", "", lab.DoorID))
	if got := w.modes("front"); got != "lockdown" {
		t.Errorf("a reader that has moved there: %q", got)
	}
	w.must(w.MoveReader(ctx, owner, "front", "", front.DoorID))
	if got := w.modes("front"); got != "locked" {
		t.Errorf("a reader that has moved back: %q", got)
	}
	w.must(w.EditPlace(ctx, owner, Hubs, main.ID, "", renamed("Cabinet"))) // it stays when its door goes
	w.must(w.EditPlace(ctx, owner, Doors, front.DoorID, "", movedTo(annex.ID)))
	if got := w.modes("front"); got != "locked lockdown" {
		t.Errorf("a door that has moved to a hub there: %q", got)
	}
	w.must(w.EditPlace(ctx, owner, Doors, front.DoorID, "", movedTo(main.ID)))
	w.must(w.EditPlace(ctx, owner, Hubs, main.ID, "", movedTo(annex.Parent)))
	if got := w.modes("front"); got != "locked lockdown" {
		t.Errorf("a hub that has moved there: %q", got)
	}
	if _, err := w.SetPolicy(ctx, owner, "front", 0, func(p *wire.Policy) { p.Place = "Barn" }); err != nil || w.modes("front") != "" {
		t.Errorf("a door of another location: %q, %v", w.modes("front"), err)
	}
	w.readerAt("new", "Annex", "New")
	if got := w.modes("new"); got != "lockdown" {
		t.Errorf("a new reader there: %q", got)
	}
}

// Moving a door away is a way to end its lockdown, and so is letting other groups in.
func TestNobodyIsLetOutOfALockdownWithoutThePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lab, front := w.readerAt("lab", "Annex", "Lab"), w.readerAt("front", "Main", "Front door")
	ctx, stale := t.Context(), as(Super)
	stale.FreshSignIn = false
	changes := map[string]func(a Actor) error{
		"a reader moves": func(a Actor) error { return w.MoveReader(ctx, a, "lab", "", front.DoorID) },
		"a door moves":   func(a Actor) error { return w.EditPlace(ctx, a, Doors, lab.DoorID, "", movedTo(front.HubID)) },
		"its policy names another place": func(a Actor) error {
			_, err := w.SetPolicy(ctx, a, "lab", 0, func(p *wire.Policy) { p.Place = "Barn" })
			return err
		},
		"another group is let in": func(a Actor) error {
			_, err := w.SetPolicy(ctx, a, "lab", 0, func(p *wire.Policy) { p.InLockdown = []string{"guards", "staff"} })
			return err
		},
	}
	annex, err := w.Hub(ctx, stale, lab.HubID)
	w.must(err)
	_, err = w.SetPolicy(ctx, as(Owner), "lab", 0, func(p *wire.Policy) {
		p.Access, p.InLockdown = []wire.Access{{Group: wire.Everyone}}, []string{"guards"}
	})
	w.must(err)
	w.setMode(Where{Locations, annex.Parent}, wire.ModeLockdown, 0)
	entries := w.newest().ID
	for what, change := range changes {
		if err := change(stale); !errors.Is(err, ErrSignInAgain) {
			t.Errorf("%s: %v", what, err)
		}
		if p, err := w.Policy(ctx, stale, "lab"); err != nil || w.modes("lab") != "lockdown" || len(p.InLockdown) != 1 || p.Place != "Annex" || w.newest().ID != entries {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
	}
	_, err = w.SetPolicy(ctx, stale, "lab", 0, func(p *wire.Policy) { p.InLockdown, p.Greeting = nil, "Hello" })
	w.must(err)
	w.must(w.EditPlace(ctx, stale, Doors, lab.DoorID, "", func(p *PlaceForm) { p.Name = "Laboratory" }))
	if w.modes("lab") != "lockdown" {
		t.Errorf("a door that is renamed: %q", w.modes("lab"))
	}
	for _, what := range []string{"another group is let in", "a reader moves"} {
		if err := changes[what](as(Super)); err != nil {
			t.Errorf("%s, with the password: %v", what, err)
		}
	}
}

func TestAModeOfAPlaceThatIsRemovedHasEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lab := w.readerAt("lab", "Annex", "Lab")
	door, err := w.AddPlace(t.Context(), as(Owner), Doors, lab.HubID, "Empty")
	w.must(err)
	id := w.setMode(Where{Doors, door}, wire.ModeLocked, 0)
	if got := w.wanted(id); got.Of != 0 || got.Text.String() != "no readers there yet; those that come get it" {
		t.Errorf("%+v", got)
	}
	w.must(w.RemovePlace(t.Context(), as(Owner), Doors, door))
	if all, err := w.WantedModes(t.Context(), as(Owner)); err != nil || len(all) != 0 {
		t.Errorf("%d are wanted, %v", len(all), err)
	}
	if err := w.EndMode(t.Context(), as(Owner), id); Fields(err)["mode"].String() != "Owner has ended this locking already, on 23 Nov 2026, 12:30" {
		t.Error(err)
	}
}

func TestProgressIsToldDoorByDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, door := range []string{"Attic", "Barn", "Cellar", "Dock", "Elevator", "Foyer"} {
		w.readerAt(strings.ToLower(door), "Main", door)
	}
	normal := wire.ModeState{Mode: wire.ModeNormal}
	w.saysOf("barn", wire.LevelModes, &normal, false)
	w.saysOf("cellar", 0, nil, true)
	w.says("dock", normal)
	w.pass(3 * time.Hour)
	id := w.setMode(Where{}, wire.ModeLockdown, 0)
	if got := w.wanted(id); got.Took != 0 || got.Of != 6 || got.Confirmed != 0 || got.Place != "the whole site" || !got.At.Equal(w.time) || got.By != "Owner" {
		t.Errorf("%+v", got)
	}
	// A reader that is in a higher mode, and has not heard of this one.
	foyer := w.look("foyer").Policy.Revision - 1
	fire := &wire.Condition{Mode: &wire.ModeState{Mode: wire.ModeEvacuation, Cause: wire.CauseFire}}
	w.live.states = append(w.live.states, link.ReaderStatus{ID: "foyer", Online: true, Heard: w.time, State: &wire.State{Level: wire.LevelModes, PolicyRevision: foyer, Condition: fire}})
	if got := w.wanted(id).Doors[5]; got.State != ModeAwaited {
		t.Errorf("%+v", got)
	}
	w.time = w.time.Add(400 * time.Millisecond)
	w.says("attic", wire.ModeState{Mode: wire.ModeLockdown, Cause: wire.CauseWanted})
	w.says("foyer", wire.ModeState{Mode: wire.ModeEvacuation, Cause: wire.CauseFire})
	got := w.wanted(id)
	for i, want := range []DoorProgress{
		{"Attic", "attic", ModeConfirmed, 400 * time.Millisecond, time.Time{}, wire.ModeLockdown, language.Data("confirmed after 0.4 s"), nil, false},
		{"Barn", "barn", ModeOffline, 0, w.time.Add(-3*time.Hour - 400*time.Millisecond), wire.ModeNormal, language.Data("offline since 12:30, will follow"), nil, false},
		{"Cellar", "cellar", ModeTooOld, 0, time.Time{}, "", language.Data("takes no part: the reader's program is too old for modes; update it"), nil, false},
		{"Dock", "dock", ModeAwaited, 0, time.Time{}, wire.ModeNormal, language.Data("online, not confirmed yet"), nil, false},
		{"Elevator", "elevator", ModeOffline, 0, time.Time{}, "", language.Data("not heard of yet, will follow"), nil, false},
		{"Foyer", "foyer", ModeOverridden, 400 * time.Millisecond, time.Time{}, wire.ModeEvacuation, language.Data("evacuation is in force there: fire"), nil, false},
	} {
		is := got.Doors[i]
		if is.Text.String() != want.Text.String() {
			t.Errorf("%q\nnot %q", is.Text, want.Text)
		}
		if is.Text, is.since = want.Text, nil; is != want {
			t.Errorf("%+v\nnot %+v", is, want)
		}
	}
	if want := "2 of 6 doors after 0.4 s; Dock has not confirmed yet; Barn and Elevator are offline and will follow; Cellar takes no part: update its reader; Foyer is in a higher mode, and this not in force there"; got.Text.String() != want {
		t.Errorf("%q\nnot %q", got.Text, want)
	}
	if got.Confirmed != 2 || got.Took != 0 {
		t.Errorf("%+v", got)
	}
	w.time = w.time.Add(600 * time.Millisecond)
	for _, door := range []string{"dock", "elevator", "cellar"} { // Cellar has been updated
		w.says(door, wire.ModeState{Mode: wire.ModeLockdown, Cause: wire.CauseWanted})
	}
	if want := "5 of 6 doors after 1.0 s; Barn has been offline since 12:30 and will follow; Foyer is in a higher mode, and this not in force there"; w.wanted(id).Text.String() != want {
		t.Errorf("%q\nnot %q", w.wanted(id).Text, want)
	}
	w.says("barn", wire.ModeState{Mode: wire.ModeLockdown, Cause: wire.CauseWanted})
	w.says("foyer", wire.ModeState{Mode: wire.ModeLockdown, Cause: wire.CauseWanted})
	if got := w.wanted(id); got.Took != time.Second || got.Text.String() != "6 of 6 doors after 1.0 s" {
		t.Errorf("%+v", got)
	}
	without := New(Options{Site: w.site, Clock: w.clock})
	w.setMode(Where{}, wire.ModeEvacuation, 0)
	all, err := without.WantedModes(t.Context(), as(Owner))
	w.must(err)
	if len(all) != 2 || all[0].Mode != wire.ModeEvacuation || all[0].Text.String() != "0 of 6 doors; no controller runs: readers get it when one does" || all[1].Text.String() != "6 of 6 doors after 1.0 s" {
		t.Errorf("%q, %q", all[0].Text, all[1].Text)
	}
}

func TestADoorThatDoesNotKnowTheTimeSaysWhyItStaysLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.readerAt("lab", "Annex", "Lab")
	id := w.setMode(Where{}, wire.ModeUnlocked, time.Hour)
	w.says("lab", wire.ModeState{Mode: wire.ModeNormal})
	if got := w.wanted(id).Doors[0]; got.State != ModeAwaited || got.Text.String() != "does not know the time, so it stays locked" {
		t.Errorf("%+v", got)
	}
}

func TestWantedModesComeTheHighestAndNewestFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	locked := w.setMode(Where{}, wire.ModeLocked, 0)
	lockdown := w.setMode(Where{}, wire.ModeLockdown, 0)
	again := w.setMode(Where{}, wire.ModeLocked, time.Hour)
	all, err := w.WantedModes(t.Context(), as(Viewer))
	w.must(err)
	if len(all) != 3 || all[0].ID != lockdown || all[1].ID != again || all[2].ID != locked || !all[1].Until.Equal(w.time.Add(time.Hour)) {
		t.Errorf("%+v", all)
	}
}

func TestInAnEmergencyNobodyIsAskedForAPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.readerAt("lab", "Annex", "Lab")
	a := as(Editor)
	a.FreshSignIn = false
	for _, where := range []Where{{}, {Doors, r.DoorID}} {
		for _, mode := range []wire.Mode{wire.ModeLockdown, wire.ModeEvacuation} {
			if _, err := w.SetMode(t.Context(), a, where, mode, 0); err != nil {
				t.Errorf("%s at %v: %v", mode, where, err)
			}
		}
	}
}

func TestInALockdownOnlyThoseUnlockWhoMayEndIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.readerAt("lab", "Annex", "Lab")
	w.saysOf("lab", wire.LevelModes, &wire.ModeState{Mode: wire.ModeNormal}, true)
	unlock := func(role Role) (last store.Order, err error) {
		w.live.orders = nil
		a := as(role)
		a.FreshSignIn = false
		_, err = w.Order(t.Context(), a, "lab", wire.Unlock)
		if len(w.live.orders) > 0 {
			last = w.live.orders[0]
		}
		return last, err
	}
	if o, err := unlock(Editor); err != nil || o.InLockdown {
		t.Errorf("no lockdown: %+v, %v", o, err)
	}
	w.setMode(Where{}, wire.ModeLockdown, time.Hour)
	if o, err := unlock(Editor); !errors.Is(err, ErrNotAllowed) || o.Reader != "" || !strings.Contains(err.Error(), "Lab is locked down. Somebody who may end the lockdown can unlock it; this requires Owner or Super Admin") {
		t.Errorf("%+v, %v", o, err)
	}
	if e := w.newest(); e.Result != Refused || !strings.HasPrefix(e.Text.String(), "Limited Admin (Can Edit) was not allowed to unlock Lab: Lab is locked down") {
		t.Errorf("%+v", e)
	}
	if o, err := unlock(Super); err != nil || !o.InLockdown {
		t.Errorf("%+v, %v", o, err)
	}
	// It was locked down while the order was on its way.
	w.live.reason = wire.ReasonLockdown
	if result, err := w.Order(t.Context(), as(Owner), "lab", wire.Unlock); err != nil || result.Done || result.Text.String() != "the reader refused: the door is locked down" {
		t.Errorf("%+v, %v", result, err)
	}
	w.live.reason = ""
	w.saysOf("lab", 0, nil, true)
	if o, err := unlock(Editor); err != nil || o.InLockdown {
		t.Errorf("a reader that knows no lockdown: %+v, %v", o, err)
	}
	w.saysOf("lab", 1, &wire.ModeState{Mode: wire.ModeNormal}, true)
	w.pass(time.Hour)
	if o, err := unlock(Editor); err != nil || o.InLockdown {
		t.Errorf("a lockdown that is over: %+v, %v", o, err)
	}
}

func TestEndedModesAreForgottenWithTheActivity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reader()
	id := w.setMode(Where{}, wire.ModeLockdown, 0)
	stays := w.setMode(Where{}, wire.ModeLockdown, 0)
	w.must(w.EndMode(t.Context(), as(Owner), id))
	has := func(id int64) bool {
		err := w.EndMode(t.Context(), as(Owner), id)
		return !errors.Is(err, ErrNotFound)
	}
	w.pass(90 * day)
	w.must(w.Prune(t.Context()))
	if !has(id) {
		t.Error("too early")
	}
	w.pass(time.Hour)
	w.must(w.Prune(t.Context()))
	if has(id) || w.modes("reader-1") != "lockdown" {
		t.Error("too late, or what is wanted is forgotten, too")
	}
	w.wanted(stays)
}

func TestWhoPressedLockdownByMistakeTakesItBackAtOnceAndNobodyElseDoes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		who   string
		after time.Duration
		ended bool
	}{
		{"at once", "Ada", 0, true},
		{"just in time", "Ada", undoWithin - time.Second, true},
		{"too late", "Ada", undoWithin, false},
		{"somebody else", "Bob", 0, false},
		{"with the clock set back", "Ada", -time.Second, false},
	} {
		w := newWorld(t)
		w.readerAt("lab", "Annex", "Lab")
		ada, a := as(Editor), as(Editor)
		ada.Name, a.Name = "Ada", test.who
		id, err := w.SetMode(t.Context(), ada, Where{}, wire.ModeLockdown, 0)
		w.must(err)
		w.time = w.time.Add(test.after)
		if err := w.EndMode(t.Context(), a, id); (err == nil) != test.ended {
			t.Errorf("%s: %v", test.name, err)
		}
		if ended := w.modes("lab") == ""; ended != test.ended {
			t.Errorf("%s: %q is wanted", test.name, w.modes("lab"))
		}
	}
}

func TestWhatAReaderHasConfirmedIsNoLongerSoIfItSaysOtherwise(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.readerAt("lab", "Annex", "Lab")
	lockdown := wire.ModeState{Mode: wire.ModeLockdown, Cause: wire.CauseWanted}
	id := w.setMode(Where{}, wire.ModeLockdown, 0)
	w.says("lab", lockdown)
	for _, test := range []struct {
		mode   wire.ModeState
		online bool
		state  Progress
		text   string
	}{
		{lockdown, true, ModeConfirmed, "1 of 1 door after 0.1 s"},
		{lockdown, false, ModeConfirmed, "1 of 1 door after 0.1 s; Lab confirmed it, and is offline now"},
		{wire.ModeState{Mode: wire.ModeNormal}, true, ModeLeft, "0 of 1 door; Lab had confirmed it, and works otherwise now"},
	} {
		w.saysOf("lab", wire.LevelModes, &test.mode, test.online)
		if got := w.wanted(id); got.Text.String() != test.text || got.Doors[0].State != test.state {
			t.Errorf("%+v, online %t: %s, %q", test.mode, test.online, got.Doors[0].State, got.Text)
		}
	}
	w.must(w.EndMode(t.Context(), as(Owner), id))
	id = w.setMode(Where{}, wire.ModeUnlocked, time.Hour)
	unlocked := wire.ModeState{Mode: wire.ModeUnlocked, Cause: wire.CauseWanted}
	w.says("lab", unlocked)
	w.live.states[0].State.Condition.Tamper = true
	if got := w.wanted(id); got.Doors[0].State != ModeSuspended || got.Text.String() != "0 of 1 door; Lab is locked: its reader's housing is open" {
		t.Errorf("%s, %q", got.Doors[0].State, got.Text)
	}
}
