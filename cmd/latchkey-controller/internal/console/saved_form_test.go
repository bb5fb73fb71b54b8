package console

import (
	"encoding/base64"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)"(?: autocomplete="off")? value="([^"]*)">`)

// formIn returns the hidden fields of the last form in a page that is sent to an
// address.
func formIn(t *testing.T, p *page, action string) (fields []string) {
	t.Helper()
	forms := strings.Split(p.body, `method="post" action="`+action+`"`)
	if len(forms) == 1 {
		t.Fatalf("%s has no form for %s: %s", p.url, action, text(p.body))
	}
	form, _, _ := strings.Cut(forms[len(forms)-1], "</form>")
	for _, field := range hidden.FindAllStringSubmatch(form, -1) {
		fields = append(fields, field[1], html.UnescapeString(field[2]))
	}
	return fields
}

// keptIn returns the form that is kept in a sign-in page; "": none is.
func keptIn(p *page) string {
	for _, field := range hidden.FindAllStringSubmatch(p.body, -1) {
		if field[1] == "kept" {
			return field[2]
		}
	}
	return ""
}

// signIn signs in where a form was kept.
func (b *browser) signIn(role desk.Role, kept string) *page {
	b.w.t.Helper()
	return b.post("/sign-in", "name", names[role], "password", password, "kept", kept)
}

// signedOut ends the session of a visitor, who does not notice.
func (b *browser) signedOut() {
	b.w.t.Helper()
	b.w.must(b.w.desk.SignOut(b.w.t.Context(), b.session))
}

func TestAFormIsThereAgainAfterSigningInAgain(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	w.visitor(desk.Viewer)
	viewer, err := w.desk.FindAdmin(t.Context(), owner, names[desk.Viewer])
	w.must(err)
	w.adopt("back-door", "Back door", "Villa")
	for i, test := range []struct {
		page, action string
		typed        []string
		there        []string // in the form that is given back
	}{
		{"/users/new", "/users", []string{"first", "Eve", "last", "Dunn", "groups", "lab", "group", "staff", "pin", "none", "from", "2026-12-24T10:00"}, []string{`value="Eve"`, `value="Dunn"`, `value="lab"`, `value="staff" checked`, `value="none" checked`, `value="2026-12-24T10:00"`}},
		{"/users/1?tab=about", "/users/1", []string{"first", "Augusta", "last", "King"}, []string{`value="Augusta"`, `value="King"`}},
		{"/users/1?add=pin", "/users/1/pin", []string{"pin", "auto"}, []string{`value="auto" checked`}},
		{"/users/2?add=pin", "/users/2/pin", []string{"pin", "auto", "uses", "3", "within", "2", "within-unit", "hours"}, []string{`value="auto" checked`, `value="3"`, `value="2"`, `<option value="hours" selected>`}},
		{"/users/1?add=duress-pin", "/users/1/duress-pin", []string{"pin", "auto"}, []string{`action="/users/1/duress-pin"`, `value="auto" checked`}},
		{"/users/1?add=card", "/users/1/cards", []string{"card", "04AABBCCDDEE80"}, []string{`value="04AABBCCDDEE80"`}},
		{"/places/new/location", "/places/new/location", []string{"name", "Annex"}, []string{`value="Annex"`}},
		{"/places/new/hub", "/places/new/hub", []string{"name", "Attic", "in", "2"}, []string{`value="Attic"`, `value="2" selected`}},
		{"/places/new/door", "/places/new/door", []string{"name", "Cellar", "in", "2"}, []string{`value="Cellar"`, `value="2" selected`}},
		{"/locations/1", "/locations/1", []string{"name", "Mine"}, []string{`value="Mine"`}},
		{"/?ask=mode", "/mode", []string{"mode", "locked", "for", "end"}, []string{`value="end" selected`}},
		{"/locations/1", "/locations/1/mode", []string{"mode", "locked", "for", "end"}, []string{`value="end" selected`}},
		{"/doors/1", "/doors/1/mode", []string{"mode", "locked", "for", "time", "until", "2099-01-01T10:00"}, []string{`value="2099-01-01T10:00"`}},
		{"/doors/1?tab=hours", "/readers/front-door/opening", []string{"when", "times", "mon", "08:00-12:00"}, []string{`value="times" checked`, `value="08:00-12:00"`}},
		{"/doors/1?tab=identification", "/readers/front-door/two-proofs", []string{"when", "times", "mon", "08:00-12:00"}, []string{`value="times" checked`, `value="08:00-12:00"`}},
		{"/doors/1?tab=access", "/readers/front-door/mode-groups", []string{"in-lockdown", "staff"}, []string{`name="in-lockdown" value="staff" checked`}},
		{"/hubs/1", "/hubs/1", []string{"name", "My hub"}, []string{`value="My hub"`}},
		{"/doors/1?tab=settings", "/doors/1", []string{"name", "My door", "hub", "2"}, []string{`value="My door"`, `value="2" selected`}},
		{"/doors/1?tab=identification", "/readers/front-door/authentication", []string{"limit", "4", "guess-limit", "50", "shuffle", "on"}, []string{`value="4"`, `value="50"`, `name="shuffle" value="on" checked`}},
		{"/doors/1?tab=settings", "/readers/front-door/door", []string{"unlock", "9", "extended", "30", "held-after", "0"}, []string{`value="9"`, `value="30"`}},
		{"/readers/front-door?tab=screen", "/readers/front-door/screen", []string{"greeting", "Hello & welcome"}, []string{`value="Hello &amp; welcome"`}},
		{"/doors/1?tab=access&ask=add", "/readers/front-door/access", []string{"group", "night", "when", "times", "mon", "08:00-12:00"}, []string{`value="night"`, `value="times" checked`, `value="08:00-12:00"`}},
		{"/doors/1?tab=hours", "/readers/front-door/calendar", []string{"time-zone", "Europe/Berlin", "holidays", "12-24\r\n12-25"}, []string{`value="Europe/Berlin"`, "12-24\r\n12-25"}},
		{"/readers/front-door?tab=device", "/readers/front-door/move", []string{"door", "2"}, []string{`value="2" selected`}},
		{"/settings", "/settings", []string{"keep-days", "31"}, []string{`value="31"`}},
		{"/settings/administrators?ask=add", "/settings/administrators", []string{"name", "Alan Kay", "role", "super-admin", "at", "all"}, []string{`value="Alan Kay"`, `value="super-admin" selected`}},
		{fmt.Sprint("/settings/administrators?ask=role&about=", viewer), fmt.Sprint("/settings/administrators/", viewer, "/role"), []string{"role", "limited-edit"}, []string{`value="limited-edit" selected`}},
		{"/settings", "/settings/zone", []string{"zone", "Europe/Zurich"}, []string{`value="Europe/Zurich"`}},
	} {
		begun := formIn(t, b.get(test.page), test.action)
		if i%2 == 0 {
			w.pass(desk.SessionIdle)
		} else {
			b.signedOut()
		}
		before := w.newest()
		asked := b.post(test.action, append(begun, test.typed...)...)
		asked.shows(t, http.StatusUnauthorized, "You were signed out, so nothing was done.")
		if i == 0 {
			b.post("/sign-in", "name", names[desk.Owner], "password", "not this one", "kept", keptIn(asked)).shows(t, http.StatusUnprocessableEntity, keptIn(asked))
		}
		got := b.signIn(desk.Owner, keptIn(asked))
		got.shows(t, http.StatusOK, "You were signed out before this was sent, so nothing was done.")
		for _, there := range test.there {
			if !strings.Contains(got.body, there) {
				t.Errorf("%s: %s is not there", test.action, there)
			}
		}
		if again := formIn(t, got, test.action); !slices.Equal(again, begun) {
			t.Errorf("%s: begun with %q, given back with %q", test.action, begun, again)
		}
		page, err := w.desk.Activity(t.Context(), owner, desk.Query{After: before, Limit: 100})
		w.must(err)
		for _, e := range page.Events {
			if e.Kind != "admin.sign-in" && e.Kind != "admin.sign-out" {
				t.Errorf("%s: it was sent by itself: %s", test.action, e.Text)
			}
		}
		b.post(test.action, append(begun, test.typed...)...).shows(t, http.StatusOK)
		if got := w.newest(); got <= before {
			t.Errorf("%s: nothing was done when it was sent", test.action)
		}
	}
}

func TestOfAKeptFormNoSecretIsKept(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	begun := formIn(t, b.get("/users/new"), "/users")
	b.signedOut()
	asked := b.post("/users", append(begun, "first", "Evangeline", "pin", "typed", "digits", "5831 0274", "password", password)...)
	asked.shows(t, http.StatusUnauthorized, "PINs and passwords are not saved.")
	sealed, err := base64.RawURLEncoding.DecodeString(keptIn(asked))
	w.must(err)
	form, ok := w.console.savedForms.open(keptIn(asked))
	if !ok || !strings.Contains(form.Fields, "first=Evangeline") {
		t.Fatalf("%+v", form)
	}
	for _, text := range []string{asked.body, string(sealed), form.Fields} {
		if strings.Contains(text, "5831 0274") || strings.Contains(text, "5831+0274") || strings.Contains(text, "58310274") || strings.Contains(text, strings.ReplaceAll(password, " ", "+")) {
			t.Errorf("a secret stands in %.300q", text)
		}
	}
	if strings.Contains(asked.body, "Evangeline") || strings.Contains(string(sealed), "Evangeline") {
		t.Error("whoever comes to the browser next reads the form")
	}
	got := b.signIn(desk.Owner, keptIn(asked))
	got.shows(t, http.StatusOK, "PINs and passwords were not saved", `value="typed" checked`, `value="Evangeline"`)
	if strings.Contains(got.body, "5831") {
		t.Error("the PIN comes back")
	}
	// Each field of a page that a secret is typed into is known as one.
	w.must(fs.WalkDir(templateFiles, "templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(templateFiles, path)
		for _, field := range regexp.MustCompile(`template "secret" \(dict [^)]*"Name" "([^"]*)"`).FindAllSubmatch(content, -1) {
			if !slices.Contains(secretFields, string(field[1])) {
				t.Errorf("%s: %s would be kept", path, field[1])
			}
		}
		return err
	}))
}

