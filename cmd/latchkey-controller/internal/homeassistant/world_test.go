package homeassistant

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A world is a site whose readers are as the test says, Home Assistant's broker, which is a
// Mosquitto, and a bridge between them, which reaches it through a wire that can be cut.
type world struct {
	t      *testing.T
	site   *site.Site
	desk   *desk.Desk
	live   readers
	dir    string // with the broker's files
	port   string // of the broker
	said   lines  // by it
	wire   *cable
	bridge *Bridge
	stop   func()
	n      int // makes names unique
}

// readers are what the link knows of them, and carry out orders.
type readers struct {
	mu     sync.Mutex
	states map[string]link.ReaderStatus
	orders []store.Order
	held   map[string]chan struct{} // orders of these wait
}

// hold has orders of a reader wait until done is called.
func (r *readers) hold(reader string) (done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gate := make(chan struct{})
	r.held = map[string]chan struct{}{reader: gate}
	return sync.OnceFunc(func() { close(gate) })
}

func (r *readers) Order(_ context.Context, o store.Order, _ func([]byte) (string, bool)) (link.OrderResult, error) {
	r.mu.Lock()
	r.orders = append(r.orders, o)
	gate := r.held[o.Reader]
	r.mu.Unlock()
	if gate != nil {
		<-gate
	}
	return link.OrderResult{Done: true, Text: language.Data("opened for 5 s")}, nil
}

func (r *readers) Personalise(context.Context, store.Order, func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
	return link.OrderResult{}, errors.New("not here")
}

func (r *readers) Brokers(context.Context) ([]link.BrokerStatus, error) { return nil, nil }

func (r *readers) Readers(context.Context) (all []link.ReaderStatus, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.states {
		all = append(all, s)
	}
	return all, nil
}

// lines are what a program says.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// opened returns the readers that were told to open, in order.
func (w *world) opened() (ids []string) {
	w.live.mu.Lock()
	defer w.live.mu.Unlock()
	for _, o := range w.live.orders {
		ids = append(ids, o.Reader)
	}
	return ids
}

// sound is the condition of a reader at which nothing happens.
var sound = wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed, ClockTrusted: true, Mode: &wire.ModeState{Mode: wire.ModeNormal}}

// say has a reader report a condition, or, with nil, lose its connection.
func (w *world) say(id string, c *wire.Condition) {
	w.live.mu.Lock()
	s := w.live.states[id]
	s.ID, s.Online = id, c != nil
	if c != nil {
		s.Heard, s.State = time.Now(), &wire.State{Reader: id, Condition: c, Version: "1.4.0", Level: wire.LevelProofs}
	}
	w.live.states[id] = s
	w.live.mu.Unlock()
	if w.bridge != nil {
		signal(w.bridge.changed)
	}
}

// newSite writes the files of a new site.
var newSite = sitetest.Once(func(dir, database string) error {
	s, err := site.Create(context.Background(), dir, database, "hq", "UTC", clock.Read())
	if err != nil {
		return err
	}
	return s.Close()
})

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), live: readers{states: map[string]link.ReaderStatus{}}}
	dir := filepath.Join(t.TempDir(), "site")
	newSite(t, dir)
	var err error
	w.site, err = site.Open(t.Context(), dir)
	w.must(err)
	t.Cleanup(func() { w.site.Close() })
	w.desk = desk.New(desk.Options{Site: w.site, Live: &w.live})
	w.mosquitto()
	w.wire = newCable(t, w.port)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// root is the command line.
var root = desk.AtCommandLine("root")

// reader adopts a new reader with a door of its own.
func (w *world) reader(id string) (door int64) {
	w.t.Helper()
	b := boardtest.New(w.t)
	_, err := w.desk.Adopt(w.t.Context(), root, desk.AdoptForm{
		Reader: id, Request: b.Signed, Fingerprint: b.Fingerprint(), Door: "Door of " + id, Place: "Headquarters", Access: []wire.Access{{Group: wire.Everyone}},
	}, func([]byte) error { return nil })
	w.must(err)
	r, err := w.desk.Reader(w.t.Context(), root, id)
	w.must(err)
	w.say(id, &sound)
	return r.DoorID
}

// user adds a user.
func (w *world) user(first, last string) uint64 {
	w.t.Helper()
	id, _, err := w.desk.AddUser(w.t.Context(), root, desk.UserForm{First: first, Last: last}, desk.PIN{}, nil)
	w.must(err)
	return id
}

// report has a reader report records of a new journal, in order.
func (w *world) report(reader string, records ...*wire.Record) {
	w.t.Helper()
	w.n++
	m := &wire.Records{Reader: reader, Journal: wire.JournalID{byte(w.n)}, First: 1}
	var before wire.Hash
	for i, r := range records {
		r.Number, r.Before, r.Trusted = uint64(i+1), before, true
		if r.Time == 0 {
			r.Time = time.Now().UnixMilli()
		}
		encoded := wire.Marshal(r)
		before = wire.Sum(encoded)
		m.Records = append(m.Records, encoded)
	}
	_, err := w.site.StoreRecords(w.t.Context(), clock.Read(), []*wire.Records{m})
	w.must(err)
}

