package console

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

func TestANewCardIsWrittenAtAReaderEvenIfItSlipsAndIsShownToProveItself(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	b.get("/users/1").shows(t, http.StatusOK, "Can be copied: it only has a number.", "Make it one that cannot be copied")
	b.get("/users/1?add=any").shows(t, http.StatusOK, "New card, which cannot be copied")
	b.get("/users/1?add=new").shows(t, http.StatusOK, "Front door, Main building (front-door)", "keep it there until its screen says Done")

	card := boardtest.NewCard([]byte{4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66})
	w.live.shown = []*boardtest.Card{card, card}
	torn := b.post("/users/1/cards/new", "reader", "front-door")
	torn.shows(t, http.StatusUnprocessableEntity, "55 66: the card was taken away too early", `name="reader" aria-invalid="true"`, "Write the keys")
	if strings.Contains(b.get("/users/1").body, "Cannot be copied") {
		t.Error("a card that lacks keys is assigned")
	}
	asks := b.post("/users/1/cards/new", "reader", "front-door")
	asks.shows(t, http.StatusOK, "The card has its keys", "It ends in 5566", "somebody else was the first at the reader")
	if strings.Contains(b.get("/users/1").body, "Cannot be copied") {
		t.Error("a card that nobody has confirmed is assigned")
	}
	confirm := enrolmentIn(t, asks)
	b.post(confirm, "last-four", "5567", "keyed", "yes").shows(t, http.StatusUnprocessableEntity, "The card has its keys", "These are not the last four digits of the card")
	done := b.post(confirm, "last-four", "5566", "keyed", "yes")
	done.shows(t, http.StatusOK, "The new card is ready", "55 66", "as the first card here", "Cannot be copied: MIFARE DESFire EV2 or EV3, keys no. 1")
	if card.Keyed() != 3 {
		t.Errorf("the card has %d keys", card.Keyed())
	}
	for _, path := range []string{"/", "/users"} {
		b.get(path).shows(t, http.StatusOK, `<a href="/users?state=copyable-card">1 of 2 cards can be copied.</a>`)
	}
}

func TestAFormThatIsSentTwiceWritesOneCard(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	w.live.shown = []*boardtest.Card{boardtest.NewCard([]byte{4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66})}
	var confirm string
	for range 2 {
		asks := b.post("/users/1/cards/new", "reader", "front-door", "once", "a token")
		asks.shows(t, http.StatusOK, "The card has its keys")
		confirm = enrolmentIn(t, asks)
	}
	for _, says := range []string{"The new card is ready", "This was already done, and not repeated."} {
		b.post(confirm, "last-four", "5566", "once", "a token").shows(t, http.StatusOK, says)
	}
	if len(w.live.orders) != 1 {
		t.Errorf("%d orders", len(w.live.orders))
	}
}

func TestACardGetsNewKeysAndIsGivenBackWhereItsUserHasIt(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	card := w.newCard(1, 4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66)
	path := fmt.Sprintf("/users/1/cards/%d", w.card(1, "55 66").ID)
	ask := strings.TrimPrefix(path, "/users/1/cards/")
	b.get("/users/1?ask=rekey-"+ask).shows(t, http.StatusOK, "New keys for this card", `action="`+path+`/rekey"`, "Front door")
	b.get("/users/1?ask=return-"+ask).shows(t, http.StatusOK, "Give this card back?", `action="`+path+`/return"`)

	w.live.shown = []*boardtest.Card{boardtest.NewCard([]byte{4, 1, 2, 3, 4, 5, 6})}
	b.post(path+"/rekey", "reader", "front-door").shows(t, http.StatusUnprocessableEntity, "New keys for this card", "is another card; show the one that you have chosen")
	w.live.shown = []*boardtest.Card{card}
	b.post(path+"/rekey", "reader", "front-door").shows(t, http.StatusOK, "The card has new keys", "keys no. 2")

	w.live.shown = []*boardtest.Card{card}
	got := b.post(path+"/return", "reader", "front-door")
	got.shows(t, http.StatusOK, "The card was given back", "It opens nothing here.")
	if card.Keyed() != 0 || strings.Contains(got.body, "Cannot be copied") {
		t.Errorf("it has %d keys", card.Keyed())
	}
}

