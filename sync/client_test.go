package sync

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	broker "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"latchkey/sync/wire"
)

// wired is a Client and a real broker, with a pipe between them and the
// controller of the model behind it. It belongs into a bubble of synctest.
type wired struct {
	t       *testing.T
	client  *Client
	broker  *broker.Server
	journal *lockedJournal
	cache   *cacheModel

	mu         sync.Mutex // of what follows
	controller *controller
	news       []News
	conns      []net.Conn // the broker's ends
	number     uint64
	keeps      error // why a connection's number is not kept
	refuses    error // why no connection can be had

	stop func()
	done chan struct{}
}

// lockedJournal is written by the test while the client reads it.
type lockedJournal struct {
	mu sync.Mutex
	journalModel
}

func (j *lockedJournal) Last() (uint64, wire.Hash) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.journalModel.Last()
}

func (j *lockedJournal) Ack(id wire.JournalID, number uint64, hash wire.Hash) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.journalModel.Ack(id, number, hash)
}

func (j *lockedJournal) append(r wire.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.journalModel.append(r)
}

func newWired(t *testing.T, hooks ...broker.Hook) *wired {
	w := &wired{t: t, cache: newCacheModel(), journal: &lockedJournal{journalModel: *newJournalModel()}, controller: newController(), done: make(chan struct{})}
	w.journal.append(wire.Record{Kind: wire.ReaderStarted})
	w.broker = broker.New(&broker.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if len(hooks) == 0 {
		hooks = []broker.Hook{new(access)}
	}
	for _, hook := range hooks {
		if err := w.broker.AddHook(hook, nil); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	c := w.controller
	c.wall = func() time.Time { return time.Unix(1767300000, 0).Add(time.Since(start)) }
	c.send = func(ch wire.Channel, payload []byte, retained bool) {
		if err := w.broker.Publish(ch.Topic(siteName, readerID), payload, retained, 1); err != nil {
			t.Error(err)
		}
	}
	receive := func(_ *broker.Client, _ packets.Subscription, pk packets.Packet) {
		w.mu.Lock()
		defer w.mu.Unlock()
		c.receive(pk.TopicName, pk.Payload, false) // it subscribed before there was anything to retain
	}
	for i, ch := range []wire.Channel{wire.OnState, wire.OnRecords, wire.OnFetch} {
		if err := w.broker.Subscribe(ch.Topic(siteName, "+"), i+1, receive); err != nil {
			t.Fatal(err)
		}
	}
	c.publishAll()

	options := newWorldOptions()
	client, err := NewClient(Config{
		Options: options, Brokers: []string{"tcp://localhost"}, Cache: w.cache, Journal: w.journal,
		StorePolicy: func(*wire.VerifiedPolicy) error { return nil },
		NextConnection: func() (uint64, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.keeps == nil {
				w.number++
			}
			return w.number, w.keeps
		},
		Now:  func() time.Duration { return time.Since(start) + time.Second },
		Tell: w.hear,
		Log:  slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.client = client
	client.open = w.open
	return w
}

func newWorldOptions() Options {
	o := (&world{}).options()
	o.Random = nil
	return o
}

// open connects to the broker.
func (w *wired) open(context.Context, wire.Broker) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuses != nil {
		w.conns = append(w.conns, nil)
		return nil, w.refuses
	}
	here, there := net.Pipe()
	w.conns = append(w.conns, there)
	go w.broker.EstablishConnection("pipe", there)
	return here, nil
}

func (w *wired) hear(n News) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.news = append(w.news, n)
	if c, ok := n.(Command); ok {
		w.journal.append(wire.Record{Kind: wire.CommandDone, Command: c.ID})
		w.client.Recorded()
	}
}

func (w *wired) run() {
	ctx, cancel := context.WithCancel(w.t.Context())
	w.stop = func() {
		cancel()
		<-w.done
		w.broker.Close()
	}
	go func() {
		if err := w.client.Run(ctx); err != nil {
			w.t.Error(err)
		}
		close(w.done)
	}()
	w.client.Report(Report{Condition: wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed}})
}

// wait lets time pass.
func (w *wired) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// tries returns how often a connection was asked for.
func (w *wired) tries() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.conns)
}

