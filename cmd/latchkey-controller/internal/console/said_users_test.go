package console

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// saysAll checks that each text of a page is said in its language, but for the names that it shows.
func (got *page) saysAll(t *testing.T, of string, status int, names string) {
	t.Helper()
	if got.status != status {
		t.Errorf("%s: %d", of, got.status)
	}
	shown := regexp.MustCompile(`\b(` + names + `)\b`)
	for _, text := range textsOf(t, got.body) {
		if left := shown.ReplaceAllString(unsaid(text.is), ""); letters.MatchString(left) {
			t.Errorf("%s, %s: %q is not said", of, text.where, left)
		}
	}
}

func TestPagesOfUsersAreInTheirLanguageInEachState(t *testing.T) {
	w := small(t)
	w.user("Bob", "", false, "04A1B2C3D4E581")
	eve := w.user("Eve", "Dunn", false, "")
	b := w.visitor(desk.Owner).in(language.Pseudo)
	w.must(w.desk.SuspendUser(t.Context(), owner, eve, true))
	const names = "Bob|BO|Eve|Dunn|ED|users|csv|zzz|Grace|Hopper|crew|age1|age"
	for path, status := range map[string]int{
		"/users": 200, "/users?q=zzz": 200, "/users?q=zzz&state=expired": 200, "/users?state=expired": 200, "/users?state=not-seen": 200, "/users?group=crew": 200,
		"/users?q=Bob": 200, "/users/1?tab=about&ask=remove": 200, "/users/1?tab=about&ask=suspend": 200, "/users/3?tab=about": 200, "/users/3?tab=activity": 200,
		"/users/edit": 200, "/users/edit?user=1&user=3": 200, "/users/999": 404, "/link/none": 410,
	} {
		b.get(path).saysAll(t, path, status, names)
	}
	for path, fields := range map[string][]string{
		"/users":         {"first", ""},
		"/users/edit":    {"user", "1", "from-how", "set"},
		"/users/1/order": nil,
	} {
		if got := b.post(path, fields...); got.status != http.StatusNotFound {
			got.saysAll(t, path, http.StatusUnprocessableEntity, names)
		}
	}
	b.upload(w, "name\nEve\n").saysAll(t, "no column", http.StatusUnprocessableEntity, names)
	b.upload(w, "first_name,groups\nEve,nowhere\nBob,staff\n").saysAll(t, "wrong rows", http.StatusOK, names+"|nowhere")
	preview := b.upload(w, "first_name,last_name,groups,pin\nEve,Dunn,staff,auto\nBob,Martin,,auto\nJoe,,,\n")
	preview.saysAll(t, "preview", http.StatusOK, names+"|Martin|Joe")
	path, fields := imports(t, preview, "deliver", "slips")
	b.post(path, append(fields, "once", "1")...).saysAll(t, "slips", http.StatusOK, names+"|Martin|Joe|EVE|"+strings.ToUpper("bm"))
}
