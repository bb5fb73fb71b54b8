package desk

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A sideDoor is a world with the door Front at Home, which opens to staff, the door Gate at Annex,
// and local, a Super Admin who is limited to Annex.
type sideDoor struct {
	*world
	home, annex int64
	front, gate *Reader
	local       Actor
}

func newSideDoor(t *testing.T) *sideDoor {
	t.Helper()
	t.Parallel()
	w := newWorld(t)
	s := &sideDoor{world: w, front: w.readerAt("front", "Home", "Front"), gate: w.readerAt("gate", "Annex", "Gate")}
	w.opensTo("front", "staff")
	s.home, s.annex = w.location("Home"), w.location("Annex")
	s.local = w.limitedTo(Super, s.annex)
	return s
}

// opensTo has a reader open to groups and to nobody else.
func (w *world) opensTo(reader string, groups ...string) {
	w.t.Helper()
	w.policy(reader, func(p *wire.Policy) {
		p.PIN, p.Access = true, nil
		for _, group := range groups {
			p.Access = append(p.Access, wire.Access{Group: group})
		}
	})
}

// in adds a user to groups.
func (w *world) in(groups ...string) uint64 {
	w.t.Helper()
	id := w.user()
	w.must(w.EditUser(w.t.Context(), as(Owner), id, "", nil, func(f *UserForm) { f.Groups = groups }))
	return id
}

// refuses fails the test unless an act was refused as not allowed.
func (s *sideDoor) refuses(what string, err error) {
	s.t.Helper()
	if !errors.Is(err, ErrNotAllowed) {
		s.t.Errorf("%s: %v", what, err)
	}
}

// With a board of their own, a program with the keys of a request, they would have the PIN key and
// every credential of the site.
func TestALimitedAdministratorGetsNoBundle(t *testing.T) {
	s := newSideDoor(t)
	before := s.look("gate").Bundle
	fresh, own := s.form("new"), s.form("gate")
	fresh.Place, own.Place, own.Door = "Annex", "", ""
	for what, form := range map[string]AdoptForm{"a new reader at their location": fresh, "another board for one of theirs": own} {
		_, err := s.Adopt(t.Context(), s.local, form, func([]byte) error { t.Errorf("%s: the bundle left", what); return nil })
		s.refuses(what, err)
		_, err = s.ReadRequest(t.Context(), s.local, form.Request)
		s.refuses(what+": its request", err)
	}
	if is := s.look("gate").Bundle; is != before {
		t.Errorf("bundle %d, before %d", is, before)
	}
}

func TestALimitedAdministratorMarksNothingAsExposed(t *testing.T) {
	s := newSideDoor(t)
	ctx := t.Context()
	id := s.in("staff")
	s.must(s.AddCard(ctx, as(Owner), id, s.uid()))
	before := s.check().Epoch
	_, err := s.RemoveReader(ctx, s.local, "gate", Lost)
	s.refuses("their reader as lost", err)
	if u := s.person(id); u.Exposed != 0 || s.check().Epoch != before {
		t.Errorf("%d exposed, epoch %d after %d", u.Exposed, s.check().Epoch, before)
	}
	_, err = s.RemoveReader(ctx, s.local, "gate", Returned)
	s.must(err)
}

func TestWhatStandsAtOneLocationIsNotMovedToAnother(t *testing.T) {
	s := newSideDoor(t)
	ctx := t.Context()
	s.refuses("reader out", s.MoveReader(ctx, s.local, "gate", "", s.front.DoorID))
	s.refuses("reader in", s.MoveReader(ctx, s.local, "front", "", s.gate.DoorID))
	s.refuses("door out", s.EditPlace(ctx, s.local, Doors, s.gate.DoorID, "", movedTo(s.front.HubID)))
	s.refuses("door in", s.EditPlace(ctx, s.local, Doors, s.front.DoorID, "", movedTo(s.gate.HubID)))
	s.refuses("hub out", s.EditPlace(ctx, s.local, Hubs, s.gate.HubID, "", movedTo(s.home)))
	s.refuses("hub in", s.EditPlace(ctx, s.local, Hubs, s.front.HubID, "", movedTo(s.annex)))
	own, err := s.AddPlace(ctx, as(Owner), Locations, 0, "Empty")
	s.must(err)
	s.refuses("a location of one's own", s.RemovePlace(ctx, s.limitedTo(Super, own), Locations, own))
	s.must(s.RemovePlace(ctx, as(Owner), Locations, own))
	for _, place := range []string{"Home", "Third"} {
		_, err := s.SetPolicy(ctx, s.local, "gate", 0, func(p *wire.Policy) { p.Place = place })
		s.refuses("by its policy to "+place, err)
	}
	_, err = s.SetPolicy(ctx, s.local, "gate", 0, func(p *wire.Policy) { p.Place, p.Door = "Home", "Front" })
	s.refuses("by its policy to a door", err)
	_, err = s.SetPolicy(ctx, s.local, "gate", 0, func(p *wire.Policy) { p.Door = "New gate" })
	s.must(err)
	if at := s.look("gate"); at.DoorID != s.gate.DoorID || s.look("front").DoorID != s.front.DoorID || len(s.locations()) != 2 {
		t.Errorf("%+v", at)
	}
}