// run runs a bridge until the test or end ends it.
func (w *world) run(change func(*Options)) {
	w.t.Helper()
	broker, err := ParseBroker("ssl://"+w.wire.listener.Addr().String(), false)
	w.must(err)
	o := Options{Desk: w.desk, Broker: broker, Version: "1.5.0", Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)),
		Login: Login{File: filepath.Join(w.dir, "login"), Authority: filepath.Join(w.dir, "ca.pem")}}
	if change != nil {
		change(&o)
	}
	w.bridge, err = New(o)
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	b := w.bridge
	go func() { ended <- b.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(w.stop)
}

// dial connects to the broker as one of its users.
func (w *world) dial(user string, arrive func(received)) mqtt.Client {
	w.t.Helper()
	pool := x509.NewCertPool()
	text, err := os.ReadFile(filepath.Join(w.dir, "ca.pem"))
	w.must(err)
	pool.AppendCertsFromPEM(text)
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("ssl://127.0.0.1:" + w.port).SetClientID(user + rand.Text()[:6]).
		SetUsername(user).SetPassword("secret of " + user).SetTLSConfig(&tls.Config{RootCAs: pool}).SetCleanSession(true).SetAutoReconnect(true).SetMaxReconnectInterval(200 * time.Millisecond).
		SetOnConnectHandler(func(c mqtt.Client) {
			if arrive != nil {
				c.SubscribeMultiple(map[string]byte{"homeassistant/#": 1, "latchkey-ha/#": 1}, func(_ mqtt.Client, m mqtt.Message) {
					arrive(received{m.Topic(), string(m.Payload()), m.Retained()})
				})
			}
		}))
	token := client.Connect()
	if !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		w.t.Fatal(token.Error())
	}
	w.t.Cleanup(func() { client.Disconnect(0) })
	return client
}

// send publishes a message, and waits until the broker has it.
func send(t *testing.T, c mqtt.Client, topic string, retained bool, payload string) {
	t.Helper()
	if token := c.Publish(topic, 1, retained, payload); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		t.Fatal(token.Error())
	}
}

// A received is a message as Home Assistant gets it.
type received struct {
	topic, payload string
	retained       bool // the broker had kept it
}

// A home is a Home Assistant: it subscribes to everything, and checks all that comes.
type home struct {
	t      *testing.T
	client mqtt.Client
	mu     sync.Mutex
	all    []received
	newest map[string]string // by topic

	configs map[string]string // by topic, of the descriptions
}

func (w *world) home() *home {
	w.t.Helper()
	h := &home{t: w.t, newest: map[string]string{}, configs: map[string]string{}}
	h.client = w.dial("homeassistant", func(m received) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = append(h.all, m)
		h.newest[m.topic] = m.payload
	})
	w.t.Cleanup(h.check)
	return h
}

// check checks all messages that came against what Home Assistant takes.
func (h *home) check() {
	h.mu.Lock()
	defer h.mu.Unlock()
	described := 0
	for _, m := range h.all {
		if strings.HasPrefix(m.topic, "homeassistant/device/") && m.payload != "" {
			described++
			for _, wrong := range wrongConfig(m.topic, []byte(m.payload)) {
				h.t.Errorf("%s: %s\n%s", m.topic, wrong, m.payload)
			}
			h.configs[m.topic] = m.payload
		}
		for _, wrong := range h.wrongMessage(m) {
			h.t.Errorf("%s: %s\n%s", m.topic, wrong, m.payload)
		}
	}
	if described == 0 {
		h.t.Error("no device was described")
	}
}

// drop forgets what came on topics: the test has sent it.
func (h *home) drop(topics ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = slices.DeleteFunc(h.all, func(m received) bool { return slices.Contains(topics, m.topic) })
}

// of returns the newest message on a topic; "": none, or it was removed.
func (h *home) of(topic string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.newest[topic]
}

// on returns the messages on a topic, in order.
func (h *home) on(topic string) (payloads []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.all {
		if m.topic == topic {
			payloads = append(payloads, m.payload)
		}
	}
	return payloads
}

// topics returns the topics that have a message, sorted.
func (h *home) topics() (topics []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for topic, payload := range h.newest {
		if payload != "" {
			topics = append(topics, topic)
		}
	}
	slices.Sort(topics)
	return topics
}

// becomes waits until the newest message on a topic is so.
func (h *home) becomes(topic, want string) {
	h.t.Helper()
	until(h.t, topic+" is "+want+", and not "+h.of(topic), func() bool { return h.of(topic) == want })
}

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
