package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// The door's lines are those of the board's PL061 GPIO controller, whose pins
// end in QEMU: the bench reads what the machine drives and drives what it reads.
// QEMU's board has its power key on line 3.
const (
	lineStrike = 0
	lineExit   = 2
	lineDoor   = 4
	lineTamper = 5
	lineFire   = 6
)

// change is a change of the strike's line.
type change struct {
	on bool
	at time.Time
}

// doorLines speaks QEMU's qtest protocol (docs/devel/testing/qtest.rst).
type doorLines struct {
	conn net.Conn
	path string // of the controller in QEMU's object tree

	mu     sync.Mutex
	strike []change
}

// openLines finds the GPIO controller and takes over its pins.
func (m *machine) openLines(ctx context.Context) (*doorLines, error) {
	path, err := m.monitor.find("pl061")
	if err != nil {
		return nil, err
	}
	conn, err := m.dial(ctx, "qtest")
	if err != nil {
		return nil, err
	}
	d := &doorLines{conn: conn, path: path}
	go d.read()
	return d, d.send("irq_intercept_out " + path)
}

func (d *doorLines) send(command string) error {
	_, err := io.WriteString(d.conn, command+"\n")
	return err
}

func (d *doorLines) read() {
	for scan := bufio.NewScanner(d.conn); scan.Scan(); {
		var line int
		var how string
		if n, _ := fmt.Sscanf(scan.Text(), "IRQ %s %d", &how, &line); n == 2 && line == lineStrike {
			d.mu.Lock()
			d.strike = append(d.strike, change{how == "raise", time.Now()})
			d.mu.Unlock()
		}
	}
}

// set drives an input of the machine.
func (d *doorLines) set(line int, on bool) {
	level := 0
	if on {
		level = 1
	}
	check(d.send(fmt.Sprintf("set_irq_in %s unnamed-gpio-in %d %d", d.path, line, level)))
}

// mark is how many changes of the strike there have been.
func (d *doorLines) mark() int { return len(d.since(0)) }

// since returns the strike's changes after a mark.
func (d *doorLines) since(mark int) []change {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.strike[mark:])
}

// strikeOn tells whether the strike is on; it is off when the machine starts.
func (d *doorLines) strikeOn() bool {
	all := d.since(0)
	return len(all) > 0 && all[len(all)-1].on
}

// requireChanges fails unless the strike has changed n times since a mark.
func (d *doorLines) requireChanges(mark, n int) {
	if changes := d.since(mark); len(changes) != n {
		fail("the strike changed %d times, not %d: %s", len(changes), n, describe(changes))
	}
}

// awaitStrike waits until the strike has gone on, or off, since a mark.
func (m *machine) awaitStrike(mark int, on bool) (found change) {
	eventually(m.ctx, "the strike is "+onOff(on), func() bool {
		changes := m.lines.since(mark)
		i := slices.IndexFunc(changes, func(c change) bool { return c.on == on })
		if i < 0 {
			fail("its changes: %s", describe(changes))
		}
		found = changes[i]
		return true
	})
	return found
}

// unlocks waits until the strike has gone on and off after something was done,
// and describes it.
func (m *machine) unlocks(do func()) string {
	mark := m.lines.mark()
	do()
	return m.unlocked(mark, time.Now())
}

// unlocked is unlocks with what was done at a time, after a mark.
func (m *machine) unlocked(mark int, began time.Time) string {
	on, off := m.awaitStrike(mark, true), m.awaitStrike(mark, false)
	wait, order := on.at.Sub(began), "later"
	if wait < 0 {
		wait, order = -wait, "earlier"
	}
	return fmt.Sprintf("the strike's pin went on %d ms %s, for %.1f s", wait.Milliseconds(), order, off.at.Sub(on.at).Seconds())
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func describe(changes []change) string {
	var words []string
	for _, c := range changes {
		words = append(words, onOff(c.on))
	}
	return strings.Join(words, ", ")
}