func TestAKeptFormIsGivenToItsAdministratorOnly(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	w.visitor(desk.Super)
	begun := append(formIn(t, b.get("/users/new"), "/users"), "first", "Mallory", "pin", "none")
	b.signedOut()
	kept := keptIn(b.post("/users", begun...))
	got := b.signIn(desk.Super, kept)
	got.shows(t, http.StatusOK, "so it is not shown")
	if strings.Contains(got.body, "Mallory") {
		t.Error("another administrator is given it")
	}
	// It is still open in another window, and not taken from whoever is signed in there now.
	before := w.newest()
	b.post("/users", begun...).shows(t, http.StatusConflict, "Form of another administrator")
	if w.newest() != before {
		t.Error("it is sent by another administrator")
	}
	b.signIn(desk.Owner, kept).shows(t, http.StatusOK, `value="Mallory"`)
}

func TestWhatIsMadeUpOrTooOldOrTooLongIsNotKept(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	begun := formIn(t, b.get("/users/new"), "/users")
	whose := begun[slices.Index(begun, "whose")+1]
	b.signedOut()
	nobody := w.visitor("")
	for _, fields := range [][]string{
		{"first", "Eve"}, {"first", "Eve", "whose", ""}, {"first", "Eve", "whose", "1"}, {"first", "Eve", "whose", "2" + whose[1:]}, {"first", "Eve", "whose", whose[:len(whose)-2]},
	} {
		got := nobody.post("/users", fields...)
		got.shows(t, http.StatusUnauthorized, "Sign in and do it again")
		if keptIn(got) != "" {
			t.Errorf("%q is kept", fields)
		}
	}
	for _, length := range []int{maxSavedForm, maxAnonymousBody, maxBody} {
		got := b.post("/users", append(begun, "first", strings.Repeat("x", length))...)
		got.shows(t, http.StatusUnauthorized, "too long to be saved")
		if keptIn(got) != "" {
			t.Errorf("%d bytes are kept", length)
		}
	}
	// The longest that is kept still fits beside a long name and a password.
	longest := b.post("/users", append(begun, "first", strings.Repeat("x", maxSavedForm-len(begunBody(begun))-len("&first=")))...)
	if keptIn(longest) == "" {
		t.Fatal("the longest form is not kept")
	}
	b.signIn(desk.Owner, keptIn(longest)).shows(t, http.StatusOK, "You were signed out before this was sent")
	b.signedOut()

	kept := keptIn(b.post("/users", append(begun, "first", "Evangeline", "pin", "none")...))
	for i := range len(kept) {
		changed := []byte(kept)
		if changed[i] = 'A'; kept[i] == 'A' {
			changed[i] = 'Q'
		}
		if _, ok := w.console.savedForms.open(string(changed)); ok && i < len(kept)-1 { // of the last one not all bits count
			t.Fatalf("it opens with another character %d", i)
		}
	}
	gone := func(kept string) {
		t.Helper()
		got := b.signIn(desk.Owner, kept)
		got.shows(t, http.StatusOK, "What you had entered has expired")
		if strings.Contains(got.body, "Evangeline") {
			t.Error("it is there")
		}
	}
	for _, made := range []string{"A", "%%%", strings.Repeat("A", 6000), kept[:len(kept)/2], kept[1:] + kept[:1]} {
		gone(made)
	}
	w.console.savedForms.began = w.console.savedForms.began.Add(-savedFormEnds)
	gone(kept)
}

