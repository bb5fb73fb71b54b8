package sim

import "time"

// maxData is how much data InDataExchange carries in each direction (UM0701-02, 7.3.8).
const maxData = 262

// maxAPDU bounds what a host may send in parts: an extended APDU of ISO/IEC 7816-4.
const maxAPDU = 65544

// inDataExchange is InDataExchange: APDUs for a card that has answered RATS. Of other
// cards as much as a reader of identifiers needs: pages of an Ultralight or NTAG can
// be read, no MIFARE key is right.
func (n *pn532) inDataExchange(p []byte) bool {
	if len(p) < 1 {
		return false
	}
	t := n.rf.target
	if p[0]&0x3F != 1 || t == nil {
		return n.answer(true, cmdInDataExchange, statusNotAcceptable)
	}
	more, data := p[0]&statusMore != 0, p[1:]
	if n.rf.reaches(t) && t.state == cardProtocol {
		n.apdu(t, data, more)
		return true
	}
	return n.plain(cmdInDataExchange, t, data)
}

// communicateThru is InCommunicateThru: a frame as the host gives it, to which the chip
// adds only the CRC. Of the frames of ISO/IEC 14443-4 there are RATS, R(NAK) as a test
// of presence, and S(DESELECT).
func (n *pn532) communicateThru(p []byte) bool {
	t := n.rf.target
	if !n.rf.reaches(t) {
		return n.plain(cmdInCommunicateThru, t, p)
	}
	reply := func(block ...byte) bool {
		_, took := blocks(len(p)+len(block), maxData)
		n.respond(n.opts.CommandTime+took, append([]byte{cmdInCommunicateThru + 1, statusOK}, block...)...)
		return true
	}
	switch {
	case len(p) == 2 && p[0] == 0x50 && p[1] == 0x00: // HLTA has no answer
		t.become(cardHalted)
	case t.state == cardActive && len(p) == 2 && p[0] == 0xE0 && t.ats != nil:
		t.rats()
		return reply(t.ats...)
	case t.state == cardProtocol && len(p) == 1 && p[0]&0xFE == 0xB2: // R(NAK)
		if t.sent != nil && p[0]&1 == t.block {
			return reply(t.sent...)
		}
		return reply(0xA2 | t.block) // R(ACK)
	case t.state == cardProtocol && len(p) == 1 && p[0] == 0xC2: // S(DESELECT)
		t.become(cardHalted)
		return reply(0xC2)
	}
	return n.plain(cmdInCommunicateThru, t, p)
}

// plain is a command to a card that speaks no ISO/IEC 14443-4, or not yet. A card
// stays silent on what it does not know, and has to be selected again.
func (n *pn532) plain(code byte, t *inField, p []byte) bool {
	if !n.rf.reaches(t) {
		n.lost(code, t)
		return true
	}
	switch {
	case t.state == cardActive && len(p) == 2 && p[0] == 0x30 && t.sak == 0x00:
		return n.answer(true, code, append([]byte{statusOK}, t.pages(p[1])...)...)
	case t.state == cardActive && len(p) > 2 && (p[0] == 0x60 || p[0] == 0x61) && t.sak&0x08 != 0:
		t.become(cardIdle)
		return n.answer(true, code, statusMIFAREAuth)
	case t.state == cardActive && t.ats != nil:
		t.become(cardIdle)
	}
	n.respond(n.rf.timeout(), code+1, statusTimeout)
	return true
}

// apdu carries an APDU, or a part of one, to the card. Without data it fetches the next
// part of the reply.
func (n *pn532) apdu(t *inField, data []byte, more bool) {
	n.rf.onAir = &onAir{t, cmdInDataExchange}
	switch {
	case len(data) == 0 && !more && len(t.reply) > 0:
		n.receive(t, n.opts.CommandTime)
		return
	case len(data) == 0 && len(t.command) == 0:
		n.settle(n.opts.CommandTime, statusNotAcceptable)
		return
	case len(t.command)+len(data) > maxAPDU:
		t.command = nil
		n.settle(n.opts.CommandTime, statusProtocol)
		return
	}
	t.reply = nil
	n.transmit(t, n.opts.ExchangeTime, len(data), t.frameSize(), func() {
		t.command = append(t.command, data...)
		if more {
			n.settle(0, statusOK)
			return
		}
		command := t.command
		t.command = nil
		n.compute(t, command)
	})
}

// compute has the card carry out a command that it has received whole.
func (n *pn532) compute(t *inField, command []byte) {
	rng := n.board.ports[portNFC].rng
	garbled := hit(rng, n.fault.GarbledExchanges)
	if garbled && rng.IntN(2) == 0 { // on the way to the card, which ignores it
		n.settle(0, statusCRC)
		return
	}
	f := &n.fault
	switch {
	case f.CardWaits:
		if limit := n.opts.MaxWTX; limit > 0 {
			wait, _ := n.extensions(t, t.fwt()*maxAPDU)
			n.settle(wait, statusTimeout)
		}
		return // until the host ends it, or the card leaves
	case f.CardNonsense, f.CardFloods:
		t.reply = make([]byte, maxData)
		if !f.CardFloods {
			t.reply = t.reply[:1+rng.IntN(64)]
		}
		for i := range t.reply {
			t.reply[i] = byte(rng.Uint32())
		}
		n.receive(t, 0)
		return
	case t.applet == nil:
		n.settle(n.rf.patience(t), statusTimeout)
		return
	}
	reply, took, ok := t.applet.exchange(command)
	n.board.keep()
	if !ok {
		n.settle(n.rf.patience(t), statusTimeout)
		return
	}
	wait, granted := n.extensions(t, took)
	switch {
	case !granted:
		n.settle(wait, statusTimeout)
	case garbled: // on the way back
		n.settle(wait, statusCRC)
	default:
		t.reply = reply
		n.receive(t, wait)
	}
}

// receive brings the host the card's reply, or the next part of it, after wait.
func (n *pn532) receive(t *inField, wait time.Duration) {
	part, status := t.reply, byte(statusOK)
	if len(part) > maxData {
		part, status = part[:maxData], statusMore
	}
	n.transmit(t, wait, len(part), n.opts.FSD, func() {
		t.block ^= 1
		t.sent = append([]byte{0x02 | t.block}, part[max(0, len(part)-n.opts.FSD+blockOverhead):]...)
		t.reply = t.reply[len(part):]
		n.settle(0, append([]byte{status}, part...)...)
	})
}
