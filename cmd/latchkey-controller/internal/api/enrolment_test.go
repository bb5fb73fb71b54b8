package api

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

const sessionsPath = "/credentials/nfc_cards/sessions"

// show has readers read a card from now on, or none.
func (r *readers) show(card []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.card = card
}

// hold has orders wait until the function that it returns is called.
func (r *readers) hold() (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gate := make(chan struct{})
	r.gate = gate
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.gate = nil
		close(gate)
	}
}

// start starts to read a card, and returns the path of the session.
func (p *program) start(reader string) string {
	p.w.t.Helper()
	var started struct{ Session_id string }
	p.unifi("POST", sessionsPath, `{"device_id": "`+reader+`", "reset_ua_card": false}`).into(p.w.t, &started)
	return sessionsPath + "/" + started.Session_id
}

// poll asks until a reading is over, as programs do, and returns the last answer.
func (p *program) poll(session string) *answer {
	p.w.t.Helper()
	for range 2000 {
		a := p.unifi("GET", session, nil)
		if a.code() != "200 CODE_CREDS_NFC_READ_POLL_TOKEN_EMPTY" {
			return a
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.w.t.Fatal("the reading does not end")
	return nil
}

func TestACardIsReadFirstAndGivenAfterTheSessionIsRemoved(t *testing.T) {
	w := newWorld(t)
	p, other := w.program(desk.ScopeManage), w.program(desk.ScopeManage)
	reader, _ := w.reader()
	w.live.say(reader, sound)
	ada := w.userID(w.user("Ada", "Lovelace"))
	w.live.show([]byte{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0x80})
	release := w.live.hold()
	session := p.start(reader)
	if a := p.unifi("GET", session, nil); a.code() != "200 CODE_CREDS_NFC_READ_POLL_TOKEN_EMPTY" || !strings.Contains(a.body, `"data":null`) {
		t.Errorf("before it is shown: %s", a.body)
	}
	if a := p.unifi("POST", sessionsPath, `{"device_id": "`+reader+`"}`); a.code() != "402 CODE_DEVICE_DEVICE_BUSY" {
		t.Errorf("a second one at the reader: %s", a.body)
	}
	release()
	var read struct{ Card_id, Token string }
	p.poll(session).into(t, &read)
	if read.Card_id != "E580" || len(read.Token) != 64 || strings.Contains(strings.ToLower(read.Token), "a1b2c3") {
		t.Errorf("%+v", read)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if a := other.unifi(method, session, nil); a.code() != "404 CODE_CREDS_NFC_READ_SESSION_NOT_FOUND" {
			t.Errorf("another program: %s", a.body)
		}
	}
	// As the n8n node does: it removes the session, and assigns the card afterwards.
	if a := p.unifi("DELETE", session, nil); a.body != `{"code":"SUCCESS","msg":"success","data":"success"}` {
		t.Error(a.body)
	}
	if a := p.unifi("GET", session, nil); a.code() != "404 CODE_CREDS_NFC_READ_SESSION_NOT_FOUND" {
		t.Error(a.body)
	}
	give := `{"token": "` + read.Token + `"}`
	if a := other.unifi("PUT", "/users/"+ada+"/nfc_cards", give); a.code() != "400 CODE_CREDS_NFC_CARD_INVALID" {
		t.Errorf("another program got the card: %s", a.body)
	}
	if a := p.unifi("GET", "/credentials/nfc_cards/tokens/"+read.Token, nil); a.code() != "404 CODE_NOT_EXISTS" {
		t.Errorf("before it is somebody's: %s", a.body)
	}
	if a := p.unifi("PUT", "/users/"+ada+"/nfc_cards", give); a.code() != "200 SUCCESS" {
		t.Fatal(a.body)
	}
	if u := p.look(ada); len(u.Cards) != 1 || u.Cards[0].Token != read.Token || u.Cards[0].ID != "E580" {
		t.Errorf("%+v", u.Cards)
	}
	// The same card again is somebody's: that is said when it is given.
	bob := w.userID(w.user("Bob", "Baker"))
	again := read
	session = p.start(reader)
	p.poll(session).into(t, &again)
	if again != read {
		t.Errorf("%+v, not %+v", again, read)
	}
	if a := p.unifi("PUT", "/users/"+bob+"/nfc_cards", give); a.code() != "400 CODE_CREDS_NFC_HAS_BIND_USER" {
		t.Error(a.body)
	}
	if a := p.unifi("PUT", "/users/"+bob+"/nfc_cards", `{"token": "`+read.Token+`", "force_add": true}`); a.code() != "200 SUCCESS" {
		t.Error(a.body)
	}
	if a := p.unifi("PUT", "/users/"+bob+"/nfc_cards/delete", give); a.code() != "200 SUCCESS" {
		t.Error(a.body)
	}
}

func TestASessionEndsWithItsReading(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	reader, _ := w.reader()
	start := func(body string) string {
		t.Helper()
		return p.unifi("POST", sessionsPath, body).code()
	}
	if got := start(`{"device_id": "` + reader + `"}`); got != "402 CODE_DEVICE_DEVICE_OFFLINE" {
		t.Errorf("a reader that is away: %s", got)
	}
	w.live.say(reader, sound)
	for body, want := range map[string]string{
		`{"device_id": "nowhere"}`:                           "404 CODE_DEVICE_DEVICE_NOT_FOUND",
		`{"device_id": "` + strings.Repeat("a", 1000) + `"}`: "404 CODE_DEVICE_DEVICE_NOT_FOUND",
		`{"device_id": ""}`:                                  "404 CODE_DEVICE_DEVICE_NOT_FOUND",
		`{}`:                                                 "400 CODE_PARAMS_INVALID",
		`{"device_id": 1}`:                                   "400 CODE_PARAMS_INVALID",
		`{"device_id": "` + reader + `", "reset_ua_card": "no"}`: "400 CODE_PARAMS_INVALID",
	} {
		if got := start(body); got != want {
			t.Errorf("%.60s: %s, not %s", body, got, want)
		}
	}
	// No card comes, and the reader is free again.
	if a := p.poll(p.start(reader)); a.code() != "404 CODE_CREDS_NFC_READ_SESSION_NOT_FOUND" || !strings.Contains(a.body, "No card came") {
		t.Error(a.body)
	}
	// Removed while the reader waits: a card that comes is nobody's, and the reader is free again.
	w.live.show([]byte{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0x80})
	release := w.live.hold()
	session := p.start(reader)
	for _, want := range []string{"200 SUCCESS", "404 CODE_CREDS_NFC_READ_SESSION_NOT_FOUND"} {
		if a := p.unifi("DELETE", session, nil); a.code() != want {
			t.Errorf("%s, not %s", a.body, want)
		}
	}
	if a := w.program(desk.ScopeManage).unifi("POST", sessionsPath, `{"device_id": "`+reader+`"}`); a.code() != "402 CODE_DEVICE_DEVICE_BUSY" {
		t.Errorf("another program took over: %s", a.body)
	}
	release()
	began := false
	for range 2000 {
		if began = w.program(desk.ScopeManage).unifi("POST", sessionsPath, `{"device_id": "`+reader+`"}`).code() == "200 SUCCESS"; began {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if !began {
		t.Error("the reader is busy for ever")
	}
	for _, id := range []string{"67203419", strings.Repeat("A", 26)} {
		if a := p.unifi("GET", sessionsPath+"/"+id, nil); a.code() != "404 CODE_CREDS_NFC_READ_SESSION_NOT_FOUND" {
			t.Error(a.body)
		}
	}
}

func TestAProgramThatAsksAgainGetsTheReaderThatStillWaits(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	reader, _ := w.reader()
	w.live.say(reader, sound)
	w.live.show([]byte{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0x80})
	release := w.live.hold()
	first := p.start(reader)
	if a := p.unifi("DELETE", first, nil); a.code() != "200 SUCCESS" {
		t.Fatal(a.body)
	}
	second := p.start(reader)
	if a := p.unifi("GET", first, nil); first == second || a.code() != "404 CODE_CREDS_NFC_READ_SESSION_NOT_FOUND" {
		t.Errorf("%s after %s: %s", second, first, a.body)
	}
	release()
	var read struct{ Token string }
	p.poll(second).into(t, &read)
	if len(read.Token) != 64 || len(w.live.orders) != 1 {
		t.Errorf("%+v after %d orders", read, len(w.live.orders))
	}
}

func TestSessionsAreForgottenAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions()
		defer s.end()
		one := &session{id: "one", actor: -1, reader: "front-door"}
		ctx, err := s.add(one)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.add(&session{id: "two", actor: -1, reader: "front-door"}); err == nil {
			t.Error("two at one reader")
		}
		s.settle(one, true, &desk.UnboundCard{}, nil)
		if ctx.Err() == nil {
			t.Error("its reading goes on")
		}
		two := &session{id: "two", actor: -1, reader: "front-door"}
		if _, err := s.add(two); err != nil {
			t.Error(err)
		}
		s.settle(two, true, nil, desk.ErrReaderAway)
		time.Sleep(sessionKept + time.Second)
		three := &session{id: "three", actor: -1, reader: "front-door"}
		if _, err := s.add(three); err != nil || len(s.byID) != 1 {
			t.Error(len(s.byID), err)
		}
		s.settle(three, false, nil, desk.ErrReaderAway)
		if len(s.byID) != 0 {
			t.Error("one that never began is kept")
		}
		for i := range maxSessions {
			n := &session{id: string(rune(i)), actor: -1, reader: string(rune('a' + i))}
			if _, err := s.add(n); err != nil {
				t.Fatal(i, err)
			}
			s.settle(n, true, nil, desk.ErrReaderAway)
		}
		if _, err := s.add(&session{id: "more", actor: -1, reader: "back-door"}); err == nil {
			t.Error("there is no bound")
		}
	})
}

func TestReadingsEndWithTheAPI(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	reader, _ := w.reader()
	w.live.say(reader, sound)
	w.live.hold() // for ever
	p.start(reader)
	over, stop := context.WithCancel(t.Context())
	stop()
	w.must(w.api.Run(over)) // which waits for them
	if running := w.api.sessions.ctx.Err() == nil; running {
		t.Fatal("they go on")
	}
	if a := p.unifi("POST", sessionsPath, `{"device_id": "`+reader+`"}`); a.status == 200 {
		t.Errorf("another begins: %s", a.body)
	}
}
