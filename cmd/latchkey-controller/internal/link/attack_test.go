package link_test

import (
	"bytes"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// careless lets anybody do anything.
type careless struct{ mqtt.HookBase }

func (*careless) Provides(b byte) bool {
	return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck
}
func (*careless) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }
func (*careless) OnACLCheck(*mqtt.Client, string, bool) bool              { return true }

// hostile starts a broker that lets anybody do anything, and returns a way to
// publish as it likes.
func (w *world) hostile() (send func(c wire.Channel, reader string, retained bool, b []byte)) {
	w.t.Helper()
	server := mqtt.New(&mqtt.Options{InlineClient: true, Logger: w.log()})
	if err := server.AddHook(new(careless), nil); err != nil {
		w.t.Fatal(err)
	}
	listener := listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"})
	if err := server.AddListener(listener); err != nil {
		w.t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { server.Close() })
	w.broker = "tcp://" + listener.Address()
	return func(c wire.Channel, reader string, retained bool, b []byte) {
		w.t.Helper()
		if err := server.Publish(c.Topic(w.site.Name, reader), b, retained, 1); err != nil {
			w.t.Fatal(err)
		}
	}
}

// settled waits until the controller has looked at all that came so far.
func (w *world) settled(m *model) {
	w.t.Helper()
	w.settledStates(m)
	m.happen(wire.Record{Kind: wire.ExitPressed})
	until(w.t, "all is acknowledged", func() bool {
		m.mu.Lock()
		done := int(m.acked) == len(m.records)
		m.mu.Unlock()
		if !done { // what is too much at once is dropped
			time.Sleep(20 * time.Millisecond)
			m.say()
		}
		return done
	})
}

func TestNothingThatAReaderDidNotSignChangesAnything(t *testing.T) {
	w := newWorld(t)
	send := w.hostile()
	w.addUsers(1)
	w.serve()
	m, other := w.reader("front-door"), w.reader("back-door")
	removed := w.adopt("side-door", newBoard(t))
	w.elsewhere(func(s *site.Site, tx *store.Tx) error {
		_, err := s.RemoveReader(tx, time.Now(), "side-door", false)
		return err
	})
	w.settled(m)
	w.settled(other)

	var nonce wire.Nonce
	rand.Read(nonce[:])
	state := &wire.State{Reader: "front-door", Connection: 9, Counter: 1, Nonce: nonce, Journal: m.journal, Condition: &wire.Condition{Strike: wire.StrikeHeld, Door: wire.DoorIsForced}}
	forged := wire.Record{Number: 99, Kind: wire.DoorForced, Time: 1}
	records := &wire.Records{Reader: "front-door", Journal: m.journal, First: 99, Records: [][]byte{wire.Marshal(&forged)}}
	fetch := &wire.Fetch{Reader: "front-door", Connection: 9, Number: 1 << 20, Want: wire.WantSnapshot}
	mutated := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)/2] ^= 1
		return b
	}
	for _, test := range []struct {
		channel wire.Channel
		kind    wire.Kind
		message any
	}{
		{wire.OnState, wire.KindState, state},
		{wire.OnRecords, wire.KindRecords, records},
		{wire.OnFetch, wire.KindFetch, fetch},
	} {
		signed := m.sign(test.kind, test.message)
		payload := wire.Marshal(test.message)
		elsewhere, err := wire.Sign(test.kind, wire.SiteID{9}, payload, m.board.signing)
		if err != nil {
			t.Fatal(err)
		}
		another := wire.KindState
		if test.kind == wire.KindState {
			another = wire.KindFetch
		}
		for name, b := range map[string][]byte{
			"nothing":                  {},
			"no message":               []byte("hello"),
			"unsigned":                 payload,
			"another reader's":         other.sign(test.kind, test.message),
			"a removed reader's":       removed.sign(test.kind, test.message),
			"cut short":                signed[:len(signed)-1],
			"changed":                  mutated(signed),
			"one byte more":            append(bytes.Clone(signed), 0),
			"of another site":          elsewhere,
			"of another kind":          m.sign(another, test.message),
			"above all bounds":         make([]byte, 200<<10),
			"of nothing but arrays":    bytes.Repeat([]byte{0x81}, 60<<10),
			"signed nonsense":          m.sign(test.kind, []any{1, 2, 3}),
			"signed, and nested":       m.sign(test.kind, nested(40)),
			"signed, with another key": m.sign(test.kind, map[int]any{1: "front-door", 77: true}),
		} {
			t.Run(string(test.channel)+" "+name, func(t *testing.T) {
				send(test.channel, "front-door", test.channel.Retained(), b)
				send(test.channel, "front-door", false, b)
				send(test.channel, "side-door", false, b)
				send(test.channel, "nobody", false, b)
				send(test.channel, "UPPER", false, b)
			})
		}
		// Signed, but on another reader's topic.
		send(test.channel, "back-door", false, signed)
		// On its own topic, in another's name.
		send(test.channel, "back-door", false, other.sign(test.kind, test.message))
		send(test.channel, "side-door", false, removed.sign(test.kind, test.message))
	}
	w.settled(m)
	w.settled(other)
	w.holdsAll(m)
	w.holdsAll(other)
	for _, m := range []*model{m, other} {
		m.mu.Lock()
		for number, n := range m.answers {
			if number < 1 || number > m.number {
				t.Errorf("%s: %d replies to fetch %d, which it did not send", m.bundle.Reader, n, number)
			}
		}
		m.mu.Unlock()
	}
	readers, err := w.link.Readers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(readers) != 2 || readers[1].State.Connection != m.connection || readers[1].State.Condition.Strike != wire.StrikeOff || !readers[1].Online {
		t.Errorf("%+v", readers)
	}
}

