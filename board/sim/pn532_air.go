package sim

import "time"

// Times at 106 kbit/s (ISO/IEC 14443-3 and -4).
const (
	airByte   = 85 * time.Microsecond // 8 bits and parity
	frameWait = 91 * time.Microsecond // FDT: from a frame's end to the start of its answer, at least
	fwtUnit   = 302 * time.Microsecond
)

// blockOverhead is PCB and CRC of a block.
const blockOverhead = 3

// cardState is what a card answers (ISO/IEC 14443-3, 6.4 and 14443-4).
type cardState int

const (
	cardIdle     cardState = iota // any request
	cardActive                    // selected: RATS and the commands of its kind
	cardProtocol                  // RATS was answered: blocks
	cardHalted                    // only who asks for its UID
)

// inField is a card in the field, and what passes between it and the chip.
type inField struct {
	*picc
	state cardState
	block byte   // the number of the card's last block
	sent  []byte // that block
	tear  int    // bytes on the air until the card leaves; negative: it stays

	command []byte // of an APDU that comes in parts: those before
	reply   []byte // of the card, as far as the host has not fetched it
}

// become changes the state. A card that leaves the protocol forgets its session.
func (c *inField) become(s cardState) {
	if c.state == cardProtocol && c.applet != nil {
		c.applet.deselected()
	}
	c.state, c.sent, c.command, c.reply = s, nil, nil, nil
}

// selected reports whether the card has been selected. Such a card takes the next
// REQA for an error and does not answer it.
func (c *inField) selected() bool { return c.state == cardActive || c.state == cardProtocol }

// rats is the card's answer to RATS.
func (c *inField) rats() {
	c.become(cardProtocol)
	c.block = 1
	if c.applet != nil {
		c.applet.selected()
	}
}

// frameSize is FSC: how long a frame the card takes, by its ATS.
func (c *inField) frameSize() int {
	sizes := []int{16, 24, 32, 40, 48, 64, 96, 128, 256}
	return sizes[min(int(c.ats[1]&0x0F), len(sizes)-1)]
}

// fwt is how long the card may take to answer, by its ATS.
func (c *inField) fwt() time.Duration {
	fwi, at := 4, 2
	if c.ats[1]&0x10 != 0 { // TA(1)
		at++
	}
	if c.ats[1]&0x20 != 0 && at < len(c.ats) { // TB(1)
		fwi = int(c.ats[at] >> 4)
	}
	return fwtUnit << fwi
}

// blocks is how many bytes n bytes of an APDU are on the air, in frames of the given
// size, and how long they take. All blocks but the last are acknowledged.
func blocks(n, frame int) (bytes int, took time.Duration) {
	size := frame - blockOverhead
	count := max(1, (n+size-1)/size)
	bytes = n + count*blockOverhead + (count-1)*blockOverhead
	return bytes, time.Duration(bytes)*airByte + time.Duration(2*count-1)*frameWait
}

// onAir is a command to a card under way.
type onAir struct {
	card *inField
	code byte
}

// transmit has size bytes of an APDU pass between chip and card after wait, in frames
// of the given size, and calls then. A card that is torn away leaves meanwhile.
func (n *pn532) transmit(t *inField, wait time.Duration, size, frame int, then func()) {
	bytes, took := blocks(size, frame)
	if t.tear >= 0 && t.tear < bytes {
		n.after(wait+time.Duration(t.tear)*airByte, n.remove)
		return
	}
	n.after(wait+took, func() {
		if t.tear >= 0 {
			t.tear = max(0, t.tear-bytes)
		}
		then()
		if t.tear == 0 && n.rf.onAir == nil && n.rf.card == t {
			n.remove()
		}
	})
}

// settle ends the command that is on the air with the given response, after d.
func (n *pn532) settle(d time.Duration, payload ...byte) {
	a := n.rf.onAir
	n.respond(d, append([]byte{a.code + 1}, payload...)...)
	n.rf.onAir = nil
}

// lost ends the command that is on the air, or would be, because the card has left.
func (n *pn532) lost(code byte, t *inField) {
	n.rf.onAir = nil
	d := n.opts.GoneDelay
	if d == 0 {
		d = n.rf.patience(t)
	}
	n.respond(d, code+1, n.opts.GoneStatus)
}

// patience is how long the chip waits for an answer that does not come.
func (f *pn532RF) patience(t *inField) time.Duration {
	if t == nil || t.ats == nil {
		return f.timeout()
	}
	return t.fwt() * time.Duration(1+int(f.resend))
}

// extensions is how long the chip waits for a card that computes for so long, with the
// S(WTX) that the card asks for; granted: it gets them all.
func (n *pn532) extensions(t *inField, took time.Duration) (wait time.Duration, granted bool) {
	fwt, more := t.fwt(), time.Duration(n.opts.WTXM)*t.fwt()
	if took <= fwt {
		return took, true
	}
	_, block := blocks(1, t.frameSize()) // each way
	requests := int((took - fwt + more - 1) / more)
	if limit := n.opts.MaxWTX; limit > 0 && requests > limit {
		return fwt + time.Duration(limit)*(more+2*block), false
	}
	return took + time.Duration(requests)*2*block, true
}
