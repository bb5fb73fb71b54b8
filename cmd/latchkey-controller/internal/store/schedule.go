package store

import (
	"errors"
	"fmt"

	"latchkey/sync/wire"
)

// A Schedule is hours with a name.
type Schedule struct {
	ID       int64
	Name     string
	Hours    *wire.Schedule
	Revision int64 // rises with each change, from 1
}

// An HoursUse is where hours stand in a policy.
type HoursUse struct {
	What  string // AccessHours, OpeningHours or TwoProofsHours
	Group string // whose access; "" of others
}

// What hours are for.
const (
	AccessHours    = "access"     // of a group
	OpeningHours   = "opening"    // of the unlock schedule
	TwoProofsHours = "two-proofs" // when card and PIN are demanded
)

// A ScheduleUse says that hours in a reader's policy are those of a schedule.
type ScheduleUse struct {
	Reader string
	HoursUse
	Schedule int64 // its id
}

const scheduleColumns = `id, name, hours, revision`

// Schedules returns all schedules, by name.
func (t *Tx) Schedules() (schedules []*Schedule, err error) {
	err = t.rows(`SELECT `+scheduleColumns+` FROM schedules ORDER BY sort_key, id`, nil, func(r scanner) error {
		s := new(Schedule)
		schedules = append(schedules, s)
		return s.scan(r.Scan)
	})
	return schedules, err
}

// Schedule returns a schedule, or ErrNotFound.
func (t *Tx) Schedule(id int64) (*Schedule, error) {
	s := new(Schedule)
	return s, s.scan(func(into ...any) error {
		return t.row(`SELECT `+scheduleColumns+` FROM schedules WHERE id = ?`, []any{id}, into...)
	})
}

// ScheduleNamed returns the schedule with a name, ignoring case and accents, or ErrNotFound.
func (t *Tx) ScheduleNamed(name string) (*Schedule, error) {
	s := new(Schedule)
	return s, s.scan(func(into ...any) error {
		return t.row(`SELECT `+scheduleColumns+` FROM schedules WHERE folded = ?`, []any{Fold(name)}, into...)
	})
}

// scan fills in a schedule from its columns.
func (s *Schedule) scan(scan func(into ...any) error) error {
	var hours []byte
	if err := scan(&s.ID, &s.Name, &hours, &s.Revision); err != nil {
		return err
	}
	s.Hours = new(wire.Schedule)
	if err := wire.Unmarshal(hours, maxHours, s.Hours); err != nil {
		return fmt.Errorf("schedule %d: %w", s.ID, err)
	}
	if err := s.Hours.Check(); err != nil {
		return fmt.Errorf("schedule %d: %w", s.ID, err)
	}
	return nil
}

// maxHours bounds an encoded wire.Schedule, in bytes.
const maxHours = 4 << 10

// AddSchedule adds a schedule and fills in its ID and Revision. The error is ErrNameTaken if
// another has its name, ignoring case and accents.
func (t *Tx) AddSchedule(s *Schedule) error {
	hours, err := s.encode()
	if err != nil {
		return err
	}
	s.Revision = 1
	err = t.row(`INSERT INTO schedules (name, folded, sort_key, hours, revision) VALUES (?, ?, ?, ?, 1) ON CONFLICT (folded) DO NOTHING RETURNING id`,
		[]any{s.Name, Fold(s.Name), SortKey(s.Name), hours}, &s.ID)
	if errors.Is(err, ErrNotFound) {
		return ErrNameTaken
	}
	return err
}

// SetSchedule changes the name and hours of a schedule, and raises its Revision. The policies
// that use it are not changed. The error is ErrNameTaken as for AddSchedule.
func (t *Tx) SetSchedule(s *Schedule) error {
	hours, err := s.encode()
	if err != nil {
		return err
	}
	err = t.row(`UPDATE schedules SET name = ?1, folded = ?2, sort_key = ?3, hours = ?4, revision = revision + 1
		WHERE id = ?5 AND NOT EXISTS (SELECT 1 FROM schedules WHERE folded = ?2 AND id <> ?5) RETURNING revision`,
		[]any{s.Name, Fold(s.Name), SortKey(s.Name), hours, s.ID}, &s.Revision)
	if errors.Is(err, ErrNotFound) {
		return ErrNameTaken
	}
	return err
}