// begunBody is how a form begins that is sent.
func begunBody(fields []string) string {
	f := newForm(fields...)
	return f.Values.Encode()
}

func TestAFormThatWasDoneBeforeTheSessionEndedIsNotDoneAgain(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	fields := append(formIn(t, b.get("/users/new"), "/users"), "first", "Once", "pin", "none")
	b.post("/users", fields...).shows(t, http.StatusOK, "The user was added")
	b.signedOut()
	kept := keptIn(b.post("/users", fields...)) // the answer was lost, say
	again := append(formIn(t, b.signIn(desk.Owner, kept), "/users"), "first", "Once", "pin", "none")
	b.post("/users", again...).shows(t, http.StatusOK, "This was already done, and not repeated.")
	page, err := w.desk.Users(t.Context(), owner, desk.UserQuery{Search: "Once"})
	w.must(err)
	if page.Found != 1 {
		t.Errorf("%d users", page.Found)
	}
}

func TestAKeptFormStillSaysWhatChangedMeanwhile(t *testing.T) {
	w := small(t)
	b, other := w.visitor(desk.Owner), w.visitor(desk.Super)
	begun := append(formIn(t, b.get("/doors/1?tab=settings"), "/doors/1"), "name", "Mine", "hub", "1")
	b.signedOut()
	kept := keptIn(b.post("/doors/1", begun...))
	other.post("/doors/1", "name", "Theirs", "hub", "1").shows(t, http.StatusOK)
	again := append(formIn(t, b.signIn(desk.Owner, kept), "/doors/1"), "name", "Mine", "hub", "1")
	b.post("/doors/1", again...).shows(t, http.StatusUnprocessableEntity, "Somebody else has changed this door")
}

