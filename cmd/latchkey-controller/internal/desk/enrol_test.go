package desk

import (
	"errors"
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestAnOrderIsNotedWithWhatCameOfIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reader()
	outcome, err := w.Order(t.Context(), as(Editor), id, wire.Unlock)
	if err != nil || !outcome.Done {
		t.Fatalf("%+v, %v", outcome, err)
	}
	if e := w.newest(); e.Text.String() != "Limited Admin (Can Edit) unlocked Door of "+id || e.Result != Granted || e.Reader != id {
		t.Errorf("%+v", e)
	}
	w.live.refuse = "not sent: it is not connected"
	outcome, err = w.Order(t.Context(), as(Editor), id, wire.Identify)
	if err != nil || outcome.Done || outcome.Text.String() != w.live.refuse {
		t.Fatalf("%+v, %v", outcome, err)
	}
	if e := w.newest(); e.Text.String() != "Limited Admin (Can Edit) could not have Door of "+id+" identify itself: not sent: it is not connected" || e.Result != Refused {
		t.Errorf("%+v", e)
	}
	if o := w.live.orders[1]; o.Who != "Limited Admin (Can Edit)" || o.Reader != id {
		t.Errorf("%+v", o)
	}
	if _, err := w.Order(t.Context(), as(Owner), id, wire.Enrol); err == nil {
		t.Error("an enrol for nobody")
	}
	without := New(Options{Site: w.site})
	if _, err := without.Order(t.Context(), as(Owner), id, wire.Unlock); !errors.Is(err, errNoController) {
		t.Error(err)
	}
}

func TestACardThatWasReadIsTheUsersOnceItsLastDigitsAreConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, ada := w.reader(), w.user()
	w.live.card = []byte{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0x80}
	read := func() *Enrolment {
		t.Helper()
		e, err := w.Enrol(t.Context(), as(Editor), ada, door)
		w.must(err)
		return e
	}
	e := read()
	if e.LastFour != "E580" || e.UID != "… E5 80" {
		t.Errorf("%+v", e)
	}
	if len(w.person(ada).Credentials) != 0 {
		t.Error("given before it was confirmed")
	}
	other, elsewhere := as(Super), as(Editor)
	elsewhere.Via = CommandLine
	for _, try := range []struct {
		a             Actor
		id, last, why string
	}{
		{as(Editor), e.ID, "E581", "other digits"}, {as(Editor), "unknown", "E580", "another id"}, {other, e.ID, "E580", "somebody else"}, {elsewhere, e.ID, "E580", "the command line"},
	} {
		if _, err := w.ConfirmCard(t.Context(), try.a, try.id, try.last); Fields(err)["last-four"] == nil {
			t.Errorf("%s: %v", try.why, err)
		}
	}
	_, err := w.ConfirmCard(t.Context(), as(Editor), e.ID, " e5 80")
	w.must(err)
	if c := w.person(ada).Credentials; len(c) != 1 || c[0].UID != "… E5 80" || c[0].Kind != "card" {
		t.Errorf("%+v", c)
	}
	if _, err := w.ConfirmCard(t.Context(), as(Editor), e.ID, "E580"); Fields(err)["last-four"] == nil {
		t.Error("confirmed twice:", err)
	}
	if _, err := w.ConfirmCard(t.Context(), as(Editor), read().ID, "E580"); Fields(err)["card"] == nil {
		t.Error("it is Ada's already:", err)
	}
	late := read()
	w.time = w.time.Add(enrolEnds + time.Second)
	if _, err := w.ConfirmCard(t.Context(), as(Editor), late.ID, "E580"); Fields(err)["last-four"] == nil {
		t.Error("too late:", err)
	}
	dropped := read()
	w.must(w.DropCard(t.Context(), as(Editor), dropped.ID))
	if e, want := w.newest(), "Limited Admin (Can Edit) refused a card that was shown for "+w.person(ada).Name+": … E5 80"; e.Text.String() != want || e.User != ada {
		t.Errorf("%q, not %q", e.Text, want)
	}
	w.must(w.DropCard(t.Context(), as(Editor), dropped.ID)) // once
	if _, err := w.ConfirmCard(t.Context(), as(Editor), dropped.ID, "E580"); Fields(err)["last-four"] == nil {
		t.Error("dropped:", err)
	}
	for field, card := range map[string][]byte{"card": {0x08, 1, 2, 3}, "reader": nil} { // a random UID, no card
		w.live.card = card
		if _, err := w.Enrol(t.Context(), as(Editor), ada, door); Fields(err)[field] == nil {
			t.Errorf("%s: %v", field, err)
		}
	}
	if e := w.newest(); e.Kind != "admin.card.enrol" || e.Result != Refused || e.User != ada {
		t.Errorf("%+v", e)
	}
	if _, err := w.Enrol(t.Context(), as(Editor), 99, door); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestACardOf88IsTakenFromAReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, ada := w.reader(), w.user()
	w.live.card = []byte{0x88, 0xa1, 0xb2, 0xc3}
	if err := w.AddCard(t.Context(), as(Editor), ada, "88 A1 B2 C3"); Fields(err)["card"] == nil {
		t.Errorf("typed: %v", err)
	}
	e, err := w.Enrol(t.Context(), as(Editor), ada, door)
	w.must(err)
	_, err = w.ConfirmCard(t.Context(), as(Editor), e.ID, "B2 C3")
	w.must(err)
	w.must(w.RemoveCardUID(t.Context(), as(Editor), ada, "88 A1 B2 C3"))
}