func nested(depth int) any {
	if depth == 0 {
		return 1
	}
	return []any{nested(depth - 1)}
}

func TestARecordKeptByTheBrokerIsNotStoredWhenItIsDelivered(t *testing.T) {
	w := newWorld(t)
	send := w.hostile()
	w.serve()
	m := w.reader("front-door")
	w.end()
	m.append(wire.Record{Kind: wire.DoorForced})
	send(wire.OnRecords, "front-door", true, m.sign(wire.KindRecords, &wire.Records{Reader: "front-door", Journal: m.journal, First: 1, Records: m.records}))
	m.records = nil
	w.serve()
	w.connect(m)
	w.settled(m)
	w.holdsAll(m)
}

func TestAStateThatTheBrokerKeptIsNotAnswered(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.serve()
	m, other := w.reader("front-door"), w.reader("back-door")
	w.settledStates(m)
	w.end()
	m.say()
	nows := func() int {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.nows
	}
	before, counter := nows(), m.counter
	w.serve()
	until(t, "the controller knows of it", func() bool {
		readers, err := w.link.Readers(t.Context())
		return err == nil && readers[1].State != nil && readers[1].State.Counter == counter
	})
	w.settledStates(other) // whose answer comes after
	if n := nows(); n != before {
		t.Errorf("%d answers, not %d", n, before)
	}
	w.settledStates(m)
}

func TestAnOldWillAfterANewStateChangesNothing(t *testing.T) {
	w := newWorld(t)
	send := w.hostile()
	w.serve()
	m, other := w.reader("front-door"), w.reader("back-door")
	old := m.sign(wire.KindState, &wire.State{Reader: "front-door", Connection: m.connection})
	m.disconnect()
	w.connect(m)
	send(wire.OnState, "front-door", true, old)
	w.settledStates(other) // what came before has been looked at; its own next state would mend it
	online := func() bool {
		readers, err := w.link.Readers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return readers[1].Online
	}
	if !online() {
		t.Error("offline by an old will")
	}
	// And so it stays after the controller has started anew.
	w.end()
	w.serve()
	w.connect(m)
	w.connect(other)
	send(wire.OnState, "front-door", true, old)
	w.settledStates(other)
	if !online() {
		t.Error("offline by an old will, after a start")
	}
	send(wire.OnState, "front-door", true, m.sign(wire.KindState, &wire.State{Reader: "front-door", Connection: m.connection}))
	until(t, "offline by its own will", func() bool { return !online() })
}

func TestAStateOfYesterdayIsNotAnswered(t *testing.T) {
	w := newWorld(t)
	send := w.hostile()
	w.serve()
	m := w.reader("front-door")
	yesterday := m.sign(wire.KindState, &wire.State{Reader: "front-door", Connection: m.connection, Counter: m.counter, Nonce: m.nonces[0], Journal: m.journal,
		Condition: &wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsOpen}})
	for range 3 {
		send(wire.OnState, "front-door", false, yesterday)
	}
	w.settled(m)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.nows > int(m.counter) {
		t.Errorf("%d states were answered, and there were %d", m.nows, m.counter)
	}
	if readers, err := w.link.Readers(t.Context()); err != nil || readers[0].State.Condition.Door != wire.DoorIsClosed {
		t.Errorf("%+v, %v", readers, err)
	}
}

