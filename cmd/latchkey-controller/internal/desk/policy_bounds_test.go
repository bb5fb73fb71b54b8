package desk

import (
	"fmt"
	"strings"
	"testing"

	"latchkey/sync/wire"
)

// longHours is as many hours as a schedule can have.
func longHours() *wire.Schedule {
	long := new(wire.Schedule)
	for i := range 64 {
		long.Week = append(long.Week, wire.Span{Day: uint8(i % 7), From: uint16(300 + 20*(i/7)), To: uint16(310 + 20*(i/7))})
		long.Holiday = append(long.Holiday, wire.Span{From: uint16(300 + 10*i), To: uint16(305 + 10*i)})
	}
	return long
}

// A policy that no reader can have is refused, at whatever it comes from, and can always be
// read, and locked down.
func TestNoEditMakesAPolicyTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.readerAt("lab", "Annex", "Lab")
	ctx, owner := t.Context(), as(Owner)
	short, err := ParseHours(map[string]string{"mon": "8-9"})
	w.must(err)
	id, err := w.AddSchedule(ctx, owner, ScheduleForm{"Office", short})
	w.must(err)
	var uses []UseSchedule
	for i := range 200 {
		uses = append(uses, UseSchedule{HoursUse: HoursUse{What: AccessHours, Group: fmt.Sprint("g", i)}, ID: id})
	}
	_, err = w.SetPolicy(ctx, owner, "lab", 0, func(p *wire.Policy) { p.Access = nil }, uses...)
	w.must(err)
	err = w.EditSchedule(ctx, owner, id, 0, func(f *ScheduleForm) { f.Hours = longHours() })
	if says := Fields(err)["hours"]; !strings.Contains(says.String(), "Lab cannot have these hours: no reader can have this policy: its groups have too many hours") {
		t.Errorf("the schedule: %v", err)
	}
	// As many as there can be, one by one.
	full := 0
	for ; full < 200; full++ {
		_, err = w.SetPolicy(ctx, owner, "lab", 0, func(p *wire.Policy) { p.Access[full].Schedule = longHours() })
		if err != nil {
			break
		}
	}
	if says := Fields(err)["access"]; full < 20 || !strings.Contains(says.String(), "too many hours") {
		t.Errorf("the policy, after %d groups: %v", full, err)
	}
	w.must(w.EditMembers(ctx, owner, "one-more", true, []uint64{w.user()}, nil))
	for range 20 {
		err = w.GiveAccess(ctx, owner, "one-more", "", []Where{{Doors, r.DoorID}}, longHours(), UseSchedule{})
		if err != nil {
			break
		}
	}
	if says := Fields(err)["where"]; !strings.HasPrefix(says.String(), "Lab: No reader can have this policy") {
		t.Errorf("the group: %v", err)
	}
	w.setMode(Where{}, wire.ModeLockdown, 0)
	w.setMode(Where{}, wire.ModeEvacuation, 0)
	if w.modes("lab") != "lockdown evacuation" {
		t.Errorf("%q", w.modes("lab"))
	}
	if _, err := w.Readers(ctx, owner); err != nil {
		t.Error(err)
	}
}

func TestADoorWhoseListIsFullTakesNoVisitors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.readerAt("lab", "Annex", "Lab")
	w.policy("lab", func(p *wire.Policy) {
		p.Access = nil
		for i := range 256 {
			p.Access = append(p.Access, wire.Access{Group: fmt.Sprint("g", i)})
		}
	})
	err := w.TakeVisitors(t.Context(), as(Owner), r.DoorID, true)
	if says := Fields(err)["where"].String(); says != "Lab: No reader can have this policy: 257 groups are more than 256" {
		t.Error(err)
	}
	if w.look("lab").Policy.Access[255].Group != "g255" {
		t.Error("it is changed")
	}
}

func TestHoursThatNeverComeAreRefusedWhereverTheyAreGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.reader()
	never := []wire.Access{{Group: "staff", Schedule: new(wire.Schedule)}}
	_, err := w.SetPolicy(t.Context(), as(Owner), r, 0, func(p *wire.Policy) { p.Access = never })
	if says := Fields(err)["access"]; !strings.HasPrefix(says.String(), "Staff could never open this door") && !strings.HasPrefix(says.String(), "staff could never open this door") {
		t.Error(err)
	}
	form := w.form("new")
	form.Access = never
	if _, err := w.Adopt(t.Context(), as(Owner), form, func([]byte) error { return nil }); Fields(err)["access"] == nil {
		t.Errorf("adopted with it: %v", err)
	}
	w.oldPolicy(r, func(p *wire.Policy) { p.Access = never })
	w.policy(r, func(p *wire.Policy) { p.Greeting = "Hello" }) // what was so before does not keep anybody from other edits
}

func TestAScheduleIsTakenForAGroupThatStandsOnceOnTheList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.reader()
	id, err := w.AddSchedule(t.Context(), as(Owner), ScheduleForm{"Day", evening()})
	w.must(err)
	use := UseSchedule{HoursUse: HoursUse{What: AccessHours, Group: "staff"}, ID: id}
	_, err = w.SetPolicy(t.Context(), as(Owner), r, 0, func(p *wire.Policy) {
		p.Access = []wire.Access{{Group: "staff"}, {Group: "staff"}}
	}, use)
	if says := Fields(err)["access"]; !strings.Contains(says.String(), "is on the list 2 times") {
		t.Error(err)
	}
	use.ID = 99
	_, err = w.SetPolicy(t.Context(), as(Owner), r, 0, func(*wire.Policy) {}, use)
	if says := Fields(err)["schedule"].String(); says != "Somebody has removed this schedule meanwhile: choose another" {
		t.Error(err)
	}
}
