package homeassistant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// config is the topic that describes a reader.
func (w *world) config(reader string) string { return w.bridge.configTopic(reader) }

func TestEachReaderIsADevice(t *testing.T) {
	w := newWorld(t)
	w.reader("front-door")
	w.reader("back-door")
	h := w.home()
	w.run(func(o *Options) { o.Console = "https://console.example/" })
	h.becomes("latchkey-ha/hq/status", "online")
	h.becomes("latchkey-ha/hq/back-door/link", "online")
	h.becomes("latchkey-ha/hq/back-door/state", `{"lock":"LOCKED","door":"closed","tamper":"OFF","problem":"OFF","lockout":"OFF"}`)
	h.becomes("latchkey-ha/hq/back-door/firmware", `{"installed_version":"1.4.0","latest_version":"1.5.0","title":"Latchkey reader"}`)
	text := h.of(w.config("front-door"))
	var c config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if d := c.Device; d.Name != "Door of front-door" || d.Area != "Headquarters" || d.Page != "https://console.example/readers/front-door" || d.Version != "1.4.0" {
		t.Errorf("%+v", d)
	}
	want := []string{"access", "alarm", "door", "firmware", "lockout", "problem", "tamper"}
	if got := slices.Sorted(maps.Keys(entities(t, text))); !slices.Equal(got, want) {
		t.Errorf("without commands and names it offers %v, not %v", got, want)
	}
	if strings.Contains(text, "command") {
		t.Error("there is a topic for commands")
	}
	w.stop()
	h.becomes("latchkey-ha/hq/status", "offline")

	w.run(func(o *Options) { o.Commands, o.Names = true, true })
	want = append(want, "last_user", "lock", "release")
	slices.Sort(want)
	until(t, "it offers commands and names", func() bool {
		return slices.Equal(slices.Sorted(maps.Keys(entities(t, h.of(w.config("front-door"))))), want)
	})
	if strings.Contains(h.of(w.config("front-door")), `"retain":true`) {
		t.Error("commands would be retained")
	}
}

func TestDoorsWithTwoReadersSayWhich(t *testing.T) {
	w := newWorld(t)
	door := w.reader("front-door")
	w.reader("front-exit")
	w.must(w.desk.MoveReader(t.Context(), root, "front-exit", "", door))
	h := w.home()
	w.run(nil)
	until(t, "both are described", func() bool {
		return strings.Contains(h.of(w.config("front-exit")), `"name":"Door of front-door (front-exit)"`) && strings.Contains(h.of(w.config("front-door")), `"name":"Door of front-door (front-door)"`)
	})
}

func TestAStateIsWhatTheReaderReports(t *testing.T) {
	w := newWorld(t)
	w.reader("front-door")
	h := w.home()
	w.run(nil)
	is := func(c wire.Condition, want string) {
		t.Helper()
		w.say("front-door", &c)
		h.becomes("latchkey-ha/hq/front-door/state", want)
	}
	is(wire.Condition{Strike: wire.StrikeHeld, Door: wire.DoorIsOpen, Mode: &wire.ModeState{Mode: wire.ModeUnlocked, Cause: wire.CauseSchedule}},
		`{"lock":"UNLOCKED","door":"open","tamper":"OFF","problem":"OFF","lockout":"OFF"}`)
	is(wire.Condition{Strike: wire.StrikePulse, Door: wire.DoorIsForced, Tamper: true},
		`{"lock":"LOCKED","door":"open","tamper":"ON","problem":"OFF","lockout":"OFF"}`)
	is(wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsUnknown, Lockout: wire.CauseAttempts},
		`{"lock":"LOCKED","door":"None","tamper":"OFF","problem":"OFF","lockout":"ON"}`)
	is(wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed, Faults: []wire.Fault{{Subject: wire.SubjectRelay, Text: "gone"}}},
		`{"lock":"JAMMED","door":"closed","tamper":"OFF","problem":"ON","lockout":"OFF"}`)
	w.say("front-door", nil)
	h.becomes("latchkey-ha/hq/front-door/link", "offline")
	w.reader("never-heard")
	w.live.mu.Lock()
	delete(w.live.states, "never-heard")
	w.live.mu.Unlock()
	h.becomes("latchkey-ha/hq/never-heard/link", "offline")
	h.becomes("latchkey-ha/hq/never-heard/state", `{"lock":"None","door":"None","tamper":"None","problem":"None","lockout":"None"}`)
}

