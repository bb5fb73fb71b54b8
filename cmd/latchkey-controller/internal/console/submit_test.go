package console

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// onceIn returns the token in the form of a page that is sent to an address.
func onceIn(t *testing.T, p *page, action string) string {
	t.Helper()
	form := regexp.MustCompile(`action="` + regexp.QuoteMeta(action) + `"(?s:.*?)name="once" autocomplete="off" value="([^"]+)"`).FindStringSubmatch(p.body)
	if form == nil {
		t.Fatalf("no token for %s", action)
	}
	return form[1]
}

func TestAFormThatIsSentTwiceDoesItOnce(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	w.visitor(desk.Viewer) // whose link can be renewed
	viewer, err := w.desk.FindAdmin(t.Context(), owner, names[desk.Viewer])
	w.must(err)
	link := "/settings/administrators/" + fmt.Sprint(viewer) + "/link"
	for _, test := range []struct {
		page, action string
		fields       []string
	}{
		{"/users/new", "/users", []string{"first", "Twice", "pin", "auto"}},
		{"/users/new", "/users", []string{"first", "Twice", "pin", "none"}}, // somebody else of that name
		{"/places/new/location", "/places/new/location", []string{"name", "Annex"}},
		{"/users/1?add=card", "/users/1/cards", []string{"card", "04AABBCCDDEE80"}},
		{"/users/1?add=pin", "/users/1/pin", []string{"pin", "auto"}},
		{"/users/1?add=duress-pin", "/users/1/duress-pin", []string{"pin", "auto"}},
		{"/settings/administrators?ask=add", "/settings/administrators", []string{"name", "Twice", "role", "limited-view", "at", "all"}},
		{"/settings/administrators?ask=link&about=" + fmt.Sprint(viewer), link, nil},
	} {
		fields := slices.Concat(test.fields, []string{"once", onceIn(t, b.get(test.page), test.action)})
		b.post(test.action, fields...).shows(t, http.StatusOK)
		before := w.newest()
		got := b.post(test.action, fields...)
		got.shows(t, http.StatusOK, "This was already done, and not repeated.")
		if w.newest() != before {
			t.Errorf("%s: something was done again", test.action)
		}
		if digitsShown.MatchString(got.body) {
			t.Error("a PIN is shown again")
		}
	}
	page, err := w.desk.Users(t.Context(), owner, desk.UserQuery{Search: "Twice"})
	w.must(err)
	if page.Found != 2 {
		t.Errorf("%d users", page.Found)
	}
}

func TestOfTwoQuickSubmissionsOneAdds(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	once := onceIn(t, b.get("/users/new"), "/users")
	ended := make(chan *page, 4)
	for range 4 {
		go func() { other := *b; ended <- other.post("/users", "first", "Quick", "pin", "none", "once", once) }()
	}
	for range 4 {
		come(t, ended, "an answer").shows(t, http.StatusOK, "Quick")
	}
	page, err := w.desk.Users(t.Context(), owner, desk.UserQuery{Search: "Quick"})
	w.must(err)
	if page.Found != 1 {
		t.Errorf("%d users", page.Found)
	}
}

func TestAWrongPasswordInAFormThatAsksForNoneIsNoFailureOfTheController(t *testing.T) {
	w := small(t)
	w.visitor(desk.Owner).post("/users/1/remove", "password", "not this one").shows(t, http.StatusUnprocessableEntity, "This was not done")
	_, err := w.desk.User(t.Context(), owner, 1)
	w.must(err)
}

func TestAFormThatWasRefusedIsSentAgain(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	once := onceIn(t, b.get("/users/new"), "/users")
	for range 2 { // it did nothing: each says so
		got := b.post("/users", "first", " ", "pin", "none", "once", once)
		got.shows(t, http.StatusUnprocessableEntity, "name")
		if onceIn(t, got, "/users") != once {
			t.Error("the token is another")
		}
	}
	b.post("/users", "first", "Eve", "pin", "none", "once", once).shows(t, http.StatusOK, "The user was added")
	// A page that a browser has kept may be filled in for somebody else.
	b.post("/users", "first", "Bob", "pin", "none", "once", once).shows(t, http.StatusOK, "The user was added")
	if other := w.visitor(desk.Super).post("/users", "first", "Bob", "pin", "none", "once", once); !strings.Contains(other.body, "The user was added") {
		t.Error("another's token counts")
	}
	var d submissions
	for i := range maxSubmissions + 10 {
		_, _, err := d.once(t.Context(), [32]byte{byte(i), byte(i >> 8)}, func() (answer, error) { return answer{to: "/"}, nil })
		w.must(err)
	}
	if len(d.all) != maxSubmissions || len(d.order) != maxSubmissions {
		t.Errorf("%d, %d", len(d.all), len(d.order))
	}
}
