package adoption

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

// A world is a site that takes boards.
type world struct {
	*testing.T
	desk   *desk.Desk
	server *httptest.Server
}

var owner = desk.AtCommandLine("test")

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := site.Create(t.Context(), filepath.Join(t.TempDir(), "site"), postgrestest.Address(t), "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w := &world{T: t, desk: desk.New(desk.Options{Site: s})}
	w.serve(w.desk)
	return w
}

func (w *world) serve(d Desk) {
	w.server = httptest.NewUnstartedServer(New(d, slog.New(slog.DiscardHandler)))
	w.server.Config.ReadTimeout = 15 * time.Second
	w.server.StartTLS()
	w.Cleanup(w.server.Close)
}

// post sends a body, and returns the status with the answer.
func (w *world) post(body io.Reader) (status int, answer []byte, header http.Header) {
	w.Helper()
	r, err := w.server.Client().Post(w.server.URL+wire.HandoverPath, "application/cbor", body)
	if err != nil {
		w.Fatal(err)
	}
	defer r.Body.Close()
	if answer, err = io.ReadAll(r.Body); err != nil {
		w.Fatal(err)
	}
	return r.StatusCode, answer, r.Header
}

// asks hands a board over.
func (w *world) asks(b *boardtest.Board) (status int, answer *wire.HandoverAnswer, text string) {
	w.Helper()
	body, err := (&wire.Handover{Request: b.Signed}).Encode()
	if err != nil {
		w.Fatal(err)
	}
	status, said, _ := w.post(bytes.NewReader(body))
	if status != http.StatusOK {
		return status, nil, string(said)
	}
	if answer, err = wire.ParseHandoverAnswer(said); err != nil {
		w.Fatal(err)
	}
	return status, answer, ""
}

// all returns the boards that wait, and those that were adopted and not heard.
func (w *world) all() []*desk.WaitingReader {
	w.Helper()
	all, err := w.desk.WaitingReaders(w.Context(), owner)
	if err != nil {
		w.Fatal(err)
	}
	return all
}

// waiting returns the only board that waits.
func (w *world) waiting() *desk.WaitingReader {
	w.Helper()
	all := w.all()
	if len(all) != 1 {
		w.Fatalf("%v", all)
	}
	return all[0]
}

func TestABoardGetsItsBundleOverHTTPS(t *testing.T) {
	w, b := newWorld(t), boardtest.New(t)
	status, answer, text := w.asks(b)
	if status != http.StatusOK || answer.Site != "home" || wire.Fingerprint(answer.Controller[:]) != fingerprintOf(w) || answer.Bundle != nil {
		t.Fatal(status, answer, text)
	}
	waits := w.waiting()
	if waits.Address != "127.0.0.1" || waits.Fingerprint != b.Fingerprint() {
		t.Errorf("%+v", waits)
	}
	if _, err := w.desk.AdoptWaiting(t.Context(), owner, waits.ID, desk.AdoptForm{Fingerprint: b.Fingerprint(), Door: "Front door", Access: []wire.Access{}}); err != nil {
		t.Fatal(err)
	}
	status, answer, text = w.asks(b)
	if status != http.StatusOK {
		t.Fatal(status, text)
	}
	if opened, err := wire.OpenBundle(answer.Bundle, b.Request, b.Sealing); err != nil || opened.Controller != answer.Controller || opened.Reader != "front-door" {
		t.Errorf("%+v, %v", opened, err)
	}
}

// TestOneBoardAfterTheOtherFetchesItsBundle has more boards fetch theirs than may at once.
func TestOneBoardAfterTheOtherFetchesItsBundle(t *testing.T) {
	w := newWorld(t)
	for n := range 5 {
		b := boardtest.New(t)
		w.asks(b)
		for _, one := range w.all() {
			if one.Fingerprint != b.Fingerprint() {
				continue
			}
			form := desk.AdoptForm{Fingerprint: b.Fingerprint(), Door: fmt.Sprint("Door ", n), Place: "home", Access: []wire.Access{}}
			if _, err := w.desk.AdoptWaiting(t.Context(), owner, one.ID, form); err != nil {
				t.Fatal(err)
			}
		}
		status, answer, text := w.asks(b)
		for end := time.Now().Add(10 * time.Second); status == http.StatusServiceUnavailable && time.Now().Before(end); status, answer, text = w.asks(b) {
			time.Sleep(300 * time.Millisecond) // as those before are not quite gone
		}
		if status != http.StatusOK || len(answer.Bundle) == 0 {
			t.Fatal(n, status, text)
		}
	}
}

func fingerprintOf(w *world) string {
	_, fingerprint := w.desk.Site()
	return fingerprint
}

