package sim

import "time"

// Status bytes of commands to a card.
const (
	statusOK            = 0x00
	statusTimeout       = 0x01
	statusCRC           = 0x02
	statusProtocol      = 0x0B
	statusMIFAREAuth    = 0x14
	statusNotAcceptable = 0x27
	statusMore          = 0x40 // MI: this is a part, and more comes
)

// pn532RF is the radio: what it is set to, and the card.
type pn532RF struct {
	card      *inField
	target    *inField // the card listed as Tg 1
	flags     byte     // SetParameters
	retries   byte     // MxRtyPassiveActivation
	retryTime byte     // code of the timeout of an exchange
	resend    byte     // MxRtyCOM
	field     bool
	search    *search
	onAir     *onAir
	registers map[uint16]byte
}

// reset is the state after power-up; the card stays in the field.
func (f *pn532RF) reset() {
	f.fieldOff()
	*f = pn532RF{card: f.card, flags: flagAutoATR | flagAutoRATS, retries: 0xFF, retryTime: 0x0A}
}

// fieldOff switches the field off: every card forgets that it was selected.
func (f *pn532RF) fieldOff() {
	f.field, f.target = false, nil
	if f.card != nil {
		f.card.become(cardIdle)
	}
}

// raise selects a card, and sends RATS if the chip does that by itself.
func (f *pn532RF) raise(c *inField) {
	c.become(cardActive)
	if f.flags&flagAutoRATS != 0 && c.sak&0x20 != 0 && c.ats != nil {
		c.rats()
	}
}

// reaches reports whether t can answer.
func (f *pn532RF) reaches(t *inField) bool {
	return t != nil && t == f.card && t.selected() && f.field
}

// timeout is how long the chip waits for a card's answer: 100 us doubled code-1
// times; code 0, no timeout, counts as the longest.
func (f *pn532RF) timeout() time.Duration {
	code := f.retryTime
	if code == 0 || code > 0x10 {
		code = 0x10
	}
	return 100 * time.Microsecond << (code - 1)
}

// configure is RFConfiguration.
func (f *pn532RF) configure(p []byte) bool {
	if len(p) < 1 {
		return false
	}
	size := map[byte]int{0x01: 1, 0x02: 3, 0x04: 1, 0x05: 3, 0x0A: 11, 0x0B: 8, 0x0C: 3, 0x0D: 9}[p[0]]
	if size == 0 || len(p) != 1+size {
		return false
	}
	switch p[0] {
	case 0x01:
		if p[1]&1 == 0 {
			f.fieldOff()
		} else {
			f.field = true
		}
	case 0x02:
		f.retryTime = p[3]
	case 0x04:
		f.resend = p[1]
	case 0x05:
		f.retries = p[3]
	}
	return true
}

func (f *pn532RF) generalStatus() []byte {
	out := []byte{0x00, 0x00, 0x00}
	if f.target != nil {
		out[2] = 1
		out = append(out, 0x01, 0x00, 0x00, 0x10)
	}
	return append(out, 0x80)
}

func (f *pn532RF) readRegisters(p []byte) []byte {
	var out []byte
	for ; len(p) >= 2; p = p[2:] {
		out = append(out, f.registers[uint16(p[0])<<8|uint16(p[1])])
	}
	return out
}

func (f *pn532RF) writeRegisters(p []byte) bool {
	if len(p) < 3 || len(p)%3 != 0 {
		return false
	}
	if f.registers == nil {
		f.registers = map[uint16]byte{}
	}
	for ; len(p) >= 3; p = p[3:] {
		f.registers[uint16(p[0])<<8|uint16(p[1])] = p[2]
	}
	return true
}

func (f *pn532RF) setParameters(p []byte) bool {
	if len(p) != 1 {
		return false
	}
	f.flags = p[0]
	return true
}

// target is InDeselect, InRelease and InSelect. Tg 0 is every target for the
// first two.
func (n *pn532) target(code byte, p []byte) bool {
	if len(p) != 1 {
		return false
	}
	f := &n.rf
	t := f.target
	if p[0] == 0 && code != cmdInSelect {
		if t == nil {
			return n.answer(true, code, statusOK)
		}
	} else if p[0] != 1 || t == nil {
		return n.answer(true, code, statusNotAcceptable)
	}
	status := byte(statusOK)
	switch {
	case code == cmdInSelect && t == f.card && f.field:
		if !t.selected() {
			f.raise(t)
		}
	case code == cmdInSelect:
		status = statusTimeout
	case code == cmdInRelease:
		t.become(cardIdle)
		f.target = nil
	default:
		t.become(cardHalted) // HLTA or S(DESELECT)
	}
	return n.answer(true, code, status)
}

// pages are four pages of four bytes from the given one on: the UID with its
// check bytes, the rest zero.
func (c *picc) pages(from byte) []byte {
	var mem [4 * 256]byte
	if u := c.uid; len(u) == 7 {
		copy(mem[:], u[:3])
		mem[3] = 0x88 ^ u[0] ^ u[1] ^ u[2]
		copy(mem[4:], u[3:])
		mem[8] = u[3] ^ u[4] ^ u[5] ^ u[6]
	}
	i := min(4*int(from), len(mem)-16)
	return mem[i : i+16]
}
