package desk

import (
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestASuspendedUserOpensNothingAndKeepsTheirCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.reader()
	w.oldPolicy(reader, func(p *wire.Policy) { p.PIN = true })
	id := w.underDuress()
	w.must(w.AddCard(t.Context(), as(Owner), id, w.uid()))
	w.withPIN()
	pins := func() int {
		t.Helper()
		o, err := w.Odds(t.Context(), as(Owner), reader, nil)
		w.must(err)
		return o.PINs
	}
	before := w.access(id)[0]
	if before.How().String() != "PIN or card" || pins() != 3 {
		t.Fatalf("%+v, %d PINs", before, pins())
	}
	w.must(w.SuspendUser(t.Context(), as(Editor), id, true))
	if a := w.access(id)[0]; a.Never.String() != "they are suspended" || a.How().String() != "" || a.ByNow().String() != "" {
		t.Errorf("%+v", a)
	}
	if n := pins(); n != 1 {
		t.Errorf("%d PINs can be guessed", n)
	}
	u, err := w.User(t.Context(), as(Owner), id)
	w.must(err)
	if !u.Suspended || len(u.Credentials) != 3 || u.Validity != Valid {
		t.Errorf("%+v", u)
	}
	if report := w.check(); report.Credentials != 4 {
		t.Errorf("%+v", report)
	}
	w.must(w.SuspendUser(t.Context(), as(Editor), id, false))
	if a := w.access(id)[0]; a.How().String() != before.How().String() || a.Never.String() != "" || pins() != 3 {
		t.Errorf("%+v, %d PINs", a, pins())
	}
	w.check()
}

func TestWhatElseIsDoneToAUserDoesNotEndTheSuspension(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	visitor, id := w.invite(w.visit(door, time.Hour)), w.withPIN()
	for _, user := range []uint64{visitor, id} {
		w.must(w.SuspendUser(t.Context(), as(Owner), user, true))
	}
	for what, do := range map[string]func() error{
		"edited": func() error {
			return w.EditUser(t.Context(), as(Owner), id, "", nil, func(f *UserForm) { *f = UserForm{First: "Grace"} })
		},
		"in a group": func() error { return w.EditMembers(t.Context(), as(Owner), "crew", true, []uint64{id}, nil) },
		"a new PIN":  func() error { _, err := w.SetPIN(t.Context(), as(Owner), id, PIN{Choice: Auto}); return err },
		"a card":     func() error { return w.AddCard(t.Context(), as(Owner), id, w.uid()) },
		"an epoch":   func() error { _, err := w.NewEpoch(t.Context(), as(Owner)); return err },
		"the end":    func() error { return w.EndInvitation(t.Context(), as(Owner), visitor) },
	} {
		w.must(do())
		page, err := w.Users(t.Context(), as(Owner), UserQuery{State: store.SuspendedUsers})
		w.must(err)
		if page.Found != 2 {
			t.Errorf("%s: %d are suspended", what, page.Found)
		}
		w.check()
	}
	w.must(w.RemoveUser(t.Context(), as(Owner), id))
	w.check()
}

func TestUsersAreFoundByEmailAndEmployeeNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, form := range []UserForm{
		{First: "Ada", Email: " Ada.Lovelace@Example.com ", Employee: "E-0815"},
		{First: "Bob", Email: "bob@example.com", Employee: "0816"},
		{First: "Eve"},
	} {
		_, _, err := w.AddUser(t.Context(), as(Owner), form, PIN{}, nil)
		w.must(err)
	}
	found := func(search string) (names []string) {
		t.Helper()
		page, err := w.Users(t.Context(), as(Viewer), UserQuery{Search: search})
		w.must(err)
		for _, u := range page.Users {
			names = append(names, u.Name)
		}
		return names
	}
	for search, want := range map[string][]string{
		"ada.lovelace@example.com": {"Ada"}, "ADA.love": {"Ada"}, "bob@": {"Bob"}, "e-0815": {"Ada"}, "0815": {"Ada"}, "081": {"Ada", "Bob"}, "0816": {"Bob"}, "815": nil,
	} {
		if got := found(search); !slices.Equal(got, want) {
			t.Errorf("%q finds %q, not %q", search, got, want)
		}
	}
	page, err := w.Users(t.Context(), as(Viewer), UserQuery{Search: "0815"})
	w.must(err)
	ada := page.Users[0]
	if ada.Email != "Ada.Lovelace@Example.com" || ada.Employee != "E-0815" {
		t.Errorf("%+v", ada)
	}
	w.must(w.EditUser(t.Context(), as(Owner), ada.ID, "", nil, func(f *UserForm) { f.Employee = "4711" }))
	if got := w.newest().Text.String(); got != "Owner changed Ada: employee number from E-0815 to 4711" {
		t.Error(got)
	}
	w.must(w.RenameGroup(t.Context(), as(Owner), w.member(ada.ID, "crew"), "", "staff"))
	if got := found("4711 staff ada.love"); !slices.Equal(got, []string{"Ada"}) || found("0815") != nil {
		t.Errorf("%q", got)
	}
}

// member puts a user into a group.
func (w *world) member(id uint64, group string) string {
	w.t.Helper()
	w.must(w.EditMembers(w.t.Context(), as(Owner), group, true, []uint64{id}, nil))
	return group
}

func TestWhatIsNoEmailIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.user()
	for email, want := range map[string]string{
		"ada":                                   "Enter an email address",
		"Ada <ada@example.com>":                 "Enter an email address",
		"ada@example.com, bob@example.com":      "Enter an email address",
		"ada@example.com\r\nBcc: e@example.com": "Enter an email address",
		"ada@" + strings.Repeat("a", 300):       "at most 254",
		"ada@exa\u202emple.com":                 "",
		"ada@example.com":                       "ok",
		"":                                      "ok",
	} {
		err := w.EditUser(t.Context(), as(Owner), id, "", nil, func(f *UserForm) { f.Email = email })
		if got := Fields(err)["email"]; (want == "ok") != (err == nil) || want != "ok" && (got == nil || !strings.Contains(got.String(), want)) {
			t.Errorf("%q: %v", email, err)
		}
	}
	err := w.EditUser(t.Context(), as(Owner), id, "", nil, func(f *UserForm) { f.Employee = strings.Repeat("9", 65) })
	if Fields(err)["employee"] == nil {
		t.Error(err)
	}
}
