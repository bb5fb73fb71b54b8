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
	sleepShort  = 5 * time.Millisecond   // SLPIN or SLPOUT to the next command
	sleepChange = 120 * time.Millisecond // SLPIN to SLPOUT, SLPOUT to SLPIN
)

// Init resets the panel, by its line if it has one and by command, sends the
// controller's table, clears the memory to black and switches the display on.
// It blocks for about 0.2 s. It works whatever state the panel is in, so it is
// also the way to recover from a fault; the picture must be written again.
func (d *Dev) Init() error {
	d.count.inits.Add(1)
	d.winSet = false
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
	d.asleep = true
	d.sleepChanged = time.Time{} // the wait after the reset was enough
	if err := d.sleepOut(); err != nil {
		return err
	}
	if err := d.clear(); err != nil {
		return err
	}
	if err := d.command(dispon); err != nil {
		return err
	}
	return d.checkReadBack()
}

// Refresh sends all settings again, without a reset and without changing the
// picture: on a working panel nothing is seen. A panel that was disturbed or has
// reset itself then shows whatever its memory holds, so write the picture again
// afterwards. It blocks for 5 ms, sends about 150 bytes, and is meant to be called
// every few seconds while the panel may be seen. A panel put to sleep stays asleep.
func (d *Dev) Refresh() error {
	d.count.refreshes.Add(1)
	d.winSet = false
	if err := d.checkReadBack(); err != nil {
		return err
	}
	if err := d.registers(); err != nil {
		return err
	}
	if d.asleep {
		return nil
	}
	if err := d.sleepOut(); err != nil {
		return err
	}
	return d.command(dispon)
}

// registers sends all settings but sleep.
func (d *Dev) registers() error {
	for _, row := range d.table.init {
		if err := d.command(row[0], row[1:]...); err != nil {
			return err
		}
	}
	for _, row := range [][]byte{
		{noron},        // neither partial nor scrolled
		{idmoff},       // all colours
		{colmod, 0x55}, // 16 bits a pixel
	} {
		if err := d.command(row[0], row[1:]...); err != nil {
			return err
		}
	}
	inv := byte(invoff)
	if d.table.inverted != d.opts.Invert {
		inv = invon
	}
	if err := d.command(inv); err != nil {
		return err
	}
	return d.command(madctl, d.madctl())
}

// madctl returns the parameter of MADCTL: orientation and colour order.
func (d *Dev) madctl() byte {
	m := d.table.madctl[d.opts.Rotation/90]
	if d.opts.SwapRedBlue {
		m ^= madctlBGR
	}
	return m
}

// clear writes black everywhere: after power-up the memory is random.
func (d *Dev) clear() error {
	all := image.Rectangle{Max: d.size}
	if err := d.window(all); err != nil {
		return err
	}
	if err := d.command(ramwr); err != nil {
		return err
	}
	black := make([]byte, min(d.chunk, 2*d.size.X*d.size.Y))
	for left := 2 * d.size.X * d.size.Y; left > 0; left -= len(black) {
		if err := d.pixels(black[:min(left, len(black))]); err != nil {
			return err
		}
	}
	return nil
}

// Sleep switches the display off and puts the controller to sleep; its memory
// keeps the picture, and Write still reaches it. It may block for 0.13 s. The
// backlight is the caller's.
func (d *Dev) Sleep() error {
	if d.asleep {
		return nil
	}
	if err := d.command(dispoff); err != nil {
		return err
	}
	d.waitForSleepChange()
	if err := d.command(slpin); err != nil {
		return err
	}
	d.asleep, d.sleepChanged = true, time.Now()
	time.Sleep(sleepShort)
	return nil
}

// Wake ends Sleep and shows the memory again. It may block for 0.13 s.
func (d *Dev) Wake() error {
	if !d.asleep {
		return nil
	}
	if err := d.sleepOut(); err != nil {
		return err
	}
	return d.command(dispon)
}

// sleepOut sends SLPOUT and waits until the controller takes commands.
func (d *Dev) sleepOut() error {
	if d.asleep {
		d.waitForSleepChange()
	}
	if err := d.command(slpout); err != nil {
		return err
	}
	if d.asleep {
		d.asleep, d.sleepChanged = false, time.Now()
		time.Sleep(max(sleepShort, d.table.powerUp))
		return nil
	}
	time.Sleep(sleepShort)
	return nil
}

// waitForSleepChange waits until the controller takes SLPIN or SLPOUT again.
func (d *Dev) waitForSleepChange() {
	if !d.sleepChanged.IsZero() {
		time.Sleep(sleepChange - time.Since(d.sleepChanged))
	}
}