func TestACardThatWasTakenAwayWhileItWasGivenBackIsGivenBackAsNobodys(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	card := w.newCard(1, 4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66)
	w.live.shown = []*boardtest.Card{card, card}
	torn := b.post(fmt.Sprintf("/users/1/cards/%d/return", w.card(1, "55 66").ID), "reader", "front-door")
	torn.shows(t, http.StatusUnprocessableEntity, "taken away too early", `action="/users/return-card"`, `value="front-door" selected`)
	if c := w.card(1, "55 66"); c != nil || card.Keyed() == 0 {
		t.Errorf("%+v, %d keys", c, card.Keyed())
	}
	b.post("/users/return-card", "reader", "front-door").shows(t, http.StatusOK, "The card was given back")
	if card.Keyed() != 0 {
		t.Errorf("it has %d keys", card.Keyed())
	}
	b.get("/readers/front-door?tab=device").shows(t, http.StatusOK, `href="/users/return-card?reader=front-door"`)
}

// enrolmentIn returns where a page sends that a card is the right one.
func enrolmentIn(t *testing.T, page *page) string {
	t.Helper()
	found := regexp.MustCompile(`action="(/users/1/enrol/[^"/]+)"`).FindStringSubmatch(page.body)
	if found == nil {
		t.Fatalf("no question: %s", page.body)
	}
	return found[1]
}

// card returns a user's card by the end of its UID, or nil.
func (w *world) card(user uint64, ends string) *desk.Credential {
	w.t.Helper()
	u, err := w.desk.User(w.t.Context(), owner, user)
	w.must(err)
	for _, c := range u.Credentials {
		if strings.HasSuffix(c.UID, ends) {
			return &c
		}
	}
	return nil
}

func TestWhatCardsThatCanBeCopiedMayDoIsSetAtTheReadersPage(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	const opens, ends = `name="copyable-opens" value="on" checked`, `name="copyable-ends" value="on" checked`
	page := b.get("/doors/1?tab=identification")
	page.shows(t, http.StatusOK, opens, ends, "Cards that can be copied open this door", "Cards that can be copied end a lockout")
	for _, set := range []struct {
		fields           []string
		provenO, provenE bool
	}{
		{[]string{"copyable-opens", "on"}, false, true},
		{[]string{"copyable-ends", "on"}, true, false},
		{nil, true, true},
		{[]string{"copyable-opens", "on", "copyable-ends", "on"}, false, false},
	} {
		got := b.post("/readers/front-door/authentication", append(set.fields, "limit", "10", "guess-limit", "60")...)
		got.shows(t, http.StatusOK, "Saved")
		r, err := w.desk.Reader(t.Context(), owner, "front-door")
		w.must(err)
		if r.Policy.ProvenOpens != set.provenO || r.Policy.ProvenEnds != set.provenE || strings.Contains(got.body, opens) == set.provenO || strings.Contains(got.body, ends) == set.provenE {
			t.Errorf("%v: %v, %v", set.fields, r.Policy.ProvenOpens, r.Policy.ProvenEnds)
		}
	}
	w.live.states[0].State.Condition.Lockout = "attempts"
	b.get("/").shows(t, http.StatusOK, "A valid card ends this")
	w.newCard(1, 4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66)
	b.get("/").shows(t, http.StatusOK, "A valid card that cannot be copied ends this")
}

func TestACopyOfACardIsAnAlarmThatLeadsToItsUserAndToWhatTheDoorHasDenied(t *testing.T) {
	w := small(t)
	w.newCard(1, 4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66)
	w.journal("front-door").report(time.Now(), wire.Record{Kind: wire.AccessDenied, By: "card", Reason: wire.ReasonNotGenuine, User: 1, Credential: w.card(1, "55 66").ID, Epoch: 1 << 40})
	b := w.visitor(desk.Viewer)
	for _, path := range []string{"/", "/activity"} {
		b.get(path).shows(t, http.StatusOK, "Copied card A copy of Ada Lovelace&#39;s card was shown at Front door", `href="/activity?reader=front-door&amp;kind=denied"`, `href="/users/1" aria-label="User: Ada Lovelace"`)
	}
	b.get("/activity?reader=front-door&kind=denied").shows(t, http.StatusOK, "did not prove that it is the card of Ada Lovelace")
	for _, path := range []string{"/users/1?tab=activity", "/activity?user=1"} {
		b.get(path).shows(t, http.StatusOK, "did not prove that it is the card of Ada Lovelace", "A copy of Ada Lovelace&#39;s card was shown at Front door")
	}
}
