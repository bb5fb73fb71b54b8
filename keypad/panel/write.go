package panel

import (
	"fmt"
	"image"
)

// Write shows pixels: pix holds r's pixels row by row from its upper left corner, two bytes a
// pixel (RGB565, most significant byte first), so its length is 2*r.Dx()*r.Dy(). r is in
// visible coordinates, within Size. It may be empty.
//
// The overhead is at most 11 bytes (CASET, PASET, RAMWR), less if r has the columns or rows of
// the Write before. Write neither keeps pix nor allocates. After an error the contents of r
// are unknown.
func (d *Dev) Write(r image.Rectangle, pix []byte) error {
	if r.Empty() {
		return nil
	}
	if !r.In(image.Rectangle{Max: d.size}) {
		return fmt.Errorf("panel: write %v to %v: %w", r, d.size, ErrBounds)
	}
	if want := 2 * r.Dx() * r.Dy(); len(pix) != want {
		return fmt.Errorf("panel: write %v: %d bytes instead of %d: %w", r, len(pix), want, ErrBounds)
	}
	if err := d.window(r); err != nil {
		return err
	}
	if err := d.command(ramwr); err != nil {
		return err
	}
	return d.pixels(pix)
}

// window sets columns and rows, each only if it has changed.
func (d *Dev) window(r image.Rectangle) error {
	if r.Min.X != d.win.Min.X || r.Max.X != d.win.Max.X {
		if err := d.span(caset, r.Min.X, r.Max.X-1); err != nil {
			return err
		}
	}
	if r.Min.Y != d.win.Min.Y || r.Max.Y != d.win.Max.Y {
		if err := d.span(paset, r.Min.Y, r.Max.Y-1); err != nil {
			return err
		}
	}
	d.win = r
	return nil
}

// span sends CASET or PASET with the first and the last address.
func (d *Dev) span(cmd byte, first, last int) error {
	d.buf[1], d.buf[2] = byte(first>>8), byte(first)
	d.buf[3], d.buf[4] = byte(last>>8), byte(last)
	return d.send(cmd, 4)
}

// command sends a command and its parameters.
func (d *Dev) command(cmd byte, params ...byte) error {
	return d.send(cmd, copy(d.buf[1:], params))
}

// send sends cmd and the n parameters in d.buf[1:].
func (d *Dev) send(cmd byte, n int) error {
	d.buf[0] = cmd
	if err := d.line(d.dc, 0); err != nil {
		return err
	}
	if err := d.tx(d.buf[:1]); err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	if err := d.line(d.dc, 1); err != nil {
		return err
	}
	return d.tx(d.buf[1 : 1+n])
}

// pixels sends what follows RAMWR, in transfers of whole pixels; the panel's address
// counter goes on where the chip select pauses.
func (d *Dev) pixels(pix []byte) error {
	if err := d.line(d.dc, 1); err != nil {
		return err
	}
	for len(pix) > 0 {
		n := min(len(pix), d.chunk)
		if err := d.tx(pix[:n]); err != nil {
			return err
		}
		pix = pix[n:]
	}
	return nil
}

// line sets a line. After a failure the window is unknown.
func (d *Dev) line(l Line, v int) error {
	if err := l.SetValue(v); err != nil {
		d.failed()
		return fmt.Errorf("panel: set line: %w", err)
	}
	return nil
}

func (d *Dev) tx(b []byte) error {
	if err := d.conn.Tx(b, nil); err != nil {
		d.failed()
		return fmt.Errorf("panel: transfer: %w", err)
	}
	d.Counters.Transfers.Add(1)
	d.Counters.Bytes.Add(uint64(len(b)))
	return nil
}

func (d *Dev) failed() {
	d.win = image.Rectangle{}
	d.Counters.Errors.Add(1)
}
