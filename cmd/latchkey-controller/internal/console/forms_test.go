package console

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/sync/wire"
)

func TestWhatIsWrongIsMarkedAndWhatWasTypedIsKept(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	for _, test := range []struct {
		path   string
		fields []string
		field  string // that is marked
		says   string
		keeps  []string // what was typed, as it stands in the page
	}{
		{"/users", []string{"first", " ", "groups", "staff", "pin", "none"}, "first", "name", []string{`value="staff"`}},
		{"/users", []string{"first", "Eve", "groups", "night shift, Über", "pin", "none"}, "groups", "letters", []string{`value="Eve"`, `value="night shift, Über"`}},
		{"/users", []string{"first", "Eve", "from", "2026-12-24T10:00", "until", "2026-12-23T10:00", "pin", "none"}, "until", "after the beginning", []string{`value="2026-12-24T10:00"`, `value="2026-12-23T10:00"`}},
		{"/users", []string{"first", "Eve", "pin", "typed", "digits", "1234567"}, "digits", "digits", []string{`value="Eve"`, `value="typed" checked`}},
		{"/users", []string{"first", "Eve", "pin", "none", "card", "08010203"}, "card", "is random", []string{`value="08010203"`}},
		{"/users/1", []string{"first", "Ada", "until", "tomorrow"}, "until", "rite it like", []string{`value="tomorrow"`}},
		{"/users/1/cards", []string{"card", "04 A1 B2 C3 D4 E5 8"}, "card", "hexadecimal", []string{`value="04 A1 B2 C3 D4 E5 8"`}},
		{"/users/1/pin", []string{"pin", "typed", "digits", "12 34"}, "digits", "digits", []string{`value="typed" checked`}},
		{"/users/1/pin", []string{"pin", "auto", "uses", "0"}, "uses", "whole number from 1", []string{`value="0"`, `<details class="limits" open>`}},
		{"/users/1/pin", []string{"pin", "auto", "uses", "101"}, "uses", "100", []string{`value="101"`, `<details class="limits" open>`}},
		{"/users/1/pin", []string{"pin", "auto", "uses", "70000"}, "uses", "whole number", []string{`value="70000"`}},
		{"/users/1/pin", []string{"pin", "auto", "within", "a while", "within-unit", "hours"}, "within", "whole number from 1", []string{`value="a while"`, `<option value="hours" selected>`}},
		{"/users/1/pin", []string{"pin", "auto", "within", "32", "within-unit", "days"}, "within", "31 days", []string{`value="32"`, `<option value="days" selected>`}},
		{"/users/1/pin", []string{"pin", "auto", "within", "2", "within-unit", "weeks"}, "within", "minutes, hours or days", []string{`value="2"`}},
		{"/users", []string{"first", "Eve", "pin", "auto", "uses", "-1"}, "uses", "whole number", []string{`value="Eve"`, `value="-1"`, `<details class="limits" open>`}},
		{"/users", []string{"first", "Eve", "pin", "auto", "within", "65535", "within-unit", "days"}, "within", "31 days", []string{`value="Eve"`, `value="65535"`}},
		{"/users/1/duress-pin", []string{"pin", "typed", "digits", "12 34"}, "digits", "digits", []string{`value="typed" checked`}},
		{"/readers/front-door/two-proofs", []string{"when", "times", "mon", "12:00-25:00"}, "mon", "Enter hours like", []string{`value="12:00-25:00"`, `value="times" checked`}},
		{"/readers/front-door/two-proofs", []string{"when", "times", "mon", ""}, "", "never demands", []string{`value="times" checked`}},
		{"/readers/front-door/authentication", []string{"limit", "11", "guess-limit", "60"}, "limit", "whole number", []string{`value="11"`}},
		{"/readers/front-door/authentication", []string{"limit", "0", "guess-limit", "60"}, "limit", "1 to 10", []string{`value="0"`}},
		{"/readers/front-door/door", []string{"unlock", "9", "extended", "8", "held-after", "0"}, "extended", "9", []string{`value="8"`}},
		{"/readers/front-door/screen", []string{"greeting", "Hello", "language", "1st", "large-text", "on"}, "language", "no language", []string{`value="1st"`, `value="Hello"`, `name="large-text" value="on" checked`}},
		{"/readers/front-door/calendar", []string{"time-zone", "Mars/Olympus", "holidays", "12-25"}, "time-zone", "time zone", []string{`value="Mars/Olympus"`, "12-25"}},
		{"/readers/front-door/calendar", []string{"time-zone", "UTC", "holidays", "12-32"}, "holidays", "is not a date", []string{"12-32"}},
		{"/readers/front-door/access", []string{"kind", "group", "group", "staff", "when", "times", "mon", "12:00-25:00"}, "mon", "Enter hours like", []string{`value="12:00-25:00"`, `value="times" checked`}},
		{"/tokens", []string{"name", "Program", "days", "0", "networks", "192.0.2.0/24", "scope", "operate"}, "days", "Choose 1 to", []string{`value="Program"`, `value="0"`, `value="192.0.2.0/24"`, `value="operate" checked`}},
		{"/webhooks", []string{"name", "n8n", "url", "http://example.com/", "event", "access.door.unlock", "style", "unifi", "headers", "X-Key: 1", "persons", "on"}, "url", "must begin with https", []string{`value="n8n"`, `value="http://example.com/"`, `value="unifi" selected`, "X-Key: 1", `name="persons" value="on" checked`, `value="access.door.unlock" checked`}},
		{"/webhooks", []string{"name", "n8n", "url", "https://example.com/", "event", "access.door.unlock", "style", "unifi", "headers", "X-Key"}, "headers", "one header field a line", []string{`value="n8n"`}},
		{"/webhooks", []string{"name", "n8n", "url", "https://example.com/", "event", "access.door.unlock", "style", "unifi", "headers", "X-Key: 1\nx-key: 2"}, "headers", "is there twice", []string{`value="n8n"`}},
		{"/webhooks/hosts", []string{"host", "*"}, "host", "Enter a host", []string{`value="*"`}},
		{"/tokens", []string{"name", "", "days", "1.5"}, "days", "whole number", []string{`value="1.5"`}},
		{"/tokens", []string{"name", "", "days", "30", "scope", "read"}, "name", "what the token is for", []string{`value="30"`}},
		{"/tokens", []string{"name", "Program", "days", "30", "networks", "home", "scope", "read"}, "networks", "is not an address", []string{`value="home"`}},
		{"/mode", []string{"mode", "unlocked", "for", "end"}, "for", "Say until when", []string{`value="end" selected`}},
		{"/locations/1/mode", []string{"mode", "locked", "for", "time", "until", "soon"}, "until", "rite it like", []string{`value="soon"`}},
		{"/doors/1/mode", []string{"mode", "locked", "for", "time", "until", "2001-01-01T10:00"}, "until", "has passed", []string{`value="time" selected`, `value="2001-01-01T10:00"`, "<details id=\"mode-form-door-1\" open"}},
		{"/readers/front-door/opening", []string{"when", "times", "mon", "12:00-25:00"}, "mon", "Enter hours like", []string{`value="12:00-25:00"`, `value="times" checked`}},
		{"/readers/front-door/opening", []string{"when", "times", "mon", ""}, "", "never opens", []string{`value="times" checked`}},
		{"/places/new/door", []string{"name", "", "in", "1"}, "name", "name", nil},
		{"/doors/1", []string{"name", " "}, "name", "name", nil},
		{"/settings", []string{"keep-days", "0"}, "keep-days", "1 to 3", []string{`value="0"`}},
		{"/settings/administrators", []string{"name", "Grace Hopper", "role", "super-admin", "at", "all"}, "name", "name", []string{`value="Grace Hopper"`, `value="super-admin" selected`}},
		{"/settings/administrators/1/role", []string{"role", "limited-view"}, "role", "Owner", []string{`value="limited-view" selected`}},
		{"/settings/account", []string{"old", "not this one", "new", "a new long password", "again", "a new long password"}, "old", "not your password", nil},
		{"/settings/account", []string{"old", password, "new", "teeny", "again", "teeny"}, "new", "10", nil},
		{"/settings/account", []string{"old", password, "new", "one way to the door", "again", "another way to it"}, "again", "differ", nil},
	} {
		got := b.post(test.path, test.fields...)
		got.shows(t, http.StatusUnprocessableEntity)
		mark := regexp.MustCompile(`<p class="wrong" id="w-[^"]*">(?s:.*?)</p>`)
		notice := text(strings.Join(mark.FindAllString(got.body, -1), " "))
		if !strings.Contains(notice, test.says) {
			t.Errorf("%s %v says %q", test.path, test.fields, notice)
		}
		field := regexp.MustCompile(`<(input|select|textarea)[^>]* name="` + test.field + `"[^>]*>`).FindString(got.body)
		if test.field != "role" && test.field != "" && !strings.Contains(field, `aria-invalid="true"`) {
			t.Errorf("%s %v does not mark %s: %s", test.path, test.fields, test.field, field)
		}
		for _, keeps := range test.keeps {
			if !strings.Contains(got.body, keeps) {
				t.Errorf("%s %v does not keep %s", test.path, test.fields, keeps)
			}
		}
		for _, secret := range []string{"1234567", "12 34", password, "teeny", "another way"} {
			if strings.Contains(got.body, secret) {
				t.Errorf("%s sends %q back", test.path, secret)
			}
		}
	}
}

