package pn532

import (
	"context"
	"fmt"
	"time"
)

// Command codes (UM0701-02 §7).
const (
	cmdGetFirmwareVersion  = 0x02
	cmdSetParameters       = 0x12
	cmdSAMConfiguration    = 0x14
	cmdRFConfiguration     = 0x32
	cmdInListPassiveTarget = 0x4A
)

// Version is the answer to GetFirmwareVersion.
type Version struct {
	IC       byte // 32 hex: PN532
	Ver, Rev byte
}

// String is of the form "PN532 firmware 1.6".
func (v Version) String() string {
	return fmt.Sprintf("PN5%02X firmware %d.%d", v.IC, v.Ver, v.Rev)
}

// exchangeShort carries out a command that needs no card.
func (d *Dev) exchangeShort(ctx context.Context, room int, body ...byte) ([]byte, error) {
	return d.exchange(ctx, command{body: body, room: 1 + room, first: firstPoll, limit: answerWait})
}

// GetFirmwareVersion asks the chip what it is.
func (d *Dev) GetFirmwareVersion(ctx context.Context) (Version, error) {
	r, err := d.exchangeShort(ctx, 4, cmdGetFirmwareVersion)
	if err != nil {
		return Version{}, err
	}
	if len(r) != 4 {
		return Version{}, errTruncated
	}
	return Version{IC: r[0], Ver: r[1], Rev: r[2]}, nil
}

// SAMConfiguration sets normal mode (no secure access module) and, if irq, makes the chip drive
// its interrupt line. It ends the low-battery mode in which the chip powers up; commands that
// use the radio only work after it.
func (d *Dev) SAMConfiguration(ctx context.Context, irq bool) error {
	p := byte(0x00)
	if irq {
		p = 0x01
	}
	const normal, timeout = 0x01, 0x14 // 20 x 50 ms, of the virtual card only
	_, err := d.exchangeShort(ctx, 0, cmdSAMConfiguration, normal, timeout, p)
	return err
}

// SetParameters sets what the chip does automatically; 04 is ATR_RES, 10 is RATS.
func (d *Dev) SetParameters(ctx context.Context, flags byte) error {
	_, err := d.exchangeShort(ctx, 0, cmdSetParameters, flags)
	return err
}

// Items of RFConfiguration.
const (
	rfField      = 0x01
	rfMaxRetries = 0x05
)

// RFConfiguration sets one item of the radio.
func (d *Dev) RFConfiguration(ctx context.Context, item byte, data ...byte) error {
	_, err := d.exchangeShort(ctx, 0, append([]byte{cmdRFConfiguration, item}, data...)...)
	return err
}

// Target is one ISO/IEC 14443-3 type A card.
type Target struct {
	N   int // bytes of the UID: 4, 7 or 10
	UID [10]byte
}

// random reports whether the card has made up its UID (ISO/IEC 14443-3: four bytes, the first
// of them 08), which changes each time.
func (t *Target) random() bool { return t.N == 4 && t.UID[0] == 0x08 }

// Limits of InListPassiveTarget.
const (
	listRetries = 2                      // without a card (MxRtyPassiveActivation)
	listRoom    = 2 + 5 + 10 + 64        // of an answer: one target with a UID of 10 bytes and an ATS of up to 64
	listLimit   = 500 * time.Millisecond // with those retries it needs some tens
)

// InListPassiveTarget looks for one card (106 kbit/s, type A) with as many retries as
// RFConfiguration has set, and switches the field on if it is off. It returns false if there is
// none, and [ErrTarget] for an answer that no card gives.
func (d *Dev) InListPassiveTarget(ctx context.Context, t *Target) (bool, error) {
	const maxTg, typeA = 1, 0
	defer clear(d.rxBuf[:]) // holds the UID, even if the answer was garbled
	r, err := d.exchange(ctx, command{
		body:  []byte{cmdInListPassiveTarget, maxTg, typeA},
		room:  listRoom,
		first: d.listTime,
		limit: listLimit,
	})
	if err != nil {
		return false, err
	}
	d.adaptListTime()
	return parseTarget(r, t)
}

// adaptListTime sets when waitReady first asks for the next answer: a little earlier each time,
// until that was too early. So nearly all answers take one status byte.
func (d *Dev) adaptListTime() {
	t := d.listTime - pollStep/20
	if d.late {
		t = d.waited
	}
	d.listTime = min(max(t, firstPoll), listLimit/2)
}

// parseTarget parses an answer of InListPassiveTarget: NbTg, then Tg, ATQA, SAK, the UID's
// length and bytes, and the ATS if there is one.
func parseTarget(r []byte, t *Target) (bool, error) {
	if len(r) > 0 && r[0] == 0 {
		return false, nil
	}
	if len(r) < 6 || r[0] != 1 {
		return false, ErrTarget
	}
	const cascade = 0x04 // SAK bit 2: the UID is not complete
	sak, n, rest := r[4], int(r[5]), r[6:]
	if n != 4 && n != 7 && n != 10 || n > len(rest) || sak&cascade != 0 {
		return false, ErrTarget
	}
	if ats := rest[n:]; len(ats) > 0 && int(ats[0]) != len(ats) { // counts itself
		return false, ErrTarget
	}
	*t = Target{N: n}
	copy(t.UID[:], rest[:n])
	return true, nil
}
