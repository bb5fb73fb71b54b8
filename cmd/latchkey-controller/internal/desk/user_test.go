package desk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
)

func TestWhatIsWrongWithAUserIsSaidFieldByField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.AddCard(t.Context(), as(Owner), w.user(), "04A1B2C3D4E580"))
	for _, c := range []struct {
		name   string
		form   UserForm
		pin    PIN
		card   string
		fields []string
	}{
		{name: "no name", form: UserForm{First: "  "}, fields: []string{"first"}},
		{name: "a long name", form: UserForm{First: strings.Repeat("a", 40), Last: strings.Repeat("b", 40)}, fields: []string{"last"}},
		{name: "a name that turns the line around", form: UserForm{First: "Ada\u202e"}, fields: []string{"first"}},
		{name: "a group of two words", form: UserForm{First: "Ada", Groups: []string{"Night shift"}}, fields: []string{"groups"}},
		{name: "times that are none", form: UserForm{First: "Ada", From: "soon", Until: "never"}, fields: []string{"from", "until"}},
		{name: "an end before the beginning", form: UserForm{First: "Ada", From: "2026-12-31", Until: "2026-01-01"}, fields: []string{"until"}},
		{name: "a time before 1970", form: UserForm{First: "Ada", From: "1969-12-31T23:00"}, fields: []string{"from"}},
		{name: "until the year 9999, in Kiribati the year 10000", form: UserForm{First: "Ada", Until: "9999-12-31T00:00"}, fields: []string{"until"}},
		{name: "from the year 10000", form: UserForm{First: "Ada", From: "9999-12-31T23:59:59-14:00"}, fields: []string{"from"}},
		{name: "all at once", form: UserForm{Groups: []string{"?"}, From: "soon"}, card: "xyz", fields: []string{"card", "first", "from", "groups"}},
		{name: "a weak PIN", form: UserForm{First: "Ada"}, pin: chosen("12345678"), fields: []string{"pin"}},
		{name: "a PIN of seven digits", form: UserForm{First: "Ada"}, pin: chosen("1234567"), fields: []string{"pin"}},
		{name: "a random card", form: UserForm{First: "Ada"}, card: "08A1B2C3", fields: []string{"card"}},
		{name: "a card of five bytes", form: UserForm{First: "Ada"}, card: "04A1B2C3D4", fields: []string{"card"}},
		{name: "somebody's card", form: UserForm{First: "Ada"}, card: "04:a1:b2:c3:d4:e5:80", fields: []string{"card"}},
	} {
		before := w.check()
		var cards []string
		if c.card != "" {
			cards = []string{c.card}
		}
		_, _, err := w.AddUser(t.Context(), as(Editor), c.form, c.pin, cards)
		var got []string
		for field, sentence := range Fields(err) {
			got = append(got, field)
			if sentence == nil || strings.ToUpper(sentence.String()[:1]) != sentence.String()[:1] {
				t.Errorf("%s: %s: %q is no sentence", c.name, field, sentence)
			}
		}
		if slices.Sort(got); !slices.Equal(got, c.fields) {
			t.Errorf("%s: %v are wrong, not %v: %v", c.name, got, c.fields, err)
		}
		if after := w.check(); after != before {
			t.Errorf("%s: it changed something", c.name)
		}
	}
}

func (w *world) person(id uint64) *User {
	w.t.Helper()
	u, err := w.User(w.t.Context(), as(Owner), id)
	w.must(err)
	return u
}

func TestAnActThatFailsIsNotedAndNothingElseOfItIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob := w.user(), w.user()
	w.must(w.AddCard(t.Context(), as(Owner), ada, "04A1B2C3D4E580"))
	before := w.check()
	if err := w.AddCard(t.Context(), as(Editor), bob, "04A1B2C3D4E580"); !errors.Is(err, site.ErrCardTaken) {
		t.Fatal(err)
	}
	e := w.newest()
	if e.Kind != "admin.card.add" || e.User != bob || e.Word.String() != "Failed" || strings.Contains(e.Text.String(), "C3D4") || strings.Contains(e.Text.String(), "C3 D4") {
		t.Errorf("%+v", e)
	}
	if w.check() != before {
		t.Error("something was kept")
	}
}

func TestWhatIsMistypedIsNotKeptAsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.user()
	before := w.newest().ID
	edit := func(role Role) error {
		return w.EditUser(t.Context(), as(role), id, "", time.UTC, func(f *UserForm) {
			*f = UserForm{First: "Ada", From: "2026-12-31", Until: "2026-01-01", Zone: time.UTC}
		})
	}
	if err := edit(Editor); Fields(err)["until"] == nil {
		t.Fatal(err)
	}
	if e := w.newest(); e.ID != before {
		t.Errorf("a mistake in a form is kept: %s", e.Text)
	}
	if err := edit(Viewer); !errors.Is(err, ErrNotAllowed) {
		t.Fatal(err)
	}
	if e := w.newest(); e.ID == before || e.Word != wordNotAllowed {
		t.Errorf("nothing is kept of who had no right: %s", e.Text)
	}
	for name, err := range map[string]error{
		"a mistake and a PIN that is taken": append(FieldErrors{wrong("first", "A user needs a name")}.asMistyped(), wrong("pin", "It is taken")),
		"what the site holds":               wrong("role", "They are the only Owner"),
		"none in a field":                   errors.New("the disk is full"),
		"no mistake":                        FieldErrors{},
	} {
		if isMistyped(err) {
			t.Errorf("%s is not kept", name)
		}
	}
}

func TestAUsersNewNameAndGroupsReachWhatReadersHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, digits, err := w.AddUser(t.Context(), as(Editor), UserForm{First: "Ada", Last: "Byron", Groups: []string{"staff"}}, PIN{Choice: Auto}, []string{"04A1B2C3D4E580"})
	w.must(err)
	if len(digits) != 8 {
		t.Errorf("%d digits", len(digits))
	}
	before := w.check()
	w.must(w.EditUser(t.Context(), as(Editor), id, "", time.UTC, func(f *UserForm) {
		*f = UserForm{First: "Ada", Last: "Lovelace", Groups: []string{"lab", "staff", "everyone"}, Until: "2026-12-31", Zone: time.UTC}
	}))
	after := w.check() // replays the log and compares each credential
	if after.Revision != before.Revision+2 || after.Credentials != 2 {
		t.Errorf("%+v, before %+v", after, before)
	}
	u := w.person(id)
	if u.Name != "Ada Lovelace" || !slices.Equal(u.Groups, []string{"lab", "staff"}) || !u.Until.Equal(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", u)
	}
	if e := w.newest(); e.Text.String() != "Limited Admin (Can Edit) changed Ada Byron: name from Ada Byron to Ada Lovelace; groups from staff to lab, staff; end from for ever to 2027-01-01 00:00 UTC" {
		t.Error(e.Text)
	}
	// Saved without a change, readers get nothing.
	w.must(w.EditUser(t.Context(), as(Editor), id, "", time.UTC, func(f *UserForm) {
		*f = UserForm{First: "Ada", Last: "Lovelace", Groups: []string{"staff", "lab"}, Until: "2026-12-31", Zone: time.UTC}
	}))
	if again := w.check(); again != after {
		t.Errorf("%+v, before %+v", again, after)
	}
}

func TestPINsAreGivenChangedAndTakenAndNeverKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.user()
	first, err := w.SetPIN(t.Context(), as(Editor), id, PIN{Choice: Auto})
	w.must(err)
	digits := bytes.Clone(first)
	second, err := w.SetPIN(t.Context(), as(Editor), id, chosen("58310274"))
	w.must(err)
	if second != nil {
		t.Error("a chosen PIN is told again")
	}
	u := w.person(id)
	if len(u.Credentials) != 1 || u.Credentials[0].Kind != "pin" || u.Credentials[0].By != "Limited Admin (Can Edit)" || !u.PIN {
		t.Errorf("%+v", u)
	}
	// The first PIN can be assigned again.
	if _, err := w.SetPIN(t.Context(), as(Editor), w.user(), chosen(string(digits))); err != nil {
		t.Error(err)
	}
	w.must(w.RemovePIN(t.Context(), as(Editor), id))
	if err := w.RemovePIN(t.Context(), as(Editor), id); err == nil {
		t.Error("taken twice")
	}
	w.must(w.RemoveUser(t.Context(), as(Editor), id))
	if _, err := w.User(t.Context(), as(Viewer), id); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := w.SetPIN(t.Context(), as(Editor), id, PIN{Choice: Auto}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	// The site's files contain neither PIN, and no whole UID.
	w.must(w.AddCard(t.Context(), as(Owner), w.user(), "04A1B2C3D4E580"))
	files, err := filepath.Glob(filepath.Join(w.dir, "*"))
	w.must(err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		w.must(err)
		for _, secret := range [][]byte{digits, []byte("58310274"), {0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0x80}, []byte("04A1B2C3D4E580"), []byte("04 A1 B2 C3 D4")} {
			if bytes.Contains(b, secret) {
				t.Errorf("%s holds %q", filepath.Base(file), secret)
			}
		}
	}
	if len(files) < 2 {
		t.Error("looked at nothing")
	}
}
