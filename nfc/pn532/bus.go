package pn532

import (
	"context"
	"fmt"
	"math/bits"
	"time"
)

// The first byte of each transfer says what it is (UM0701-02 §6.2.5).
const (
	opWrite  = 0x01
	opStatus = 0x02
	opRead   = 0x03
)

// tx makes one transfer, full duplex: it sends w and returns what came back, in d.rxBuf. The
// chip takes the lowest bit first, which a Raspberry Pi's SPI cannot do; so every byte is
// reversed.
func (d *Dev) tx(w []byte) ([]byte, error) {
	for i, v := range w {
		d.txBuf[i] = bits.Reverse8(v)
	}
	r := d.rxBuf[:len(w)]
	err := d.conn.Tx(d.txBuf[:len(w)], r)
	if err != nil {
		d.Counters.Errors.Add(1)
		return nil, fmt.Errorf("pn532: transfer: %w", err)
	}
	d.Counters.Transfers.Add(1)
	for i, v := range r {
		r[i] = bits.Reverse8(v)
	}
	return r, nil
}

// writeFrame sends a whole frame.
func (d *Dev) writeFrame(frame []byte) error {
	d.frame = append(append(d.frame[:0], opWrite), frame...)
	_, err := d.tx(d.frame)
	return err
}

// readBytes reads n bytes after the op code. The byte that came back during the op code is part
// of the result: a chip that was left in the middle of a frame puts one of the frame's there.
func (d *Dev) readBytes(n int) ([]byte, error) {
	clear(d.idle[:1+n])
	d.idle[0] = opRead
	return d.tx(d.idle[:1+n])
}

// status asks the chip whether a frame is ready.
func (d *Dev) status() (bool, error) {
	clear(d.idle[:2])
	d.idle[0] = opStatus
	r, err := d.tx(d.idle[:2])
	if err != nil {
		return false, err
	}
	// Bit 0 is the answer; a floating line reads FF.
	return r[1]&1 == 1 && r[1] != 0xFF, nil
}

// ready reports whether a frame is ready. It asks the chip, too, if the interrupt line says so,
// because no data sheet says when the chip releases the line.
func (d *Dev) ready() (bool, error) {
	if d.irq != nil && !d.irqDead {
		v, err := d.irq.Value()
		if err != nil {
			d.Counters.Errors.Add(1)
			return false, fmt.Errorf("pn532: interrupt line: %w", err)
		}
		if v == 0 {
			return false, nil
		}
	}
	return d.status()
}

// waitReady waits until a frame is ready: it asks after first and then every pollStep, later less
// often, and when an interrupt says so. It returns errTimeout after limit.
func (d *Dev) waitReady(ctx context.Context, first, limit time.Duration) error {
	begin := time.Now()
	for pause := first; ; {
		if d.heard {
			pause = heardStep
		}
		woken, err := d.sleep(ctx, min(pause, limit-time.Since(begin)))
		if err != nil {
			return err
		}
		ok, err := d.ready()
		d.judgeCall(woken, ok)
		if err != nil || ok {
			d.heard = d.heard && woken
			return err
		}
		waited := time.Since(begin)
		if waited >= limit {
			return d.lastTry()
		}
		pause = max(pollStep, waited/16)
	}
}

// lastTry asks the chip itself before waitReady gives up: perhaps only the interrupt line is
// broken. It is then not used until the next start.
func (d *Dev) lastTry() error {
	if d.irq == nil || d.irqDead {
		return errTimeout
	}
	ok, err := d.status()
	if err == nil && !ok {
		return errTimeout
	}
	d.irqDead, d.heard = ok, false
	return err
}

// Interrupt is to be called with each change of the interrupt line, from any goroutine: so Poll
// need not ask the chip again and again.
func (d *Dev) Interrupt(active bool) {
	if !active {
		return
	}
	select {
	case d.wakeUp <- struct{}{}:
	default:
	}
}

// sleep returns after t, or when the interrupt line becomes active: then woken is true. A line that
// has called in vain again and again, because it is cut or touches another, is ignored until the
// chip is set up anew. It returns ctx's error if ctx ends first.
func (d *Dev) sleep(ctx context.Context, t time.Duration) (woken bool, err error) {
	wakeUp := d.wakeUp
	if d.falseCalls >= mostFalseCalls {
		wakeUp = nil
	}
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-timer.C:
	case <-wakeUp:
		d.heard, woken = true, true
	}
	return woken, nil
}

// judgeCall counts interrupts that came without a frame.
func (d *Dev) judgeCall(woken, frame bool) {
	switch {
	case woken && frame:
		d.falseCalls = 0
	case woken:
		d.falseCalls++
		d.heard = d.heard && d.falseCalls < mostFalseCalls
	}
}

// wait returns nil after d, or ctx's error if ctx ends first.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
	}
	return nil
}