var digitsShown = regexp.MustCompile(`data-text="(\d{8})">(\d{4} \d{4})<`)

func TestAGeneratedPINIsShownOnceAndStandsInNoLog(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	for _, got := range []*page{
		b.post("/users", "first", "Bob", "last", "Martin", "groups", "staff", "pin", "auto"),
		b.post("/users/1/pin", "pin", "auto"),
		b.part("panel").post("/users/1/pin", "pin", "auto"),
	} {
		got.shows(t, http.StatusOK, "New PIN", "Shown once: note it now.")
		found := digitsShown.FindStringSubmatch(got.body)
		if found == nil || found[1][:4]+" "+found[1][4:] != found[2] {
			t.Fatalf("%q", found)
		}
		if n := strings.Count(got.body, found[1]); n != 1 {
			t.Errorf("the PIN stands there %d times", n)
		}
		if strings.Contains(got.body, "secret-") {
			t.Error("the page shows where the PIN was to be put in")
		}
		for _, path := range []string{"/users/1", "/users/2", "/activity", "/users/1?tab=activity"} {
			if again := b.get(path); strings.Contains(again.body, found[1]) || strings.Contains(again.body, found[2]) {
				t.Errorf("%s shows it again", path)
			}
		}
		if strings.Contains(w.logged.String(), found[1]) {
			t.Error("it is logged")
		}
	}
}

