package console

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func TestTheListOfUsersIsSortedByTheHeadsOfItsColumns(t *testing.T) {
	w := small(t)
	bob := w.user("Bob", "Martin", false, "", "staff")
	for i := range 60 {
		w.user("Visitor", fmt.Sprint(i), false, "")
	}
	w.must(w.desk.EditUser(t.Context(), owner, bob, "", nil, func(f *desk.UserForm) { f.Until = "2099-12-30" }))
	w.journal("front-door").report(time.Now().Add(-time.Hour), wire.Record{Kind: wire.AccessGranted, By: "card", User: 1, Credential: 1, Seconds: 5})
	b := w.visitor(desk.Owner)
	first := regexp.MustCompile(`class="row-link" id="user-(\d+)"`)
	heads := regexp.MustCompile(`<th scope="col"[^>]*><a href="/users[^"]*"`)
	for query, want := range map[string]string{
		"": "1", "?order=-name": "62", "?order=until": fmt.Sprint(bob), "?order=-seen": "1", "?order=seen": fmt.Sprint(bob), "?order=-added": "62", "?order=added": "1", "?order=name": "1",
		"?order=-added&q=visitor+1": "22",
	} {
		page := b.get("/users" + query)
		page.shows(t, http.StatusOK)
		if got := first.FindStringSubmatch(page.body); got == nil || got[1] != want || len(heads.FindAllString(page.body, -1)) != 3 {
			t.Errorf("%s begins with %v, not %s", query, got, want)
		}
	}
	b.get("/users?order=until&state=valid").shows(t, http.StatusOK, `aria-sort="ascending"><a href="/users?order=-until&amp;state=valid">Valid`, `<a href="/users?order=-seen&amp;state=valid">Last seen`,
		`<a href="/users?state=valid">Name`, `<input type="hidden" name="order" value="until">`, `hx-get="/users?order=until&amp;state=valid"`, `<option value="until" selected>`, `href="/users?order=until&amp;state=expired"`)
	b.get("/users?order=-seen").shows(t, http.StatusOK, `aria-sort="descending"><a href="/users?order=seen">Last seen`)
	page := b.get("/users?order=-added")
	_, after, _ := strings.Cut(page.body, `href="/users?after=`)
	after, _, _ = strings.Cut(after, `"`)
	b.get("/users?after="+strings.ReplaceAll(after, "&amp;", "&")).shows(t, http.StatusOK, "Ada Lovelace", `<option value="-added" selected>`)
	b.get("/users?order=height").shows(t, http.StatusUnprocessableEntity, "Unknown order; choose one of these: name, -name")

	// When they were seen elsewhere is not told in the order either.
	limited := w.limited(desk.Super, 1)
	page = limited.get("/users?order=-seen")
	page.shows(t, http.StatusOK, `<th scope="col" class="wide-only">Last seen</th>`, `<option value="name" selected>`)
	if strings.Contains(page.body, `order=-seen`) || strings.Contains(page.body, `value="seen"`) {
		t.Error("it can be sorted by that")
	}
}

func TestLastSeenLeadsToThatEntryOfTheActivity(t *testing.T) {
	w := small(t)
	front := w.journal("front-door")
	front.report(time.Now().Add(-time.Hour), wire.Record{Kind: wire.AccessGranted, By: "card", User: 1, Credential: 1, Seconds: 5})
	seen := w.newest()
	for range 60 { // so that it is not on the first page
		front.report(time.Now(), wire.Record{Kind: wire.AccessDenied, By: "card", User: 1, Credential: 1, Reason: wire.ReasonSchedule})
	}
	b := w.visitor(desk.Viewer)
	for _, path := range []string{"/users", "/users/1?tab=about", "/users?state=valid&order=until"} {
		page := b.get(path)
		link := regexp.MustCompile(fmt.Sprintf(`href="(/activity[^"#]*)#event-%d"`, seen)).FindStringSubmatch(page.body)
		if link == nil {
			t.Fatalf("%s has no link to entry %d", path, seen)
		}
		entries := regexp.MustCompile(`id="event-(\d+)"`).FindStringSubmatch(b.get(strings.ReplaceAll(link[1], "&amp;", "&")).body)
		if entries == nil || entries[1] != fmt.Sprint(seen) {
			t.Errorf("%s begins with %v, not %d", link[1], entries, seen)
		}
	}
}

