package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestTheListOfUsersKeepsItsStateThroughSearchesPagesAndPanels(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	for i := range 60 {
		_, _, err := w.desk.AddUser(t.Context(), owner, desk.UserForm{First: fmt.Sprint("Visitor ", i), Until: "2001-01-01", Zone: time.UTC}, desk.PIN{}, nil)
		w.must(err)
	}
	first := b.get("/users?state=expired&q=visitor")
	first.shows(t, http.StatusOK, "60 users found", `<input type="hidden" name="state" value="expired">`, `aria-current="page">Expired`,
		`href="/users?q=visitor&amp;state=no-credentials"`, `hx-get="/users?q=visitor&amp;state=expired"`)
	if strings.Contains(first.body, "Lovelace") {
		t.Error("who is valid is shown")
	}
	_, after, _ := strings.Cut(first.body, `href="/users?after=`)
	after, _, _ = strings.Cut(after, `"`)
	next := b.get("/users?after=" + strings.ReplaceAll(after, "&amp;", "&"))
	next.shows(t, http.StatusOK, "Visitor 59", "60 users found", `href="/users?q=visitor&amp;state=expired">`, "First page")
	if strings.Contains(next.body, "Lovelace") || strings.Contains(next.body, "Visitor 1<") {
		t.Error("the next page is of others")
	}
	_, row, _ := strings.Cut(first.body, `class="row-link"`)
	_, row, _ = strings.Cut(row, `href="`)
	row, _, _ = strings.Cut(row, `"`)
	b.get(strings.ReplaceAll(row, "&amp;", "&")).shows(t, http.StatusOK, "60 users found", `href="/users?q=visitor&amp;state=expired" aria-label="Close"`)

	b.get("/users?state=valid").shows(t, http.StatusOK, "Ada Lovelace", "1 user found")
	copyable := b.get("/users?state=copyable-card")
	copyable.shows(t, http.StatusOK, "Ada Lovelace", "1 user found", `aria-current="page">Card can be copied`)
	if strings.Contains(copyable.body, "Visitor 1") {
		t.Error("who has no card is shown")
	}
	b.get("/users?state=not-yet-valid").shows(t, http.StatusOK, "Nobody here")
	b.get("/users?state=not-yet-valid&q=ada").shows(t, http.StatusOK, "Nobody found")
	b.get("/users?state=over").shows(t, http.StatusUnprocessableEntity, "Unknown state; choose one of these: valid")
}
