package sim

import (
	"slices"
	"time"
)

// cardChip is what a DESFire or an NTAG 424 runs between its selection and the loss of
// the field.
type cardChip struct {
	m       *Memory
	app     *application // selected; m.picc after the start
	session session
	key     byte // number of the key of the session, in app
	ended   bool // the session ends with the reply under way
	form    form // of the commands since the selection
	// next continues a command after AF: the rest of its data or of its reply, or
	// the second half of an authentication. Nil if no command is under way.
	next func(data []byte) ([]byte, status)
	took time.Duration // of the command under way
	dark bool          // power was lost: no answer until the next selection
}

// form is how commands and replies look.
type form int

const (
	formNone    form = iota
	formNative       // INS data, and status data
	formWrapped      // 90 INS 00 00 Lc data 00, and data 91 status
)

const (
	insMore = 0xAF
	// frameSize is what one frame of a reply holds beside its status: a frame of
	// 64 bytes without PCB, CID, status word and CRC is 59 bytes (EV1).
	frameSize = 59
	// commandSize is the longest APDU that a card with frames of 64 bytes takes.
	commandSize = 61
	// chipMemory is how much all applications and files may take up.
	chipMemory = 5120
)

func newCardChip(m *Memory) *cardChip {
	c := &cardChip{m: m}
	c.selected()
	return c
}

func (c *cardChip) selected() {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	*c = cardChip{m: c.m, app: c.m.picc}
}

func (c *cardChip) deselected() {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if c.m.opts.ForgetsFails {
		for _, a := range append([]*application{c.m.picc}, c.m.apps...) {
			for _, k := range a.Keys {
				k.FailsInARow, k.Delays = 0, 0
			}
		}
	}
	*c = cardChip{m: c.m, app: c.m.picc}
}

func (c *cardChip) exchange(command []byte) (reply []byte, took time.Duration, ok bool) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if c.dark || len(command) == 0 {
		return nil, 0, false
	}
	c.took = c.m.opts.computeTime()
	reply = c.answer(slices.Clone(command))
	return reply, c.took, !c.dark
}

// answer takes an APDU out of its form and puts the reply back into it.
func (c *cardChip) answer(command []byte) []byte {
	iso := c.m.kind != D40
	switch {
	case iso && command[0] == 0x00:
		return c.isoCommand(command)
	case command[0] == 0x90:
		ins, data, sw := unwrap(command)
		if sw != 0 {
			c.fail()
			c.m.refuse(0x90, status(sw>>8))
			return []byte{byte(sw >> 8), byte(sw)}
		}
		out, st := c.native(ins, data, formWrapped, len(command))
		return append(out, 0x91, byte(st))
	case c.m.kind == NTAG424:
		c.fail()
		c.m.refuse(command[0], 0x6E)
		return []byte{0x6E, 0x00}
	}
	out, st := c.native(command[0], command[1:], formNative, len(command))
	return append([]byte{byte(st)}, out...)
}

// unwrap takes a command out of its ISO/IEC 7816-4 form; sw is not 0 if it has none.
func unwrap(command []byte) (ins byte, data []byte, sw uint16) {
	const wrongLength, wrongP1P2 = 0x6700, 0x6A86
	n := len(command)
	switch {
	case n < 5:
		return 0, nil, wrongLength
	case command[2] != 0 || command[3] != 0:
		return 0, nil, wrongP1P2
	case n == 5 && command[4] == 0:
		return command[1], nil, 0
	case n < 7 || int(command[4]) != n-6 || command[n-1] != 0:
		return 0, nil, 0x917E
	}
	return command[1], command[5 : n-1], 0
}

// native runs one frame of a command.
func (c *cardChip) native(ins byte, data []byte, f form, size int) (out []byte, st status) {
	switch {
	case c.form != formNone && c.form != f && !c.m.opts.MixedForms:
		st = stAborted
	case size > commandSize && (c.m.kind == D40 || c.m.kind == DESFireEV1):
		st = stLength
	default:
		out, st = c.frame(ins, data)
	}
	c.form = f
	if st != stOK && st != stMore {
		c.fail()
		c.m.refuse(ins, st)
		return nil, st
	}
	return out, st
}

