package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

func TestAnOutageIsNotLoggedForEachRequest(t *testing.T) {
	w := newWorld(t)
	away := &desk.UnavailableError{Reason: language.Data("it is away; nothing was done"), Outage: "it is away"}
	r := httptest.NewRequest("GET", "/", nil)
	if refused := w.api.refusal(r, route{}, away); refused.status != http.StatusServiceUnavailable || w.logged.String() != "" {
		t.Errorf("%+v: %s", refused, w.logged)
	}
	away.Outage = ""
	if refused := w.api.refusal(r, route{}, away); refused.status != http.StatusServiceUnavailable || !strings.Contains(w.logged.String(), "level=WARN") {
		t.Errorf("of a database that answers: %+v: %s", refused, w.logged)
	}
}
