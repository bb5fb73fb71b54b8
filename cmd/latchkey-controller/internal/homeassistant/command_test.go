package homeassistant

import (
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// commandable runs a bridge that takes commands, and returns it with a Home Assistant when it
// does.
func (w *world) commandable() *home {
	w.t.Helper()
	h := w.home()
	w.run(func(o *Options) { o.Commands = true })
	w.listens(h.client)
	return h
}

// listens waits until a command comes through. Commands that were sent before by the same
// client have come then, too.
func (w *world) listens(c mqtt.Client) {
	w.t.Helper()
	before := len(w.presses("gauge"))
	until(w.t, "it takes commands", func() bool {
		send(w.t, c, "latchkey-ha/hq/gauge/command/unlock", false, "PRESS")
		return len(w.presses("gauge")) > before
	})
}

// presses returns the orders that came to a reader.
func (w *world) presses(reader string) []string {
	return slices.DeleteFunc(w.opened(), func(id string) bool { return id != reader })
}

// wanted returns the modes that are wanted, as "mode by name".
func (w *world) wanted() (modes []string) {
	w.t.Helper()
	all, err := w.desk.WantedModes(w.t.Context(), root)
	w.must(err)
	for _, m := range all {
		modes = append(modes, string(m.Mode)+" at "+m.Place+" by "+m.By)
	}
	return modes
}

// newest returns the newest event of a reader in words.
func (w *world) newest(reader string) string {
	w.t.Helper()
	page, err := w.desk.Activity(w.t.Context(), root, desk.Query{Reader: reader, Limit: 1})
	w.must(err)
	return page.Events[0].Text.String()
}

func TestTheButtonOpensOnce(t *testing.T) {
	w := newWorld(t)
	w.reader("gauge")
	w.reader("front-door")
	h := w.commandable()
	for _, wrong := range []struct{ topic, payload string }{
		{"front-door/command/unlock", "press"}, {"front-door/command/unlock", "PRESS "}, {"front-door/command/unlock", "UNLOCK"}, {"front-door/command/unlock", "{}"},
		{"front-door/command/mode", "PRESS"}, {"front-door/command/mode", "OPEN"}, {"front-door/command/lockdown", "PRESS"}, {"front-door/command/mode", "evacuation"},
		{"nobody/command/unlock", "PRESS"}, {"front-door/command/unlock", ""},
	} {
		send(t, h.client, "latchkey-ha/hq/"+wrong.topic, false, wrong.payload)
	}
	w.listens(h.client)
	if n := w.presses("front-door"); len(n) != 0 || len(w.wanted()) != 0 {
		t.Errorf("wrong payloads did something: %v, %v", n, w.wanted())
	}
	if w.taken("front-door") {
		t.Error("a wrong payload was taken for a command")
	}
	done := w.live.hold("front-door")
	t.Cleanup(done) // before the end of the bridge
	send(t, h.client, "latchkey-ha/hq/front-door/command/unlock", false, "PRESS")
	until(t, "it opens", func() bool { return len(w.presses("front-door")) == 1 })
	for range 5 { // while it does
		send(t, h.client, "latchkey-ha/hq/front-door/command/unlock", false, "PRESS")
	}
	w.listens(h.client)
	done()
	until(t, "the activity has it", func() bool {
		return strings.HasPrefix(w.newest("front-door"), "Home Assistant unlocked Door of front-door")
	})
	if n := len(w.presses("front-door")); n != 1 {
		t.Errorf("it opened %d times", n)
	}
	w.live.mu.Lock()
	defer w.live.mu.Unlock()
	for _, o := range w.live.orders {
		if left := time.Until(o.By); o.By.IsZero() || left > 10*time.Second {
			t.Errorf("the reader may still open %v from now", left)
		}
	}
}

// taken says whether a reader was given a command.
func (w *world) taken(reader string) bool {
	w.bridge.commands.mu.Lock()
	defer w.bridge.commands.mu.Unlock()
	return w.bridge.commands.taken[reader] != nil
}

func TestAReaderTakesOneCommandASecond(t *testing.T) {
	c := commands{taken: map[string]*taken{}}
	now := time.Now()
	begins := func(reader string, after time.Duration, want bool) {
		t.Helper()
		if c.begin(reader, now.Add(after)) != want {
			t.Errorf("%s after %v: not %v", reader, after, want)
		}
	}
	begins("front-door", 0, true)
	begins("front-door", 2*time.Second, false) // the first one is not done
	begins("back-door", 0, true)
	c.end("front-door")
	begins("front-door", time.Second-1, false)
	begins("front-door", time.Second, true)
}

func TestTheLockKeepsADoorUnlocked(t *testing.T) {
	w := newWorld(t)
	w.reader("gauge")
	door := w.reader("front-door")
	h := w.commandable()
	at := "latchkey-ha/hq/front-door/command/mode"
	ask := func(payload string, want ...string) {
		t.Helper()
		until(t, payload+" is done", func() bool {
			send(t, h.client, at, false, payload) // one a second is taken
			time.Sleep(50 * time.Millisecond)
			return slices.Equal(w.wanted(), want)
		})
	}
	const ours = "unlocked at Door of front-door by Home Assistant"
	ask(unlock, ours)
	w.must(w.end("front-door"))
	ask(unlock, ours) // again, and it is wanted once
	if until := w.until(t); time.Until(until) > unlockFor || time.Until(until) < unlockFor-time.Minute {
		t.Errorf("it ends %v", until)
	}
	_, err := w.desk.SetMode(t.Context(), root, desk.Where{Level: desk.Doors, ID: door}, wire.ModeUnlocked, time.Now().Add(time.Hour).Unix())
	w.must(err)
	for _, mode := range []wire.Mode{wire.ModeLocked, wire.ModeLockdown} {
		_, err = w.desk.SetMode(t.Context(), root, desk.Where{Level: desk.Doors, ID: door}, mode, 0)
		w.must(err)
	}
	ask(lock, w.wanted()[:2]...) // it ends what unlocks the door, and nothing else
	send(t, h.client, "latchkey-ha/hq/front-door/command/unlock", false, "PRESS")
	until(t, "the press in a lockdown is refused", func() bool {
		send(t, h.client, "latchkey-ha/hq/front-door/command/unlock", false, "PRESS")
		return strings.HasPrefix(w.newest("front-door"), "Home Assistant was not allowed to unlock Door of front-door")
	})
	if len(w.presses("front-door")) != 0 {
		t.Error("it opened in a lockdown")
	}
}

// end waits until a reader may be given a command again.
func (w *world) end(reader string) error {
	until(w.t, "the second is over", func() bool {
		c := &w.bridge.commands
		c.mu.Lock()
		defer c.mu.Unlock()
		return !c.taken[reader].busy && time.Since(c.taken[reader].at) > commandsEach
	})
	return nil
}

// until returns when the first wanted mode ends.
func (w *world) until(t *testing.T) time.Time {
	t.Helper()
	var at time.Time
	until(t, "one mode is wanted, when the one before has ended", func() bool {
		all, err := w.desk.WantedModes(t.Context(), root)
		w.must(err)
		if len(all) == 1 {
			at = all[0].Until
		}
		return len(all) == 1
	})
	return at
}

func TestARetainedCommandNeverOpens(t *testing.T) {
	w := newWorld(t)
	w.reader("gauge")
	w.reader("front-door")
	h := w.home()
	at := []string{"latchkey-ha/hq/front-door/command/unlock", "latchkey-ha/hq/front-door/command/mode"}
	send(t, h.client, at[0], true, "PRESS")
	send(t, h.client, at[1], true, "UNLOCK")
	w.run(func(o *Options) { o.Commands = true })
	w.listens(h.client)
	cleared := func() bool {
		return !slices.ContainsFunc(h.topics(), func(topic string) bool { return slices.Contains(at, topic) })
	}
	until(t, "the retained ones are removed", cleared)
	// One that comes live is carried out, and does not stay.
	send(t, h.client, at[0], true, "PRESS")
	until(t, "it opens", func() bool { return len(w.presses("front-door")) == 1 })
	until(t, "it is removed", cleared)
	w.stop()
	send(t, h.client, at[0], true, "PRESS")
	w.run(func(o *Options) { o.Commands = true })
	w.listens(h.client)
	if n := len(w.presses("front-door")); n != 1 || len(w.wanted()) != 0 || w.taken("front-door") {
		t.Errorf("it opened %d times, and %v is wanted", n, w.wanted())
	}
}

func TestACommandFromBeforeAReconnectNeverOpens(t *testing.T) {
	w := newWorld(t)
	w.reader("gauge")
	w.reader("front-door")
	h := w.commandable()
	w.wire.set(true)
	h.becomes("latchkey-ha/hq/status", "offline")
	for range 3 {
		send(t, h.client, "latchkey-ha/hq/front-door/command/unlock", false, "PRESS")
		send(t, h.client, "latchkey-ha/hq/front-door/command/mode", false, "UNLOCK")
	}
	w.wire.set(false)
	w.listens(h.client)
	if n := len(w.presses("front-door")); n != 0 || len(w.wanted()) != 0 || w.taken("front-door") {
		t.Errorf("it opened %d times, and %v is wanted", n, w.wanted())
	}
	if log := w.said.String(); strings.Count(log, "_controller (p2, c1, ") < 2 || strings.Contains(log, "_controller (p2, c0, ") {
		t.Errorf("the broker keeps a session:\n%s", log)
	}
}

func TestWithoutTheFlagNothingIsTaken(t *testing.T) {
	w := newWorld(t)
	w.reader("front-door")
	h := w.home()
	w.run(nil)
	h.becomes("latchkey-ha/hq/status", "online")
	send(t, h.client, "latchkey-ha/hq/front-door/command/unlock", false, "PRESS")
	send(t, h.client, "homeassistant/status", false, "online") // it comes after the press
	before := len(h.on(w.config("front-door")))
	until(t, "it has read so far", func() bool {
		send(t, h.client, "homeassistant/status", false, "online")
		return len(h.on(w.config("front-door"))) > before
	})
	if n := w.opened(); len(n) != 0 {
		t.Errorf("it opened %v", n)
	}
	a := desk.HomeAssistant(false)
	if _, err := w.desk.Order(t.Context(), a, "front-door", wire.Unlock); err == nil {
		t.Error("the desk allows it, too")
	}
}

func TestAStrangerWhomTheBrokerLetsWriteElsewhereOpensNothing(t *testing.T) {
	w := newWorld(t)
	w.reader("gauge")
	w.reader("front-door")
	h := w.commandable()
	stranger := w.dial("stranger", nil)
	for _, topic := range []string{"latchkey-ha/hq/front-door/command/unlock", "latchkey-ha/hq/front-door/state", "latchkey-ha/hq/status", "homeassistant/device/latchkey_x/config", "latchkey-ha/hq/listening"} {
		for _, payload := range []string{"PRESS", "offline"} {
			send(t, stranger, topic, false, payload) // Mosquitto takes and drops it
			send(t, stranger, topic, true, payload)
		}
	}
	w.listens(h.client)
	if w.taken("front-door") {
		t.Error("it was given a command")
	}
	if h.of("latchkey-ha/hq/status") != "online" || h.of("homeassistant/device/latchkey_x/config") != "" {
		t.Error("a stranger has spoken for the controller")
	}
}

func TestJunkAndFloodsHoldUpNobody(t *testing.T) {
	w := newWorld(t)
	w.reader("gauge")
	w.reader("front-door")
	h := w.home()
	long := strings.Repeat("x", 100_000)
	for _, topic := range []string{
		"homeassistant/status", "homeassistant/device/x/config", "homeassistant/device/latchkey_000000_front-door/config",
		"latchkey-ha/hq/front-door/command/unlock", "latchkey-ha/hq/front-door/command/", "latchkey-ha/hq/ /command/mode", "latchkey-ha/hq/\u202e/command/mode",
	} {
		for _, payload := range []string{"{", "null", "\x00\xff", long} {
			send(t, h.client, topic, true, payload)
			send(t, h.client, topic, false, payload)
		}
	}
	w.run(func(o *Options) { o.Commands = true })
	w.listens(h.client)
	done := w.live.hold("front-door")
	t.Cleanup(done) // before the end of the bridge
	var last mqtt.Token
	for range 2000 {
		last = h.client.Publish("latchkey-ha/hq/front-door/command/unlock", 1, false, press)
	}
	w.listens(h.client)
	if !last.WaitTimeout(20 * time.Second) {
		t.Fatal("the broker is stuck")
	}
	w.listens(h.client)
	if n := len(w.presses("front-door")); n != 1 {
		t.Errorf("it opened %d times", n)
	}
	done()
	h.drop("homeassistant/device/x/config", "homeassistant/device/latchkey_000000_front-door/config")
}
