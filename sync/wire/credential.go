package wire

import (
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

// A Credential is what a tag stands for: a PIN or a card that belongs to one
// user. Its secret is not in it.
type Credential struct {
	ID       uint64         `cbor:"1,keyasint"`           // of the credential, from 1, never used again
	Kind     CredentialKind `cbor:"2,keyasint"`           //
	User     uint64         `cbor:"3,keyasint"`           // whose it is
	Name     string         `cbor:"4,keyasint"`           // the user's, as the screen greets: at most MaxName bytes
	Groups   []string       `cbor:"5,keyasint,omitempty"` // sorted, besides Everyone
	From     int64          `cbor:"6,keyasint,omitempty"` // Unix seconds from which it may open; 0: always has
	Until    int64          `cbor:"7,keyasint,omitempty"` // Unix seconds from which it may not any more; 0: never
	Extended bool           `cbor:"8,keyasint,omitempty"` // opens for the policy's extended time
}

// Everyone is the group that each credential is in without naming it.
const Everyone = "everyone"

// In says whether the credential is in a group.
func (c *Credential) In(group string) bool {
	if group == Everyone {
		return true
	}
	_, found := slices.BinarySearch(c.Groups, group)
	return found
}

// Check refuses a credential that no controller writes.
func (c *Credential) Check() error {
	switch {
	case c.ID == 0 || c.User == 0:
		return errors.New("credential: no id or user")
	case c.Kind != PIN && c.Kind != Card:
		return fmt.Errorf("credential %d: unknown kind %d", c.ID, c.Kind)
	case c.From < 0 || c.Until < 0:
		return fmt.Errorf("credential %d: time before 1970", c.ID)
	case c.From > MaxTime || c.Until > MaxTime:
		return fmt.Errorf("credential %d: a time after the year 9999: leave it out for ever", c.ID)
	case c.Until != 0 && c.Until <= c.From:
		return fmt.Errorf("credential %d: ends before it begins", c.ID)
	case len(c.Groups) > MaxGroups:
		return fmt.Errorf("credential %d: %d groups, at most %d", c.ID, len(c.Groups), MaxGroups)
	}
	if err := checkText("user's name", c.Name, MaxName); err != nil {
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

// checkText refuses what cannot be shown on a screen, would spoil a log, or
// would make either read in another order than it is written (the Bidi_Control
// characters of Unicode).
func checkText(what, text string, limit int) error {
	if len(text) > limit {
		return fmt.Errorf("%s: %d bytes, at most %d", what, len(text), limit)
	}
	if !utf8.ValidString(text) {
		return fmt.Errorf("%s: not UTF-8", what)
	}
	for _, r := range text {
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return fmt.Errorf("%s: holds a control character", what)
		}
	}
	return nil
}
