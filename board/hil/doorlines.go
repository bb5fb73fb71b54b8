package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// The door's lines are those of the board's PL061 GPIO controller, whose pins
// end in QEMU: this side reads what the machine drives and drives what it reads.
const (
	lineStrike = 0
	lineBuzzer = 1
	lineExit   = 2
	// QEMU's board has its power key on line 3.
	lineDoor   = 4
	lineTamper = 5
)

// change is an output that changed.
type change struct {
	line int
	on   bool
	at   time.Time
}

// doorLines speaks QEMU's qtest protocol (docs/devel/testing/qtest.rst).
type doorLines struct {
	conn net.Conn
	path string // of the controller in QEMU's object tree

	mu      sync.Mutex
	changes []change
	more    chan struct{} // closed and replaced with each change
}

// openLines finds the GPIO controller and takes its pins.
func (m *machine) openLines(ctx context.Context) (*doorLines, error) {
	path, err := m.monitor.find("pl061")
	if err != nil {
		return nil, err
	}
	conn, err := m.dial(ctx, "qtest")
	if err != nil {
		return nil, err
	}
	l := &doorLines{conn: conn, path: path, more: make(chan struct{})}
	go l.read()
	return l, l.send("irq_intercept_out " + path)
}

func (l *doorLines) send(command string) error {
	_, err := io.WriteString(l.conn, command+"\n")
	return err
}

func (l *doorLines) read() {
	for scan := bufio.NewScanner(l.conn); scan.Scan(); {
		var c change
		var how string
		if n, _ := fmt.Sscanf(scan.Text(), "IRQ %s %d", &how, &c.line); n != 2 {
			continue
		}
		c.on, c.at = how == "raise", time.Now()
		l.mu.Lock()
		l.changes = append(l.changes, c)
		close(l.more)
		l.more = make(chan struct{})
		l.mu.Unlock()
	}
}

// set drives an input of the machine.
func (l *doorLines) set(line int, on bool) error {
	level := 0
	if on {
		level = 1
	}
	return l.send(fmt.Sprintf("set_irq_in %s unnamed-gpio-in %d %d", l.path, line, level))
}

// mark is where the record of changes stands; what comes later is behind it.
func (l *doorLines) mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.changes)
}

// since are the changes of one output behind a mark.
func (l *doorLines) since(mark, line int) []change {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []change
	for _, c := range l.changes[mark:] {
		if c.line == line {
			found = append(found, c)
		}
	}
	return found
}

// await waits until an output has gone on, or off, behind a mark.
func (l *doorLines) await(mark, line int, on bool, atMost time.Duration) (change, error) {
	deadline := time.After(atMost)
	for {
		l.mu.Lock()
		more := l.more
		l.mu.Unlock()
		for _, c := range l.since(mark, line) {
			if c.on == on {
				return c, nil
			}
		}
		select {
		case <-more:
		case <-deadline:
			return change{}, fmt.Errorf("line %d is not %s after %v: it has changed %s", line, onOff(on), atMost, describe(l.since(mark, line)))
		}
	}
}

// level is what an output was set to last; outputs begin low.
func (l *doorLines) level(line int) bool {
	all := l.since(0, line)
	return len(all) > 0 && all[len(all)-1].on
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func describe(changes []change) string {
	if len(changes) == 0 {
		return "not at all"
	}
	var words []string
	for _, c := range changes {
		words = append(words, onOff(c.on))
	}
	return strings.Join(words, ", ")
}
