package api

import (
	"bytes"
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// Bounds of those who follow the site by WebSocket.
const (
	maxFollowers    = 256
	maxOwnFollowers = 128  // of one token
	maxFrames       = 4096 // that wait for one follower
)

// How often it is looked at what readers report, and at what changes by itself as time passes.
const (
	glanceEvery  = 200 * time.Millisecond
	lookAtLeast  = 10 * time.Second
	pauses       = 4 // as long as looking took
	eventsAtOnce = 500
)

// followers are the programs that follow the site. Each frame is encoded once, and given to
// all of them.
type followers struct {
	hello, recheck time.Duration // how often a follower hears something, and its token is looked at
	stale          time.Duration // how long ago that may be when it is sent something

	mu     sync.Mutex
	all    map[*follower]bool
	seen   *seen // what they were told; nil: nobody follows
	due    bool  // something may look otherwise than they were told
	looked time.Time
	pause  time.Duration // until it is looked again: at large sites it takes a while
}

func newFollowers() *followers {
	return &followers{hello: 5 * time.Second, recheck: 30 * time.Second, stale: time.Second, all: map[*follower]bool{}}
}

// A follower is one of them.
type follower struct {
	token  int64 // the actor's id
	frames chan notification
	slow   chan struct{} // closed when it has missed a frame: it gets none any more
	names  atomic.Bool   // it may know who did something
}

// A notification is the text of a frame, with the reader or the door that it is about; neither:
// it is about the site.
type notification struct {
	text   []byte
	reader string
	door   int64
	moved  bool // who sees it may be others than before
}

// seenIn says whether it is for those with a sight.
func (n notification) seenIn(s desk.Sight) bool {
	return s.Reader(n.reader) && (n.door == 0 || s.Door(n.door))
}

// seen is what followers were told last.
type seen struct {
	cursor  int64 // in the feed
	glances map[string]desk.Glance
	frames  map[string][]byte // by what they are about
	at      map[string]int64  // its location, too; 0: the site
}

// send gives a notification to all followers, who tell only of what they see; personal ones to
// those only who may know of persons.
func (f *followers) send(n notification, personal bool) {
	for each := range f.all {
		if personal && !each.names.Load() {
			continue
		}
		select {
		case each.frames <- n:
		default:
			delete(f.all, each)
			close(each.slow)
		}
	}
}

// join adds a follower with a token, who hears of what happens from now on; nil: there are too
// many.
func (a *API) join(ctx context.Context, token int64, names bool) (*follower, error) {
	f := a.followers
	f.mu.Lock()
	defer f.mu.Unlock()
	own := 0
	for each := range f.all {
		if each.token == token {
			own++
		}
	}
	if len(f.all) >= maxFollowers || own >= maxOwnFollowers {
		return nil, nil
	}
	if f.seen == nil {
		feed, err := a.desk.EventsAfter(ctx, desk.Follower(), 0, 1)
		if err != nil {
			return nil, err
		}
		now := &seen{cursor: feed.Newest}
		if err := a.look(ctx, now); err != nil {
			return nil, err
		}
		f.seen = now
	}
	one := &follower{token: token, frames: make(chan notification, maxFrames), slow: make(chan struct{})}
	one.names.Store(names)
	f.all[one] = true
	return one, nil
}

func (f *followers) leave(one *follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, one)
}

// tellAgain is how long after the database failed it is tried again.
const tellAgain = 2 * time.Second

// follow tells followers what happens, until ctx ends.
func (a *API) follow(ctx context.Context) {
	changed := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.desk.Watch(ctx, func(c desk.Change) {
			a.news.publish(c)
			if c.Acts {
				select {
				case changed <- struct{}{}:
				default:
				}
			}
		})
	}()
	glance := time.NewTicker(glanceEvery)
	defer glance.Stop()
	for {
		happened := false
		select {
		case <-ended:
			return
		case <-changed:
			happened = true
		case <-glance.C:
		}
		site.Persist(ctx, a.log, "cannot read what followers are to be told", tellAgain, func() error { return a.tell(ctx, happened) })
	}
}

// tell tells followers what is new; happened says that there are new events.
func (a *API) tell(ctx context.Context, happened bool) error {
	f := a.followers
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) == 0 {
		f.seen = nil
		return nil
	}
	glances, err := a.desk.Glances(ctx, desk.Follower())
	if err != nil {
		return err
	}
	if happened {
		if err := a.tellEvents(ctx); err != nil {
			return err
		}
	}
	since := time.Since(f.looked)
	f.due = f.due || happened || !maps.Equal(glances, f.seen.glances) || since >= lookAtLeast
	f.seen.glances = glances
	if !f.due || since < f.pause {
		return nil
	}
	return a.look(ctx, f.seen)
}

// tellEvents tells of the events after the cursor.
func (a *API) tellEvents(ctx context.Context) error {
	f := a.followers
	for more := true; more; {
		feed, err := a.desk.EventsAfter(ctx, desk.Follower(), f.seen.cursor, eventsAtOnce)
		if err != nil {
			return err
		}
		var doors map[string]desk.ReaderDoor
		if len(feed.Events) > 0 {
			if doors, err = a.desk.ReaderDoors(ctx, desk.Follower()); err != nil {
				return err
			}
		}
		f.seen.cursor, more = feed.Next, feed.More
		for _, e := range feed.Events {
			for _, frame := range a.eventFrames(e, doors) {
				f.send(notification{text: frame, reader: e.Reader}, true)
			}
		}
	}
	return nil
}

// look looks at all doors and readers, and tells of those that are not as they were in s. If s
// is new, it only fills it in.
func (a *API) look(ctx context.Context, s *seen) error {
	f := a.followers
	began := time.Now()
	is, err := a.desk.Situation(ctx, desk.Follower())
	if err != nil {
		return err
	}
	frames, at := map[string][]byte{}, map[string]int64{}
	tell := func(about string, location int64, n notification) {
		n.moved = s.at[about] != location
		frames[about], at[about] = n.text, location
		if s.frames != nil && !bytes.Equal(s.frames[about], n.text) {
			f.send(n, false)
		}
	}
	tell("setting", 0, notification{text: a.settingFrame(is.Emergency)})
	for _, l := range is.Locations {
		for _, door := range l.Doors {
			location := a.locationFrame(door, is)
			for _, r := range door.Readers {
				tell("reader "+r.ID, l.ID, notification{text: a.deviceFrame(r, door), reader: r.ID})
			}
			tell("door "+a.ids.of(kindDoor, door.ID), l.ID, notification{text: location, door: door.ID})
		}
	}
	if s.glances == nil {
		if s.glances, err = a.desk.Glances(ctx, desk.Follower()); err != nil {
			return err
		}
	}
	s.frames, s.at, f.due, f.looked, f.pause = frames, at, false, time.Now(), pauses*time.Since(began)
	return nil
}