func (s *Schedule) encode() ([]byte, error) {
	if err := s.Hours.Check(); err != nil {
		return nil, err
	}
	return wire.Encode(s.Hours)
}

// RemoveSchedule removes a schedule. The hours of policies that use it become their own.
func (t *Tx) RemoveSchedule(id int64) error {
	if err := t.exec(`DELETE FROM schedule_uses WHERE schedule_id = ?`, id); err != nil {
		return err
	}
	return t.exec(`DELETE FROM schedules WHERE id = ?`, id)
}

const useColumns = `reader_id, what, group_name, schedule_id`

// ScheduleUses returns all uses of schedules, by reader.
func (t *Tx) ScheduleUses() ([]ScheduleUse, error) {
	return t.scheduleUses(`SELECT ` + useColumns + ` FROM schedule_uses ORDER BY reader_id, what, group_name`)
}

// UsesOfSchedule returns the uses of a schedule, by reader.
func (t *Tx) UsesOfSchedule(schedule int64) ([]ScheduleUse, error) {
	return t.scheduleUses(`SELECT `+useColumns+` FROM schedule_uses WHERE schedule_id = ? ORDER BY reader_id, what, group_name`, schedule)
}

// UsesAt returns the uses of schedules in a reader's policy.
func (t *Tx) UsesAt(reader string) ([]ScheduleUse, error) {
	return t.scheduleUses(`SELECT `+useColumns+` FROM schedule_uses WHERE reader_id = ? ORDER BY what, group_name`, reader)
}

// ScheduleNames returns the names of the schedules that a reader's policy uses.
func (t *Tx) ScheduleNames(reader string) (map[HoursUse]string, error) {
	names := map[HoursUse]string{}
	err := t.rows(`SELECT u.what, u.group_name, s.name FROM schedule_uses u JOIN schedules s ON s.id = u.schedule_id WHERE u.reader_id = ?`, []any{reader}, func(r scanner) error {
		var use HoursUse
		var name string
		err := r.Scan(&use.What, &use.Group, &name)
		names[use] = name
		return err
	})
	return names, err
}

func (t *Tx) scheduleUses(query string, args ...any) (uses []ScheduleUse, err error) {
	err = t.rows(query, args, func(r scanner) error {
		var u ScheduleUse
		err := r.Scan(&u.Reader, &u.What, &u.Group, &u.Schedule)
		uses = append(uses, u)
		return err
	})
	return uses, err
}

// SetScheduleUse notes that hours in a policy are those of a schedule.
func (t *Tx) SetScheduleUse(u ScheduleUse) error {
	return t.exec(`INSERT INTO schedule_uses (reader_id, what, group_name, schedule_id) VALUES (?, ?, ?, ?)
		ON CONFLICT (reader_id, what, group_name) DO UPDATE SET schedule_id = excluded.schedule_id`, u.Reader, u.What, u.Group, u.Schedule)
}

// RemoveScheduleUse notes that hours in a reader's policy are its own.
func (t *Tx) RemoveScheduleUse(reader string, use HoursUse) error {
	return t.exec(`DELETE FROM schedule_uses WHERE reader_id = ? AND what = ? AND group_name = ?`, reader, use.What, use.Group)
}

// RenameScheduleGroup notes that a group whose access has the hours of schedules is called
// otherwise. Do it before the policies have the new name.
func (t *Tx) RenameScheduleGroup(from, to string) error {
	return t.exec(`UPDATE schedule_uses SET group_name = ? WHERE what = 'access' AND group_name = ?`, to, from)
}
