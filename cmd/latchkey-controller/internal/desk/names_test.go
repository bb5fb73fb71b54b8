package desk

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestActivityShowsAndFindsTheNamesOfThen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	at := "Door of " + door
	ada, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: "Ada", Last: "Byron"}, PIN{}, nil)
	w.must(err)
	bob, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: "Bob", Last: "Babbage"}, PIN{}, nil)
	w.must(err)
	before := w.newest().ID
	w.records(door,
		&wire.Record{Kind: wire.AccessGranted, By: "pin", User: ada},
		&wire.Record{Kind: wire.AccessGranted, By: "card", User: bob},
		&wire.Record{Kind: wire.AttemptUnknown, Wrong: 3},
		&wire.Record{Kind: wire.LockoutStarted, Cause: wire.CauseGuessing, Users: []uint64{ada, bob}})
	was := w.told(Query{After: before})
	w.must(w.EditUser(t.Context(), as(Super), ada, "", time.UTC, func(f *UserForm) { f.Last = "Lovelace" }))
	w.must(w.RemoveUser(t.Context(), as(Owner), bob))
	w.must(w.EditPlace(t.Context(), as(Owner), Doors, w.look(door).DoorID, "", renamed("East gate")))
	_, err = w.SetPolicy(t.Context(), as(Owner), door, 0, func(p *wire.Policy) { p.Limit = 5 })
	w.must(err)
	if now := w.told(Query{After: before}); !slices.Equal(now[:4], was) || was[0] != "Entered: Ada Byron at "+at+" by PIN" || was[1] != "Entered: Bob Babbage at "+at+" by card" {
		t.Errorf("%q\nbecame\n%q", was, now[:4])
	}
	w.records(door, &wire.Record{Kind: wire.AccessGranted, By: "pin", User: ada})
	page := func(named string, q Query) string {
		q.Name = named
		return strings.Join(w.told(q), "\n")
	}
	granted := Query{Kind: "granted"}
	for named, want := range map[string]string{
		"byron":        was[0],                                                 // the name at that time
		"lovelace ada": was[0] + "\nEntered: Ada Lovelace at East gate by PIN", // the name now finds earlier events too
		"BABB":         was[1],                                                 // the user was removed
		"door of":      was[0] + "\n" + was[1],
		"east":         "Entered: Ada Lovelace at East gate by PIN",
	} {
		if got := page(named, granted); got != want {
			t.Errorf("%s finds\n%s\nnot\n%s", named, got, want)
		}
	}
	if got := page("babbage", Query{Kind: "lockout"}); got != was[3] {
		t.Errorf("the lockout in which he is named: %s", got)
	}
	if got := page("super", Query{Kind: "admin"}); !strings.HasPrefix(got, "Changed: Super Admin changed Ada Byron") || strings.Contains(got, "\n") {
		t.Errorf("an administrator's acts: %s", got)
	}
	if _, err := w.Activity(t.Context(), as(Owner), Query{Name: "nobody at all"}); Fields(err)["person"] == nil {
		t.Errorf("nobody: %v", err)
	}
	var csv bytes.Buffer
	w.must(w.Export(t.Context(), as(Editor), Query{Name: "babbage", Kind: "granted"}, CSV, &csv))
	if n := strings.Count(csv.String(), "Bob Babbage,"); n != 1 || strings.Contains(csv.String(), "Ada") {
		t.Errorf("the export: %s", csv.String())
	}
	csv.Reset()
	if err := w.Export(t.Context(), as(Editor), Query{Name: "nobody at all"}, CSV, &csv); Fields(err)["person"] == nil || csv.Len() != 0 {
		t.Errorf("an export of nobody: %v, %q", err, csv.String())
	}
	// A name is deleted with the last event that has it.
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		later := clock.Steady(w.time.Add(time.Hour).Unix())
		if err := tx.MarkAge(later); err != nil {
			return err
		}
		for {
			if n, err := tx.PruneActivity(later, later, 5); n == 0 || err != nil {
				return err
			}
		}
	}))
	if _, err := w.Activity(t.Context(), as(Owner), Query{Name: "babbage"}); Fields(err)["person"] == nil {
		t.Errorf("a name that was to be forgotten: %v", err)
	}
}
