package desk

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Role is what an administrator may do. Its text is stored and used on the command
// line.
type Role string

// The roles.
const (
	Owner  Role = "owner"
	Super  Role = "super-admin"
	Editor Role = "limited-edit" // Limited Admin, Can Edit
	Viewer Role = "limited-view" // Limited Admin, Can View
)

// Roles returns all roles, the most powerful first.
func Roles() []Role { return []Role{Owner, Super, Editor, Viewer} }

var roleTitles = map[Role]string{Owner: "Owner", Super: "Super Admin", Editor: "Limited Admin (Can Edit)", Viewer: "Limited Admin (Can View)"}

// Title returns the role's name for people.
func (r Role) Title() string { return cmp.Or(roleTitles[r], string(r)) }

// Via is the way in which an act was requested.
type Via string

// The ways.
const (
	Console     Via = "console"
	CommandLine Via = "cli"
	Controller  Via = "controller" // it acts by itself
)

// An Actor is the person who acts.
type Actor struct {
	ID          int64 // of the administrator; 0: the command line
	Name        string
	Role        Role
	FreshSignIn bool // the password was entered within FreshFor
	Via         Via

	session wire.Hash // hash of the session's token; zero: none
}

// AtCommandLine returns the actor of the command line, an Owner: whoever has the
// directory owns the site. user is the name of the system's user.
func AtCommandLine(user string) Actor {
	return Actor{Name: "command line (" + user + ")", Role: Owner, FreshSignIn: true, Via: CommandLine}
}

// May says whether the actor's role allows an act. Use it to hide buttons; the act
// checks again.
func (a Actor) May(act Act) bool { return slices.Contains(rules[act].may, a.Role) }

// Refusals.
var (
	// ErrNotAllowed: the actor's role does not allow the act.
	ErrNotAllowed = errors.New("not allowed")
	// ErrSignInAgain: the act asks for the password again.
	ErrSignInAgain = errors.New("enter your password again to go on")
	// ErrNotFound: the target of the act does not exist.
	ErrNotFound = store.ErrNotFound
)

// Refusal returns why an actor may not do an act: ErrNotAllowed or ErrSignInAgain;
// nil: they may.
func (a Actor) Refusal(act Act) error {
	if !a.May(act) {
		return fmt.Errorf("%w: %s, and you are %s", ErrNotAllowed, act.requirement(), a.Role.Title())
	}
	if rules[act].fresh && !a.FreshSignIn {
		return ErrSignInAgain
	}
	return nil
}