func TestARemovedReaderDisappears(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"front-door", "back-door", "side-door"} {
		w.reader(id)
	}
	h := w.home()
	w.run(func(o *Options) { o.Names = true })
	for _, id := range []string{"front-door", "back-door", "side-door"} {
		until(t, "it is described", func() bool { return h.of(w.config(id)) != "" })
	}
	remove := func(id string) {
		t.Helper()
		_, err := w.desk.RemoveReader(t.Context(), root, id, desk.Lost)
		w.must(err)
	}
	gone := func(id string) {
		t.Helper()
		until(t, id+" disappears", func() bool {
			return !slices.ContainsFunc(h.topics(), func(topic string) bool { return strings.Contains(topic, id) })
		})
	}
	send(t, h.client, "homeassistant/status", false, "online") // all is told again
	remove("front-door")
	gone("front-door")
	w.stop()
	remove("back-door") // while nobody tells the broker
	send(t, h.client, "homeassistant/device/latchkey_abcdef_other/config", true, `{"device":{"identifiers":["x"]},"origin":{"name":"x"},"components":{}}`)
	w.run(nil)
	gone("back-door")
	if h.of(w.config("side-door")) == "" || h.of("homeassistant/device/latchkey_abcdef_other/config") == "" {
		t.Error("it has removed what is not gone, or not its own")
	}
}

