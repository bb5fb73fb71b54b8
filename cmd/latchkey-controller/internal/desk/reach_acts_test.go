package desk

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A bounds says what becomes of the ways of an act, a letter each: "+" is done, "-" is refused.
// annex is by somebody who is limited to a location where nothing is of what the act is done to,
// while no door lists everyone, home by somebody who is limited to the locations where all of it is.
type bounds struct{ annex, home string }

// bounded says so of all acts, independently of the rules. A user in no group is everybody's.
var bounded = map[Act]bounds{
	AddUser: {"+", "+"}, EditUser: {"++-", "+++"}, RemoveUser: {"++", "++"}, SuspendUser: {"+", "+"}, ResumeUser: {"+", "+"},
	ImportUsers: {"--", "--"}, ExportUsers: {"+", "+"}, EditUsers: {"+", "+"},
	SetPIN: {"++", "++"}, RemovePIN: {"+", "+"}, SetDuressPIN: {"+", "+"}, RemoveDuressPIN: {"++", "++"},

	AddGroup: {"+", "+"}, EditMembers: {"+--", "+++"}, RenameGroup: {"-", "+"}, RemoveGroup: {"-", "+"},
	GiveAccess: {"-", "+"}, TakeAccess: {"-", "+"}, SetAccess: {"-+", "++"},
	InviteVisitor: {"-", "+"}, EndInvitation: {"-", "+"}, TakeVisitors: {"-", "+"},

	AddCard: {"+++", "+++"}, RemoveCard: {"++", "++"}, EnrolCard: {"-", "+"}, ReadCard: {"-", "+"}, DropCard: {"+", "+"},
	NewCard:   {"-", "-"}, // the site's first card that proves itself changes all doors
	RekeyCard: {"-", "+"}, ReturnCard: {"-", "+"},

	SwitchPIN: {"-", "+"}, Unlock: {"--", "++"}, Identify: {"-", "+"},
	LockDown: {"---", "--+"}, Evacuate: {"-+", "-+"}, SetMode: {"---", "+++"}, SetSiteMode: {"--", "--"},
	EndLockdown: {"-", "-"}, EndEvacuation: {"-", "-"}, EndMode: {"-", "-"}, UndoMode: {"-", "-"}, EndEarly: {"--", "++"},
	ExportActivity: {"+", "+"},
	EditHolidays:   {"------", "------"},
	EditSchedules:  {"+++", "+++"}, EditPolicy: {"--", "++"}, EditPlaces: {"-------------", "-++++++++++++"},
	AdoptReader: {"-----", "-----"}, RemoveReader: {"--", "+-"}, RefuseReader: {"-", "-"}, TakeBackReader: {"-", "-"}, RenewBudget: {"-", "-"}, WriteGrant: {"-", "-"}, SetBrokers: {"-------", "-------"},
	AddCell: {"-", "-"}, EditCell: {"-", "-"}, RemoveCell: {"-", "-"}, MoveReaders: {"-", "-"},
	MakeToken: {"+", "+"}, RevokeToken: {"-", "-"}, // it is somebody else's

	EditMail: {"--", "--"}, SendTestMail: {"-", "-"},
	AddWebhook: {"-", "-"}, EditWebhook: {"-", "-"}, NewWebhookSecret: {"-", "-"}, RemoveWebhook: {"-", "-"}, TestWebhook: {"-", "-"}, ResendDelivery: {"-", "-"},
	AddBrokerClient: {"-", "-"}, RemoveBrokerClient: {"-", "-"},
	AllowWebhookHost: {"-", "-"}, ForbidWebhookHost: {"-", "-"},
	EditSignIn: {"---", "---"}, AddAdmin: {"-", "-"}, EditAdmins: {"----", "----"}, EditSettings: {"---", "---"},
	ConfirmClock: {"-", "-"}, SetZone: {"-", "-"}, SetPINReaders: {"-", "-"}, SetTPMTrust: {"--", "--"},
	Backup: {"--", "--"}, NewEpoch: {"-", "-"}, NewStorageKey: {"-", "-"}, MoveSite: {"-", "-"},
}

// views are the acts that change nothing.
var views = map[Act]bool{
	ViewUsers: true, ViewPlaces: true, ViewReaders: true, ViewActivity: true, ViewActs: true, ViewDuress: true,
	ViewTokens: true, ViewBrokerClients: true, ViewMail: true, ViewWebhooks: true, ViewSignIn: true, ViewAdmins: true, ViewWaiting: true,
}