func TestNobodyGetsIntoAGroupThatADoorElsewhereNames(t *testing.T) {
	s := newSideDoor(t)
	ctx, names := t.Context(), []string{"staff", "guards", "first", "removed", "keepers"}
	s.opensTo("front", wire.Everyone, "staff") // nobody is in any of these
	s.policy("front", func(p *wire.Policy) {
		p.InLockdown, p.Opening = []string{"guards"}, &wire.Opening{Schedule: *officeHours(), First: "first"}
	})
	s.readerAt("back", "Home", "Back")
	vault := s.readerAt("vault", "Home", "Vault")
	for reader, group := range map[string]string{"back": "removed", "vault": "keepers"} {
		s.opensTo(reader, group)
		_, err := s.RemoveReader(ctx, as(Owner), reader, Returned)
		s.must(err)
	}
	s.must(s.RemovePlace(ctx, as(Owner), Doors, vault.DoorID)) // it may be adopted anew there
	s.must(s.EditMembers(ctx, s.local, "crew", true, []uint64{s.user()}, nil))
	for _, name := range names {
		id, own := s.user(), s.grouped("crew")
		_, _, err := s.AddUser(ctx, s.local, UserForm{First: "Eve", Groups: []string{name}}, PIN{}, nil)
		s.refuses(name+": add a user", err)
		s.refuses(name+": edit a user", s.EditUser(ctx, s.local, id, "", nil, func(f *UserForm) { f.Groups = []string{name} }))
		s.refuses(name+": by number", s.SetUserGroups(ctx, s.local, id, []int64{s.grouped(name).Number}))
		these := Selection{Users: []uint64{id}}
		selected, err := s.SelectUsers(ctx, as(Owner), these)
		s.must(err)
		_, err = s.EditUsers(ctx, s.local, these, selected.Revision, UsersEdit{Add: []string{name}})
		s.refuses(name+": edit users", err)
		s.refuses(name+": members", s.EditMembers(ctx, s.local, name, false, []uint64{id}, nil))
		s.refuses(name+": members of a new one", s.EditMembers(ctx, s.local, name, true, []uint64{id}, nil))
		s.refuses(name+": members by number", s.EditMembersNumbered(ctx, s.local, s.grouped(name).Number, []uint64{id}, nil))
		s.refuses(name+": rename", s.RenameGroup(ctx, s.local, name, "", "mine"))
		s.refuses(name+": remove", s.RemoveGroup(ctx, s.local, name, ""))
		_, err = s.SetAccessPolicy(ctx, s.local, s.grouped(name).Number, AccessPolicyForm{Name: "mine"})
		s.refuses(name+": rename by policy", err)
		// These say that the name is taken.
		_, err = s.AddGroup(ctx, s.local, name)
		_, err2 := s.SetAccessPolicy(ctx, s.local, own.Number, AccessPolicyForm{Name: name})
		if err3 := s.RenameGroup(ctx, s.local, "crew", "", name); err == nil || err2 == nil || err3 == nil {
			t.Errorf("%s: %v, %v, %v", name, err, err2, err3)
		}
	}
	s.must(s.EditMembers(ctx, s.local, "crew", false, []uint64{s.in("staff")}, nil)) // this changes nothing elsewhere
	s.must(s.RenameGroup(ctx, s.local, "crew", "", "mates"))
}

