package board

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// lazy is a line that is requested when it is first used, and again with each use until
// that succeeds. So it recovers by itself when a driver is loaded late, a udev rule runs
// late, or another program held the line. Until then each use fails with an error that
// says what is missing and what to do.
type lazy[L io.Closer] struct {
	request func() (L, error)

	mu     sync.Mutex
	line   L
	have   bool
	closed bool
}

// get returns the line, and requests it first if necessary.
func (l *lazy[L]) get() (L, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.have || l.closed {
		if l.closed {
			return l.line, fmt.Errorf("line: %w", os.ErrClosed)
		}
		return l.line, nil
	}
	line, err := l.request()
	if err == nil {
		l.line, l.have = line, true
	}
	return line, err
}

// Close releases the line, if it was requested.
func (l *lazy[L]) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errors.New("line: already closed")
	}
	l.closed = true
	if !l.have {
		return nil
	}
	return l.line.Close()
}

type lazyOutput struct{ lazy[Output] }

func (o *lazyOutput) SetValue(value int) error {
	line, err := o.get()
	if err != nil {
		return err
	}
	return line.SetValue(value)
}

type lazyInput struct{ lazy[Input] }

func (i *lazyInput) Value() (int, error) {
	line, err := i.get()
	if err != nil {
		return 0, err
	}
	return line.Value()
}
