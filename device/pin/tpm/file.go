package tpm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"
	"github.com/google/go-tpm/tpm2/transport/linuxudstpm"
)

// openPath opens a TPM's device or the Unix socket of swtpm.
func openPath(path string) (transport.TPMCloser, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&os.ModeSocket != 0 {
		tpm, err := linuxudstpm.Open(path)
		return socket{tpm}, err
	}
	return linuxtpm.Open(path)
}

// A socket is that of swtpm. It has a connection for each command, and takes one after the other: whoever comes while its
// short queue is full is refused at once (connect(2), EAGAIN), and tries again for a while.
type socket struct{ transport.TPMCloser }

func (s socket) Send(command []byte) (answer []byte, err error) {
	for range 200 {
		if answer, err = s.TPMCloser.Send(command); !errors.Is(err, syscall.EAGAIN) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return answer, err
}

// A file is one opening of the TPM. On /dev/tpmrm0 it has sessions and loaded objects of
// its own, which end with it. It is opened with the first command and again after a
// failure.
type file struct {
	open     func() (transport.TPMCloser, error)
	turn     chan struct{} // holds one element while a job runs
	gate     chan struct{} // while it holds an element no command is sent; nil: always open
	tpm      transport.TPMCloser
	openings int // how often it was opened: sessions of an earlier opening are gone

	mu      sync.Mutex
	stuck   bool       // the job's caller did not wait for its end
	warning tpm2.TPMRC // why the job has to repeat its command; 0: it has not
}

func newFile(open func() (transport.TPMCloser, error)) *file {
	return &file{open: open, turn: make(chan struct{}, 1)}
}

// do runs a job on the file, alone. It returns when ctx ends, though the TPM may not have
// answered; until it has, further jobs fail with ErrBusy. A job may thus outlast its
// caller, but sends no command after the end of ctx. What is secret in it is wiped when
// nobody waits for it.
func (f *file) do(ctx context.Context, job func(c *conn) error, secret ...[]byte) error {
	wipe := func() {
		for _, s := range secret {
			clear(s)
		}
	}
	f.mu.Lock()
	stuck := f.stuck
	f.mu.Unlock()
	if stuck {
		wipe()
		return fmt.Errorf("%w: it has not answered an earlier command", ErrBusy)
	}
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		wipe()
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
	done := make(chan error, 1)
	go func() {
		err := job(&conn{file: f, ctx: ctx})
		f.mu.Lock()
		if f.stuck {
			wipe()
		}
		f.stuck, f.warning = false, 0
		done <- err
		<-f.turn
		f.mu.Unlock()
	}()
	select {
	case err := <-done:
		return explain(err)
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case err := <-done:
		return explain(err)
	default:
		f.stuck = true
		if f.warning != 0 {
			return explain(fmt.Errorf("%w: %w", ctx.Err(), f.warning))
		}
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}

// close closes the file when its job has ended, unless ctx ends before.
func (f *file) close(ctx context.Context) error {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return ErrBusy
	}
	defer func() { <-f.turn }()
	return f.drop()
}

func (f *file) drop() error {
	if f.tpm == nil {
		return nil
	}
	tpm := f.tpm
	f.tpm = nil
	return tpm.Close()
}

// A conn sends a job's commands. It implements transport.TPM.
type conn struct {
	*file
	ctx   context.Context
	begun bool // a command was sent
}

// Waits between attempts, while the TPM says that a command would succeed later.
const (
	firstWait = 5 * time.Millisecond
	lastWait  = 500 * time.Millisecond
	maxWaits  = 20 // some 7 s in all
)

// Send sends a command and returns the TPM's answer. It repeats the command while the TPM
// has only a warning: nothing was done then (Part 2, "Response Code Formats").
func (c *conn) Send(command []byte) ([]byte, error) {
	wait := firstWait
	for waits := 0; ; waits++ {
		if err := c.pass(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBusy, err)
		}
		answer, err := c.exchange(command)
		if err != nil || waits == maxWaits || !isWarning(code(answer)) {
			c.warn(0)
			return answer, err
		}
		c.warn(code(answer))
		select {
		case <-time.After(wait):
		case <-c.ctx.Done():
			return answer, nil // says why; do has the warning
		}
		wait = min(2*wait, lastWait)
	}
}

// pass waits until the gate is open, unless ctx ends before.
func (c *conn) pass() error {
	if c.gate != nil {
		select {
		case c.gate <- struct{}{}:
			<-c.gate
		case <-c.ctx.Done():
		}
	}
	return c.ctx.Err()
}