func TestAUserElsewhereIsNotTakenOutOfTheirGroup(t *testing.T) {
	s := newSideDoor(t)
	id, other := s.in("staff"), s.user()
	these := Selection{Users: []uint64{id, other}}
	selected, err := s.SelectUsers(t.Context(), as(Owner), these)
	s.must(err)
	_, err = s.EditUsers(t.Context(), s.local, these, selected.Revision, UsersEdit{Remove: []string{"staff"}})
	s.refuses("several", err)
	s.refuses("one", s.EditUser(t.Context(), s.local, id, "", nil, func(f *UserForm) { f.Groups = nil }))
}

func TestAScheduleOfADoorElsewhereStays(t *testing.T) {
	s := newSideDoor(t)
	ctx := t.Context()
	id, name := s.schedule()
	s.uses("front", name, staffAccess)
	change := func() error {
		return s.EditSchedule(ctx, s.local, id, 0, func(f *ScheduleForm) { f.Hours = night() })
	}
	s.refuses("hours", change())
	s.refuses("name", s.EditSchedule(ctx, s.local, id, 0, func(f *ScheduleForm) { f.Name = "Mine" }))
	s.refuses("removal", s.RemoveSchedule(ctx, s.local, id))
	_, err := s.RemoveReader(ctx, as(Owner), "front", Returned)
	s.must(err)
	s.refuses("hours of a reader that was removed", change())
	s.refuses("removal after that", s.RemoveSchedule(ctx, s.local, id))
	s.must(s.RemovePlace(ctx, as(Owner), Doors, s.front.DoorID))
	s.refuses("hours of a reader whose door is gone", change()) // it may be adopted anew there
}

func TestAnAccessPolicyLeavesDoorsElsewhereAlone(t *testing.T) {
	s := newSideDoor(t)
	ctx := t.Context()
	shut := s.readerAt("shed", "Annex", "Shed")
	s.opensTo("gate", "staff")
	s.opensTo("shed")
	office, _ := s.schedule()
	number, before := s.grouped("staff").Number, s.look("front").Policy
	for _, form := range []AccessPolicyForm{
		{Doors: []int64{}}, {Doors: []int64{s.gate.DoorID}, Always: true}, {Schedule: office}, {Doors: []int64{shut.DoorID}, Schedule: office}, {Always: true},
	} {
		p, err := s.SetAccessPolicy(ctx, s.local, number, form)
		s.must(err)
		if slices.Contains(p.Doors, s.front.DoorID) {
			t.Errorf("it tells of a door elsewhere: %v", p.Doors)
		}
	}
	if at, shed := s.listed("gate", "staff"), s.listed("shed", "staff"); at != "none" || shed != "always" {
		t.Errorf("%s at Gate, %s at Shed", at, shed)
	}
	_, err := s.SetAccessPolicy(ctx, s.local, number, AccessPolicyForm{Doors: []int64{s.front.DoorID}})
	s.refuses("a door elsewhere that has it", err)
	_, err = s.SetAccessPolicy(ctx, s.local, 0, AccessPolicyForm{Name: "crew", Doors: []int64{s.front.DoorID}, Always: true})
	s.refuses("a door elsewhere", err)
	if after := s.look("front").Policy; after.Revision != before.Revision {
		t.Error("the door elsewhere was changed")
	}
}

func TestAGroupIsNotGivenADoorElsewhereAmongOthersNorLosesIt(t *testing.T) {
	s := newSideDoor(t)
	ctx, before := t.Context(), s.allPolicies()
	for _, where := range [][]Where{
		{{Doors, s.gate.DoorID}, {Doors, s.front.DoorID}}, {{Locations, s.annex}, {Locations, s.home}}, {{}},
	} {
		s.refuses("give", s.GiveAccess(ctx, s.local, "staff", "", where, nil, UseSchedule{}))
		s.refuses("take", s.TakeAccess(ctx, s.local, "staff", "", where))
	}
	if s.allPolicies() != before {
		t.Error("policies were changed")
	}
	s.must(s.GiveAccess(ctx, s.local, "staff", "", []Where{{Locations, s.annex}}, nil, UseSchedule{}))
	s.must(s.TakeAccess(ctx, s.local, "staff", "", []Where{{Locations, s.annex}}))
}

