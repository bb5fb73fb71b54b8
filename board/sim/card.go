package sim

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Card is what a person holds to the reader: an ISO/IEC 14443 type A card.
type Card struct {
	UID  []byte // 4, 7 or 10 bytes
	Kind Kind
}

// Kind is the type of a card. It decides ATQA, SAK and ATS.
type Kind int

// The kinds of card. Auto is MIFARE Classic 1K for a UID of 4 bytes, NTAG for
// longer ones.
const (
	Auto Kind = iota
	MIFAREMini
	MIFAREClassic1K
	MIFAREClassic4K
	MIFAREUltralight
	NTAG
	DESFire
	NTAG424
)

// ParseUID reads a card's identifier: 4, 7 or 10 bytes in hex, with or without
// spaces and colons.
func ParseUID(s string) ([]byte, error) {
	uid, err := hex.DecodeString(strings.NewReplacer(" ", "", ":", "").Replace(s))
	if err != nil || len(uid) != 4 && len(uid) != 7 && len(uid) != 10 {
		return nil, fmt.Errorf("uid %.40q: it must be 4, 7 or 10 bytes in hex, as 04a1b2c3d4e580", s)
	}
	return uid, nil
}

// picc is a card in the field (proximity integrated circuit card).
type picc struct {
	uid  []byte
	atqa uint16 // the byte sent last on air first, as the PN532 returns it
	sak  byte
	ats  []byte // with its length byte; nil without ISO/IEC 14443-4
	// active: selected and neither halted nor without field since. Such a
	// card takes the next REQA for an error and does not answer it.
	active bool
}

func newPICC(c Card) (*picc, error) {
	kind := c.Kind
	if kind == Auto {
		kind = NTAG
		if len(c.UID) == 4 {
			kind = MIFAREClassic1K
		}
	}
	p, ok := map[Kind]picc{ // the ATQA without the UID's size
		MIFAREMini:       {atqa: 0x0004, sak: 0x09},
		MIFAREClassic1K:  {atqa: 0x0004, sak: 0x08},
		MIFAREClassic4K:  {atqa: 0x0002, sak: 0x18},
		MIFAREUltralight: {atqa: 0x0004, sak: 0x00},
		NTAG:             {atqa: 0x0004, sak: 0x00},
		DESFire:          {atqa: 0x0304, sak: 0x20, ats: []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}},
		NTAG424:          {atqa: 0x0304, sak: 0x20, ats: []byte{0x06, 0x77, 0x77, 0x71, 0x02, 0x80}},
	}[kind]
	if !ok {
		return nil, fmt.Errorf("sim: unknown kind of card %d", c.Kind)
	}
	size, ok := map[int]uint16{4: 0x0000, 7: 0x0040, 10: 0x0080}[len(c.UID)] // ISO/IEC 14443-3, 6.5.2
	if !ok {
		return nil, fmt.Errorf("sim: a card's UID has 4, 7 or 10 bytes, not %d", len(c.UID))
	}
	p.uid, p.atqa = slices.Clone(c.UID), p.atqa|size
	return &p, nil
}
