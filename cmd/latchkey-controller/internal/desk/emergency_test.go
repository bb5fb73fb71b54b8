package desk

import (
	"errors"
	"slices"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAnEmergencyIsOfTheWholeSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.readerAt("lab", "Annex", "Lab")
	annex := w.location("Annex")
	yes, no := new(bool), new(bool)
	*yes = true
	w.setMode(Where{Locations, annex}, wire.ModeLockdown, 0)
	for _, step := range []struct {
		lockdown, evacuation *bool
		want                 Emergency
		acts                 int // audit rows
	}{
		{nil, nil, Emergency{}, 0},
		{no, no, Emergency{}, 0},
		{yes, no, Emergency{Lockdown: true}, 1},
		{yes, nil, Emergency{Lockdown: true}, 0},
		{yes, yes, Emergency{true, true}, 1},
		{no, yes, Emergency{Evacuation: true}, 1},
		{nil, no, Emergency{}, 1},
		{yes, yes, Emergency{true, true}, 2},
	} {
		before := w.newest().ID
		w.must(w.SetEmergency(t.Context(), as(Owner), step.lockdown, step.evacuation))
		got, err := w.Emergency(t.Context(), as(Viewer))
		if err != nil || got != step.want || w.newest().ID != before+int64(step.acts) {
			t.Errorf("%+v, %d acts, %v, not %+v", got, w.newest().ID-before, err, step)
		}
	}
	// Somebody else wants it, too: both end.
	w.setMode(Where{}, wire.ModeLockdown, time.Hour)
	w.must(w.SetEmergency(t.Context(), as(Owner), no, no))
	if got, err := w.Emergency(t.Context(), as(Viewer)); err != nil || got != (Emergency{}) {
		t.Errorf("%+v, %v", got, err)
	}
	if w.modes("lab") != "lockdown" {
		t.Error("the location's lockdown is ended, too")
	}
}

func TestAnEmergencyIsChangedAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	yes, no := new(bool), new(bool)
	*yes = true
	w.must(w.SetEmergency(t.Context(), as(Owner), yes, nil))
	w.time = w.time.Add(undoWithin)
	if err := w.SetEmergency(t.Context(), as(Editor), no, yes); !errors.Is(err, ErrNotAllowed) {
		t.Error(err)
	}
	if got, err := w.Emergency(t.Context(), as(Viewer)); err != nil || got != (Emergency{Lockdown: true}) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := w.SetEmergency(t.Context(), as(Viewer), yes, nil); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("what is so already: %v", err)
	}
}

func TestIfTheSecondOfTwoEmergenciesFailsNeitherIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.readerAt("lab", "Annex", "Lab")
	yes := new(bool)
	*yes = true
	// As many modes as there may be, but for one.
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		for range 255 {
			if err := tx.AddMode(&store.Mode{Mode: wire.ModeLocked, Level: "site", Until: w.time.Add(time.Hour).Unix(), Who: "Grace", At: w.time.UnixMilli()}); err != nil {
				return err
			}
		}
		return nil
	}))
	before := w.newest().ID
	if err := w.SetEmergency(t.Context(), as(Owner), yes, yes); Fields(err)["mode"] == nil {
		t.Error(err)
	}
	if got, err := w.Emergency(t.Context(), as(Viewer)); err != nil || got != (Emergency{}) {
		t.Errorf("%+v, %v", got, err)
	}
	if e := w.newest(); e.ID != before+1 || e.Result != Refused || e.Kind != "admin."+string(LockDown) {
		t.Errorf("%d acts are in the audit, the newest is %s", e.ID-before, e.Text)
	}
	w.must(w.SetEmergency(t.Context(), as(Owner), nil, yes))
}

func TestAnEmergencyOfALimitedAdministratorIsThatOfAllTheirLocations(t *testing.T) {
	s := newSideDoor(t)
	ctx := t.Context()
	yard, err := s.AddPlace(ctx, as(Owner), Locations, 0, "Yard")
	s.must(err)
	local := s.limitedTo(Super, s.annex, yard)
	is := func(a Actor, want Emergency) {
		t.Helper()
		got, err := s.Emergency(ctx, a)
		situation, err2 := s.Situation(ctx, a)
		if err != nil || err2 != nil || got != want || situation.Emergency != want {
			t.Errorf("%+v, %v, %v, not %+v", got, err, err2, want)
		}
	}
	wanted := func(want ...string) {
		t.Helper()
		modes, err := s.WantedModes(ctx, as(Owner))
		s.must(err)
		var got []string
		for _, m := range modes {
			got = append(got, string(m.Mode)+" "+m.Place)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q, not %q", got, want)
		}
	}
	s.setMode(Where{Locations, s.annex}, wire.ModeLockdown, 0)
	s.setMode(Where{Locations, s.home}, wire.ModeLockdown, 0)
	is(local, Emergency{}) // not of Yard
	s.must(s.SetEmergency(ctx, local, new(true), nil))
	wanted("lockdown Annex", "lockdown Home", "lockdown Yard")
	is(local, Emergency{Lockdown: true})
	is(as(Owner), Emergency{})
	before := s.newest().ID
	s.must(s.SetEmergency(ctx, local, new(true), nil))
	if s.newest().ID != before {
		t.Error("what is so already was set again")
	}
	s.must(s.SetEmergency(ctx, local, new(false), new(true)))
	wanted("evacuation Annex", "evacuation Yard", "lockdown Home")
	is(local, Emergency{Evacuation: true})
	whole := s.setMode(Where{}, wire.ModeLockdown, 0)
	is(local, Emergency{true, true})
	s.refuses("end that of the site", s.SetEmergency(ctx, local, new(false), new(false)))
	wanted("evacuation Annex", "evacuation Yard", "lockdown Home", "lockdown "+wholeSite)
	s.must(s.SetEmergency(ctx, local, nil, new(false)))
	s.must(s.EndMode(ctx, as(Owner), whole))
	wanted("lockdown Home")

	// All are done or none, also by the console's buttons.
	for range 238 {
		s.setMode(Where{Doors, s.front.DoorID}, wire.ModeLockdown, 0)
	}
	before = s.newest().ID
	if err := s.SetEmergency(ctx, local, new(true), nil); Fields(err)["mode"] == nil || s.newest().ID != before+1 {
		t.Error(err)
	}
	if _, err := s.SetModeOfAll(ctx, local, wire.ModeEvacuation, 0); Fields(err)["mode"] == nil {
		t.Error(err)
	}
	is(local, Emergency{})
	if done, err := s.SetModeOfAll(ctx, s.local, wire.ModeEvacuation, 0); err != nil || len(done) != 1 || done[0].Place != "Annex" {
		t.Errorf("%+v, %v", done, err)
	}
	s.must(s.RemovePlace(ctx, as(Owner), Locations, yard))
	nowhere := s.limitedTo(Super, s.annex)
	s.must(s.site.Update(ctx, func(tx *store.Tx) error { return tx.LimitAdmin(nowhere.ID, true, nil) }))
	is(nowhere, Emergency{})
	s.refuses("nowhere", s.SetEmergency(ctx, nowhere, new(true), nil))
	_, err = s.SetModeOfAll(ctx, nowhere, wire.ModeLockdown, 0)
	s.refuses("nowhere, by the console", err)
}
