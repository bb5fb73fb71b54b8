package desk

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

// TestBundlesUnderWayAreFewAndEachIsThereOnce has many ask for a bundle, who take their time, and more boards come.
func TestBundlesUnderWayAreFewAndEachIsThereOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boards := make([]*boardtest.Board, mostUnderWay+1)
	for n := range boards {
		boards[n] = boardtest.New(t)
		_, err := w.asks(boards[n], "", "192.0.2.7")
		w.must(err)
		w.adoptsWaiting(boards[n], fmt.Sprint("Door ", n))
	}
	// fetches has somebody fetch a board's bundle, who has it once done is called.
	fetches := func(b *boardtest.Board) (bundle []byte, done func(), err error) {
		ctx, done := context.WithCancel(t.Context())
		answer, err := w.HandOver(ctx, netip.MustParseAddr("192.0.2.7"), &wire.Handover{Request: b.Signed})
		if err == nil {
			bundle = answer.Bundle
		}
		return bundle, done, err
	}
	first, firstDone, err := fetches(boards[0])
	w.must(err)
	for range 20 {
		again, done, err := fetches(boards[0])
		w.must(err)
		if &again[0] != &first[0] {
			t.Fatal("another copy for whoever replays its request")
		}
		defer done()
	}
	for _, b := range boards[1:mostUnderWay] {
		_, done, err := fetches(b)
		w.must(err)
		defer done()
	}
	last := boards[mostUnderWay]
	if _, _, err := fetches(last); !errors.Is(err, ErrBundlesUnderWay) || !w.waits(last).Fetched.IsZero() {
		t.Errorf("one more: %v, fetched %v", err, w.waits(last).Fetched)
	}
	firstDone() // the others have not got it yet
	if again, done, err := fetches(boards[0]); err != nil || &again[0] != &first[0] {
		t.Errorf("it is read once more: %v", err)
	} else {
		defer done()
	}
}

func TestABundleIsUnderWayUntilAllWhoAskedForItHaveIt(t *testing.T) {
	var u bundlesUnderWay
	read := func() ([]byte, error) { return []byte("bundle"), nil }
	var done []func()
	for number := range uint64(mostUnderWay) {
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			if _, err := u.take(ctx, number, read); err != nil {
				t.Fatal(err)
			}
			done = append(done, cancel)
		}
	}
	failed := errors.New("read")
	taken := func() error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := u.take(ctx, 100, func() ([]byte, error) { return nil, failed })
		return err
	}
	askers := func() int {
		u.mu.Lock()
		defer u.mu.Unlock()
		if b := u.of[0]; b != nil {
			return b.askers
		}
		return 0
	}
	for left := 3; left > 0; left-- {
		if err := taken(); !errors.Is(err, ErrBundlesUnderWay) {
			t.Errorf("while %d have not got it: %v", left, err)
		}
		done[3-left]()
		for end := time.Now().Add(10 * time.Second); askers() == left; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("it is under way for ever")
			}
		}
		if n := askers(); n != left-1 {
			t.Fatalf("%d have not got it, not %d", n, left-1)
		}
	}
	if err := taken(); !errors.Is(err, failed) {
		t.Errorf("all have it: %v", err)
	}
	if len(u.of) != mostUnderWay-1 {
		t.Errorf("%d are under way: one that could not be read is, too", len(u.of))
	}
}
