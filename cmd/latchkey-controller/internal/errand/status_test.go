package errand

import (
	"context"
	"crypto/rand"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// manyReaders returns the status of some readers, with states like those of real ones.
func manyReaders(n int) []link.ReaderStatus {
	all := make([]link.ReaderStatus, n)
	for i := range all {
		s := &wire.State{Reader: fmt.Sprintf("reader-%05d", i), Connection: uint64(i), Counter: 3, Version: "1.4.2", Held: &wire.Position{Epoch: 1, Revision: 77}, PolicyRevision: 9, First: 1, Last: uint64(i), Level: 4,
			Condition: &wire.Condition{}}
		rand.Read(s.Journal[:])
		rand.Read(s.Held.Hash[:])
		all[i] = link.ReaderStatus{ID: s.Reader, Door: fmt.Sprint("Door ", i), Online: i%3 != 0, Awaited: i%5 == 0, Heard: time.UnixMilli(1_790_000_000_000 + int64(i)), State: s, Broker: "ssl://broker.example:8883", Current: i%2 == 0}
		if all[i].Online && !all[i].Current {
			all[i].Behind = time.Unix(1_790_000_000-int64(i%40), 0)
		}
		if i%7 == 0 {
			all[i].State, all[i].Heard = nil, time.Time{}
		}
	}
	return all
}

func TestAStandByKnowsWhatTheLeaderKnowsOfReadersAndBrokers(t *testing.T) {
	w := newWorld(t)
	c := w.standBy()
	c.limits.keep = patience
	f := &fake{readers: manyReaders(1000), brokers: []link.BrokerStatus{{Cell: store.HomeCell, URL: "ssl://a:1", Up: true, Since: time.UnixMilli(5)}, {Cell: store.HomeCell, URL: "ssl://b:1", Why: "refused"}}}
	w.leads(f)
	want := slices.Clone(f.readers)
	for _, r := range f.readers { // what only the link needs
		if r.State != nil {
			rand.Read(r.State.Nonce[:])
		}
	}
	calm(t, c)
	readers, err := c.Readers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	brokers, err := c.Brokers(t.Context())
	if err != nil || !reflect.DeepEqual(brokers, f.brokers) {
		t.Errorf("%+v, %v", brokers, err)
	}
	for i := range want {
		if s := want[i].State; s != nil {
			clean := *s
			clean.Nonce = wire.Nonce{}
			want[i].State = &clean
		}
		if !reflect.DeepEqual(readers[i], want[i]) {
			t.Fatalf("%+v, not %+v", readers[i], want[i])
		}
	}
	if n := f.asked.Load(); n != 1 {
		t.Errorf("the leader was asked %d times", n)
	}
	readers[0].Broker = "changed" // as the desk does
	if again, _ := c.Readers(t.Context()); again[0].Broker == "changed" {
		t.Error("callers share what they get")
	}
	// After a commit and after an order it is asked again.
	f.readers = f.readers[:10]
	before := c.commits.Load()
	if err := w.probe.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetZone("UTC") }); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); c.commits.Load() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the commit is not heard of")
		}
	}
	if again, err := c.Readers(t.Context()); err != nil || len(again) != 10 {
		t.Errorf("%d, %v", len(again), err)
	}
	if _, err := c.Order(t.Context(), unlock, nil); err != nil {
		t.Fatal(err)
	}
	f.readers = f.readers[:1]
	if again, err := c.Readers(t.Context()); err != nil || len(again) != 1 {
		t.Errorf("%d, %v", len(again), err)
	}
}

func TestTheStatusOfTenThousandReadersFits(t *testing.T) {
	t.Parallel()
	packed, err := pack(manyReaders(10_000), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", len(packed))
	if len(packed) > maxStatus/2 {
		t.Errorf("%d bytes", len(packed))
	}
	readers, _, err := unpack(packed)
	if err != nil || len(readers) != 10_000 {
		t.Errorf("%d, %v", len(readers), err)
	}
}

func TestWhatUnpacksToTooMuchIsRefused(t *testing.T) {
	t.Parallel()
	packed, err := pack([]link.ReaderStatus{{Door: strings.Repeat("x", maxUnpacked)}}, nil)
	if err != nil || len(packed) > maxUnpacked/100 {
		t.Fatal(len(packed), err)
	}
	if _, _, err := unpack(packed); err == nil {
		t.Error("it was taken")
	}
}

func TestAProcessThatLeadsAsksNobody(t *testing.T) {
	w := newWorld(t)
	c, f := w.standBy(), &fake{}
	leads, lose := context.WithCancel(t.Context())
	c.Lead(leads, f)
	var l desk.Live = c
	if r, err := l.Order(t.Context(), unlock, nil); err != nil || !r.Done || f.orders.Load() != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.Readers(t.Context()); err != nil || f.asked.Load() != 1 {
		t.Errorf("%v", err)
	}
	// The lead is lost while its link is asked, which then answers nobody any more.
	c.limits.answer = 5 * time.Second // it is waited for
	f.order = func(ctx context.Context, _ store.Order, _ func([]byte) (string, bool)) (link.OrderResult, error) {
		lose()
		<-ctx.Done()
		return link.OrderResult{}, ctx.Err()
	}
	if _, err := c.Order(t.Context(), unlock, nil); err != error(errGone) {
		t.Errorf("%v", err)
	}
	if _, err := c.Readers(t.Context()); err != error(errNobody) {
		t.Errorf("%v", err)
	}
	// The same, and the link has just ended.
	ended := &store.UnavailableError{Reason: language.Data("ended")}
	leads, lose = context.WithCancel(t.Context())
	c.Lead(leads, f)
	f.order = func(context.Context, store.Order, func([]byte) (string, bool)) (link.OrderResult, error) {
		lose()
		return link.OrderResult{}, ended
	}
	if _, err := c.Order(t.Context(), unlock, nil); err != error(errGone) {
		t.Errorf("%v", err)
	}
	other := &fake{readers: manyReaders(3)}
	w.leads(other)
	c.limits.answer = patience
	time.Sleep(c.limits.keep)
	for _, failed := range []error{nil, ended} {
		again, loseAgain := context.WithCancel(t.Context())
		c.Lead(again, &lostLink{fake: f, lose: loseAgain, failed: failed})
		if all, err := c.Readers(t.Context()); err != nil || len(all) != 3 {
			t.Errorf("whoever leads now is not asked after %v: %d, %v", failed, len(all), err)
		}
	}
}

// A lostLink loses the lead while it is asked for readers.
type lostLink struct {
	*fake
	lose   func()
	failed error // what it answers then; nil: that of its context
}

func (l *lostLink) Readers(ctx context.Context) ([]link.ReaderStatus, error) {
	l.lose()
	if l.failed != nil {
		return nil, l.failed
	}
	<-ctx.Done()
	return nil, ctx.Err()
}
