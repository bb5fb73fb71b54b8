package console

import (
	"net/http"
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
	b.post("/users/1/pin", "pin", "auto").shows(t, http.StatusOK, `id="rollout"`)
	got := b.part("doors-now").get("/users/1")
	got.shows(t, http.StatusOK, `id="doors-now"`)
	if !beside(got.body, "rollout") {
		t.Error("the line on the PIN does not come with it")
	}
	if digitsShown.MatchString(got.body) {
		t.Error("the PIN is sent again")
	}
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
	for want, two := range map[string]*wire.TwoProofs{
		"In a lockdown a card opens the door, and a PIN does not.":       nil,
		"In a lockdown card and PIN open the door, the card first.":      {},
		"While both are demanded, card and PIN open it, the card first.": {Schedule: &wire.Schedule{Week: []wire.Span{{Day: 0, From: 60, To: 120}}}},
	} {
		w.changePolicy("front-door", func(p *wire.Policy) { p.TwoProofs = two })
		b.get("/doors/1?tab=access").shows(t, http.StatusOK, want)
		b.get("/doors/1?tab=identification").shows(t, http.StatusOK, want)
	}
}
