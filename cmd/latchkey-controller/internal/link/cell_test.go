package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestWhatAnotherCellHasHeardCountsByConnectionAndCounter(t *testing.T) {
	was := wire.State{Connection: 5, Counter: 7, Nonce: wire.Nonce{1}}
	for name, c := range map[string]struct {
		heard      store.State
		newer      bool
		is         presenceIs
		connection uint64
	}{
		"the same":                     {store.State{Bundle: 1, Connection: 5, Counter: 7}, false, connected, 5},
		"an older state":               {store.State{Bundle: 1, Connection: 5, Counter: 6}, false, connected, 5},
		"an older connection":          {store.State{Bundle: 1, Connection: 4, Counter: 9, Offline: true}, false, connected, 5},
		"its end":                      {store.State{Bundle: 1, Connection: 5, Counter: 7, Offline: true}, true, disconnected, 5},
		"a newer state":                {store.State{Bundle: 1, Connection: 5, Counter: 8}, true, connected, 5},
		"a newer connection":           {store.State{Bundle: 1, Connection: 6, Counter: 1}, true, connected, 6},
		"the end of a newer one":       {store.State{Bundle: 1, Connection: 6, Offline: true}, true, disconnected, 6},
		"another board, counting anew": {store.State{Bundle: 2, Connection: 1, Counter: 1}, true, connected, 1},
	} {
		p := new(presence)
		p.take(at(0), 1, &was, false)
		newer, err := p.hearOf(at(1), &c.heard)
		if err != nil || newer != c.newer || p.is != c.is || p.connection != c.connection || p.elsewhere != newer || p.online(at(1)) == newer {
			t.Errorf("%s: newer %t, %+v, %v", name, newer, p, err)
		}
		if p.reachable(at(1)) != (c.is == connected) || newer && !p.since.IsZero() {
			t.Errorf("%s: reachable %t, since %v", name, p.reachable(at(1)), p.since)
		}
		// Here it is again.
		s := wire.State{Connection: 7, Counter: 1, Nonce: wire.Nonce{2}}
		if p.bundle == 1 && (!p.take(at(2), 1, &s, false) || p.elsewhere || !p.online(at(2)) || !p.since.Equal(at(2))) {
			t.Errorf("%s: then %+v", name, p)
		}
	}
}

// newTracker returns the tracker of a cell's link, with readers.
func newTracker(cell int64, peers map[string]*site.Peer) *tracker {
	l := &Link{o: Options{Cell: cell, SettleAfter: time.Minute}, links: make(chan map[string]bool, 1), come: make(chan []*site.Peer, 1)}
	l.peers.Store(&peers)
	return &tracker{Link: l, presences: map[string]*presence{}, dirty: map[string]bool{}, outages: outages{up: map[string]time.Time{}, out: map[string]bool{}}, linkNews: map[string]bool{}, settled: map[string]*site.Peer{}}
}

func TestOnlyTheCellOfAReaderTellsOfItsOutages(t *testing.T) {
	peers := map[string]*site.Peer{"front-door": {Bundle: 1, Cell: store.ReaderCell{Cell: 2, From: 1}}}
	from, to := newTracker(1, peers), newTracker(2, peers)
	told := func(second int) (news map[string]bool) {
		from.noteOutages(at(second))
		to.noteOutages(at(second))
		select {
		case <-from.links:
			t.Errorf("%d s: the cell that it leaves tells of it", second)
		case news = <-to.links:
		default:
		}
		return news
	}
	// It is where it was, and the new cell hears of each state that is stored there, with the nonce that it is to answer.
	for s := 0; s <= 300; s += 30 {
		said := wire.State{Reader: "front-door", Version: "model", Journal: wire.JournalID{1}, First: 1, Condition: &wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed},
			Connection: 1, Counter: uint64(s + 1), Nonce: wire.Nonce{byte(s/30 + 1)}}
		from.presence("front-door").take(at(s), 1, &said, false)
		from.dirty["front-door"] = true
		for _, stored := range from.states() {
			if _, err := to.presence("front-door").hearOf(at(s), stored); err != nil {
				t.Fatal(err)
			}
		}
		clear(from.dirty)
		if to.presence("front-door").nonce != said.Nonce {
			t.Errorf("%d s: the new cell does not know what it has said", s)
		}
		if news := told(s); len(news) != 0 && news["front-door"] {
			t.Errorf("%d s: out of reach", s)
		}
	}
	// It is gone from both.
	out := false
	for s := 301; s <= 500; s++ {
		if news := told(s); news["front-door"] {
			out = true
		}
	}
	if !out {
		t.Error("nobody tells that it is out of reach")
	}
	// It comes.
	to.presence("front-door").take(at(501), 1, &wire.State{Connection: 2, Counter: 1, Nonce: wire.Nonce{1}}, false)
	if news, ok := told(501)["front-door"]; !ok || news {
		t.Error("nobody tells that it is back")
	}
}

