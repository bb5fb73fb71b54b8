package errand

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Client is a desk.Live that has the controllers that lead the cells of the site do it. It is safe for concurrent use.
type Client struct {
	site    *site.Site
	cell    int64         // of this process
	own     id            // of the channel on which it listens
	up      chan struct{} // closed when it listens
	limits  limits
	leading atomic.Pointer[leads]

	asking chan struct{}   // holds an element while statuses are asked for, and guards what follows
	known  map[int64]reply // what the cells answered last
	cells  []int64         // of the site, as it was last known, with that of this process first

	cellsAt time.Time
	cellsOf uint64 // commits when they were looked for

	several atomic.Bool   // the site has more than one cell
	commits atomic.Uint64 // that were heard of

	mu    sync.Mutex
	talks map[id]*talk
}

// A talk is a conversation at a stand-by.
type talk struct {
	end
	inbox  chan *message
	limits limits
	beat   store.Beat // of the lead, when it began
}

// inboxSize is how many messages of a conversation wait. More are dropped, and the conversation fails:
// the other end waits for an answer to most of them.
const inboxSize = 64

// NewClient returns a client of a process of a cell, which does nothing until it runs.
func NewClient(s *site.Site, cell int64) *Client {
	return &Client{site: s, cell: cell, own: newID(), up: make(chan struct{}), limits: usual(), asking: make(chan struct{}, 1), known: map[int64]reply{}, talks: map[id]*talk{}}
}

// Run listens until ctx ends.
func (c *Client) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.site.Listen(ctx, toStandBy(c.own), c.take) })
	group.Go(func() error {
		select {
		case <-c.up:
			return c.site.Watch(ctx, func() error { c.commits.Add(1); return nil })
		case <-ctx.Done():
			return nil
		}
	})
	return group.Wait()
}

// leads is the link of this process, while it leads.
type leads struct {
	ctx  context.Context
	link desk.Live
}

// Lead says that this process leads its cell until ctx ends, with a link of its own: nobody else is asked about that cell.
func (c *Client) Lead(ctx context.Context, l desk.Live) { c.leading.Store(&leads{ctx, l}) }

// led returns the link of this process, and a context for it that ends with ctx and when this process leads no
// longer; nil: it does not lead.
func (c *Client) led(ctx context.Context) (l *leads, within context.Context, end func()) {
	l = c.leading.Load()
	if l == nil || l.ctx.Err() != nil {
		return nil, nil, nil
	}
	within, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, cancel)
	return l, within, func() { stop(); cancel() }
}

// lost says whether an error is that this process leads no longer: its link was stopped, or has ended.
func (l *leads) lost(ctx context.Context, err error) bool {
	var away *store.UnavailableError
	return l.ctx.Err() != nil && ctx.Err() == nil && (errors.Is(err, context.Canceled) || errors.As(err, &away))
}

// ended returns what came of an order at the link of this process, which begins none once its context has
// ended.
func (l *leads) ended(ctx context.Context, r link.OrderResult, err error) (link.OrderResult, error) {
	if l.lost(ctx, err) {
		return link.OrderResult{}, errGone
	}
	return r, err
}

// take takes what was posted. It never blocks.
func (c *Client) take(posted []byte) {
	if posted == nil { // it listens; what is missing has conversations end
		select {
		case <-c.up:
		default:
			close(c.up)
		}
		return
	}
	h, sealed, ok := parse(posted)
	if !ok {
		return
	}
	c.mu.Lock()
	t := c.talks[h.conversation]
	c.mu.Unlock()
	if t == nil {
		return
	}
	if m := t.take(h, sealed); m != nil {
		select {
		case t.inbox <- m:
		default:
			m.wipe()
		}
	}
}

