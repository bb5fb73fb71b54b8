package desk

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestACardIsNotTakenFromAUserElsewhereNorGivenToThem(t *testing.T) {
	s := newSideDoor(t)
	from := s.in("staff")
	s.must(s.AddCard(t.Context(), as(Owner), from, s.uid()))
	card := s.person(from).Credentials[0].ID
	own, mine := s.card()
	s.refuses("taken", s.GiveCard(t.Context(), s.local, own, card, true))
	s.refuses("given", s.GiveCard(t.Context(), s.local, from, mine, true))
	if len(s.person(from).Credentials) != 1 || len(s.person(own).Credentials) != 1 {
		t.Error("it is gone")
	}
}

func TestAPINIsComparedOnlyForGroupsInReach(t *testing.T) {
	s := newSideDoor(t)
	_, err := s.SetPIN(t.Context(), as(Owner), s.user(), chosen("58310274"))
	s.must(err)
	_, _, err = s.AddUser(t.Context(), s.local, UserForm{First: "Eve", Groups: []string{" staff "}}, chosen("58310274"), nil)
	s.refuses("a PIN that is taken", err)
}

func TestTheFirstCardThatProvesItselfIsForTheWholeSite(t *testing.T) {
	s := newSideDoor(t)
	ctx, id := t.Context(), s.user()
	s.present(s.blank())
	_, err := s.NewCard(ctx, s.local, id, "gate")
	s.refuses("asked for", err)
	waits, err := s.NewCard(ctx, asOwner(s.local), id, "gate")
	s.must(err)
	_, err = s.ConfirmCard(ctx, s.local, waits.Enrolment.ID, waits.Enrolment.LastFour)
	s.refuses("confirmed", err)
	if s.look("front").Policy.ProvenEnds || len(s.person(id).Credentials) != 0 {
		t.Error("it was given")
	}
	s.present(s.blank())
	_, err = s.newCard(as(Owner), s.user(), "front")
	s.must(err)
	s.present(s.blank())
	_, err = s.newCard(s.local, id, "gate")
	s.must(err)
}

func TestWhoGoesElsewhereWhileACardGetsItsKeysDoesNotGetIt(t *testing.T) {
	s := newSideDoor(t)
	s.present(s.blank())
	_, err := s.newCard(as(Owner), s.user(), "front")
	s.must(err)
	id := s.user()
	goes := func(groups ...string) {
		s.must(s.EditUser(t.Context(), as(Owner), id, "", nil, func(f *UserForm) { f.Groups = groups }))
	}
	s.live.personalise = func(_ context.Context, _ store.Order, keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
		goes("staff")
		if _, err := keys(s.blank().Read()); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("keys for somebody elsewhere: %v", err)
		}
		return refused(wire.ReasonDeclined), nil
	}
	_, err = s.NewCard(t.Context(), s.local, id, "gate")
	s.refuses("before the keys", err)
	goes()
	s.present(s.blank())
	waits, err := s.NewCard(t.Context(), s.local, id, "gate")
	s.must(err)
	goes("staff")
	_, err = s.ConfirmCard(t.Context(), s.local, waits.Enrolment.ID, waits.Enrolment.LastFour)
	s.refuses("before it is confirmed", err)
	goes()
	s.present(s.blank())
	_, err = s.newCard(s.local, id, "gate")
	s.must(err)
	write := s.live.personalise
	s.live.personalise = func(ctx context.Context, o store.Order, keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
		defer goes("staff")
		return write(ctx, o, keys)
	}
	before := s.given(id)[0].CardKey
	_, err = s.RekeyCard(t.Context(), s.local, id, s.person(id).Credentials[0].ID, "gate")
	s.refuses("after the keys", err)
	if after := s.given(id)[0].CardKey; !bytes.Equal(wire.Marshal(after), wire.Marshal(before)) {
		t.Error("it has new keys")
	}
}
