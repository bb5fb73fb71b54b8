package sim

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Card is what a person holds to the reader: an ISO/IEC 14443 type A card.
type Card struct {
	UID  []byte // 4, 7 or 10 bytes; 7 for a card with a chip
	Kind Kind
	// Memory is what the chip keeps, of this kind and UID. Nil: a card fresh
	// from the factory each time. Kinds without a chip have none.
	Memory *Memory
}

// Kind is the type of a card. It decides ATQA, SAK and ATS, and which chip it has.
type Kind int

// The kinds of card. Auto is MIFARE Classic 1K for a UID of 4 bytes, NTAG for
// longer ones. The first DESFire is D40. Copy is a magic card that looks like a
// DESFire of any UID, and has no chip: it answers no command.
const (
	Auto Kind = iota
	MIFAREMini
	MIFAREClassic1K
	MIFAREClassic4K
	MIFAREUltralight
	NTAG
	Copy
	D40
	DESFireEV1
	DESFireEV2
	DESFireEV3
	NTAG424
)

// kindNames are the kinds as the page and a file of cards name them.
var kindNames = []string{"uid", "mifare-mini", "mifare-classic-1k", "mifare-classic-4k", "mifare-ultralight", "ntag",
	"copy", "desfire-d40", "desfire-ev1", "desfire-ev2", "desfire-ev3", "ntag424"}

// String is the kind's name, as "desfire-ev3"; that of Auto is "uid".
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind %d", int(k))
	}
	return kindNames[k]
}

// MarshalText gives the kind's name.
func (k Kind) MarshalText() ([]byte, error) {
	return []byte(k.String()), nil
}

// UnmarshalText takes a kind's name.
func (k *Kind) UnmarshalText(name []byte) error {
	i := slices.Index(kindNames, string(name))
	if i < 0 {
		return fmt.Errorf("kind of card %.40q: it must be one of %s", name, strings.Join(kindNames, ", "))
	}
	*k = Kind(i)
	return nil
}

// applet is what a card with ISO/IEC 14443-4 runs.
type applet interface {
	selected()   // RATS was answered: a new session, application and authentication forgotten
	deselected() // S(DESELECT), HLTA, or no field any more
	// exchange answers one command APDU; took is how long the card computes; ok is false if it stays silent.
	exchange(command []byte) (reply []byte, took time.Duration, ok bool)
}

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
	uid    []byte
	atqa   uint16 // the byte sent last on air first, as the PN532 returns it
	sak    byte
	ats    []byte // with its length byte; nil without ISO/IEC 14443-4
	applet applet // nil: the card answers no APDU
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
		Copy:             {atqa: 0x0304, sak: 0x20, ats: []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}},
		D40:              {atqa: 0x0304, sak: 0x20, ats: []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}},
		DESFireEV1:       {atqa: 0x0304, sak: 0x20, ats: []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}},
		DESFireEV2:       {atqa: 0x0304, sak: 0x20, ats: []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}},
		DESFireEV3:       {atqa: 0x0304, sak: 0x20, ats: []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}},
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
	if c.Memory == nil && kind < D40 {
		return &p, nil
	}
	memory := c.Memory
	if memory == nil {
		var err error
		if memory, err = NewMemory(kind, c.UID); err != nil {
			return nil, err
		}
	}
	if memory.kind != kind || !bytes.Equal(memory.uid, c.UID) {
		return nil, fmt.Errorf("sim: the memory of a %v with UID %X, in a %v with UID %X", memory.kind, memory.uid, kind, c.UID)
	}
	p.applet = newCardChip(memory)
	return &p, nil
}