func TestAPINThatSomebodyHasIsRefusedAsChooseAnother(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	w.user("Bob", "Martin", false, "", "staff")
	b.post("/users/1/pin", "pin", "typed", "digits", "5831 0274").shows(t, http.StatusOK, "Given on")
	got := b.post("/users/2/pin", "pin", "typed", "digits", "58310274")
	got.shows(t, http.StatusUnprocessableEntity, "choose another PIN")
	if strings.Contains(got.body, "5831") || strings.Contains(text(got.body), "Ada Lovelace has") {
		t.Error("the page says whose it is, or what it was")
	}
}

func TestACardReadAtAReaderIsAddedWhenItsLastDigitsAreConfirmed(t *testing.T) {
	w := small(t)
	w.live.card = []byte{4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66}
	b := w.visitor(desk.Editor)
	b.get("/users/1?add=enrol").shows(t, http.StatusOK, "Front door", "(front-door)")
	got := b.post("/users/1/enrol", "reader", "front-door")
	got.shows(t, http.StatusOK, "A card was read")
	form := regexp.MustCompile(`action="(/users/1/enrol/[^"]+)"(?s:.*?)name="last-four" value="5566"`).FindStringSubmatch(got.body)
	if form == nil {
		t.Fatal("no form")
	}
	b.post(form[1], "last-four", "0000").shows(t, http.StatusUnprocessableEntity, "not the last four digits")
	if strings.Contains(b.get("/users/1").body, "55 66") {
		t.Error("it was added")
	}
	b.post(form[1], "last-four", "5566").shows(t, http.StatusOK, "The card was added")
	b.get("/users/1").shows(t, http.StatusOK, "55 66")
}

func TestThePINSwitchIsShownAndSetAtTheDoorAndAtItsHub(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	state := func(path string) string {
		t.Helper()
		found := regexp.MustCompile(`role="switch" aria-checked="(true|false)" aria-labelledby="pin-of-`).FindAllStringSubmatch(b.get(path).body, -1)
		if len(found) != 1 {
			t.Fatalf("%s has %d switches", path, len(found))
		}
		return found[0][1]
	}
	places := []string{"/hubs/1", "/doors/1?tab=identification"}
	want := "true"
	for _, set := range places {
		for _, path := range places {
			if got := state(path); got != want {
				t.Errorf("%s shows %s", path, got)
			}
		}
		want = map[string]string{"true": "false", "false": "true"}[want]
		if got := b.post("/readers/front-door/pin", "on", want, "back", set); got.url.RequestURI() != set {
			t.Errorf("one comes back to %s, not to %s", got.url, set)
		}
	}
	viewer := w.visitor(desk.Viewer)
	if got := viewer.get("/hubs/1"); !regexp.MustCompile(`role="switch"[^>]* disabled`).MatchString(got.body) {
		t.Error("who may not switch it is offered to")
	}
}

