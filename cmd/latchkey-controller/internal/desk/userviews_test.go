package desk

import (
	"slices"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestSearchFindsWordsOfNameAndGroupByTheirBeginning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, form := range []UserForm{
		{First: "Zoë", Last: "Adams", Groups: []string{"night-shift"}}, {First: "Ada", Last: "Lovelace", Groups: []string{"staff", "lab"}},
		{First: "ada", Last: "Byron"}, {First: "Bob", Last: "O'Hara", Groups: []string{"staff"}}, {First: "Łukasz", Last: "Straße"},
	} {
		_, _, err := w.AddUser(t.Context(), as(Owner), form, PIN{}, nil)
		w.must(err)
	}
	for search, want := range map[string][]string{
		"":         {"ada Byron", "Ada Lovelace", "Bob O'Hara", "Łukasz Straße", "Zoë Adams"},
		"ADA":      {"ada Byron", "Ada Lovelace", "Zoë Adams"},
		"zoe":      {"Zoë Adams"},
		"love ada": {"Ada Lovelace"},
		"staff b":  {"Bob O'Hara"},
		"shift":    {"Zoë Adams"},
		"hara":     {"Bob O'Hara"},
		"lukasz":   {"Łukasz Straße"},
		"strasse":  {"Łukasz Straße"},
		"da":       nil, // only a beginning
		"%":        {"ada Byron", "Ada Lovelace", "Bob O'Hara", "Łukasz Straße", "Zoë Adams"},
		"' OR 1":   nil,
	} {
		page, err := w.Users(t.Context(), as(Viewer), UserQuery{Search: search})
		w.must(err)
		var got []string
		for _, u := range page.Users {
			got = append(got, u.Name)
		}
		if !slices.Equal(got, want) || page.Found != len(want) || page.Total != 5 || page.Next != "" {
			t.Errorf("%q finds %q (%d of %d), not %q", search, got, page.Found, page.Total, want)
		}
	}
}

func TestUsersAreListedAsPeopleReadNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := []string{"Ágnes", "Ann Zed", "Anna", "ärger", "Émile", "emily", "Lukas", "Łukasz", "Luke", "Ørsted", "Oscar", "Visitor 2", "Visitor 10", "Zoë"}
	for i := range want { // in another order than they are listed
		_, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: want[(i*5+3)%len(want)]}, PIN{}, nil)
		w.must(err)
	}
	var got []string
	for q := (UserQuery{Limit: 5}); ; {
		page, err := w.Users(t.Context(), as(Viewer), q)
		w.must(err)
		for _, u := range page.Users {
			got = append(got, u.Name)
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestPagesOfUsersHoldEachOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"Same", "Same", "Same", "Other", "Same Again"} {
		_, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: name}, PIN{}, nil)
		w.must(err)
	}
	seen := map[uint64]bool{}
	q := UserQuery{Search: "same", Limit: 2}
	for pages := 1; ; pages++ {
		page, err := w.Users(t.Context(), as(Viewer), q)
		w.must(err)
		for _, u := range page.Users {
			seen[u.ID] = true
		}
		if q.After = page.Next; q.After == "" {
			if pages != 2 || len(seen) != 4 || page.Found != 4 {
				t.Errorf("%d users on %d pages", len(seen), pages)
			}
			break
		}
	}
	if _, err := w.Users(t.Context(), as(Viewer), UserQuery{After: "???"}); err == nil {
		t.Error("no place, and not refused")
	}
}

func TestAUsersAccessIsWhatTheirGroupsOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, lab, night := w.reader(), w.reader(), w.reader()
	set := func(reader string, access ...wire.Access) {
		w.oldPolicy(reader, func(p *wire.Policy) { p.Access = access })
	}
	set(lab, wire.Access{Group: "lab"})
	set(night, wire.Access{Group: "staff", Schedule: &wire.Schedule{}})
	id, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: "Ada", Groups: []string{"staff"}}, PIN{}, nil)
	w.must(err)
	access := w.access(id)
	if len(access) != 2 || access[0].Reader != all || access[0].Hours != nil || access[1].Reader != night || access[1].When().String() != "never" || access[1].Door != "Door of "+night {
		t.Errorf("%+v", access)
	}
	groups, err := w.Groups(t.Context(), as(Viewer))
	if err != nil || !slices.Equal(groups, []string{"lab", "staff"}) {
		t.Errorf("%q, %v", groups, err)
	}
}