func TestEventsSayWhatKeypadUsersAsk(t *testing.T) {
	for _, names := range []bool{false, true} {
		t.Run(fmt.Sprint(names), func(t *testing.T) {
			w := newWorld(t)
			w.reader("front-door")
			ada := w.user("Ada", "Lovelace")
			bob := w.user("Bob", "Stone")
			w.report("front-door", &wire.Record{Kind: wire.AccessGranted, By: wire.ByCard, User: bob, Credential: 76}) // before
			w.must(w.desk.RemoveUser(t.Context(), root, bob))
			h := w.home()
			w.run(func(o *Options) { o.Names = names })
			h.becomes("latchkey-ha/hq/status", "online")
			at := time.Now().Truncate(time.Second)
			when := at.UnixMilli()
			w.report("front-door",
				&wire.Record{Kind: wire.AccessGranted, Time: when, By: wire.ByPIN, Seq: 1, User: ada, Credential: 78, Seconds: 5},
				&wire.Record{Kind: wire.Duress, Time: when, Seq: 2, User: ada, Credential: 79},
				&wire.Record{Kind: wire.AccessDenied, Time: when, By: wire.ByCard, Reason: wire.ReasonSchedule, User: ada, Credential: 77},
				&wire.Record{Kind: wire.AccessDenied, Time: when, By: wire.ByCard, Reason: wire.ReasonUnknown, Tag: []byte{0xde, 0xad, 0xbe, 0xef}},
				&wire.Record{Kind: wire.AttemptUnknown, Time: when, Seq: 3, Wrong: 4},
				&wire.Record{Kind: wire.AccessGranted, Time: when, By: wire.ByCard, User: 4711, Credential: 80}, // of somebody who is removed
				&wire.Record{Kind: wire.ExitPressed, Time: when, Seconds: 5},
				&wire.Record{Kind: wire.AccessGranted, Time: when - 3_600_000, By: wire.ByPIN, Seq: 4, User: ada, Credential: 78}, // the reader was offline
				&wire.Record{Kind: wire.DoorForced, Time: when - 3_600_000},
				&wire.Record{Kind: wire.LockoutStarted, Time: when, Cause: wire.CauseAttempts, Users: []uint64{ada}},
				&wire.Record{Kind: wire.LockoutCleared, Time: when, By: wire.ByCard, User: ada, Credential: 77, Count: 10},
				&wire.Record{Kind: wire.DoorHeld, Time: when, Seconds: 30},
				&wire.Record{Kind: wire.TamperStarted, Time: when},
				&wire.Record{Kind: wire.TamperEnded, Time: when},
			)
			event := func(kind, more string, late time.Duration) string {
				return fmt.Sprintf(`{"event_type":%q,"time":%q%s}`, kind, at.Add(-late).UTC().Format(time.RFC3339), more)
			}
			person := ""
			if names {
				person = `,"person":"Ada Lovelace"`
			}
			access := []string{
				event("granted", `,"by":"pin"`+person, 0), event("denied", `,"by":"card"`+person+`,"reason":"schedule"`, 0), event("denied", `,"by":"card","reason":"unknown"`, 0),
				event("denied", `,"by":"pin","reason":"unknown"`, 0), event("granted", `,"by":"card"`, 0), event("exit", "", 0),
			}
			alarms := []string{
				event("forced", "", time.Hour), event("lockout_started", `,"reason":"attempts"`, 0), event("lockout_cleared", `,"by":"card"`+person, 0),
				event("held_open", "", 0), event("tamper_started", "", 0), event("tamper_ended", "", 0),
			}
			until(t, "the last event comes", func() bool { return len(h.on("latchkey-ha/hq/front-door/event/alarm")) >= len(alarms) })
			if got := h.on("latchkey-ha/hq/front-door/event/access"); !slices.Equal(got, access) {
				t.Errorf("access: %s\nnot %s", strings.Join(got, "\n"), strings.Join(access, "\n"))
			}
			if got := h.on("latchkey-ha/hq/front-door/event/alarm"); !slices.Equal(got, alarms) {
				t.Errorf("alarms: %s\nnot %s", strings.Join(got, "\n"), strings.Join(alarms, "\n"))
			}
			if names {
				until(t, "it says who came last", func() bool {
					return strings.Contains(h.of("latchkey-ha/hq/front-door/state"), `"last_user":"Ada Lovelace"`)
				})
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			for _, m := range h.all {
				text := strings.ToLower(m.payload)
				for _, secret := range []string{"deadbeef", "3q2+7w", "duress", "77", "78", "79", "80", "4711"} {
					if strings.Contains(text, secret) && strings.Contains(m.topic, "event") {
						t.Errorf("%s has %s: %s", m.topic, secret, m.payload)
					}
				}
				if !names && (strings.Contains(text, "lovelace") || strings.Contains(text, "last_user\":\"")) {
					t.Errorf("%s has a name: %s", m.topic, m.payload)
				}
			}
		})
	}
}

func TestWhoCameLastIsKnownAfterAStart(t *testing.T) {
	w := newWorld(t)
	w.reader("front-door")
	w.reader("back-door")
	ada := w.user("Ada", "Lovelace")
	w.report("front-door", &wire.Record{Kind: wire.AccessGranted, By: wire.ByCard, User: ada, Credential: 1})
	h := w.home()
	w.run(func(o *Options) { o.Names = true })
	const rest = `{"lock":"LOCKED","door":"closed","tamper":"OFF","problem":"OFF","lockout":"OFF","last_user":`
	h.becomes("latchkey-ha/hq/front-door/state", rest+`"Ada Lovelace"}`)
	h.becomes("latchkey-ha/hq/back-door/state", rest+`"None"}`)
	w.stop()
	w.run(nil) // the Owner has thought again
	h.becomes("latchkey-ha/hq/front-door/state", `{"lock":"LOCKED","door":"closed","tamper":"OFF","problem":"OFF","lockout":"OFF"}`)
}

func TestHomeAssistantIsToldAgainWhenItStarts(t *testing.T) {
	w := newWorld(t)
	w.reader("front-door")
	h := w.home()
	w.run(nil)
	h.becomes("latchkey-ha/hq/status", "online")
	w.report("front-door", &wire.Record{Kind: wire.TamperStarted})
	until(t, "the event comes", func() bool { return len(h.on("latchkey-ha/hq/front-door/event/alarm")) == 1 })
	before := len(h.on(w.config("front-door")))
	states := len(h.on("latchkey-ha/hq/front-door/state"))
	send(t, h.client, "homeassistant/status", false, "online")
	until(t, "config and state come again", func() bool {
		return len(h.on(w.config("front-door"))) > before && len(h.on("latchkey-ha/hq/front-door/state")) > states
	})
	if n := len(h.on("latchkey-ha/hq/front-door/event/alarm")); n != 1 {
		t.Errorf("the event came %d times", n)
	}
}

func TestTheBrokerSaysThatTheControllerIsAway(t *testing.T) {
	w := newWorld(t)
	w.reader("front-door")
	h := w.home()
	w.run(nil)
	h.becomes("latchkey-ha/hq/status", "online")
	w.wire.set(true)
	h.becomes("latchkey-ha/hq/status", "offline") // its will
	w.report("front-door", &wire.Record{Kind: wire.AccessGranted, By: wire.ByCard}, &wire.Record{Kind: wire.AccessGranted, By: wire.ByCard, Time: time.Now().Add(-time.Hour).UnixMilli()})
	c := sound
	c.Door = wire.DoorIsOpen
	w.say("front-door", &c)
	w.wire.set(false)
	h.becomes("latchkey-ha/hq/status", "online")
	h.becomes("latchkey-ha/hq/front-door/state", `{"lock":"LOCKED","door":"open","tamper":"OFF","problem":"OFF","lockout":"OFF"}`)
	until(t, "what has just happened is told", func() bool { return len(h.on("latchkey-ha/hq/front-door/event/access")) == 1 })
}

func TestTheBridgeOutlastsAFailureOfTheDatabase(t *testing.T) {
	w := newWorld(t)
	b, err := New(Options{Desk: w.desk, Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	w.must(w.site.Close())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	select {
	case err := <-ended:
		t.Fatalf("it has ended: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	stop()
	w.must(<-ended)
}

// A lossy client loses the connection after some messages.
type lossy struct {
	mqtt.Client
	left  int
	taken []string
}

type failed struct{ mqtt.DummyToken }

func (failed) Error() error { return errors.New("the connection is lost") }

func (failed) Done() <-chan struct{} { return ended() }

type arrived struct{ mqtt.DummyToken }

func (arrived) Done() <-chan struct{} { return ended() }

func ended() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func (l *lossy) Publish(topic string, _ byte, _ bool, payload any) mqtt.Token {
	if l.left--; l.left < 0 {
		return &failed{}
	}
	l.taken = append(l.taken, string(payload.([]byte)))
	return &arrived{}
}

func TestWhatTheBrokerHasIsNotToldAgain(t *testing.T) {
	w := newWorld(t)
	w.reader("front-door")
	b, err := New(Options{Desk: w.desk, Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	w.report("front-door", &wire.Record{Kind: wire.DoorForced}, &wire.Record{Kind: wire.TamperStarted}, &wire.Record{Kind: wire.TamperEnded})
	first, second := &lossy{left: 2}, &lossy{left: 100}
	if newSession(b, first).events(t.Context()) == nil {
		t.Fatal("nobody was told that the connection is lost")
	}
	w.must(newSession(b, second).events(t.Context()))
	if len(first.taken) != 2 || len(second.taken) != 1 || !strings.Contains(second.taken[0], "tamper_ended") {
		t.Errorf("%q, then %q", first.taken, second.taken)
	}
}

func TestWhoCameLastIsForgottenWithTheReader(t *testing.T) {
	w := newWorld(t)
	b, err := New(Options{Desk: w.desk, Log: slog.New(slog.DiscardHandler), Names: true})
	w.must(err)
	b.lastUsers["front-door"] = "Ada Lovelace"
	newSession(b, &lossy{left: 100}).forget("front-door")
	if len(b.lastUsers) != 0 {
		t.Errorf("%v", b.lastUsers)
	}
}
