package pn532

import (
	"context"
	"fmt"

	"latchkey/nfc"
)

// Command codes (UM0701-02 §7).
const (
	cmdGetFirmwareVersion  = 0x02
	cmdSetParameters       = 0x12
	cmdSAMConfiguration    = 0x14
	cmdRFConfiguration     = 0x32
	cmdInDataExchange      = 0x40
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

// parseTarget parses an answer of InListPassiveTarget: NbTg, then Tg, ATQA, SAK, the UID's
// length and bytes, and the ATS if there is one. A card whose ATS is longer than a target holds
// is refused: the chip asks for frames of 64 bytes at most.
func parseTarget(r []byte, t *nfc.Target) (bool, error) {
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
	ats := rest[n:]
	if len(ats) > len(t.ATS) || len(ats) > 0 && int(ats[0]) != len(ats) { // counts itself
		return false, ErrTarget
	}
	*t = nfc.Target{N: n, ATQA: [2]byte(r[2:4]), SAK: sak, ATSLen: len(ats)}
	copy(t.UID[:], rest[:n])
	copy(t.ATS[:], ats)
	return true, nil
}