func TestAPersonsPageSaysFirstWhichDoorsOpenForThem(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Viewer)
	says := func(user uint64, want string) {
		t.Helper()
		for _, tab := range []string{"", "?tab=about", "?tab=activity", "?tab=access"} {
			path := fmt.Sprint("/users/", user, tab)
			_, line, found := strings.Cut(b.get(path).body, `<p id="doors-now"`)
			_, line, _ = strings.Cut(line, ">")
			line, _, _ = strings.Cut(line, "</p>")
			if line = strings.Join(strings.Fields(text("<p>"+line+"</p>")), " "); !found || line != want {
				t.Errorf("%s says %q, not %q", path, line, want)
			}
		}
		b.part("doors-now").get(fmt.Sprint("/users/", user)).shows(t, http.StatusOK, want)
	}
	says(1, "One door opens for Ada Lovelace now: Front door.")
	w.adopt("lab", "Lab", "Main building")
	w.live.states[0].Online = false
	says(1, "2 doors open for Ada Lovelace now: Front door and Lab. Perhaps not so at Front door: its reader is offline.")
	w.live.states[0].Online, w.live.states[0].Current = true, false
	says(1, "2 doors open for Ada Lovelace now: Front door and Lab. The newest changes are being sent to Front door.")
	w.live.states[0].Current = true
	w.changePolicy("lab", func(p *wire.Policy) { p.Access = []wire.Access{} })
	w.live.states[0].Online = true
	hours := &wire.Schedule{Week: []wire.Span{{Day: uint8((time.Now().UTC().Weekday() + 2) % 7), From: 8 * 60, To: 9 * 60}}}
	w.changePolicy("front-door", func(p *wire.Policy) { p.Access[0].Schedule = hours })
	w.live.states[0].State.Condition.ClockTrusted, w.live.states[0].Current = true, true
	says(1, "No door opens for Ada Lovelace now. Front door opens again "+time.Now().UTC().AddDate(0, 0, 2).Format("on Monday at 08:00."))
	w.changePolicy("front-door", func(p *wire.Policy) { p.Access[0].Schedule, p.PIN, p.ProvenOpens = nil, false, true })
	says(1, "No door opens for Ada Lovelace now. Front door does not: PIN entry is switched off, and only cards that prove themselves open this door.")
	bare := w.user("Bob", "Martin", false, "")
	says(bare, "No door opens for Bob Martin: they have neither PIN nor card.")
	w.changePolicy("front-door", func(p *wire.Policy) { p.Access[0].Group = "staff" })
	says(bare, "No door opens for Bob Martin: none of their groups may open one.")
	w.must(w.desk.EditUser(t.Context(), owner, 1, "", nil, func(f *desk.UserForm) { f.Until = "2020-05-03" }))
	says(1, "No door opens for Ada Lovelace: their validity ended on 4 May 2020, 00:00.")
}

func TestWhenIsSaidAsPeopleSayIt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC) // a Monday
	for at, want := range map[string]string{"2026-11-30T18:00:00Z": "at 18:00", "2026-12-01T08:30:00Z": "tomorrow at 08:30", "2026-12-06T08:00:00Z": "on Sunday at 08:00", "2026-12-07T08:00:00Z": "on 7 Dec 2026 at 08:00"} {
		then, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := when(then, now, time.UTC).String(); got != want {
			t.Errorf("%s is %q, not %q", at, got, want)
		}
	}
}