func TestAFetchOfYesterdayIsNotAnswered(t *testing.T) {
	w := newWorld(t)
	send := w.hostile()
	w.serve()
	m := w.reader("front-door")
	w.addUsers(1)
	w.inStep(m)
	w.settled(m)
	m.mu.Lock()
	m.number++
	number := m.number
	fetch := m.sign(wire.KindFetch, &wire.Fetch{Reader: "front-door", Connection: m.connection, Number: m.number, Want: wire.WantDeltas, Position: &wire.Position{Epoch: m.held.Epoch, Hash: wire.Start(m.held.Epoch)}})
	m.mu.Unlock()
	for range 5 {
		send(wire.OnFetch, "front-door", false, fetch)
	}
	w.settled(m)
	m.until("has a reply", func() bool { return m.answers[number] > 0 })
	w.settled(m)
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.answers[number]; n != 1 {
		t.Errorf("%d replies", n)
	}
}

func TestAHeadThatTheSiteDidNotSignBeginsNoEpoch(t *testing.T) {
	w := newWorld(t)
	send := w.hostile()
	w.addUsers(1)
	w.serve()
	m := w.reader("front-door")
	epoch := m.held.Epoch
	forged := m.sign(wire.KindHead, &wire.Position{Epoch: epoch + 1000, Revision: 1, Hash: wire.Hash{1}})
	send(wire.OnHead, "", true, forged)
	m.mu.Lock()
	state := &wire.State{Reader: "front-door", Connection: m.connection, Counter: 1000, Nonce: wire.Nonce{1}, Head: forged, Journal: m.journal, Condition: &wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed}}
	m.mu.Unlock()
	send(wire.OnState, "front-door", true, m.sign(wire.KindState, state))
	// A reader's own word begins one, at most; never with a number that it chose.
	m.mu.Lock()
	m.fetch(wire.WantDeltas, &wire.Position{Epoch: epoch + 1000000, Revision: 1, Hash: wire.Hash{1}}, nil)
	m.fetch(wire.WantDeltas, &wire.Position{Epoch: epoch, Revision: 1, Hash: wire.Hash{1}}, nil)
	m.mu.Unlock()
	m.until("is in another epoch", func() bool { return m.held.Epoch > epoch })
	w.settled(m)
	if m.held.Epoch > epoch+1000 {
		t.Errorf("epoch %d", m.held.Epoch)
	}
	epoch = m.held.Epoch
	m.mu.Lock()
	m.fetch(wire.WantDeltas, &wire.Position{Epoch: epoch, Revision: 1, Hash: wire.Hash{1}}, nil)
	m.mu.Unlock()
	w.settled(m)
	w.inStep(m)
	if m.held.Epoch != epoch {
		t.Error("a second epoch on a reader's word")
	}
}

func TestDoubledAndReorderedRecordsAreStoredOnce(t *testing.T) {
	w := newWorld(t)
	send := w.hostile()
	w.serve()
	m := w.reader("front-door")
	var messages [][]byte
	for range 20 {
		m.mu.Lock()
		m.append(wire.Record{Kind: wire.AccessGranted, User: 7})
		n := len(m.records)
		messages = append(messages, m.sign(wire.KindRecords, &wire.Records{Reader: "front-door", Journal: m.journal, First: 1, Records: m.records[max(0, n-3):n]}))
		m.mu.Unlock()
	}
	order := slices.Concat(messages, messages)
	for i := range order {
		j := (i * 7) % len(order) // 7 and 40 have no common factor: each once
		send(wire.OnRecords, "front-door", false, order[j])
		if i%8 == 7 { // what can be looked at
			w.settledStates(m)
		}
	}
	w.settled(m)
	w.holdsAll(m)
}

// settledStates waits until the controller has looked at all states so far.
func (w *world) settledStates(m *model) {
	w.t.Helper()
	answered := m.answeredStates()
	until(w.t, "answered again", func() bool {
		if m.answeredStates() > answered {
			return true
		}
		m.say() // what is too much at once is dropped
		time.Sleep(20 * time.Millisecond)
		return false
	})
}
