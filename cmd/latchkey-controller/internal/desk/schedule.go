package desk

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A HoursUse is where hours stand in a policy.
type HoursUse = store.HoursUse

// What hours are for.
const (
	AccessHours    = store.AccessHours    // of a group
	OpeningHours   = store.OpeningHours   // of the unlock schedule
	TwoProofsHours = store.TwoProofsHours // when card and PIN are demanded
)

// A Schedule is hours with a name. Policies that use it have a copy of them.
type Schedule struct {
	ID       int64
	Name     string
	Hours    *wire.Schedule
	Revision int64         // for a form that edits it
	Uses     []ScheduleUse // by the doors' names; without those of removed readers, and those out of reach
	Doors    int           // that use it
}

// A ScheduleUse is a use of a schedule at a door.
type ScheduleUse struct {
	HoursUse
	Reader string
	DoorID int64
	Door   string // its name
}

// Text says what the hours are for: "access of staff".
func (u ScheduleUse) Text() *language.Sentence {
	switch u.What {
	case OpeningHours:
		return language.Say("unlock schedule")
	case TwoProofsHours:
		return language.Say("card and PIN")
	}
	return language.Say("access of %s¦a group", u.Group)
}

// maxSchedules bounds how many schedules a site has.
const maxSchedules = 256

// Schedules returns all schedules, by name.
func (d *Desk) Schedules(ctx context.Context, a Actor) ([]*Schedule, error) {
	return d.FindSchedules(ctx, a, "")
}

// FindSchedules returns the schedules whose names have words that begin with those of a search,
// ignoring case and accents, by name.
func (d *Desk) FindSchedules(ctx context.Context, a Actor, search string) (schedules []*Schedule, err error) {
	words := strings.Fields(store.Fold(search))
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		rows, err := tx.Schedules()
		if err != nil {
			return err
		}
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		uses, err := tx.ScheduleUses()
		if err != nil {
			return err
		}
		for _, row := range rows {
			if slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(" "+store.Fold(row.Name), " "+word) }) {
				continue
			}
			schedules = append(schedules, &Schedule{ID: row.ID, Name: row.Name, Hours: row.Hours, Revision: row.Revision})
		}
		return fillUses(tx, schedules, r.uses(uses))
	})
	return schedules, err
}

// Schedule returns a schedule, or ErrNotFound.
func (d *Desk) Schedule(ctx context.Context, a Actor, id int64) (*Schedule, error) {
	return d.schedule(ctx, a, func(tx *store.Tx) (*store.Schedule, error) { return tx.Schedule(id) })
}

// FindSchedule returns the schedule with a name, ignoring case and accents, or an error that
// is ErrNotFound and says so.
func (d *Desk) FindSchedule(ctx context.Context, a Actor, name string) (*Schedule, error) {
	return d.schedule(ctx, a, func(tx *store.Tx) (*store.Schedule, error) { return scheduleNamed(tx, name) })
}

func (d *Desk) schedule(ctx context.Context, a Actor, find func(*store.Tx) (*store.Schedule, error)) (s *Schedule, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		row, err := find(tx)
		if err != nil {
			return err
		}
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		uses, err := tx.UsesOfSchedule(row.ID)
		if err != nil {
			return err
		}
		s = &Schedule{ID: row.ID, Name: row.Name, Hours: row.Hours, Revision: row.Revision}
		return fillUses(tx, []*Schedule{s}, r.uses(uses))
	})
	return s, err
}

// uses returns those uses of schedules that are in reach.
func (r *reach) uses(all []store.ScheduleUse) []store.ScheduleUse {
	return slices.DeleteFunc(all, func(u store.ScheduleUse) bool { return !r.hasReader(u.Reader) })
}

// scheduleNamed returns the schedule with a name; the error says if there is none.
func scheduleNamed(tx *store.Tx, name string) (*store.Schedule, error) {
	s, err := tx.ScheduleNamed(TidyName(name))
	if errors.Is(err, store.ErrNotFound) {
		return nil, language.Say(`there is no schedule "%s"`, Clean(cut(name, wire.MaxName))).Because(ErrNotFound)
	}
	return s, err
}

// fillUses fills in where schedules are used.
func fillUses(tx *store.Tx, schedules []*Schedule, uses []store.ScheduleUse) error {
	places, err := tx.ReaderPlaces()
	if err != nil {
		return err
	}
	removed, err := tx.Removed()
	if err != nil {
		return err
	}
	byID := map[int64]*Schedule{}
	for _, s := range schedules {
		byID[s.ID] = s
	}
	for _, u := range uses {
		if s := byID[u.Schedule]; s != nil && removed[u.Reader] == "" {
			s.Uses = append(s.Uses, ScheduleUse{u.HoursUse, u.Reader, places[u.Reader].Door, doorName(places, u.Reader)})
		}
	}
	for _, s := range schedules {
		slices.SortStableFunc(s.Uses, func(a, b ScheduleUse) int { return strings.Compare(a.Door, b.Door) })
		doors := map[int64]bool{}
		for _, u := range s.Uses {
			doors[u.DoorID] = true
		}
		s.Doors = len(doors)
	}
	return nil
}

// A ScheduleForm is a schedule as an administrator edits it.
type ScheduleForm struct {
	Name  string
	Hours *wire.Schedule
}

