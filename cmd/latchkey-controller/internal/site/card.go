package site

import (
	"encoding/hex"
	"fmt"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// ParseNewUID parses the UID of a card that is typed for a user. It refuses 4 bytes
// that begin with the cascade tag (ISO/IEC 14443-3 §6.5.4).
func ParseNewUID(text string) ([]byte, error) {
	uid, err := ParseUID(text)
	if err != nil {
		return nil, err
	}
	if len(uid) == 4 && uid[0] == 0x88 {
		return nil, language.Say("a UID of 4 bytes that begins with 88 is usually the first part of one with 7 or 10 bytes; enter all of it, or let a reader read the card, in the console")
	}
	return uid, nil
}

// CheckUID checks the UID of a card that a reader has read. A reader reads all parts
// of a UID, so 4 bytes with the cascade tag 88 are complete here.
func CheckUID(uid []byte) error {
	switch {
	case len(uid) != 4 && len(uid) != 7 && len(uid) != 10:
		return language.Say("a card's UID has 4, 7 or 10 bytes, and this one has %d; include leading zeros", len(uid))
	case len(uid) == 4 && uid[0] == 0x08:
		return language.Say("a UID of 4 bytes that begins with 08 is random: the card (or phone) makes a new one each time it is shown. Use another card")
	}
	return nil
}

// ParseUID parses a UID of 4, 7 or 10 bytes: two hexadecimal digits per byte, with or
// without colons, hyphens or spaces between the bytes.
func ParseUID(text string) ([]byte, error) {
	digits := strings.NewReplacer(":", "", "-", "", " ", "").Replace(strings.TrimSpace(text))
	uid, err := hex.DecodeString(digits)
	if err != nil {
		return nil, language.Say("a card's UID is written in hexadecimal, two digits per byte, like 04:A1:B2:C3:D4:E5:80")
	}
	if err := CheckUID(uid); err != nil {
		return nil, err
	}
	return uid, nil
}

// MaskUID returns the last two bytes of a UID, enough to tell a person's cards apart.
// With more bytes known, the others could be guessed.
func MaskUID(uid []byte) string {
	return fmt.Sprintf("… % X", uid[max(0, len(uid)-2):])
}

// CardTags returns the tags of some cards in the newest epoch, by their UIDs.
func (s *Site) CardTags(tx *store.Tx, uids [][]byte) (map[string]wire.Tag, error) {
	keys, err := s.tagKeys(tx)
	if err != nil {
		return nil, err
	}
	tags := make(map[string]wire.Tag, len(uids))
	for _, uid := range uids {
		if tags[string(uid)], err = keys.Tag(wire.Card, uid); err != nil {
			return nil, err
		}
	}
	return tags, nil
}
