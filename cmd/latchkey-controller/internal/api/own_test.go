package api

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

// plain decodes an answer of the part that is ours alone.
func (a *answer) plain(t *testing.T, v any) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

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

func TestLockoutsAndTheSiteAreAsReadersSay(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead)
	one, door := w.reader()
	other, _ := w.reader()
	w.live.say(one, sound)
	locked := sound
	locked.Lockout = wire.CauseGuessing
	var answer struct{ Lockouts []*lockoutObject }
	p.own("GET", "/lockouts", nil).plain(t, &answer)
	if answer.Lockouts == nil || len(answer.Lockouts) != 0 {
		t.Errorf("%+v", answer)
	}
	w.live.say(one, locked)
	p.own("GET", "/lockouts", nil).plain(t, &answer)
	if len(answer.Lockouts) != 1 || answer.Lockouts[0].Reader != one || answer.Lockouts[0].Cause != "guessing" || answer.Lockouts[0].Door.ID != w.api.ids.of(kindDoor, door) {
		t.Errorf("%+v", answer.Lockouts)
	}
	var site siteObject
	p.own("GET", "/site", nil).plain(t, &site)
	if site.Name != "home" || site.TimeZone != "UTC" || site.Readers != 2 || site.Online != 1 {
		t.Errorf("%+v", site)
	}
	_, _, err := w.desk.AddUser(t.Context(), root, desk.UserForm{First: "Ada"}, desk.PIN{Choice: desk.Auto}, nil)
	w.must(err)
	var all, at oddsObject
	p.own("GET", "/odds", nil).plain(t, &all)
	p.own("GET", "/odds?reader="+other, nil).plain(t, &at)
	if all.Readers != 2 || at.Readers != 1 || at.PINs != 1 || all.PerDay != 2*at.PerDay || at.Years == nil || *at.Years < 1 {
		t.Errorf("%+v, %+v", all, at)
	}
	if a := p.own("GET", "/odds?reader=nowhere", nil); a.code() != "404 CODE_DEVICE_DEVICE_NOT_FOUND" {
		t.Error(a.body)
	}
}

func TestAPolicyIsChangedOnlyByWhoHasSeenIt(t *testing.T) {
	w := newWorld(t)
	reader, _ := w.reader()
	p := w.program(desk.ScopeRead, desk.ScopeManage)
	path := ownBase + "/readers/" + reader + "/policy"
	got := p.ask("GET", path, nil)
	seen := got.header.Get("ETag")
	var policy readerPolicyObject
	got.plain(t, &policy)
	if !strings.HasPrefix(seen, `"`) || *policy.Limit != 10 {
		t.Fatalf("%s %s", seen, got.body)
	}
	if a := p.askWith(map[string]string{"If-None-Match": `"other", ` + seen}, "GET", path, nil); a.status != http.StatusNotModified || a.body != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	limit := uint8(5)
	policy.Limit = &limit
	for header, want := range map[string]string{"": "428 CODE_PARAMS_INVALID", `"0"`: "412 CODE_OPERATION_FORBIDDEN", "W/" + seen: "412 CODE_OPERATION_FORBIDDEN", `"zz"`: "412 CODE_OPERATION_FORBIDDEN", seen + `, "zz"`: "412 CODE_OPERATION_FORBIDDEN"} {
		with := map[string]string{"If-Match": header}
		if header == "" {
			with = nil
		}
		if a := p.askWith(with, "PUT", path, policy); a.code() != want {
			t.Errorf("If-Match %s: %d %s", header, a.status, a.body)
		}
	}
	changed := p.askWith(map[string]string{"If-Match": seen}, "PUT", path, policy)
	if changed.status != http.StatusOK || changed.header.Get("ETag") == seen || changed.header.Get("ETag") == "" {
		t.Fatalf("%d %s", changed.status, changed.body)
	}
	if a := p.askWith(map[string]string{"If-Match": seen}, "PUT", path, policy); a.code() != "412 CODE_OPERATION_FORBIDDEN" {
		t.Errorf("a second time: %s", a.body)
	}
	if a := p.askWith(map[string]string{"If-Match": "*"}, "PUT", path, `{"wrong_pins": 5}`); a.code() != "400 CODE_PARAMS_INVALID" || !strings.Contains(a.body, "is missing") {
		t.Errorf("a part of it: %s", a.body)
	}
	limit = 11
	if a := p.askWith(map[string]string{"If-Match": "*"}, "PUT", path, policy); a.code() != "400 CODE_PARAMS_INVALID" || !strings.Contains(a.body, "1 to 10") {
		t.Errorf("a wrong limit: %s", a.body)
	}
	now, err := w.desk.Policy(t.Context(), root, reader)
	w.must(err)
	if now.Limit != 5 || now.Unlock != 5 || len(now.Access) != 1 {
		t.Errorf("%+v", now)
	}
	if a := p.own("GET", "/readers/nowhere/policy", nil); a.code() != "404 CODE_DEVICE_DEVICE_NOT_FOUND" {
		t.Error(a.body)
	}
}

