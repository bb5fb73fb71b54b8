package console

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// upload sends a file of users.
func (b *browser) upload(w *world, content string) *page {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", "users.csv")
	w.must(err)
	file.Write([]byte(content))
	w.must(form.Close())
	return b.ask("POST", "/users/import", form.FormDataContentType(), &body)
}

// imports are the fields of the form that the preview shows, with more of them.
func imports(t *testing.T, preview *page, more ...string) (path string, fields []string) {
	t.Helper()
	action := regexp.MustCompile(`action="(/users/import/file/[A-Z0-9]+)"`).FindStringSubmatch(preview.body)
	revision := regexp.MustCompile(`name="revision" value="([^"]+)"`).FindStringSubmatch(preview.body)
	if action == nil || revision == nil {
		t.Fatal("the preview has no form:", text(preview.body))
	}
	return action[1], append([]string{"revision", revision[1]}, more...)
}

func TestUsersAreImportedAfterAPreviewWithPINsOnSlipsOrInAFile(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	b.upload(w, "name\nEve\n").shows(t, http.StatusUnprocessableEntity, "There is no column")
	b.upload(w, "first_name\n"+strings.Repeat("x", 33<<20)).shows(t, http.StatusUnprocessableEntity, "larger than 32 MiB")
	if got := b.upload(w, "first_name\n"+strings.Repeat("x", 40<<20)); got.status != http.StatusRequestEntityTooLarge {
		t.Error(got.status)
	}
	wrong := b.upload(w, "first_name,groups\nEve,nowhere\nBob,staff\n")
	wrong.shows(t, http.StatusOK, "1 row is wrong", "There is no group nowhere")
	if strings.Contains(wrong.body, ">Import</button>") {
		t.Error("it can be imported")
	}

	preview := b.upload(w, "first_name,last_name,groups,pin\nEve,Dunn,staff,auto\nBob,Martin,,auto\nJoe,,,\n")
	preview.shows(t, http.StatusOK, "Added 3", "groups staff", "a PIN", "2 PINs are made")
	path, fields := imports(t, preview, "deliver", "slips")
	if got := w.visitor(desk.Owner).get(path); got.status != http.StatusNotFound {
		t.Error("somebody else sees it:", got.status)
	}
	got := b.post(path, append(fields, "once", "1")...)
	got.shows(t, http.StatusOK, "2 slips to print", "Eve Dunn", "Bob Martin")
	pins := regexp.MustCompile(`class="slip-pin">(\d{4} \d{4})<`).FindAllStringSubmatch(got.body, -1)
	if len(pins) != 2 || strings.Contains(got.body, "secret-") {
		t.Fatalf("%q", pins)
	}
	for _, again := range []*page{b.post(path, append(fields, "once", "1")...), b.get("/users"), b.get("/activity")} {
		if strings.Contains(again.body, pins[0][1]) {
			t.Error("a PIN is shown again")
		}
	}
	if strings.Contains(w.logged.String(), strings.ReplaceAll(pins[0][1], " ", "")) {
		t.Error("a PIN is logged")
	}

	identity, err := age.GenerateX25519Identity()
	w.must(err)
	path, fields = imports(t, b.upload(w, "first_name,pin\nZoe,auto\n"), "deliver", "file")
	b.post(path, fields...).shows(t, http.StatusUnprocessableEntity, "at least 16 characters")
	b.post(path, append(fields, "recipients", "nobody")...).shows(t, http.StatusUnprocessableEntity, "no age recipients")
	sealed := b.post(path, append(fields, "recipients", identity.Recipient().String())...)
	if sealed.status != http.StatusOK {
		t.Fatal(sealed.status, text(sealed.body))
	}
	plain, err := age.Decrypt(strings.NewReader(sealed.body), identity)
	w.must(err)
	list, err := io.ReadAll(plain)
	w.must(err)
	if !regexp.MustCompile(`\r\n\d{4} \d{4},\d+,Zoe,\r\n$`).Match(list) {
		t.Errorf("%q", list)
	}
}

func TestAnImportIsRefusedIfAUserChangedAndThePreviewIsMadeAnew(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	path, fields := imports(t, b.upload(w, "id,email\n1,ada@example.com\n"))
	w.must(w.desk.EditUser(t.Context(), owner, 1, "", nil, func(f *desk.UserForm) { f.Employee = "7" }))
	again := b.post(path, fields...)
	again.shows(t, http.StatusUnprocessableEntity, "has changed since the preview")
	path, fields = imports(t, again)
	b.post(path, fields...).shows(t, http.StatusOK, "Imported: 0 added, 1 changed")
}

func TestAnExportOfUsersComesBackAsItIs(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	file := b.post("/users/export")
	if file.status != http.StatusOK || !strings.Contains(file.body, "Ada,Lovelace") {
		t.Fatal(file.status, file.body)
	}
	b.upload(w, file.body).shows(t, http.StatusOK, "Everything in the file is so already")
}

func TestUsersAreTickedAndChangedTogether(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	bob := w.user("Bob", "Martin", false, "")
	b.get("/users").shows(t, http.StatusOK, "Change those ticked", "Change all", `name="user" value="1" form="selection"`)
	b.get("/users/edit").shows(t, http.StatusOK, "Nobody is selected")
	if viewer := w.visitor(desk.Viewer).get("/users"); strings.Contains(viewer.body, "Change those ticked") || strings.Contains(viewer.body, `class="tick"`) {
		t.Error("who may only look is offered to change users")
	}
	ticked := []string{"user", "1", "user", "2"}
	page := b.get("/users/edit?user=1&user=2")
	page.shows(t, http.StatusOK, "Ada Lovelace", "Bob Martin", "Change 2 users")
	revision := regexp.MustCompile(`name="revision" value="([^"]+)"`).FindStringSubmatch(page.body)[1]
	ticked = append(ticked, "revision", revision)
	b.post("/users/edit", ticked...).shows(t, http.StatusUnprocessableEntity, "Choose what to change")
	b.post("/users/edit", append(ticked, "until-how", "set")...).shows(t, http.StatusUnprocessableEntity, "Enter the date")
	b.post("/users/edit", append(ticked, "until-how", "set", "until", "2031-01-01T10:00", "add", "staff", "suspend", "yes")...).shows(t, http.StatusOK, "Changed: 2 users")
	u, err := w.desk.User(t.Context(), owner, bob)
	w.must(err)
	if !u.Suspended || !slices.Equal(u.Groups, []string{"staff"}) || u.Until.IsZero() {
		t.Errorf("%+v", u.UserRow)
	}
	b.post("/users/edit", append(ticked, "suspend", "no")...).shows(t, http.StatusUnprocessableEntity, "The selection or the change is not what was previewed: look again")
	b.get("/users/edit?found=1&state=suspended").shows(t, http.StatusOK, "Change 2 users", `name="state" value="suspended"`)
}
