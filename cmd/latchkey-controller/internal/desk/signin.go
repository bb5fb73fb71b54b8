package desk

import (
	"context"
	"errors"
	"time"
)

// Bounds of a session.
const (
	SessionIdle   = 30 * time.Minute // without a page that was asked for by a person
	SessionEnds   = 12 * time.Hour   // after signing in
	FreshFor      = 5 * time.Minute  // after the password was given
	LinkEnds      = 24 * time.Hour   // a one-time link
	MinPassword   = 10               // characters
	maxPassword   = 256              // bytes
	maxSessionsOf = 20               // of one administrator; the oldest goes
)

// Errors of signing in.
var (
	// ErrSignedOut: there is no such session, or it is over.
	ErrSignedOut = errors.New("you are signed out; sign in again")
	// ErrWrongSignIn says nothing about which of the two was wrong.
	ErrWrongSignIn = errors.New("name or password is wrong")
	// ErrLinkUsed: the link is unknown, used, replaced by a newer one, or over.
	ErrLinkUsed = errors.New("this link was used already, or its time is over; ask an Owner for a new one, or run latchkey-controller console-link where the controller runs")
)

// A TooSoonError refuses to look at a password yet.
type TooSoonError struct{ Wait time.Duration }

func (e *TooSoonError) Error() string {
	return "too many wrong passwords; try again in " + spell(e.Wait)
}

// A Client is where a sign-in comes from.
type Client struct {
	Address string // without the port
	Agent   string // the browser, as it names itself
}

// A Session is a signed-in administrator.
type Session struct {
	Token  string // for the cookie: 32 random bytes, base64url; only set by what makes a session
	Actor  Actor
	Began  time.Time
	Ends   time.Time // whatever happens
	Client Client
}

// SignIn checks a name and a password, which it wipes. Fields of its
// FieldErrors: "name", "password".
func (d *Desk) SignIn(ctx context.Context, name string, password []byte, from Client) (*Session, error) {
	return nil, errUnwritten
}

// Session returns the session of a token, or ErrSignedOut. active says that a
// person asked for a page: a page that refreshes itself keeps nobody signed in.
func (d *Desk) Session(ctx context.Context, token string, active bool) (*Session, error) {
	return nil, errUnwritten
}

// SignInAgain takes the password of a session again, which makes its actor's
// sign-in fresh.
func (d *Desk) SignInAgain(ctx context.Context, token string, password []byte, from Client) error {
	return errUnwritten
}

// SignOut ends a session.
func (d *Desk) SignOut(ctx context.Context, token string) error { return errUnwritten }

// ChangePassword changes the password of a session's administrator and ends
// their other sessions. Fields: "old", "new".
func (d *Desk) ChangePassword(ctx context.Context, token string, old, new []byte, from Client) error {
	return errUnwritten
}

// A Link is a one-time link, for the page that it leads to.
type Link struct {
	First bool   // it makes the first Owner, who chooses a name
	Name  string // of the administrator whose password it sets; "" of First
	Role  Role
	Ends  time.Time
}

// FirstLink returns the token of a new one-time link that makes the first
// Owner; "" if there is an Owner already.
func (d *Desk) FirstLink(ctx context.Context) (token string, err error) { return "", errUnwritten }

// OwnerLink returns the token of a new link that lets an Owner set a new
// password, or that makes the first one. It is for the command line.
func (d *Desk) OwnerLink(ctx context.Context, a Actor) (token string, err error) {
	return "", errUnwritten
}

// Link returns what a link is for, without using it up, or ErrLinkUsed.
func (d *Desk) Link(ctx context.Context, token string) (*Link, error) { return nil, errUnwritten }

// UseLink uses a link up: it sets the password, which it wipes, and signs in.
// Fields: "name" (only of First), "password".
func (d *Desk) UseLink(ctx context.Context, token, name string, password []byte, from Client) (*Session, error) {
	return nil, errUnwritten
}

var errUnwritten = errors.New("this cannot be done yet")