func TestAVisitorOfADoorElsewhereIsLeftAlone(t *testing.T) {
	s := newSideDoor(t)
	ctx := t.Context()
	_, _, err := s.Invite(ctx, s.local, s.visit(s.front.DoorID, time.Hour))
	s.refuses("to a door that takes no visitors", err) // and they do not learn that
	for _, door := range []int64{s.front.DoorID, s.gate.DoorID} {
		s.must(s.TakeVisitors(ctx, as(Owner), door, true))
	}
	s.opensTo("gate")
	form := s.visit(s.gate.DoorID, time.Hour)
	guest, _, err := s.Invite(ctx, s.local, form)
	s.must(err)
	both := form
	both.Doors = []int64{s.gate.DoorID, s.front.DoorID}
	_, _, err = s.Invite(ctx, s.local, both)
	s.refuses("to both", err)
	s.refuses("to one more door", s.EditVisit(ctx, s.local, guest, func(f *VisitForm) { f.Doors = both.Doors }))
	id := s.invite(both)
	later := func(f *VisitForm) { f.Until = s.time.Add(2 * time.Hour).Format(time.RFC3339) }
	s.refuses("extended", s.EditVisit(ctx, s.local, id, later))
	s.refuses("out of the door elsewhere", s.EditVisit(ctx, s.local, id, func(f *VisitForm) { f.Doors = []int64{s.gate.DoorID} }))
	s.refuses("ended", s.EndInvitation(ctx, s.local, id))
	s.must(s.TakeVisitors(ctx, as(Owner), s.front.DoorID, false))
	s.refuses("ended while it takes no visitors", s.EndInvitation(ctx, s.local, id))
	s.must(s.EditVisit(ctx, s.local, guest, later))
	_, err = s.RemoveReader(ctx, s.local, "gate", Returned)
	s.must(err)
	s.must(s.RemovePlace(ctx, s.local, Doors, s.gate.DoorID))
	s.refuses("of a door that is gone, as they are not seen", s.EndInvitation(ctx, s.local, guest))
}

func TestNoCountTellsOfAVisitorElsewhere(t *testing.T) {
	s := newSideDoor(t)
	ctx := t.Context()
	s.opensTo("gate")
	counts := func() (is [6]int) {
		cards, err1 := s.CountCards(ctx, s.local)
		theft, err2 := s.Theft(ctx, s.local)
		measured, err3 := s.Measure(ctx, s.local, -1)
		odds, err4 := s.Odds(ctx, s.local, "", nil)
		at, err5 := s.OddsAt(ctx, s.local, "gate")
		s.must(errors.Join(err1, err2, err3, err4, err5))
		return [6]int{cards.Cards, theft.PINs, measured.Cards.Cards, measured.Users, odds.PINs, at.PINs}
	}
	for _, door := range []int64{s.front.DoorID, s.gate.DoorID} {
		s.must(s.TakeVisitors(ctx, as(Owner), door, true))
	}
	s.must(s.AddCard(ctx, as(Owner), s.in("staff"), s.uid()))
	before := counts()
	invite := func(door int64) {
		id, _, err := s.Invite(ctx, as(Owner), s.visit(door, time.Hour))
		s.must(err)
		s.must(s.AddCard(ctx, as(Owner), id, s.uid()))
	}
	invite(s.front.DoorID)
	if is := counts(); is != before {
		t.Errorf("cards, PINs, measured cards and users, PINs of odds: %v, before %v", is, before)
	}
	invite(s.gate.DoorID)
	for i, n := range counts() {
		if n != before[i]+1 {
			t.Errorf("one's own visitor is not in count %d: %d, before %d", i, n, before[i])
		}
	}
}