// fail ends the session and what was under way, as every error does.
func (c *cardChip) fail() {
	c.session, c.next = nil, nil
}

func (c *cardChip) frame(ins byte, data []byte) ([]byte, status) {
	next := c.next
	c.next = nil
	switch {
	case ins == insMore && next != nil:
		return next(data)
	case ins == insMore && c.m.opts.StrayAF != 0:
		return nil, status(c.m.opts.StrayAF)
	case ins == insMore || next != nil:
		return nil, stAborted
	}
	if run, ok := c.authentication(ins); ok {
		return run(data)
	}
	i, ok := c.instruction(ins)
	if !ok {
		return nil, stIllegal
	}
	return c.run(ins, i, data)
}

// isoCommand is an APDU of ISO/IEC 7816-4: only SELECT is known.
func (c *cardChip) isoCommand(command []byte) []byte {
	c.fail()
	sw := c.isoSelect(command)
	if sw != 0x9000 {
		c.m.refuse(0xA4, status(sw>>8))
	}
	return []byte{byte(sw >> 8), byte(sw)}
}

func (c *cardChip) isoSelect(command []byte) uint16 {
	switch {
	case len(command) < 5:
		return 0x6700
	case command[1] != 0xA4:
		return 0x6D00
	}
	p1, p2, n := command[2], command[3], int(command[4])
	if len(command) != 5+n && len(command) != 6+n { // without and with Le
		return 0x6700
	}
	name := string(command[5 : 5+n])
	switch {
	case p2 != 0x00 && p2 != 0x0C:
		return 0x6A86
	case p1 == 0x00 && name == "\x3F\x00", // the master file
		p1 == 0x04 && name == "\xD2\x76\x00\x00\x85\x01\x00" && c.m.kind != NTAG424:
		c.app = c.m.picc
		return 0x9000
	case p1 == 0x04 && n > 0:
		for _, a := range c.m.apps {
			if name == string(a.DFName) {
				c.app = a
				return 0x9000
			}
		}
		return 0x6A82
	case p1 == 0x00:
		return 0x6A82
	}
	return 0x6A86
}

// write does what changes the memory, or some or none of it if the power is lost;
// half is the part that is written if it is lost halfway, nil for nothing.
func (c *cardChip) write(all, half func()) {
	tear := c.m.tear
	c.m.tear = NoTear
	c.dark = tear != NoTear
	switch {
	case tear == NoTear || tear == AfterWrite:
		all()
	case tear == InWrite && half != nil:
		half()
	}
}

// version is GetVersion's reply: hardware, software, UID and production.
func (c *cardChip) version() []byte {
	hw, sw := "\x04\x01\x01\x01\x00\x18\x05", "\x04\x01\x01\x01\x04\x18\x05"
	switch c.m.kind {
	case D40:
		hw, sw = "\x04\x01\x01\x00\x02\x18\x05", "\x04\x01\x01\x00\x06\x18\x05"
	case DESFireEV2:
		v := c.m.opts.EV2Software
		if v == [2]byte{} {
			v = [2]byte{2, 1}
		}
		hw, sw = "\x04\x01\x01\x12\x00\x18\x05", "\x04\x01\x01"+string(v[:])+"\x18\x05"
	case DESFireEV3:
		hw, sw = "\x04\x01\x01\x33\x00\x18\x05", "\x04\x01\x01\x03\x00\x18\x05"
	case NTAG424:
		hw, sw = "\x04\x04\x02\x30\x00\x11\x05", "\x04\x04\x02\x01\x02\x11\x05"
	}
	return slices.Concat([]byte(hw), []byte(sw), c.m.uid, []byte("\x21\x13\x62\x30\x30\x40\x24"))
}