// check checks the fields of a schedule, and tidies its name.
func (f *ScheduleForm) check() error {
	f.Name = TidyName(f.Name)
	var wrongs FieldErrors
	if f.Name == "" {
		wrongs.add(wrong("name", "Enter a name"))
	}
	wrongs.add(wrongField("name", wire.CheckLabel(f.Name)))
	switch strings.ToLower(f.Name) {
	case "always", "never", "on", "off", "none": // they mean something where a schedule is chosen
		wrongs.add(wrong("name", "%s cannot be the name of a schedule; choose another", f.Name))
	}
	switch {
	case f.Hours == nil || len(f.Hours.Week)+len(f.Hours.Holiday) == 0:
		wrongs.add(wrong("hours", "This schedule would never be open: enter hours for at least one day"))
	default:
		wrongs.add(wrongField("hours", f.Hours.Check()))
	}
	return wrongs.asMistyped().err()
}

func scheduleError(err error) error {
	if errors.Is(err, store.ErrNameTaken) {
		return wrong("name", "There already is a schedule with this name; choose another")
	}
	return err
}

// AddSchedule adds a schedule. Fields: "name", "hours".
func (d *Desk) AddSchedule(ctx context.Context, a Actor, form ScheduleForm) (id int64, err error) {
	target := &auditTarget{subject: cut(TidyName(form.Name), wire.MaxName)}
	err = d.act(ctx, a, EditSchedules, target, func(tx *store.Tx, _ time.Time) error {
		if err := form.check(); err != nil {
			return err
		}
		all, err := tx.Schedules()
		if err != nil {
			return err
		}
		if len(all) >= maxSchedules {
			return wrong("name", "There are %d schedules, and no more are possible: remove one first", len(all))
		}
		s := &store.Schedule{Name: form.Name, Hours: form.Hours}
		if err := tx.AddSchedule(s); err != nil {
			return scheduleError(err)
		}
		id, target.text = s.ID, language.Say("was added, %s", HoursLine(s.Hours))
		return nil
	})
	return id, err
}

// EditSchedule edits a schedule, and the policies that use it. was is the Revision that was
// edited; if it has changed since, the edit is refused; 0: do not check. Fields: "name",
// "hours", "schedule".
func (d *Desk) EditSchedule(ctx context.Context, a Actor, id, was int64, edit func(*ScheduleForm)) error {
	target := &auditTarget{}
	return d.act(ctx, a, EditSchedules, target, func(tx *store.Tx, now time.Time) error {
		s, err := tx.Schedule(id)
		if err != nil {
			return err
		}
		target.subject = s.Name
		if err := a.reachesUses(tx, id); err != nil {
			return err
		}
		if was != 0 && s.Revision != was {
			return changedMeanwhile("schedule")
		}
		form := ScheduleForm{s.Name, s.Hours}
		edit(&form)
		if err := form.check(); err != nil {
			return err
		}
		var says []*language.Sentence
		if form.Name != s.Name {
			says = append(says, language.Say("is called %s now", form.Name))
		}
		if before, after := HoursLine(s.Hours), HoursLine(form.Hours); after.String() != before.String() {
			says = append(says, language.Say("has the hours %s now, had %s", after, before))
		}
		target.text = cmp.Or(both(says), language.Say("was saved without a change"))
		s.Name, s.Hours = form.Name, form.Hours
		if err := tx.SetSchedule(s); err != nil {
			return scheduleError(err)
		}
		return spreadHours(tx, now, a, s)
	})
}

// spreadHours puts the hours of a schedule into the policies that use it.
func spreadHours(tx *store.Tx, now time.Time, a Actor, s *store.Schedule) error {
	uses, err := tx.UsesOfSchedule(s.ID)
	if err != nil {
		return err
	}
	for len(uses) > 0 { // they are sorted by reader
		n := slices.IndexFunc(uses, func(u store.ScheduleUse) bool { return u.Reader != uses[0].Reader })
		if n < 0 {
			n = len(uses)
		}
		p, err := tx.Policy(uses[0].Reader)
		if err != nil {
			return err
		}
		for _, u := range uses[:n] {
			site.SetHours(p, u.HoursUse, s.Hours)
		}
		if err := errors.Join(wire.CheckAccess(p.Access), wire.CheckOpening(p.Opening), wire.CheckTwoProofs(p.TwoProofs)); err != nil {
			return wrong("hours", "%s cannot have these hours: %s", p.Door, err)
		}
		if err := a.setPolicy(tx, now, p); errors.Is(err, store.ErrPolicy) {
			return wrong("hours", "%s cannot have these hours: %s", p.Door, err)
		} else if err != nil {
			return err
		}
		uses = uses[n:]
	}
	return nil
}

// RemoveSchedule removes a schedule that no door uses. Field: "schedule".
func (d *Desk) RemoveSchedule(ctx context.Context, a Actor, id int64) error {
	target := &auditTarget{text: language.Say("was removed")}
	return d.act(ctx, a, EditSchedules, target, func(tx *store.Tx, _ time.Time) error {
		row, err := tx.Schedule(id)
		if err != nil {
			return err
		}
		target.subject = row.Name
		if err := a.reachesUses(tx, id); err != nil {
			return err
		}
		uses, err := tx.UsesOfSchedule(id)
		if err != nil {
			return err
		}
		s := &Schedule{ID: id}
		if err := fillUses(tx, []*Schedule{s}, uses); err != nil {
			return err
		}
		if len(s.Uses) > 0 {
			return wrong("schedule", "%s is in use at %s: choose other hours there first", row.Name, usesText(s.Uses))
		}
		return tx.RemoveSchedule(id)
	})
}

// usesText says where a schedule is used: "Front door (access of staff), Gate (card and PIN) and 2 more".
func usesText(uses []ScheduleUse) *language.Sentence {
	const most = 4
	var all language.Series
	for _, u := range uses[:min(len(uses), most)] {
		all = append(all, language.Say("%s (%s)", u.Door, u.Text()))
	}
	if more := len(uses) - most; more > 0 {
		return language.Count(more, "%[2]s and %[1]d more", "%[2]s and %[1]d more", all)
	}
	return language.Say("%s", all)
}
