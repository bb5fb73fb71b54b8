package desk

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// blank returns a card in its factory state.
func (w *world) blank() *boardtest.Card {
	w.t.Helper()
	uid, err := hex.DecodeString(w.uid())
	w.must(err)
	return boardtest.NewCard(uid)
}

// newCard gives a user a card at a reader, and confirms that it is the right one.
func (w *world) newCard(a Actor, user uint64, reader string) (*KeyedCard, error) {
	card, err := w.NewCard(w.t.Context(), a, user, reader)
	if err != nil || card.Enrolment == nil {
		return card, err
	}
	return w.ConfirmCard(w.t.Context(), a, card.Enrolment.ID, card.Enrolment.LastFour)
}

// keyedCard is an act on a card that has keys, and is shown to the reader.
func keyedCard(do func(*world, context.Context, Actor, uint64, uint64) error) attempt {
	return func(w *world) func(context.Context, Actor) error {
		id := w.user()
		w.present(w.blank())
		_, err := w.newCard(as(Owner), id, "reader")
		w.must(err)
		credential := w.person(id).Credentials[0].ID
		return func(ctx context.Context, a Actor) error { return do(w, ctx, a, id, credential) }
	}
}

// refused is a reader's answer to an order that it has not carried out.
func refused(reason wire.Reason) link.OrderResult {
	return link.OrderResult{Text: language.Data("the reader refused"), Record: &wire.Record{Kind: wire.CommandRefused, Reason: reason}}
}

var done = link.OrderResult{Done: true, Text: language.Data("the card has its keys"), Record: &wire.Record{Kind: wire.CommandDone}}

// present has all readers see cards, one after the other, of which all but the last are
// taken away after their first key. A reader keeps the last one until it is done.
func (w *world) present(cards ...*boardtest.Card) {
	w.live.personalise = func(_ context.Context, o store.Order, keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
		w.live.orders = append(w.live.orders, o)
		for i, card := range cards {
			sets, err := keys(card.Read())
			if err != nil {
				return link.OrderResult{Text: language.Data(err.Error())}, nil
			}
			sets.Command = wire.CommandID{1}
			if err := sets.Check(); err != nil {
				w.t.Error(err)
			}
			if i < len(cards)-1 {
				card.Write(sets, 1)
				return refused(wire.ReasonCardGone), nil
			}
			if err := card.Write(sets, -1); errors.Is(err, boardtest.ErrForeignKeys) {
				return refused(wire.ReasonForeignKeys), nil
			} else if err != nil {
				w.t.Error(err)
			}
		}
		return done, nil
	}
}

// shows has all readers do something else with the next card.
func (w *world) shows(card *boardtest.Card, then func(*wire.CardKeySets) link.OrderResult) {
	w.live.personalise = func(_ context.Context, _ store.Order, keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
		sets, err := keys(card.Read())
		if err != nil {
			return link.OrderResult{Text: language.Data(err.Error())}, nil
		}
		return then(sets), nil
	}
}

