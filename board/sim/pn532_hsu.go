package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// hsu is the chip's serial line (high speed UART) with a host on it: the frames of SPI
// without its op-codes, and the chip sends its own as soon as they are ready. On the
// line itself bytes take no time.
type hsu struct {
	unsent [][]byte
	more   chan struct{} // of capacity 1: there is something in unsent
}

// ServeHSU connects the PN532 to a host on a serial line until ctx is done or the host
// hangs up; then it closes the line. Meanwhile nothing may use the chip over SPI.
func (b *Board) ServeHSU(ctx context.Context, host io.ReadWriteCloser) error {
	line := &hsu{more: make(chan struct{}, 1)}
	if err := b.plugIn(line); err != nil {
		host.Close()
		return err
	}
	defer b.unplug()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		<-ctx.Done()
		return host.Close() // which ends a Read
	})
	g.Go(func() error { return b.hear(ctx, host) })
	g.Go(func() error { return line.speak(ctx, b, host) })
	if err := g.Wait(); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("sim: the PN532's serial line: %w", err)
	}
	return nil
}

func (b *Board) plugIn(line *hsu) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return b.errClosed("serial line")
	}
	if b.nfc.hsu != nil {
		return fmt.Errorf("sim: the PN532's serial line: %w", syscall.EBUSY)
	}
	b.nfc.hsu = line
	return nil
}

func (b *Board) unplug() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nfc.hsu = nil
}

// hear takes what the host sends.
func (b *Board) hear(ctx context.Context, host io.Reader) error {
	buf := make([]byte, 512)
	for {
		n, err := host.Read(buf)
		b.mu.Lock()
		if !b.closed {
			b.nfc.hear(buf[:n])
		}
		b.mu.Unlock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// hear takes bytes from the serial line. The first one wakes a chip that is asleep, and
// is lost.
func (n *pn532) hear(bytes []byte) {
	for _, in := range bytes {
		switch {
		case n.off || n.fault.Absent:
		case n.asleep:
			if n.wakeHSU {
				n.wake()
			}
		default:
			if data, kind := n.wire.rx.take(in); kind != frameNone {
				n.received(data, kind)
			}
		}
	}
}

// send gives a frame to the host.
func (l *hsu) send(frame []byte) {
	l.unsent = append(l.unsent, frame)
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// speak sends the host what the chip has for it.
func (l *hsu) speak(ctx context.Context, b *Board, host io.Writer) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.more:
		}
		b.mu.Lock()
		frames := l.unsent
		l.unsent = nil
		b.mu.Unlock()
		for _, f := range frames {
			if _, err := host.Write(f); err != nil {
				return err
			}
		}
	}
}
