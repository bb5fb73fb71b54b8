package link_test

import (
	"context"
	"crypto/tls"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// newCells returns the worlds of two cells of one site, the home cell and south, which has the lower term: a reader that is
// moved there has heard a higher one.
func newCells(t *testing.T, start func(*world)) (home, south *world) {
	t.Helper()
	home = &world{t: t, dir: filepath.Join(t.TempDir(), "site"), expel: func() {}, known: func() {}, said: mosquittoLog{t: t}, cell: store.HomeCell, settle: time.Second}
	var err error
	if home.site, err = site.Create(t.Context(), home.dir, postgrestest.Database(t), "home", "UTC", clock.Read()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { home.site.Close() })
	cell := &store.Cell{Name: "south"}
	if err := home.site.Update(t.Context(), func(tx *store.Tx) error { return tx.AddCell(cell) }); err != nil {
		t.Fatal(err)
	}
	south = &world{t: t, dir: home.dir, site: home.another(), expel: func() {}, known: func() {}, said: mosquittoLog{t: t}, cell: cell.ID, settle: time.Second}
	for _, w := range []*world{south, home} {
		lead, err := w.site.Lead(t.Context(), w.cell, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(lead.Close)
		w.term = lead.Term()
		t.Cleanup(w.end)
		start(w)
		w.serve()
	}
	if south.term >= home.term {
		t.Fatalf("term %d is not below %d", south.term, home.term)
	}
	return home, south
}

// move moves a reader from one cell to another, as an administrator does.
func (w *world) move(reader string, to, from *world) {
	w.t.Helper()
	err := w.site.Update(w.t.Context(), func(tx *store.Tx) error {
		p, err := site.Policy(tx, reader)
		if err == nil {
			p.Brokers = []string{to.broker}
			err = site.SetPolicy(tx, time.Now(), p)
		}
		if err == nil {
			err = tx.SetCellOf(reader, store.ReaderCell{Cell: to.cell, From: from.cell})
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// is returns the cell of a reader.
func (w *world) is(reader string) (c store.ReaderCell) {
	w.t.Helper()
	err := w.site.View(w.t.Context(), func(tx *store.Tx) (err error) {
		c, err = tx.CellOf(reader)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// serves returns the status of a reader that the link serves; nil: it does not.
func (w *world) serves(reader string) *link.ReaderStatus {
	w.t.Helper()
	all, err := w.link.Readers(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(r link.ReaderStatus) bool { return r.ID == reader })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// comes waits until a reader that says something now and then is of a cell, and the other one does not serve it.
func (w *world) comes(m *model, former *world) {
	w.t.Helper()
	until(w.t, m.bundle.Reader+" has come over", func() bool {
		m.say()
		time.Sleep(100 * time.Millisecond)
		return w.is(m.bundle.Reader) == store.ReaderCell{Cell: w.cell}
	})
	if former.link != nil {
		until(w.t, "it is not served any more where it was", func() bool { return former.serves(m.bundle.Reader) == nil })
	}
}

// keepsNothing ends the controller, and checks that its broker retains nothing of a reader.
func (w *world) keepsNothing(reader string) {
	w.t.Helper()
	time.Sleep(300 * time.Millisecond) // what it has sent has arrived
	w.end()
	if kept := w.kept(reader); len(kept) > 0 {
		w.t.Errorf("the broker keeps %v", kept)
	}
}

// A reader's own end of the link goes over by itself: it listens for the controller of its new cell, which has to know what
// the reader has said in the old one, and which leads with a lower term.
func TestAReaderThatIsMovedGoesOverAndLosesNothing(t *testing.T) {
	t.Parallel()
	home, south := newCells(t, (*world).embed)
	b := newBoard(t)
	bundle := home.bundle("front-door", b)
	m := &moving{world: home}
	var err error
	if m.reader, err = openReader(t.TempDir(), b, bundle, []string{home.broker}, 0, m.hear); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.reader.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	until(t, "it is up", m.isUp)
	m.live()
	home.move("front-door", south, home)
	for n := 0; ; n++ {
		m.live()
		if r := south.serves("front-door"); r != nil && r.Online && r.Broker == south.broker {
			break
		}
		if n > 300 {
			t.Fatal("it does not go over")
		}
		time.Sleep(100 * time.Millisecond)
	}
	if r := home.serves("front-door"); r != nil {
		until(t, "the old cell knows that it has gone", func() bool { r := home.serves("front-door"); return r == nil || !r.Online })
	}
	until(t, "it has come over", func() bool {
		m.live()
		time.Sleep(100 * time.Millisecond)
		return home.is("front-door") == store.ReaderCell{Cell: south.cell}
	})
	south.addUsers(3)
	o, err := south.link.Order(ctx, store.Order{Reader: "front-door", Order: wire.Unlock, Who: "Grace"}, nil)
	if err != nil || !o.Done {
		t.Errorf("%+v, %v", o, err)
	}
	m.lostNothing()
	until(t, "it is not served any more where it was", func() bool { return home.serves("front-door") == nil })
	if o, err := home.link.Order(ctx, store.Order{Reader: "front-door", Order: wire.Unlock, Who: "Grace"}, nil); err != nil || !o.Unsent {
		t.Errorf("%+v, %v", o, err)
	}
	home.keepsNothing("front-door")
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.done) != 1 || m.lost > 0 {
		t.Errorf("%d orders, lost %d times", len(m.done), m.lost)
	}
}

// A reader looks at its new brokers a minute or two after it has its policy, and counts only answers to its newest two states.
func TestTheNewCellAnswersAllThatAReaderTellsTheOldOne(t *testing.T) {
	t.Parallel()
	home, south := newCells(t, (*world).embed)
	m := home.reader("front-door")
	home.move("front-door", south, home)
	until(t, "both cells know", func() bool {
		return (*home.serials.Load())["front-door"].Cell.From == home.cell && south.serves("front-door") != nil
	})
	until(t, "the reader has the policy", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.policy.Revision > 1
	})
	client, err := south.dial("front-door", &tls.Config{Certificates: []tls.Certificate{m.certificate()}, RootCAs: roots(south.site), MinVersion: tls.VersionTLS13}, nil)
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan wire.Nonce, 100)
	client.Subscribe(m.topic(wire.OnNow), 1, func(_ mqtt.Client, message mqtt.Message) {
		if now, err := wire.OpenNow(m.bundle.Site, message.Payload(), m.bundle.Controller[:]); err == nil {
			answered <- now.Nonce
		}
	}).WaitTimeout(5 * time.Second)
	for n := range 4 {
		m.say()
		m.mu.Lock()
		newest := m.nonces[len(m.nonces)-1]
		m.mu.Unlock()
		for end := time.After(30 * time.Second); ; {
			select {
			case nonce := <-answered:
				if nonce != newest {
					continue
				}
			case <-end:
				t.Fatalf("state %d is not answered", n)
			}
			break
		}
	}
}

func TestAReaderIsForgottenWhereItWas(t *testing.T) {
	t.Parallel()
	for name, running := range map[string]bool{"while a controller leads there": true, "while none does": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home, south := newCells(t, (*world).mosquitto)
			m, other := home.reader("front-door"), home.reader("back-door")
			m.happen(wire.Record{Kind: wire.DoorOpened})
			if !running {
				home.end()
			}
			home.move("front-door", south, home)
			m.disconnect()
			south.adopted = true
			south.known()
			until(t, "it connects", func() bool { return m.connect(south.broker) == nil })
			m.happen(wire.Record{Kind: wire.DoorClosed})
			south.comes(m, home)
			south.addUsers(2)
			south.inStep(m)
			until(t, "its records are stored", func() bool {
				records, _ := home.stored("front-door")
				return len(records) == 2
			})
			if !running {
				home.serve()
				until(t, "the other reader is served", func() bool {
					other.say()
					time.Sleep(50 * time.Millisecond)
					r := home.serves("back-door")
					return r != nil && r.Online
				})
			}
			home.holdsAll(m)
			if _, alarms := home.stored("front-door"); len(alarms) > 0 {
				t.Errorf("%+v", alarms[0])
			}
			for range 2 { // between two changes that are published it has looked at what the broker retains
				south.addUsers(1)
				home.inStep(other)
			}
			home.keepsNothing("front-door")
			if len(home.kept("back-door")) != 3 {
				t.Error("the broker keeps too little of a reader that has stayed")
			}
		})
	}
}

func TestAReaderIsMovedBackBeforeItHasGone(t *testing.T) {
	t.Parallel()
	home, south := newCells(t, (*world).embed)
	m := home.reader("front-door")
	home.move("front-door", south, home)
	until(t, "the new cell knows where it is", func() bool {
		m.say()
		time.Sleep(50 * time.Millisecond)
		r := south.serves("front-door")
		return r != nil && !r.Online && r.State != nil && r.State.Reader == "front-door"
	})
	// It is heard, and gets what it needs, where it is.
	south.addUsers(2)
	home.inStep(m)
	south.elsewhere(func(s *site.Site, tx *store.Tx) error {
		_, err := s.NewEpoch(tx, time.Now(), 0)
		return err
	})
	home.inStep(m) // with the new epoch's key
	m.mu.Lock()
	m.obey = answers(wire.Record{Kind: wire.AccessGranted, By: "remote", Seconds: 5})
	m.mu.Unlock()
	for _, w := range []*world{home, south} {
		o, err := w.link.Order(t.Context(), store.Order{Reader: "front-door", Order: wire.Unlock, Who: "Grace"}, nil)
		if err != nil || o.Done != (w == home) || o.Unsent != (w == south) {
			t.Errorf("cell %d: %+v, %v", w.cell, o, err)
		}
	}
	time.Sleep(2 * home.settle)
	m.say()
	if home.is("front-door") != (store.ReaderCell{Cell: south.cell, From: home.cell}) {
		t.Errorf("it has come over without that: %+v", home.is("front-door"))
	}
	home.move("front-door", home, south)
	home.comes(m, south)
	south.keepsNothing("front-door")
	home.holdsAll(m)
	if _, alarms := home.stored("front-door"); len(alarms) > 0 {
		t.Errorf("%+v", alarms[0])
	}
}

func TestABrokerOfAnotherCellIsLeftAlone(t *testing.T) {
	t.Parallel()
	home, south := newCells(t, (*world).embed)
	m := home.reader("front-door")
	for _, c := range []struct {
		w    *world
		of   *world
		says string
	}{
		{south, home, `by its certificate it is a broker of the cell main: name it to controllers of that cell only, or, if it is to be one of south, write its certificate with broker-config --cell "south" and restart it`},
		{home, south, `by its certificate it is a broker of the cell south: `},
	} {
		own, right := c.w.broker, time.Now()
		c.w.end()
		c.w.broker = c.of.broker
		c.w.serve()
		until(t, "it says why", func() bool {
			all, err := c.w.link.Brokers(t.Context())
			return err == nil && !all[0].Up && strings.HasPrefix(all[0].Why, c.says)
		})
		c.w.end()
		c.w.broker = own
		if all, err := c.of.link.Brokers(t.Context()); err != nil || !all[0].Up || all[0].Since.After(right) {
			t.Errorf("the broker's own controller has lost it: %+v, %v", all, err)
		}
		c.w.serve()
		until(t, "it is connected again", func() bool {
			all, err := c.w.link.Brokers(t.Context())
			return err == nil && all[0].Up
		})
	}
	m.say()
	home.settledStates(m)
}

// It has lost the policy that tells it of its brokers, and goes by its bundle.
func TestAReaderThatDoesNotKnowItsCellIsGotOver(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*world){"embedded": (*world).embed, "mosquitto": (*world).mosquitto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			isGotOver(t, start)
		})
	}
}

func isGotOver(t *testing.T, start func(*world)) {
	t.Helper()
	home, south := newCells(t, start)
	m := home.reader("front-door")
	m.disconnect()
	home.move("front-door", south, home)
	there := store.ReaderCell{Cell: south.cell}
	if err := home.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetCellOf("front-door", there) }); err != nil {
		t.Fatal(err)
	}
	until(t, "it is not served any more where it was", func() bool { return home.serves("front-door") == nil })
	until(t, "it connects", func() bool { return m.connect(home.broker) == nil })
	until(t, "it is served where it comes", func() bool {
		m.mu.Lock()
		m.policy.Revision = 1 // what the broker has kept may come
		m.mu.Unlock()
		m.say()
		time.Sleep(100 * time.Millisecond)
		return home.is("front-door") == store.ReaderCell{Cell: south.cell, From: home.cell}
	})
	m.until("it is told where to go", func() bool { return m.policy.Revision > 1 })
	m.disconnect()
	until(t, "it connects", func() bool { return m.connect(south.broker) == nil })
	south.comes(m, home)

	// One that knows it is not served elsewhere.
	m.disconnect()
	m.connect(home.broker)
	for range 10 {
		m.say()
		time.Sleep(200 * time.Millisecond)
	}
	if is := home.is("front-door"); is != there || home.serves("front-door") != nil {
		t.Errorf("%+v", is)
	}
}
