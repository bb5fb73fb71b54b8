package sim

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"image"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// follower is a browser on the stream: it keeps the picture and the last
// message of each type.
type follower struct {
	t      *testing.T
	conn   *websocket.Conn
	screen *image.RGBA
	last   map[string]json.RawMessage
	frames []image.Rectangle
}

func follow(t *testing.T, url string) *follower {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, strings.Replace(url, "http", "ws", 1)+"/api/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	conn.SetReadLimit(1 << 20)
	return &follower{t: t, conn: conn, last: map[string]json.RawMessage{}}
}

// next reads one message and returns its type, "pixels" for binary ones.
func (f *follower) next() string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	kind, b, err := f.conn.Read(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	if kind == websocket.MessageBinary {
		f.paint(b)
		return "pixels"
	}
	var m struct{ Type string }
	if err := json.Unmarshal(b, &m); err != nil {
		f.t.Fatalf("%s: %v", b, err)
	}
	f.last[m.Type] = b
	if m.Type == "board" {
		var size struct{ Width, Height int }
		if err := json.Unmarshal(b, &size); err != nil {
			f.t.Fatal(err)
		}
		f.screen = image.NewRGBA(image.Rect(0, 0, size.Width, size.Height))
	}
	return m.Type
}

func (f *follower) paint(b []byte) {
	f.t.Helper()
	n := func(at int) int { return int(binary.BigEndian.Uint16(b[at:])) }
	r := image.Rect(n(0), n(2), n(0)+n(4), n(2)+n(6))
	if !r.In(f.screen.Rect) || len(b) != 8+4*r.Dx()*r.Dy() {
		f.t.Fatalf("a message of %d bytes for %v", len(b), r)
	}
	f.frames = append(f.frames, r)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := b[8+4*r.Dx()*(y-r.Min.Y):]
		copy(f.screen.Pix[f.screen.PixOffset(r.Min.X, y):], row[:4*r.Dx()])
	}
}

// until reads messages until done.
func (f *follower) until(done func() bool) {
	f.t.Helper()
	for !done() {
		f.next()
	}
}

func (f *follower) says(kind, want string) func() bool {
	return func() bool { return string(f.last[kind]) == want }
}

func (f *follower) sees(b *Board) func() bool {
	want := b.Screen()
	return func() bool { return f.screen != nil && bytes.Equal(f.screen.Pix, want.Pix) }
}

func TestTheStreamBeginsWithTheBoardAndAllThatIsSo(t *testing.T) {
	uid, err := ParseUID("04a1b2c3d4e580")
	if err != nil {
		t.Fatal(err)
	}
	var door atomic.Pointer[string]
	door.Store(new("Reader"))
	w := serve(t, Page{
		Name:     func() string { return *door.Load() },
		Cards:    []PageCard{{"Bob Martin", Card{UID: uid}}},
		Controls: func() any { return []int{1} },
		Records:  func() []string { return []string{"1 door.opened"} },
	})
	w.board.light(image.Rect(0, 0, 240, 320), 0x00FC0)
	f := follow(t, w.url)
	if first := f.next(); first != "board" {
		t.Errorf("the first message is %s", first)
	}
	f.until(f.says("board", `{"type":"board","width":240,"height":320,"cards":[{"name":"Bob Martin","uid":"04a1b2c3d4e580"}]}`))
	f.until(f.says("name", `{"type":"name","name":"Reader"}`))
	f.until(f.says("lines", `{"type":"lines","lines":{"buzzer":false,"door-open":false,"exit-button":false,"fire":false,"strike":false,"tamper":false},"backlight":false,"card":""}`))
	f.until(f.says("controls", `{"type":"controls","controls":[1]}`))
	f.until(f.says("records", `{"type":"records","records":["1 door.opened"]}`))
	f.until(f.sees(w.board))
	door.Store(new("Front door")) // it is adopted
	f.until(f.says("name", `{"type":"name","name":"Front door"}`))
}

func TestOnlyChangedPixelsAreSent(t *testing.T) {
	w := serve(t, Page{})
	w.board.light(image.Rect(0, 0, 240, 320), 0)
	f := follow(t, w.url)
	f.until(func() bool { return len(f.frames) > 0 })
	r := image.Rect(84, 139, 156, 192)
	w.board.light(r, 0x3FFFF)
	f.until(f.sees(w.board))
	if got := f.frames[len(f.frames)-1]; len(f.frames) != 2 || got != r {
		t.Errorf("rectangles %v, want the whole screen and %v", f.frames, r)
	}
}

func TestLinesCardsAndSoundsAreSentAsTheyChange(t *testing.T) {
	w := serve(t, Page{})
	strike, err := w.board.Output("strike")
	if err != nil {
		t.Fatal(err)
	}
	buzzer, err := w.board.Output("buzzer")
	if err != nil {
		t.Fatal(err)
	}
	f := follow(t, w.url)
	f.until(func() bool { return f.last["lines"] != nil })
	strike.SetValue(1)
	f.until(f.says("lines", `{"type":"lines","lines":{"buzzer":false,"door-open":false,"exit-button":false,"fire":false,"strike":true,"tamper":false},"backlight":false,"card":""}`))
	buzzer.SetValue(1)
	f.until(f.says("sound", `{"type":"sound","on":true}`))
	buzzer.SetValue(0)
	f.until(f.says("sound", `{"type":"sound","on":false}`))
	w.wants(204, "PUT", "/api/card", `{"uid":"01020304"}`)
	f.until(f.says("lines", `{"type":"lines","lines":{"buzzer":false,"door-open":false,"exit-button":false,"fire":false,"strike":true,"tamper":false},"backlight":false,"card":"01020304"}`))
}

