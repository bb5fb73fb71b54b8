package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func TestWhatHappensIsToldInOrder(t *testing.T) {
	w := newWorld(t)
	reader, door := w.reader()
	ada := w.user("Ada", "Lovelace")
	w.happens(reader, wire.Record{Kind: wire.AccessGranted, By: wire.ByCard, User: ada, Seconds: 5}) // before: not told
	l := w.program(desk.ScopeRead, desk.ScopeActivity).listen()
	const n = 50
	for i := range n {
		w.happens(reader, wire.Record{Kind: wire.AccessGranted, By: wire.ByCard, User: ada, Credential: 1, Seconds: 5, Time: int64(i + 1)}, wire.Record{Kind: wire.AttemptUnknown, Seq: 1, Wrong: 1, Time: int64(i + 1)})
	}
	for i := range 2 * n {
		var got insight
		l.until("access.logs.insights.add", &got)
		var log logHit
		if event, data := l.next(); event != "access.logs.add" || json.Unmarshal(data, &log) != nil {
			t.Fatalf("after an insight comes %s", event)
		}
		granted := i%2 == 0
		want := map[bool]insight{true: {Result: "ACCESS", LogKey: "access.granted"}, false: {Result: "BLOCKED", LogKey: "attempt.unknown"}}[granted]
		if got.Published != int64(i/2+1) || got.Result != want.Result || got.LogKey != want.LogKey || got.Type != "access.door.unlock" || log.ID != got.ID || log.Source.Event.Result != got.Result {
			t.Fatalf("%d: %+v", i, got)
		}
		actor, means := named{w.api.ids.of(kindUser, int64(ada)), "user", "Ada Lovelace"}, "NFC"
		if !granted {
			actor, means = named{"", "", "N/A"}, "PIN_CODE"
		}
		if m := got.Metadata; m["actor"] != actor || m["authentication"].Name != means || m["door"] != (named{w.doorID(door), "door", "Door of " + reader}) || m["device"].ID != reader || m["building"].Name != "Main building" || m["opened_direction"].Name != "entry" {
			t.Errorf("%d: %+v", i, m)
		}
	}
	w.happens(reader, wire.Record{Kind: wire.AccessGranted, By: wire.ByRemote, Who: "Hass (token)", Seconds: 5})
	var remote remoteUnlock
	if l.until("access.data.device.remote_unlock", &remote); remote.ID != w.doorID(door) || remote.Type != "door" || remote.Work != "[]" {
		t.Errorf("%+v", remote)
	}
}

func TestDoorsAreToldAsTheyChange(t *testing.T) {
	w := newWorld(t)
	reader, door := w.reader()
	p := w.program(desk.ScopeRead, desk.ScopeOperate, desk.ScopeEmergency)
	l := p.listen()
	ajar, forced, fire := sound, sound, sound
	ajar.Door, ajar.Strike = wire.DoorIsOpen, wire.StrikePulse
	forced.Door = wire.DoorIsForced
	fire.Mode = &wire.ModeState{Mode: wire.ModeEvacuation, Cause: wire.CauseFire}
	rule := func(body map[string]any) func() {
		return func() {
			var data string
			p.unifi("PUT", "/doors/"+w.doorID(door)+"/lock_rule", body).into(t, &data)
		}
	}
	for _, step := range []struct {
		name   string
		do     func()
		is     locationState
		remain string // JSON of what remains, with its key
	}{
		{"online", func() { w.live.say(reader, sound) }, locationState{Lock: "locked", DPS: "close", DPSConnected: true, Emergency: emergencyState{"none", "none"}}, `"remain_unlock":null`},
		{"open", func() { w.live.say(reader, ajar) }, locationState{Lock: "unlocked", DPS: "open", DPSConnected: true, Emergency: emergencyState{"none", "none"}}, `"remain_unlock":null`},
		{"kept locked", rule(map[string]any{"type": "keep_lock"}), locationState{Lock: "unlocked", DPS: "open", DPSConnected: true, Emergency: emergencyState{"none", "none"}}, `"remain_lock":{"type":"keep_lock","until":0,"state":"locked"}`},
		{"closed", func() { w.live.say(reader, sound) }, locationState{Lock: "locked", DPS: "close", DPSConnected: true, Emergency: emergencyState{"none", "none"}}, `"remain_lock":`},
		{"normal", rule(map[string]any{"type": "reset"}), locationState{Lock: "locked", DPS: "close", DPSConnected: true, Emergency: emergencyState{"none", "none"}}, `"remain_unlock":null`},
		{"custom", rule(map[string]any{"type": "custom", "interval": 5}), locationState{Lock: "locked", DPS: "close", DPSConnected: true, Emergency: emergencyState{"none", "none"}}, `"remain_unlock":{"type":"custom",`},
		{"fire", func() { w.live.say(reader, fire) }, locationState{Lock: "locked", DPS: "close", DPSConnected: true, Emergency: emergencyState{"none", "evacuation"}}, `"remain_unlock":{"type":"custom",`},
	} {
		step.do()
		event, data := "", []byte(nil)
		for event != "access.data.v2.location.update" {
			event, data = l.next()
		}
		var got locationUpdate
		w.must(json.Unmarshal(data, &got))
		s := got.State
		if got.ID != w.doorID(door) || s.Lock != step.is.Lock || s.DPS != step.is.DPS || s.DPSConnected != step.is.DPSConnected || s.Emergency != step.is.Emergency || s.Unavailable || !slices.Equal(got.Devices, []string{reader}) {
			t.Errorf("%s: %s", step.name, data)
		}
		if !strings.Contains(string(data), step.remain) || strings.Count(string(data), `"remain_`) != 1 {
			t.Errorf("%s: %s", step.name, data)
		}
	}
	var data string
	p.unifi("PUT", "/doors/settings/emergency", map[string]any{"lockdown": true}).into(t, &data)
	var setting emergencyObject
	if l.until("access.data.setting.update", &setting); setting != (emergencyObject{Lockdown: true}) {
		t.Errorf("%+v", setting)
	}
	var update locationUpdate
	if l.until("access.data.v2.location.update", &update); update.State.Emergency.Software != "lockdown" {
		t.Errorf("%+v", update)
	}
	w.live.mu.Lock()
	w.live.states = nil
	w.live.mu.Unlock()
	var device deviceUpdate
	if l.until("access.data.v2.device.update", &device); device.ID != reader || device.Online || device.Location != w.doorID(door) || len(device.States) != 1 || device.Abilities == nil {
		t.Errorf("%+v", device)
	}
	if l.until("access.data.v2.location.update", &update); !update.State.Unavailable || update.State.DPS != "" {
		t.Errorf("%+v", update)
	}
}