func TestUsersAreChosenByHowTheirDatesStandToTheDesksClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := func(d time.Duration) string { return w.time.Add(d).UTC().Format(time.RFC3339) }
	for name, form := range map[string]UserForm{
		"always": {}, "past": {Until: at(-time.Hour)}, "now past": {From: at(-2 * time.Hour), Until: at(0)}, "soon": {From: at(time.Hour)}, "later": {From: at(time.Hour), Until: at(2 * time.Hour)},
		"now": {From: at(0)}, "until soon": {From: at(-time.Hour), Until: at(time.Hour)},
	} {
		form.First = name
		choice := PIN{}
		if name == "always" {
			choice.Choice = Auto
		}
		_, _, err := w.AddUser(t.Context(), as(Owner), form, choice, nil)
		w.must(err)
	}
	check := func(state UserState, search string, want ...string) {
		t.Helper()
		var got []string
		for q := (UserQuery{State: state, Search: search, Limit: 2}); ; { // on several pages
			page, err := w.Users(t.Context(), as(Viewer), q)
			w.must(err)
			for _, u := range page.Users {
				got = append(got, u.Name)
			}
			if page.Found != len(want) || page.Total != 7 {
				t.Errorf("%s %q: %d found of %d, not %d", state, search, page.Found, page.Total, len(want))
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s %q: %q, not %q", state, search, got, want)
		}
	}
	check(store.ExpiredUsers, "", "now past", "past")
	check(store.ExpiredUsers, "now", "now past")
	check(store.EarlyUsers, "", "later", "soon")
	check(store.EarlyUsers, "lat", "later")
	check(store.ValidUsers, "", "always", "now", "until soon")
	check(store.ValidUsers, "until", "until soon")
	check(store.BareUsers, "", "later", "now", "now past", "past", "soon", "until soon")
	w.time = w.time.Add(time.Hour)
	check(store.ExpiredUsers, "", "now past", "past", "until soon")
	check(store.EarlyUsers, "")
	check(store.ValidUsers, "", "always", "later", "now", "soon")
	page, err := w.Users(t.Context(), as(Viewer), UserQuery{Search: "now past"})
	w.must(err)
	w.must(w.SuspendUser(t.Context(), as(Owner), page.Users[0].ID, true))
	page, err = w.Users(t.Context(), as(Viewer), UserQuery{Search: "always"})
	w.must(err)
	w.must(w.SuspendUser(t.Context(), as(Owner), page.Users[0].ID, true))
	check(store.SuspendedUsers, "", "always", "now past")
	check(store.SuspendedUsers, "alw", "always")
	check(store.ExpiredUsers, "", "now past", "past", "until soon")
	check(store.ValidUsers, "", "later", "now", "soon")
	check(store.ValidUsers, "l", "later")
	// A filter selects exactly the users with its mark.
	for _, state := range []UserState{store.ValidUsers, store.ExpiredUsers, store.EarlyUsers} {
		page, err := w.Users(t.Context(), as(Viewer), UserQuery{State: state})
		w.must(err)
		for _, u := range page.Users {
			if marks := map[UserState]Validity{store.ExpiredUsers: Expired, store.EarlyUsers: NotYetValid}; u.Validity != marks[state] || u.Suspended && state == store.ValidUsers {
				t.Errorf("%s is chosen as %s and marked as %q", u.Name, state, u.Validity)
			}
		}
	}
	if _, err := w.Users(t.Context(), as(Viewer), UserQuery{State: "over"}); Fields(err)["state"] == nil {
		t.Error("a state that is none:", err)
	}
}
