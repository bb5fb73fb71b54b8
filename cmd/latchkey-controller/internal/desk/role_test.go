package desk

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// may says who may do what, independently of the rules: O Owner, S Super Admin, E
// Limited Admin (Can Edit), V Limited Admin (Can View).
var may = map[Act]string{
	ViewUsers: "OSEV", ViewPlaces: "OSEV", ViewReaders: "OSEV", ViewActivity: "OSEV",
	ViewActs: "OSE",
	AddUser:  "OSE", EditUser: "OSE", RemoveUser: "OSE", SuspendUser: "OSE", ResumeUser: "OSE", ImportUsers: "OSE", ExportUsers: "OSE", EditUsers: "OSE", SetPIN: "OSE", RemovePIN: "OSE", AddCard: "OSE", RemoveCard: "OSE", EnrolCard: "OSE", DropCard: "OSE",
	AddGroup: "OSE", EditMembers: "OSE", GiveAccess: "OS", TakeAccess: "OS", SetAccess: "OS", RenameGroup: "OS", RemoveGroup: "OS",
	ViewDuress: "OSE", SetDuressPIN: "OSE", RemoveDuressPIN: "OSE",
	InviteVisitor: "OSE", EndInvitation: "OSE", TakeVisitors: "OS",
	ReadCard: "OSE",
	NewCard:  "OSE", RekeyCard: "OSE", ReturnCard: "OSE",
	SwitchPIN: "OSE", Unlock: "OSE", Identify: "OSE", ExportActivity: "OSE",
	LockDown: "OSE", Evacuate: "OSE", SetMode: "OSE", SetSiteMode: "OSE", EndLockdown: "OS", EndEvacuation: "OSE", EndMode: "OSE", UndoMode: "OSE", EndEarly: "OSE",
	EditPolicy: "OS", EditSchedules: "OS", EditHolidays: "OS", EditPlaces: "OS", AdoptReader: "OS", RemoveReader: "OS", ViewWaiting: "OS", RefuseReader: "OS", TakeBackReader: "OS", RenewBudget: "OS", WriteGrant: "OS",
	ViewTokens: "OS", MakeToken: "OS", RevokeToken: "OS",
	AddCell: "O", EditCell: "O", RemoveCell: "O", MoveReaders: "O",
	SetBrokers: "O", ViewBrokerClients: "O", AddBrokerClient: "O", RemoveBrokerClient: "O",
	ViewMail: "O", EditMail: "O", SendTestMail: "O",
	ViewWebhooks: "OS", AddWebhook: "OS", EditWebhook: "OS", NewWebhookSecret: "OS", RemoveWebhook: "OS", TestWebhook: "OS", ResendDelivery: "OS", AllowWebhookHost: "O", ForbidWebhookHost: "O",
	ViewSignIn: "O", EditSignIn: "O",
	ViewAdmins: "O", AddAdmin: "O", EditAdmins: "O", EditSettings: "O", SetPINReaders: "O", SetTPMTrust: "O", SetZone: "O", ConfirmClock: "O", Backup: "O", NewEpoch: "O", NewStorageKey: "O", MoveSite: "O",
}

// Acts are all acts that are a right of a role, sorted.
func Acts() []Act {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(rules)), func(act Act) bool { return rules[act].may == nil })
}

func TestEachRoleMayDoWhatItIsFor(t *testing.T) {
	t.Parallel()
	letters := map[Role]string{Owner: "O", Super: "S", Editor: "E", Viewer: "V"}
	for _, act := range Acts() {
		if may[act] == "" || len(attempts[act]) == 0 {
			t.Errorf("nobody has said who may %s, or how", act)
		}
		t.Run(string(act), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for i, prepare := range attempts[act] {
				for _, role := range slices.Backward(Roles()) {
					do := prepare(w)
					before := w.check()
					w.time = w.time.Add(time.Minute) // otherwise refusals share an audit entry
					a := as(role)
					a.Name = "Eve"
					err := do(t.Context(), a)
					allowed := strings.Contains(may[act], letters[role])
					switch {
					case allowed && err != nil:
						t.Errorf("way %d: %s may: %v", i, role.Title(), err)
					case !allowed && !errors.Is(err, ErrNotAllowed):
						t.Errorf("way %d: %s may not, and got %v", i, role.Title(), err)
					case !allowed:
						if after := w.check(); after != before {
							t.Errorf("way %d: refused, and it changed something: %+v, before %+v", i, after, before)
						}
						e := w.newest()
						if e.Result != Refused || e.Who != "Eve" || e.Kind != "admin."+string(act) {
							t.Errorf("way %d: the refusal is not noted: %+v", i, e)
						}
					}
				}
			}
		})
	}
}

func TestARefusalSaysWhoMay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.NewEpoch(t.Context(), as(Viewer))
	if err == nil || err.Error() != "not allowed: this requires Owner, and you are Limited Admin (Can View)" {
		t.Error(err)
	}
}

func TestWhatEndangersTheSiteAsksForThePasswordAgain(t *testing.T) {
	t.Parallel()
	for _, act := range []Act{AdoptReader, RemoveReader, TakeBackReader, RenewBudget, WriteGrant, SetPINReaders, AddAdmin, EditAdmins, EditSignIn, MakeToken, AddBrokerClient, RemoveBrokerClient, EditMail, AddWebhook, EditWebhook, NewWebhookSecret, AllowWebhookHost, Backup, NewEpoch, NewStorageKey, MoveSite, SetSiteMode, EndLockdown} {
		t.Run(string(act), func(t *testing.T) {
			w := newWorld(t)
			for i, prepare := range attempts[act] {
				do := prepare(w)
				a := as(Owner)
				a.FreshSignIn = false
				if err := do(t.Context(), a); !errors.Is(err, ErrSignInAgain) {
					t.Errorf("way %d: %v", i, err)
				}
			}
		})
	}
}
