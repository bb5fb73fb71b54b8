package sim

import "time"

// received is what a data write brought.
func (n *pn532) received(data []byte, kind frameKind) {
	if n.fault.Stuck {
		return
	}
	if n.goingDown {
		n.board.violate("nfc", "a frame within 1 ms of PowerDown's response: lost")
		return
	}
	switch kind {
	case frameBad:
		n.board.violate("nfc", "a frame with a bad %s: not acknowledged", n.wire.rx.why)
	case frameACK:
		n.abort()
	case frameNACK:
		n.repeat()
	case frameCommand:
		n.command(data)
	}
}

// abort is a host's ACK: it ends what runs. After a response that has been
// read it is only polite.
func (n *pn532) abort() {
	if n.running || n.out != nil || n.response != nil {
		n.silence()
		n.abortUntil = time.Now().Add(n.opts.AbortTime)
	}
}

// repeat is a host's NACK: the last response once more.
func (n *pn532) repeat() {
	if n.last == nil || n.running {
		return
	}
	n.gen++
	n.out, n.response, n.loading = nil, nil, false
	n.irq()
	n.after(n.opts.AckDelay, func() { n.load(&outFrame{bytes: n.damaged(n.last)}) })
}

// command takes a good command frame: it ends the command before, whatever
// its state. What could be read before stays until the ACK takes its place.
func (n *pn532) command(data []byte) {
	if time.Now().Before(n.abortUntil) {
		n.board.violate("nfc", "a command right after an abort: lost")
		return
	}
	if n.fresh && n.opts.LosesFirst {
		n.fresh = false
		return
	}
	n.fresh = false
	n.gen++
	n.response, n.loading, n.eat, n.sleepNext, n.rf.search = nil, false, false, false, nil
	n.running = true
	data = append([]byte(nil), data...)
	lost := n.ackLost()
	if lost == commandLost {
		n.running = false
		return
	}
	n.after(n.opts.AckDelay, func() {
		if lost == ackSwallowed {
			n.out = nil
			n.irq()
		} else {
			n.load(&outFrame{bytes: n.damaged(ackFrame), ack: true})
		}
		n.execute(data)
	})
}

// load makes a frame readable.
func (n *pn532) load(f *outFrame) {
	if n.out != nil {
		n.out = nil
		n.irq() // the line rises in between, so that the edge is seen
	}
	n.out = f
	n.irq()
}

// wasRead: the frame has been read to its end, and over bytes past it.
func (n *pn532) wasRead(f *outFrame, over int) {
	n.out = nil
	n.irq()
	if f.ack {
		if over > 0 {
			n.board.violate("nfc", "read past the end of an ACK: the response may lose its first byte")
			n.eat = !n.opts.KeepsOverread
		}
		n.offer()
	}
}

// respond gives the response to the running command after d.
func (n *pn532) respond(d time.Duration, payload ...byte) {
	n.after(d, func() { n.finish(n.frame(payload)) })
}

// refuse answers the running command with the error frame, which stands for a
// command that does not exist or has wrong parameters.
func (n *pn532) refuse(why string) {
	n.board.violate("nfc", "%s: answered with the error frame", why)
	n.after(n.opts.CommandTime, func() { n.finish(errorFrame) })
}

func (n *pn532) frame(payload []byte) []byte {
	zeros := 2
	if n.opts.ShortStart {
		zeros = 1
	}
	bare := n.rf.flags&flagNoAmble != 0
	if bare {
		zeros = 1
	}
	return encodeResponse(payload, zeros, !bare, n.fault.Extended)
}

func (n *pn532) finish(frame []byte) {
	n.running = false
	n.response, n.last = frame, frame
	n.offer()
}

// offer makes the response readable once the ACK has been read.
func (n *pn532) offer() {
	if n.response == nil || n.out != nil || n.loading {
		return
	}
	n.loading = true
	n.after(n.opts.Turnaround, func() {
		f := &outFrame{bytes: n.damaged(n.response)}
		if n.eat && len(f.bytes) > 1 {
			f.bytes = f.bytes[1:]
		}
		n.response, n.loading, n.eat = nil, false, false
		n.load(f)
		if n.sleepNext {
			n.sleepNext, n.goingDown = false, true
			n.after(sleepDelay, n.sleep)
		}
	})
}

// What becomes of a command's ACK.
type ackFate int

const (
	ackComes     ackFate = iota
	ackSwallowed         // the command is carried out, and answered without
	commandLost          // the chip never saw the command
)

func (n *pn532) ackLost() ackFate {
	rng := n.board.ports[portNFC].rng
	switch {
	case !hit(rng, n.fault.LostACKs):
		return ackComes
	case rng.IntN(2) == 0:
		return ackSwallowed
	}
	return commandLost
}

// damaged is what of a frame can be read: all of it from a sound chip. At
// least one byte is left of a frame that is cut short, up to three bits flip
// in one that is garbled.
func (n *pn532) damaged(frame []byte) []byte {
	rng := n.board.ports[portNFC].rng
	if hit(rng, n.fault.ShortFrames) {
		frame = frame[:1+rng.IntN(len(frame)-1)]
	}
	if hit(rng, n.fault.GarbledFrames) {
		frame = append([]byte(nil), frame...)
		for range 1 + rng.IntN(3) {
			frame[rng.IntN(len(frame))] ^= 1 << rng.IntN(8)
		}
	}
	return frame
}
