package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// Bounds of a connection.
const (
	frameWithin = 10 * time.Second // a frame is sent
	maxHeard    = 4 << 10          // bytes of one message from a follower, which is ignored
)

// helloText is what followers hear when nothing happens. Clients want the quotes.
const helloText = "\"Hello\"\n"

// baseInfo is what a follower is sent first.
type baseInfo struct {
	Count int `json:"top_log_count"`
}

// notifications answers GET /devices/notifications: a WebSocket that tells what happens from
// now on, in order, until the follower is too slow, or its token ends.
func (a *API) notifications(c *call) (any, error) {
	if !strings.EqualFold(c.r.Header.Get("Upgrade"), "websocket") {
		return nil, badRequest("This address is a WebSocket: connect to it as such, with HTTP/1.1")
	}
	ctx := c.r.Context()
	if _, err := a.desk.Glances(ctx, c.actor); err != nil { // may it look at readers at all?
		return nil, err
	}
	one, err := a.join(ctx, c.actor.ID, c.actor.May(desk.ViewActivity))
	if err != nil {
		return nil, err
	}
	if one == nil {
		return nil, &refusal{status: http.StatusTooManyRequests, code: codeForbidden, text: "Too many programs follow this site", wait: 60}
	}
	defer a.followers.leave(one)
	conn, err := websocket.Accept(c.w, c.r, nil)
	if err != nil {
		return answered{}, nil // it has answered
	}
	defer conn.CloseNow()
	conn.SetReadLimit(maxHeard)
	// What the server's end cancels would cut the connection without a word.
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for { // pings are answered only while somebody reads
			_, message, err := conn.Reader(reading)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, message); err != nil {
				return
			}
		}
	}()
	code, why := a.serveFollower(ctx, conn, one, c.actor, address(c.r), gone)
	conn.Close(code, why)
	stop()
	<-gone
	return answered{}, nil
}

// serveFollower sends a follower what it is to hear, and returns why that ends.
func (a *API) serveFollower(ctx context.Context, conn *websocket.Conn, one *follower, actor desk.Actor, from string, gone <-chan struct{}) (websocket.StatusCode, string) {
	send := func(text []byte) error {
		within, stop := context.WithTimeout(context.WithoutCancel(ctx), frameWithin)
		defer stop()
		return conn.Write(within, websocket.MessageText, text)
	}
	hello, recheck := time.NewTicker(a.followers.hello), time.NewTicker(a.followers.recheck)
	defer hello.Stop()
	defer recheck.Stop()
	looked := time.Time{}
	var sight desk.Sight
	// stands returns why the token may not follow any more; 0: it may.
	stands := func() (websocket.StatusCode, string) {
		now, err := a.desk.TokenStands(ctx, actor, from)
		may := err == nil && now.May(desk.ViewReaders)
		if may { // which may find that it is revoked just now
			sight, err = a.desk.Sight(ctx, now)
		}
		switch {
		case errors.Is(err, desk.ErrNoToken):
			return websocket.StatusPolicyViolation, "the token is not valid any more"
		case ctx.Err() != nil: // it is said below
		case err != nil:
			if desk.Outage(err) == "" { // it is logged elsewhere
				a.log.Error("api: look at a token", "error", err)
			}
			return websocket.StatusInternalError, "the controller failed"
		case !may:
			return websocket.StatusPolicyViolation, "the token may not look at readers any more"
		default:
			one.names.Store(now.May(desk.ViewActivity))
			looked = time.Now()
		}
		return 0, ""
	}
	err := send(encodeFrame("access.base.info", "", "", "", baseInfo{}))
	for err == nil {
		select {
		case <-one.slow: // before what waits: it would not know of the gap
			return websocket.StatusTryAgainLater, "frames were lost: too slow"
		default:
		}
		select {
		case <-one.slow:
		case n := <-one.frames:
			if n.moved || time.Since(looked) >= a.followers.stale {
				if code, why := stands(); code != 0 {
					return code, why
				}
			}
			if n.seenIn(sight) {
				err = send(n.text)
			}
		case <-hello.C:
			err = send([]byte(helloText))
		case <-recheck.C:
			if code, why := stands(); code != 0 {
				return code, why
			}
		case <-ctx.Done():
			return websocket.StatusGoingAway, "the controller is stopping"
		case <-gone:
			return websocket.StatusNormalClosure, ""
		}
	}
	return websocket.StatusTryAgainLater, "too slow"
}
