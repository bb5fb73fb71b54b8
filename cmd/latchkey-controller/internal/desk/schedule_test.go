package desk

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// officeHours are Monday to Friday, 08:00 to 18:00.
func officeHours() *wire.Schedule {
	s := new(wire.Schedule)
	for day := uint8(1); day <= 5; day++ {
		s.Week = append(s.Week, wire.Span{Day: day, From: 480, To: 1080})
	}
	return s
}

// night is Monday 18:00 to Tuesday 08:00.
func night() *wire.Schedule {
	return &wire.Schedule{Week: []wire.Span{{Day: 1, From: 1080, To: 1440}, {Day: 2, From: 0, To: 480}}}
}

// schedule adds a schedule.
func (w *world) schedule() (id int64, name string) {
	w.t.Helper()
	w.n++
	name = fmt.Sprint("Hours ", w.n)
	id, err := w.AddSchedule(w.t.Context(), as(Owner), ScheduleForm{name, officeHours()})
	w.must(err)
	return id, name
}

// uses has hours of a reader's policy be those of a schedule.
func (w *world) uses(reader, schedule string, uses ...HoursUse) {
	w.t.Helper()
	var edits []UseSchedule
	for _, use := range uses {
		edits = append(edits, UseSchedule{HoursUse: use, Schedule: schedule})
	}
	_, err := w.SetPolicy(w.t.Context(), as(Owner), reader, 0, func(*wire.Policy) {}, edits...)
	w.must(err)
}

var (
	staffAccess = HoursUse{What: AccessHours, Group: "staff"}
	opening     = HoursUse{What: OpeningHours}
	twoProofs   = HoursUse{What: TwoProofsHours}
)

func TestAnAbsentScheduleIsNamedInWordsForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, owner, reader := t.Context(), as(Owner), w.reader()
	_, found := w.FindSchedule(ctx, owner, "Edge")
	_, set := w.SetPolicy(ctx, owner, reader, 0, func(*wire.Policy) {}, UseSchedule{HoursUse: staffAccess, Schedule: "Edge"})
	for _, c := range []struct {
		err        error
		text, word string
	}{{found, `there is no schedule "Edge"`, ""}, {set, `There is no schedule "Edge"`, `There is no schedule "Edge"`}} {
		if !errors.Is(c.err, ErrNotFound) || c.err.Error() != c.text || Fields(c.err)["schedule"].String() != c.word {
			t.Errorf("%v", c.err)
		}
	}
}

func TestAnEditOfAScheduleChangesTheDoorsThatUseIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, owner := t.Context(), as(Owner)
	front, back, other := w.reader(), w.reader(), w.reader()
	id, name := w.schedule()
	w.uses(front, name, staffAccess, opening)
	w.uses(back, name, twoProofs)
	before := w.look(other).Policy.Revision
	acts := len(w.told(Query{Limit: 100}))
	w.must(w.EditSchedule(ctx, owner, id, 1, func(f *ScheduleForm) { f.Name, f.Hours = "Night", night() }))
	if n := len(w.told(Query{Limit: 100})) - acts; n != 1 {
		t.Errorf("%d acts are noted", n)
	}
	want := "Owner changed schedules: " + name + " is called Night now and has the hours Mon 18:00-08:00 now, had " + HoursLine(officeHours()).String()
	if got := w.newest().Text.String(); got != want {
		t.Errorf("%q\nnot %q", got, want)
	}
	for _, c := range []struct {
		reader string
		uses   []HoursUse
	}{{front, []HoursUse{staffAccess, opening}}, {back, []HoursUse{twoProofs}}} {
		r := w.look(c.reader)
		settings := values(policySettings(r.Policy, r.Named))
		for _, use := range c.uses {
			if r.Named[use] != "Night" {
				t.Errorf("%s: %v uses %q", c.reader, use, r.Named[use])
			}
		}
		for _, setting := range map[HoursUse]string{staffAccess: "access of staff", opening: "unlock schedule", twoProofs: "card and PIN"} {
			text := settings[setting]
			if text.String() != "" && text.String() != "Night ("+HoursLine(night()).String()+")" {
				t.Errorf("%s: %s: %s", c.reader, setting, text)
			}
		}
	}
	if w.look(other).Policy.Revision != before {
		t.Error("a door that does not use it was told")
	}
	s, err := w.Schedule(ctx, owner, id)
	if err != nil || s.Doors != 2 || len(s.Uses) != 3 || s.Revision != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	w.check()
}

func TestHoursOfItsOwnEndTheUseOfASchedule(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(w *world, reader string) error{
		"other hours": func(w *world, reader string) error {
			_, err := w.SetPolicy(w.t.Context(), as(Owner), reader, 0, func(p *wire.Policy) {
				for i := range p.Access {
					if p.Access[i].Group == "staff" {
						p.Access[i].Schedule = night()
					}
				}
			})
			return err
		},
		"always": func(w *world, reader string) error {
			_, err := w.SetPolicy(w.t.Context(), as(Owner), reader, 0, func(p *wire.Policy) { p.Access = []wire.Access{{Group: "staff"}} })
			return err
		},
		"no access": func(w *world, reader string) error {
			_, err := w.SetPolicy(w.t.Context(), as(Owner), reader, 0, func(p *wire.Policy) { p.Access = nil })
			return err
		},
		"the same hours of its own": func(w *world, reader string) error {
			_, err := w.SetPolicy(w.t.Context(), as(Owner), reader, 0, func(*wire.Policy) {}, UseSchedule{HoursUse: staffAccess, Schedule: ""})
			return err
		},
		"another schedule": func(w *world, reader string) error {
			_, other := w.schedule()
			w.uses(reader, other, staffAccess)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			reader := w.reader()
			id, schedule := w.schedule()
			w.uses(reader, schedule, staffAccess)
			w.must(edit(w, reader))
			if used := w.look(reader).Named[staffAccess]; used == schedule {
				t.Error("it still uses the schedule")
			}
			w.must(w.RemoveSchedule(t.Context(), as(Owner), id))
		})
	}
}