func TestAReaderIsAdoptedInThreeSteps(t *testing.T) {
	w := small(t)
	w.officeHours()
	b := w.visitor(desk.Super)
	signed, fingerprint := w.request()
	upload := func(content []byte, fields ...string) *page {
		t.Helper()
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		file, err := form.CreateFormFile("request", "request")
		w.must(err)
		file.Write(content)
		for i := 0; i+1 < len(fields); i += 2 {
			w.must(form.WriteField(fields[i], fields[i+1]))
		}
		w.must(form.Close())
		return b.ask("POST", "/devices/adopt", form.FormDataContentType(), &body)
	}
	upload([]byte("not a request")).shows(t, http.StatusUnprocessableEntity, "request", `aria-invalid="true"`)
	upload(bytes.Repeat([]byte("x"), desk.MaxRequest+2)).shows(t, http.StatusUnprocessableEntity, "larger than 64 KiB")
	asked := upload(signed)
	asked.shows(t, http.StatusOK, "step 2 of 3", fingerprint, "ssl://127.0.0.1:8883", "Left empty, it is the site’s, UTC. A reader that is already here keeps its own.", "Nobody has chosen the site’s time zone, so this door’s hours would be in UTC.")
	if regexp.MustCompile(`name="access"[^>]* checked`).MatchString(asked.body) {
		t.Error("who may open is chosen already")
	}
	encoded := base64.StdEncoding.EncodeToString(signed)
	fields := []string{"request", encoded, "fingerprint", fingerprint, "reader", "back-door", "door", "Back door", "place", "Main building", "time-zone", "Europe/Berlin"}
	b.post("/devices/adopt/reader", fields...).shows(t, http.StatusUnprocessableEntity, "step 2 of 3", `value="Back door"`, fingerprint)
	fields = append(fields, "compared", "on")
	for says, choice := range map[string][]string{
		"Choose who may open the door.":                    nil,
		"Choose who may open the door of this new reader":  {"access", "keep"},
		"Choose the groups that may open the door":         {"access", "groups"},
		"Enter hours like":                                 {"access", "groups", "group", "staff", "when", "times", "mon", "12:00-25:00"},
		"cannot be a name: use 1 to 32 lower-case letters": {"access", "groups", "groups", "Über"},
		"Choose a schedule.":                               {"access", "groups", "group", "staff", "when", "schedule"},
		"Somebody has removed this schedule":               {"access", "groups", "group", "staff", "when", "schedule", "schedule", "99"},
	} {
		b.post("/devices/adopt/reader", append(slices.Clone(fields), choice...)...).shows(t, http.StatusUnprocessableEntity, "step 2 of 3", says, `value="Back door"`)
	}
	got := b.post("/devices/adopt/reader", append(fields, "access", "groups", "group", "staff", "groups", "night, staff", "when", "times", "mon", "08:00-12:00")...)
	got.shows(t, http.StatusOK, "step 3 of 3", fingerprint, "back-door.bundle")
	r, err := w.desk.Reader(t.Context(), owner, "back-door")
	w.must(err)
	hours := &wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 720}}}
	if want := []wire.Access{{Group: "night", Schedule: hours}, {Group: "staff", Schedule: hours}}; !reflect.DeepEqual(r.Policy.Access, want) || r.Policy.TimeZone != "Europe/Berlin" {
		t.Errorf("%+v", r.Policy)
	}
	link := regexp.MustCompile(`/devices/bundles/\w+`).FindString(got.body)
	bundle := b.get(link)
	bundle.shows(t, http.StatusOK)
	if wire.Fingerprint([]byte(bundle.body)) == "" || !strings.Contains(got.body, wire.Fingerprint([]byte(bundle.body))) {
		t.Error("what is downloaded has another fingerprint than the page says")
	}
	if name := bundle.header.Get("Content-Disposition"); name != `attachment; filename="back-door.bundle"` {
		t.Error(name)
	}
	w.visitor(desk.Owner).get(link).shows(t, http.StatusNotFound)
	b.get("/readers/back-door").shows(t, http.StatusOK, "Back door", "Main building")
	// The same board once more keeps what is set.
	upload(signed).shows(t, http.StatusOK, "This board is the reader back-door now", `value="keep" required checked`)
	again := []string{"request", encoded, "fingerprint", fingerprint, "reader", "back-door", "compared", "on", "access", "keep"}
	b.post("/devices/adopt/reader", again...).shows(t, http.StatusOK, "step 3 of 3")
	is, err := w.desk.Reader(t.Context(), owner, "back-door")
	w.must(err)
	if is.Policy.Revision != r.Policy.Revision {
		t.Errorf("%+v", is.Policy)
	}
	b.post("/devices/adopt/reader", "request", encoded, "fingerprint", fingerprint, "reader", "shed", "compared", "on", "access", "nobody").shows(t, http.StatusOK, "step 3 of 3")
	b.get("/readers/shed?tab=access").shows(t, http.StatusOK, "Nobody may open", "Times are in the door’s time zone, UTC.")
	b.post("/devices/adopt/reader", "request", encoded, "fingerprint", fingerprint, "reader", "shed", "compared", "on", "access", "groups", "group", "lab", "when", "schedule", "schedule", "1").shows(t, http.StatusOK, "step 3 of 3")
	b.get("/readers/shed?tab=access").shows(t, http.StatusOK, `<a href="/schedules/1">Schedule: Office hours</a>`)
}

func TestActsThatCannotBeUndoneAskForThePasswordAgain(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	w.pass(desk.FreshFor * 2)
	for _, act := range []struct {
		ask, path string
		fields    []string
	}{
		{"/readers/front-door?tab=device&ask=returned", "/readers/front-door/remove", []string{"how", "returned"}},
		{"/settings?ask=epoch", "/settings/epoch", nil},
		{"/settings?ask=backup", "/settings/backup", []string{"passphrase", "correct horse battery staple", "passphrase-again", "correct horse battery staple"}},
		{"/settings/administrators?ask=add", "/settings/administrators", []string{"name", "Eve", "role", "limited-view", "at", "all"}},
	} {
		b.get(act.ask).shows(t, http.StatusOK, "Your password")
		b.post(act.path, act.fields...).shows(t, http.StatusUnprocessableEntity, "Enter your password again")
		b.post(act.path, append(act.fields, "password", "not this one")...).shows(t, http.StatusUnprocessableEntity, "This is not your password")
	}
	got := b.post("/settings/administrators", "name", "Eve", "role", "limited-view", "at", "all", "password", password)
	got.shows(t, http.StatusOK, "A link for Eve")
	link := regexp.MustCompile(`https://[^"<]*/link/[^"<]+`).FindString(got.body)
	eve := w.visitor("")
	eve.get(link[len(w.server.URL):]).shows(t, http.StatusOK, "Hello, Eve")
	eve.post(link[len(w.server.URL):], "password", password, "again", password).shows(t, http.StatusOK, "Front door")
	w.visitor("").get(link[len(w.server.URL):]).shows(t, http.StatusGone, "This link is no longer valid")
}

