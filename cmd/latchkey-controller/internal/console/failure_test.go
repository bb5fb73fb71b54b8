package console

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

func TestAPageSaysThatTheDatabaseIsAwayAndTriesAgain(t *testing.T) {
	w := newWorld(t)
	away := &desk.UnavailableError{Reason: language.Data("the database x is not reachable (refused); nothing was done")}
	answer := func(method string, err error, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/users", nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		to := httptest.NewRecorder()
		w.console.fail(to, r, w.console.newVisit(r), err)
		return to
	}
	ofConsole := func(a *httptest.ResponseRecorder) bool {
		return strings.HasPrefix(a.Header().Get("Content-Type"), "text/html") && strings.Contains(a.Body.String(), `rel="stylesheet"`) && strings.Contains(a.Body.String(), "</html>")
	}
	if a := answer("GET", away); a.Code != http.StatusServiceUnavailable || a.Header().Get("Retry-After") != "5" || a.Header().Get("Refresh") != "5" || !ofConsole(a) ||
		!strings.Contains(a.Body.String(), "The database x is not reachable (refused); nothing was done.") || !strings.Contains(a.Body.String(), "The doors go on working") {
		t.Errorf("%d %v %s", a.Code, a.Header(), a.Body)
	}
	if a := answer("POST", away, "Referer", "https://console/users/new"); a.Code != http.StatusServiceUnavailable || a.Header().Get("Refresh") != "" || !ofConsole(a) || !strings.Contains(a.Body.String(), `href="/users/new"`) {
		t.Errorf("a form: %d %v %s", a.Code, a.Header(), a.Body)
	}
	if a := answer("GET", away, "HX-Request", "true", "HX-Target", "event-list", "HX-Trigger", "event-list"); a.Code != http.StatusServiceUnavailable || a.Header().Get("HX-Reswap") != "none" || a.Body.Len() > 0 {
		t.Errorf("a part by itself: %d %v %s", a.Code, a.Header(), a.Body)
	}
	if a := answer("POST", away, "HX-Request", "true"); a.Code != http.StatusServiceUnavailable || !strings.Contains(a.Body.String(), "not reachable") || ofConsole(a) {
		t.Errorf("a toast: %d %v %s", a.Code, a.Header(), a.Body)
	}
	if log := w.logged.String(); !strings.Contains(log, `level=WARN msg="console: request failed"`) || strings.Contains(log, "level=ERROR") {
		t.Errorf("it is logged: %s", log)
	}
	w.logged.Reset()
	if away.Outage = "the database x is not reachable (refused)"; answer("GET", away).Code != http.StatusServiceUnavailable || w.logged.Len() > 0 {
		t.Errorf("an outage, of which the log is told already: %s", w.logged)
	}
	if a := answer("GET", errors.New("SECRET")); a.Code != http.StatusInternalServerError || a.Header().Get("Refresh") != "" || !ofConsole(a) || strings.Contains(a.Body.String(), "SECRET") {
		t.Errorf("another failure: %d %v %s", a.Code, a.Header(), a.Body)
	}
}