func TestAUsersNewCardProvesItselfAndThatIsNotedAndCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, ada := w.reader(), w.user()
	name := w.person(ada).Name
	w.card() // somebody else's, which can be copied
	card := w.blank()
	w.present(card)
	waits, err := w.NewCard(t.Context(), as(Editor), ada, door)
	w.must(err)
	if e := waits.Enrolment; e == nil || !e.Keyed || e.UID != site.MaskUID(card.UID) || waits.UID != e.UID || len(w.person(ada).Credentials) != 0 {
		t.Fatalf("%+v, %+v", waits, w.person(ada).Credentials)
	}
	if e, want := w.newest(), "Limited Admin (Can Edit) had keys written to a card for "+name+": "+waits.UID+", it has its keys, and waits for confirmation"; e.Text.String() != want || e.Result != Changed {
		t.Errorf("%q, not %q", e.Text, want)
	}
	got, err := w.ConfirmCard(t.Context(), as(Editor), waits.Enrolment.ID, waits.Enrolment.LastFour)
	w.must(err)
	if got.UID != site.MaskUID(card.UID) || !strings.HasPrefix(got.Text.String(), "it proves itself, as the first card here") {
		t.Errorf("%+v", got)
	}
	if o := w.live.orders[len(w.live.orders)-1]; o.Reader != door || o.Who != "Limited Admin (Can Edit)" {
		t.Errorf("%+v", o)
	}
	u := w.person(ada)
	if c := u.Credentials[0]; len(u.Credentials) != 1 || c.Copyable() || c.Chip != "MIFARE DESFire EV2 or EV3" || c.Generation != 1 || c.By != "Limited Admin (Can Edit)" || u.Copyable != 0 || u.Cards != 1 {
		t.Errorf("%+v", u)
	}
	if n, err := w.CountCards(t.Context(), as(Viewer)); err != nil || n != (CardCount{Cards: 2, Copyable: 1}) {
		t.Errorf("%+v, %v", n, err)
	}
	if page, err := w.Users(t.Context(), as(Viewer), UserQuery{State: store.CopyableUsers}); err != nil || page.Found != 1 || page.Users[0].ID == ada || page.Users[0].Copyable != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	e := w.newest()
	if want := "Limited Admin (Can Edit) gave " + name + " a card: " + got.UID + ", it proves itself, as the first card here: from now on, only cards that prove themselves end a lockout"; e.Text.String() != want || e.Result != Changed {
		t.Errorf("%q, not %q", e.Text, want)
	}
	if p, err := w.Policy(t.Context(), as(Owner), door); err != nil || !p.ProvenEnds {
		t.Errorf("%+v, %v", p, err)
	}
	credential := u.Credentials[0].ID
	if got, err = w.RekeyCard(t.Context(), as(Editor), ada, credential, door); err != nil || got.Text.String() != "it proves itself" {
		t.Errorf("%+v, %v", got, err)
	}
	if c := w.person(ada).Credentials; len(c) != 1 || c[0].ID != credential || c[0].Generation != 2 {
		t.Errorf("%+v", c)
	}
	if _, err = w.ReturnCard(t.Context(), as(Editor), ada, credential, door); err != nil || card.Keyed() != 0 || len(w.person(ada).Credentials) != 0 {
		t.Errorf("%v, %d keys, %+v", err, card.Keyed(), w.person(ada).Credentials)
	}
	if e := w.newest(); e.Text.String() != "Limited Admin (Can Edit) brought a card of "+name+" back to its factory state: "+got.UID+", it is in its factory state" {
		t.Errorf("%q", e.Text)
	}
	w.check()
}

func TestACardThatCanBeCopiedBecomesOneThatProvesItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	card := w.blank()
	ada := w.user()
	w.must(w.AddCard(t.Context(), as(Owner), ada, hex.EncodeToString(card.UID)))
	before := w.person(ada).Credentials[0]
	if !before.Copyable() || w.person(ada).Copyable != 1 {
		t.Errorf("%+v", before)
	}
	w.present(card)
	_, err := w.newCard(as(Editor), ada, door)
	w.must(err)
	if c := w.person(ada).Credentials; len(c) != 1 || c[0].ID != before.ID || c[0].Copyable() {
		t.Errorf("%+v", c)
	}
}