func TestABackupIsDownloadedEncrypted(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	b := small(t).visitor(desk.Owner)
	const recipient = "age1revq0mxcwlz6phs796yemm7n9ppg294y6t80h62agvd6ucpmmd2sywgj2h"
	got := b.post("/settings/backup", "recipients", recipient)
	got.shows(t, http.StatusOK)
	if !strings.HasPrefix(got.body, "age-encryption.org/v1\n-> X25519 ") || strings.Contains(got.body, "site.db") {
		t.Errorf("no backup: %.100q", got.body)
	}
	if name := got.header.Get("Content-Disposition"); !strings.HasSuffix(name, `.tar.age"`) {
		t.Error(name)
	}
	const phrase = "correct horse battery staple"
	b.post("/settings/backup").shows(t, http.StatusUnprocessableEntity, "passphrase needs at least 16 characters")
	b.post("/settings/backup", "passphrase", phrase, "passphrase-again", "correct horse").shows(t, http.StatusUnprocessableEntity, "The two passphrases differ")
	b.post("/settings/backup", "passphrase", phrase, "passphrase-again", phrase, "recipients", recipient).shows(t, http.StatusUnprocessableEntity, "not to both", recipient)
	b.post("/settings/backup", "recipients", "bob").shows(t, http.StatusUnprocessableEntity, "age-keygen shows it")
	got = b.post("/settings/backup", "passphrase", phrase, "passphrase-again", phrase)
	got.shows(t, http.StatusOK)
	if !strings.HasPrefix(got.body, "age-encryption.org/v1\n-> scrypt ") {
		t.Errorf("no backup: %.100q", got.body)
	}
}

func TestWhoForgotToSignOutDoesItFromElsewhere(t *testing.T) {
	w := small(t)
	here, there := w.visitor(desk.Owner), w.visitor("")
	there.post("/sign-in", "name", names[desk.Owner], "password", password).shows(t, http.StatusOK, "Front door")
	here.post("/settings/account/sign-out").shows(t, http.StatusOK, "You were signed out everywhere else.")
	there.get("/users").shows(t, http.StatusOK, "Password forgotten?")
	there.post("/sign-in", "name", names[desk.Owner], "password", password)
	here.get("/settings/administrators?ask=sign-out&about=1").shows(t, http.StatusOK, "Sign Grace Hopper out everywhere?")
	here.post("/settings/administrators/1/sign-out", "name", names[desk.Owner]).shows(t, http.StatusOK, "Password forgotten?")
	there.get("/users").shows(t, http.StatusOK, "Password forgotten?")
}

func TestAnExportIsWhatTheFilterChooses(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	w.user("Bob", "Martin", false, "", "staff")
	rows, err := csv.NewReader(strings.NewReader(b.post("/activity/export?user=2", "format", "csv").body)).ReadAll()
	w.must(err)
	if rows[0][0] != "\ufeffid" {
		t.Errorf("no byte-order mark: %q", rows[0][0])
	}
	if len(rows) != 3 || !slices.ContainsFunc(rows[1], func(s string) bool { return strings.Contains(s, "Bob Martin") }) {
		t.Errorf("%q", rows)
	}
	var entries []map[string]any
	w.must(json.Unmarshal([]byte(b.post("/activity/export?person=bob", "format", "json").body), &entries))
	if len(entries) == 0 || slices.ContainsFunc(entries, func(e map[string]any) bool { return e["person"] != "Bob Martin" }) {
		t.Errorf("%v", entries)
	}
	b.post("/activity/export?person=nobody+at+all", "format", "csv").shows(t, http.StatusOK, "No name matches: enter")
}

func TestAPartIsSentAlone(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	panel := b.part("panel").get("/users/1?q=ada")
	panel.shows(t, http.StatusOK, "Ada Lovelace", `id="panel"`)
	if strings.Contains(panel.body, "<html") || strings.Contains(panel.body, `id="user-list"`) {
		t.Error("more than the panel is sent")
	}
	if got := panel.header.Get("HX-Push-Url"); got != "/users/1?q=ada" {
		t.Errorf("the address is %q then", got)
	}
	list := b.part("user-list").get("/users?q=lov")
	list.shows(t, http.StatusOK, "Ada Lovelace")
	if strings.Contains(list.body, `id="panel"`) {
		t.Error("more than the list is sent")
	}
	b.part("user-list").get("/users?q=a%26after%3Db").shows(t, http.StatusOK, `hx-get="/users?q=a%26after%3Db"`)
	b.part("layout").get("/users").shows(t, http.StatusBadRequest)
	w.visitor("").part("credentials").get("/sign-in").shows(t, http.StatusOK, "<html")
	b.part("nothing").get("/users").shows(t, http.StatusBadRequest)
	b.part("panel").get("/users/77").shows(t, http.StatusNotFound, "removed")
	if got := b.part("panel").post("/users/1", "first", ""); got.status != http.StatusUnprocessableEntity || got.header.Get("HX-Push-Url") != "false" {
		t.Errorf("a refused form: %d, the address is %q", got.status, got.header.Get("HX-Push-Url"))
	}
}