func TestControlsAndRecordsAreSentWhenTheyChange(t *testing.T) {
	var mu sync.Mutex
	controls, records := 1, []string{"1"}
	w := serve(t, Page{
		Controls: func() any { mu.Lock(); defer mu.Unlock(); return controls },
		Records:  func() []string { mu.Lock(); defer mu.Unlock(); return records },
	})
	f := follow(t, w.url)
	f.until(f.says("controls", `{"type":"controls","controls":1}`))
	mu.Lock()
	controls, records = 2, []string{"1", "2"}
	mu.Unlock()
	// Without a change of the board, too.
	f.until(f.says("controls", `{"type":"controls","controls":2}`))
	f.until(f.says("records", `{"type":"records","records":["1","2"]}`))
}

func TestFaultsAreSentWhenTheyComeAndGo(t *testing.T) {
	w := serve(t, Page{})
	f := follow(t, w.url)
	active := func(want ...string) func() bool {
		return func() bool {
			var m faultsMessage
			if f.last["faults"] == nil {
				return false
			}
			if err := json.Unmarshal(f.last["faults"], &m); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, fault := range m.Faults {
				if fault.Active {
					names = append(names, fault.Name)
				}
			}
			return slices.Equal(names, want)
		}
	}
	f.until(active())
	for _, name := range []string{"panel-stuck", "strike-fails"} {
		if err := w.board.Inject(name, Injection{Active: true}); err != nil {
			t.Fatal(err)
		}
	}
	f.until(active("panel-stuck", "strike-fails"))
	if err := w.board.Inject("strike-fails", Injection{}); err != nil {
		t.Fatal(err)
	}
	f.until(active("panel-stuck"))
}

func TestABrowserThatDoesNotReadHoldsNothingUpAndCatchesUp(t *testing.T) {
	w := serve(t, Page{})
	strike, err := w.board.Output("strike")
	if err != nil {
		t.Fatal(err)
	}
	slow := follow(t, w.url) // its messages pile up
	if slow.next() != "board" {
		t.Fatal("no board")
	}
	quick := follow(t, w.url)
	whole := image.Rect(0, 0, 240, 320)
	for i := range 60 { // 18 MB in pixels
		w.board.light(whole, uint32(i+1)*0x1041)
		strike.SetValue(i % 2)
		quick.until(quick.sees(w.board))
	}
	want := `{"type":"lines","lines":{"buzzer":false,"door-open":false,"exit-button":false,"fire":false,"strike":true,"tamper":false},"backlight":false,"card":""}`
	slow.until(func() bool { return slow.sees(w.board)() && slow.says("lines", want)() })
	if n := len(slow.frames); n >= 60 {
		t.Errorf("the slow browser was sent all of %d pictures", n)
	}
}

func TestMessagesThatPileUpAreDroppedForTheStateTheyLedTo(t *testing.T) {
	s := &stream{}
	for i := range 10 * maxQueued {
		s.put(linesMessage{Lines: map[string]bool{lineBuzzer: i%2 == 0, lineStrike: true}}, true)
		if len(s.queue) > maxQueued+2 {
			t.Fatalf("%d messages are queued", len(s.queue))
		}
	}
	q := s.take()
	lines, sound := q[len(q)-2].(linesMessage), q[len(q)-1].(soundMessage)
	if lines.Lines[lineBuzzer] || sound.On {
		t.Errorf("the queue ends with %v, %v, and the buzzer is silent", lines, sound)
	}
}

func TestAnotherSiteCannotFollowTheBoard(t *testing.T) {
	w := serve(t, Page{})
	for _, header := range []http.Header{
		{"Origin": {"http://evil.example"}},
		{"Origin": {"null"}},
		{"Sec-Fetch-Site": {"cross-site"}},
	} {
		_, answer, err := websocket.Dial(t.Context(), "ws://"+w.host+"/api/stream", &websocket.DialOptions{HTTPHeader: header})
		if err == nil || answer == nil || answer.StatusCode != http.StatusForbidden {
			t.Errorf("%v: %v", header, err)
		}
	}
	_, answer, err := websocket.Dial(t.Context(), "ws://"+w.host+"/api/stream", &websocket.DialOptions{Host: "evil.example"})
	if err == nil || answer == nil || answer.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("by another name: %v", err)
	}
}

func TestBrowsersAreCounted(t *testing.T) {
	w := serve(t, Page{})
	for range maxStreams {
		follow(t, w.url)
	}
	_, answer, err := websocket.Dial(t.Context(), "ws://"+w.host+"/api/stream", nil)
	if err == nil || answer == nil || answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one more: %v", err)
	}
}

func TestServeEndsWithItsContextAndSoDoItsStreams(t *testing.T) {
	b := New(nil)
	defer b.Close()
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx, ln, Page{}) }()
	f := follow(t, "http://"+ln.Addr().String())
	f.next()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	for {
		if _, _, err := f.conn.Read(t.Context()); err != nil {
			break
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.views) != 0 || len(b.watchers) != 0 {
		t.Errorf("%d views and %d watchers are left", len(b.views), len(b.watchers))
	}
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:80", "127.0.0.1", "", "127.0.0.1:http:"} {
		if ln, err := Listen(address); err == nil {
			ln.Close()
			t.Errorf("listens on %q", address)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0"} {
		ln, err := Listen(address)
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		if !ln.Addr().(*net.TCPAddr).IP.IsLoopback() {
			t.Errorf("%q is %v", address, ln.Addr())
		}
		ln.Close()
	}
}