func TestACardThatIsNoneForItGetsNoKeysAndThePersonIsToldWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, ada, bob := w.reader(), w.user(), w.user()
	bobs := w.blank()
	w.present(bobs)
	_, err := w.newCard(as(Editor), bob, door)
	w.must(err)
	adas := w.blank()
	w.present(adas)
	_, err = w.newCard(as(Editor), ada, door)
	w.must(err)
	credential := w.person(ada).Credentials[0].ID
	eve := w.user()
	_, err = w.SetPIN(t.Context(), as(Owner), eve, PIN{Choice: Auto})
	w.must(err)
	light := w.blank()
	light.Type = 0x08
	for what, test := range map[string]struct {
		card *boardtest.Card
		do   func() (*KeyedCard, error)
		why  string
	}{
		"Bob's":        {bobs, func() (*KeyedCard, error) { return w.newCard(as(Editor), ada, door) }, "is already assigned; remove it there first"},
		"another chip": {light, func() (*KeyedCard, error) { return w.newCard(as(Editor), ada, door) }, "DESFire Light"},
		"another card": {w.blank(), func() (*KeyedCard, error) { return w.RekeyCard(t.Context(), as(Editor), ada, credential, door) }, "show the one that you have chosen"},
		"not this one": {bobs, func() (*KeyedCard, error) { return w.ReturnCard(t.Context(), as(Editor), ada, credential, door) }, "show the one that you have chosen"},
		"somebody's":   {bobs, func() (*KeyedCard, error) { return w.ReturnCard(t.Context(), as(Editor), 0, 0, door) }, "take it from its user instead"},
		"no keys":      {w.blank(), func() (*KeyedCard, error) { return w.ReturnCard(t.Context(), as(Editor), 0, 0, door) }, "nothing to take back"},
	} {
		keyed := test.card.Keyed()
		w.shows(test.card, func(*wire.CardKeySets) link.OrderResult {
			t.Errorf("%s: it gets keys", what)
			return done
		})
		if _, err := test.do(); !strings.Contains(Fields(err)["card"].String(), test.why) {
			t.Errorf("%s: %v", what, err)
		}
		if test.card.Keyed() != keyed || len(w.person(ada).Credentials) != 1 || len(w.person(bob).Credentials) != 1 {
			t.Errorf("%s: something has changed", what)
		}
	}
	for _, do := range []func() (*KeyedCard, error){
		func() (*KeyedCard, error) { return w.newCard(as(Editor), 99, door) },
		func() (*KeyedCard, error) { return w.RekeyCard(t.Context(), as(Editor), bob, credential, door) },
		func() (*KeyedCard, error) { return w.ReturnCard(t.Context(), as(Editor), ada, 99, door) },
		func() (*KeyedCard, error) {
			return w.RekeyCard(t.Context(), as(Editor), eve, w.person(eve).Credentials[0].ID, door)
		}, // a PIN
	} {
		if _, err := do(); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	}
	without := New(Options{Site: w.site})
	if _, err := without.NewCard(t.Context(), as(Owner), ada, door); !errors.Is(err, errNoController) {
		t.Error(err)
	}
}

func TestWhatAReaderSaysOfACardIsToldWithWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, ada := w.reader(), w.user()
	for reason, want := range map[wire.Reason]string{
		wire.ReasonCardGone: "taken away too early", wire.ReasonNoCard: "taken away too early", wire.ReasonForeignKeys: "use another card", wire.ReasonNoAnswer: "start again", wire.ReasonTamper: "the reader's housing is open",
	} {
		w.shows(w.blank(), func(*wire.CardKeySets) link.OrderResult { return refused(reason) })
		if _, err := w.newCard(as(Editor), ada, door); !strings.Contains(Fields(err)["card"].String(), want) {
			t.Errorf("%s: %v", reason, err)
		}
	}
	for _, test := range []struct {
		result link.OrderResult
		want   string
	}{
		{refused(wire.ReasonNoCard), "No card was shown"}, {link.OrderResult{Text: language.Data("not sent: it is not connected")}, "not connected"}, {done, "keys that it was never sent"},
	} {
		w.live.personalise = func(context.Context, store.Order, func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
			return test.result, nil
		}
		if _, err := w.newCard(as(Editor), ada, door); !strings.Contains(Fields(err)["reader"].String(), test.want) {
			t.Errorf("%+v: %v", test.result, err)
		}
	}
	if len(w.person(ada).Credentials) != 0 {
		t.Error("a card that never got its keys is hers")
	}
}

