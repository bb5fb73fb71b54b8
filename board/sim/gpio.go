package sim

import (
	"fmt"
	"os"
	"syscall"
)

// The lines of the board. Every value is logical: true is active.
const (
	lineStrike     = "strike"
	lineBuzzer     = "buzzer"
	lineBacklight  = "backlight"
	linePanelDC    = "panel-dc"    // active: data
	linePanelReset = "panel-reset" // active: RESX low
	lineNFCReset   = "nfc-reset"   // active: RSTPD_N low
	lineExitButton = "exit-button"
	lineDoorOpen   = "door-open"
	lineTamper     = "tamper"
	lineFire       = "fire"
	lineTouchIRQ   = "touch-irq" // active: PENIRQ low
	lineNFCIRQ     = "nfc-irq"   // active: P70_IRQ low
)

type lineKind int

const (
	output    lineKind = iota // driven by the program
	button                    // driven by the person at the door: SetLine
	interrupt                 // driven by a chip
)

type line struct {
	name      string
	kind      lineKind
	active    bool
	requested bool
	input     *Input // the request that has a handler; nil if none
}

func newLines() map[string]*line {
	m := map[string]*line{}
	for _, l := range []line{
		{name: lineStrike}, {name: lineBuzzer}, {name: lineBacklight},
		{name: linePanelDC}, {name: linePanelReset}, {name: lineNFCReset},
		{name: lineExitButton, kind: button}, {name: lineDoorOpen, kind: button}, {name: lineTamper, kind: button},
		{name: lineFire, kind: button},
		{name: lineTouchIRQ, kind: interrupt}, {name: lineNFCIRQ, kind: interrupt},
	} {
		m[l.name] = &l
	}
	return m
}

// request is a line that the program holds.
type request struct {
	board  *Board
	line   *line
	closed bool
}

// requestLine hands a line out, once at a time, as the kernel does.
func (b *Board) requestLine(name string, direction string) (request, error) {
	if b.closed {
		return request{}, b.errClosed("line " + name)
	}
	l := b.lines[name]
	if l == nil || (l.kind == output) != (direction == "output") {
		return request{}, fmt.Errorf("sim: no %s line %q: %w", direction, name, syscall.ENOENT)
	}
	if l.requested {
		return request{}, fmt.Errorf("sim: line %s: %w", name, syscall.EBUSY)
	}
	l.requested = true
	return request{board: b, line: l}, nil
}

func (r *request) errClosed() error {
	return fmt.Errorf("sim: line %s: %w", r.line.name, os.ErrClosed)
}

// Close gives the line back, which keeps its level. No call of an input's handler
// begins after it returns; one that is under way is not waited for.
func (r *request) Close() error {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	if r.closed {
		return r.errClosed()
	}
	r.closed = true
	r.line.requested, r.line.input = false, nil
	return nil
}

// Output is a requested output line.
type Output struct{ request }

// Output requests strike, buzzer, backlight, panel-dc, panel-reset or
// nfc-reset. The error wraps EBUSY while someone else holds the line.
func (b *Board) Output(name string) (*Output, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, err := b.requestLine(name, "output")
	if err != nil {
		return nil, err
	}
	return &Output{r}, nil
}

// SetValue drives the line: 0 is inactive, everything else active.
func (o *Output) SetValue(v int) error {
	b := o.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if o.closed || b.closed {
		return o.errClosed()
	}
	if b.strikeFails && o.line.name == lineStrike {
		return fmt.Errorf("sim: line %s: %w", o.line.name, syscall.EIO)
	}
	b.drive(o.line, v != 0)
	return nil
}

// Input is a requested input line.
type Input struct {
	request
	on      func(active bool)
	waiting int // edges queued for on
}

// Input requests exit-button, door-open, tamper, fire, touch-irq or nfc-irq. on
// may be nil; otherwise a goroutine of the board calls it for each change, in the
// order of the changes and never concurrently with any handler of the board.
// The error wraps EBUSY while someone else holds the line.
func (b *Board) Input(name string, on func(active bool)) (*Input, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, err := b.requestLine(name, "input")
	if err != nil {
		return nil, err
	}
	in := &Input{request: r, on: on}
	if on != nil {
		in.line.input = in
	}
	return in, nil
}

// Value is the level now: 1 is active.
func (in *Input) Value() (int, error) {
	in.board.mu.Lock()
	defer in.board.mu.Unlock()
	if in.closed || in.board.closed {
		return 0, in.errClosed()
	}
	if in.line.active {
		return 1, nil
	}
	return 0, nil
}

// SetLine pushes the exit button, opens the door or the case, raises the fire
// alarm. The error wraps ENOENT for an unknown name, EPERM for a line that the
// program or a chip drives.
func (b *Board) SetLine(name string, active bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lines[name]
	switch {
	case b.closed:
		return b.errClosed("line " + name)
	case l == nil:
		return fmt.Errorf("sim: line %q: %w", name, syscall.ENOENT)
	case l.kind != button:
		return fmt.Errorf("sim: line %s is not a button or contact: %w", name, syscall.EPERM)
	}
	b.drive(l, active)
	return nil
}

// Lines are the lines that a person at the door knows: strike, buzzer,
// exit-button, door-open, tamper and fire.
func (b *Board) Lines() map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := map[string]bool{}
	for _, name := range []string{lineStrike, lineBuzzer, lineExitButton, lineDoorOpen, lineTamper, lineFire} {
		m[name] = b.lines[name].active
	}
	return m
}

// Line is the level of any line of the board; false for an unknown name.
func (b *Board) Line(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lines[name]
	return l != nil && l.active
}

// drive sets a line, and tells the chip behind it, the handler and the watchers.
func (b *Board) drive(l *line, active bool) {
	if l.active == active {
		return
	}
	l.active = active
	switch l.name {
	case linePanelReset:
		b.panel.reset(active)
	case lineNFCReset:
		b.nfc.reset(active)
	}
	if l.input != nil {
		b.edges.put(l.input, active)
	}
	if l.kind != interrupt && l.name != linePanelDC {
		b.log.Debug("sim: line", "name", l.name, "active", active)
		b.notify()
	}
}

// interrupt sets the interrupt line of a chip.
func (b *Board) interrupt(name string, active bool) {
	if !b.closed {
		b.drive(b.lines[name], active)
	}
}