func TestAnotherEditKeepsTheUseOfASchedule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.reader()
	_, schedule := w.schedule()
	w.uses(reader, schedule, staffAccess, opening)
	_, err := w.SetPolicy(t.Context(), as(Owner), reader, 0, func(p *wire.Policy) { p.Limit, p.Opening.First = 3, "staff" })
	w.must(err)
	w.must(w.SwitchPIN(t.Context(), as(Owner), reader, false))
	if named := w.look(reader).Named; named[staffAccess] != schedule || named[opening] != schedule {
		t.Errorf("%v", named)
	}
}

func TestBadSchedulesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, owner := t.Context(), as(Owner)
	id, name := w.schedule()
	reader := w.reader()
	w.uses(reader, name, staffAccess, opening)
	edit := func(was int64, edit func(*ScheduleForm)) error { return w.EditSchedule(ctx, owner, id, was, edit) }
	add := func(name string, hours *wire.Schedule) error {
		_, err := w.AddSchedule(ctx, owner, ScheduleForm{name, hours})
		return err
	}
	for _, c := range []struct {
		err         error
		field, want string
	}{
		{add("", officeHours()), "name", "Enter a name"},
		{add(strings.ToUpper(name), officeHours()), "name", "There already is a schedule with this name"},
		{add(strings.Repeat("x", 200), officeHours()), "name", ""},
		{add("Never", new(wire.Schedule)), "hours", "This schedule would never be open"},
		{add("None", nil), "hours", "This schedule would never be open"},
		{edit(0, func(f *ScheduleForm) { f.Hours = new(wire.Schedule) }), "hours", "This schedule would never be open"},
		{edit(7, func(*ScheduleForm) {}), "schedule", "Somebody else has changed this schedule"},
		{w.RemoveSchedule(ctx, owner, id), "schedule", name + " is in use at Door of " + reader + " (access of staff), Door of " + reader + " (unlock schedule): choose other hours there first"},
		{func() error {
			_, err := w.SetPolicy(ctx, owner, reader, 0, func(*wire.Policy) {}, UseSchedule{HoursUse: staffAccess, Schedule: "Absent"})
			return err
		}(), "schedule", `There is no schedule "Absent"`},
	} {
		if got := Fields(c.err)[c.field]; got == nil || !strings.HasPrefix(got.String(), c.want) {
			t.Errorf("%v, not %s: %s", c.err, c.field, c.want)
		}
	}
	if _, err := w.FindSchedule(ctx, owner, "Absent"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if r := w.look(reader); r.Named[opening] != name || HoursLine(&r.Policy.Opening.Schedule).String() != HoursLine(officeHours()).String() {
		t.Errorf("a refused edit changed the policy: %+v", r.Policy.Opening)
	}
}

func TestARemovedReaderKeepsNoScheduleInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.reader()
	id, name := w.schedule()
	w.uses(reader, name, staffAccess)
	_, err := w.RemoveReader(t.Context(), as(Owner), reader, Returned)
	w.must(err)
	w.must(w.RemoveSchedule(t.Context(), as(Owner), id))
	w.check()
}

func TestASiteHasABoundedNumberOfSchedules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) (err error) {
		for i := range maxSchedules {
			err = errors.Join(err, tx.AddSchedule(&store.Schedule{Name: fmt.Sprint("Hours ", i), Hours: night()}))
		}
		return err
	}))
	if _, err := w.AddSchedule(t.Context(), as(Owner), ScheduleForm{"One more", officeHours()}); Fields(err)["name"] == nil {
		t.Error(err)
	}
}

func TestOfTwoWhoEditAScheduleAtOnceOneIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, name := w.schedule()
	w.uses(w.reader(), name, staffAccess)
	for was := int64(1); was < 6; was++ {
		errs := make([]error, 2)
		var both sync.WaitGroup
		for i := range errs {
			both.Go(func() {
				errs[i] = w.EditSchedule(t.Context(), as(Owner), id, was, func(f *ScheduleForm) {
					f.Hours = &wire.Schedule{Week: []wire.Span{{Day: uint8(i), From: uint16(was), To: 600}}}
				})
			})
		}
		both.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || Fields(errors.Join(errs...))["schedule"] == nil {
			t.Errorf("%v", errs)
		}
	}
	w.check()
}

func TestAScheduleIsNotRemovedWhileADoorTakesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.reader()
	for range 5 {
		id, name := w.schedule()
		var taken, removed error
		var both sync.WaitGroup
		both.Go(func() {
			_, taken = w.SetPolicy(t.Context(), as(Owner), reader, 0, func(*wire.Policy) {}, UseSchedule{HoursUse: staffAccess, Schedule: name})
		})
		both.Go(func() { removed = w.RemoveSchedule(t.Context(), as(Owner), id) })
		both.Wait()
		if (taken == nil) == (removed == nil) || Fields(errors.Join(taken, removed))["schedule"] == nil {
			t.Errorf("%v, %v", taken, removed)
		}
		w.check()
	}
}