// cut cuts the newest connection.
func (w *wired) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[len(w.conns)-1].Close()
}

func (w *wired) inStep() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.controller.state == nil || w.controller.offline:
		w.t.Error("the controller does not see the reader")
	case w.cache.held != w.controller.position || !slices.Equal(w.cache.tags(), w.controller.tags()):
		w.t.Errorf("held is %v, and the log is at %v", w.cache.held, w.controller.position)
	}
	last, _ := w.journal.Last()
	if got := len(w.controller.records[w.journal.id]); got != int(last) || w.controller.alarms > 0 {
		w.t.Errorf("the controller has %d of %d records", got, last)
	}
}

func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func TestAReaderComesIntoStepThroughABroker(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWired(t)
		w.controller.fill(3000)
		w.run()
		defer w.stop()
		w.wait(time.Second)
		w.inStep()

		w.mu.Lock()
		w.controller.add(3000, 2)
		command := w.controller.order(1, wire.Enrol)
		w.mu.Unlock()
		synctest.Wait()
		w.inStep()
		w.mu.Lock()
		if w.controller.answered[command.ID] != wire.CommandDone {
			t.Errorf("the order is answered by %q", w.controller.answered[command.ID])
		}
		w.mu.Unlock()
		if err := w.client.SealCard(wire.CommandID{9}, []byte{1, 2, 3, 4}); err == nil {
			t.Error("a card is sealed for an order that nobody gave")
		}
		if err := w.client.SealCard(command.ID, []byte{1, 2, 3, 4}); err != nil {
			t.Error(err)
		}
		w.wait(2 * time.Second)
		w.mu.Lock()
		if !bytes.Equal(w.controller.cards[command.ID], []byte{1, 2, 3, 4}) {
			t.Error("the card has not come")
		}
		w.mu.Unlock()
		w.client.Report(Report{Condition: wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsOpen}})
		w.wait(2 * time.Second)
		if w.controller.state.Condition.Door != wire.DoorIsOpen {
			t.Error("the controller does not know that the door is open")
		}
	})
}

func TestACutConnectionIsMadeAnewAndTheWillTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWired(t)
		w.run()
		defer w.stop()
		w.wait(time.Second)
		w.cut()
		synctest.Wait()
		w.mu.Lock()
		if !w.controller.offline {
			t.Error("the controller is not told")
		}
		if down, ok := w.news[len(w.news)-1].(LinkChanged); !ok || down.Up || down.Why != wire.ErrEnded.Error() {
			t.Errorf("people are told %+v", down)
		}
		w.mu.Unlock()
		w.journal.append(wire.Record{Kind: wire.DoorOpened})
		w.client.Recorded()
		w.mu.Lock()
		w.controller.add(0, 1)
		w.mu.Unlock()
		w.wait(5 * time.Second)
		w.inStep()
		if w.controller.connection != 2 {
			t.Errorf("the connection has number %d", w.controller.connection)
		}
	})
}

func TestAReaderThatStopsSaysSo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWired(t)
		w.run()
		w.wait(time.Second)
		w.inStep()
		w.stop()
		if !w.controller.offline {
			t.Error("the controller is not told")
		}
	})
}

func TestASilentControllerIsMetOnANewConnection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWired(t)
		w.run()
		defer w.stop()
		w.wait(time.Second)
		w.mu.Lock()
		w.controller.silent = true
		w.mu.Unlock()
		w.wait(2 * time.Minute)
		w.mu.Lock()
		if w.controller.connection < 2 || w.controller.offlines != 1 {
			t.Errorf("%d connections, %d wills", w.controller.connection, w.controller.offlines)
		}
		w.controller.silent = false
		w.mu.Unlock()
		w.wait(time.Minute)
		w.inStep()
	})
}

