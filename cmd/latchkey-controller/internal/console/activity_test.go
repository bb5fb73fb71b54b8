package console

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// unlocked has the owner unlock a reader's door, which is then opened and closed. It returns when that was.
func (w *world) unlocked(reader string) (now time.Time) {
	w.t.Helper()
	_, err := w.desk.Order(w.t.Context(), owner, reader, wire.Unlock)
	w.must(err)
	w.live.mu.Lock()
	command := w.live.orders[len(w.live.orders)-1].ID
	w.live.mu.Unlock()
	j := &journal{w: w, reader: reader, id: wire.JournalID{9}}
	now = w.desk.Now()
	j.report(now, wire.Record{Kind: wire.AccessGranted, By: wire.ByRemote, Command: command, Who: owner.Name, Seconds: 5, Running: 1000})
	j.report(now.Add(2*time.Second), wire.Record{Kind: wire.DoorOpened, Running: 3000})
	j.report(now.Add(9*time.Second), wire.Record{Kind: wire.DoorClosed, Running: 10_000})
	return now
}

func TestActivityHasALineForEachHappeningInTabs(t *testing.T) {
	w := small(t)
	now := w.unlocked("front-door")
	b := w.visitor(desk.Owner)
	b.get("/activity?kind=admin").shows(t, http.StatusOK, `placeholder="Administrator or person"`)
	b.get("/activity?kind=doors").shows(t, http.StatusOK, `placeholder="Person or door"`)
	at := func(after time.Duration) string { return now.Add(after).UTC().Format("15:04:05") }
	line := fmt.Sprintf("Unlocked %s unlocked Front door%s unlocked for 5 seconds%s opened%s closed", owner.Name, at(0), at(2*time.Second), at(9*time.Second))
	for path, want := range map[string][3]string{
		"/activity":            {line, "added Ada", "Nothing"},
		"/activity?kind=doors": {line, "Front door", "added Ada"},
		"/activity?kind=admin": {line, "added Ada", "Kind"},
		"/":                    {line, "All activity", "added Ada"},
		"/doors/1?tab=activity": {
			fmt.Sprintf("%s unlocked for 5 seconds%s opened%s closed", at(0), at(2*time.Second), at(9*time.Second)), "unlocked Front door", "added Ada"},
	} {
		got := b.get(path)
		got.shows(t, http.StatusOK, want[0], want[1])
		if is := text(got.body); strings.Contains(is, want[2]) || strings.Count(is, "unlocked for 5 seconds") != 1 {
			t.Errorf("%s: %s", path, is)
		}
	}
	viewer := w.visitor(desk.Viewer).get("/activity")
	viewer.shows(t, http.StatusOK, "At the doors", fmt.Sprintf("Unlocked %s unlocked Front door%s opened%s closed", owner.Name, at(2*time.Second), at(9*time.Second)))
	if strings.Contains(viewer.body, "kind=admin") {
		t.Error("who may not look at acts is offered them")
	}
	front := w.journal("front-door")
	for range 51 {
		front.report(w.desk.Now(), wire.Record{Kind: wire.ExitPressed, Seconds: 5})
	}
	filtered := b.get("/activity?door=1&kind=door")
	for _, want := range []string{
		`<a href="/activity?door=1&amp;kind=doors" aria-current="page">At the doors</a>`, `<a href="/activity?door=1&amp;kind=admin">Administration</a>`, `<a href="/activity?door=1">All</a>`,
		`<a class="btn ghost" href="/activity?kind=doors">Clear</a>`, `action="/activity/export?door=1&amp;kind=door"`, `href="/activity?door=1&amp;kind=door&amp;before=`,
	} {
		if !strings.Contains(filtered.body, want) {
			t.Errorf("%s is missing", want)
		}
	}
	w.must(w.desk.EditUser(t.Context(), owner, 1, "", time.UTC, func(f *desk.UserForm) { f.Last = "Byron" }))
	if got := b.get("/activity?kind=doors&from=2020-01-01"); strings.Contains(got.body, "Byron") {
		t.Error("an act of administration is at the doors")
	}
}

// activityTour shows the tabs of the activity, of a site where something happened.
func activityTour(t *testing.T, ctx context.Context) {
	w := newWorld(t)
	w.stage()
	w.unlocked("front-door")
	_, err := w.desk.SetMode(t.Context(), owner, desk.Where{}, wire.ModeLockdown, 0)
	w.must(err)
	for i, reader := range []string{"front-door", "lab", "yard-gate", "loading-bay"} {
		r, err := w.desk.Reader(t.Context(), owner, reader)
		w.must(err)
		applied := &journal{w: w, reader: reader, id: wire.JournalID{8}}
		applied.report(w.desk.Now().Add(time.Duration(i)*time.Second), wire.Record{Kind: wire.PolicyApplied, PolicyRevision: r.Policy.Revision, Running: 20_000})
	}
	ctx, complaints := chromium(t, ctx, w, desk.Owner)
	tour(t, ctx, w, []stop{
		{"activity", "/activity", ""}, {"activity-doors", "/activity?kind=doors", ""}, {"activity-admin", "/activity?kind=admin", ""},
		{"activity-door", "/activity?door=1", ""}, {"door-activity", "/doors/1?tab=activity", ""}, {"activity-now", "/", ""},
	})
	contented(t, complaints)
}