func TestAnOrderSaysWhatCameOfIt(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	got := b.part("x").post("/readers/front-door/order", "order", "unlock")
	got.shows(t, http.StatusOK, "Opened for 5 s.")
	if got.header.Get("HX-Retarget") != "#toasts" {
		t.Error("it is not said in the corner")
	}
	if got := b.part("toasts").post("/readers/front-door/order", "order", "unlock"); got.header.Get("HX-Retarget") != "" {
		t.Error("the corner is looked for by a form that may be gone")
	}
	b.post("/readers/front-door/order", "order", "unlock", "back", "/readers/front-door").shows(t, http.StatusOK, "Opened for 5 s.", "Last attempt")
	w.live.refuse = "no answer from front-door"
	b.part("x").post("/readers/front-door/order", "order", "unlock").shows(t, http.StatusConflict, "No answer from front-door.", `role="alert"`)
	for _, order := range []string{"explode", "hold", "release"} {
		b.post("/readers/front-door/order", "order", order, "minutes", "5").shows(t, http.StatusNotFound)
	}
	if len(w.live.orders) != 4 || w.live.orders[0].Order != wire.Unlock || w.live.orders[0].Who != names[desk.Editor] {
		t.Errorf("%+v", w.live.orders)
	}
}

func TestAFormOfAnotherKindOrTooLargeIsNotRead(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	b.ask("POST", "/users/1", "application/json", strings.NewReader(`{"first":"Eve"}`)).shows(t, http.StatusBadRequest)
	b.ask("POST", "/users/1", "application/x-www-form-urlencoded", io.LimitReader(zeros{}, maxBody+1)).shows(t, http.StatusRequestEntityTooLarge, "At most 1,024 KiB")
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '0'
	}
	return len(b), nil
}

func TestHowTheScreenIsReadIsSetAtTheReadersPage(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	b.post("/readers/front-door/screen", "greeting", "Witamy", "language", "pl", "large-text", "on").shows(t, http.StatusOK, `<option value="pl" lang="pl" selected>Polski`, `name="large-text" value="on" checked`)
	r, err := w.desk.Reader(t.Context(), owner, "front-door")
	w.must(err)
	if want := (wire.Screen{Language: "pl", LargeText: true}); r.Policy.Screen != want || r.Policy.Greeting != "Witamy" {
		t.Errorf("%+v", r.Policy)
	}
	_, err = w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(p *wire.Policy) { p.Screen.Language = "pt-BR" })
	w.must(err)
	b.get("/readers/front-door?tab=screen").shows(t, http.StatusOK, `<option value="pt-BR" lang="pt-BR" selected>`)
}

func TestAPINSwitchChangesNothingElseOfItsPage(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	got := b.part("pin-at-front-door").post("/readers/front-door/pin", "on", "false", "back", "/doors/1?tab=settings")
	got.shows(t, http.StatusOK, `id="pin-switch-front-door" type="submit" role="switch" aria-checked="false"`, "PIN entry is switched off", `name="back" value="/doors/1?tab=settings"`)
	if strings.Contains(got.body, "<h1") || strings.Contains(got.body, "<html") {
		t.Errorf("more than the switch: %s", got.body)
	}
	r, err := w.desk.Reader(t.Context(), owner, "front-door")
	w.must(err)
	if r.PIN() {
		t.Error("it is on")
	}
}

func TestAPolicyThatSomebodyElseHasChangedIsNotOverwrittenUnawares(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	revision := regexp.MustCompile(`(?s)id="limits".*?name="revision" value="(\d+)"`)
	was := revision.FindStringSubmatch(b.get("/doors/1?tab=identification").body)[1]
	b.post("/readers/front-door/door", "unlock", "7", "extended", "30", "held-after", "0", "revision", was).shows(t, http.StatusOK, "Saved")
	unreadable := b.post("/readers/front-door/authentication", "limit", "many", "guess-limit", "20", "revision", was)
	if again := revision.FindStringSubmatch(unreadable.body)[1]; again != was {
		t.Error("the form forgets what it began with")
	}
	got := b.post("/readers/front-door/authentication", "limit", "4", "guess-limit", "20", "revision", was)
	got.shows(t, http.StatusUnprocessableEntity, "Somebody else has changed", "Saving again overwrites that change.", `value="4"`)
	now := revision.FindStringSubmatch(got.body)[1]
	b.post("/readers/front-door/authentication", "limit", "4", "guess-limit", "20", "revision", now).shows(t, http.StatusOK, "Saved")
	r, err := w.desk.Reader(t.Context(), owner, "front-door")
	w.must(err)
	if r.Policy.Limit != 4 || r.Policy.Unlock != 7 {
		t.Errorf("%+v", r.Policy)
	}
}