func (c *conn) warn(rc tpm2.TPMRC) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warning = rc
}

// exchange sends a command once. After a failure the file is closed; when the first
// command of a job fails, which does no harm twice, on a file that was open before, it is
// sent again on a new one.
func (c *conn) exchange(command []byte) ([]byte, error) {
	mayRepeat := !c.begun && c.tpm != nil
	c.begun = true
	answer, err := c.once(command)
	if err != nil && mayRepeat && c.ctx.Err() == nil {
		answer, err = c.once(command)
	}
	return answer, err
}

func (c *conn) once(command []byte) (answer []byte, err error) {
	if c.tpm == nil {
		if c.tpm, err = c.open(); err != nil {
			c.tpm = nil
			return nil, err
		}
		c.openings++
	}
	answer, err = c.tpm.Send(command)
	if err == nil && answer == nil { // go-tpm has repeated it often enough
		return nil, tpm2.TPMRCRetry
	}
	if err == nil && (len(answer) < headerSize || int(binary.BigEndian.Uint32(answer[2:])) != len(answer)) {
		err = fmt.Errorf("an answer of %d bytes that is none", len(answer))
	}
	if err != nil {
		c.drop()
		return nil, err
	}
	return answer, nil
}

// flush ends a session or unloads an object, even after ctx has ended. Where it fails,
// the file is closed, which does the same on /dev/tpmrm0.
func (c *conn) flush(handle tpm2.TPMHandle) {
	if c.tpm == nil {
		return
	}
	if _, err := (tpm2.FlushContext{FlushHandle: handle}).Execute(&conn{file: c.file, ctx: context.WithoutCancel(c.ctx), begun: true}); err != nil {
		c.drop()
	}
}

// withPolicy runs use with a new policy session that has taken these steps and that ends
// with the command in use.
func (c *conn) withPolicy(steps func(session tpm2.TPMHandle) error, use func(tpm2.Session) error) error {
	session := tpm2.Policy(tpm2.TPMAlgSHA256, 16, func(_ transport.TPM, handle tpm2.TPMISHPolicy, _ tpm2.TPM2BNonce) error {
		return steps(handle)
	})
	err := use(session)
	// go-tpm flushes it when the command fails, but not when a step does, or the transport.
	if handle := session.Handle(); handle != tpm2.TPMRHNull {
		c.flush(handle)
	}
	return err
}

const headerSize = 10 // of an answer: tag, size, code

func code(answer []byte) tpm2.TPMRC {
	return tpm2.TPMRC(binary.BigEndian.Uint32(answer[6:]))
}

// isWarning returns whether a command that got this code may succeed later, as it is.
func isWarning(rc tpm2.TPMRC) bool {
	switch rc {
	case tpm2.TPMRCRetry, tpm2.TPMRCYielded, tpm2.TPMRCTesting, tpm2.TPMRCNVRate, tpm2.TPMRCNVUnavailable, tpm2.TPMRCLockout,
		tpm2.TPMRCContextGap, tpm2.TPMRCObjectMemory, tpm2.TPMRCSessionMemory, tpm2.TPMRCMemory,
		tpm2.TPMRCSessionHandles, tpm2.TPMRCObjectHandles:
		return true
	}
	return false
}

// explain says in an error what the TPM's code means for a reader.
func explain(err error) error {
	var rc tpm2.TPMRC
	switch {
	case err == nil:
		return nil
	case Known(err) != nil, errors.Is(err, errRefused):
		return err
	case !errors.As(err, &rc):
		return fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	switch {
	case rc == tpm2.TPMRCInitialize, rc == tpm2.TPMRCFailure, rc == tpm2.TPMRCReboot, rc == tpm2.TPMRCUpgrade:
		return fmt.Errorf("%w: %w", ErrAbsent, err)
	case rc == tpm2.TPMRCNVSpace, rc == tpm2.TPMRCObjectMemory, rc == tpm2.TPMRCSessionMemory, rc == tpm2.TPMRCMemory,
		rc == tpm2.TPMRCSessionHandles, rc == tpm2.TPMRCObjectHandles, rc == tpm2.TPMRCContextGap:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case isWarning(rc):
		return fmt.Errorf("%w: %w", ErrBusy, err)
	case errors.Is(rc, tpm2.TPMRCIntegrity):
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return fmt.Errorf("%w: %w", errRefused, err)
}
