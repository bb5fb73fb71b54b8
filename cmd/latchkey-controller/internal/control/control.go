// Package control is how other commands talk to the controller that runs on a
// site: HTTP on a Unix socket in the site's directory, which only its owner can
// reach.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/sync/wire"
)

// socketFile is the name of the socket in a site's directory.
const socketFile = "control.sock"

// An Order is what a person wants a reader to do.
type Order struct {
	Reader  string     `json:"reader"`
	Order   wire.Order `json:"order"`
	Seconds uint32     `json:"seconds,omitempty"` // of a hold
	User    uint64     `json:"user,omitempty"`    // of an enrol: who gets the card
	Who     string     `json:"who"`               // the person
}

// An Outcome is what came of an order.
type Outcome struct {
	Command string `json:"command"` // its id, as in records
	Done    bool   `json:"done"`
	Text    string `json:"outcome"`
	// Of an enrol that was carried out: the card waits for Confirm.
	Enrolment string `json:"enrolment,omitempty"`
	Card      string `json:"card,omitempty"` // the end of its identifier
}

// A Confirmation gives a card that was read to the user it was read for.
type Confirmation struct {
	Enrolment string `json:"enrolment"`
	LastFour  string `json:"last-four"` // hexadecimal digits of the card
	Who       string `json:"who"`       // the person, as in the order
}

// A Reader is how a reader is.
type Reader struct {
	ID       string      `json:"reader"`
	Online   bool        `json:"online"`
	Heard    *time.Time  `json:"heard"`   // nil: never
	Current  bool        `json:"current"` // holds the newest credentials and policy
	Version  string      `json:"version,omitempty"`
	Epoch    uint64      `json:"epoch,omitempty"`
	Revision uint64      `json:"revision,omitempty"`
	Policy   uint64      `json:"policy-revision,omitempty"`
	Waiting  uint64      `json:"records-held,omitempty"` // not all of them have to come yet
	Lockout  string      `json:"lockout,omitempty"`
	PIN      string      `json:"no-pin,omitempty"`
	Card     string      `json:"no-card,omitempty"`
	Door     string      `json:"door-is,omitempty"`
	Strike   string      `json:"strike,omitempty"`
	Tamper   bool        `json:"tamper,omitempty"`
	Clock    bool        `json:"clock-trusted"`
	Behind   bool        `json:"behind,omitempty"`
	Faults   [][2]string `json:"faults,omitempty"` // what, and what is wrong with it
}

// Handlers are what a controller does when it is asked.
type Handlers struct {
	Order   func(context.Context, Order) (Outcome, error)
	Confirm func(context.Context, Confirmation) error
	Readers func(context.Context) ([]Reader, error)
}

// maxBody is the most bytes of a question.
const maxBody = 64 << 10

// Serve answers on the socket of a site's directory until ctx ends. Nobody else
// may serve there.
func Serve(ctx context.Context, dir string, h Handlers) error {
	if err := os.Remove(filepath.Join(dir, socketFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("control socket: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	defer d.Close()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: through(d)})
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	listener.SetUnlinkOnClose(false)
	defer os.Remove(filepath.Join(dir, socketFile))
	if err := os.Chmod(filepath.Join(dir, socketFile), 0o600); err != nil {
		listener.Close()
		return fmt.Errorf("control socket: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		var order Order
		if read(w, r, &order) {
			answer(w, func() (any, error) { return h.Order(ctx, order) })
		}
	})
	mux.HandleFunc("POST /cards", func(w http.ResponseWriter, r *http.Request) {
		var c Confirmation
		if read(w, r, &c) {
			answer(w, func() (any, error) { return struct{}{}, h.Confirm(ctx, c) })
		}
	})
	mux.HandleFunc("GET /readers", func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return h.Readers(r.Context()) })
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() {
		// Who waits for an order is told that the controller ends.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		server.Shutdown(ending)
		server.Close()
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// read reads a question's body, and says whether it is one.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func answer(w http.ResponseWriter, ask func() (any, error)) {
	v, err := ask()
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

// through names the socket by its directory: a Unix socket's path has at most
// 107 bytes.
func through(dir *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketFile)
}

// ErrNotRunning says that no controller runs on a site.
var ErrNotRunning = errors.New("no controller runs on this site; start one with: latchkey-controller serve --dir DIR")

// Ask takes an order to the controller that runs on a site, and waits for what
// comes of it.
func Ask(ctx context.Context, dir string, o Order) (outcome Outcome, err error) {
	b, err := json.Marshal(o)
	if err != nil {
		return Outcome{}, err
	}
	err = call(ctx, dir, http.MethodPost, "/orders", b, &outcome)
	return outcome, err
}

// Confirm gives the card of an enrol to the user, through the controller that
// read it.
func Confirm(ctx context.Context, dir string, c Confirmation) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return call(ctx, dir, http.MethodPost, "/cards", b, &struct{}{})
}

// Readers asks the controller that runs on a site how its readers are.
func Readers(ctx context.Context, dir string) (readers []Reader, err error) {
	err = call(ctx, dir, http.MethodGet, "/readers", nil, &readers)
	return readers, err
}

func call(ctx context.Context, dir, method, path string, body []byte, into any) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", through(d))
		},
	}}
	request, err := http.NewRequestWithContext(ctx, method, "http://controller"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		return ErrNotRunning
	}
	if err != nil {
		return fmt.Errorf("the controller: %w", err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("the controller: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(string(bytes.TrimSpace(b)))
	}
	return json.Unmarshal(b, into)
}