func TestABrowserKeepsAFormThatWasBegunWhenTheSessionEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, _ := chromium(t, t.Context(), w, desk.Owner)
	do(t, ctx, arrive(w.server.URL+"/users"), chromedp.Click(chromedp.CSS(`a[href="/users/new"]`)), chromedp.WaitVisible(chromedp.CSS("#f-first")),
		chromedp.SendKeys(chromedp.CSS("#f-first"), "Eve"), chromedp.Click(chromedp.CSS("#f-pin-typed")), chromedp.SendKeys(chromedp.CSS("#f-digits"), "58310274"))
	grace, err := w.desk.FindAdmin(t.Context(), owner, names[desk.Owner])
	w.must(err)
	w.must(w.desk.SignOutAdmin(t.Context(), owner, grace))
	w.user("Ada", "Lovelace", false, "") // the list asks for itself, and is refused
	do(t, ctx, chromedp.WaitVisible(chromedp.CSS("#signed-out")))
	eval[bool](t, ctx, `document.querySelector("#signed-out").hidden = true`)
	w.server.CloseClientConnections() // the page listens anew, and hears that the session is over
	do(t, ctx, chromedp.WaitVisible(chromedp.CSS("#signed-out")), chromedp.Click(chromedp.CSS("#panel button[type=submit]")), chromedp.WaitVisible(chromedp.CSS("#f-password")))
	lookAt(t, ctx, "sign-in-kept")
	do(t, ctx, wide, chromedp.SendKeys(chromedp.CSS("#f-name"), names[desk.Owner]), chromedp.SendKeys(chromedp.CSS("#f-password"), password),
		chromedp.Click(chromedp.CSS("button.primary")), chromedp.WaitVisible(chromedp.CSS("#f-first")))
	if got := eval[string](t, ctx, `document.querySelector("#f-first").value + "/" + document.querySelector("#f-digits").value`); got != "Eve/" {
		t.Errorf("given back: %q", got)
	}
	do(t, ctx, chromedp.SendKeys(chromedp.CSS("#f-digits"), "58310274"))
	eval[bool](t, ctx, `document.querySelector("#panel button[type=submit]").click(); true`)
	do(t, ctx, chromedp.WaitVisible(chromedp.CSS("#panel .tabs")))
	page, err := w.desk.Users(t.Context(), owner, desk.UserQuery{Search: "Eve"})
	w.must(err)
	if page.Found != 1 {
		t.Errorf("%d users", page.Found)
	}
}

func TestEachFormThatSaysWhoseItIsIsKept(t *testing.T) {
	w := newWorld(t)
	names, err := fs.Glob(templateFiles, "templates/*.html")
	w.must(err)
	forms := 0
	for _, name := range names {
		source, err := fs.ReadFile(templateFiles, name)
		w.must(err)
		for _, form := range regexp.MustCompile(`action="([^"]*)"[^>]*>\{\{template "whose"`).FindAllStringSubmatch(string(source), -1) {
			path := strings.NewReplacer("{{$ask}}", "role", "{{$kind}}", "door", "{{.Action}}", "/doors/1/mode").Replace(form[1])
			path = regexp.MustCompile(`\{\{[^}]*\}\}`).ReplaceAllString(path, "1")
			handler, _ := w.console.mux.Handler(httptest.NewRequest("POST", path, nil))
			if h, ok := handler.(*formHandler); !ok || h.show == nil {
				t.Errorf("%s: the form that is sent to %s is not kept", name, form[1])
			}
			forms++
		}
	}
	if forms < 17 {
		t.Errorf("%d forms were found", forms)
	}
}