func TestALockdownOfTheWholeSiteIsKept(t *testing.T) {
	s := newSideDoor(t)
	ctx := t.Context()
	s.opensTo("gate", "crew")
	s.saysOf("gate", wire.Level, nil, true)
	s.saysOf("front", wire.Level, nil, true)
	unlock := func() error { _, err := s.UnlockDoor(ctx, s.local, s.gate.DoorID, "", UnlockNote{}); return err }
	let := func() error {
		_, err := s.SetPolicy(ctx, s.local, "gate", 0, func(p *wire.Policy) { p.InLockdown = []string{"crew"} })
		return err
	}
	own, err := s.SetMode(ctx, s.local, Where{Locations, s.annex}, wire.ModeLockdown, 0)
	s.must(err)
	s.must(unlock())
	whole := s.setMode(Where{}, wire.ModeLockdown, 0)
	s.refuses("unlock", unlock())
	_, err = s.Order(ctx, s.local, "gate", wire.Unlock)
	s.refuses("order", err)
	s.refuses("let in", let())
	s.refuses("end", s.EndMode(ctx, s.local, whole))
	same := s.local
	same.Name = as(Owner).Name // as whoever has just set it
	s.refuses("take back", s.EndMode(ctx, same, whole))
	s.refuses("end as an emergency", s.SetEmergency(ctx, s.local, new(false), nil))
	s.must(s.EndMode(ctx, as(Owner), whole))
	s.must(let())
	s.must(s.EndMode(ctx, s.local, own))
}

func TestAnUnlockStopsAtAReaderThatWasMovedMeanwhile(t *testing.T) {
	s := newSideDoor(t)
	s.must(s.MoveReader(t.Context(), as(Owner), "front", "", s.gate.DoorID)) // the first of two
	s.live.refuse = "offline"
	s.live.results = map[string]link.OrderResult{"front": {Unsent: true}}
	_, err := s.UnlockDoor(t.Context(), s.local, s.gate.DoorID, "", UnlockNote{})
	s.must(err)
	s.live.orders = nil
	s.Desk.live = moving{&s.live, func() { s.must(s.MoveReader(t.Context(), as(Owner), "gate", "", s.door("Third"))) }}
	_, err = s.UnlockDoor(t.Context(), s.local, s.gate.DoorID, "", UnlockNote{})
	s.refuses("unlock", err)
	if len(s.live.orders) != 1 {
		t.Errorf("%+v", s.live.orders)
	}
	_, err = s.UnlockDoor(t.Context(), s.local, s.look("gate").DoorID, "nothing", UnlockNote{})
	s.refuses("by a reader that is not at a door elsewhere", err)
	_, err = s.UnlockDoor(t.Context(), s.local, s.door("Fourth"), "", UnlockNote{})
	s.refuses("a door elsewhere without a reader", err)
}

// moving moves something once an order was sent.
type moving struct {
	*readers
	move func()
}

func (m moving) Order(ctx context.Context, o store.Order, card func([]byte) (string, bool)) (link.OrderResult, error) {
	defer m.move()
	return m.readers.Order(ctx, o, card)
}

// door adds a door at a new location.
func (s *sideDoor) door(location string) int64 {
	s.t.Helper()
	l, err := s.AddPlace(s.t.Context(), as(Owner), Locations, 0, location)
	s.must(err)
	h, err := s.AddPlace(s.t.Context(), as(Owner), Hubs, l, "Hub")
	s.must(err)
	d, err := s.AddPlace(s.t.Context(), as(Owner), Doors, h, "Door")
	s.must(err)
	return d
}

func TestALimitThatWasSetMeanwhileCounts(t *testing.T) {
	s := newSideDoor(t)
	ctx := t.Context()
	a := s.limitedTo(Super, s.home)
	s.must(s.SetLimit(ctx, as(Owner), a.ID, "", nil))
	a.limited = false
	made, text, err := s.MakeToken(ctx, a, TokenForm{Name: "Program", Scopes: Scopes(), Days: 30})
	s.must(err)
	token, err := s.TokenActor(ctx, text, "192.0.2.1")
	s.must(err)
	s.must(s.SwitchPIN(ctx, a, "front", false))
	s.must(s.SwitchPIN(ctx, token, "front", true))
	s.must(s.SetLimit(ctx, as(Owner), a.ID, "", []int64{s.annex}))
	other, _, err := s.token(ctx, as(Owner))
	s.must(err)
	for _, a := range []Actor{a, token} { // as it was
		s.refuses("a reader elsewhere", s.SwitchPIN(ctx, a, "front", false))
		_, err = s.SetMode(ctx, a, Where{}, wire.ModeLockdown, 0)
		s.refuses("the whole site", err)
		_, err = s.ImportUsers(ctx, a, []byte("first_name\nAda\n"), "", nil)
		s.refuses("import", err)
		s.must(s.SwitchPIN(ctx, a, "gate", true))
	}
	s.refuses("somebody else's token", s.RevokeToken(ctx, a, other))
	s.must(s.RevokeToken(ctx, a, made))
}
