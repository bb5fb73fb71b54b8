package sim

import (
	"cmp"
	"encoding/hex"
	"time"
)

// newNTAG424 is the application of an NTAG 424 DNA fresh from the factory: five
// keys, and the files for capabilities, NDEF and others.
func newNTAG424() *application {
	a := newApplication([]byte{0x00, 0x00, 0x01}, 0x0B, typeAES, 5)
	a.DFName = []byte("\xD2\x76\x00\x00\x85\x01\x01")
	capabilities, _ := hex.DecodeString("001720010000FF0406E104010000000506E10500808283")
	a.Files = []*cardFile{
		{Number: 1, ISO: []byte{0xE1, 0x03}, Option: 0x00, Rights: [2]byte{0x00, 0xE0}, Data: append(capabilities, make([]byte, 32-len(capabilities))...)},
		{Number: 2, ISO: []byte{0xE1, 0x04}, Option: 0x00, Rights: [2]byte{0xE0, 0xEE}, Data: make([]byte, 256)},
		{Number: 3, ISO: []byte{0xE1, 0x05}, Option: 0x03, Rights: [2]byte{0x30, 0x23}, Data: make([]byte, 128)},
	}
	return a
}

func (c *cardChip) authenticated(key *cardKey, number byte, s session) {
	c.session, c.key = s, number
	if c.countsFails() {
		key.Fails = max(0, key.Fails-cmp.Or(c.m.opts.FailDecrement, 10))
		key.FailsInARow, key.Delays = 0, 0
	}
}

// authFailed counts a wrong key.
func (c *cardChip) authFailed(key *cardKey) status {
	if c.countsFails() {
		key.Fails++
		key.FailsInARow++
		key.Delays = 0
	}
	return stAuth
}

func (c *cardChip) countsFails() bool {
	return c.m.kind == NTAG424 || c.m.opts.FailCounters
}

// failsAllow says whether the failures so far allow another authentication. A
// key with too many in a row answers AD, once more for each further failure.
func (c *cardChip) failsAllow(key *cardKey) status {
	if !c.countsFails() {
		return stOK
	}
	o := &c.m.opts
	if key.Fails >= cmp.Or(o.FailLimit, 1000) {
		return stDenied
	}
	if key.Delays <= key.FailsInARow-cmp.Or(o.FailsFree, 50) {
		key.Delays++
		c.took = cmp.Or(o.DelayTime, 25*time.Millisecond)
		return stDelay
	}
	return stOK
}
