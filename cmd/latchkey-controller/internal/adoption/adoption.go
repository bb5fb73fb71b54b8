// Package adoption takes boards that no site has adopted, over HTTPS: they hand over their request, and ask until an
// administrator has adopted them. PROTOCOL.md of sync has what is sent.
//
// Everybody who reaches it can ask. A board cannot know the controller's certificate yet, nor the controller the board: TLS
// keeps nothing secret here from whoever sits between them, and need not. What is sent is a request, of public keys, and a
// bundle, which is sealed to that board and signed by the controller. That the board is the one at the door an administrator
// sees by its fingerprint, and that the site is the right one the screen says.
package adoption

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/ratelimit"
	"latchkey/sync/wire"
)

// How often may be asked: from one address, which may be that of many boards behind a router, and in all. A board asks every
// 3 s.
const (
	burstEach, each = 40, 200 * time.Millisecond
	burstAll, all   = 200, 10 * time.Millisecond
)

// bodyTimeout is how long a board may take to send its request.
const bodyTimeout = 10 * time.Second

// After how many seconds a board may come again, if it gets no answer.
const (
	againFull = 60 // a hundred wait
	againAway = 15 // the database is away, or its disk full
	againSent = 5  // other boards' bundles are under way
)

// A Desk answers boards; *desk.Desk implements it.
type Desk interface {
	HandOver(ctx context.Context, from netip.Addr, h *wire.Handover) (*wire.HandoverAnswer, error)
}

// A Handler is an http.Handler that takes boards.
type Handler struct {
	desk  Desk
	log   *slog.Logger
	each  *ratelimit.Limits[string]
	total *ratelimit.Limits[struct{}]
}

// New returns a handler for boards.
func New(d Desk, log *slog.Logger) *Handler {
	return &Handler{d, log, ratelimit.New[string](each, burstEach), ratelimit.New[struct{}](all, burstAll)}
}

// ServeHTTP implements http.Handler. What comes too often is not looked at.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		http.Error(w, "there is no address to answer to", http.StatusBadRequest)
		return
	}
	wait := h.each.Take(ratelimit.Network(from.Addr().String()))
	if wait == 0 {
		wait = h.total.Take(struct{}{})
	}
	switch {
	case wait > 0:
		later(w, http.StatusTooManyRequests, wait, "too many requests")
	case r.URL.Path != wire.HandoverPath:
		http.Error(w, "here readers are adopted, with POST "+wire.HandoverPath+"; the console is elsewhere", http.StatusNotFound)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "readers send POST", http.StatusMethodNotAllowed)
	default:
		h.handOver(w, r, from.Addr())
	}
}

func (h *Handler) handOver(w http.ResponseWriter, r *http.Request, from netip.Addr) {
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	if r.ContentLength > wire.MaxHandover {
		tooLong(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxHandover))
	if tooMuch := (*http.MaxBytesError)(nil); errors.As(err, &tooMuch) {
		tooLong(w)
		return
	}
	if err != nil {
		http.Error(w, "the request did not arrive whole", http.StatusBadRequest)
		return
	}
	handover, err := wire.ParseHandover(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := h.desk.HandOver(r.Context(), from, handover)
	if err != nil {
		h.refuse(w, r, from, err)
		return
	}
	head, err := answer.EncodeHead()
	if err != nil {
		h.refuse(w, r, from, err)
		return
	}
	w.Header().Set("Content-Type", "application/cbor")
	w.Header().Set("Content-Length", strconv.Itoa(len(head)+len(answer.Bundle)))
	w.Write(head)
	w.Write(answer.Bundle)
}

// refuse answers with an error of the desk. What is the matter with the controller itself it does not tell strangers.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, from netip.Addr, err error) {
	switch {
	case desk.Fields(err) != nil:
		http.Error(w, "this is not a reader's request: "+err.Error(), http.StatusBadRequest)
	case errors.Is(err, desk.ErrBoardRefused), errors.Is(err, desk.ErrBoardIsReader):
		http.Error(w, err.Error(), http.StatusConflict)
	case errors.Is(err, desk.ErrTooManyWait):
		later(w, http.StatusServiceUnavailable, againFull, err.Error())
	case errors.Is(err, desk.ErrBundlesUnderWay):
		later(w, http.StatusServiceUnavailable, againSent, err.Error())
	default:
		if r.Context().Err() == nil && desk.Outage(err) == "" { // which is logged elsewhere
			h.log.Error("cannot answer a reader that asks to be adopted; it will ask again", "from", from, "err", err)
		}
		later(w, http.StatusServiceUnavailable, againAway, "the controller cannot look now")
	}
}

func tooLong(w http.ResponseWriter) {
	http.Error(w, fmt.Sprintf("a reader's request has at most %d bytes", wire.MaxHandover), http.StatusRequestEntityTooLarge)
}

// later tells a board to come again.
func later(w http.ResponseWriter, status, seconds int, why string) {
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	http.Error(w, fmt.Sprintf("%s; come again in %d s", why, seconds), status)
}
