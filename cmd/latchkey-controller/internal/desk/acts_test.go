package desk

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/sync/wire"

	"latchkey/cmd/latchkey-controller/internal/backup/backuptest"
)

func TestWhatAdministratorsDidIsToldAsAPersonWould(t *testing.T) {
	w := newWorld(t)
	ctx, owner := t.Context(), as(Owner)
	reader, user := w.reader(), w.user()
	at, door := "Door of "+reader, []Where{{Doors, w.look(reader).DoorID}}
	var admin, place, schedule, holiday int64
	for _, c := range []struct {
		do   func() error
		want string
	}{
		{func() (err error) { admin, _, err = w.AddAdmin(ctx, owner, "Grace", Super, nil); return err }, "Owner changed administrators: Grace was added as Super Admin"},
		{func() error { return w.SetRole(ctx, owner, admin, Viewer) }, "Owner changed administrators: Grace is Limited Admin (Can View) now, was Super Admin"},
		{func() error { _, err := w.NewOneTimeLink(ctx, owner, admin); return err }, "Owner changed administrators: Grace was given a new one-time link"},
		{func() error { return w.SignOutAdmin(ctx, owner, admin) }, "Owner changed administrators: Grace was signed out everywhere"},
		{func() error { return w.RemoveAdmin(ctx, owner, admin) }, "Owner changed administrators: Grace was removed"},
		{func() (err error) { place, err = w.AddPlace(ctx, owner, Locations, 0, "Barn"); return err }, "Owner changed places: Barn was added as a location"},
		{func() error { return w.EditPlace(ctx, owner, Locations, place, "", renamed("Stable")) }, "Owner changed places: Barn is called Stable now"},
		{func() error { return w.RemovePlace(ctx, owner, Locations, place) }, "Owner changed places: Stable was removed (location)"},
		{func() error { return w.MoveReader(ctx, owner, reader, "", w.look(reader).DoorID) }, "Owner changed places: " + reader + " was moved from " + at + " to " + at},
		{func() (err error) {
			schedule, err = w.AddSchedule(ctx, owner, ScheduleForm{"Office hours", night()})
			return err
		}, "Owner changed schedules: Office hours was added, Mon 18:00-08:00"},
		{func() error {
			return w.EditSchedule(ctx, owner, schedule, 1, func(f *ScheduleForm) { f.Name = "Night" })
		}, "Owner changed schedules: Office hours is called Night now"},
		{func() error { return w.EditSchedule(ctx, owner, schedule, 0, func(*ScheduleForm) {}) }, "Owner changed schedules: Night was saved without a change"},
		{func() error {
			_, err := w.SetPolicy(ctx, owner, reader, 0, func(*wire.Policy) {}, UseSchedule{HoursUse: staffAccess, Schedule: "night"})
			return err
		}, "Owner changed the settings of " + at + ": access of staff from none to Night (Mon 18:00-08:00)"},
		{func() error {
			_, err := w.SetPolicy(ctx, owner, reader, 0, func(p *wire.Policy) { p.Access = p.Access[:1] })
			return err
		}, "Owner changed the settings of " + at + ": access of staff from Night (Mon 18:00-08:00) to none"},
		{func() error { return w.RemoveSchedule(ctx, owner, schedule) }, "Owner changed schedules: Night was removed"},
		{func() error { return w.SwitchPIN(ctx, owner, reader, false) }, "Owner switched PIN entry at " + at + " off"},
		{func() error {
			_, err := w.SetPolicy(ctx, owner, reader, 0, func(p *wire.Policy) { p.Limit = 5 })
			return err
		}, "Owner changed the settings of " + at + ": wrong PINs in a row from 10 to 5"},
		{func() error {
			return w.SetHolidays(ctx, owner, []Holiday{*epiphany(), *christmas()})
		}, "Owner changed holidays: the list is 12-25, 12-26, 2027-01-06 now"},
		{func() (err error) {
			holiday, err = w.AddHoliday(ctx, owner, HolidayForm{Name: "Works outing", First: "2027-05-28"})
			return err
		}, "Owner changed holidays: Works outing was added, 28 May 2027"},
		{func() error {
			return w.EditHoliday(ctx, owner, holiday, 1, HolidayForm{Name: "Works outing", First: "2027-05-29", Last: "2027-05-30"})
		}, "Owner changed holidays: Works outing is on 29 and 30 May 2027 now, was on 28 May 2027"},
		{func() error { return w.RemoveHoliday(ctx, owner, holiday) }, "Owner changed holidays: Works outing was removed, 29 and 30 May 2027"},
		{func() error { _, err := w.Order(ctx, owner, reader, wire.Identify); return err }, "Owner had " + at + " identify itself"},
		{func() error { _, err := w.SetPIN(ctx, owner, user, PIN{Choice: Auto}); return err }, "Owner gave User 2 a PIN: generated"},
		{func() error {
			_, err := w.SetPIN(ctx, owner, user, PIN{Choice: Auto, Limits: PINLimits{Uses: 2, Within: 8 * time.Hour}})
			return err
		}, "Owner gave User 2 a PIN: generated, for 2 uses, for 8 hours from the first use"},
		{func() error { _, err := w.SetPIN(ctx, owner, user, PIN{Choice: Auto}); return err }, "Owner gave User 2 a PIN: generated"},
		{func() error { _, err := w.SetDuressPIN(ctx, owner, user, PIN{Choice: Auto}); return err }, "Owner gave User 2 a PIN for duress: generated"},
		{func() error { return w.RemoveDuressPIN(ctx, owner, user) }, "Owner removed the PIN for duress of User 2"},
		{func() error {
			_, err := w.SetPolicy(ctx, owner, reader, 0, func(p *wire.Policy) { p.PIN, p.TwoProofs = true, new(wire.TwoProofs) })
			return err
		}, "Owner changed the settings of " + at + ": PIN entry from off to on; card and PIN from none to always"},
		{func() error { return w.RemovePIN(ctx, owner, user) }, "Owner removed the PIN of User 2"},
		{func() error {
			_, _, err := w.AddUser(ctx, owner, UserForm{First: "Ada"}, PIN{Choice: Auto}, nil)
			return err
		}, "Owner added Ada with a generated PIN"},
		{func() error {
			_, _, err := w.AddUser(ctx, owner, UserForm{First: "Bob"}, PIN{Choice: Auto, Limits: PINLimits{Uses: 1}}, nil)
			return err
		}, "Owner added Bob with a generated PIN (for 1 use)"},
		{func() error { return w.SuspendUser(ctx, owner, user, true) }, "Owner suspended User 2"},
		{func() error { return w.SuspendUser(ctx, owner, user, true) }, "Owner suspended User 2 as before"},
		{func() error { return w.SuspendUser(ctx, owner, user, false) }, "Owner ended the suspension of User 2"},
		{func() error { _, err := w.AddGroup(ctx, owner, "night-shift"); return err }, "Owner made the group night-shift"},
		{func() error { _, err := w.readCard(ctx, owner, reader); return err }, "Owner had a card read at " + at + ": read … 05 06"},
		{func() error { return w.EditMembers(ctx, owner, "crew", true, []uint64{user}, nil) }, "Owner changed who is in the group crew: added User 2"},
		{func() error { return w.GiveAccess(ctx, owner, "crew", "", door, nil, UseSchedule{}) }, "Owner gave the group crew access to " + at + ": always"},
		{func() error { return w.TakeAccess(ctx, owner, "crew", "", door) }, "Owner took access from the group crew: " + at},
		{func() error { return w.RenameGroup(ctx, owner, "crew", "", "staff") }, "Owner renamed the group crew to staff"},
		{func() error { return w.RemoveGroup(ctx, owner, "staff", "") }, "Owner removed the group staff from 1 user and 0 readers"},
		{func() error { return w.SetKeepDays(ctx, owner, 1) }, "Owner changed the settings of home: days that activity is kept from 90 to 1"},
		{func() error { return w.SetGuessBudget(ctx, owner, 10_000) }, "Owner changed the settings of home: guesses that a reader's TPM gets from 500 to 10000"},
		{func() error { return w.SetPINReaders(ctx, owner, true) }, "Owner changed which readers of home take PINs: only those with a TPM"},
		{func() error { return w.SetPINReaders(ctx, owner, true) }, "Owner changed which readers of home take PINs: only those with a TPM, as before"},
		{func() error { return w.HideFirstSteps(ctx, owner) }, "Owner changed the settings of home: the first steps are hidden"},
		{func() error { return w.SetPINReaders(ctx, owner, false) }, "Owner changed which readers of home take PINs: all readers"},
		{func() error { return w.Export(ctx, owner, Query{User: 99}, CSV, new(bytes.Buffer)) }, "Owner exported activity as csv with 1 event"},
		{func() error { return w.WriteBackup(ctx, owner, toRecipient(), new(bytes.Buffer)) }, "Owner made a backup of home and downloaded it, encrypted to " + backuptest.Recipient},
		{func() error { w.SetKeepDays(ctx, as(Super), 9); return nil }, "Super Admin was not allowed to change the settings of home: this requires Owner"},
		{func() error { _, err := w.RemoveReader(ctx, owner, reader, Lost); return err }, "Owner removed the reader " + at + " as lost"},
	} {
		if postgrestest.On() && strings.Contains(c.want, " backup ") {
			continue // which is of SQLite
		}
		w.must(c.do())
		if got := w.newest().Text.String(); got != c.want {
			t.Errorf("%q\nnot %q", got, c.want)
		}
	}
}
