package store

import (
	"errors"
	"slices"
	"testing"

	"latchkey/sync/wire"
)

// hours are open on Mondays, from 08:00 until an hour.
func hours(until uint16) *wire.Schedule {
	return &wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 60 * until}}}
}

func TestSchedulesHaveNamesAsPeopleReadThem(t *testing.T) {
	s := newStore(t)
	update(t, s, func(tx *Tx) error {
		for _, name := range []string{"Shift 10", "Büro", "Shift 9"} {
			if err := tx.AddSchedule(&Schedule{Name: name, Hours: hours(18)}); err != nil {
				return err
			}
		}
		if err := tx.AddSchedule(&Schedule{Name: "BURO", Hours: hours(12)}); !errors.Is(err, ErrNameTaken) {
			t.Errorf("%v: two are called the same", err)
		}
		office, err := tx.ScheduleNamed("BÜRO")
		if err != nil || office.Name != "Büro" || office.Revision != 1 {
			t.Fatalf("%+v, %v", office, err)
		}
		taken := *office
		if taken.Name = "shift 9"; !errors.Is(tx.SetSchedule(&taken), ErrNameTaken) {
			t.Error("two are called the same")
		}
		office.Name, office.Hours = "büro", hours(12)
		if err := tx.SetSchedule(office); err != nil || office.Revision != 2 {
			t.Errorf("%+v, %v", office, err)
		}
		all, err := tx.Schedules()
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
		}
		if !slices.Equal(names, []string{"büro", "Shift 9", "Shift 10"}) {
			t.Errorf("%q", names)
		}
		if !slices.Equal(all[0].Hours.Week, hours(12).Week) {
			t.Errorf("%+v", all[0].Hours)
		}
		return err
	})
}

func TestTheUsesOfAScheduleGoWithIt(t *testing.T) {
	s := newStore(t)
	update(t, s, func(tx *Tx) error {
		if err := tx.exec(`INSERT INTO readers (id, created) VALUES ('back', 1), ('front', 1)`); err != nil {
			return err
		}
		office, night := &Schedule{Name: "Office", Hours: hours(18)}, &Schedule{Name: "Night", Hours: hours(9)}
		if err := errors.Join(tx.AddSchedule(office), tx.AddSchedule(night)); err != nil {
			return err
		}
		staff, opening := HoursUse{AccessHours, "staff"}, HoursUse{What: OpeningHours}
		for _, u := range []ScheduleUse{{"front", staff, night.ID}, {"front", staff, office.ID}, {"front", opening, office.ID}, {"back", staff, office.ID}, {"back", HoursUse{What: TwoProofsHours}, night.ID}} {
			if err := tx.SetScheduleUse(u); err != nil {
				return err
			}
		}
		if uses, err := tx.UsesOfSchedule(office.ID); err != nil || !slices.Equal(uses, []ScheduleUse{{"back", staff, office.ID}, {"front", staff, office.ID}, {"front", opening, office.ID}}) {
			t.Errorf("%+v, %v", uses, err)
		}
		if err := errors.Join(tx.RemoveScheduleUse("front", opening), tx.RenameScheduleGroup("staff", "crew")); err != nil {
			return err
		}
		if names, err := tx.ScheduleNames("front"); err != nil || len(names) != 1 || names[HoursUse{AccessHours, "crew"}] != "Office" {
			t.Errorf("%v, %v", names, err)
		}
		if err := tx.RemoveSchedule(office.ID); err != nil {
			return err
		}
		if uses, err := tx.ScheduleUses(); err != nil || len(uses) != 1 || uses[0].Schedule != night.ID {
			t.Errorf("%+v, %v", uses, err)
		}
		if _, err := tx.Schedule(office.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v", err)
		}
		return nil
	})
}

func TestHoursThatNoPolicyCanHoldAreNotStored(t *testing.T) {
	s := newStore(t)
	update(t, s, func(tx *Tx) error {
		if err := tx.AddSchedule(&Schedule{Name: "Bad", Hours: &wire.Schedule{Week: []wire.Span{{Day: 7, From: 1, To: 2}}}}); err == nil {
			t.Error("an eighth day is stored")
		}
		full := &wire.Schedule{}
		for i := range uint16(64) {
			full.Week = append(full.Week, wire.Span{Day: 6, From: 1300 + 2*i, To: 1301 + 2*i})
			full.Holiday = append(full.Holiday, wire.Span{From: 1300 + 2*i, To: 1301 + 2*i})
		}
		if err := tx.AddSchedule(&Schedule{Name: "Full", Hours: full}); err != nil {
			return err
		}
		_, err := tx.ScheduleNamed("Full")
		if err != nil {
			t.Errorf("the most that a policy can hold: %v", err)
		}
		if err := tx.exec(`UPDATE schedules SET hours = ?`, []byte{0xa0, 0xff}); err != nil {
			return err
		}
		if _, err := tx.Schedules(); err == nil {
			t.Error("damaged hours are read")
		}
		return nil
	})
}
