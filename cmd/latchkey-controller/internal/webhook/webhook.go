// Package webhook sends events to receivers that administrators have chosen: at least once,
// in order per door, and tried again for three days. What is sent waits in the database
// before it is tried, so a controller that is killed loses nothing.
//
// Each receiver has a few attempts under way at most, and at one door one: a receiver that is
// slow holds up neither others nor other doors.
package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/outbound"
)

// Limits of sending.
const (
	atOnce      = 8                // attempts under way of one webhook
	patience    = 15 * time.Second // for an answer
	leftover    = time.Second      // for the rest of an answer, which is not read
	slowDown    = 30 * time.Second // after 502 and 504
	longestPoll = time.Minute      // the machine may have slept meanwhile
	retryStore  = 5 * time.Second  // after the database failed
)

// Options configure an Engine.
type Options struct {
	Desk  *desk.Desk
	Body  desk.Body
	Log   *slog.Logger
	Roots *x509.CertPool // of receivers; nil: the machine's
}

// An Engine sends what is due. Run it once.
type Engine struct {
	desk    *desk.Desk
	body    desk.Body
	log     *slog.Logger
	public  *http.Client // connects to public addresses only
	inside  *http.Client // to hosts that an Owner has allowed
	changed chan struct{}
	ended   chan ended

	// Of Run's goroutine.
	busy   map[lane]bool
	count  map[int64]int       // attempts under way, by webhook
	paused map[int64]time.Time // by webhook: until when nothing is sent
}

// A lane is where one attempt is under way at most.
type lane struct{ webhook, door int64 }

// ended says that an attempt has ended and is stored.
type ended struct {
	lane
	pause time.Duration
}

// New returns an engine.
func New(o Options) *Engine {
	e := &Engine{
		desk: o.Desk, body: o.Body, log: o.Log, changed: make(chan struct{}, 1), ended: make(chan ended),
		busy: map[lane]bool{}, count: map[int64]int{}, paused: map[int64]time.Time{},
	}
	e.public, e.inside = newClient(o, false), newClient(o, true)
	return e
}

// newClient returns a client that follows no redirects and uses no proxy.
func newClient(o Options, inside bool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            outbound.Dialer{Inside: inside, Timeout: patience}.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxIdleConns:           128,
			MaxIdleConnsPerHost:    atOnce,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Run sends what is due, until ctx ends. Attempts that are under way then are made again
// when the controller runs again.
func (e *Engine) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		e.desk.Watch(ctx, func(c desk.Change) {
			if c.Acts {
				select {
				case e.changed <- struct{}{}:
				default:
				}
			}
		})
		return nil
	})
	group.Go(func() error {
		for failed := ""; ctx.Err() == nil; {
			wait, err := e.round(ctx, group)
			if err != nil && ctx.Err() == nil {
				if err.Error() != failed && desk.Outage(err) == "" { // that is logged elsewhere
					e.log.Error("webhooks: cannot read or store what is to be sent; will retry", "err", err)
				}
				failed, wait = err.Error(), retryStore
			} else if err == nil {
				failed = ""
			}
			e.wait(ctx, wait)
		}
		return nil
	})
	err := group.Wait()
	e.public.CloseIdleConnections()
	e.inside.CloseIdleConnections()
	return err
}

// wait waits until there may be something to do, and notes which attempts have ended.
func (e *Engine) wait(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return
	case <-e.changed:
	case <-timer.C:
	case done := <-e.ended:
		e.note(done)
	}
	for { // all that are there
		select {
		case done := <-e.ended:
			e.note(done)
		default:
			return
		}
	}
}

func (e *Engine) note(done ended) {
	delete(e.busy, done.lane)
	if e.count[done.webhook]--; e.count[done.webhook] == 0 {
		delete(e.count, done.webhook)
	}
	if done.pause > 0 {
		e.paused[done.webhook] = time.Now().Add(done.pause)
	}
}

// round queues what has happened and begins the attempts that are due. It returns when to
// come again at the latest.
func (e *Engine) round(ctx context.Context, group *errgroup.Group) (wait time.Duration, err error) {
	_, more, err := e.desk.QueueWebhooks(ctx, e.body)
	if err != nil {
		e.log.Debug("webhooks: queue", "err", err) // what is queued goes on
	}
	now, wait := time.Now(), longestPoll
	for webhook, until := range e.paused {
		if now.After(until) {
			delete(e.paused, webhook)
		} else {
			wait = min(wait, until.Sub(now))
		}
	}
	taken := map[int64]int{}
	due, next, failed := e.desk.Due(ctx, func(webhook, door int64) bool {
		if e.busy[lane{webhook, door}] || e.count[webhook]+taken[webhook] >= atOnce || !e.paused[webhook].IsZero() {
			return false
		}
		taken[webhook]++
		return true
	})
	if failed != nil {
		return 0, failed
	}
	for _, o := range due {
		at := lane{o.Webhook, o.Lane}
		e.busy[at] = true
		e.count[o.Webhook]++
		group.Go(func() error {
			e.deliver(ctx, o, at)
			return nil
		})
	}
	if next > 0 {
		wait = min(wait, next)
	}
	if more {
		wait = 0
	}
	return wait, err
}

// deliver makes an attempt and stores how it ended. Until that is stored nothing else is sent
// in its lane: it would be sent twice.
func (e *Engine) deliver(ctx context.Context, o *desk.Outgoing, at lane) {
	got, pause := e.attempt(ctx, o)
	for failed := false; ctx.Err() == nil; failed = true {
		err := e.desk.Settle(ctx, o.ID, got)
		if err == nil {
			break
		}
		if !failed && desk.Outage(err) == "" {
			e.log.Error("webhooks: cannot store how an attempt ended; will retry", "webhook", o.Webhook, "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryStore):
		}
	}
	select {
	case e.ended <- ended{at, pause}:
	case <-ctx.Done():
	}
}
