package api

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// Bounds of sessions.
const (
	sessionKept = 3 * time.Minute // after a card was read, or not
	maxSessions = 1000
)

// A session is a card being read at a reader for a program.
//
//	reading --card--> read
//	   |
//	   +--no card, reader away--> failed
//
// It ends when the program removes it, or sessionKept after it was read or failed. A reader goes
// on to wait for a card after that: the program's next session there is that one, under a new id.
// The card that was read is kept by the desk.
type session struct {
	id      string
	actor   int64
	reader  string
	stop    context.CancelFunc
	card    *desk.UnboundCard // nil: not read
	failed  error             // nil: it has not
	ends    time.Time         // zero: it goes on
	removed bool              // but the reader still waits for a card
}

// sessions are those of a controller, in memory only.
type sessions struct {
	ctx  context.Context // of all readings
	stop context.CancelFunc

	mu      sync.Mutex
	running sync.WaitGroup // readings
	byID    map[string]*session
}

func newSessions() *sessions {
	ctx, stop := context.WithCancel(context.Background())
	return &sessions{ctx: ctx, stop: stop, byID: map[string]*session{}}
}

// end ends all readings, and waits for them.
func (s *sessions) end() {
	s.mu.Lock()
	s.stop()
	s.mu.Unlock()
	s.running.Wait()
}

// add adds a session at a reader, where there is none that still reads, and returns the context
// of its reading; nil: it is one of the same program that was removed, and whose reader still
// waits.
func (s *sessions) add(added *session) (context.Context, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for other, before := range s.byID {
		switch {
		case !before.ends.IsZero() && now.After(before.ends):
			delete(s.byID, other)
		case !before.ends.IsZero() || before.reader != added.reader:
		case before.removed && before.actor == added.actor:
			delete(s.byID, other)
			before.id, before.removed = added.id, false
			s.byID[before.id] = before
			return nil, nil
		default:
			return nil, refuse(http.StatusPaymentRequired, codeBusy, "This reader waits for a card already; try again in half a minute")
		}
	}
	switch {
	case len(s.byID) >= maxSessions:
		return nil, refuse(http.StatusPaymentRequired, codeBusy, "Too many cards are being read; try again in three minutes")
	case s.ctx.Err() != nil:
		return nil, s.ctx.Err()
	}
	ctx, stop := context.WithCancel(s.ctx)
	added.stop = stop
	s.byID[added.id] = added
	s.running.Add(1)
	return ctx, nil
}

// wanted says whether a program still waits for the card of a session.
func (s *sessions) wanted(of *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !of.removed
}

// settle notes what came of a reading. asked says that the reader was asked: otherwise there is
// no session.
func (s *sessions) settle(of *session, asked bool, card *desk.UnboundCard, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of.stop()
	of.card, of.failed, of.ends = card, err, time.Now().Add(sessionKept)
	if of.removed || !asked {
		delete(s.byID, of.id)
	}
	s.running.Done()
}

// of returns the session of a program. The caller holds mu.
func (s *sessions) of(c *call) (*session, error) {
	found := s.byID[c.r.PathValue("id")]
	if found == nil || found.removed || found.actor != c.actor.ID || !found.ends.IsZero() && time.Now().After(found.ends) {
		return nil, refuse(http.StatusNotFound, codeNoSession, "There is no such session: it was removed, or ended minutes ago")
	}
	return found, nil
}

// startSession answers POST /credentials/nfc_cards/sessions: once the reader is asked for a card.
func (a *API) startSession(c *call) (any, error) {
	var body struct {
		Reader *string `json:"device_id"`
		Reset  *bool   `json:"reset_ua_card"` // cards of other sites are as all others
	}
	if err := c.body(&body); err != nil {
		return nil, err
	}
	if body.Reader == nil {
		return nil, badRequest("Send device_id, the id of a reader")
	}
	id := rand.Text()
	started := &session{id: id, actor: c.actor.ID, reader: *body.Reader}
	ctx, err := a.sessions.add(started)
	if err != nil {
		return nil, err
	}
	if ctx != nil {
		begun, actor := make(chan error, 1), c.actor
		go func() {
			asked := false
			card, err := a.desk.ReadCard(ctx, actor, started.reader, func() { asked = true; begun <- nil }, func() bool { return a.sessions.wanted(started) })
			a.sessions.settle(started, asked, card, err)
			if !asked {
				begun <- err
			}
		}()
		if err := <-begun; err != nil {
			return nil, err
		}
	}
	return struct {
		ID string `json:"session_id"`
	}{id}, nil
}

// session answers GET /credentials/nfc_cards/sessions/{id}. Programs ask again and again, and
// take any status but 200 for the end.
func (a *API) session(c *call) (any, error) {
	if err := c.actor.Refusal(desk.ReadCard); err != nil {
		return nil, err
	}
	a.sessions.mu.Lock()
	defer a.sessions.mu.Unlock()
	of, err := a.sessions.of(c)
	switch {
	case err != nil:
		return nil, err
	case of.failed != nil && desk.Fields(of.failed) != nil:
		return nil, refuse(http.StatusNotFound, codeNoSession, desk.Sentence(of.failed.Error()))
	case of.failed != nil:
		return nil, of.failed
	case of.card == nil:
		return nil, refuse(http.StatusOK, codeNotReadYet, "No card was shown yet; ask again")
	}
	return struct {
		ID    string `json:"card_id"` // the last four digits of its number
		Token string `json:"token"`
	}{of.card.LastFour, a.ids.token(of.card.Credential)}, nil
}

// endSession answers DELETE /credentials/nfc_cards/sessions/{id}. A card that was read can still
// be given to somebody.
func (a *API) endSession(c *call) (any, error) {
	if err := c.actor.Refusal(desk.ReadCard); err != nil {
		return nil, err
	}
	a.sessions.mu.Lock()
	defer a.sessions.mu.Unlock()
	of, err := a.sessions.of(c)
	if err != nil {
		return nil, err
	}
	of.removed = true
	if !of.ends.IsZero() {
		delete(a.sessions.byID, c.r.PathValue("id"))
	}
	return "success", nil
}
