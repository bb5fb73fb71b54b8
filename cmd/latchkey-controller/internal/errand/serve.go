package errand

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A server answers stand-bys while this process leads.
type server struct {
	site *site.Site
	cell int64
	live desk.Live
	beat func() store.Beat // of the lead
	log  *slog.Logger

	limits limits

	turned chan *conversation // away: there are too many, or it is foreign
	packs  sync.Mutex         // one status at a time is read and sent

	mu    sync.Mutex
	all   map[id]*conversation
	asked [2]map[id]bool // the newest conversations, and older ones: none begins again
	group sync.WaitGroup // of conversations
}

// maxAsked bounds how many conversations are remembered: twice as many.
const maxAsked = 4096

// A conversation is one at the leader.
type conversation struct {
	end
	made  time.Duration // of clock.Running; no later than the challenge was
	inbox chan *message
}

// Serve answers what stand-bys ask, with the link of this process, until ctx ends and each order has its
// outcome. It is for the controller that leads a cell, with the beats of its lead.
func Serve(ctx context.Context, s *site.Site, cell int64, l desk.Live, beat func() store.Beat, log *slog.Logger) error {
	return newServer(s, cell, l, beat, log).serve(ctx)
}

func newServer(s *site.Site, cell int64, l desk.Live, beat func() store.Beat, log *slog.Logger) *server {
	return &server{site: s, cell: cell, live: l, beat: beat, log: log, limits: usual(), turned: make(chan *conversation, maxConversations), all: map[id]*conversation{}, asked: [2]map[id]bool{{}, {}}}
}

func (s *server) serve(ctx context.Context) error {
	defer s.group.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // before that wait, also if the database was closed
	s.group.Go(func() { s.turnAway(ctx) })
	return s.site.Listen(ctx, toLeader(s.cell), func(posted []byte) { s.take(ctx, posted) })
}

// take takes what was posted. It never blocks.
func (s *server) take(ctx context.Context, posted []byte) {
	h, sealed, ok := parse(posted)
	if !ok {
		return
	}
	s.mu.Lock()
	c := s.all[h.conversation]
	s.mu.Unlock()
	if c == nil && h.challenge == (id{}) && h.number == 0 {
		s.begin(ctx, h, sealed)
		return
	}
	if c == nil {
		return
	}
	if m := c.take(h, sealed); m != nil {
		select {
		case c.inbox <- m:
		default:
			m.wipe()
		}
	}
}

// begin begins a conversation with what a stand-by asks for.
func (s *server) begin(ctx context.Context, h header, sealed []byte) {
	c := &conversation{end: end{site: s.site, cell: s.cell, me: leader, them: standBy, limit: maxMessage, conversation: h.conversation}, made: clock.Running(), inbox: make(chan *message, inboxSize)}
	m := c.take(h, sealed)
	if m == nil || m.Kind != askStatus && m.Kind != askOrder && m.Kind != foreign {
		s.log.Debug("what was posted for the controller that leads was not written by another one of this site")
		return
	}
	if now := s.beat(); m.Kind != foreign && (m.Term != now.Term || m.Beat+askBeats < now.Count) { // kept, and posted again
		return
	}
	c.channel, c.challenge = toStandBy(m.ReplyTo), newID()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked[0][h.conversation] || s.asked[1][h.conversation] {
		return
	}
	if len(s.asked[0]) >= maxAsked {
		s.asked[0], s.asked[1] = map[id]bool{}, s.asked[0]
	}
	s.asked[0][h.conversation] = true
	if len(s.all) >= maxConversations || m.Kind == foreign { // that one reads no more of the answer than its version
		select {
		case s.turned <- c:
		default:
		}
		return
	}
	s.all[c.conversation] = c
	s.group.Go(func() {
		defer s.end(c)
		if m.Kind == askStatus {
			s.status(ctx, c)
		} else {
			s.order(ctx, c)
		}
	})
}

func (s *server) end(c *conversation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, c.conversation)
}

// turnAway says to stand-bys that there are too many conversations, or that theirs is foreign.
func (s *server) turnAway(ctx context.Context) {
	for {
		select {
		case c := <-s.turned:
			c.say(ctx, &message{Kind: busy})
		case <-ctx.Done():
			return
		}
	}
}

// status sends what is known of readers and brokers.
func (s *server) status(ctx context.Context, c *conversation) {
	s.packs.Lock()
	defer s.packs.Unlock()
	if clock.Running()-c.made > s.limits.answer || ctx.Err() != nil {
		return // nobody waits any more
	}
	within, cancel := context.WithTimeout(ctx, s.limits.status)
	defer cancel()
	readers, err := s.live.Readers(within)
	if err == nil {
		brokers, failed := s.live.Brokers(within)
		var packed []byte
		if err = failed; err == nil {
			packed, err = pack(readers, brokers)
		}
		if err == nil {
			c.say(ctx, &message{Kind: status, Status: packed})
			return
		}
	}
	c.say(ctx, &message{Kind: result, Result: outcomeOf(noResult, err)})
}
