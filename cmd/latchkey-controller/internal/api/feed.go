package api

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// Limits of the feed.
const (
	feedPage      = 100              // events of an answer unless more are asked for
	streamPage    = 200              // events that are read at once for a stream
	streamSilence = 15 * time.Second // longest silence of a stream
	maxStreams    = 256
	maxOwnStreams = 16 // of one token
)

// A feedEvent is an event of the feed.
type feedEvent struct {
	Cursor   string      `json:"cursor"` // events after it come after this
	Time     time.Time   `json:"time"`   // by the clock of its source
	Trusted  bool        `json:"clock_trusted"`
	Received time.Time   `json:"received"`
	Source   string      `json:"source"` // reader, admin, alarm
	Kind     string      `json:"kind"`
	Result   desk.Result `json:"result"`
	Door     *feedDoor   `json:"door"`   // null: it is about no door
	Reader   string      `json:"reader"` // "": it is about none
	User     *feedUser   `json:"user"`   // null: it is about none
	By       string      `json:"by"`     // administrator or program; "": none
	Means    string      `json:"means"`  // pin, card, card and pin, remote; "": none
	Reason   string      `json:"reason"` // why it was denied or paused, as a word for programs; "": none
	Text     string      `json:"text"`   // a sentence
}

// A feedDoor is where an event happened.
type feedDoor struct {
	ID   string `json:"id"`   // of the reader's door now; "": it has none
	Name string `json:"name"` // at that time
}

// A feedUser is whom an event is about.
type feedUser struct {
	ID   string `json:"id"`
	Name string `json:"name"` // at that time
}

// A feedAnswer is a part of the feed.
type feedAnswer struct {
	Events []*feedEvent `json:"events"`
	Next   string       `json:"next"` // to be sent as after next time
	More   bool         `json:"more"` // there are more by now
}

// cursor returns the text of a cursor. It is an id, so that one of another site is refused.
func (a *API) cursor(after int64) string {
	if after == 0 {
		return ""
	}
	return a.ids.of(kindEvent, after)
}

// after returns the cursor that a request names; "": from the oldest event on.
func (a *API) after(c *call) (after int64, err error) {
	text := c.r.URL.Query().Get("after")
	if last := c.r.Header.Get("Last-Event-ID"); last != "" {
		text = last
	}
	switch text {
	case "":
		return 0, nil
	case "now":
		feed, err := a.desk.EventsAfter(c.r.Context(), c.actor, 0, 1)
		if err != nil {
			return 0, err
		}
		return feed.Newest, nil
	}
	if after, err = a.ids.parse(kindEvent, text); err != nil {
		return 0, badRequest("after is no cursor of this site; begin again without one, or with now")
	}
	return after, nil
}

// events answers GET /events: what happened after a cursor, in the order in which it
// arrived. With Accept: text/event-stream it goes on as it happens.
func (a *API) events(c *call) (any, error) {
	limit := feedPage
	if text := c.r.URL.Query().Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxPages {
			return nil, badRequest("limit must be a whole number from 1 to %d", maxPages)
		}
	}
	after, err := a.after(c)
	if err != nil {
		return nil, err
	}
	if streams(c.r) {
		return answered{}, a.stream(c, after)
	}
	feed, err := a.desk.EventsAfter(c.r.Context(), c.actor, after, min(limit, maxPage))
	if err != nil {
		return nil, err
	}
	part := &feedAnswer{Events: make([]*feedEvent, 0, len(feed.Events)), Next: a.cursor(feed.Next), More: feed.More}
	for _, e := range feed.Events {
		part.Events = append(part.Events, a.feedEvent(feed, e))
	}
	return part, nil
}

// streams says whether a request asks for a stream.
func streams(r *http.Request) bool {
	for kind := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if kind, _, err := mime.ParseMediaType(kind); err == nil && kind == "text/event-stream" {
			return true
		}
	}
	return false
}

func (a *API) feedEvent(feed *desk.Feed, e *desk.Event) *feedEvent {
	f := &feedEvent{
		Cursor: a.cursor(e.ID), Time: e.At.UTC(), Trusted: e.Trusted, Received: e.Received.UTC(), Source: e.Source, Kind: e.Kind, Result: e.Result,
		Reader: e.Reader, By: e.Who, Text: e.Text.String(),
	}
	if e.Reader != "" {
		f.Door = &feedDoor{Name: e.Door}
		if door := feed.Doors[e.Reader]; door != 0 {
			f.Door.ID = a.ids.of(kindDoor, door)
		}
	}
	if e.User != 0 {
		f.User = &feedUser{a.ids.of(kindUser, int64(e.User)), e.Person}
	}
	if r := e.Record; r != nil {
		f.Means, f.Reason = string(r.By), string(r.Reason)
		if r.Kind == wire.LockoutStarted {
			f.Reason = string(r.Cause)
		}
	}
	return f
}

// stream sends events as they happen, as server-sent events (WHATWG HTML, section 9.2),
// until the client goes away or its token ends. Their ids are cursors.
func (a *API) stream(c *call, after int64) error {
	leave, err := a.streams.join(c.actor.ID)
	if err != nil {
		return err
	}
	defer leave()
	ctx, control := c.r.Context(), http.NewResponseController(c.w)
	send := func(text string) error {
		// Over HTTP/2 an expired deadline ends the stream even if nothing is being written.
		if err := control.SetWriteDeadline(time.Now().Add(3 * streamSilence)); err != nil {
			return err
		}
		if _, err := c.w.Write([]byte(text)); err != nil {
			return err
		}
		return control.Flush()
	}
	pulse := time.NewTicker(streamSilence)
	defer pulse.Stop()
	begun := false
	for {
		news := a.news.next()
		var feed *desk.Feed
		if c.actor, err = a.desk.TokenStands(ctx, c.actor, address(c.r)); err == nil {
			feed, err = a.desk.EventsAfter(ctx, c.actor, after, streamPage)
		}
		switch {
		case err != nil && !begun:
			return err
		case err != nil:
			return nil // the client asks again, and is told
		}
		if !begun {
			c.w.Header().Set("Content-Type", "text/event-stream")
			c.w.Header().Set("X-Accel-Buffering", "no") // no buffering in proxies
			begun = true
			if send(": events of this site\n\n") != nil {
				return nil
			}
		}
		if text := a.told(feed); text != "" && send(text) != nil {
			return nil
		}
		after = feed.Next
		if feed.More {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pulse.C:
			if send(":\n\n") != nil {
				return nil
			}
		case <-news:
		}
	}
}

// told returns events as a stream has them.
func (a *API) told(feed *desk.Feed) string {
	var b strings.Builder
	for _, e := range feed.Events {
		data, err := json.Marshal(a.feedEvent(feed, e))
		if err != nil {
			panic(err) // impossible: our own type
		}
		fmt.Fprintf(&b, "id: %s\ndata: %s\n\n", a.cursor(e.ID), data)
	}
	return b.String()
}
