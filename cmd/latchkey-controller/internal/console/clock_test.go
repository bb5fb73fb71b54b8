package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestAClockInDoubtIsSaidAndAnOwnerConfirmsIt(t *testing.T) {
	w := small(t)
	tend := func() {
		t.Helper()
		_, err := w.site.KeepTime(t.Context(), w.clock())
		w.must(err)
	}
	owner, viewer := w.visitor(desk.Owner), w.visitor(desk.Viewer)
	tend()
	const says = "clock was put forward by 3,650 days"
	if page := owner.get("/").body; strings.Contains(page, "clock was put") {
		t.Fatal("doubt without reason")
	}
	w.put.Store(int64(10 * 365 * 24 * time.Hour))
	tend()
	for _, b := range []*browser{owner, viewer} { // whom it does not sign out
		b.get("/").shows(t, http.StatusOK, says)
	}
	owner.get("/settings").shows(t, http.StatusOK, "The clock is right")
	if got := viewer.post("/settings/clock"); got.status != http.StatusForbidden {
		t.Errorf("a viewer: %d", got.status)
	}
	owner.post("/settings/clock").shows(t, http.StatusOK, "clock is confirmed")
	tend()
	if page := owner.get("/").body; strings.Contains(page, `id="doubt"`) {
		t.Error("the doors doubt what is confirmed")
	}
	if page := owner.get("/settings").body; strings.Contains(page, "The clock is right") {
		t.Error("the settings ask again")
	}
	owner.get("/activity?kind=alarm").shows(t, http.StatusOK, says)
	owner.get("/settings/audit").shows(t, http.StatusOK, "confirmed the clock of")
}
