package handover

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/cmd/internal/freeport"
)

// TestAnAnswerIsBounded asks servers that are no controllers.
func TestAnAnswerIsBounded(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	target := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	flood := func(w io.Writer) {
		for block := make([]byte, 64<<10); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		raw    func(conn net.Conn) // in place of answer: after the request's head
		want   string              // in the error
		within time.Duration
	}{
		{name: "a redirect", answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+target+"/adoption", http.StatusTemporaryRedirect)
		}, want: "status 307"},
		{name: "no such page", answer: http.NotFound, want: "status 404"},
		{name: "refused", answer: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(409) }, want: "refuses this board"},
		{name: "nothing", answer: func(w http.ResponseWriter, r *http.Request) {}, want: "handover's answer"},
		{name: "a page", answer: func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") }, want: "handover's answer"},
		{name: "a body without an end", answer: func(w http.ResponseWriter, r *http.Request) { flood(w) }, want: "more than 1048576 bytes"},
		{name: "a body that says that it is large", answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000000000000")
			w.Write([]byte{1})
		}, want: "more than 1048576 bytes"},
		{name: "headers without an end", raw: func(conn net.Conn) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			flood(header{conn})
		}, want: "read the answer", within: answerFor / 2},
		{name: "chunks of nothing but extensions", raw: func(conn net.Conn) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for {
				if _, err := io.WriteString(conn, "1;"+strings.Repeat("x", 4000)+"\r\na\r\n"); err != nil {
					return
				}
			}
		}, want: "read the answer", within: answerFor / 2},
		{name: "no answer", raw: func(conn net.Conn) { io.Copy(io.Discard, conn) }, want: "timeout", within: answerFor + 5*time.Second},
		{name: "no HTTP", raw: func(conn net.Conn) { io.WriteString(conn, "220 mail.example.com\r\n") }, want: "read the answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if test.answer != nil {
					test.answer(w, r)
					return
				}
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				test.raw(conn)
			}))
			a := newAsker()
			a.maxBytes = 1 << 20
			began := time.Now()
			answer, err := a.ask(t.Context(), []string{address}, []byte("handover"))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%+v, %v", answer, err)
			}
			if took := time.Since(began); test.within != 0 && took > test.within {
				t.Errorf("after %v", took)
			}
		})
	}
	t.Cleanup(func() {
		if n := elsewhere.Load(); n != 0 {
			t.Errorf("%d requests went where a redirect leads", n)
		}
	})
}

// header makes headers of what is written.
type header struct{ io.Writer }

func (h header) Write(b []byte) (int, error) {
	_, err := h.Writer.Write(append([]byte("X: "), append(bytes.Repeat([]byte{'x'}, 1000), "\r\n"...)...))
	return len(b), err
}

func TestAServerThatDoesNotSpeakTLSIsGivenUp(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close() // says nothing
		}
	}()
	began := time.Now()
	if _, err := newAsker().ask(t.Context(), []string{listener.Addr().String()}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if took := time.Since(began); took > connectFor+5*time.Second {
		t.Errorf("after %v", took)
	}
}

// TestAControllerThatTricklesHasOneTimeForAllItsAddresses has one that goes on for ever where
// the board asks first, and never comes to an end.
func TestAControllerThatTricklesHasOneTimeForAllItsAddresses(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	trickles := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		for r.Context().Err() == nil {
			io.WriteString(w, "x")
			http.NewResponseController(w).Flush()
			time.Sleep(100 * time.Millisecond)
		}
	})
	closed := unused(t)
	addresses := []string{closed, serve(t, trickles), serve(t, trickles), serve(t, trickles)}
	a := newAsker()
	a.within = 2 * time.Second
	began := time.Now()
	if answer, err := a.ask(t.Context(), addresses, []byte("handover")); err == nil || !strings.Contains(err.Error(), "not whole after 2s") {
		t.Errorf("%+v, %v", answer, err)
	}
	if took := time.Since(began); took < a.within || took > 2*a.within || asked.Load() != 1 {
		t.Errorf("after %v, %d of its addresses were asked", took, asked.Load())
	}
}

// TestOnlyAnAddressThatIsNotThereIsPassedOver has the answer at the second address of a
// controller.
func TestOnlyAnAddressThatIsNotThereIsPassedOver(t *testing.T) {
	t.Parallel()
	home := newSite(t, "home")
	s, _ := newSearch(t, Config{Controller: Off}, "")
	handover, _, err := s.request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := newAsker().ask(t.Context(), []string{unused(t), serve(t, home), unused(t)}, handover)
	if err != nil || answer.Site != "home" || home.asked() != 1 {
		t.Errorf("%+v, %v", answer, err)
	}
	nonsense := serve(t, http.NotFoundHandler())
	if answer, err := newAsker().ask(t.Context(), []string{nonsense, serve(t, home)}, handover); err == nil || home.asked() != 1 {
		t.Errorf("%+v, %v", answer, err)
	}
	garbled := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }))
	if answer, err := newAsker().ask(t.Context(), []string{garbled, serve(t, home)}, handover); err == nil || home.asked() != 1 {
		t.Errorf("%+v, %v", answer, err)
	}
}

// unused returns an address at which nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func TestAQuestionEndsWithItsReader(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	began := time.Now()
	if _, err := newAsker().ask(ctx, []string{address}, []byte("handover")); err == nil || time.Since(began) > answerFor/2 {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func TestAControllerSaysWhenToAskAgain(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"7": 7 * time.Second, "0": 0, "": 0, "-1": 0, "soon": 0, "99999999999999999999": 0, "Wed, 21 Oct 2026 07:28:00 GMT": 0,
	} {
		if got := retryAfter(header); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}
