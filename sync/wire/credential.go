package wire

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

// CredentialKind is the kind byte of a tag.
type CredentialKind uint8

// The kinds of credentials.
const (
	PIN  CredentialKind = 1 // 8 digits
	Card CredentialKind = 2 // a card's identifier of 4, 7 or 10 bytes
)

func (k CredentialKind) String() string {
	switch k {
	case PIN:
		return "pin"
	case Card:
		return "card"
	}
	return fmt.Sprintf("credential kind %d", uint8(k))
}

// A Credential is a PIN or a card of one user. It does not contain the secret.
type Credential struct {
	ID       uint64         `cbor:"1,keyasint"`           // from 1, never reused
	Kind     CredentialKind `cbor:"2,keyasint"`           //
	User     uint64         `cbor:"3,keyasint"`           // whose it is
	Name     string         `cbor:"4,keyasint"`           // of the user, for the greeting: at most MaxName bytes
	Groups   []string       `cbor:"5,keyasint,omitempty"` // sorted, besides Everyone
	From     int64          `cbor:"6,keyasint,omitempty"` // Unix seconds from which it may open; 0: no limit
	Until    int64          `cbor:"7,keyasint,omitempty"` // Unix seconds from which it may not; 0: no limit
	Extended bool           `cbor:"8,keyasint,omitempty"` // opens for the policy's extended time

	// CardKey is the CardKey of a card, wrapped: it opens nothing unless it proves that
	// it has this key. None: the card cannot prove itself.
	CardKey []byte `cbor:"9,keyasint,omitempty"`

	Duress bool `cbor:"10,keyasint,omitempty"` // of a PIN: it opens as any other, and is an alarm

	// The limits of a PIN: each reader counts for itself how often it opened the door.
	Uses   uint8  `cbor:"11,keyasint,omitempty"` // how often it may be used; 0: no limit
	Within uint32 `cbor:"12,keyasint,omitempty"` // seconds from its first use in which it may be used; 0: no limit
	Made   int64  `cbor:"13,keyasint,omitempty"` // of a PIN with limits: when it was made, Unix seconds
}

// The bounds of a PIN's limits.
const (
	MaxUses   = 100
	MinWithin = 60
	MaxWithin = 31 * 24 * 60 * 60
)

// Limited says whether the credential is a PIN with limits.
func (c *Credential) Limited() bool { return c.Uses != 0 || c.Within != 0 }

// Everyone is the group of all credentials; Groups does not name it.
const Everyone = "everyone"

// In says whether the credential is in a group.
func (c *Credential) In(group string) bool {
	if group == Everyone {
		return true
	}
	_, found := slices.BinarySearch(c.Groups, group)
	return found
}

// Check refuses a credential that a controller must not write.
func (c *Credential) Check() error {
	switch {
	case c.ID == 0 || c.User == 0:
		return errors.New("credential: no id or user")
	case c.Kind != PIN && c.Kind != Card:
		return fmt.Errorf("credential %d: unknown kind %d", c.ID, c.Kind)
	case c.Until != 0 && c.Until <= c.From:
		return fmt.Errorf("credential %d: ends before it begins", c.ID)
	case len(c.CardKey) != 0 && (c.Kind != Card || len(c.CardKey) != CardKeySize):
		return fmt.Errorf("credential %d: %d bytes are no card's key", c.ID, len(c.CardKey))
	case c.Kind != PIN && (c.Duress || c.Limited()):
		return fmt.Errorf("credential %d: only a PIN can be for duress, or have limits", c.ID)
	case c.Duress && c.Limited():
		return fmt.Errorf("credential %d: a PIN for duress cannot have limits", c.ID)
	case c.Uses > MaxUses:
		return fmt.Errorf("credential %d: %d uses, at most %d", c.ID, c.Uses, MaxUses)
	case c.Within != 0 && (c.Within < MinWithin || c.Within > MaxWithin):
		return fmt.Errorf("credential %d: %d seconds from the first use are outside %d to %d", c.ID, c.Within, MinWithin, MaxWithin)
	case c.Limited() != (c.Made > 0):
		return fmt.Errorf("credential %d: a PIN with limits, and no other, says when it was made", c.ID)
	case len(c.Groups) > MaxGroups:
		return fmt.Errorf("credential %d: %d groups, at most %d", c.ID, len(c.Groups), MaxGroups)
	}
	err := cmp.Or(CheckTime(c.From), CheckTime(c.Until), CheckTime(c.Made), named("user's name", CheckLabel(c.Name)))
	if err != nil {
		return fmt.Errorf("credential %d: %w", c.ID, err)
	}
	for i, group := range c.Groups {
		if err := CheckName(group); err != nil {
			return fmt.Errorf("credential %d: group: %w", c.ID, err)
		}
		if group == Everyone || i > 0 && c.Groups[i-1] >= group {
			return fmt.Errorf("credential %d: groups are not sorted, or name %q", c.ID, Everyone)
		}
	}
	return nil
}

// CheckTime refuses a time of a credential, in Unix seconds, outside 0 (no limit) to
// MaxTime.
func CheckTime(t int64) error {
	switch {
	case t < 0:
		return wrong("times before 1970 cannot be kept")
	case t > MaxTime:
		return wrong("times after the year 9999 cannot be kept: leave it empty for no limit")
	}
	return nil
}

// CheckLabel refuses a name, or another short text for a screen, that has more than
// MaxName bytes, is not UTF-8, or has control characters in it. Unicode's
// Bidi_Control characters, which change the order of what is read, are among those.
func CheckLabel(text string) error { return checkText(text, MaxName) }

func checkText(text string, limit int) error {
	if len(text) > limit {
		return wrong("it has %d bytes, at most %d", len(text), limit)
	}
	if !utf8.ValidString(text) {
		return wrong("it is not UTF-8")
	}
	for _, r := range text {
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return wrong("it cannot hold control characters")
		}
	}
	return nil
}

// named adds to an error what it is about. nil stays nil.
func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
