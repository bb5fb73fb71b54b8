// Package control lets other commands use the desk of the controller that runs on
// a site: HTTP and JSON on a Unix socket in the site's directory, which only its
// owner can reach. Both ends are of one version; what they carry are the desk's
// own types.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// socketFile is the name of the socket in a site's directory.
const socketFile = "control.sock"

// maxBody is the most bytes of a request.
const maxBody = 64 << 10

// Where keys are written to cards.
const newCard, rekeyCard, returnCard = "/desk/cards/new", "/desk/cards/rekey", "/desk/cards/return"

// Requests; who is the person.
type (
	orderRequest struct {
		Who    string
		Reader string
		Order  wire.Order
	}
	enrolRequest struct {
		Who    string
		User   uint64
		Reader string
	}
	keysRequest struct {
		Who              string
		User, Credential uint64 // 0: no particular one
		Reader           string
	}
	confirmRequest struct {
		Who          string
		ID, LastFour string
	}
)

// Serve serves a desk on the socket of a site's directory until ctx ends. Nobody
// else may serve there.
func Serve(ctx context.Context, dir string, d *desk.Desk) error {
	listener, err := listen(dir)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	defer os.Remove(filepath.Join(dir, socketFile))
	server := &http.Server{Handler: handler(ctx, d), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx }}
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

// listen makes the socket, in place of one that a killed controller left.
func listen(dir string) (net.Listener, error) {
	path := filepath.Join(dir, socketFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socketIn(d)})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}

// socketIn returns the socket's path by way of its open directory: a Unix socket's
// path has at most 107 bytes.
func socketIn(dir *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketFile)
}

// handler does at the desk what is requested. A card that a reader was asked for is finished
// also when who requested it has gone, until ctx ends; nothing is opened for them.
func handler(ctx context.Context, d *desk.Desk) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /desk/orders", func(w http.ResponseWriter, r *http.Request) {
		var o orderRequest
		if read(w, r, &o) {
			outcome, err := d.Order(r.Context(), desk.AtCommandLine(o.Who), o.Reader, o.Order)
			answer(w, outcome, err)
		}
	})
	mux.HandleFunc("POST /desk/enrolments", func(w http.ResponseWriter, r *http.Request) {
		var e enrolRequest
		if read(w, r, &e) {
			enrolment, err := d.Enrol(ctx, desk.AtCommandLine(e.Who), e.User, e.Reader)
			answer(w, enrolment, err)
		}
	})
	mux.HandleFunc("POST /desk/cards", func(w http.ResponseWriter, r *http.Request) {
		var c confirmRequest
		if read(w, r, &c) {
			card, err := d.ConfirmCard(ctx, desk.AtCommandLine(c.Who), c.ID, c.LastFour)
			answer(w, card, err)
		}
	})
	for act, do := range map[string]func(context.Context, desk.Actor, keysRequest) (*desk.KeyedCard, error){
		newCard: func(ctx context.Context, a desk.Actor, k keysRequest) (*desk.KeyedCard, error) {
			return d.NewCard(ctx, a, k.User, k.Reader)
		},
		rekeyCard: func(ctx context.Context, a desk.Actor, k keysRequest) (*desk.KeyedCard, error) {
			return d.RekeyCard(ctx, a, k.User, k.Credential, k.Reader)
		},
		returnCard: func(ctx context.Context, a desk.Actor, k keysRequest) (*desk.KeyedCard, error) {
			return d.ReturnCard(ctx, a, k.User, k.Credential, k.Reader)
		},
	} {
		mux.HandleFunc("POST "+act, func(w http.ResponseWriter, r *http.Request) {
			var k keysRequest
			if read(w, r, &k) {
				card, err := do(ctx, desk.AtCommandLine(k.Who), k)
				answer(w, card, err)
			}
		})
	}
	mux.HandleFunc("GET /desk/readers", func(w http.ResponseWriter, r *http.Request) {
		readers, err := d.Readers(r.Context(), desk.AtCommandLine(r.FormValue("who")))
		answer(w, readers, err)
	})
	mux.HandleFunc("GET /desk/brokers", func(w http.ResponseWriter, r *http.Request) {
		brokers, err := d.Brokers(r.Context(), desk.AtCommandLine(r.FormValue("who")))
		answer(w, brokers, err)
	})
	mux.HandleFunc("GET /desk/cells", func(w http.ResponseWriter, r *http.Request) {
		cells, err := d.Cells(r.Context(), desk.AtCommandLine(r.FormValue("who")))
		answer(w, cells, err)
	})
	mux.HandleFunc("GET /desk/cells/readers", func(w http.ResponseWriter, r *http.Request) {
		cell, err := strconv.ParseInt(r.FormValue("cell"), 10, 64)
		if err != nil {
			http.Error(w, "no such cell", http.StatusBadRequest)
			return
		}
		readers, err := d.CellReaders(r.Context(), desk.AtCommandLine(r.FormValue("who")), cell)
		answer(w, readers, err)
	})
	mux.HandleFunc("GET /desk/controllers", func(w http.ResponseWriter, r *http.Request) {
		controllers, err := d.Controllers(r.Context(), desk.AtCommandLine(r.FormValue("who")))
		answer(w, controllers, err)
	})
	mux.HandleFunc("GET /desk/modes", func(w http.ResponseWriter, r *http.Request) {
		modes, err := d.WantedModes(r.Context(), desk.AtCommandLine(r.FormValue("who")))
		answer(w, modes, err)
	})
	return mux
}

// read reads a request's body, and refuses one that is wrong.
func read(w http.ResponseWriter, r *http.Request, into any) (ok bool) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