// begin asks the controller that leads a cell for something, and returns the first answer. The caller ends the
// conversation, unless there is an error. silent is a beat of the lead since which nobody has answered: with that, nobody
// is asked again.
func (c *Client) begin(ctx context.Context, cell int64, what kind, limit int, silent store.Beat) (*talk, *message, error) {
	t := &talk{end{site: c.site, cell: cell, me: standBy, them: leader, channel: toLeader(cell), limit: limit, conversation: newID()}, make(chan *message, inboxSize), c.limits, store.Beat{}}
	c.mu.Lock()
	if len(c.talks) >= maxConversations {
		c.mu.Unlock()
		return nil, nil, errBusyHere
	}
	c.talks[t.conversation] = t
	c.mu.Unlock()
	m, err := c.ask(ctx, t, cell, what, silent)
	if err != nil {
		c.end(t)
	}
	return t, m, err
}

func (c *Client) ask(ctx context.Context, t *talk, cell int64, what kind, silent store.Beat) (*message, error) {
	nobody := c.nobody(cell)
	within, cancel := context.WithTimeoutCause(ctx, c.limits.answer, nobody)
	defer cancel()
	select {
	case <-c.up:
	case <-within.Done():
		return nil, context.Cause(within)
	}
	beat, err := c.site.Beat(within, cell)
	t.beat = beat
	if errors.Is(err, store.ErrNotFound) || err == nil && silent != (store.Beat{}) && beat == silent {
		return nil, nobody // nobody has ever led it, or not since then
	}
	if err == nil {
		err = t.say(within, &message{Kind: what, ReplyTo: c.own, Term: beat.Term, Beat: beat.Count})
	}
	if err != nil {
		if within.Err() != nil {
			err = context.Cause(within)
		}
		return nil, err
	}
	m := t.next(within)
	if m == nil && ctx.Err() == nil && t.started() { // a long one
		longer, cancel := context.WithTimeoutCause(ctx, c.limits.status, nobody)
		defer cancel()
		within, m = longer, t.next(longer)
	}
	switch {
	case m == nil:
		return nil, context.Cause(within)
	case m.Kind == foreign:
		return nil, otherVersion(m.Version)
	case m.Kind == busy:
		return nil, errBusy
	}
	return m, nil
}

func (c *Client) end(t *talk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.talks, t.conversation)
}

// next returns the next message; nil: ctx has ended.
func (t *talk) next(ctx context.Context) *message {
	select {
	case m := <-t.inbox:
		return m
	case <-ctx.Done():
		return nil
	}
}

// Order implements desk.Live. The error says that nothing was done, unless it is a store.UnsureError. An
// order of which is not known whether it was carried out has no record.
func (c *Client) Order(ctx context.Context, o store.Order, take func(uid []byte) (text string, ok bool)) (link.OrderResult, error) {
	return c.inCell(ctx, o.Reader, func(cell int64) (link.OrderResult, error) {
		if l, within, end := c.led(ctx); l != nil && cell == c.cell {
			defer end()
			r, err := l.link.Order(within, o, take)
			return l.ended(ctx, r, err)
		}
		return c.order(ctx, cell, o, func(shown *wire.CardToKey) *answer {
			if take == nil {
				return new(answer)
			}
			text, ok := take(shown.UID)
			return &answer{Text: plain(text), OK: ok}
		})
	})
}

// Personalise implements desk.Live, as Order does.
func (c *Client) Personalise(ctx context.Context, o store.Order, keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
	return c.inCell(ctx, o.Reader, func(cell int64) (link.OrderResult, error) {
		if l, within, end := c.led(ctx); l != nil && cell == c.cell {
			defer end()
			r, err := l.link.Personalise(within, o, keys)
			return l.ended(ctx, r, err)
		}
		o.Order = wire.Personalise
		return c.order(ctx, cell, o, func(shown *wire.CardToKey) *answer {
			sets, err := keys(shown)
			if err != nil {
				return &answer{Text: plain(err.Error())}
			}
			return &answer{OK: true, Keys: sets}
		})
	})
}