func TestPersonsAreToldOnlyToThoseWhoMayKnow(t *testing.T) {
	w := newWorld(t)
	reader, _ := w.reader()
	ada := w.user("Ada", "Lovelace")
	l, other := w.program(desk.ScopeRead, desk.ScopeOperate).listen(), w.program(desk.ScopeRead, desk.ScopeActivity).listen()
	w.happens(reader, wire.Record{Kind: wire.Duress, Seq: 1, User: ada, Credential: 1}, wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, User: ada, Credential: 1, Seconds: 5})
	var told insight
	if other.until("access.logs.insights.add", &told); told.LogKey != "access.granted" || told.Metadata["actor"].Name != "Ada Lovelace" {
		t.Errorf("%+v", told)
	}
	w.live.say(reader, sound) // what comes before was not for the first
	for {
		event, data := l.next()
		if strings.Contains(string(data), "Ada") || strings.Contains(event, "log") {
			t.Errorf("%s %s", event, data)
		}
		if event == "access.data.v2.location.update" {
			break
		}
	}
	for {
		event, data := other.next()
		if strings.Contains(string(data), "duress") || strings.Contains(event, "duress") {
			t.Errorf("%s %s", event, data)
		}
		if event == "access.data.v2.location.update" {
			break
		}
	}
}

func TestAFollowerThatDoesNotReadIsClosedAndFindsOut(t *testing.T) {
	w := newWorld(t)
	f, p := w.api.followers, w.program(desk.ScopeRead)
	quick := p.listen()
	var keepsUp *follower
	f.mu.Lock()
	for keepsUp = range f.all {
	}
	f.mu.Unlock()
	slow := p.listen()
	const last = `"end"`
	heard := make(chan int)
	go func() {
		n := 0
		for {
			switch text, err := quick.read(); {
			case err != nil:
				t.Errorf("the quick one: %v", err)
				fallthrough
			case string(text) == last:
				heard <- n
				return
			case string(text) != helloText:
				n++
			}
		}
	}()
	frame, sent := encodeFrame("test", "", "", "", strings.Repeat("x", 16<<10)), 0
	send := func(text []byte) (left int) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.send(notification{text: text}, false)
		return len(f.all)
	}
	for both := true; both; {
		if len(keepsUp.frames) < maxFrames/2 {
			both = send(frame) == 2
			sent++
			continue
		}
		runtime.Gosched()
	}
	send([]byte(last))
	if n := <-heard; n != sent {
		t.Errorf("the quick one heard %d of %d", n, sent)
	}
	if code := slow.closed(); code != websocket.StatusTryAgainLater {
		t.Errorf("closed with %d", code)
	}
}

func TestATokenThatIsRevokedEndsItsConnection(t *testing.T) {
	w := newWorld(t)
	w.api.followers.recheck = 10 * time.Millisecond
	w.api.followers.hello = 10 * time.Millisecond
	p := w.program(desk.ScopeRead)
	l, other := p.listen(), w.program(desk.ScopeRead).listen()
	for range 3 {
		if text, err := l.read(); err != nil || string(text) != "\"Hello\"\n" {
			t.Errorf("%q, %v", text, err)
		}
	}
	tokens, err := w.desk.Tokens(t.Context(), root)
	w.must(err)
	w.must(w.desk.RevokeToken(t.Context(), root, tokens[0].ID))
	if code := l.closed(); code != websocket.StatusPolicyViolation {
		t.Errorf("closed with %d", code)
	}
	if text, err := other.read(); err != nil || string(text) != "\"Hello\"\n" {
		t.Errorf("another token: %q, %v", text, err)
	}
}

