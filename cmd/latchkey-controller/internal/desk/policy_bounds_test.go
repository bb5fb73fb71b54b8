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
	if says := Fields(err)["hours"]; !strings.Contains(says, "Lab cannot have these hours: no reader can have this policy: its groups have too many hours") {
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
	if says := Fields(err)["access"]; full < 20 || !strings.Contains(says, "too many hours") {
		t.Errorf("the policy, after %d groups: %v", full, err)
	}
	w.must(w.EditMembers(ctx, owner, "one-more", true, []uint64{w.user()}, nil))
	for range 20 {
		err = w.GiveAccess(ctx, owner, "one-more", "", []Where{{Doors, r.DoorID}}, longHours(), UseSchedule{})
		if err != nil {
			break
		}
	}
	if says := Fields(err)["where"]; !strings.HasPrefix(says, "Lab: No reader can have this policy") {
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
	w := newWorld(t)
	r := w.readerAt("lab", "Annex", "Lab")
	w.policy("lab", func(p *wire.Policy) {
		p.Access = nil
		for i := range 256 {
			p.Access = append(p.Access, wire.Access{Group: fmt.Sprint("g", i)})
		}
	})
	err := w.TakeVisitors(t.Context(), as(Owner), r.DoorID, true)
	if says := Fields(err)["where"]; says != "Lab: No reader can have this policy: 257 groups are more than 256" {
		t.Error(err)
	}
	if w.look("lab").Policy.Access[255].Group != "g255" {
		t.Error("it is changed")
	}
}
