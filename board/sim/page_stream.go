package sim

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"image"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"
)

const (
	frameTime   = 15 * time.Millisecond // at least, between two messages with pixels
	settleTime  = 100 * time.Millisecond
	idleTime    = time.Second // records come without a change of the board
	writeWithin = time.Minute
	maxQueued   = 256
)

// stream is one browser that follows the board.
//
// It is sent JSON, told apart by its type:
//
//	{"type":"board","width":240,"height":320,"cards":[{"name":"…","uid":"…"}]}   first
//	{"type":"name","name":"Front door"}
//	{"type":"lines","lines":{"strike":false,…},"backlight":true,"card":"04a1…"}   each change
//	{"type":"sound","on":true}                                 the buzzer
//	{"type":"controls","controls":[…]}   as GET /api/controls
//	{"type":"records","records":["…"]}
//	{"type":"faults","faults":[…]}   as GET /api/faults, seconds left out
//	{"type":"drawer","cards":[{"uid":"…","kind":"desfire-ev3"}]}   the card used last first
//
// and binary messages: x, y, width, height of a changed rectangle, each uint16
// big-endian, and its pixels row by row, four bytes each: red, green, blue, 255.
//
// A browser that reads slowly gets fewer and larger rectangles, never a longer
// queue: the view keeps what changed since the last one. When too many messages
// wait, they are replaced by the present state.
type stream struct {
	*page
	conn *websocket.Conn
	wake chan struct{} // of capacity 1: write has something to do

	mu    sync.Mutex
	queue []any
}

func (h *page) stream(w http.ResponseWriter, r *http.Request) {
	select {
	case h.streams <- struct{}{}:
		defer func() { <-h.streams }()
	default:
		refuse(w, http.StatusServiceUnavailable, errors.New("too many browsers follow this board"))
		return
	}
	conn, err := websocket.Accept(w, r, nil) // checks that Origin is this host
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	s := &stream{page: h, conn: conn, wake: make(chan struct{}, 1)}
	g, ctx := errgroup.WithContext(conn.CloseRead(r.Context()))
	g.Go(func() error { return s.observe(ctx) })
	g.Go(func() error { return s.write(ctx) })
	g.Wait() // the browser is gone, or the server ends: nothing to report
}

type boardMessage struct {
	Type   string        `json:"type"` // board
	Width  int           `json:"width"`
	Height int           `json:"height"`
	Cards  []cardMessage `json:"cards"`
}

type cardMessage struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

type nameMessage struct {
	Type string `json:"type"` // name
	Name string `json:"name"`
}

type linesMessage struct {
	Type      string          `json:"type"` // lines
	Lines     map[string]bool `json:"lines"`
	Backlight bool            `json:"backlight"`
	Card      string          `json:"card"` // empty: none
}

type soundMessage struct {
	Type string `json:"type"` // sound
	On   bool   `json:"on"`
}

type controlsMessage struct {
	Type     string          `json:"type"` // controls
	Controls json.RawMessage `json:"controls"`
}

type recordsMessage struct {
	Type    string   `json:"type"` // records
	Records []string `json:"records"`
}

type faultsMessage struct {
	Type   string         `json:"type"` // faults
	Faults []faultMessage `json:"faults"`
}

type drawerMessage struct {
	Type  string      `json:"type"` // drawer
	Cards []cardLabel `json:"cards"`
}

// observe queues changes of lines and card, however slow the browser is: a beep
// is shorter than a frame.
func (s *stream) observe(ctx context.Context) error {
	changes, stop := s.board.Watch()
	defer stop()
	var last linesMessage
	for {
		now := linesMessage{
			Type:      "lines",
			Lines:     s.board.Lines(),
			Backlight: s.board.Line(lineBacklight),
			Card:      hex.EncodeToString(s.board.cardUID()),
		}
		beep := now.Lines[lineBuzzer] != last.Lines[lineBuzzer]
		if beep || !maps.Equal(now.Lines, last.Lines) || now.Backlight != last.Backlight || now.Card != last.Card {
			s.put(now, beep)
		}
		last = now
		select {
		case s.wake <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changes:
		}
	}
}

// put queues the lines, with the sound if that changed. They replace a full queue.
func (s *stream) put(now linesMessage, beep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) >= maxQueued {
		s.queue, beep = nil, true
	}
	s.queue = append(s.queue, now)
	if beep {
		s.queue = append(s.queue, soundMessage{"sound", now.Lines[lineBuzzer]})
	}
}

func (s *stream) take() []any {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue
	s.queue = nil
	return q
}

// write sends what is queued, then the pixels that changed, then the state as far
// as it changed, and waits for more.
func (s *stream) write(ctx context.Context) error {
	view := s.board.View()
	defer view.Close()
	if err := s.send(ctx, s.hello()); err != nil {
		return err
	}
	var sent [5][]byte // of state
	var frame bytes.Buffer
	look := time.NewTimer(0) // look again although nothing woke us
	defer look.Stop()
	for {
		for _, m := range s.take() {
			if err := s.send(ctx, m); err != nil {
				return err
			}
		}
		img, changed := view.Update()
		if !changed.Empty() {
			frame.Reset()
			encodeFrame(&frame, img, changed)
			if err := s.sendBytes(ctx, websocket.MessageBinary, frame.Bytes()); err != nil {
				return err
			}
		}
		state, err := s.state()
		if err != nil {
			return err
		}
		for i, m := range state {
			b, err := json.Marshal(m)
			if err != nil {
				return err
			}
			if bytes.Equal(b, sent[i]) {
				continue
			}
			sent[i] = b
			if err := s.sendBytes(ctx, websocket.MessageText, b); err != nil {
				return err
			}
		}

		if !changed.Empty() {
			// The program tells what can be touched after it has drawn it.
			look.Reset(settleTime)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(frameTime):
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		case <-look.C:
			look.Reset(idleTime)
		}
	}
}

// state is the messages that are sent when they change. How long a fault lasts is
// left out, which changes all the time.
func (s *stream) state() ([]any, error) {
	faults := s.faultMessages()
	for i := range faults {
		faults[i].Seconds = 0
	}
	controls, err := s.marshalControls()
	messages := []any{controlsMessage{"controls", controls}, faultsMessage{"faults", faults}, drawerMessage{"drawer", s.board.keptCards()}}
	if s.Name != nil {
		messages = append(messages, nameMessage{"name", s.Name()})
	}
	if s.Records != nil {
		messages = append(messages, recordsMessage{"records", s.Records()})
	}
	return messages, err
}

// encodeFrame writes the part r of img as a binary message.
func encodeFrame(to *bytes.Buffer, img *image.RGBA, r image.Rectangle) {
	for _, v := range []int{r.Min.X, r.Min.Y, r.Dx(), r.Dy()} {
		to.Write(binary.BigEndian.AppendUint16(nil, uint16(v)))
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := img.PixOffset(r.Min.X, y)
		to.Write(img.Pix[row : row+4*r.Dx()])
	}
}

func (s *stream) hello() boardMessage {
	size := s.size()
	m := boardMessage{Type: "board", Width: size.X, Height: size.Y, Cards: []cardMessage{}}
	for _, c := range s.Cards {
		m.Cards = append(m.Cards, cardMessage{c.Name, hex.EncodeToString(c.Card.UID)})
	}
	return m
}

func (s *stream) send(ctx context.Context, m any) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.sendBytes(ctx, websocket.MessageText, b)
}

func (s *stream) sendBytes(ctx context.Context, kind websocket.MessageType, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	return s.conn.Write(ctx, kind, b)
}
