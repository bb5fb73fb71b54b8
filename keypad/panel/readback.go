package panel

import (
	"errors"
	"fmt"

	"periph.io/x/conn/v3/physic"
)

// ErrAbsent says that a panel that once answered no longer does: no chip, no power, a broken
// wire.
var ErrAbsent = errors.New("panel: the controller does not answer: check its power and wiring")

// Registers that are read back.
const (
	rddpm     = 0x0A // power mode
	rddmadctl = 0x0B
	rddcolmod = 0x0C
	working   = 0x9C // RDDPM: booster on, sleep out, normal mode, display on
)

// readFreq is the clock for reading: the controllers' read cycle is at least 150 ns, and
// their output is weak.
const readFreq = 2 * physic.MegaHertz

// limiter is what Opts.ReadBack needs of a port. periph's ports have it.
type limiter interface {
	LimitSpeed(physic.Frequency) error
}

// checkReadBack reads back what the panel was sent last, if Opts.ReadBack is set. It returns
// [ErrAbsent] only for a panel that answered before and is silent now. Nil may also mean that
// nothing ever came back, as from a module without a data output, or that the panel has lost
// its settings: the rest of Refresh puts that right.
func (d *Dev) checkReadBack() error {
	if d.port == nil {
		return nil
	}
	if err := d.port.LimitSpeed(readFreq); err != nil {
		return fmt.Errorf("panel: clock for reading: %w", err)
	}
	err := d.readBack()
	if limit := d.port.LimitSpeed(freq); limit != nil {
		return errors.Join(err, fmt.Errorf("panel: clock after reading: %w", limit))
	}
	return err
}

func (d *Dev) readBack() error {
	var power, order, format byte
	for range 3 { // noise may disturb a reading
		for _, r := range []struct {
			cmd byte
			to  *byte
		}{{rddpm, &power}, {rddmadctl, &order}, {rddcolmod, &format}} {
			var err error
			if *r.to, err = d.read(r.cmd); err != nil {
				return err
			}
		}
		if power == working && order == d.madctl() && format&7 == 5 {
			d.answered = true
			return nil
		}
	}
	silent := power == order && order == format && (power == 0 || power == 0xFF)
	if d.answered && silent {
		d.Counters.Absent.Add(1)
		return ErrAbsent
	}
	if d.answered {
		d.Counters.Lost.Add(1)
	}
	return nil
}

// read reads an 8-bit register: on four-line SPI its bits follow the command's at once,
// within the same chip select. They do not depend on D/C.
func (d *Dev) read(cmd byte) (byte, error) {
	d.buf[0], d.buf[1] = cmd, 0 // NOP
	if err := d.line(d.dc, 0); err != nil {
		return 0, err
	}
	if err := d.conn.Tx(d.buf[:2], d.back[:]); err != nil {
		d.failed()
		return 0, fmt.Errorf("panel: read: %w", err)
	}
	d.Counters.Transfers.Add(1)
	d.Counters.Bytes.Add(2)
	return d.back[1], nil
}
