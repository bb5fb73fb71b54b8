package desk

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/language"
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

var roleTitles = map[Role]*language.Sentence{
	Owner: language.Say("Owner"), Super: language.Say("Super Admin"),
	Editor: language.Say("Limited Admin (Can Edit)"), Viewer: language.Say("Limited Admin (Can View)"),
}

// Title returns the role's name for people.
func (r Role) Title() *language.Sentence { return cmp.Or(roleTitles[r], language.Data(string(r))) }

// Via is the way in which an act was requested.
type Via string

// The ways.
const (
	Console     Via = "console"
	CommandLine Via = "cli"
	API         Via = "api"
	MQTT        Via = "mqtt"
	Controller  Via = "controller" // it acts by itself
)

// An Actor is who acts: a person, or a program with a token or with scopes of its own.
type Actor struct {
	ID          int64 // of the administrator; 0: the command line; below 0: of the token, negated
	Name        string
	Role        Role // of a token: of the administrator who made it
	FreshSignIn bool // a password or passkey was given within FreshFor
	Passkey     bool // they have one, to sign in again
	NoPassword  bool // they have none, or it is not enough
	Provider    bool // they sign in at the provider
	Via         Via

	session wire.Hash // hash of the session's token; zero: none
	scopes  string    // of a program, with a space between; "": not a program
	limited bool      // to some locations; of a token: the administrator who made it
}

// token returns the id of the actor's token; 0: it has none.
func (a Actor) token() int64 { return max(-a.ID, 0) }

// AtCommandLine returns the actor of the command line, an Owner: whoever has the
// directory owns the site. user is the name of the system's user.
func AtCommandLine(user string) Actor {
	return Actor{Name: "command line (" + user + ")", Role: Owner, FreshSignIn: true, Via: CommandLine}
}

// May says whether the actor's role, the token's scopes and a limit to locations allow an act,
// at a place in the actor's reach. Use it to hide buttons; the act checks again.
func (a Actor) May(act Act) bool {
	return a.mayBy(act) && slices.Contains(rules[act].may, a.Role) && !a.tooWide(act)
}

// Limited says whether the actor acts at some locations only.
func (a Actor) Limited() bool { return a.limited }

// tooWide says whether an act is for the whole site, and the actor is not.
func (a Actor) tooWide(act Act) bool { return a.limited && rules[act].extent == ofSite }

// Uses says whether a token that the actor makes could do any act of a scope.
func (a Actor) Uses(scope Scope) bool {
	for act, r := range rules {
		if r.scope == scope && slices.Contains(r.may, a.Role) && !a.tooWide(act) {
			return true
		}
	}
	return false
}

// mayBy says whether the program's scopes allow an act; a person needs none.
func (a Actor) mayBy(act Act) bool {
	return a.token() == 0 && a.scopes == "" || slices.Contains(strings.Fields(a.scopes), string(rules[act].scope))
}

// Refusals.
var (
	// ErrNotAllowed: the actor's role does not allow the act.
	ErrNotAllowed = errors.New("not allowed")
	// ErrNoScope: a token's scopes do not allow the act. Refusal returns it as an ErrNotAllowed, too.
	ErrNoScope = language.Say("this token's scopes do not include it")
	// ErrSignInAgain: the act asks for the password again.
	ErrSignInAgain = language.Say("enter your password again to go on")
	// ErrNotFound: the target of the act does not exist.
	ErrNotFound = store.ErrNotFound
)

// Refusal returns why an actor may not do an act: ErrNotAllowed or ErrSignInAgain;
// nil: they may.
func (a Actor) Refusal(act Act) error {
	if !a.mayBy(act) {
		return notAllowed(language.Say("%s; %s", ErrNoScope, a.requirement(act)))
	}
	if a.tooWide(act) {
		return errWholeSite
	}
	if !a.May(act) {
		return notAllowed(language.Say("%s, and you are %s", a.requirement(act), a.Role.Title()))
	}
	if rules[act].fresh && !a.FreshSignIn {
		return ErrSignInAgain
	}
	return nil
}

// requirement says what it takes to do an act.
func (a Actor) requirement(act Act) *language.Sentence {
	switch scope := rules[act].scope; {
	case a.mayBy(act) && a.tooWide(act):
		return language.Say("this requires an administrator of the whole site")
	case a.mayBy(act):
		return act.requirement()
	case scope == "":
		return language.Say("no token can do this")
	default:
		return language.Say("this requires the scope %s", string(scope))
	}
}

// requirement says which roles may do an act.
func (act Act) requirement() *language.Sentence {
	titles := make([]any, len(rules[act].may))
	for i, role := range rules[act].may {
		titles[i] = role.Title()
	}
	switch len(titles) {
	case 1:
		return language.Say("this requires %s", titles...)
	case 2:
		return language.Say("this requires %s or %s", titles...)
	case 3:
		return language.Say("this requires %s or %s or %s", titles...)
	}
	return language.Say("this requires an administrator")
}

// A notAllowedError is an ErrNotAllowed that says why.
type notAllowedError struct{ why *language.Sentence }

func notAllowed(why *language.Sentence) error { return &notAllowedError{why} }

func (e *notAllowedError) Error() string { return ErrNotAllowed.Error() + ": " + e.why.String() }

// Said returns why: that it is not allowed, the page says itself.
func (e *notAllowedError) Said() *language.Sentence { return e.why }

func (e *notAllowedError) Unwrap() []error { return []error{ErrNotAllowed, e.why} }