func TestARefusedBoardAndAReaderGetNothing(t *testing.T) {
	w, b, reader := newWorld(t), boardtest.New(t), boardtest.New(t)
	w.asks(b)
	if err := w.desk.RefuseWaiting(t.Context(), owner, w.waiting().ID, false); err != nil {
		t.Fatal(err)
	}
	if status, _, text := w.asks(b); status != http.StatusConflict || !strings.Contains(text, "refused") {
		t.Error(status, text)
	}
	form := desk.AdoptForm{Reader: "front", Request: reader.Signed, Fingerprint: reader.Fingerprint(), Access: []wire.Access{}}
	if _, err := w.desk.Adopt(t.Context(), owner, form, func([]byte) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if status, _, text := w.asks(reader); status != http.StatusConflict || !strings.Contains(text, "a reader of the site already") {
		t.Error(status, text)
	}
}

func TestWhatIsNoHandoverIsRefused(t *testing.T) {
	w := newWorld(t)
	named := wire.Marshal(&wire.Handover{Request: boardtest.New(t).Signed, Reader: "No name"})
	for what, c := range map[string]struct {
		body   []byte
		status int
	}{
		"nothing":         {nil, 400},
		"junk":            {[]byte("junk"), 400},
		"another request": {wire.Marshal(&wire.Handover{Request: []byte("junk")}), 400},
		"no name":         {named, 400},
		"the most":        {make([]byte, wire.MaxHandover), 400},
		"more":            {make([]byte, wire.MaxHandover+1), 413},
	} {
		if status, said, _ := w.post(bytes.NewReader(c.body)); status != c.status {
			t.Errorf("%s: %d %s", what, status, said)
		}
		// Without its length.
		if status, said, _ := w.post(io.MultiReader(bytes.NewReader(c.body))); status != c.status {
			t.Errorf("%s, in chunks: %d %s", what, status, said)
		}
	}
	for what, c := range map[string]struct {
		method, path string
		status       int
	}{"another method": {"GET", wire.HandoverPath, 405}, "another path": {"POST", "/", 404}, "the console": {"GET", "/sign-in", 404}} {
		request, err := http.NewRequest(c.method, w.server.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != c.status || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d", what, r.StatusCode)
		}
	}
	if all, err := w.desk.WaitingReaders(t.Context(), owner); err != nil || len(all) != 0 {
		t.Error(all, err)
	}
}

// A failing desk answers with an error, and counts who comes to it.
type failing struct {
	err  error
	came int
}

func (f *failing) HandOver(context.Context, netip.Addr, *wire.Handover) (*wire.HandoverAnswer, error) {
	f.came++
	return nil, f.err
}

func TestABoardIsToldWhenToComeAgain(t *testing.T) {
	for _, c := range []struct {
		err   error
		again string
		says  string
	}{
		{desk.ErrTooManyWait, "60", "too many boards wait"},
		{desk.ErrBundlesUnderWay, "5", "other boards fetch"},
		{&desk.UnavailableError{Reason: language.Data("the server db.example is away")}, "15", "cannot look now"},
		{&desk.FullError{}, "15", "cannot look now"},
		{errors.New("secret"), "15", "cannot look now"},
	} {
		w := &world{T: t}
		w.serve(&failing{err: c.err})
		body, err := (&wire.Handover{Request: boardtest.New(t).Signed}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		status, said, header := w.post(bytes.NewReader(body))
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") != c.again || !strings.Contains(string(said), c.says) || strings.Contains(string(said), "db.example") || strings.Contains(string(said), "secret") {
			t.Errorf("%v: %d %s %v", c.err, status, said, header)
		}
	}
}

func TestWhoAsksTooOftenIsNotLookedAt(t *testing.T) {
	w, f := &world{T: t}, &failing{err: desk.ErrBoardRefused}
	w.serve(f)
	body, err := (&wire.Handover{Request: boardtest.New(t).Signed}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for range 3 * burstEach {
		status, _, header := w.post(bytes.NewReader(body))
		switch {
		case status == http.StatusTooManyRequests && header.Get("Retry-After") == "1":
			refused++
		case status != http.StatusConflict:
			t.Fatal(status, header)
		}
	}
	if refused == 0 || f.came+refused != 3*burstEach {
		t.Errorf("%d came, %d were refused", f.came, refused)
	}
}

func TestManyAddressesTogetherAreLimited(t *testing.T) {
	f := &failing{err: desk.ErrTooManyWait}
	h := New(f, slog.New(slog.DiscardHandler))
	body, err := (&wire.Handover{Request: boardtest.New(t).Signed}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for n := range 10 * burstAll {
		r := httptest.NewRequest("POST", wire.HandoverPath, bytes.NewReader(body))
		r.RemoteAddr = fmt.Sprintf("[2001:db8:%x:%x::1]:1234", n/256, n%256)
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		if answer.Code == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 5*burstAll {
		t.Errorf("only %d of %d are refused", refused, 10*burstAll)
	}
}

func TestASlowBodyIsGivenUp(t *testing.T) {
	t.Parallel()
	w, f := &world{T: t}, &failing{err: desk.ErrBoardRefused}
	w.serve(f)
	conn, err := tls.Dial("tcp", w.server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true}) // as a board does
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", wire.HandoverPath)
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn)
		ended <- err
	}()
	for {
		select {
		case <-ended:
			if took := time.Since(began); took < bodyTimeout/2 || took > 4*bodyTimeout || f.came != 0 {
				t.Errorf("after %v, %d came", took, f.came)
			}
			return
		case <-time.After(time.Second):
			conn.Write([]byte{'x'}) // and another byte
		}
		if time.Since(began) > time.Minute {
			t.Fatal("it is waited for")
		}
	}
}

func TestNobodyIsAnsweredWithoutAnAddress(t *testing.T) {
	r := httptest.NewRequest("POST", wire.HandoverPath, nil)
	r.RemoteAddr = "@"
	answer := httptest.NewRecorder()
	New(&failing{}, slog.New(slog.DiscardHandler)).ServeHTTP(answer, r)
	if answer.Code != http.StatusBadRequest {
		t.Error(answer.Code)
	}
}