func TestACardThatWasTakenAwayIsFinishedByTheNextActAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, ada := w.reader(), w.user()
	card := w.blank()
	w.present(card, card)
	if _, err := w.newCard(as(Editor), ada, door); !strings.Contains(Fields(err)["card"].String(), "start again") || card.Keyed() != 1 {
		t.Fatal(err)
	}
	if _, err := w.NewEpoch(t.Context(), as(Owner)); err != nil {
		t.Fatal(err)
	}
	again, err := site.Open(t.Context(), w.dir)
	w.must(err)
	defer again.Close()
	w.Desk = New(Options{Site: again, Live: &w.live, Clock: w.clock})
	w.present(card)
	_, err = w.newCard(as(Editor), ada, door)
	w.must(err)
	credential := w.person(ada).Credentials[0].ID
	// It is taken away while it is brought back to its factory state: it is nobody's then.
	w.present(card, card)
	if _, err := w.ReturnCard(t.Context(), as(Editor), ada, credential, door); !strings.HasSuffix(Fields(err)["card"].String(), "give it back as one, at the page of a reader or with latchkey-controller card return") || card.Keyed() != 2 || len(w.person(ada).Credentials) != 0 {
		t.Fatal(err, card.Keyed())
	}
	w.present(card)
	_, err = w.ReturnCard(t.Context(), as(Editor), 0, 0, door)
	w.must(err)
	if e := w.newest(); card.Keyed() != 0 || e.Text.String() != "Limited Admin (Can Edit) brought a card of nobody back to its factory state: "+site.MaskUID(card.UID)+", it is in its factory state" {
		t.Errorf("%d keys, %q", card.Keyed(), e.Text)
	}
	w.check()
}

func TestACardGetsKeysAtOneReaderAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, other, ada := w.reader(), w.reader(), w.user()
	card := w.blank()
	w.shows(card, func(sets *wire.CardKeySets) link.OrderResult {
		w.shows(card, func(*wire.CardKeySets) link.OrderResult {
			t.Error("twice at once")
			return done
		})
		if _, err := w.newCard(as(Super), ada, other); !strings.Contains(Fields(err)["card"].String(), "at another reader") {
			t.Error(err)
		}
		another := w.blank()
		w.present(another)
		if _, err := w.newCard(as(Super), ada, other); err != nil {
			t.Error(err)
		}
		w.must(card.Write(sets, -1))
		return done
	})
	_, err := w.newCard(as(Editor), ada, door)
	w.must(err)
	w.present(card)
	_, err = w.newCard(as(Editor), ada, door) // afterwards it is free again
	w.must(err)
	if len(w.person(ada).Credentials) != 2 {
		t.Errorf("%+v", w.person(ada).Credentials)
	}
}

func TestARightThatIsTakenAwayMeanwhileGivesNoCard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, ada := w.reader(), w.user()
	card := w.blank()
	underway := w.owner().Actor
	again := func() {
		session, err := w.signIn("Ada Lovelace", secret, here)
		w.must(err)
		underway = session.Actor
	}
	w.shows(card, func(sets *wire.CardKeySets) link.OrderResult {
		w.must(card.Write(sets, -1))
		w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.ForgetSignIns() }))
		return done
	})
	waits, err := w.NewCard(t.Context(), underway, ada, door)
	w.must(err) // that the card has its keys is a fact
	if _, err := w.ConfirmCard(t.Context(), underway, waits.Enrolment.ID, waits.Enrolment.LastFour); !errors.Is(err, ErrSignedOut) || len(w.person(ada).Credentials) != 0 {
		t.Error(err)
	}
	w.present(card)
	_, err = w.newCard(as(Owner), ada, door)
	w.must(err)
	before := w.person(ada).Credentials[0]
	again()
	w.shows(card, func(sets *wire.CardKeySets) link.OrderResult {
		w.must(card.Write(sets, -1))
		w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.ForgetSignIns() }))
		return done
	})
	if _, err := w.RekeyCard(t.Context(), underway, ada, before.ID, door); err == nil || w.person(ada).Credentials[0].Generation != before.Generation {
		t.Error("new keys:", err)
	}
	again()
	w.live.personalise = func(_ context.Context, _ store.Order, keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
		w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.ForgetSignIns() }))
		if _, err := keys(card.Read()); !errors.Is(err, ErrSignedOut) {
			t.Error("keys go out:", err)
		}
		return refused(wire.ReasonDeclined), nil
	}
	if _, err := w.RekeyCard(t.Context(), underway, ada, before.ID, door); err == nil {
		t.Error("new keys")
	}
}