func TestWhatCannotBeDoneIsSaidAndIsNoFaultOfTheController(t *testing.T) {
	w := small(t)
	w.visitor(desk.Super)
	b := w.visitor(desk.Owner)
	for _, test := range []struct {
		path   string
		fields []string
		status int
		says   string
	}{
		{"/locations/1/remove", nil, 422, "hub"},
		{"/hubs/1/remove", nil, 422, "door"},
		{"/doors/1/remove", nil, 422, "reader"},
		{"/doors/77/remove", nil, 200, "already removed"},
		{"/doors/77", []string{"name", "Annex"}, 404, ""},
		{"/doors/1", []string{"name", "Annex", "hub", "77"}, 404, ""}, // nor is it renamed
		{"/places/new/hub", []string{"name", "Annex", "in", "77"}, 404, ""},
		{"/places/new/castle", []string{"name", "Annex"}, 404, ""},
		{"/users/77/remove", nil, 200, "already removed"},
		{"/users/77/pin", []string{"pin", "auto"}, 404, ""},
		{"/users/1/cards/77/remove", nil, 200, "already removed"},
		{"/users/1/cards/77/rekey", []string{"reader", "front-door"}, 404, ""},
		{"/users/1/cards/one/rekey", []string{"reader", "front-door"}, 404, ""},
		{"/users/1/cards/77/return", []string{"reader", "front-door"}, 404, ""},
		{"/users/77/cards/new", []string{"reader", "front-door"}, 404, ""},
		{"/users/1/cards/new", []string{"reader", "front-door"}, 422, "No card was shown; start again"},
		{"/users/1/cards/2/rekey", []string{"reader", "front-door"}, 422, "No card was shown; start again"},
		{"/users/return-card", []string{"reader", "front-door"}, 422, "No card was shown; start again"},
		{"/users/77/cards", []string{"card", "04000000000001"}, 404, ""},
		{"/readers/nobody/pin", []string{"on", "true"}, 404, ""},
		{"/readers/nobody/authentication", []string{"limit", "5", "guess-limit", "5"}, 404, ""},
		{"/readers/nobody/remove", []string{"how", "lost"}, 404, ""},
		{"/readers/front-door/remove", []string{"how", "eaten"}, 404, ""},
		{"/readers/front-door/move", []string{"door", "77"}, 404, ""},
		{"/readers/front-door/authentication", []string{"limit", "5", "guess-limit", "5", "revision", "1"}, 422, "anged"},
		{"/settings/administrators/77/role", []string{"role", "owner"}, 404, ""},
		{"/settings/administrators/1/role", []string{"role", "king"}, 422, "role"},
		{"/settings/administrators/1/remove", nil, 422, "Owner"},
	} {
		got := b.post(test.path, test.fields...)
		if got.status != test.status || !strings.Contains(text(got.body), test.says) {
			t.Errorf("%s %v: %d: %s", test.path, test.fields, got.status, text(got.body))
		}
	}
	b.get("/doors/1").shows(t, http.StatusOK, "<title>Front door")
	b.post("/doors/1", "name", "Side door", "hub", "1").shows(t, http.StatusOK, "Side door", "Saved.")
	b.get("/users?after=nowhere").shows(t, http.StatusNotFound)
	w.live.card = []byte{4, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0x80} // Ada's
	form := regexp.MustCompile(`action="(/users/1/enrol/[^"]+)"`).FindStringSubmatch(b.post("/users/1/enrol", "reader", "front-door").body)
	b.post(form[1], "last-four", "E580").shows(t, http.StatusUnprocessableEntity, "already assigned")
	w.live.card = []byte{8, 1, 2, 3}
	b.post("/users/1/enrol", "reader", "front-door").shows(t, http.StatusUnprocessableEntity, "is random")
	w.live.card = nil
	b.post("/users/1/enrol", "reader", "front-door").shows(t, http.StatusUnprocessableEntity, "No card came.", `name="reader" aria-invalid="true"`, `value="front-door" selected`)
	if strings.Contains(w.logged.String(), "ERROR") {
		t.Errorf("logged: %s", w.logged)
	}
}

func TestTheOddsFollowWhatIsTyped(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	part := b.part("odds")
	shown := regexp.MustCompile(`<b>(1 in [\d,]+)</b>`)
	at := func(limit, guesses string) string {
		t.Helper()
		got := part.post("/readers/front-door/odds", "limit", limit, "guess-limit", guesses)
		got.shows(t, http.StatusOK, "1 PIN is in use")
		return shown.FindString(got.body)
	}
	if few, many := at("10", "60"), at("10", "6000"); few == "" || few == many {
		t.Errorf("%q and %q", few, many)
	}
	part.post("/readers/front-door/odds", "limit", "10", "guess-limit", "0").shows(t, http.StatusOK, "Without a limit on guesses: front-door")
	if got := part.post("/readers/front-door/odds", "limit", "", "guess-limit", "x"); got.status != http.StatusNoContent {
		t.Errorf("half a number: %d", got.status)
	}
	r, err := w.desk.Reader(t.Context(), owner, "front-door")
	w.must(err)
	if r.Policy.GuessLimit != 60 {
		t.Error("looking at the odds changes the policy")
	}
}

func TestALostReaderIsGoneAndWhatItKnewIsMarked(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	b.get("/readers/front-door?tab=device&ask=lost").shows(t, http.StatusOK, "marked as exposed", "Remove front-door")
	b.post("/readers/front-door/remove", "how", "lost").shows(t, http.StatusOK, "the others get a new site key", "1 removed reader")
	b.get("/users").shows(t, http.StatusOK, "Exposed")
	b.get("/users/1").shows(t, http.StatusOK, "may have disclosed the credentials marked as exposed")
	b.post("/users/1/pin", "pin", "auto").shows(t, http.StatusOK, "New PIN")
}

func TestWhoeverRemovesAReaderIsToldWhatAnotherBrokerNeeds(t *testing.T) {
	w := small(t)
	w.console.brokerURL = "ssl://broker.example:8883"
	w.visitor(desk.Super).post("/readers/front-door/remove", "how", "returned").shows(t, http.StatusOK, "run latchkey-controller broker-config and restart Mosquitto")
}

