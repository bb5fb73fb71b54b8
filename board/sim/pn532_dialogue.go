package sim

import (
	"slices"
	"time"
)

// received handles a frame that a data write brought.
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

// abort is a host's ACK: it ends what runs. After a response that has been read
// it changes nothing.
func (n *pn532) abort() {
	if n.running || n.out != nil || n.response != nil {
		n.cancel()
		n.abortUntil = time.Now().Add(abortTime)
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

// command takes a valid command frame: it ends the command before, whatever its
// state. What could be read before stays readable until the ACK replaces it.
func (n *pn532) command(data []byte) {
	if time.Now().Before(n.abortUntil) {
		n.board.violate("nfc", "a command right after an abort: lost")
		return
	}
	if n.justWoke && n.opts.LosesFirst {
		n.justWoke = false
		return
	}
	n.justWoke = false
	n.gen++
	n.response, n.loading, n.dropFirst, n.powerDown = nil, false, false, false
	n.rf.search, n.rf.onAir = nil, nil
	n.running = true
	rng := n.board.ports[portNFC].rng
	noACK := hit(rng, n.fault.LostACKs)
	if noACK && rng.IntN(2) == 1 { // because the command is lost
		n.running = false
		return
	}
	n.after(n.opts.AckDelay, func() {
		if noACK {
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
	if n.hsu != nil && n.ready() != nil && !n.fault.Absent {
		n.hsu.send(f.bytes)
		n.wasRead(f, 0)
	}
}

// wasRead handles the end of a frame that was read whole, and over bytes past it.
func (n *pn532) wasRead(f *outFrame, over int) {
	n.out = nil
	n.irq()
	if f.ack {
		if over > 0 {
			n.board.violate("nfc", "read past the end of an ACK: the response may lose its first byte")
			n.dropFirst = !n.opts.KeepsOverread
		}
		n.offer()
	}
}

// respond makes the response to the running command ready after d.
func (n *pn532) respond(d time.Duration, payload ...byte) {
	n.after(d, func() { n.finish(n.frame(payload)) })
}

// refuse answers the running command with the error frame: there is no such command,
// or its parameters are wrong.
func (n *pn532) refuse(why string) {
	n.board.violate("nfc", "%s: answered with the error frame", why)
	n.after(n.opts.CommandTime, func() { n.finish(errorFrame) })
}

func (n *pn532) frame(payload []byte) []byte {
	bare := n.rf.flags&flagNoAmble != 0
	zeros := 2
	if bare || n.opts.ShortStart {
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
		if n.dropFirst && len(f.bytes) > 1 {
			f.bytes = f.bytes[1:]
		}
		n.response, n.loading, n.dropFirst = nil, false, false
		n.load(f)
		if n.powerDown {
			n.powerDown, n.goingDown = false, true
			n.after(sleepDelay, n.sleep)
		}
	})
}

// damaged is a frame as it can be read: whole from a sound chip. At least one byte
// is left of a frame that is cut short, up to three bits flip in one that is
// garbled.
func (n *pn532) damaged(frame []byte) []byte {
	rng := n.board.ports[portNFC].rng
	if hit(rng, n.fault.ShortFrames) {
		frame = frame[:1+rng.IntN(len(frame)-1)]
	}
	if hit(rng, n.fault.GarbledFrames) {
		frame = slices.Clone(frame)
		for range 1 + rng.IntN(3) {
			frame[rng.IntN(len(frame))] ^= 1 << rng.IntN(8)
		}
	}
	return frame
}
