package board

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// line is a requested line of either direction.
type line interface {
	Output
	Input
}

// lazyLine is a line that is requested when it is first used, and again with each use
// until that succeeds. So it recovers by itself when a driver is loaded late, a udev rule
// runs late, or another program held the line. Until then each use fails with an error
// that says what is missing and what to do.
type lazyLine struct {
	request func() (line, error)

	mu     sync.Mutex
	line   line // nil: not requested yet
	closed bool
}

// get returns the line, and requests it first if necessary.
func (l *lazyLine) get() (line, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fmt.Errorf("line: %w", os.ErrClosed)
	}
	if l.line != nil {
		return l.line, nil
	}
	var err error
	l.line, err = l.request()
	return l.line, err
}

func (l *lazyLine) SetValue(value int) error {
	line, err := l.get()
	if err != nil {
		return err
	}
	return line.SetValue(value)
}

func (l *lazyLine) Value() (int, error) {
	line, err := l.get()
	if err != nil {
		return 0, err
	}
	return line.Value()
}

// Close releases the line, if it was requested.
func (l *lazyLine) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errors.New("line: already closed")
	}
	l.closed = true
	if l.line == nil {
		return nil
	}
	return l.line.Close()
}