func TestABoardIsAdoptedOnceHoweverOftenItIsAskedFor(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeAdopt)
	b := boardtest.New(t)
	form := map[string]any{"reader": "front-door", "request": base64.StdEncoding.EncodeToString(b.Signed), "fingerprint": b.Fingerprint(), "door": "Front door", "groups": []string{"everyone"}}
	key := map[string]string{"Idempotency-Key": "7f9a"}
	first := p.askWith(key, "POST", ownBase+"/adoptions", form)
	var adoption adoptionObject
	first.plain(t, &adoption)
	if adoption.Reader != "front-door" || adoption.Board != b.Fingerprint() || len(adoption.Bundle) == 0 || !adoption.TakesPINs {
		t.Errorf("%+v", adoption)
	}
	if again := p.askWith(key, "POST", ownBase+"/adoptions", form); again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("again: %s", again.body)
	}
	if other := p.ask("POST", ownBase+"/adoptions", form); other.body == first.body {
		t.Error("without the key it is not done again")
	}
	form["door"] = "Back door"
	if a := p.askWith(key, "POST", ownBase+"/adoptions", form); a.code() != "422 CODE_PARAMS_INVALID" {
		t.Errorf("another body: %s", a.body)
	}
	for field, value := range map[string]any{"request": "@", "fingerprint": "AB CD", "reader": "Front Door", "groups": "everyone"} {
		wrong := map[string]any{}
		for k, v := range form {
			wrong[k] = v
		}
		wrong[field] = value
		if a := p.askWith(map[string]string{"Idempotency-Key": "wrong"}, "POST", ownBase+"/adoptions", wrong); a.code() != "400 CODE_PARAMS_INVALID" {
			t.Errorf("%s: %s", field, a.body)
		}
	}
	if a := w.program(desk.ScopeManage).own("POST", "/adoptions", form); a.code() != "403 CODE_UNAUTHORIZED" {
		t.Errorf("without the scope: %s", a.body)
	}
}

func TestAnUnlockWithAKeyOpensOnce(t *testing.T) {
	w := newWorld(t)
	_, door := w.reader()
	p := w.program(desk.ScopeOperate)
	id := w.api.ids.of(kindDoor, door)
	opened := func() int {
		w.live.mu.Lock()
		defer w.live.mu.Unlock()
		return len(w.live.orders)
	}
	for i, ask := range []func(key string) *answer{
		func(key string) *answer {
			return p.askWith(map[string]string{"Idempotency-Key": key}, "PUT", unifiBase+"/doors/"+id+"/unlock", nil)
		},
		func(key string) *answer {
			return p.askWith(map[string]string{"Idempotency-Key": key}, "POST", ownBase+"/doors/"+id+"/unlock", `{"remark": "a parcel"}`)
		},
	} {
		before := opened()
		first, again := ask(fmt.Sprint("one", i)), ask(fmt.Sprint("one", i))
		if first.status != http.StatusOK || again.status != http.StatusOK || again.body != first.body || opened() != before+1 {
			t.Errorf("opened %d times: %s, %s", opened()-before, first.body, again.body)
		}
		w.live.say("reader-1", sound)
		if a := ask(fmt.Sprint("two", i)); a.status != http.StatusOK || opened() != before+2 {
			t.Errorf("with another key: %s", a.body)
		}
		w.live.refuse = "the link is down"
		failed := ask(fmt.Sprint("three", i))
		if failed.status != http.StatusPaymentRequired {
			t.Errorf("%d %s", failed.status, failed.body)
		}
		w.live.refuse = ""
		before = opened()
		if a := ask(fmt.Sprint("three", i)); a.body != failed.body || opened() != before { // it may have opened
			t.Errorf("after %s: %s, and it was opened %d times", failed.body, a.body, opened()-before)
		}
		if a := ask(""); a.status != http.StatusBadRequest {
			t.Errorf("an empty key: %s", a.body)
		}
	}
}

