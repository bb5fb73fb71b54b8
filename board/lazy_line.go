package board

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// late is a line that is requested when it is first needed, and again with each
// use until that succeeds: a chip whose driver is loaded late, a udev rule that
// is carried out late, or a line that something else held ends by itself. Until
// then each use fails, and says what is missing and what to do.
type late[L io.Closer] struct {
	request func() (L, error)

	mu     sync.Mutex
	line   L
	have   bool
	closed bool
}

// get returns the line, requested if it was not yet.
func (l *late[L]) get() (L, error) {
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

// Close gives the line back, if it was had.
func (l *late[L]) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errors.New("line: closed already")
	}
	l.closed = true
	if !l.have {
		return nil
	}
	return l.line.Close()
}

type lateOutput struct{ late[Output] }

func (o *lateOutput) SetValue(value int) error {
	line, err := o.get()
	if err != nil {
		return err
	}
	return line.SetValue(value)
}

type lateInput struct{ late[Input] }

func (i *lateInput) Value() (int, error) {
	line, err := i.get()
	if err != nil {
		return 0, err
	}
	return line.Value()
}
