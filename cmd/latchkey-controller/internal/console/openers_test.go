package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func (w *world) changePolicy(reader string, edit func(*wire.Policy)) {
	w.t.Helper()
	_, err := w.desk.SetPolicy(w.t.Context(), owner, reader, 0, edit)
	w.must(err)
}

func TestADoorAndAPersonShowWhoOpensWhenAndHow(t *testing.T) {
	w := small(t)
	w.user("Bob", "Byron", false, "")
	b := w.visitor(desk.Viewer)
	const door, person = "/doors/1?tab=access", "/users/1?tab=access"
	b.get(door).shows(t, http.StatusOK, "Always, with PIN or card", "Ada Lovelace", "Bob Byron", "Never: they have neither PIN nor card", "2 users", "Who may still open in a lockdown")
	b.get(person).shows(t, http.StatusOK, "Front door", "by everyone", "Always, with PIN or card")

	w.must(w.desk.EditUser(t.Context(), owner, 1, "", nil, func(f *desk.UserForm) { f.Until = "2099-12-30" }))
	for _, path := range []string{door, person} {
		b.get(path).shows(t, http.StatusOK, "At any time until 31 Dec 2099, 00:00, with PIN or card")
	}
	w.must(w.desk.EditUser(t.Context(), owner, 1, "", nil, func(f *desk.UserForm) { f.Until = "" }))

	condition := w.live.states[0].State.Condition
	condition.PIN, condition.Lockout = wire.ReasonLockout, wire.CauseAttempts
	for _, path := range []string{door, person} {
		b.get(path).shows(t, http.StatusOK, "Not by PIN now: PIN entry is paused")
	}
	condition.PIN, condition.Lockout = "", ""
	w.changePolicy("front-door", func(p *wire.Policy) { p.TwoProofs = new(wire.TwoProofs) })
	for _, path := range []string{door, person} {
		b.get(path).shows(t, http.StatusOK, "Always, with card and PIN")
	}
	condition.Card = wire.ReasonNFC
	b.get(door).shows(t, http.StatusOK, "Nobody can give card and PIN: it takes no cards: the card reader is out of order.", "Not now: the card reader is out of order")
	condition.Card = ""
	never := &wire.Schedule{Week: []wire.Span{{Day: 1, From: 0, To: 1}}, Holiday: []wire.Span{{From: 0, To: 1}}}
	w.changePolicy("front-door", func(p *wire.Policy) {
		p.TwoProofs, p.Access = nil, []wire.Access{{Group: "staff", Schedule: never}}
	})
	got := b.get(door)
	got.shows(t, http.StatusOK, "Mon 00:00-00:01, holidays 00:00-00:01, with PIN or card", "; again ", "Monday00:00-00:01Holidays00:00-00:01", "1 user")
	if strings.Contains(got.body, "Bob") {
		t.Error("he is in no group that may open it")
	}
	w.live.states[0].Online = false
	b.get(door).shows(t, http.StatusOK, "What follows is perhaps not so at front-door: it is offline.")
	b.get(person).shows(t, http.StatusOK, "Perhaps not so at the reader: it is offline.")
	condition.Strike = wire.StrikeHeld
	b.get(door).shows(t, http.StatusOK, "Front door is unlocked for everybody now.")
	w.changePolicy("front-door", func(p *wire.Policy) { p.Access = []wire.Access{} })
	b.get(door).shows(t, http.StatusOK, "Nobody may open")
	b.get(person).shows(t, http.StatusOK, "No door opens")
}

func TestTheDoorsOfAPersonStandByLocationAndName(t *testing.T) {
	w := small(t)
	w.adopt("a", "Yard 10", "Warehouse")
	w.adopt("b", "Yard 9", "Warehouse")
	w.adopt("c", "Attic", "Warehouse")
	w.adopt("z", "Basement", "Main building")
	b := w.visitor(desk.Viewer)
	shown, last := b.get("/users/1?tab=access").body, -1
	for _, door := range []string{"Basement", "Front door", "Attic", "Yard 9", "Yard 10"} {
		at := strings.Index(shown, "<b>"+door+"</b>")
		if at <= last {
			t.Errorf("%s stands at %d, what comes before it at %d", door, at, last)
		}
		last = at
	}
}

func TestWhoMayOpenADoorIsSearchedAndPaged(t *testing.T) {
	w := small(t)
	for n := range 55 {
		w.user("User", fmt.Sprintf("%02d", n), false, "")
	}
	b := w.visitor(desk.Viewer)
	got := b.get("/doors/1?tab=access")
	got.shows(t, http.StatusOK, "56 users", "User 48", "Next page")
	if strings.Contains(text(got.body), "User 49") {
		t.Error("more than 50 on a page")
	}
	_, next, _ := strings.Cut(got.body, `<a class="btn small" href="`)
	next, _, _ = strings.Cut(next, `"`)
	b.get(strings.ReplaceAll(next, "&amp;", "&")).shows(t, http.StatusOK, "User 49", "User 54", "First page")
	got = b.get("/doors/1?tab=access&q=love")
	got.shows(t, http.StatusOK, "Ada Lovelace", "1 user found", `value="love"`)
	if strings.Contains(text(got.body), "User 01") {
		t.Error("all are found")
	}
	b.get("/doors/1?tab=access&q=zz").shows(t, http.StatusOK, "Nobody found", "begin with “zz”")
	b.get("/doors/1?tab=access&after=%3F").shows(t, http.StatusNotFound)
}

func TestADoorOfTwoReadersSaysWhichOneOpens(t *testing.T) {
	w := small(t)
	w.adopt("back", "Back", "Main building")
	w.must(w.desk.MoveReader(t.Context(), owner, "back", "", 1))
	w.changePolicy("back", func(p *wire.Policy) { p.PIN = false })
	b := w.visitor(desk.Viewer)
	b.get("/doors/1?tab=access").shows(t, http.StatusOK, `<span class="small muted">front-door</span>`, "Always, with PIN or card", `<span class="small muted">back</span>`, "Always, with card", "This door has 2 readers", `href="/doors/1?tab=access&amp;reader=back"`)
	b.get("/doors/2?tab=access").shows(t, http.StatusOK, "No reader yet")
}

func TestANewPINSaysAtHowManyDoorsItOpensAloneAndWithACard(t *testing.T) {
	w := small(t)
	w.adopt("lab", "Lab", "Main building")
	w.changePolicy("lab", func(p *wire.Policy) { p.TwoProofs = new(wire.TwoProofs) })
	b := w.visitor(desk.Editor)
	b.post("/users/1/pin", "pin", "auto").shows(t, http.StatusOK, "It opens 1 door, and 1 more together with a card, when their groups and dates allow it.")
	w.changePolicy("front-door", func(p *wire.Policy) { p.TwoProofs = new(wire.TwoProofs) })
	b.post("/users/1/pin", "pin", "auto").shows(t, http.StatusOK, "It opens 2 doors together with a card, when")
	w.changePolicy("front-door", func(p *wire.Policy) { p.Access = []wire.Access{} })
	w.changePolicy("lab", func(p *wire.Policy) { p.Access = []wire.Access{} })
	b.post("/users/1/pin", "pin", "auto").shows(t, http.StatusOK, "It opens no door: Access says why.")
}
