package desk

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// preview previews a file as the Owner.
func (w *world) preview(file string) *ImportPreview {
	w.t.Helper()
	preview, err := w.PreviewImport(w.t.Context(), as(Owner), []byte(file))
	w.must(err)
	return preview
}

// export returns the file of all users.
func (w *world) export() string {
	w.t.Helper()
	var out bytes.Buffer
	w.must(w.ExportUsers(w.t.Context(), as(Owner), UserQuery{}, &out))
	return out.String()
}

func TestAnImportDoesWhatItsPreviewSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	group := w.group(w.user()).Name
	id, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: "Ada", Last: "Lovelace", Employee: "007"}, PIN{}, nil)
	w.must(err)
	_, _, err = w.AddUser(t.Context(), as(Owner), UserForm{First: "Grace", Email: "grace@example.com"}, PIN{}, nil)
	w.must(err)
	file := "Employee_Number;first_name;last_name;email;groups;valid_until;enabled;cards;pin\r\n" +
		"007;Ada;Lovelace;ada@example.com;" + group + ";2027-12-31;no;;auto\r\n" +
		";Grace;;GRACE@example.com;;;;;\r\n" +
		"8;Zoe\u0308;Adams;;;2027-01-01T10:00;yes;\"04:A1:B2:C3:D4:E5:80; 04A1B2C3D4E581\";auto\r\n"
	file = "\ufeff" + file
	p := w.preview(file)
	if p.Count[RowAdds] != 1 || p.Count[RowChanges] != 2 || p.PINs != 2 || p.Cards != 2 {
		t.Fatalf("%+v", p)
	}
	if tells := strings.Join(texts(p.Rows[0].Tells), "; "); p.Rows[0].User != id || !strings.Contains(tells, "email from none to ada@example.com") || !strings.Contains(tells, "suspended from off to on") || !strings.Contains(tells, "a PIN") {
		t.Errorf("%+v", p.Rows[0])
	}
	if tells := p.Rows[1].Tells; len(tells) != 1 || tells[0].String() != "email from grace@example.com to GRACE@example.com" {
		t.Errorf("%q", tells)
	}
	before := w.newest().ID
	var sealed bytes.Buffer
	identity, err := age.GenerateX25519Identity()
	w.must(err)
	form := &PINFileForm{Recipients: identity.Recipient().String()}
	pins, err := form.Delivery(&sealed, nil)
	w.must(err)
	_, err = w.ImportUsers(t.Context(), as(Owner), []byte(file), p.Revision, pins)
	w.must(err)
	page, err := w.Activity(t.Context(), as(Owner), Query{After: before})
	w.must(err)
	if len(page.Events) != 1 || !strings.Contains(page.Events[0].Text.String(), "Owner imported users: 1 added, 2 changed, 0 as before, 2 cards, 2 PINs, in a file encrypted to age1") {
		t.Errorf("%d rows: %s", len(page.Events), page.Events[0].Text)
	}
	ada, err := w.User(t.Context(), as(Owner), id)
	w.must(err)
	if !ada.Suspended || !ada.PIN || ada.Until.UTC() != time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC) || !slices.Equal(ada.Groups, []string{group}) {
		t.Errorf("%+v", ada.UserRow)
	}
	zoe, err := w.FindUser(t.Context(), as(Owner), "Zo\u00eb Adams")
	w.must(err)
	if zoe.Cards != 2 || !zoe.PIN || zoe.Employee != "8" {
		t.Errorf("%+v", zoe)
	}
	plain, err := age.Decrypt(&sealed, identity)
	w.must(err)
	text, err := io.ReadAll(plain)
	w.must(err)
	if !regexp.MustCompile(`^\x{feff}pin,id,name,employee_number\r\n\d{4} \d{4},2,Ada Lovelace,007\r\n\d{4} \d{4},4,Zoë Adams,8\r\n$`).Match(text) {
		t.Errorf("%q", text)
	}
	if bytes.Contains(sealed.Bytes(), []byte("Lovelace")) {
		t.Error("the file is not encrypted")
	}
	// What is imported again changes nothing: who has a PIN keeps it.
	if again := w.preview(file); again.Count[RowKeeps] != 3 || again.PINs != 0 || again.Cards != 0 {
		t.Errorf("%+v: %+v", again, again.Rows[0])
	}
}

func TestAnExportThatIsImportedChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.card()
	w.group(w.withPIN())
	w.invite(w.visit(w.visited(), time.Hour))
	w.must(w.SuspendUser(t.Context(), as(Owner), w.withPIN(), true))
	rapid.Check(t, func(t *rapid.T) {
		form := UserForm{
			First:    rapid.StringMatching(`['"=+@|;, a-zé\-]{0,12}`).Draw(t, "first"),
			Last:     rapid.StringMatching(`['"=+@%;, A-Z]{0,12}x`).Draw(t, "last"),
			Employee: rapid.StringMatching(`['=+\-0-9]{0,6}`).Draw(t, "employee"),
			Extended: rapid.Bool().Draw(t, "extended"), Zone: time.UTC,
		}
		if rapid.Bool().Draw(t, "dates") {
			form.From = time.Unix(rapid.Int64Range(1, 1e9).Draw(t, "from"), 0).UTC().Format(time.RFC3339)
			form.Until = time.Unix(rapid.Int64Range(1e9+1, 2e9).Draw(t, "until"), 0).UTC().Format(time.RFC3339)
		}
		if _, _, err := w.AddUser(w.t.Context(), as(Owner), form, PIN{}, []string{w.uid()}); err != nil {
			t.Skip(err)
		}
		file := w.export()
		p := w.preview(file)
		if p.Count[RowKeeps] != len(p.Rows) || strings.Contains(file, "Visitor") {
			for _, r := range p.Rows {
				if r.Fate != RowKeeps {
					t.Errorf("%+v", r)
				}
			}
			t.Errorf("%v\n%s", p.Count, file)
		}
		rows, err := csv.NewReader(strings.NewReader(file)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
					t.Errorf("a formula: %q", cell)
				}
			}
		}
	})
}

func TestABadFileIsRefusedWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	taken, _ := w.card()
	w.must(w.AddCard(t.Context(), as(Owner), taken, "04:99:99:99:99:99:99"))
	visitor := w.invite(w.visit(w.visited(), time.Hour))
	big := "first_name\n" + strings.Repeat("Ada\n", maxImportRows)
	before := w.check()
	for name, test := range map[string]struct{ file, says string }{
		"empty":          {"  \n", "is empty"},
		"header only":    {"first_name\n", "no rows"},
		"no header":      {"Ada,Lovelace\n", `no column "ada"`},
		"unknown column": {"first_name,password\nAda,x\n", `no column "password"`},
		"column twice":   {"first_name,First_Name\nAda,Ada\n", "there twice"},
		"UTF-16":         {"\xff\xfef\x00i\x00", "UTF-16"},
		"NUL":            {"first_name\nAda\nGr\x00ace\n", "Line 3 has a NUL"},
		"one bad byte":   {big[:len(big)-2] + "\xff\n", "Line 100001 is not UTF-8"},
		"Latin-1":        {"first_name\nZo\xeb\n", "Line 2 is not UTF-8"},
		"bare quote":     {"first_name\nAda \"the\" first\n", "Line 2: a double quote"},
		"open quote":     {"first_name\n\"Ada\n", "a double quote"},
		"too many cells": {"first_name\nAda,Lovelace\n", "Line 2 has more or fewer cells"},
		"too few cells":  {"first_name,last_name\nAda\n", "Line 2 has more or fewer cells"},
		"too many rows":  {big + "Ada\n", "more than 100,000 rows"},
		"33 MiB":         {"first_name\n" + strings.Repeat("x", 33<<20), "larger than 32 MiB"},
		"too many PINs":  {"first_name,pin\n" + strings.Repeat("Ada,auto\n", maxImportPINs+1), "one import makes at most 1,000"},
	} {
		if _, err := w.PreviewImport(t.Context(), as(Owner), []byte(test.file)); !strings.Contains(Fields(err)["file"].String(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, test := range map[string]struct{ file, says string }{
		"unknown id":      {"id,first_name\n999,Ada\n", "id: There is no user 999"},
		"id is no id":     {"id,first_name\n-1,Ada\n", "id: There is no user -1"},
		"no name":         {"first_name\n\"  \"\n", ""},
		"nobody's name":   {"first_name,email\n,a@example.com\n", "first_name: A user needs a name"},
		"long name":       {"first_name\n" + strings.Repeat("x", 65) + "\n", "65 bytes"},
		"email":           {"first_name,email\nAda,ada\n", "email: Enter an email"},
		"unknown group":   {"first_name,groups\nAda,nowhere\n", "groups: There is no group nowhere"},
		"visitors' group": {"first_name,groups\nAda,visitors-of-door-1\n", "kept for visitors"},
		"date":            {"first_name,valid_until\nAda,31.12.2026\n", "valid_until: Write it like"},
		"dates":           {"first_name,valid_from,valid_until\nAda,2027-01-02,2027-01-01\n", "valid_until: The end must be after"},
		"yes and no":      {"first_name,enabled\nAda,maybe\n", "enabled: Write yes or no"},
		"digits":          {"first_name,pin\nAda,58310274\n", "pin: Write auto"},
		"UID":             {"first_name,cards\nAda,4.12E+12\n", "cards: A card's UID"},
		"random UID":      {"first_name,cards\nAda,08010203\n", "cards: A UID of 4 bytes that begins with 08"},
		"masked":          {fmt.Sprintf("id,cards\n%d,… 12 34\n", taken), "cards: They have no card"},
		"same user":       {fmt.Sprintf("id,last_name\n%d,A\n%[1]d,B\n", taken), "Line 2 is about the same user"},
		"same number":     {"first_name,employee_number\nA,1\nB,1\n", "Line 2 is about the same user"},
		"same email":      {"first_name,email\nA,a@example.com\nB,A@example.com\n", "Line 2 is about the same user"},
		"same card":       {"first_name,cards\nA,04000000000077\nB,04:00:00:00:00:00:77\n", "is in line 2, too"},
		"visitor":         {fmt.Sprintf("id,last_name\n%d,A\n", visitor), "is a visitor"},
	} {
		p, err := w.PreviewImport(t.Context(), as(Owner), []byte(test.file))
		if test.says == "" {
			if Fields(err)["file"] == nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		last := p.Rows[len(p.Rows)-1]
		if last.Fate != RowWrong || !strings.Contains(strings.Join(texts(last.Tells), "; "), test.says) {
			t.Errorf("%s: %+v", name, last)
		}
		if strings.Contains(fmt.Sprintf("%+v", last), "58310274") {
			t.Error("the digits are repeated")
		}
		if _, err := w.ImportUsers(t.Context(), as(Owner), []byte(test.file), p.Revision, nil); !strings.Contains(Fields(err)["file"].String(), "nothing is imported") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := w.check(); after.Users != before.Users || after.Revision != before.Revision {
		t.Errorf("something changed: %+v, before %+v", after, before)
	}
}

func TestNothingIsImportedIfAUserChangedSinceThePreview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, other := w.user(), w.user()
	file := fmt.Appendf(nil, "id,last_name,pin\n%d,New,auto\n,Newer,\n", id)
	for name, meanwhile := range map[string]func(){
		"edited": func() {
			w.must(w.EditUser(t.Context(), as(Super), id, "", nil, func(f *UserForm) { f.Email = "x@example.com" }))
		},
		"PIN": func() { _, err := w.SetPIN(t.Context(), as(Super), id, PIN{Choice: Auto}); w.must(err) },
	} {
		p := w.preview(string(file))
		meanwhile()
		_, err := w.ImportUsers(t.Context(), as(Owner), file, p.Revision, &PINDelivery{Give: func([]*ImportedPIN) error { t.Error("PINs are given"); return nil }})
		if !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := w.preview(string(file))
	w.must(w.EditUser(t.Context(), as(Super), other, "", nil, func(f *UserForm) { f.Email = "y@example.com" })) // not in the file
	if _, err := w.ImportUsers(t.Context(), as(Owner), append(file, '\n'), p.Revision, nil); !errors.Is(err, ErrChanged) {
		t.Errorf("another file: %v", err)
	}
	_, err := w.ImportUsers(t.Context(), as(Owner), file, p.Revision, nil)
	w.must(err)
}

func TestAnImportWhosePINsCannotBeTakenIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := "first_name,pin\nAda,auto\n"
	p, before := w.preview(file), w.check()
	full := errors.New("the disk is full")
	var kept []*ImportedPIN
	_, err := w.ImportUsers(t.Context(), as(Owner), []byte(file), p.Revision, &PINDelivery{Give: func(pins []*ImportedPIN) error { kept = pins; return full }})
	if !errors.Is(err, full) || w.check().Users != before.Users || len(kept) != 1 || kept[0].Name != "Ada" || len(kept[0].Digits) != 8 {
		t.Errorf("%v, %+v", err, kept)
	}
	if _, err := w.ImportUsers(t.Context(), as(Owner), []byte(file), p.Revision, nil); !strings.Contains(Fields(err)["pins"].String(), "makes 1 PIN") {
		t.Error(err)
	}
}

func TestACardOfSomebodyElseInAFileCountsAsOneThatWasTyped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user := w.user()
	var lines strings.Builder
	for n := range 3 {
		uid := fmt.Sprintf("0455%010X", n)
		w.must(w.AddCard(t.Context(), as(Owner), user, uid))
		fmt.Fprintf(&lines, "Eve,%s\n", uid)
	}
	file := []byte("first_name,cards\n" + lines.String())
	for range maxClashesPerAdmin {
		p, err := w.PreviewImport(t.Context(), as(Editor), file)
		w.must(err)
		if p.Count[RowWrong] != 1 || !strings.Contains(p.Rows[0].Tells[0].String(), "is already assigned") {
			t.Fatalf("it tells of %d cards: %+v", p.Count[RowWrong], p.Rows[0])
		}
	}
	_, err := w.PreviewImport(t.Context(), as(Editor), file)
	if !strings.Contains(Fields(err)["file"].String(), "unusable PINs or cards today") {
		t.Error(err)
	}
	// Nor may one try further cards, also such that are nobody's.
	if _, err := w.PreviewImport(t.Context(), as(Editor), []byte("first_name,cards\nEve,04AAAAAAAAAAAA\n")); Fields(err)["file"] == nil {
		t.Error(err)
	}
	w.must(func() error {
		_, err := w.PreviewImport(t.Context(), as(Editor), []byte("first_name\nEve\n"))
		return err
	}())
	a := as(Owner)
	a.Via = CommandLine
	p, err := w.PreviewImport(t.Context(), a, file)
	if err != nil || p.Count[RowWrong] != 3 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := w.ImportUsers(t.Context(), a, file, p.Revision, nil); !errors.Is(err, site.ErrCardTaken) {
		t.Error(err)
	}
}

// texts returns sentences in English.
func texts(sentences []*language.Sentence) (all []string) {
	for _, s := range sentences {
		all = append(all, s.String())
	}
	return all
}