func TestWhoMayNotFollowIsToldBeforeTheUpgrade(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		p    *program
		want int
	}{
		"no token":          {&program{w, ""}, http.StatusUnauthorized},
		"a wrong token":     {&program{w, "lk_x"}, http.StatusUnauthorized},
		"without the scope": {w.program(desk.ScopeActivity), http.StatusForbidden},
	} {
		_, response, err := test.p.dial()
		if err == nil || response == nil || response.StatusCode != test.want {
			t.Errorf("%s: %v, %v", name, response, err)
		}
	}
	if a := w.program(desk.ScopeRead).unifi("GET", "/devices/notifications", nil); a.code() != "400 CODE_PARAMS_INVALID" {
		t.Errorf("no WebSocket: %s", a.body)
	}
}

func TestAHundredFollowersHearTheSame(t *testing.T) {
	w := newWorld(t)
	reader, _ := w.reader()
	p := w.program(desk.ScopeRead, desk.ScopeActivity)
	all := make([]*listener, 100)
	for i := range all {
		all[i] = p.listen()
	}
	const n = 5
	w.happens(reader, slices.Repeat([]wire.Record{{Kind: wire.AccessGranted, By: wire.ByCard, Seconds: 5}}, n)...)
	var mu sync.Mutex
	told := map[string]int{} // how many heard it, by its id
	var group sync.WaitGroup
	for _, l := range all {
		group.Go(func() {
			for range n {
				var got insight
				l.until("access.logs.insights.add", &got)
				mu.Lock()
				told[got.ID]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for id, count := range told {
		if count != len(all) || len(told) != n {
			t.Errorf("%s was told to %d; there are %d", id, count, len(told))
		}
	}
	for i := range maxFollowers - len(all) {
		if _, err := w.api.join(t.Context(), int64(-1000-i), false); err != nil {
			t.Fatal(err)
		}
	}
	if _, response, err := p.dial(); err == nil || response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %v", err)
	}
}

func TestWhatAFollowerSendsIsIgnoredAndItsPingsAreAnswered(t *testing.T) {
	w := newWorld(t)
	w.api.followers.hello = 10 * time.Millisecond
	l := w.program(desk.ScopeRead).listen()
	w.must(l.conn.Write(t.Context(), websocket.MessageText, []byte(`{"event": "x"}`)))
	w.must(l.conn.Write(t.Context(), websocket.MessageBinary, make([]byte, maxHeard)))
	ponged := make(chan error, 1)
	go func() { ponged <- l.conn.Ping(t.Context()) }()
	for {
		if _, err := l.read(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ponged:
			if err != nil {
				t.Error(err)
			}
			w.must(l.conn.Write(t.Context(), websocket.MessageText, make([]byte, maxHeard+1)))
			if code := l.closed(); code != websocket.StatusMessageTooBig {
				t.Errorf("too long: closed with %d", code)
			}
			return
		default:
		}
	}
}

func TestATokenThatIsRevokedHearsNothingMore(t *testing.T) {
	w := newWorld(t)
	w.api.followers.stale = 0
	w.api.followers.hello = time.Hour
	reader, _ := w.reader()
	l := w.program(desk.ScopeRead, desk.ScopeActivity).listen()
	tokens, err := w.desk.Tokens(t.Context(), root)
	w.must(err)
	w.must(w.desk.RevokeToken(t.Context(), root, tokens[0].ID))
	w.happens(reader, wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, User: w.user("Ada", "Lovelace"), Credential: 1, Seconds: 5})
	if text, err := l.read(); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("%s, %v", text, err)
	}
}

func TestOneTokenLeavesRoomForOthersToFollow(t *testing.T) {
	w := newWorld(t)
	for range maxOwnFollowers {
		_, err := w.api.join(t.Context(), -1, false)
		w.must(err)
	}
	if one, err := w.api.join(t.Context(), -1, false); one != nil || err != nil {
		t.Errorf("one token follows more than %d times: %v", maxOwnFollowers, err)
	}
	if one, err := w.api.join(t.Context(), -2, false); one == nil || err != nil {
		t.Errorf("no room for another token: %v", err)
	}
}

func TestTheAPIOutlastsAFailureOfTheDatabase(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	broken := New(Options{Desk: w.desk, Log: slog.New(slog.DiscardHandler)})
	_, err := broken.join(ctx, 1, true)
	w.must(err)
	w.must(w.site.Close())
	go func() { ended <- broken.Run(ctx) }()
	select {
	case err := <-ended:
		t.Fatalf("it has ended: %v", err)
	case <-time.After(3 * glanceEvery):
	}
	stop()
	w.must(<-ended)
}
