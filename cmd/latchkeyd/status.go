package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/device"
)

// status is what the running reader says of itself, field by field as JSON.
type status struct {
	Reader         string            `json:"reader"`
	Version        string            `json:"version"`
	Site           string            `json:"site,omitempty"`
	Fingerprint    string            `json:"fingerprint,omitempty"`
	Door           string            `json:"door"`
	Strike         string            `json:"strike"`
	Lockout        string            `json:"lockout"` // "none", or its cause
	Wrong          int               `json:"wrong"`   // wrong PINs in a row
	Guesses        int               `json:"guesses"`
	PIN            string            `json:"pin"`  // "on", or why not
	Card           string            `json:"card"` // "on", or why not
	Tamper         bool              `json:"tamper"`
	ClockTrusted   bool              `json:"clock_trusted"`
	Epoch          uint64            `json:"epoch"`
	Revision       uint64            `json:"revision"`
	PolicyRevision uint64            `json:"policy_revision"`
	Link           string            `json:"link"`   // "up", "down", or "none": its site named no broker
	Health         map[string]string `json:"health"` // what is wrong, by subject
	Figures        figures           `json:"figures"`
}

// statusServer answers latchkeyd status with the newest state.
type statusServer struct {
	mu       sync.Mutex
	now      status
	known    chan struct{} // closed once there is a state
	place    error         // what is wrong with where the data is kept
	measured func() figures
}

func newStatusServer(place error, measured func() figures) *statusServer {
	return &statusServer{known: make(chan struct{}), place: place, measured: measured}
}

// asked returns the newest state with the figures of this moment.
func (s *statusServer) asked() *status {
	s.mu.Lock()
	now := s.now
	s.mu.Unlock()
	now.Figures = s.measured()
	return &now
}

// report takes a state over, and what is wrong with the newest adoption.
func (s *statusServer) report(state device.State, site *site, fingerprint, adoption string) {
	on := func(reason device.Reason) string {
		if reason == "" {
			return "on"
		}
		return string(reason)
	}
	now := status{
		Reader: state.Reader, Version: state.Version, Site: site.Name, Fingerprint: fingerprint,
		Door: state.Door.String(), Strike: state.Strike.String(),
		Lockout: "none", Wrong: int(state.Wrong), Guesses: int(state.Guesses),
		PIN: on(state.PIN), Card: on(state.Card),
		Tamper: state.Tamper, ClockTrusted: state.ClockTrusted,
		Epoch: state.Held.Epoch, Revision: state.Held.Revision, PolicyRevision: state.PolicyRevision,
		Link: "down", Health: map[string]string{},
	}
	switch {
	case site.Broker == "":
		now.Link = "none"
	case state.Health[device.SubjectLink] == device.Good:
		now.Link = "up"
	}
	if state.Lockout != "" {
		now.Lockout = string(state.Lockout)
	}
	for subject, fault := range state.Faults {
		if fault != "" {
			now.Health[device.Subject(subject).String()] = fault
		}
	}
	if state.Journal != "" {
		now.Health["journal"] = state.Journal
	}
	if adoption != "" {
		now.Health["adoption"] = adoption
	}
	if s.place != nil {
		now.Health["data"] = s.place.Error()
	}
	if state.Behind {
		now.Health["cache"] = "older than what was once held; waits for the controller"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.Reader == "" {
		close(s.known)
	}
	s.now = now
}

// serve answers on the socket in the data directory until ctx ends.
func (s *statusServer) serve(ctx context.Context, dir string, log *slog.Logger) error {
	select {
	case <-s.known:
	case <-ctx.Done():
		return nil
	}
	for {
		err := s.answer(ctx, dir)
		if ctx.Err() != nil {
			return nil
		}
		log.Warn("latchkeyd status gets no answer", "err", err) // a full disk, perhaps
		select {
		case <-time.After(statusAgain):
		case <-ctx.Done():
			return nil
		}
	}
}

// statusAgain is how long a status socket that cannot be made waits for
// another try.
const statusAgain = 4 * time.Second

// answer makes the socket and answers on it until ctx ends or it fails.
func (s *statusServer) answer(ctx context.Context, dir string) error {
	path := filepath.Join(dir, statusSocket)
	// The data directory is locked: a socket that is there has nobody behind it.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("status socket: %w", err)
	}
	listener, err := listenUnix(dir)
	if err != nil {
		return fmt.Errorf("status socket: %w", err)
	}
	defer listener.Close()
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	defer os.Remove(path)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return fmt.Errorf("status socket: %w", err)
		}
		conn.SetDeadline(time.Now().Add(time.Second))
		json.NewEncoder(conn).Encode(s.asked())
		conn.Close()
	}
}

// A Unix socket's path has at most 107 bytes; through /proc/self/fd a data
// directory of any depth will do.
func listenUnix(dir string) (net.Listener, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socketThrough(d)})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	return listener, nil
}

func socketThrough(dir *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), statusSocket)
}

func askStatus(ctx context.Context, dir string) (*status, error) {
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
	var now status
	return &now, json.NewDecoder(io.LimitReader(conn, 1<<20)).Decode(&now)
}

func statusCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("latchkeyd status", flag.ContinueOnError)
	config, err := configFlag(flags, args, stderr)
	if err != nil {
		return err
	}
	now, err := askStatus(ctx, config.Reader.Data)
	if err != nil {
		return err
	}
	if config.json {
		return printJSON(stdout, now)
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	site := now.Site
	if site == "" {
		site = "not adopted; fingerprint " + now.Fingerprint
	}
	fmt.Fprintf(table, "reader\t%s (%s)\n", now.Reader, now.Version)
	fmt.Fprintf(table, "site\t%s\n", site)
	fmt.Fprintf(table, "door\t%s, strike %s\n", now.Door, now.Strike)
	fmt.Fprintf(table, "PIN\t%s\n", now.PIN)
	fmt.Fprintf(table, "cards\t%s\n", now.Card)
	fmt.Fprintf(table, "lockout\t%s (%d wrong in a row, %d guesses)\n", now.Lockout, now.Wrong, now.Guesses)
	fmt.Fprintf(table, "credentials\tepoch %d, revision %d\n", now.Epoch, now.Revision)
	fmt.Fprintf(table, "policy\trevision %d\n", now.PolicyRevision)
	fmt.Fprintf(table, "link\t%s\n", now.Link)
	fmt.Fprintf(table, "clock\t%s\n", map[bool]string{true: "trusted", false: "not trusted"}[now.ClockTrusted])
	if now.Tamper {
		fmt.Fprintf(table, "tamper\tthe housing is open\n")
	}
	for _, subject := range slices.Sorted(maps.Keys(now.Health)) {
		fmt.Fprintf(table, "fault\t%s: %s\n", subject, now.Health[subject])
	}
	now.Figures.print(table)
	return table.Flush()
}
