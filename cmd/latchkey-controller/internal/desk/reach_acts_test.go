package desk

import (
	"errors"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A bounds says what becomes of the ways of an act, a letter each: "+" is done, "-" is refused.
// annex is by somebody who is limited to a location where nothing is of what the act is done to,
// home by somebody who is limited to the locations where all of it is.
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
	LockDown: {"---", "--+"}, Evacuate: {"--", "--"}, SetMode: {"---", "+++"}, SetSiteMode: {"--", "--"},
	EndLockdown: {"-", "-"}, EndEvacuation: {"-", "-"}, EndMode: {"-", "-"}, UndoMode: {"-", "-"}, EndEarly: {"--", "++"},
	ExportActivity: {"+", "+"},
	EditSchedules:  {"+++", "+++"}, EditPolicy: {"---", "+-+"}, EditPlaces: {"-----------", "-++++++++++"},
	AdoptReader: {"-+", "++"}, RemoveReader: {"-", "+"}, RenewBudget: {"-", "+"}, WriteGrant: {"-", "+"},
	MakeToken: {"+", "+"}, RevokeToken: {"-", "-"}, // it is somebody else's

	EditMail: {"--", "--"}, SendTestMail: {"-", "-"},
	AddWebhook: {"-", "-"}, EditWebhook: {"-", "-"}, NewWebhookSecret: {"-", "-"}, RemoveWebhook: {"-", "-"}, TestWebhook: {"-", "-"}, ResendDelivery: {"-", "-"},
	AddIntegration: {"-", "-"}, RemoveIntegration: {"-", "-"},
	AllowWebhookHost: {"-", "-"}, ForbidWebhookHost: {"-", "-"},
	EditSignIn: {"---", "---"}, EditAdmins: {"-----", "-----"}, EditSettings: {"--", "--"},
	ConfirmClock: {"-", "-"}, SetZone: {"-", "-"}, SetPINReaders: {"-", "-"}, SetTPMTrust: {"--", "--"},
	Backup: {"--", "--"}, NewEpoch: {"-", "-"}, NewStorageKey: {"-", "-"},
}

// views are the acts that change nothing.
var views = map[Act]bool{
	ViewUsers: true, ViewPlaces: true, ViewReaders: true, ViewActivity: true, ViewActs: true, ViewDuress: true,
	ViewTokens: true, ViewIntegrations: true, ViewMail: true, ViewWebhooks: true, ViewSignIn: true, ViewAdmins: true,
}

// tries makes the ways of an act, one after the other, by an administrator who is limited to the
// locations that at returns once all is there that the act needs.
func (w *world) tries(act Act, want string, at func() []int64) {
	w.t.Helper()
	if len(want) != len(attempts[act]) {
		w.t.Fatalf("there are %d ways to %s, and the table has %q", len(attempts[act]), act, want)
	}
	for i, prepare := range attempts[act] {
		do := prepare(w)
		a := w.limitedTo(Super, at()...)
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
			if e := w.newest(); e.Result != Refused || e.Who != "Eve" || e.Kind != "admin."+string(act) {
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
			w.tries(act, want.annex, func() []int64 { return []int64{annex} })
		})
		t.Run(string(act)+"/home", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.adopts("reader", "Main building")
			w.tries(act, want.home, w.locations)
		})
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
// group elsewhere. "." is something else.
var onUsers = map[Act]string{
	EditUser: "---", RemoveUser: "--", SuspendUser: "-", ResumeUser: "-", EditUsers: "-",
	SetPIN: "-.", RemovePIN: "-", SetDuressPIN: "-", RemoveDuressPIN: "--",
	AddCard: "---", RemoveCard: "--", EnrolCard: "-", DropCard: "-", NewCard: "-", RekeyCard: "-", ReturnCard: "-",
	EndInvitation: "-",
}

func TestAUserOfAGroupElsewhereIsChangedInNoWay(t *testing.T) {
	for act, ways := range onUsers {
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
			w.tries(act, strings.ReplaceAll(ways, ".", "+"), func() []int64 { return []int64{annex} })
		})
	}
}