func TestTriesGrowRareAndGoOnForEver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWired(t)
		w.refuses = errors.New("connection refused")
		w.run()
		defer w.stop()
		tries := func(d time.Duration) int {
			before := w.tries()
			w.wait(d)
			return w.tries() - before
		}
		if n := tries(time.Minute); n < 5 || n > 12 {
			t.Errorf("%d tries in the first minute", n)
		}
		w.wait(time.Hour)
		if n := tries(time.Hour); n < 11 || n > 26 {
			t.Errorf("%d tries in a later hour", n)
		}
		w.mu.Lock()
		if w.number != 0 {
			t.Errorf("%d numbers are used up", w.number)
		}
		w.refuses = nil
		w.mu.Unlock()
		w.wait(reconnectMost)
		w.inStep()
		w.cut()
		w.wait(2 * time.Second)
		if w.inStep(); w.controller.connection != 2 {
			t.Error("after a connection that was good the next try is not soon")
		}
	})
}

func TestANumberThatIsNotKeptIsUsedAllTheSame(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWired(t)
		w.number, w.keeps = 41, errors.New("read-only file system")
		w.run()
		defer w.stop()
		w.wait(time.Second)
		w.cut()
		w.wait(5 * time.Second)
		w.inStep()
		if w.controller.connection != 42 {
			t.Errorf("the second connection has number %d", w.controller.connection)
		}
	})
}

// access lets a reader publish, and subscribe to all topics but those refused.
type access struct {
	broker.HookBase
	refused []wire.Channel
}

func (*access) ID() string { return "access" }

func (*access) Provides(b byte) bool {
	return b == broker.OnConnectAuthenticate || b == broker.OnACLCheck
}

func (*access) OnConnectAuthenticate(*broker.Client, packets.Packet) bool { return true }

func (a *access) OnACLCheck(_ *broker.Client, topic string, write bool) bool {
	_, _, channel, _ := wire.ParseTopic(topic)
	return write || !slices.Contains(a.refused, channel)
}

func TestAReaderThatMayNotSubscribeTriesAgain(t *testing.T) {
	for _, channel := range []wire.Channel{wire.OnPolicy, wire.OnKey, wire.OnCommand, wire.OnNow, wire.OnAck, wire.OnReply} {
		inBubble(t, func(t *testing.T) {
			w := newWired(t, &access{refused: []wire.Channel{channel}})
			w.run()
			defer w.stop()
			w.wait(time.Minute)
			if w.tries() < 3 || w.controller.state != nil {
				t.Errorf("%s: %d tries, and the state %v", channel, w.tries(), w.controller.state)
			}
		})
	}
}

// A broker's access list may be older than the topic of card keys.
func TestAReaderThatMayNotSubscribeToCardKeysWorksOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWired(t, &access{refused: []wire.Channel{wire.OnCard}})
		w.run()
		defer w.stop()
		w.wait(time.Minute)
		if w.tries() != 1 {
			t.Fatalf("%d tries", w.tries())
		}
		w.mu.Lock()
		w.controller.add(0, 2)
		command := w.controller.order(1, wire.Unlock)
		w.mu.Unlock()
		w.wait(2 * time.Second)
		w.inStep()
		if answered := w.controller.answered[command.ID]; answered != wire.CommandDone {
			t.Errorf("the order is answered by %q", answered)
		}
	})
}

func TestMessagesBeyondWhatMayWaitAreDropped(t *testing.T) {
	m := newMail()
	m.put(Connected{1})
	for range 100 {
		m.deliver(Message{Payload: make([]byte, 64<<10)})
	}
	m.put(Connected{2})
	m.change(func() { m.recorded = true })
	var taken []Event
	lost := 0
	for {
		e, ok, dropped := m.take()
		if lost += dropped; !ok {
			break
		}
		taken = append(taken, e)
	}
	if len(taken) != 3+64 || lost != 36 || taken[0] != (Connected{1}) || taken[1] != (Connected{2}) || taken[2] != (Recorded{}) {
		t.Errorf("%d events are taken, %d are lost", len(taken), lost)
	}
	m.deliver(Message{Payload: make([]byte, maxWaiting)})
	if _, ok, _ := m.take(); !ok {
		t.Error("what was taken still counts")
	}
	topic := string(make([]byte, 64<<10-1)) // the longest that MQTT has
	for range 100 {
		m.deliver(Message{Topic: topic})
	}
	if len(m.messages) > 64 {
		t.Errorf("%d messages with long topics wait", len(m.messages))
	}
}
