package link

import (
	"context"
	"testing"

	"golang.org/x/sync/errgroup"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// counted returns the counters of the states that are stored, by reader.
func counted(t *testing.T, s *site.Site) map[string]uint64 {
	t.Helper()
	by := map[string]uint64{}
	err := s.View(t.Context(), func(tx *store.Tx) error {
		all, err := tx.States()
		for _, state := range all {
			by[state.Reader] = state.Counter
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return by
}

func TestStatesThatCannotBeStoredAreStoredLater(t *testing.T) {
	p, _ := newPublisher(t, "front-door", "back-door")
	rec := recorder{Link: p.Link, unstored: map[string]*store.State{}}
	away, cancel := context.WithCancel(t.Context())
	cancel()
	for n := uint64(1); n <= 2; n++ {
		if err := rec.takeStates(away, []*store.State{{Reader: "front-door", Connection: 1, Counter: n}}); err == nil {
			t.Fatal("no error")
		}
	}
	if err := rec.takeStates(t.Context(), []*store.State{{Reader: "back-door", Connection: 1, Counter: 5}}); err != nil {
		t.Fatal(err)
	}
	if by := counted(t, p.o.Site); by["front-door"] != 2 || by["back-door"] != 5 {
		t.Errorf("%v", by)
	}
	if len(rec.unstored) > 0 {
		t.Error("they are kept")
	}
}

func TestStatesThatWaitAsTheLinkEndsAreStored(t *testing.T) {
	p, _ := newPublisher(t, "front-door")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for n := uint64(1); n <= 8; n++ { // who of both takes them is left to chance
		p.Link.states <- []*store.State{{Reader: "front-door", Connection: 1, Counter: n}}
		var group errgroup.Group
		group.Go(func() error { return p.storeReports(ended) })
		group.Go(func() error { return p.track(ended) })
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if by := counted(t, p.o.Site); by["front-door"] != n {
			t.Fatalf("%d: %v", n, by)
		}
	}
}