// tries makes the ways of an act, one after the other, by an administrator who is limited to the
// locations: limited returns them once all is there that the act needs.
func (w *world) tries(act Act, want string, limited func() Actor) {
	w.t.Helper()
	if act == Backup && postgrestest.On() {
		return // which is of SQLite
	}
	if len(want) != len(attempts[act]) {
		w.t.Fatalf("there are %d ways to %s, and the table has %q", len(attempts[act]), act, want)
	}
	for i, prepare := range attempts[act] {
		do := prepare(w)
		a := limited()
		a.Name = "Eve"
		before, policies := w.check(), w.allPolicies()
		w.time = w.time.Add(time.Minute) // otherwise refusals share an audit entry
		err := do(w.t.Context(), a)
		switch {
		case want[i] == '+' && err != nil:
			w.t.Errorf("way %d: %v", i, err)
		case want[i] == '+':
		case !errors.Is(err, ErrNotAllowed):
			w.t.Errorf("way %d is not refused: %v", i, err)
		default:
			if after := w.check(); after != before {
				w.t.Errorf("way %d: refused, and it changed something: %+v, before %+v", i, after, before)
			}
			if after := w.allPolicies(); after != policies {
				w.t.Errorf("way %d: refused, and it changed policies", i)
			}
			if e := w.newest(); e.Result != Refused || e.Who != "Eve" || e.Kind != "admin."+string(act) || strings.Contains(e.Text.String(), ": not allowed") {
				w.t.Errorf("way %d: the refusal is not noted: %+v", i, e)
			}
		}
	}
}

// allPolicies returns the policies of all readers.
func (w *world) allPolicies() string {
	w.t.Helper()
	var all strings.Builder
	w.must(w.site.View(w.t.Context(), func(tx *store.Tx) error {
		return eachPolicy(tx, func(p *wire.Policy, _ bool) error { all.Write(wire.Marshal(p)); return nil })
	}))
	return all.String()
}

func TestEachActOfALimitedAdministratorKeepsToTheirLocations(t *testing.T) {
	t.Parallel()
	for _, act := range Acts() {
		if views[act] {
			continue
		}
		want, is := bounded[act]
		if !is {
			t.Errorf("nobody has said what limited administrators may %s to", act)
			continue
		}
		t.Run(string(act)+"/annex", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.adopts("reader", "Main building")
			annex := w.annex()
			w.tries(act, want.annex, func() Actor {
				w.listsNoEveryone()
				return w.limitedTo(Super, annex)
			})
		})
		t.Run(string(act)+"/home", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.adopts("reader", "Main building")
			w.tries(act, want.home, func() Actor { return w.limitedTo(Super, w.locations()...) })
		})
		t.Run(string(act)+"/nowhere", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.adopts("reader", "Main building")
			refused := strings.Repeat("-", len(want.annex))
			if act == ExportUsers || act == ExportActivity { // they see that
				refused = want.annex
			}
			w.tries(act, refused, func() Actor {
				w.listsNoEveryone()
				annex := w.annex()
				a := w.limitedTo(Super, annex)
				w.must(w.RemovePlace(w.t.Context(), as(Owner), Locations, annex))
				return a
			})
		})
	}
}

// listsNoEveryone takes everyone from the lists of all doors.
func (w *world) listsNoEveryone() {
	w.t.Helper()
	var readers []string
	w.must(w.site.View(w.t.Context(), func(tx *store.Tx) (err error) {
		readers, err = tx.Readers()
		return err
	}))
	for _, id := range readers {
		w.must(w.site.Update(w.t.Context(), func(tx *store.Tx) error { // also of one that was removed
			p, err := tx.Policy(id)
			if err != nil {
				return err
			}
			p.Access = slices.DeleteFunc(p.Access, func(a wire.Access) bool { return a.Group == wire.Everyone })
			return site.SetPolicy(tx, w.time, p)
		}))
	}
}

// adopts adopts a reader with an id at a location.
func (w *world) adopts(id, place string) *Reader {
	w.t.Helper()
	form := w.form(id)
	form.Place = place
	_, err := w.Adopt(w.t.Context(), as(Owner), form, func([]byte) error { return nil })
	w.must(err)
	return w.look(id)
}

// locations returns all locations.
func (w *world) locations() (ids []int64) {
	w.t.Helper()
	w.must(w.site.View(w.t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Places(store.Locations)
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
		return err
	}))
	return ids
}

