package console

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// revisionIn returns the revision in the form of a page that is sent to an address.
func revisionIn(t *testing.T, p *page, action string) string {
	t.Helper()
	form := regexp.MustCompile(`action="` + regexp.QuoteMeta(action) + `"(?s:.*?)name="revision" value="([^"]*)"`).FindStringSubmatch(p.body)
	if form == nil || form[1] == "" {
		t.Fatalf("no revision for %s", action)
	}
	return form[1]
}

func TestAFormSaysThatSomebodyChangedMeanwhileWhatItIsAbout(t *testing.T) {
	w := small(t)
	one, other := w.visitor(desk.Owner), w.visitor(desk.Super)
	w.adopt("back-door", "Back door", "Villa")
	back, err := w.desk.Reader(t.Context(), owner, "back-door")
	w.must(err)
	front, err := w.desk.Reader(t.Context(), owner, "front-door")
	w.must(err)
	for _, test := range []struct {
		page, action string
		mine, theirs []string
		keeps        string
	}{
		{"/users/1?tab=about", "/users/1", []string{"first", "Augusta", "last", "King", "group", "staff"}, []string{"first", "Ada", "last", "Byron", "group", "staff"}, `value="Augusta"`},
		{"/locations/1", "/locations/1", []string{"name", "Mine"}, []string{"name", "Theirs"}, `value="Mine"`},
		{"/hubs/1", "/hubs/1", []string{"name", "My hub"}, []string{"name", "Their hub"}, `value="My hub"`},
		{"/doors/1?tab=settings", "/doors/1", []string{"name", "My door"}, []string{"name", "Their door"}, `value="My door"`},
		{"/readers/front-door?tab=device", "/readers/front-door/move", []string{"door", fmt.Sprint(front.DoorID)}, []string{"door", fmt.Sprint(back.DoorID)}, `selected`},
		{"/doors/1?tab=access&ask=add", "/readers/front-door/access", []string{"kind", "group", "group", "mine", "when", "always"}, []string{"kind", "group", "group", "theirs", "when", "always"}, `value="mine"`},
		{"/doors/1?tab=hours", "/readers/front-door/calendar", []string{"time-zone", "UTC", "holidays", "12-24"}, []string{"time-zone", "Europe/Berlin", "holidays", "12-25"}, `12-24`},
		{"/doors/1?tab=hours", "/readers/front-door/opening", []string{"when", "times", "mon", "08:00-12:00"}, []string{"when", "times", "mon", "09:00-12:00"}, `value="08:00-12:00"`},
		{"/doors/1?tab=identification", "/readers/front-door/two-proofs", []string{"when", "times", "mon", "08:00-12:00"}, []string{"when", "always"}, `value="08:00-12:00"`},
		{"/doors/1?tab=access", "/readers/front-door/mode-groups", []string{"kind", "modes", "in-lockdown", "mine"}, []string{"kind", "modes", "in-lockdown", "theirs"}, `name="in-lockdown" value="mine" checked`},
	} {
		was := revisionIn(t, one.get(test.page), test.action)
		other.post(test.action, append(test.theirs, "revision", was)...).shows(t, http.StatusOK)
		got := one.post(test.action, append(test.mine, "revision", was)...)
		got.shows(t, http.StatusUnprocessableEntity, "Somebody else has changed", "Saving again overwrites that change.")
		if !strings.Contains(got.body, test.keeps) {
			t.Errorf("%s: what was typed is gone", test.action)
		}
		now := revisionIn(t, got, test.action)
		if now == was {
			t.Errorf("%s: it can never be saved", test.action)
		}
		one.post(test.action, append(test.mine, "revision", now)...).shows(t, http.StatusOK)
	}
}

func TestAFormKeepsItsRevisionThroughACorrection(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	for _, test := range []struct {
		page, action string
		wrong        []string
	}{
		{"/users/1?tab=about", "/users/1", []string{"first", "", "last", ""}},
		{"/doors/1?tab=settings", "/doors/1", []string{"name", " "}},
		{"/doors/1?tab=access&ask=add", "/readers/front-door/access", []string{"kind", "group", "group", "night shift"}},
		{"/doors/1?tab=hours", "/readers/front-door/calendar", []string{"time-zone", "UTC", "holidays", "never"}},
		{"/doors/1?tab=hours", "/readers/front-door/opening", []string{"when", "times", "mon", "12:00-25:00"}},
		{"/doors/1?tab=identification", "/readers/front-door/two-proofs", []string{"when", "times", "mon", "12:00-25:00"}},
		{"/doors/1?tab=access", "/readers/front-door/mode-groups", []string{"kind", "modes", "exempt", "No Group"}},
	} {
		was := revisionIn(t, b.get(test.page), test.action)
		switch { // somebody else, meanwhile
		case strings.HasPrefix(test.action, "/users"):
			b.post("/users/1", "first", "Augusta").shows(t, http.StatusOK)
		case strings.HasPrefix(test.action, "/doors"):
			b.post("/doors/1", "name", "Other").shows(t, http.StatusOK)
		default:
			b.post("/readers/front-door/access", "kind", "group", "group", "g"+was, "when", "always").shows(t, http.StatusOK)
		}
		got := b.post(test.action, append(test.wrong, "revision", was)...)
		if again := revisionIn(t, got, test.action); got.status != http.StatusUnprocessableEntity || again != was && !strings.Contains(got.body, "Somebody else has changed") {
			t.Errorf("%s: %d, and the form forgets what it began with", test.action, got.status)
		}
	}
}
