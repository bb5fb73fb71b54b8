package panel

import (
	"image"
	"time"
)

// Times from the data sheets.
const (
	resetPulse  = 20 * time.Microsecond  // RESX low: at least 10 us
	resetWait   = 120 * time.Millisecond // after a reset in sleep out
	resetShort  = 5 * time.Millisecond   // after a reset in sleep in
	sleepShort  = 5 * time.Millisecond   // SLPIN or SLPOUT to the next command, at least
	sleepChange = 120 * time.Millisecond // SLPOUT to SLPIN
)

// Init resets the panel, by its line if it has one and by command, sends the controller's
// table, clears the memory to black and switches the display on. It works whatever state the
// panel is in, so it is also the way to recover from a fault; the picture must be written
// again. It blocks for about 0.2 s.
func (d *Dev) Init() error {
	d.Counters.Inits.Add(1)
	d.win = image.Rectangle{}
	wait := resetWait
	if d.reset != nil {
		if err := d.line(d.reset, 1); err != nil {
			return err
		}
		time.Sleep(resetPulse)
		if err := d.line(d.reset, 0); err != nil {
			return err
		}
		time.Sleep(resetWait)
		wait = resetShort
	}
	if err := d.command(swreset); err != nil {
		return err
	}
	time.Sleep(wait)
	if err := d.registers(); err != nil {
		return err
	}
	if err := d.command(slpout); err != nil {
		return err
	}
	d.sleepOut = time.Now()
	time.Sleep(d.table.powerUp)
	// After power-up the memory is random.
	if err := d.Write(image.Rectangle{Max: d.size}, make([]byte, 2*d.size.X*d.size.Y)); err != nil {
		return err
	}
	if err := d.command(dispon); err != nil {
		return err
	}
	return d.checkReadBack()
}

// Refresh sends all settings again, without a reset and without changing the picture: on a
// working panel nothing is seen. A panel that was disturbed or has reset itself then shows
// whatever its memory holds, so write the picture again afterwards. It blocks for 5 ms, sends
// about 150 bytes, and is meant to be called every few seconds while the panel may be seen.
func (d *Dev) Refresh() error {
	d.win = image.Rectangle{}
	if err := d.checkReadBack(); err != nil {
		return err
	}
	if err := d.registers(); err != nil {
		return err
	}
	if err := d.command(slpout); err != nil {
		return err
	}
	time.Sleep(sleepShort)
	return d.command(dispon)
}

// Halt switches the display off and puts the controller to sleep; [Dev.Init] brings it back.
// It may block for 0.13 s. The backlight is the caller's.
func (d *Dev) Halt() error {
	if err := d.command(dispoff); err != nil {
		return err
	}
	time.Sleep(sleepChange - time.Since(d.sleepOut))
	if err := d.command(slpin); err != nil {
		return err
	}
	time.Sleep(sleepShort)
	return nil
}

// registers sends all settings but sleep.
func (d *Dev) registers() error {
	inv := byte(invoff)
	if d.table.inverted != d.opts.Invert {
		inv = invon
	}
	for _, row := range append(d.table.init,
		[]byte{noron},        // neither partial nor scrolled
		[]byte{idmoff},       // all colours
		[]byte{colmod, 0x55}, // 16 bits a pixel
		[]byte{inv},
		[]byte{madctl, d.madctl()},
	) {
		if err := d.command(row[0], row[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// madctl returns the parameter of MADCTL: orientation and colour order.
func (d *Dev) madctl() byte {
	turned := [4]byte{0, madctlMX | madctlMV, madctlMY | madctlMX, madctlMY | madctlMV}
	m := d.table.upright ^ turned[d.opts.Rotation/90]
	if d.opts.SwapRedBlue {
		m ^= madctlBGR
	}
	return m
}
