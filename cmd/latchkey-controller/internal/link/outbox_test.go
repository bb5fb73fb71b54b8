package link

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// takeAll takes all that waits, as if the broker acknowledged at once.
func takeAll(b *outbox) (all []outgoing) {
	for {
		o, ok := b.next(true)
		if !ok {
			return all
		}
		all = append(all, o)
	}
}

func TestWhatWaitsForABrokerIsBounded(t *testing.T) {
	b, payload := newOutbox(), make([]byte, 64<<10)
	for range 3 { // of the policies of a large site, of which the newest waits
		for i := range 1024 {
			if !b.put(outgoing{wire.OnPolicy, fmt.Sprint("reader-", i), payload}) {
				t.Fatal("a policy is not taken")
			}
		}
	}
	n := 0
	for b.put(outgoing{wire.OnNow, "front-door", payload}) {
		if n++; n > 1000 {
			t.Fatal("it takes more and more")
		}
	}
	if n < 200 {
		t.Errorf("it takes %d messages", n)
	}
	if b.put(outgoing{wire.OnCredentials, "", payload}) {
		t.Error("deltas are not bounded")
	}
	if all := takeAll(b); len(all) != 1024+n || all[0].channel != wire.OnNow || all[n].reader != "reader-0" || len(all[n].payload) != len(payload) {
		t.Errorf("%d messages come out", len(all))
	}
	if !b.put(outgoing{wire.OnNow, "front-door", payload}) || len(takeAll(b)) != 1 || len(takeAll(b)) != 0 {
		t.Error("what was taken still counts, or comes again")
	}
}

func TestKeysAndPoliciesWaitForRoomAndNothingForThem(t *testing.T) {
	b := newOutbox()
	for _, o := range []outgoing{
		{wire.OnHead, "", []byte("head 1")},
		{wire.OnKey, "front-door", []byte("key 1")},
		{wire.OnPolicy, "front-door", []byte("policy 1")},
		{wire.OnCredentials, "", []byte("delta")},
		{wire.OnKey, "front-door", []byte("key 2")},
		{wire.OnState, "former", nil},
		{wire.OnAck, "front-door", []byte("ack")},
	} {
		if !b.put(o) {
			t.Fatal(o)
		}
	}
	var got []string
	for _, room := range []bool{false, false, false, true, false, true, false, false, true} {
		o, ok := b.next(room)
		got = append(got, fmt.Sprint(ok, " ", o.channel, " ", string(o.payload)))
	}
	want := []string{"true ack ack", "true head head 1", "false  ", "true key key 2", "false  ", "true policy policy 1", "true credentials delta", "true state ", "false  "}
	if !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
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
	slow, good := newSession(), newSession()
	l.connections[0].session.Store(slow)
	l.connections[1].session.Store(good)
	good.greeted.Store(true)
	payload := make([]byte, 1<<20)
	for range 20 {
		l.send(wire.OnNow, "front-door", payload)
		if got := takeAll(good.out); len(got) != 1 {
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
	takeAll(slow.out)
	l.tell(wire.OnPolicy, "front-door", payload)
	if n, m := len(takeAll(slow.out)), len(takeAll(good.out)); n != 0 || m != 1 {
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
