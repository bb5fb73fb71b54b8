package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// What acts did stands in the database. TestWhatTheAuditKeepsOfEachActIsSaidInALanguage of desk has each of them.
func TestWhatActsDidIsSaidInTheLanguageOfWhoReadsIt(t *testing.T) {
	w := small(t)
	w.noon()
	ctx, ada := t.Context(), uint64(1)
	var door int64
	for _, p := range w.locations()[0].Hubs[0].Doors {
		door = p.ID
	}
	viewer := owner
	viewer.Role = desk.Viewer
	file := []byte("first_name,last_name,groups\nGrace,Hopper,crew\n")
	b := w.visitor(desk.Owner).in(language.Pseudo)
	for _, c := range []struct {
		do   func() error
		done bool
		says string // in the pseudo-language
	}{
		{do: func() error {
			return w.desk.EditUser(ctx, owner, ada, "", time.UTC, func(f *desk.UserForm) { f.Groups = []string{"staff", "crew"} })
		}, done: true, says: "⟦⟦groups⟧ from staff to crew, staff⟧"},
		{do: func() error { return w.desk.EditMembers(ctx, owner, "staff", false, nil, []uint64{ada}) }, done: true, says: "⟦removed ⟦Ada Lovelace⟧⟧"},
		{do: func() error { return w.desk.SuspendUser(ctx, owner, ada, false) }, done: true, says: "⟦as before⟧"},
		{do: func() error {
			_, err := w.desk.SetMode(ctx, owner, desk.Where{Level: desk.Doors, ID: door}, wire.ModeLocked, 0)
			return err
		}, done: true, says: "⟦to ⟦locked⟧ until somebody ends it⟧"},
		{do: func() error {
			_, err := w.desk.SetPolicy(ctx, owner, "front-door", 0, func(p *wire.Policy) {
				p.Limit, p.Access = 5, []wire.Access{{Group: "crew", Schedule: &wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 1080}}}}}
			})
			return err
		}, done: true, says: "⟦⟦wrong PINs in a row⟧ from 10 to 5⟧; ⟦⟦access of "},
		{do: func() error { return w.desk.SetKeepDays(ctx, owner, 100) }, done: true, says: "⟦⟦days that activity is kept⟧ from "},
		{do: func() error {
			p, err := w.desk.PreviewImport(ctx, owner, file)
			if err != nil {
				return err
			}
			_, err = w.desk.ImportUsers(ctx, owner, file, p.Revision, nil)
			return err
		}, done: true, says: "⟦1 added, 0 changed, 0 as before⟧"},
		{do: func() error { return w.desk.RenameGroup(ctx, owner, "crew", "", "staff") }, done: true, says: "⟦to staff⟧"},
		{do: func() error {
			_, _, err := w.desk.AddUser(ctx, owner, desk.UserForm{First: "Grace", Last: "Hopper", Zone: time.UTC}, desk.PIN{Choice: desk.Auto, Limits: desk.PINLimits{Uses: 2}}, nil)
			return err
		}, done: true, says: "⟦with ⟦⟦a generated PIN⟧ (⟦⟦for 2 uses⟧⟧)⟧⟧"},
		{do: func() error { return w.desk.RemoveUser(ctx, viewer, ada) }, says: "⟦this requires ⟦Owner⟧"},
		{do: func() error {
			_, err := w.desk.AddHoliday(ctx, owner, desk.HolidayForm{Name: "Christmas", First: "2026-12-25"})
			return err
		}, done: true, says: "⟦was added, ⟦"},
		{do: func() error { return w.desk.EndMode(ctx, owner, 1) }, done: true, says: "⟦wanted by Owner since "},
		{do: func() error { return w.desk.EndMode(ctx, owner, 1) }, says: "⟦Owner has ended this locking already"},
	} {
		if err := c.do(); (err == nil) != c.done {
			t.Fatalf("%s: %v", c.says, err)
		}
		got := b.get("/activity?kind=admin")
		var all string
		for _, text := range textsOf(t, got.body) {
			all += text.is
			if left := unsaid(text.is); letters.MatchString(left) {
				t.Errorf("%s: %q is not said", text.where, left)
			}
		}
		if got.status != http.StatusOK || !strings.Contains(all, c.says) {
			t.Errorf("%d: %q is not in %s", got.status, c.says, strings.Join(strings.Fields(all), " "))
		}
	}
}
