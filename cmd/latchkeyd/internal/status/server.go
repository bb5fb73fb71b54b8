package status

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device"
	"latchkey/sync/wire"
)

// A Server answers Ask, and so latchkeyd status, with the newest status.
type Server struct {
	mu       sync.Mutex
	now      Status
	known    chan struct{} // closed once there is one
	once     sync.Once     // closes it
	data     error         // what is wrong with where the data is kept
	measured func() Figures
}

// NewServer returns the server of a reader that has not reported yet. data is what is
// wrong with where the reader keeps its data.
func NewServer(data error, measured func() Figures) *Server {
	return &Server{known: make(chan struct{}), data: data, measured: measured}
}

// Status returns the newest status with the figures of this moment.
func (s *Server) Status() *Status {
	s.mu.Lock()
	now := s.now
	s.mu.Unlock()
	now.Figures = s.measured()
	return &now
}

// Adoption is how a reader belongs to a site.
type Adoption struct {
	Site        string // "": it is not adopted
	Controller  string // fingerprint of its key; "": it is not adopted
	Fingerprint string // of its keys; "": there are none
	Linked      bool   // the site named a broker
	Refused     string // why the newest adoption was not taken over; "": it was
}

// Report takes the brain's newest state.
func (s *Server) Report(state device.State, a Adoption) {
	now := Status{
		Reader: state.Reader, Version: state.Version, Site: a.Site, Controller: a.Controller, Fingerprint: a.Fingerprint,
		Waiting: waiting(state.Waiting),
		Mode:    Mode{state.Mode.Mode, state.Mode.Cause, state.Mode.Until, state.Mode.By, state.Mode.Waits},
		Door:    string(state.Door), Strike: string(state.Strike),
		Lockout: cmp.Or(string(state.Lockout), "none"), Wrong: int(state.Wrong), Guesses: int(state.Guesses),
		PIN: cmp.Or(string(state.PIN), "on"), Card: cmp.Or(string(state.Card), "on"),
		Tamper: state.Tamper, ClockTrusted: state.ClockTrusted,
		Epoch: state.Held.Epoch, Revision: state.Held.Revision, PolicyRevision: state.PolicyRevision,
		Link: "down", Health: map[wire.Subject]string{},
	}
	switch {
	case !a.Linked:
		now.Link = "none"
	case state.Parts.Is(wire.SubjectLink) == device.Good:
		now.Link = "up"
	}
	if state.TPM.Ref != (wire.TPMRef{}) {
		now.TPM = &TPM{Spent: state.TPM.Budget.Spent, Limit: state.TPM.Budget.Limit}
	}
	for _, fault := range state.Parts.Faults() {
		now.Health[fault.Subject] = fault.Text
	}
	if state.Journal != "" {
		now.Health[wire.SubjectJournal] = state.Journal
	}
	if a.Refused != "" {
		now.Health[wire.SubjectAdoption] = a.Refused
	}
	if s.data != nil {
		now.Health[wire.SubjectData] = s.data.Error()
	}
	if state.Behind {
		now.Health[wire.SubjectCache] = "older than what the reader once held; waits for the controller"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
	s.once.Do(func() { close(s.known) })
}

// waiting says what a reader that no site has adopted waits for, as its screen does; "": for
// nothing on the network.
func waiting(w device.Waiting) string {
	switch {
	case w.More > 0:
		return fmt.Sprintf("waiting at %s and %d more", w.Site, w.More)
	case w.Site != "":
		return "waiting at " + w.Site
	case w.Looks:
		return "looking for a controller"
	}
	return ""
}

// Serve answers on the socket in the data directory until ctx ends. It tries again when
// that fails, as on a full disk.
func (s *Server) Serve(ctx context.Context, dir string, log *slog.Logger) error {
	select {
	case <-s.known:
	case <-ctx.Done():
		return nil
	}
	return keepServing(ctx, log, "the socket of latchkeyd status", func() error { return s.answer(ctx, dir) })
}

// keepServing serves until ctx ends, and begins again a moment after that fails.
func keepServing(ctx context.Context, log *slog.Logger, what string, serve func() error) error {
	for {
		err := serve()
		if ctx.Err() == nil {
			log.Warn(what+" does not work: tried again", "err", err)
		}
		select {
		case <-time.After(4 * time.Second):
		case <-ctx.Done():
			return nil
		}
	}
}

// answer makes the socket and answers on it until ctx ends or it fails.
func (s *Server) answer(ctx context.Context, dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	path := socketThrough(d)
	// The data directory is locked: nobody listens on a socket that is there.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		return err
	}
	defer listener.Close() // removes it
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		conn.SetDeadline(time.Now().Add(time.Second))
		json.NewEncoder(conn).Encode(s.Status())
		conn.Close()
	}
}

// socketThrough returns the socket's path through /proc/self/fd: a Unix socket's path
// has at most 107 bytes, and a data directory's may have more.
func socketThrough(dir *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), datadir.StatusSocket)
}

// Ask returns the status of the reader that runs on a data directory.
func Ask(ctx context.Context, dir string) (*Status, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socketThrough(d))
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		return nil, fmt.Errorf("no reader is running on %s", dir)
	}
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	var now Status
	return &now, json.NewDecoder(io.LimitReader(conn, 1<<20)).Decode(&now)
}
