package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestTheFeedIsReadFromACursorWithoutALoss(t *testing.T) {
	w := newWorld(t)
	reader, door := w.reader()
	for i := range 25 {
		w.user(fmt.Sprint("User", i), "Nobody")
	}
	p := w.program(desk.ScopeActivity)
	var seen []*feedEvent
	next, parts := "", 0
	for {
		var part feedAnswer
		p.own("GET", "/events?limit=10&after="+next, nil).plain(t, &part)
		if len(part.Events) > 10 || part.More && len(part.Events) != 10 {
			t.Fatalf("%d events, more: %t", len(part.Events), part.More)
		}
		seen = append(seen, part.Events...)
		parts++
		if next = part.Next; !part.More {
			break
		}
	}
	if parts < 3 || len(seen) < 26 {
		t.Errorf("%d events in %d parts", len(seen), parts)
	}
	known := map[string]bool{}
	users := 0
	for _, e := range seen {
		if known[e.Cursor] {
			t.Errorf("%s twice", e.Text)
		}
		known[e.Cursor] = true
		if e.Kind == "admin.user.add" {
			users++
			if e.By != root.Name || e.Source != "admin" || e.User == nil || e.User.Name == "" {
				t.Errorf("%+v", e)
			}
		}
		if e.Kind == "admin.reader.adopt" && (e.Reader != reader || e.Door == nil || e.Door.ID != w.api.ids.of(kindDoor, door)) {
			t.Errorf("%+v, door %+v", e, e.Door)
		}
	}
	if users != 25 {
		t.Errorf("%d users were added", users)
	}
	w.user("Grace", "Hopper")
	var part feedAnswer
	p.own("GET", "/events?after="+next, nil).plain(t, &part)
	if len(part.Events) != 1 || part.Events[0].User.Name != "Grace Hopper" {
		t.Errorf("%+v", part)
	}
	p.own("GET", "/events?after=now", nil).plain(t, &part)
	if len(part.Events) != 0 || part.More || part.Next == "" {
		t.Errorf("from now on: %+v", part)
	}
	for path, want := range map[string]string{
		"/events?after=" + w.api.ids.of(kindEvent, 1<<40): "400 CODE_PARAMS_INVALID", // after a restore
		"/events?after=" + w.api.ids.of(kindDoor, 1):      "400 CODE_PARAMS_INVALID",
		"/events?after=7":    "400 CODE_PARAMS_INVALID",
		"/events?limit=0":    "400 CODE_PARAMS_INVALID",
		"/events?limit=x":    "400 CODE_PARAMS_INVALID",
		"/events?limit=5000": "200 ",
	} {
		if a := p.own("GET", path, nil); a.code() != want {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if a := w.program(desk.ScopeRead).own("GET", "/events", nil); a.code() != "403 CODE_UNAUTHORIZED" {
		t.Errorf("without the scope: %s", a.body)
	}
}

// stream asks for the feed as a stream, and returns its lines.
func (p *program) stream(after, last string) (lines *bufio.Scanner, end func()) {
	p.w.t.Helper()
	ctx, cancel := context.WithTimeout(p.w.t.Context(), 20*time.Second)
	p.w.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", p.w.server.URL+ownBase+"/events?after="+after, nil)
	p.w.must(err)
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Accept", "text/html;q=0.1, text/event-stream")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	response, err := p.w.server.Client().Do(r)
	p.w.must(err)
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || kind != "text/event-stream" {
		p.w.t.Fatalf("%s, %s", response.Status, kind)
	}
	return bufio.NewScanner(response.Body), func() { response.Body.Close() }
}

// nextEvent returns the next event of a stream, with its id.
func nextEvent(t *testing.T, lines *bufio.Scanner) (id string, e *feedEvent) {
	t.Helper()
	for lines.Scan() {
		line := lines.Text()
		if found, ok := strings.CutPrefix(line, "id: "); ok {
			id = found
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			e = new(feedEvent)
			if err := json.Unmarshal([]byte(data), e); err != nil {
				t.Fatalf("%v: %s", err, data)
			}
			return id, e
		}
	}
	t.Fatal("the stream ended: ", lines.Err())
	return "", nil
}

func TestAStreamTellsWhatHappensAndIsTakenUpAgain(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeActivity)
	w.user("Before", "It")
	lines, end := p.stream("now", "")
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), ":") {
		t.Fatalf("%q", lines.Text())
	}
	w.user("Ada", "Lovelace")
	id, e := nextEvent(t, lines)
	if e.User == nil || e.User.Name != "Ada Lovelace" || id != e.Cursor {
		t.Errorf("%s %+v", id, e)
	}
	end()
	w.user("Bob", "Martin")
	w.user("Grace", "Hopper")
	lines, end = p.stream("now", id)
	defer end()
	for _, want := range []string{"Bob Martin", "Grace Hopper"} {
		if _, e := nextEvent(t, lines); e.User == nil || e.User.Name != want {
			t.Errorf("%+v, not %s", e, want)
		}
	}
}

func TestAStreamEndsWhenTheTokenIsRevokedAndTheyAreBounded(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeActivity)
	var ends []func()
	for range maxOwnStreams {
		_, end := p.stream("now", "")
		ends = append(ends, end)
	}
	a := p.askWith(map[string]string{"Accept": "text/event-stream"}, "GET", ownBase+"/events", nil)
	if a.code() != "429 CODE_OPERATION_FORBIDDEN" || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, end := range ends {
		end()
	}
	lines, end := p.stream("now", "")
	defer end()
	tokens, err := w.desk.Tokens(t.Context(), root)
	w.must(err)
	w.must(w.desk.RevokeToken(t.Context(), root, tokens[0].ID))
	w.user("Ada", "Lovelace")
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Ada") {
			t.Error("a revoked token hears of Ada")
		}
	}
}