// onUsers are the acts on a user, and which of their ways are: "-", which is refused of one in a
// group elsewhere, or while everyone opens a door elsewhere. "." is something else.
var onUsers = map[Act]string{
	EditUser: "---", RemoveUser: "--", SuspendUser: "-", ResumeUser: "-", EditUsers: "-",
	SetPIN: "-.", RemovePIN: "-", SetDuressPIN: "-", RemoveDuressPIN: "--",
	AddCard: "---", RemoveCard: "--", EnrolCard: "-", DropCard: "-", NewCard: "-", RekeyCard: "-", ReturnCard: "-",
	EndInvitation: "-", AddUser: "-",
}

func TestAUserOfAGroupElsewhereIsChangedInNoWay(t *testing.T) {
	t.Parallel()
	for act, ways := range onUsers {
		if act == AddUser {
			continue
		}
		t.Run(string(act), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.adopts("reader", "Annex")
			annex := w.location("Annex")
			id := w.user()
			w.present(w.blank())
			_, err := w.newCard(as(Owner), id, "reader") // the first that proves itself
			w.must(err)
			w.policy(w.reader(), func(p *wire.Policy) { p.Access = append(p.Access, wire.Access{Group: "staff"}) })
			w.staff = []string{"staff"}
			w.tries(act, strings.ReplaceAll(ways, ".", "+"), func() Actor {
				w.listsNoEveryone()
				return w.limitedTo(Super, annex)
			})
		})
	}
}

func TestNobodyIsChangedOrAddedWhileEveryoneOpensADoorElsewhere(t *testing.T) {
	for act, ways := range onUsers {
		t.Run(string(act), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.adopts("reader", "Annex")
			annex := w.location("Annex")
			w.present(w.blank())
			_, err := w.newCard(as(Owner), w.user(), "reader") // the first that proves itself
			w.must(err)
			w.adopts("far", "Home")
			w.tries(act, strings.ReplaceAll(ways, ".", "+"), func() Actor {
				w.listsNoEveryone()
				w.opensTo("far", wire.Everyone)
				return w.limitedTo(Super, annex)
			})
		})
	}
	s := newSideDoor(t)
	ctx := t.Context()
	s.must(s.TakeVisitors(ctx, as(Owner), s.gate.DoorID, true))
	id := s.in("crew")
	guest := s.invite(s.visit(s.gate.DoorID, time.Hour))
	taken := s.user()
	digits, err := s.SetPIN(ctx, as(Owner), taken, PIN{Choice: Auto})
	s.must(err)
	add := func(pin PIN) error {
		_, _, err := s.AddUser(ctx, s.local, UserForm{First: "Eve"}, pin, nil)
		return err
	}
	invite := func() error { _, _, err := s.Invite(ctx, s.local, s.visit(s.gate.DoorID, time.Hour)); return err }
	s.readerAt("back", "Home", "Back")
	s.opensTo("back")
	for _, reader := range []string{"front", "back"} {
		s.opensTo("front", "staff")
		s.opensTo(reader, wire.Everyone)
		if reader == "back" {
			_, err := s.RemoveReader(ctx, as(Owner), reader, Returned)
			s.must(err)
		}
		s.refuses(reader+": add", add(PIN{}))
		s.refuses(reader+": invite", invite())
		s.refuses(reader+": extend", s.EditVisit(ctx, s.local, guest, func(f *VisitForm) { f.Until = s.time.Add(2 * time.Hour).Format(time.RFC3339) }))
		s.refuses(reader+": rename", s.EditUser(ctx, s.local, id, "", nil, func(f *UserForm) { f.First = "Eve" }))
		s.must(s.EditMembers(ctx, s.local, "crew", false, []uint64{taken}, nil)) // this changes nothing elsewhere
		s.must(s.EditMembers(ctx, s.local, "crew", false, nil, []uint64{taken}))
	}
	s.opensTo("front", wire.Everyone)
	if err := add(PIN{Choice: Chosen, Digits: digits}); errors.Is(err, site.ErrPINTaken) || s.newest().Result != Refused || !strings.Contains(err.Error(), "put groups on the lists of those doors instead of everyone") {
		t.Errorf("%v, %+v", err, s.newest())
	}
	s.listsNoEveryone()
	s.must(add(PIN{}))
	s.must(invite())
}
