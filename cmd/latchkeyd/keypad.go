package main

import (
	"errors"
	"image"
	"sync"
	"time"

	"latchkey/board"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/device"
	"latchkey/keypad"
	"latchkey/keypad/panel"
	"latchkey/keypad/touch"
	"latchkey/sync/wire"
)

// openKeypad opens panel, touch, buzzer and backlight.
func (in *instruments) openKeypad(b *board.Board, c *config) error {
	port, err := in.port(b, "panel")
	if port == nil {
		in.noPIN = err == nil
		return err
	}
	dc, err := in.output(b, "panel-dc")
	if err != nil {
		return err
	}
	reset, err := in.output(b, "panel-reset")
	if err != nil {
		return err
	}
	display, err := panel.NewSPI(port, dc, reset, panel.Opts{
		Model: c.Panel.Model, Rotation: c.Panel.Rotation,
		Invert: c.Panel.Invert, SwapRedBlue: c.Panel.SwapRedBlue, ReadBack: c.Panel.ReadBack,
	})
	if err != nil {
		return err
	}
	in.haltAtEnd(display.Halt)
	in.chips = append(in.chips, func() status.Chip {
		c := &display.Counters
		return status.Chip{Name: "panel", Transfers: c.Transfers.Load(), Errors: c.Errors.Load(), Resets: c.Lost.Load()}
	})

	turn := in.parts.NewPart("a turn of the keypad", wire.SubjectPanel)
	opts := &keypad.Opts{OnTurn: turn.Round, OnEntry: func(pin *[8]byte) { in.presentPIN(pin[:]) }, OnSeen: func() { in.events <- device.Seen{} }, OnHealth: in.keypadHealth, Language: c.Panel.Language}
	if opts.Buzzer, err = in.output(b, "buzzer"); err != nil {
		return err
	}
	if opts.Backlight, err = in.output(b, "backlight"); err != nil {
		return err
	}
	film, pen, err := in.openTouch(b, c, display.Size())
	in.parts.Report(wire.SubjectTouch, err)
	if film != nil && pen == nil {
		opts.Poll = 20 * time.Millisecond // a press is 16 ms of contact at least
	}
	if in.keypad, err = keypad.New(display, film, opts); err != nil {
		return err
	}
	if pen != nil {
		pen.to(in.keypad.PenChanged)
	}
	return nil
}

// keypadHealth takes the keypad's reports of its parts.
func (in *instruments) keypadHealth(part string, err error) {
	switch subject := wire.Subject(part); {
	case errors.Is(err, keypad.ErrPassedOver):
		in.parts.ReportImpaired(subject, err)
	case subject == wire.SubjectPanel, subject == wire.SubjectTouch:
		in.parts.Report(subject, err)
	default:
		in.log.Warn("a part of the keypad does not work, or works again", "part", part, "err", err)
	}
}

// openTouch opens the touch film, and the line that tells of its pen, nil if there is
// none. The film is nil, without an error, if the config names none.
func (in *instruments) openTouch(b *board.Board, c *config, size image.Point) (keypad.Touch, *penLine, error) {
	opts := touch.Opts{Size: size, Rotation: c.Panel.Rotation}
	if n := c.Touch.Calibration; len(n) == 6 {
		opts.Cal = touch.Affine{XX: n[0], XY: n[1], X0: n[2], YX: n[3], YY: n[4], Y0: n[5]}
	}
	pen := new(penLine)
	if c.Touch.Device != "" {
		film, err := touch.NewEvdev(c.Touch.Device, opts)
		if err != nil {
			return nil, nil, err
		}
		in.film = film
		return film, pen, nil
	}
	port, err := in.port(b, "touch")
	if port == nil {
		in.noPIN = err == nil
		return nil, nil, err
	}
	irq, err := in.inputLine(b, "touch-irq", pen.changed)
	if err != nil {
		return nil, nil, err
	}
	if irq == nil {
		pen = nil
	}
	film, err := touch.NewSPI(port, irq, opts)
	if err != nil {
		return nil, nil, err
	}
	in.haltAtEnd(film.Halt)
	in.chips = append(in.chips, func() status.Chip {
		c := &film.Counters
		return status.Chip{Name: "touch", Transfers: c.Transfers.Load(), Errors: c.Errors.Load() + c.Absent.Load(), Retries: c.Unsteady.Load()}
	})
	return film, pen, nil
}

// penLine takes the pen's edges from the board, and hands them on once there is a
// keypad.
type penLine struct {
	mu     sync.Mutex
	active bool
	next   func(active bool)
}

func (p *penLine) changed(active bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active = active
	if p.next != nil {
		p.next(active)
	}
}

func (p *penLine) to(next func(active bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = next
	next(p.active)
}
