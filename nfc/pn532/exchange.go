package pn532

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Limits of one exchange.
const (
	ackWait    = 15 * time.Millisecond  // UM0701-02 §6.2.3: send again without an ACK within 15 ms
	answerWait = 100 * time.Millisecond // for a command that needs no card
	pollStep   = 2 * time.Millisecond   // between two readings of the status, at least
	heardStep  = 20 * time.Millisecond  // the same while the interrupt line wakes the driver
	firstPoll  = 2 * time.Millisecond   // from a frame to the first reading of the status
	abortPause = 2 * time.Millisecond   // a chip that aborts takes no command meanwhile
	maxSends   = 3                      // of a command
	maxReads   = 3                      // of a response, with a NACK in between

	overhead = 10 // bytes of a frame besides its data, also of an extended one
)

var (
	errTimeout = errors.New("no answer in time")
	errNoACK   = errors.New("command not acknowledged")
)

// ErrSyntax says that the chip received a command and refused its contents.
var ErrSyntax = errors.New("pn532: the chip refused a command (application level error)")

// command is one exchange.
type command struct {
	body  []byte        // the command code and its parameters
	room  int           // the longest response, response code included
	first time.Duration // when to ask for the response first
	limit time.Duration // how long the response may take
}

// exchange carries out a command and returns the parameters of its response, in a buffer that
// the next transfer overwrites. After a failure it aborts the command, so that the chip is idle
// if possible.
//
// An undisturbed exchange has five transfers: the command, status, ACK, status, response. Each
// status that was read too early is one more; with an interrupt line that works there are none
// of these.
func (d *Dev) exchange(ctx context.Context, c command) ([]byte, error) {
	data, err := d.attempt(ctx, c)
	if err == nil || errors.Is(err, ErrSyntax) {
		return data, err
	}
	d.abort()
	return nil, fmt.Errorf("command %02X: %w", c.body[0], err)
}

func (d *Dev) attempt(ctx context.Context, c command) ([]byte, error) {
	if err := d.sendCommand(ctx, c.body); err != nil {
		return nil, err
	}
	if err := d.waitReady(ctx, c.first, c.limit); err != nil {
		return nil, err
	}
	return d.receive(ctx, c)
}

// receive reads a response that is ready.
func (d *Dev) receive(ctx context.Context, c command) ([]byte, error) {
	for i := 1; ; i++ {
		data, err := d.readResponse(c)
		if i == maxReads || !garbled(err) {
			return data, err
		}
		d.noteGarbled()
		d.Counters.Retries.Add(1)
		if err := d.writeFrame(nackFrame[:]); err != nil { // send it again
			return nil, err
		}
		if err := d.waitReady(ctx, firstPoll, c.limit); err != nil {
			return nil, err
		}
	}
}

// noisyFor is how long the wiring is not trusted after a garbled frame.
const noisyFor = 5 * time.Minute

// noteGarbled counts a garbled frame.
func (d *Dev) noteGarbled() {
	d.Counters.Garbled.Add(1)
	d.noisy = time.Now().Add(noisyFor)
}

// garbled reports whether an error may come from noise on the wires, so that asking again helps.
func garbled(err error) bool {
	return errors.Is(err, errNoFrame) || errors.Is(err, errTruncated) ||
		errors.Is(err, errChecksum) || errors.Is(err, errDirection)
}

// sendCommand sends a command until the chip acknowledges it.
func (d *Dev) sendCommand(ctx context.Context, body []byte) error {
	d.command = appendFrame(d.command[:0], body...)
	for i := range maxSends {
		if i > 0 {
			d.Counters.Retries.Add(1)
		}
		if err := d.writeFrame(d.command); err != nil {
			return err
		}
		err := d.waitReady(ctx, firstPoll, ackWait)
		if errors.Is(err, errTimeout) {
			continue
		}
		if err != nil {
			return err
		}
		// Exactly the six bytes of an ACK: reading more would take the first byte of the
		// response.
		r, err := d.readBytes(len(ackFrame))
		if err != nil {
			return err
		}
		if kind, _, err := parseFrame(r); err == nil && kind == frameACK {
			return nil
		}
		// An earlier response, or noise.
		d.noteGarbled()
		if err := d.drain(ctx); err != nil {
			return err
		}
	}
	return errNoACK
}

// readResponse reads the frame that is ready, in one transfer.
func (d *Dev) readResponse(c command) ([]byte, error) {
	r, err := d.readBytes(c.room + overhead)
	if err != nil {
		return nil, err
	}
	kind, data, err := parseFrame(r)
	switch {
	case err != nil:
		return nil, err
	case kind == frameSyntaxError:
		return nil, ErrSyntax
	case kind != frameInfo || data[0] != c.body[0]+1:
		return nil, errDirection
	case len(data) > c.room:
		return nil, errTruncated
	}
	return data[1:], nil
}

// drain reads and drops frames that are ready: after a restart, the answer to what the host
// asked before.
func (d *Dev) drain(ctx context.Context) error {
	for range 3 {
		ok, err := d.status()
		if err != nil || !ok {
			return err
		}
		if _, err := d.readBytes(maxBody + overhead); err != nil {
			return err
		}
		if err := wait(ctx, firstPoll); err != nil {
			return err
		}
	}
	return nil
}

// abort ends whatever the chip does, with an ACK from the host, which has no answer. It includes
// the pause that the chip needs, also when the caller's context has ended.
func (d *Dev) abort() {
	if d.writeFrame(ackFrame[:]) == nil {
		time.Sleep(abortPause)
	}
}
