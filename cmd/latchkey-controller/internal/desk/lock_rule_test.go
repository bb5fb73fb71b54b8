package desk

import (
	"errors"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// location returns the id of a location by its name.
func (w *world) location(name string) int64 {
	w.t.Helper()
	all, err := w.Places(w.t.Context(), as(Viewer))
	w.must(err)
	for _, l := range all {
		if l.Name == name {
			return l.ID
		}
	}
	w.t.Fatalf("there is no location %s", name)
	return 0
}

// rule returns a door's lock rule.
func (w *world) rule(door int64) LockRule {
	w.t.Helper()
	rule, err := w.LockRule(w.t.Context(), as(Viewer), door)
	w.must(err)
	s, err := w.Situation(w.t.Context(), as(Viewer))
	w.must(err)
	if other := s.Rules[door]; other.Kind != rule.Kind || !other.Until.Equal(rule.Until) {
		w.t.Errorf("%+v, in the situation %+v", rule, other)
	}
	return rule
}

func TestALockRuleReplacesTheOneBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.time = time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC) // a Monday
	r := w.readerAt("lab", "Annex", "Lab")
	closes := w.time.Add(5*time.Hour + 30*time.Minute)
	schedule, normal := LockRule{RuleSchedule, closes}, LockRule{}
	for _, step := range []struct {
		change  RuleChange
		minutes int
		want    LockRule
		modes   string
		text    string
	}{
		{KeepUnlocked, 0, LockRule{RuleUnlocked, w.time.Add(31 * day)}, "unlocked", "Owner set the mode of Lab to unlocked until 24 Dec 2026, 12:30"},
		{UnlockFor, 1440, LockRule{RuleForTime, w.time.Add(day)}, "unlocked", "Owner set the mode of Lab to unlocked until 24 Nov 2026, 12:30"},
		{KeepLocked, 7, LockRule{Kind: RuleLocked}, "locked", "Owner set the mode of Lab to locked until somebody ends it"},
		{UnlockFor, 1, LockRule{RuleForTime, w.time.Add(time.Minute)}, "unlocked", "Owner set the mode of Lab to unlocked until 23 Nov 2026, 12:31"},
		{EndRule, 0, schedule, "", "Owner ended a mode of Lab: unlocked, wanted by Owner"},
		{EndRule, 0, schedule, "", "Owner ended a mode of Lab: nothing was wanted there"},
		{UnlockFor, 10, LockRule{RuleForTime, w.time.Add(10 * time.Minute)}, "unlocked", ""},
		{LockEarly, 0, normal, "", "Owner ended the unlock schedule's hours at Lab early instead of on 23 Nov 2026, 18:00"},
		{EndRule, 0, normal, "", ""}, // it does not bring the schedule back
		{UnlockFor, 10, LockRule{RuleForTime, w.time.Add(10 * time.Minute)}, "unlocked", ""},
		{LockNow, 0, normal, "", "Owner ended the unlock schedule's hours at Lab early: unlocked, wanted by Owner"},
		{LockNow, 0, normal, "", ""}, // it is locked already
		{KeepLocked, 0, LockRule{Kind: RuleLocked}, "locked", ""},
		{LockNow, 0, LockRule{Kind: RuleLocked}, "locked", ""}, // nobody unlocks it so
	} {
		if step.change == KeepUnlocked {
			w.opens("lab", "UTC", week(wire.Span{Day: 1, From: 480, To: 1080}))
			if got := w.rule(r.DoorID); got.Kind != RuleSchedule || !got.Until.Equal(closes) {
				t.Errorf("%+v", got)
			}
		}
		w.must(w.SetLockRule(t.Context(), as(Owner), r.DoorID, step.change, step.minutes))
		if got := w.rule(r.DoorID); got.Kind != step.want.Kind || !got.Until.Equal(step.want.Until) {
			t.Errorf("%s: %+v, not %+v", step.change, got, step.want)
		}
		if got := w.modes("lab"); got != step.modes {
			t.Errorf("%s: wanted is %q", step.change, got)
		}
		if got := w.newest().Text.String(); step.text != "" && got != step.text {
			t.Errorf("%q\nnot %q", got, step.text)
		}
	}
}

func TestALockRuleWithoutAnEffectIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.readerAt("lab", "Annex", "Lab")
	w.setMode(Where{}, wire.ModeUnlocked, time.Hour)
	if err := w.SetLockRule(t.Context(), as(Owner), r.DoorID, EndRule, 0); Fields(err)["where"].String() != "Owner wants the whole site to be kept unlocked: that must be ended first, in the console" {
		t.Error(err)
	}
	w.must(w.SetLockRule(t.Context(), as(Owner), r.DoorID, KeepLocked, 0))
	w.setMode(Where{Locations, w.location("Annex")}, wire.ModeLocked, 0)
	for _, change := range []RuleChange{KeepUnlocked, UnlockFor, EndRule} {
		if err := w.SetLockRule(t.Context(), as(Owner), r.DoorID, change, 10); Fields(err)["where"].String() != "Owner wants Annex to be kept locked: that must be ended first, in the console" {
			t.Errorf("%s: %v", change, err)
		}
	}
	if got := w.rule(r.DoorID); got != (LockRule{Kind: RuleLocked}) {
		t.Errorf("%+v", got)
	}
	w.must(w.SetLockRule(t.Context(), as(Owner), r.DoorID, KeepLocked, 0)) // the same again
	for _, change := range []RuleChange{LockEarly, "open wide", ""} {
		if err := w.SetLockRule(t.Context(), as(Owner), r.DoorID, change, 10); len(Fields(err)) != 1 {
			t.Errorf("%q: %v", change, err)
		}
	}
	for _, minutes := range []int{-1, 0, MaxUnlockFor + 1} {
		if err := w.SetLockRule(t.Context(), as(Owner), r.DoorID, UnlockFor, minutes); Fields(err)["minutes"] == nil {
			t.Errorf("%d minutes: %v", minutes, err)
		}
	}
	if err := w.SetLockRule(t.Context(), as(Owner), 99, KeepLocked, 0); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := w.LockRule(t.Context(), as(Owner), 99); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestAFollowerOnlyLooks(t *testing.T) {
	t.Parallel()
	for _, act := range []Act{ViewDuress, ViewActs, ViewUsers, Unlock, SetMode, LockDown, Evacuate, EditPolicy} {
		if may := Follower().May(act); may != (act == ViewUsers) {
			t.Errorf("%s: %t", act, may)
		}
	}
}

func TestAScheduleThatWaitsForItsFirstPersonIsNoLockRule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.time = time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC)
	r := w.readerAt("lab", "Annex", "Lab")
	o := week(wire.Span{Day: 1, From: 480, To: 1080})
	o.First = "staff"
	w.opens("lab", "UTC", o)
	w.says("lab", wire.ModeState{Mode: wire.ModeNormal, Cause: wire.CauseSchedule, Waits: true})
	if got := w.rule(r.DoorID); got != (LockRule{}) {
		t.Errorf("%+v", got)
	}
	w.says("lab", wire.ModeState{Mode: wire.ModeUnlocked, Cause: wire.CauseSchedule})
	if got := w.rule(r.DoorID); got.Kind != RuleSchedule {
		t.Errorf("%+v", got)
	}
	w.opens("lab", "UTC", &wire.Opening{Schedule: always()})
	if got := w.rule(r.DoorID); got != (LockRule{Kind: RuleSchedule}) {
		t.Errorf("%+v", got)
	}
	for _, change := range []RuleChange{LockEarly, LockNow} {
		if err := w.SetLockRule(t.Context(), as(Owner), r.DoorID, change, 0); Fields(err)["where"].String() != "The unlock schedule of Lab never closes: change the schedule, or set the mode locked" {
			t.Errorf("%s: %v", change, err)
		}
	}
}

// always is a schedule that is always open.
func always() (s wire.Schedule) {
	for day := range uint8(7) {
		s.Week = append(s.Week, wire.Span{Day: day, From: 0, To: 1440})
	}
	return s
}

func TestWhoMayNotChangeALockRuleDoesNotLearnWhichDoorsThereAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.look(w.reader()).DoorID
	for _, id := range []int64{door, door + 1000} {
		for _, change := range []RuleChange{KeepUnlocked, EndRule, LockEarly, UnlockFor} {
			if err := w.SetLockRule(t.Context(), as(Viewer), id, change, 0); !errors.Is(err, ErrNotAllowed) || errors.Is(err, ErrNotFound) || Fields(err) != nil {
				t.Errorf("door %d, %s: %v", id, change, err)
			}
		}
	}
	if err := w.SetLockRule(t.Context(), as(Owner), door+1000, EndRule, 0); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}
