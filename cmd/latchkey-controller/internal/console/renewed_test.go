package console

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// beside says whether an element with an id comes beside the part that was asked for.
func beside(body, id string) bool {
	_, tag, _ := strings.Cut(body, `id="`+id+`"`)
	tag, _, _ = strings.Cut(tag, ">")
	return strings.Contains(tag, "hx-swap-oob")
}

func TestTheNumberBesideAHeadingIsRenewedWithItsList(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	for part, path := range map[string]string{"user-list": "/users", "group-list": "/groups", "device-list": "/devices"} {
		if got := b.get(path); strings.Count(got.body, `id="list-count"`) != 1 || strings.Contains(got.body, "hx-swap-oob") {
			t.Errorf("%s: the page has not one number", path)
		}
		if got := b.part(part).get(path); !beside(got.body, "list-count") {
			t.Errorf("%s: the list comes without its number", path)
		}
	}
}

func TestWhereANewPINOpensAndWhichReadersHaveItIsRenewedTogether(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	if got := b.part("doors-now").get("/users/1"); strings.Contains(got.body, `id="rollout"`) {
		t.Error("there is no new PIN")
	}
	shown := b.post("/users/1/pin", "pin", "auto")
	shown.shows(t, http.StatusOK, `id="rollout"`)
	for range 2 { // as often as readers change
		shown = renewedPIN(t, b, shown)
	}
	b.get("/users/1").shows(t, http.StatusOK, "Add a credential")
}

// renewedPIN renews the sentence on doors in a page, which has the line on a new PIN come with it.
func renewedPIN(t *testing.T, b *browser, shown *page) *page {
	t.Helper()
	address := regexp.MustCompile(`<p id="doors-now"[^>]* hx-get="([^"]+)"`).FindStringSubmatch(shown.body)
	if address == nil {
		t.Fatal("nothing is renewed")
	}
	got := b.part("doors-now").get(address[1])
	got.shows(t, http.StatusOK, `id="doors-now"`)
	if !beside(got.body, "rollout") {
		t.Error("the line on the PIN does not come with it")
	}
	if digitsShown.MatchString(got.body) {
		t.Error("the PIN is sent again")
	}
	return got
}

func TestAFormOfADoorReturnsToItsSection(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	for path, section := range map[string]string{"two-proofs": "two-proofs", "authentication": "limits"} {
		fields := []string{"when", "always", "limit", "5", "guess-limit", "0"}
		got := b.post("/readers/front-door/"+path, fields...)
		got.shows(t, http.StatusOK, "Saved.", `id="`+section+`"`)
		if got.url.Fragment != section {
			t.Errorf("%s returns to %q", path, got.url)
		}
	}
}

func TestWhatOpensInALockdownIsTheDoorsOwnRule(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	const nobody = "In a lockdown nobody gets in here: no group is chosen for it under Access."
	const groups = "In a lockdown only the groups chosen under Access get in, "
	const untrusted, notOff = "While the reader’s clock is not trusted, card and PIN are needed at any time.", "PIN entry cannot be switched off as long as"
	at := &wire.Schedule{Week: []wire.Span{{Day: 0, From: 60, To: 120}}}
	for _, test := range []struct {
		two       *wire.TwoProofs
		way, hint string
		says      []string // of the rule beside that
	}{
		{nil, "and only by card.", "They get in by card only, at their usual times.", nil},
		{new(wire.TwoProofs), "with card and PIN, the card first.", "They need card and PIN, the card first, at their usual times.", []string{notOff}},
		{&wire.TwoProofs{Schedule: at}, "by card; while card and PIN are needed, with both, the card first.", "They get in by card, at their usual times; while card and PIN are needed, with both, the card first.", []string{notOff, untrusted}},
	} {
		w.changePolicy("front-door", func(p *wire.Policy) {
			p.TwoProofs, p.Access, p.InLockdown = test.two, []wire.Access{{Group: "everyone"}, {Group: "staff"}}, []string{"staff"}
		})
		b.get("/doors/1?tab=access").shows(t, http.StatusOK, test.hint, "Who may still open while the door is kept locked")
		page := b.get("/doors/1?tab=identification")
		page.shows(t, http.StatusOK, append(test.says, groups+test.way)...)
		for _, says := range []string{notOff, untrusted} {
			if strings.Contains(text(page.body), says) && !slices.Contains(test.says, says) {
				t.Errorf("by %+v it says: %s", test.two, says)
			}
		}
		w.changePolicy("front-door", func(p *wire.Policy) { p.InLockdown = nil })
		b.get("/doors/1?tab=identification").shows(t, http.StatusOK, nobody)
	}
}
