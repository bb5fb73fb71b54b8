package site

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ParseNewUID reads the identifier of a card that is typed for a user. Of 4
// bytes that begin with the cascade tag (ISO/IEC 14443-3 §6.5.4) it asks for the
// rest.
func ParseNewUID(text string) ([]byte, error) {
	uid, err := ParseUID(text)
	if err != nil {
		return nil, err
	}
	if len(uid) == 4 && uid[0] == 0x88 {
		return nil, errors.New("a UID of 4 bytes that begins with 88 is as a rule the first part of one of 7 or 10 bytes, cut off; write all of it, or let a reader read the card, in the console")
	}
	return uid, nil
}

// CheckUID says whether a card opens doors whose identifier a reader of ours
// has read. A reader reads all parts of one, so the cascade tag 88 says nothing
// against 4 bytes here.
func CheckUID(uid []byte) error {
	switch {
	case len(uid) != 4 && len(uid) != 7 && len(uid) != 10:
		return fmt.Errorf("a card's UID has 4, 7 or 10 bytes, and this one has %d; leading zeros belong to it", len(uid))
	case len(uid) == 4 && uid[0] == 0x08:
		return errors.New("a UID of 4 bytes that begins with 08 is made up anew each time the card (or telephone) is shown, so it opens nothing twice; use another card")
	}
	return nil
}

// ParseUID reads a card's identifier as people write it: hexadecimal digits,
// two a byte, with or without colons, hyphens or spaces between the bytes. It
// has 4, 7 or 10 bytes.
func ParseUID(text string) ([]byte, error) {
	digits := strings.NewReplacer(":", "", "-", "", " ", "").Replace(strings.TrimSpace(text))
	uid, err := hex.DecodeString(digits)
	if err != nil {
		return nil, errors.New("a card's UID is written in hexadecimal, two digits a byte, like 04:A1:B2:C3:D4:E5:80")
	}
	if err := CheckUID(uid); err != nil {
		return nil, err
	}
	return uid, nil
}

// MaskUID writes the end of a card's identifier, its last two bytes, which is
// enough to tell the cards of a person apart. The first three of a longer one
// are left out too: with five of seven bytes known the others can be tried.
func MaskUID(uid []byte) string {
	return fmt.Sprintf("… % X", uid[max(0, len(uid)-2):])
}
