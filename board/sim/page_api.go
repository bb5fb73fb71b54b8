package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"math"
	"net/http"
	"path"
	"time"
)

// badRequest is the error for a malformed call.
type badRequest struct{ error }

func (b badRequest) Unwrap() error { return b.error }

func badBody(format string, args ...any) error {
	return badRequest{fmt.Errorf("body: "+format, args...)}
}

// decode reads one JSON object, and nothing after it.
func decode(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badBody("%w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return badBody("more than one JSON object")
	}
	return nil
}

func (h *page) screen(*http.Request) (any, error) {
	var b bytes.Buffer
	plain := png.Encoder{CompressionLevel: png.NoCompression} // over loopback: a program that waits for a picture asks often
	err := plain.Encode(&b, h.board.Screen())
	return file{"image/png", b.Bytes()}, err
}

func (h *page) controls(*http.Request) (any, error) { return h.marshalControls() }

// marshalControls returns a JSON array: an empty one where there is none.
func (h *page) marshalControls() (json.RawMessage, error) {
	if h.Controls == nil {
		return json.RawMessage("[]"), nil
	}
	b, err := json.Marshal(h.Controls())
	if string(b) == "null" {
		b = json.RawMessage("[]")
	}
	return b, err
}

func (h *page) touch(r *http.Request) (any, error) {
	var in struct {
		X, Y *int
		Down *bool
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Down == nil {
		return nil, badBody("down is missing")
	}
	if !*in.Down {
		h.board.Touch(0, 0, false)
		return nil, nil
	}
	if in.X == nil || in.Y == nil {
		return nil, badBody("x or y is missing")
	}
	if size := h.size(); !image.Pt(*in.X, *in.Y).In(image.Rectangle{Max: size}) {
		return nil, badBody("%d,%d is not on the screen of %dx%d", *in.X, *in.Y, size.X, size.Y)
	}
	h.board.Touch(*in.X, *in.Y, true)
	return nil, nil
}

// size is that of the screen as a viewer sees it.
func (h *page) size() image.Point {
	h.board.mu.Lock()
	defer h.board.mu.Unlock()
	return h.board.panel.viewSize()
}

// maxTear bounds after how many bytes a card may be torn away.
const maxTear = 1 << 20

func (h *page) putCard(r *http.Request) (any, error) {
	var in struct {
		UID  string
		Kind Kind
		Tear *int
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	tear := -1
	if in.Tear != nil {
		if tear = *in.Tear; tear < 1 || tear > maxTear {
			return nil, badBody("tear is %d: it must be 1 to %d bytes", tear, maxTear)
		}
	}
	var uid []byte
	if in.UID != "" || !in.Kind.hasChip() { // such a card may be a new one
		var err error
		if uid, err = ParseUID(in.UID); err != nil {
			return nil, badRequest{err}
		}
	}
	if in.Kind.hasChip() && uid != nil && len(uid) != 7 {
		return nil, badBody("uid %s: a card with a chip has 7 bytes", in.UID)
	}
	kind := in.Kind
	for _, known := range h.Cards { // which has its kind
		if kind == Auto && bytes.Equal(known.Card.UID, uid) {
			kind = known.Card.Kind
		}
	}
	return nil, h.board.lay(uid, kind, tear)
}

func (h *page) deleteCard(*http.Request) (any, error) {
	h.board.RemoveCard()
	return nil, nil
}

func (h *page) lines(*http.Request) (any, error) { return h.board.Lines(), nil }

func (h *page) putLine(r *http.Request) (any, error) {
	var in struct{ Active *bool }
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Active == nil {
		return nil, badBody("active is missing")
	}
	return nil, h.board.SetLine(r.PathValue("name"), *in.Active)
}

// faultMessage is a fault as GET /api/faults and the stream tell it.
type faultMessage struct {
	FaultState
	Seconds int `json:"seconds"` // until it ends by itself; 0: it does not
}

func (h *page) faultMessages() []faultMessage {
	var all []faultMessage
	for _, f := range h.board.Faults() {
		all = append(all, faultMessage{f, int(math.Ceil(f.Left.Seconds()))})
	}
	return all
}

func (h *page) faults(*http.Request) (any, error) { return h.faultMessages(), nil }

// maxSeconds bounds how late a fault may begin and how long it may last.
const maxSeconds = 1e6

func (h *page) putFault(r *http.Request) (any, error) {
	var in struct {
		Active                 *bool
		Amount, Seconds, After float64
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Active == nil {
		return nil, badBody("active is missing")
	}
	for key, v := range map[string]float64{"seconds": in.Seconds, "after": in.After} {
		if v < 0 || v > maxSeconds {
			return nil, badBody("%s is %v: it must be 0 to %d", key, v, int(maxSeconds))
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
		err = badRequest{err}
	}
	return nil, err
}

// asset is a file of the page.
func (h *page) asset(r *http.Request) (any, error) {
	name := r.URL.Path
	if name == "/" {
		name = "/index.html"
	}
	b, err := assets.ReadFile("page" + name)
	if err != nil {
		return nil, fmt.Errorf("no page %.80q: %w", r.URL.Path, fs.ErrNotExist)
	}
	mime := map[string]string{".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
	return file{mime[path.Ext(name)] + "; charset=utf-8", b}, nil
}