func TestWhoeverAdoptsAReaderIsToldWhatAnotherBrokerNeeds(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	adopt := func(id string) *page {
		signed, fingerprint := w.request()
		return b.post("/devices/adopt/reader", "request", base64.StdEncoding.EncodeToString(signed), "fingerprint", fingerprint, "compared", "on", "reader", id, "door", id, "access", "nobody")
	}
	if got := adopt("side-door"); got.status != http.StatusOK || strings.Contains(got.body, "Mosquitto") {
		t.Errorf("with the controller's own broker: %d", got.status)
	}
	w.console.brokerURL = "ssl://broker.example:8883"
	adopt("back-door").shows(t, http.StatusOK, "run latchkey-controller broker-config and have Mosquitto reload")
	adopt("back-door").shows(t, http.StatusOK, "run latchkey-controller broker-config and restart Mosquitto")
}

func TestActivityIsFilteredByWhatIsAskedFor(t *testing.T) {
	w := small(t)
	bob := w.user("Bob", "Martin", false, "", "staff")
	w.user("Bobby", "Tables", false, "", "staff")
	front := w.journal("front-door")
	front.report(time.Now().Add(-time.Hour), wire.Record{Kind: wire.AccessGranted, By: "card", User: 1, Credential: 1, Seconds: 5})
	front.report(time.Now().AddDate(0, 0, -3), wire.Record{Kind: wire.AccessGranted, By: "card", User: bob, Credential: 2, Seconds: 5})
	b := w.visitor(desk.Editor)
	list := b.part("event-list")
	tomorrow, before := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, -2).Format(time.DateOnly)
	for query, want := range map[string][2]string{
		"door=1&kind=granted":                      {"Ada Lovelace at Front door", "added"},
		"person=martin&kind=granted":               {"Bob Martin at Front door", "Ada"},
		"kind=granted&until=" + before:             {"Bob Martin at Front door", "Ada"},
		"kind=granted&from=" + before:              {"Ada Lovelace at Front door", "Bob"},
		"kind=admin":                               {"added Bob Martin", "Front door by card"},
		"from=" + tomorrow:                         {"Nothing like that", "Ada"},
		"reader=front-door&kind=granted&person=ad": {"Ada Lovelace at Front door", "Bob"},
	} {
		got := list.get("/activity?" + query)
		got.shows(t, http.StatusOK, want[0])
		if strings.Contains(text(got.body), want[1]) {
			t.Errorf("%s shows %q too: %s", query, want[1], text(got.body))
		}
	}
	b.get("/activity?person=bob").shows(t, http.StatusOK, "added Bob Martin", "added Bobby Tables", `value="bob"`)
	b.get("/activity?person=nobody").shows(t, http.StatusOK, "No name matches: enter")
	b.get("/activity?from=soon").shows(t, http.StatusOK, "Write it like 2026-12-31", `value="soon"`)
	for query, want := range map[string]string{
		"door=front": "There is no such door", "door=-1": "There is no such door", "door=1%00": "There is no such door", "door=99999999999999999999": "There is no such door",
		"reader=Front%20Door": "There is no such reader", "reader=%1b%5b2J%e2%80%ae": "There is no such reader", "user=ada": "There is no such user",
	} {
		page := b.get("/activity?" + query)
		page.shows(t, http.StatusOK, want, "Nothing like that")
		if strings.ContainsAny(page.body, "\x00\x1b\u202e") {
			t.Errorf("%s: the page repeats it", query)
		}
	}
	b.get("/activity?door=1").shows(t, http.StatusOK, "1 entry and 0 refused in 24 hours")
}

func TestAGroupBesideEveryoneAlwaysIsSaidToHaveNoEffect(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	const moot = "This has no effect: everyone may open always, and so may staff."
	set := func(access ...wire.Access) *page {
		_, err := w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(p *wire.Policy) { p.Access = access })
		w.must(err)
		return b.get("/doors/1?tab=access")
	}
	hours := &wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 1080}}}
	set(wire.Access{Group: wire.Everyone}, wire.Access{Group: "staff", Schedule: hours}).shows(t, http.StatusOK, moot)
	for _, access := range [][]wire.Access{{{Group: wire.Everyone}}, {{Group: wire.Everyone, Schedule: hours}, {Group: "staff"}}, {{Group: "staff", Schedule: hours}}} {
		if got := set(access...); strings.Contains(text(got.body), "has no effect") {
			t.Errorf("%v is said to have none", access)
		}
	}
}

func TestTheListMarksWhoseTimeIsOver(t *testing.T) {
	w := small(t)
	for first, dates := range map[string][2]string{"Past": {"", "2001-01-01"}, "Future": {"2101-01-01", ""}} {
		_, _, err := w.desk.AddUser(t.Context(), owner, desk.UserForm{First: first, From: dates[0], Until: dates[1]}, desk.PIN{}, nil)
		w.must(err)
	}
	b := w.visitor(desk.Viewer)
	if got := b.get("/users?q=past"); !strings.Contains(got.body, `<span class="chip warn">expired</span>`) {
		t.Error("Past is not marked")
	}
	b.get("/users?q=future").shows(t, http.StatusOK, "Future not yet valid")
	if got := b.get("/users?q=ada"); strings.Contains(got.body, `<span class="chip warn">expired</span>`) {
		t.Error("Ada is marked")
	}
}
