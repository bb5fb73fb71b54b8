package console

import (
	"net/http"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestASessionsCookieGoesByNoClock(t *testing.T) {
	w := small(t)
	w.visitor(desk.Owner)
	r, err := http.NewRequest("POST", w.server.URL+"/sign-in", strings.NewReader("name="+strings.ReplaceAll(names[desk.Owner], " ", "+")+"&password="+strings.ReplaceAll(password, " ", "+")))
	w.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := w.server.Client().Transport.RoundTrip(r)
	w.must(err)
	response.Body.Close()
	found := false
	for _, cookie := range response.Cookies() {
		if cookie.Name == sessionCookie {
			found = cookie.Value != ""
		}
		if cookie.MaxAge <= 0 || !cookie.Expires.IsZero() {
			t.Errorf("%s: Max-Age %d, Expires %v", cookie.Name, cookie.MaxAge, cookie.Expires)
		}
	}
	if !found {
		t.Error("nobody is signed in:", response.Status)
	}
}

func TestOfAStrangerLittleIsRead(t *testing.T) {
	w := small(t)
	nobody := w.visitor("")
	nobody.post("/sign-in", "name", strings.Repeat("x", maxAnonymousBody)).shows(t, http.StatusRequestEntityTooLarge, "At most 12 KiB")
	if got := w.visitor(desk.Owner).post("/users", "first", "Eve", "last", "Dunn", "pin", "none", "groups", strings.Repeat(" ", maxAnonymousBody)); got.status != http.StatusOK {
		t.Errorf("an administrator's longer form: %d", got.status)
	}
}

func TestSigningInAgainEndsTheOlderSessionOfTheBrowser(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	older := b.session
	b.post("/sign-in", "name", names[desk.Owner], "password", password)
	if b.session == older {
		t.Fatal("there is no new session")
	}
	b.get("/users").shows(t, http.StatusOK, "Ada Lovelace")
	b.session = older
	b.get("/users").shows(t, http.StatusOK, "Password forgotten?")
}

func TestASecondRemovalIsNoFault(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	for path, says := range map[string]string{
		"/users/1/pin/remove": "The PIN was already removed.", "/users/1/duress-pin/remove": "The PIN for duress was already removed.", "/users/1/cards/2/remove": "This card was already removed.",
		"/users/1/remove": "This user was already removed.", "/users/77/remove": "This user was already removed.",
		"/locations/77/remove": "It was already removed.", "/hubs/77/remove": "It was already removed.", "/doors/77/remove": "It was already removed.",
	} {
		if path == "/users/1/remove" {
			continue // below: the others are about this user
		}
		b.post(path)
		b.post(path).shows(t, http.StatusOK, says)
	}
	b.post("/users/1/remove")
	b.post("/users/1/remove").shows(t, http.StatusOK, "This user was already removed.")
}

func TestANameInAnAddressIsNotNoted(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	before := w.newest()
	long := strings.Repeat("x", 8<<10)
	for _, id := range []string{long, "=HYPERLINK(%22x%22)", "Front%20Door", "front-door%0a"} {
		for _, act := range []string{"pin", "unlock", "identify", "remove"} {
			if got := b.post("/readers/"+id+"/"+act, "how", "returned"); got.status != http.StatusNotFound && got.status != http.StatusRequestURITooLong && got.status != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%.20s/%s: %d", id, act, got.status)
			}
		}
	}
	page, err := w.desk.Activity(t.Context(), owner, desk.Query{After: before, Limit: 100})
	w.must(err)
	for _, e := range page.Events {
		t.Errorf("noted: %.100s", e.Text)
	}
}

func TestWhoMayOnlyViewReadsNoActsOfAdministrators(t *testing.T) {
	w := small(t)
	viewer, editor := w.visitor(desk.Viewer), w.visitor(desk.Editor)
	w.visitor(desk.Owner).post("/users", "first", "Eve", "pin", "none")
	editor.get("/activity").shows(t, http.StatusOK, names[desk.Owner]+" added Eve")
	for _, path := range []string{"/activity?kind=admin", "/activity?kind=admin.user.add", "/settings/audit"} {
		if got := viewer.get(path); got.status != http.StatusForbidden {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	for _, path := range []string{"/activity", "/users/1?tab=activity", "/"} {
		if got := viewer.get(path); got.status != http.StatusOK || strings.Contains(text(got.body), names[desk.Owner]) || strings.Contains(text(got.body), "added ") {
			t.Errorf("%s: %d, and tells of an administrator's act", path, got.status)
		}
	}
}