func TestWhoGoesAwayAndComesBackWithTheKeyFindsTheDoorOpenedOnce(t *testing.T) {
	w := newWorld(t)
	_, door := w.reader()
	p := w.program(desk.ScopeOperate)
	w.live.gate = make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "POST", w.server.URL+ownBase+"/doors/"+w.api.ids.of(kindDoor, door)+"/unlock", nil)
	w.must(err)
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Idempotency-Key", "k")
	went := make(chan struct{})
	go func() {
		defer close(went)
		if response, err := w.server.Client().Do(r); err == nil {
			response.Body.Close()
		}
	}()
	asked := func() bool {
		w.live.mu.Lock()
		defer w.live.mu.Unlock()
		return len(w.live.orders) > 0
	}
	for !asked() {
		time.Sleep(time.Millisecond)
	}
	again := func() *answer {
		return p.askWith(map[string]string{"Idempotency-Key": "k"}, "POST", ownBase+"/doors/"+w.api.ids.of(kindDoor, door)+"/unlock", nil)
	}
	if a := again(); a.code() != "409 CODE_DEVICE_DEVICE_BUSY" || a.header.Get("Retry-After") != "1" {
		t.Errorf("meanwhile: %d %s", a.status, a.body)
	}
	leave()
	<-went
	close(w.live.gate)
	for {
		a := again()
		if a.status == http.StatusConflict {
			time.Sleep(time.Millisecond)
			continue
		}
		if a.status != http.StatusOK || len(w.live.orders) != 1 {
			t.Errorf("%d orders; %d %s", len(w.live.orders), a.status, a.body)
		}
		return
	}
}

func TestARequestWithAKeyIsCarriedOutEvenIfNobodyWaits(t *testing.T) {
	w := newWorld(t)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r, err := http.NewRequestWithContext(ctx, "POST", "/", strings.NewReader("{}"))
	w.must(err)
	r.Header.Set("Idempotency-Key", "k")
	_, err = w.api.onceFor(time.Hour, func(c *call) (any, error) { return nil, c.r.Context().Err() })(&call{r: r})
	w.must(err)
}

func TestAKeyIsForOneTokenOneRequestAndATime(t *testing.T) {
	o := newOnce()
	at := time.Unix(1000, 0)
	key, body, other := o.sum([]byte("k")), o.sum([]byte("b")), o.sum([]byte("c"))
	_, own, err := o.begin(-1, key, body, at)
	if own == nil || err != nil {
		t.Fatal(err)
	}
	code := func(token int64, body [32]byte, at time.Time) string {
		before, own, err := o.begin(token, key, body, at)
		if r, ok := err.(*refusal); ok {
			return fmt.Sprint(r.status)
		}
		if own != nil {
			o.end(token, own, nil, time.Time{}, fmt.Errorf("it failed"))
			return "first"
		}
		return fmt.Sprint(before.data)
	}
	for i, want := range []struct {
		got, want string
	}{{code(-1, body, at), "409"}, {code(-1, other, at), "422"}, {code(-2, body, at), "first"}, {code(-2, other, at), "first"}} {
		if want.got != want.want {
			t.Errorf("%d: %s, not %s", i, want.got, want.want)
		}
	}
	o.end(-1, own, "done", at.Add(time.Minute), nil)
	if got := code(-1, body, at.Add(59*time.Second)); got != "done" {
		t.Error(got)
	}
	if got := code(-1, body, at.Add(time.Minute)); got != "first" {
		t.Error(got)
	}
	for i := range maxOnce {
		if _, _, err := o.begin(-3, o.sum(fmt.Append(nil, i)), body, at); err != nil {
			t.Fatal(err)
		}
	}
	if got := code(-3, body, at); got != "429" {
		t.Error(got)
	}
	if key == newOnce().sum([]byte("k")) {
		t.Error("what is remembered has no key of its own")
	}
}
