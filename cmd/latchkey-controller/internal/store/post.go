package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// MaxPosted is the most that one posted message has, in bytes. PostgreSQL takes texts of fewer than
// 8,000 bytes; as one, it has 7,868.
const MaxPosted = 5900

// maxPosted is the most of a posted text that is decoded.
const maxPosted = 8000

// heardAtOnce is how many messages wait for one who listens. More are dropped.
const heardAtOnce = 1024

// postWithin is how long posting may take.
const postWithin = 4 * time.Second

// errPostedAlone says that SQLite's database is used by one process that serves.
var errPostedAlone = errors.New("the database is SQLite: there are no other controllers to speak to")

// Post sends messages, each at most MaxPosted bytes, to all processes that listen on a channel of the
// database, in this order and after what this process has posted before. They are not kept: who does not
// listen misses them. After an error they may have been sent. Whoever may connect to the database can
// listen, and post.
func (s *Store) Post(ctx context.Context, channel string, messages ...[]byte) error {
	for _, m := range messages {
		if len(m) > MaxPosted {
			return fmt.Errorf("post %d bytes, at most %d", len(m), MaxPosted)
		}
	}
	return s.engine.post(ctx, channel, messages)
}

// Listen calls take with each message that is posted on a channel, until ctx ends. It calls it with nil
// when it has begun to listen, and when some may have been missed: after a connection broke, and when more
// came than take took. take blocks nobody else. The error says that the database was closed.
func (s *Store) Listen(ctx context.Context, channel string, take func(message []byte)) error {
	return s.engine.listen(ctx, channel, take)
}

func (*sqliteEngine) post(context.Context, string, [][]byte) error { return errPostedAlone }

func (*sqliteEngine) listen(ctx context.Context, _ string, _ func([]byte)) error {
	<-ctx.Done() // nobody posts
	return nil
}

// post does not wait for disks: nothing is kept.
func (e *postgresEngine) post(ctx context.Context, channel string, messages [][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, postWithin)
	defer cancel()
	texts := make([]string, len(messages))
	for i, m := range messages {
		texts[i] = base64.StdEncoding.EncodeToString(m)
	}
	_, err := e.db.ExecContext(ctx, `SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, text) FROM unnest($2::text[]) AS text`, channel, texts)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return e.failure(dbError(err))
}

func (e *postgresEngine) listen(ctx context.Context, channel string, take func([]byte)) error {
	if !e.changes.begin() {
		return errClosed
	}
	defer e.changes.end()
	l := e.changes.listeners.add(channel)
	defer e.changes.listeners.remove(l)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.changes.closed:
			return errClosed
		case m := <-l.heard:
			take(m)
		case <-l.missed:
			take(nil)
		}
	}
}

// A listener hears what is posted on a channel.
type listener struct {
	channel string
	heard   chan []byte
	missed  chan struct{} // has an element when it has begun to hear, or has missed something
	hears   bool
}

// hear takes a posted text. It never blocks.
func (l *listener) hear(text string) {
	if len(text) > maxPosted {
		return
	}
	message, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(message) == 0 {
		return // it is none of ours
	}
	select {
	case l.heard <- message:
	default:
		l.miss()
	}
}

func (l *listener) miss() {
	select {
	case l.missed <- struct{}{}:
	default:
	}
}

// listeners are all that listen in this process. Its zero value is ready.
type listeners struct {
	mu        sync.Mutex
	all       map[*listener]bool
	interrupt func() // has the connection listen on other channels; nil: there has been none
}

func (ls *listeners) add(channel string) *listener {
	l := &listener{channel: channel, heard: make(chan []byte, heardAtOnce), missed: make(chan struct{}, 1)}
	ls.change(func() {
		if ls.all == nil {
			ls.all = map[*listener]bool{}
		}
		ls.all[l] = true
	})
	return l
}

func (ls *listeners) remove(l *listener) { ls.change(func() { delete(ls.all, l) }) }

func (ls *listeners) change(how func()) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	how()
	if ls.interrupt != nil {
		ls.interrupt()
	}
}

// broken says that nobody hears anything, until renew.
func (ls *listeners) broken() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for l := range ls.all {
		l.hears = false
	}
}

// renew has a connection, which listens on some channels, listen on those of all listeners, and tells
// these. interrupt is called when there are others.
func (ls *listeners) renew(ctx context.Context, conn *pgx.Conn, on map[string]bool, interrupt func()) error {
	ls.mu.Lock()
	ls.interrupt = interrupt
	wanted := map[string]bool{}
	for l := range ls.all {
		wanted[l.channel] = true
	}
	ls.mu.Unlock()
	for channel := range wanted {
		if on[channel] {
			continue
		}
		if _, err := conn.Exec(ctx, `LISTEN `+pgx.Identifier{channel}.Sanitize()); err != nil {
			return err
		}
		on[channel] = true
	}
	for channel := range on {
		if wanted[channel] {
			continue
		}
		if _, err := conn.Exec(ctx, `UNLISTEN `+pgx.Identifier{channel}.Sanitize()); err != nil {
			return err
		}
		delete(on, channel)
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for l := range ls.all {
		if on[l.channel] && !l.hears {
			l.hears = true
			l.miss()
		}
	}
	return nil
}

func (ls *listeners) hear(n *pgconn.Notification) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for l := range ls.all {
		if l.channel == n.Channel {
			l.hear(n.Payload)
		}
	}
}
