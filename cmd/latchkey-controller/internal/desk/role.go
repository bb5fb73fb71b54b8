package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Role is what an administrator may do. Its text is how it is kept and named
// on the command line.
type Role string

// The roles.
const (
	Owner  Role = "owner"
	Super  Role = "super-admin"
	Editor Role = "limited-edit" // Limited Admin, Can Edit
	Viewer Role = "limited-view" // Limited Admin, Can View
)

// Roles are all roles, the mightiest first.
func Roles() []Role { return []Role{Owner, Super, Editor, Viewer} }

// Title is the role for people.
func (r Role) Title() string {
	switch r {
	case Owner:
		return "Owner"
	case Super:
		return "Super Admin"
	case Editor:
		return "Limited Admin (Can Edit)"
	case Viewer:
		return "Limited Admin (Can View)"
	}
	return string(r)
}

// An Act is something that an administrator does.
type Act string

// The acts.
const (
	ViewUsers    Act = "users.view"
	ViewPlaces   Act = "places.view"
	ViewReaders  Act = "readers.view"
	ViewActivity Act = "activity.view"
	ViewActs     Act = "acts.view" // what administrators did

	AddUser    Act = "user.add"
	EditUser   Act = "user.edit"
	RemoveUser Act = "user.remove"
	SetPIN     Act = "pin.set"
	RemovePIN  Act = "pin.remove"
	AddCard    Act = "card.add"
	RemoveCard Act = "card.remove"
	EnrolCard  Act = "card.enrol"

	SwitchPIN Act = "pin.switch" // PIN entry of a reader on or off
	Unlock    Act = "unlock"
	Hold      Act = "hold"
	Release   Act = "release"
	Identify  Act = "identify"

	ExportActivity Act = store.ExportAct

	EditPolicy   Act = "policy.edit"
	EditPlaces   Act = "places.edit"
	AdoptReader  Act = "reader.adopt"
	RemoveReader Act = "reader.remove"

	ViewAdmins    Act = "admins.view"
	EditAdmins    Act = "admins.edit"
	EditSettings  Act = "settings.edit"
	ConfirmClock  Act = "clock.confirm"
	SetZone       Act = "settings.zone"
	Backup        Act = "site.backup"
	NewEpoch      Act = "site.epoch"
	NewStorageKey Act = "site.storage-key"
)

var (
	limited = []Role{Owner, Super, Editor}
	full    = []Role{Owner, Super}
	owner   = []Role{Owner}
)

// allowed says who may do what.
var allowed = map[Act][]Role{
	ViewUsers:    {Owner, Super, Editor, Viewer},
	ViewPlaces:   {Owner, Super, Editor, Viewer},
	ViewReaders:  {Owner, Super, Editor, Viewer},
	ViewActivity: {Owner, Super, Editor, Viewer},
	ViewActs:     limited,

	AddUser: limited, EditUser: limited, RemoveUser: limited,
	SetPIN: limited, RemovePIN: limited,
	AddCard: limited, RemoveCard: limited, EnrolCard: limited,
	SwitchPIN: limited, Unlock: limited, Hold: limited, Release: limited, Identify: limited,
	ExportActivity: limited,

	EditPolicy: full, EditPlaces: full, AdoptReader: full, RemoveReader: full,

	ViewAdmins: owner, EditAdmins: owner, EditSettings: owner, SetZone: owner, ConfirmClock: owner,
	Backup: owner, NewEpoch: owner, NewStorageKey: owner,
}

// fresh are the acts that ask for the password again. Administrators are among
// them: who could make another Owner would need no password for the rest.
var fresh = []Act{AdoptReader, RemoveReader, EditAdmins, Backup, NewEpoch, NewStorageKey}

// Acts are all acts, sorted.
func Acts() []Act {
	acts := make([]Act, 0, len(allowed))
	for act := range allowed {
		acts = append(acts, act)
	}
	slices.Sort(acts)
	return acts
}

// NeedsFreshSignIn says whether an act asks for the password again.
func (a Act) NeedsFreshSignIn() bool { return slices.Contains(fresh, a) }

// Via is the way by which an act came.
type Via string

// The ways.
const (
	Console     Via = "console"
	CommandLine Via = "cli"
)

// An Actor is who acts.
type Actor struct {
	ID          int64 // of the administrator; 0: the command line
	Name        string
	Role        Role
	FreshSignIn bool // the password was given within the last five minutes
	Via         Via

	session wire.Hash // of its token; zero: none
}

// AtCommandLine is the actor of the command line: who holds the directory owns
// the site. user is the name of the system's user.
func AtCommandLine(user string) Actor {
	return Actor{Name: "command line (" + user + ")", Role: Owner, FreshSignIn: true, Via: CommandLine}
}

// May says whether the actor's role allows an act. Buttons that cannot be used
// are left out by it; the act itself is checked again.
func (a Actor) May(act Act) bool { return slices.Contains(allowed[act], a.Role) }

// Refusals.
var (
	// ErrNotAllowed: the actor's role does not allow the act.
	ErrNotAllowed = errors.New("not allowed")
	// ErrSignInAgain: the act asks for the password again.
	ErrSignInAgain = errors.New("enter your password again to go on")
	// ErrNotFound: what the act is about is not there any more.
	ErrNotFound = store.ErrNotFound
)

// takes names the roles that may do an act.
func (act Act) takes() string {
	titles := make([]string, 0, len(allowed[act]))
	for _, role := range allowed[act] {
		titles = append(titles, role.Title())
	}
	return strings.Join(titles, " or ")
}

// Refusal returns why an actor may not do an act, ErrNotAllowed or ErrSignInAgain;
// nil: they may.
func (a Actor) Refusal(act Act) error {
	if !a.May(act) {
		return fmt.Errorf("%w: this takes %s, and you are %s", ErrNotAllowed, act.takes(), a.Role.Title())
	}
	if act.NeedsFreshSignIn() && !a.FreshSignIn {
		return ErrSignInAgain
	}
	return nil
}
