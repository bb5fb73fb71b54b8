package sim

import "fmt"

// Card is what a person holds to the reader: an ISO/IEC 14443 type A card.
type Card struct {
	UID  []byte // 4, 7 or 10 bytes
	Kind Kind
}

// Kind is the make of a card. It decides ATQA, SAK and ATS.
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

// air is a card as a reader meets it. atqa is the value with the byte sent
// last on air first, as the PN532 hands it out.
type air struct {
	kind Kind
	uid  []byte
	atqa uint16
	sak  byte
	ats  []byte // with its length byte; nil without ISO/IEC 14443-4
	// active: selected and neither halted nor without field since. Such a
	// card takes the next REQA for an error and stays silent once.
	active bool
}

func (c Card) onAir() (*air, error) {
	// ATQA without the UID size, SAK and ATS of each kind.
	a := &air{uid: append([]byte(nil), c.UID...), kind: c.Kind}
	kind := c.Kind
	if kind == Auto {
		kind = NTAG
		if len(c.UID) == 4 {
			kind = MIFAREClassic1K
		}
	}
	switch kind {
	case MIFAREMini:
		a.atqa, a.sak = 0x0004, 0x09
	case MIFAREClassic1K:
		a.atqa, a.sak = 0x0004, 0x08
	case MIFAREClassic4K:
		a.atqa, a.sak = 0x0002, 0x18
	case MIFAREUltralight, NTAG:
		a.atqa, a.sak = 0x0004, 0x00
	case DESFire:
		a.atqa, a.sak, a.ats = 0x0304, 0x20, []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}
	case NTAG424:
		a.atqa, a.sak, a.ats = 0x0304, 0x20, []byte{0x06, 0x77, 0x77, 0x71, 0x02, 0x80}
	default:
		return nil, fmt.Errorf("sim: unknown kind of card %d", c.Kind)
	}
	// Bits 8 and 7 of the ATQA are the UID size (ISO/IEC 14443-3, 6.5.2).
	switch len(c.UID) {
	case 4:
	case 7:
		a.atqa |= 0x0040
	case 10:
		a.atqa |= 0x0080
	default:
		return nil, fmt.Errorf("sim: a card's UID has 4, 7 or 10 bytes, not %d", len(c.UID))
	}
	return a, nil
}
