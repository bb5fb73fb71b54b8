package link_test

import (
	"bytes"
	"crypto/tls"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// A mosquittoLog is what Mosquitto says. Once it is told to tell everything it
// names each packet, and those that the controller published are kept.
type mosquittoLog struct {
	t    testing.TB
	tell func()
	pid  int

	mu        sync.Mutex
	rest      []byte
	telling   bool
	runs      int      // times it was started, and minds signals
	reloads   int      // of its configuration
	warnings  []string // and errors
	published []string // by the controller, in order: topics
}

// Write implements io.Writer.
func (l *mosquittoLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		l.rest = rest
		l.line(string(line))
	}
}

// line takes one line, like:
//
//	1700000000: Received PUBLISH from NAME (d0, q1, r0, m5, 'TOPIC', ... (300 bytes))
func (l *mosquittoLog) line(line string) {
	_, said, _ := strings.Cut(line, ": ")
	switch {
	case strings.HasPrefix(said, "mosquitto version ") && strings.HasSuffix(said, " running"):
		l.runs++
	case said == "Reloading config.":
		l.reloads++
	case strings.HasPrefix(said, "Warning: ") && said != "Warning: Mosquitto should not be run as root/administrator.", strings.HasPrefix(said, "Error: "):
		l.warnings = append(l.warnings, said)
	case strings.HasPrefix(said, "Received PUBLISH from "+site.ControllerName+" "):
		if _, after, ok := strings.Cut(said, "'"); ok {
			topic, _, _ := strings.Cut(after, "'")
			l.published = append(l.published, topic)
		}
		l.telling = true
	case strings.HasPrefix(said, "Sending ") || strings.HasPrefix(said, "Received "):
		l.telling = true
	default:
		if l.t.Context().Err() == nil {
			l.t.Log(line)
		}
	}
}

// everything makes Mosquitto tell everything.
func (l *mosquittoLog) everything() {
	l.t.Helper()
	l.tell()
	until(l.t, "Mosquitto tells everything", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.telling
	})
}

// counts returns how often Mosquitto has begun to run, and how often it has read
// its configuration anew.
func (l *mosquittoLog) counts() (runs, reloads int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.runs, l.reloads
}

// fromController returns and forgets the topics that the controller published
// on.
func (l *mosquittoLog) fromController() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	topics := l.published
	l.published = nil
	return topics
}

// listener subscribes to all that there is, one by one and with wildcards, and
// returns what it has seen.
func (w *world) listener(m *model, filters ...string) (client mqtt.Client, seen func() []string) {
	w.t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{m.certificate()}, RootCAs: roots(w.site), MinVersion: tls.VersionTLS13}
	client, err := w.dial(m.bundle.Reader, config, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	var mu sync.Mutex
	var topics []string
	for _, filter := range filters {
		client.Subscribe(filter, 1, func(_ mqtt.Client, message mqtt.Message) {
			mu.Lock()
			defer mu.Unlock()
			if !slices.Contains(topics, message.Topic()) {
				topics = append(topics, message.Topic())
			}
		}).WaitTimeout(10 * time.Second)
	}
	return client, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Sorted(slices.Values(topics))
	}
}

func TestMosquittoTakesTheConfigurationWithoutAWarningAndGoesByIt(t *testing.T) {
	w := newWorld(t)
	w.mosquitto()
	front := w.adopt("front-door", newBoard(t))
	w.known()
	stranger := w.adopt("stranger", newBoard(t)) // a certificate of the site, but Mosquitto knows of no such reader
	own, err := w.site.ControllerCertificate()
	if err != nil {
		t.Fatal(err)
	}
	controller, err := w.dial(site.ControllerName, &tls.Config{Certificates: []tls.Certificate{*own}, RootCAs: roots(w.site), MinVersion: tls.VersionTLS13}, nil)
	if err != nil {
		t.Fatal(err)
	}
	site, mine, published := []wire.Channel{wire.OnCredentials, wire.OnHead}, []wire.Channel{wire.OnPolicy, wire.OnKey, wire.OnCommand, wire.OnCard, wire.OnNow, wire.OnReply, wire.OnAck}, []wire.Channel{wire.OnState, wire.OnRecords, wire.OnFetch}
	topics := func(reader string, channels ...wire.Channel) (topics []string) {
		for _, c := range channels {
			topics = append(topics, c.Topic("home", reader))
		}
		return topics
	}
	all := slices.Concat(topics("", site...), topics("front-door", mine...), topics("front-door", published...), []string{"latchkey/v1/home/elsewhere"}, topics("stranger", mine...))
	filters := slices.Concat([]string{"#", "latchkey/v1/home/+", "latchkey/v1/home/+/+"}, all)
	_, frontSaw := w.listener(front, filters...)
	_, strangerSaw := w.listener(stranger, filters...)
	tell := func() {
		for _, topic := range all { // in this order to each; the stranger's own last
			if token := controller.Publish(topic, 1, false, []byte("x")); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
				t.Fatal(token.Error())
			}
		}
	}
	tell()
	last := topics("stranger", mine[len(mine)-1])[0]
	until(t, "the stranger hears what is on its own topics", func() bool { return slices.Contains(strangerSaw(), last) })
	if saw, want := strangerSaw(), slices.Sorted(slices.Values(topics("stranger", mine...))); !slices.Equal(saw, want) {
		t.Errorf("a stranger sees %v, not %v", saw, want)
	}
	want := slices.Sorted(slices.Values(slices.Concat(topics("", site...), topics("front-door", mine...))))
	until(t, "the reader hears all that it may", func() bool { return len(frontSaw()) >= len(want) })
	if saw := frontSaw(); !slices.Equal(saw, want) {
		t.Errorf("a reader sees %v, not %v", saw, want)
	}

	// A reader becomes known as Mosquitto reads its configuration anew.
	w.known()
	_, strangerSaw = w.listener(stranger, filters...)
	tell()
	until(t, "it hears what is for all", func() bool { return len(strangerSaw()) == len(site)+len(mine) })

	w.said.mu.Lock()
	defer w.said.mu.Unlock()
	if len(w.said.warnings) > 0 {
		t.Errorf("Mosquitto warns:\n%s", strings.Join(w.said.warnings, "\n"))
	}
}

// Until Mosquitto has the list in which it stands, a new reader hears of changes
// with the answers to its states, which are on its own topics.
func TestANewReaderFollowsBeforeMosquittoKnowsIt(t *testing.T) {
	w := newWorld(t)
	w.mosquitto()
	w.serve()
	m := w.adopt("front-door", newBoard(t))
	w.adopted = false // nobody has run broker-config
	w.connect(m)
	w.addUsers(2)
	until(t, "it hears of them as it reports", func() bool {
		m.say()
		log, err := w.site.Log(t.Context(), wire.Position{})
		if err != nil {
			t.Fatal(err)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.held == log.Position
	})
}
