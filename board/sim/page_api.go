package sim

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"math"
	"net/http"
	"strings"
	"time"
)

// badRequest is a call that was put wrong.
type badRequest struct{ error }

func (b badRequest) Unwrap() error { return b.error }

// decode reads one JSON object, and nothing after it.
func decode(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badRequest{fmt.Errorf("body: %w", err)}
	}
	if _, err := d.Token(); err != io.EOF {
		return badRequest{errors.New("body: more than one JSON object")}
	}
	return nil
}

func reply(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(b) // an error is a browser that does not wait any more
	return nil
}

func (h *page) screen(w http.ResponseWriter, _ *http.Request) error {
	var b bytes.Buffer
	if err := png.Encode(&b, h.board.Screen()); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	w.Write(b.Bytes())
	return nil
}

// marshalControls is never null.
func (h *page) marshalControls() (json.RawMessage, error) {
	if h.Controls == nil {
		return json.RawMessage("[]"), nil
	}
	b, err := json.Marshal(h.Controls())
	if err == nil && string(b) == "null" {
		b = json.RawMessage("[]")
	}
	return b, err
}

func (h *page) controls(w http.ResponseWriter, _ *http.Request) error {
	b, err := h.marshalControls()
	if err != nil {
		return err
	}
	return reply(w, b)
}

func (h *page) touch(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		X, Y *int
		Down *bool
	}
	if err := decode(r, &in); err != nil {
		return err
	}
	if in.Down == nil {
		return badRequest{errors.New("body: down is missing")}
	}
	if !*in.Down {
		h.board.Touch(0, 0, false)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if in.X == nil || in.Y == nil {
		return badRequest{errors.New("body: x or y is missing")}
	}
	if size := h.size(); !image.Pt(*in.X, *in.Y).In(image.Rectangle{Max: size}) {
		return badRequest{fmt.Errorf("body: %d,%d is not on the screen of %dx%d", *in.X, *in.Y, size.X, size.Y)}
	}
	h.board.Touch(*in.X, *in.Y, true)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *page) putCard(w http.ResponseWriter, r *http.Request) error {
	var in struct{ UID string }
	if err := decode(r, &in); err != nil {
		return err
	}
	uid, err := ParseUID(in.UID)
	if err != nil {
		return badRequest{err}
	}
	if err := h.hold(&Card{UID: uid}); err != nil {
		return badRequest{err}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *page) deleteCard(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusNoContent)
	return h.hold(nil)
}

// hold puts a card on the reader, or takes it away.
func (h *page) hold(c *Card) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c == nil {
		h.card = ""
		h.board.RemoveCard()
		return nil
	}
	for _, known := range h.Cards { // which knows its kind
		if bytes.Equal(known.Card.UID, c.UID) {
			c = &known.Card
		}
	}
	was := h.card
	h.card = hex.EncodeToString(c.UID) // before the board wakes the streams
	if err := h.board.PresentCard(*c); err != nil {
		h.card = was
		return err
	}
	return nil
}

func (h *page) lines(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, h.board.Lines())
}

func (h *page) putLine(w http.ResponseWriter, r *http.Request) error {
	var in struct{ Active *bool }
	if err := decode(r, &in); err != nil {
		return err
	}
	if in.Active == nil {
		return badRequest{errors.New("body: active is missing")}
	}
	if err := h.board.SetLine(r.PathValue("name"), *in.Active); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *page) file(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	b, err := fs.ReadFile(files, "page/"+name)
	if err != nil {
		return fmt.Errorf("no page %.80q: %w", r.URL.Path, fs.ErrNotExist)
	}
	kind := map[string]string{".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
	dot := strings.LastIndexByte(name, '.')
	w.Header().Set("Content-Type", kind[name[dot:]]+"; charset=utf-8")
	w.Write(b) // an error is a browser that does not wait any more
	return nil
}

// size is that of the screen as a viewer sees it.
func (h *page) size() image.Point {
	h.board.mu.Lock()
	defer h.board.mu.Unlock()
	return h.board.panel.viewSize()
}

// faultMessage is a fault as GET /api/faults and the stream tell it.
type faultMessage struct {
	Name    string  `json:"name"`
	What    string  `json:"what"`
	Unit    string  `json:"unit"`
	Amount  float64 `json:"amount"`
	Active  bool    `json:"active"`
	Seconds int     `json:"seconds"` // until it ends by itself; 0: it does not
}

func (h *page) faultMessages() []faultMessage {
	var all []faultMessage
	for _, f := range h.board.Faults() {
		all = append(all, faultMessage{f.Name, f.What, f.Unit, f.Amount, f.Active, int(math.Ceil(f.Left.Seconds()))})
	}
	return all
}

func (h *page) faults(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, h.faultMessages())
}

// maxSeconds bounds how long a fault may be put off or last.
const maxSeconds = 1e6

func (h *page) putFault(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Active                 *bool
		Amount, Seconds, After float64
	}
	if err := decode(r, &in); err != nil {
		return err
	}
	if in.Active == nil {
		return badRequest{errors.New("body: active is missing")}
	}
	for key, v := range map[string]float64{"seconds": in.Seconds, "after": in.After} {
		if v < 0 || v > maxSeconds {
			return badRequest{fmt.Errorf("body: %s is %v: it must be 0 to %d", key, v, int(maxSeconds))}
		}
	}
	seconds := func(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
	err := h.board.Inject(r.PathValue("name"), Injection{
		Active: *in.Active,
		Amount: in.Amount,
		After:  seconds(in.After),
		For:    seconds(in.Seconds),
	})
	if errors.Is(err, ErrAmount) {
		return badRequest{err}
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type faultsMessage struct {
	Type   string         `json:"type"` // faults
	Faults []faultMessage `json:"faults"`
}

// marshalFaults is a message with what the faults are now, without how long
// they will last, which changes all the time.
func (h *page) marshalFaults() ([]byte, error) {
	all := h.faultMessages()
	for i := range all {
		all[i].Seconds = 0
	}
	return json.Marshal(faultsMessage{"faults", all})
}
