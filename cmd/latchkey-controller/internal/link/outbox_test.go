package link

import (
	"fmt"
	"log/slog"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

func TestWhatWaitsForABrokerIsBounded(t *testing.T) {
	b, payload := newOutbox(), make([]byte, 64<<10)
	many := make([]outgoing, 1024) // the policies of a large site, which a broker gets once a connection
	for i := range many {
		many[i] = outgoing{wire.OnPolicy, fmt.Sprint("reader-", i), payload}
	}
	b.putAll(many)
	n := 0
	for b.put(outgoing{wire.OnNow, "front-door", payload}) {
		if n++; n > 1000 {
			t.Fatal("it takes more and more")
		}
	}
	if n < 200 {
		t.Errorf("it takes %d messages", n)
	}
	if all := b.take(); len(all) != 1024+n || all[0].reader != "reader-0" || all[1024].channel != wire.OnNow {
		t.Errorf("%d messages come out", len(all))
	}
	if !b.put(outgoing{wire.OnNow, "front-door", payload}) || len(b.take()) != 1 || len(b.take()) != 0 {
		t.Error("what was taken still counts, or comes again")
	}
}

// A broker that takes nothing must not hold up the others, or fill the memory.
func TestABrokerThatTakesLessThanIsSentLosesItsConnectionAndNoOther(t *testing.T) {
	l, err := New(Options{Site: &site.Site{Name: "home"}, Brokers: []string{"tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "tcp://127.0.0.1:3"}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if l.reached() {
		t.Error("brokers are reached before any was")
	}
	slow, good := &session{out: newOutbox(), lost: make(chan error, 1)}, &session{out: newOutbox(), lost: make(chan error, 1)}
	l.connections[0].session.Store(slow)
	l.connections[1].session.Store(good)
	good.greeted.Store(true)
	payload := make([]byte, 1<<20)
	for range 20 {
		l.send(wire.OnNow, "front-door", payload)
		if got := good.out.take(); len(got) != 1 {
			t.Fatalf("%d messages for the good one", len(got))
		}
	}
	select {
	case <-slow.lost:
	default:
		t.Error("the slow one keeps its connection")
	}
	select {
	case err := <-good.lost:
		t.Error(err)
	default:
	}
	slow.out.take()
	l.tell(wire.OnPolicy, "front-door", payload)
	if n, m := len(slow.out.take()), len(good.out.take()); n != 0 || m != 1 {
		t.Errorf("before it has what is retained, a broker gets %d changes, and another %d", n, m)
	}
	if !l.reached() {
		t.Error("no broker is reached")
	}
}

func TestALinkHasOneToFourBrokers(t *testing.T) {
	for _, urls := range [][]string{nil, {"tcp://[::1]:1", "tcp://[::1]:2", "tcp://[::1]:3", "tcp://[::1]:4", "tcp://[::1]:5"}, {"tcp://[::1]:1", "nonsense"}} {
		if _, err := New(Options{Site: &site.Site{Name: "home"}, Brokers: urls, Log: slog.New(slog.DiscardHandler)}); err == nil {
			t.Errorf("%q are taken", urls)
		}
	}
}
