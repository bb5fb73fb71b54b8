package site

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/backup/backuptest"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// useOffice adds the schedule Office and has the access of staff at a reader be by it.
func useOffice(t *testing.T, s *Site, reader string) *wire.Schedule {
	t.Helper()
	hours := &wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 1080}}}
	staff := store.HoursUse{What: store.AccessHours, Group: "staff"}
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		office := &store.Schedule{Name: "Office", Hours: hours}
		if err := tx.AddSchedule(office); err != nil {
			return err
		}
		p, err := tx.Policy(reader)
		if err != nil {
			return err
		}
		SetHours(p, staff, hours)
		if err := SetPolicy(tx, noon, p); err != nil {
			return err
		}
		return tx.SetScheduleUse(store.ScheduleUse{Reader: reader, HoursUse: staff, Schedule: office.ID})
	})
	if err != nil {
		t.Fatal(err)
	}
	return hours
}

func TestACheckFindsAPolicyWithOtherHoursThanItsSchedule(t *testing.T) {
	for statement, want := range map[string]string{
		`UPDATE schedules SET hours = x'a10181830100183c'`:                          `the policy of front-door has other hours than the schedule "Office", which it uses (access staff)`,
		`UPDATE schedules SET hours = x'00'`:                                        "schedule 1",
		`UPDATE schedule_uses SET group_name = 'lab'`:                               "has other hours",
		`UPDATE schedule_uses SET what = 'opening'`:                                 "has other hours",
		`PRAGMA foreign_keys = 0; DELETE FROM schedules`:                            "the policy of front-door uses schedule 1, which does not exist",
		`PRAGMA foreign_keys = 0; UPDATE schedule_uses SET reader_id = 'back-door'`: "reader back-door uses",
	} {
		s, dir := newSite(t)
		adopt(t, s, noon, "front-door", newBoard(t), noEdit)
		useOffice(t, s, "front-door")
		if report := check(t, s); report.Schedules != 1 {
			t.Errorf("%+v", report)
		}
		sitetest.Execute(t, dir, statement)
		if _, err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestARestoredSiteHasItsSchedules(t *testing.T) {
	s, _ := newSite(t)
	adopt(t, s, noon, "front-door", newBoard(t), noEdit)
	hours := useOffice(t, s, "front-door")
	path, dir := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	backUp(t, s, path)
	if _, err := Restore(t.Context(), at(noon.Add(time.Hour)), path, backuptest.Identities(t), dir, ""); err != nil {
		t.Fatal(err)
	}
	restored, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	check(t, restored)
	err = restored.View(t.Context(), func(tx *store.Tx) error {
		office, err := tx.ScheduleNamed("Office")
		if err != nil || !slices.Equal(office.Hours.Week, hours.Week) {
			t.Errorf("%+v, %v", office, err)
		}
		uses, err := tx.UsesAt("front-door")
		if len(uses) != 1 {
			t.Errorf("%+v", uses)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestWhatAdoptsAReaderAnewKeepsOrEndsItsSchedules(t *testing.T) {
	s, _ := newSite(t)
	b := newBoard(t)
	adopt(t, s, noon, "front-door", b, noEdit)
	useOffice(t, s, "front-door")
	uses := func() (n int) {
		t.Helper()
		err := s.View(t.Context(), func(tx *store.Tx) error {
			all, err := tx.UsesAt("front-door")
			n = len(all)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	adopt(t, s, noon.Add(time.Minute), "front-door", b, noEdit)
	if uses() != 1 {
		t.Error("it is forgotten")
	}
	adopt(t, s, noon.Add(2*time.Minute), "front-door", b, func(p *wire.Policy) { p.Access = []wire.Access{{Group: "staff"}} })
	if uses() != 0 {
		t.Error("it is kept")
	}
	check(t, s)
}