// Whoever is first at the reader may hold an emulator there that has the number of a card
// of the user's.
func TestACardWithTheNumberOfOneThatCanBeCopiedWaitsForConfirmation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, ada := w.reader(), w.user()
	card := w.blank()
	w.must(w.AddCard(t.Context(), as(Owner), ada, hex.EncodeToString(card.UID)))
	w.present(card)
	waits, err := w.NewCard(t.Context(), as(Editor), ada, door)
	w.must(err)
	if waits.Enrolment == nil || !w.person(ada).Credentials[0].Copyable() {
		t.Errorf("%+v, %+v", waits, w.person(ada).Credentials)
	}
	w.must(w.DropCard(t.Context(), as(Editor), waits.Enrolment.ID))
	if c := w.person(ada).Credentials; len(c) != 1 || !c[0].Copyable() {
		t.Errorf("%+v", c)
	}
}

func TestACopyOfACardIsAnAlarmThatNamesItsUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, ada := w.reader(), w.user()
	name := w.person(ada).Name
	w.present(w.blank())
	_, err := w.newCard(as(Owner), ada, door)
	w.must(err)
	copied := &wire.Record{Kind: wire.AccessDenied, By: wire.ByCard, Reason: wire.ReasonNotGenuine, Credential: w.person(ada).Credentials[0].ID, User: ada, Epoch: 1 << 40}
	again := *copied
	w.records(door, copied, &again)
	page, err := w.Activity(t.Context(), as(Owner), Query{Limit: 10})
	w.must(err)
	var alarms, denied int
	for _, e := range page.Events {
		switch {
		case e.Text.String() == "A copy of "+name+"'s card was shown at Door of "+door && e.Result == Alarm:
			alarms++
		case e.Text.String() == "A card at Door of "+door+" did not prove that it is the card of "+name && e.Result == Denied:
			denied++
		}
	}
	if alarms != 1 || denied != 2 {
		t.Errorf("%d alarms, %d denied: %+v", alarms, denied, page.Events)
	}
	w.pass(11 * time.Minute)
	third := *copied
	w.records(door, &third)
	for _, kind := range []string{string(wire.ClassAlarm), store.CardCopied} {
		page, err = w.Activity(t.Context(), as(Owner), Query{Kind: kind, Limit: 10})
		w.must(err)
		if len(page.Events) != 2 {
			t.Errorf("%s: %+v", kind, page.Events)
		}
	}
}

func TestThatOnlyProvenCardsOpenIsAPolicyLikeAnyOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	p, err := w.SetPolicy(t.Context(), as(Super), door, 0, func(p *wire.Policy) { p.ProvenOpens, p.ProvenEnds = true, true })
	w.must(err)
	if !p.ProvenOpens || !p.ProvenEnds {
		t.Errorf("%+v", p)
	}
	if e := w.newest(); !strings.HasSuffix(e.Text.String(), ": only cards that prove themselves open from off to on; only cards that prove themselves end a pause from off to on") {
		t.Errorf("%q", e.Text)
	}
}
