package desk

import (
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A PIN is the one that a user is to have.
type PIN = site.PIN

// Who chooses a PIN: PIN{Choice: Auto}, or PIN{Chosen, digits}.
const (
	NoPIN  = site.NoPIN
	Chosen = site.Chosen
	Auto   = site.Auto
)

// A UserForm is a user as an administrator writes it. Its fields in errors are
// "first", "last", "groups", "from", "until".
type UserForm struct {
	First, Last string
	Groups      []string       // besides everyone; names as wire.CheckName allows
	From, Until string         // "": always, for ever; otherwise as ParseTime reads it
	Zone        *time.Location // of From and Until; nil: the site's
	Extended    bool           // doors open for their extended time
}

// A UserRow is a user in a list.
type UserRow struct {
	ID       uint64
	Name     string // as readers greet
	First    string
	Last     string
	Groups   []string  // sorted, besides everyone
	PIN      bool      // has one
	Cards    int       //
	Exposed  int       // of these, how many a lost reader may have given away
	From     time.Time // zero: always
	Until    time.Time // zero: for ever
	Extended bool
	Validity Validity
	Seen     *Seen // nil: not yet
}

// A Validity is how a user's dates stand to now.
type Validity string

// The validities.
const (
	Valid       Validity = ""
	NotYetValid Validity = "not yet valid"
	Expired     Validity = "expired"
)

// validity returns how dates in Unix seconds, 0 for none, stand to a time.
func validity(from, until int64, now time.Time) Validity {
	switch {
	case until != 0 && now.Unix() >= until:
		return Expired
	case now.Unix() < from:
		return NotYetValid
	}
	return Valid
}

// A Seen is where and when a user was let in last.
type Seen struct {
	Reader, Door string
	At           time.Time
}

// A Credential is a PIN or a card of a user, without its secret.
type Credential struct {
	ID      uint64
	Kind    string // "pin" or "card"
	UID     string // of a card, its end only: "… E5 80"
	Given   time.Time
	By      string // who gave it; "" if that is not known
	Exposed bool   // a lost reader may have given it away: give a new one
}

// A User is a user with all there is to see.
type User struct {
	UserRow
	Created     time.Time
	Credentials []Credential // the PIN first
	Access      []Access     // where the user may open
	Elsewhere   []There      // what their dates are in other zones
}

// PINDoors returns at how many doors a PIN of the user may open.
func (u *User) PINDoors() int {
	doors := map[[2]string]bool{}
	for _, a := range u.Access {
		if a.PIN {
			doors[[2]string{a.Door, a.Place}] = true
		}
	}
	return len(doors)
}

// An Access is a door that a user's groups open.
type Access struct {
	Reader, Door, Place string
	Groups              []string // that open it
	Scheduled           bool     // not always
	Zone                string   // IANA name of the door's time zone
	PIN                 bool     // PINs are taken there
}

// A UserState is what users can be chosen by besides their names.
type UserState = store.UserState

// UserStates are the states to choose from. Whoever has no credentials is in one
// of the others, too.
func UserStates() []UserState {
	return []UserState{store.AnyState, store.ValidUsers, store.ExpiredUsers, store.EarlyUsers, store.BareUsers}
}

// StateTitle is a state of users for people.
func StateTitle(s UserState) string {
	switch s {
	case store.AnyState:
		return "All"
	case store.ValidUsers:
		return "Valid now"
	case store.ExpiredUsers:
		return "Expired"
	case store.EarlyUsers:
		return "Not yet valid"
	case store.BareUsers:
		return "No credentials"
	}
	return string(s)
}

// A UserQuery chooses users. All words of Search must begin words of a user's
// name or group, whatever their case and accents.
type UserQuery struct {
	Search string
	State  UserState // "": whatever it is
	After  string    // UserPage.Next of the page before; "": from the beginning
	Limit  int       // 0: 50; at most 1000
}

// A UserPage is a page of users, by name.
type UserPage struct {
	Users []*UserRow
	Total int    // users of the site
	Found int    // that Search and State choose
	Next  string // "": this is the last page
}
