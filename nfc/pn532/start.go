package pn532

import (
	"context"
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
)

// Times of a start.
const (
	resetLow   = 20 * time.Millisecond   // RSTPD_N low; modules have a capacitor there
	resetWait  = 10 * time.Millisecond   // from the end of the reset to the first command
	wakeLow    = 2500 * time.Microsecond // chip select low until the oscillator runs (2 ms at most)
	wakeWait   = time.Millisecond        // from then to the first command
	firstPause = 250 * time.Millisecond  // after the first start that failed, doubling
	lastPause  = 3 * time.Second         // at most
)

// start resets, wakes and configures the chip. During the wait after a failure it does nothing
// and returns that failure again.
func (d *Dev) start(ctx context.Context) error {
	if d.state == absent && time.Now().Before(d.retry) {
		return d.cause
	}
	d.Counters.Starts.Add(1)
	err := d.configure(ctx)
	switch {
	case err == nil:
		d.state = ready
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errTimeout), errors.Is(err, errNoACK), garbled(err):
		err = ErrAbsent
	}
	return d.fail(err)
}

// fail makes the chip absent for a time that doubles until a poll succeeds.
func (d *Dev) fail(cause error) error {
	d.pause = min(max(2*d.pause, firstPause), lastPause)
	d.state, d.cause, d.retry = absent, cause, time.Now().Add(d.pause)
	return cause
}

// configure makes a chip in any state one that is ready to list cards.
func (d *Dev) configure(ctx context.Context) error {
	d.irqDead, d.falseCalls, d.heard, d.selected, d.searching = false, 0, false, false, time.Time{}
	if err := d.pulseReset(ctx); err != nil {
		return err
	}
	if err := d.wake(ctx); err != nil {
		return err
	}
	// A command from before the host restarted may still run, or its answer may be ready.
	d.abort()
	if err := d.drain(ctx); err != nil {
		return err
	}
	if err := d.SAMConfiguration(ctx, d.irq != nil); err != nil {
		return err
	}
	v, err := d.GetFirmwareVersion(ctx)
	if err != nil {
		return err
	}
	if v.IC != 0x32 {
		return ErrNotPN532
	}
	d.version = v
	const autoATR, autoRATS = 0x04, 0x10
	if err := d.SetParameters(ctx, autoATR|autoRATS); err != nil {
		return err
	}
	// The first two, for NFC peers, are the chip's defaults. With FF as the third, a
	// search goes on until there is a card.
	const mxRtyATR, mxRtyPSL, endless = 0xFF, 0x01, 0xFF
	return d.RFConfiguration(ctx, rfMaxRetries, mxRtyATR, mxRtyPSL, endless)
}

// pulseReset resets the chip if there is a line for it.
func (d *Dev) pulseReset(ctx context.Context) error {
	if d.reset == nil {
		return nil
	}
	if err := d.setReset(1); err != nil {
		return err
	}
	waited := wait(ctx, resetLow)
	if err := d.setReset(0); err != nil { // also when the context has ended
		return err
	}
	if waited != nil {
		return waited
	}
	return wait(ctx, resetWait)
}

func (d *Dev) setReset(v int) error {
	if err := d.reset.SetValue(v); err != nil {
		d.Counters.Errors.Add(1)
		return fmt.Errorf("pn532: reset line: %w", err)
	}
	return nil
}

// wake holds the chip select low, with a transfer of zeros that is long enough at the highest
// clock; a slower port holds it longer.
func (d *Dev) wake(ctx context.Context) error {
	n := int(wakeLow*time.Duration(freq/physic.Hertz)/time.Second/8) + 1
	zeros := make([]byte, n)
	if err := d.conn.Tx(zeros, nil); err != nil {
		d.Counters.Errors.Add(1)
		return fmt.Errorf("pn532: transfer: %w", err)
	}
	d.Counters.Transfers.Add(1)
	return wait(ctx, wakeWait)
}
