package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/sync/wire"
)

// listed returns what a reader's list says of a group: "none", "always", or its hours.
func (w *world) listed(reader, group string) string {
	w.t.Helper()
	at := groupAt(w.look(reader).Policy, group)
	if !at.May {
		return "none"
	}
	return HoursLine(at.Hours).String()
}

func TestAnAccessPolicyIsTheListEntriesOfItsDoors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner, ctx := as(Owner), t.Context()
	var readers []string
	var doors []int64
	for range 3 {
		reader := w.reader()
		readers, doors = append(readers, reader), append(doors, w.look(reader).DoorID)
	}
	office, err := w.AddSchedule(ctx, owner, ScheduleForm{"Office hours", night()})
	w.must(err)
	p, err := w.SetAccessPolicy(ctx, owner, 0, AccessPolicyForm{Name: "crew", Doors: doors[:2], Schedule: office})
	w.must(err)
	if p.Name != "crew" || !slices.Equal(p.Doors, doors[:2]) || p.Schedule != office || p.Always {
		t.Fatalf("%+v", p)
	}
	is := func(what string, want ...string) {
		t.Helper()
		for i, reader := range readers {
			if got := w.listed(reader, p.Name); got != want[i] {
				t.Errorf("%s: at %s %s, not %s", what, reader, got, want[i])
			}
		}
		w.check()
	}
	set := func(form AccessPolicyForm) {
		t.Helper()
		p, err = w.SetAccessPolicy(ctx, owner, p.Number, form)
		w.must(err)
		again, err := w.AccessPolicy(ctx, as(Viewer), p.Number)
		w.must(err)
		if fmt.Sprint(again) != fmt.Sprint(p) {
			t.Errorf("%+v, read as %+v", p, again)
		}
	}
	is("new", "Mon 18:00-08:00", "Mon 18:00-08:00", "none")
	w.must(w.EditSchedule(ctx, owner, office, 0, func(f *ScheduleForm) { f.Hours = evening() }))
	is("the schedule changes", "Mon 18:00-24:00", "Mon 18:00-24:00", "none")
	set(AccessPolicyForm{Doors: doors[1:]})
	is("other doors", "none", "Mon 18:00-24:00", "Mon 18:00-24:00")
	set(AccessPolicyForm{Name: "staff", Always: true})
	is("always, and renamed", "none", "always", "always")
	if !p.Always || p.Schedule != 0 || p.Name != "staff" {
		t.Errorf("%+v", p)
	}
	if got, want := w.newest().Text.String(), "Owner set what the group crew opens: it is called staff now; Door of "+readers[1]+", Door of "+readers[2]+": always"; got != want {
		t.Errorf("%q\nnot %q", got, want)
	}
	// Hours that a door has of its own stay where nothing is said of them, and no other door gets some.
	w.must(w.GiveAccess(ctx, owner, "staff", "", []Where{{Doors, doors[2]}}, night(), UseSchedule{}))
	before := w.look(readers[2]).Policy.Revision
	set(AccessPolicyForm{Doors: doors[1:]})
	is("hours of its own", "none", "always", "Mon 18:00-08:00")
	if p.Always || p.Schedule != 0 || w.look(readers[2]).Policy.Revision != before {
		t.Errorf("%+v", p)
	}
	if _, err := w.SetAccessPolicy(ctx, owner, p.Number, AccessPolicyForm{Doors: doors}); Fields(err)["access"] == nil {
		t.Errorf("a door gets a schedule that nobody has named: %v", err)
	}
	is("refused", "none", "always", "Mon 18:00-08:00")
	// A door with two readers is one, and both have the group on their lists.
	w.must(w.MoveReader(ctx, owner, readers[1], "", doors[0]))
	set(AccessPolicyForm{Doors: doors[:1], Schedule: office})
	is("two readers", "Mon 18:00-24:00", "Mon 18:00-24:00", "none")
	if !slices.Equal(p.Doors, doors[:1]) || p.Schedule != office {
		t.Errorf("%+v", p)
	}
	set(AccessPolicyForm{Doors: []int64{}})
	is("no doors", "none", "none", "none")
	if is := w.numbered(p.Number); is != "staff" {
		t.Errorf("without doors it is %q", is)
	}
}

func TestAnAccessPolicyIsSetAtAllDoorsOrAtNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner, ctx := as(Owner), t.Context()
	first, second := w.reader(), w.reader()
	doors := []int64{w.look(first).DoorID, w.look(second).DoorID}
	w.reader() // of another door
	p, err := w.SetAccessPolicy(ctx, owner, 0, AccessPolicyForm{Name: "crew", Doors: doors, Always: true})
	w.must(err)
	w.policy(second, func(p *wire.Policy) {
		p.Opening = &wire.Opening{Schedule: *evening(), First: "crew"}
	})
	bare, err := w.AddPlace(ctx, owner, Doors, w.look(first).HubID, "Without a reader")
	w.must(err)
	other, err := w.AddGroup(ctx, owner, "other")
	w.must(err)
	office, err := w.AddSchedule(ctx, owner, ScheduleForm{"Office hours", night()})
	w.must(err)
	everyone, err := w.Group(ctx, owner, wire.Everyone)
	w.must(err)
	for what, test := range map[string]struct {
		number int64
		form   AccessPolicyForm
		field  string // "": there is no such group
	}{
		"an unlock schedule waits":   {p.Number, AccessPolicyForm{Doors: []int64{}}, "where"},
		"a door without a reader":    {p.Number, AccessPolicyForm{Doors: append(doors, bare), Always: true}, "where"},
		"no such door":               {p.Number, AccessPolicyForm{Doors: append(doors, 99), Always: true}, "where"},
		"no door at all":             {p.Number, AccessPolicyForm{Doors: append(doors, 0), Always: true}, "where"},
		"no such schedule":           {p.Number, AccessPolicyForm{Doors: doors, Schedule: 99}, "schedule"},
		"a schedule, and no doors":   {other, AccessPolicyForm{Schedule: office}, "where"},
		"a name that another has":    {p.Number, AccessPolicyForm{Name: "other"}, "name"},
		"no name":                    {p.Number, AccessPolicyForm{Name: "Night Shift"}, "name"},
		"everyone, renamed":          {everyone.Number, AccessPolicyForm{Name: "all"}, "group"},
		"a new one of another name":  {0, AccessPolicyForm{Name: "other"}, "group"},
		"a new one without a name":   {0, AccessPolicyForm{Doors: doors, Always: true}, "group"},
		"a new one at no such door":  {0, AccessPolicyForm{Name: "new", Doors: []int64{99}, Always: true}, "where"},
		"a number that no group has": {p.Number + 100, AccessPolicyForm{Doors: doors}, ""},
	} {
		_, err := w.SetAccessPolicy(ctx, owner, test.number, test.form)
		if test.field == "" && !errors.Is(err, ErrNotFound) || test.field != "" && Fields(err)[test.field] == nil {
			t.Errorf("%s: %v, %v", what, err, Fields(err))
		}
		if w.listed(first, "crew") != "always" || w.listed(second, "crew") != "always" {
			t.Errorf("%s: it was refused, and is %s and %s", what, w.listed(first, "crew"), w.listed(second, "crew"))
		}
	}
	groups, err := w.Groups(ctx, owner)
	if err != nil || strings.Join(groups, " ") != "crew other" {
		t.Errorf("%q, %v", groups, err)
	}
	w.check()
}