// The other cell's leader goes on hearing it.
func TestNoReaderIsOutOfReachBecauseTheDatabaseIs(t *testing.T) {
	tr := newTracker(2, map[string]*site.Peer{"front-door": {Bundle: 1, Cell: store.ReaderCell{Cell: 2, From: 1}}, "back-door": {Bundle: 1, Cell: store.ReaderCell{Cell: 2}}})
	first := true
	heard := func(second int) {
		t.Helper()
		if _, err := tr.presence("front-door").hearOf(at(second), &store.State{Bundle: 1, Connection: 1, Counter: uint64(second + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	heard(0)
	tr.presence("back-door").take(at(0), 1, &wire.State{Connection: 1, Counter: 1, Nonce: wire.Nonce{1}}, false)
	out := map[string]int{}
	for s := range 1000 {
		tr.deaf.Store(s >= 5 && s < 500)
		if s == 530 {
			heard(s)
		}
		tr.noteOutages(at(s))
		select {
		case news := <-tr.links:
			for reader, is := range news {
				if is {
					out[reader] = s
				} else if !first {
					t.Errorf("%d s: %s is back", s, reader)
				}
			}
			first = false
		default:
		}
	}
	if out["back-door"] == 0 || out["back-door"] > 200 || out["front-door"] <= 530+95 {
		t.Errorf("out of reach: %v", out)
	}
}

func TestAReaderHasComeOverAfterAMinuteOnOneConnection(t *testing.T) {
	for name, c := range map[string]struct {
		cell store.ReaderCell
		says []wire.State
		come bool
	}{
		"a minute":                  {store.ReaderCell{Cell: 2, From: 1}, []wire.State{{Connection: 1, Counter: 1, PolicyRevision: 5}, {Connection: 1, Counter: 2, PolicyRevision: 5}}, true},
		"on another connection":     {store.ReaderCell{Cell: 2, From: 1}, []wire.State{{Connection: 1, Counter: 1, PolicyRevision: 5}, {Connection: 2, Counter: 1, PolicyRevision: 5}}, false},
		"with an older policy":      {store.ReaderCell{Cell: 2, From: 1}, []wire.State{{Connection: 1, Counter: 1, PolicyRevision: 5}, {Connection: 1, Counter: 2, PolicyRevision: 4}}, false},
		"after its end":             {store.ReaderCell{Cell: 2, From: 1}, []wire.State{{Connection: 1, Counter: 1, PolicyRevision: 5}, {Connection: 1}, {Connection: 1, Counter: 2, PolicyRevision: 5}}, false},
		"it is not being moved":     {store.ReaderCell{Cell: 2}, []wire.State{{Connection: 1, Counter: 1, PolicyRevision: 5}, {Connection: 1, Counter: 2, PolicyRevision: 5}}, false},
		"it leaves, and has stayed": {store.ReaderCell{Cell: 1, From: 2}, []wire.State{{Connection: 1, Counter: 1, PolicyRevision: 5}, {Connection: 1, Counter: 2, PolicyRevision: 5}}, false},
	} {
		peer := &site.Peer{Reader: "front-door", Bundle: 1, PolicyRevision: 5, Cell: c.cell}
		tr := newTracker(2, map[string]*site.Peer{"front-door": peer})
		for i, s := range c.says {
			now := at(60 * i)
			if tr.presence("front-door").take(now, 1, &s, false) && s.Counter > 0 {
				tr.settle(now, peer, &s)
			}
			if i == 0 && len(tr.settled) > 0 {
				t.Errorf("%s: at once", name)
			}
		}
		if (len(tr.settled) == 1) != c.come {
			t.Errorf("%s: %d", name, len(tr.settled))
		}
	}
}

// Brokers that were out of reach when a reader went over to another cell drop what they keep, too.
func TestABrokerThatComesLateForgetsAReaderThatIsGone(t *testing.T) {
	p, first := newPublisher(t, "front-door", "back-door")
	p.o.Cell = store.HomeCell
	if err := p.bring(t.Context()); err != nil {
		t.Fatal(err)
	}
	takeAll(first.out)
	cellOf := func(reader string, c store.ReaderCell) {
		t.Helper()
		err := p.o.Site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetCellOf(reader, c) })
		if err == nil {
			err = p.bring(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	forgets := func(b *outbox) map[string]int {
		n := map[string]int{}
		for _, o := range takeAll(b) {
			if o.reader != "" && o.payload == nil {
				n[o.reader]++
			}
		}
		return n
	}
	cell := &store.Cell{Name: "south"}
	if err := p.o.Site.Update(t.Context(), func(tx *store.Tx) error { return tx.AddCell(cell) }); err != nil {
		t.Fatal(err)
	}
	cellOf("front-door", store.ReaderCell{Cell: cell.ID, From: store.HomeCell})
	if n := forgets(first.out); len(n) != 0 {
		t.Errorf("it is still served: %v", n)
	}
	cellOf("front-door", store.ReaderCell{Cell: cell.ID})
	if n := forgets(first.out); len(n) != 1 || n["front-door"] != len(retained) {
		t.Errorf("%v", n)
	}
	late := func() map[string]int {
		t.Helper()
		s := newSession()
		p.connections[1].session.Store(s)
		if err := p.bring(t.Context()); err != nil {
			t.Fatal(err)
		}
		return forgets(s.out)
	}
	if n := late(); len(n) != 1 || n["front-door"] != len(retained) {
		t.Errorf("the broker that comes late: %v", n)
	}
	// Those of other cells that are removed are none of its business.
	err := p.o.Site.Update(t.Context(), func(tx *store.Tx) error {
		_, err := p.o.Site.RemoveReader(tx, time.Now(), "front-door", false)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p.gone = map[string]bool{}
	if n := late(); len(n) != 0 {
		t.Errorf("of a reader that was of another cell last: %v", n)
	}
}

// Two controllers have one client id: what is sent before the certificate is looked at would end the other's connection.
func TestNothingIsSentToABrokerOfAnotherCell(t *testing.T) {
	p, _ := newPublisher(t)
	own, err := p.o.Site.ControllerCertificate()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		of, serves int64
		refused    bool
	}{{store.HomeCell, store.HomeCell, false}, {2, 2, false}, {2, store.HomeCell, true}, {store.HomeCell, 2, true}, {3, 2, true}, {12, 1, true}} {
		t.Run(fmt.Sprint(c.of, c.serves), func(t *testing.T) {
			certificate, err := p.o.Site.BrokerCertificate([]string{"127.0.0.1"}, c.of)
			if err != nil {
				t.Fatal(err)
			}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			got := make(chan int, 1)
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					got <- -1
					return
				}
				defer conn.Close()
				n, _ := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*certificate}, ClientAuth: tls.RequestClientCert}).Read(make([]byte, 100))
				got <- n
			}()
			broker, err := wire.ParseBroker("ssl://" + listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			o := p.o
			o.Cell, o.Certificate, o.Name = c.serves, own, site.ControllerName
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err = newConnection(&o, broker).connect(ctx)
			other := (*OtherCellError)(nil)
			if is := errors.As(err, &other); is != c.refused {
				t.Errorf("%v", err)
			}
			listener.Close() // nobody comes any more
			if n := <-got; (n > 0) == c.refused {
				t.Errorf("%d bytes came", n)
			}
		})
	}
}
