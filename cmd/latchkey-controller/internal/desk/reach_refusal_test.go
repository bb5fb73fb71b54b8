package desk

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestARefusalNamesNothingOfElsewhere(t *testing.T) {
	s := newSideDoor(t)
	ctx := t.Context()
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	for _, where := range []Where{{Locations, s.home}, {Doors, s.front.DoorID}} {
		_, err := s.SetMode(ctx, s.local, where, wire.ModeLocked, 0)
		note(err)
		note(s.EndEarly(ctx, s.local, where))
		note(s.GiveAccess(ctx, s.local, "crew", "", []Where{where}, nil, UseSchedule{}))
	}
	for level, id := range map[Level]int64{Hubs: s.front.HubID, Doors: s.front.DoorID, Locations: s.home} {
		note(s.EditPlace(ctx, s.local, level, id, "", func(f *PlaceForm) { f.Name = "Mine" }))
		note(s.RemovePlace(ctx, s.local, level, id))
	}
	note(s.MoveReader(ctx, s.local, "gate", "", s.front.DoorID))
	note(s.MoveReader(ctx, s.local, "front", "", s.gate.DoorID))
	note(s.SwitchPIN(ctx, s.local, "front", false))
	note(s.TakeVisitors(ctx, s.local, s.front.DoorID, true))
	_, err := s.UnlockDoor(ctx, s.local, s.front.DoorID, "", UnlockNote{})
	note(err)
	_, err = s.UnlockDoor(ctx, s.local, s.front.DoorID, "nothing", UnlockNote{})
	note(err)
	s.setMode(Where{Locations, s.home}, wire.ModeLockdown, 0)
	guard := s.limitedTo(Editor, s.annex) // who may end no lockdown
	_, err = s.UnlockDoor(ctx, guard, s.front.DoorID, "", UnlockNote{})
	note(err)
	_, err = s.Order(ctx, guard, "front", wire.Unlock)
	note(err)
	_, err = s.SetPolicy(ctx, s.local, "front", 0, func(p *wire.Policy) { p.Limit = 3 })
	note(err)
	_, _, err = s.Invite(ctx, s.local, s.visit(s.front.DoorID, time.Hour))
	note(err)
	names := regexp.MustCompile(`Home|Front|Hub of|front`)
	for i, err := range errs {
		if s.refuses("refusal", err); err != nil && names.MatchString(err.Error()) {
			t.Errorf("%d: %v", i, err)
		}
	}
	for _, a := range []Actor{s.local, guard} {
		page, err := s.Activity(ctx, a, Query{Kind: "admin", Limit: 100})
		s.must(err)
		for _, e := range page.Events {
			if text := fmt.Sprint(*e); names.MatchString(text) {
				t.Errorf("the audit that they see: %s", text)
			}
		}
	}
	page, err := s.Activity(ctx, as(Owner), Query{Kind: "admin", Limit: 100})
	if err != nil || !slices.ContainsFunc(page.Events, func(e *Event) bool { return e.Result == Refused && e.Who == s.local.Name }) {
		t.Errorf("the Owner does not see what was refused: %v", err)
	}
}

func TestWhoActsNowhereKeepsTheirOwnAccount(t *testing.T) {
	s := newSideDoor(t)
	ctx := t.Context()
	yard, err := s.AddPlace(ctx, as(Owner), Locations, 0, "Yard")
	s.must(err)
	a := s.limitedTo(Super, yard)
	made, text, err := s.MakeToken(ctx, a, TokenForm{Name: "Program", Scopes: Scopes(), Days: 30})
	s.must(err)
	token, err := s.TokenActor(ctx, text, "192.0.2.1")
	s.must(err)
	s.must(s.RemovePlace(ctx, as(Owner), Locations, yard))
	for _, a := range []Actor{a, token} {
		_, _, err := s.AddUser(ctx, a, UserForm{First: "Eve"}, PIN{}, nil)
		s.refuses("add a user", err)
		if err == nil || !strings.Contains(err.Error(), "none of your locations is there any more: ask an Owner to choose others") {
			t.Error(err)
		}
		if _, err := s.Users(ctx, a, UserQuery{}); err != nil {
			t.Error(err)
		}
	}
	_, _, err = s.MakeToken(ctx, a, TokenForm{Name: "Other", Scopes: Scopes(), Days: 30})
	s.refuses("another token", err)
	s.must(s.RevokeToken(ctx, a, made))
}

func TestARefusalNamesNoVisitorElsewhere(t *testing.T) {
	s := newSideDoor(t)
	ctx := t.Context()
	s.must(s.TakeVisitors(ctx, as(Owner), s.front.DoorID, true))
	form := s.visit(s.front.DoorID, time.Hour)
	form.First, form.Last = "Marie", "Curie"
	id := s.invite(form)
	if _, err := s.User(ctx, s.local, id); !errors.Is(err, ErrNotFound) {
		t.Fatalf("she is seen: %v", err)
	}
	for what, err := range map[string]error{
		"edit":    s.EditUser(ctx, s.local, id, "", nil, func(f *UserForm) {}),
		"visit":   s.EditVisit(ctx, s.local, id, func(f *VisitForm) {}),
		"suspend": s.SuspendUser(ctx, s.local, id, true),
		"remove":  s.RemoveUser(ctx, s.local, id),
		"end":     s.EndInvitation(ctx, s.local, id),
		"card":    s.AddCard(ctx, s.local, id, "04112233445580"),
		"member":  s.EditMembers(ctx, s.local, "crew", true, []uint64{id}, nil),
	} {
		if err == nil || strings.Contains(err.Error(), "Curie") {
			t.Errorf("%s tells her name: %v", what, err)
		}
	}
	page, err := s.Activity(ctx, s.local, Query{})
	s.must(err)
	for _, e := range page.Events {
		if strings.Contains(e.Text.String(), "Curie") {
			t.Errorf("the audit tells her name: %s", e.Text.String())
		}
	}
}
