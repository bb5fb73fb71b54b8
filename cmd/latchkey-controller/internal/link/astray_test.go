package link

import (
	"context"
	"fmt"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAReaderThatIsAstrayDelaysNoOther(t *testing.T) {
	p, _ := newPublisher(t)
	boards := map[string]*boardtest.Board{"front-door": adopt(t, p, "front-door"), "back-door": adopt(t, p, "back-door")}
	south := &store.Cell{Name: "south"}
	if err := p.o.Site.Update(t.Context(), func(tx *store.Tx) error { return tx.AddCell(south) }); err != nil {
		t.Fatal(err)
	}
	peers, _, err := p.o.Site.Peers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.o.Cell = south.ID
	if err := p.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	says := func(reader string, counter, policy uint64) {
		t.Helper()
		state := &wire.State{Reader: reader, Connection: 1, Counter: counter, Nonce: wire.Nonce{1}, Version: "test", Journal: wire.JournalID{1}, First: 1, PolicyRevision: policy,
			Condition: &wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed}}
		signed, err := state.Sign(p.o.Site.ID, boards[reader].Signing)
		if err != nil {
			t.Fatal(err)
		}
		p.arrive(message{channel: wire.OnState, reader: reader, payload: signed})
	}
	for n := range uint64(20) {
		says("front-door", n+1, peers["front-door"].PolicyRevision) // it has the site's policy: it is not taken in
	}
	says("back-door", 1, peers["back-door"].PolicyRevision+1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.publishChanges(ctx, make(chan struct{}, 1)) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		is := map[string]store.ReaderCell{}
		err := p.o.Site.View(t.Context(), func(tx *store.Tx) (err error) {
			for reader := range boards {
				if is[reader], err = tx.CellOf(reader); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if is["front-door"].From != 0 {
			t.Fatal("one that has its policy is taken in")
		}
		if is["back-door"] == (store.ReaderCell{Cell: store.HomeCell, From: south.ID}) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it is not taken in: %+v", is)
		}
	}
}

// Whoever has the broker may make up names.
func TestReadersThatAreAstrayAreBounded(t *testing.T) {
	p, _ := newPublisher(t)
	p.o.Cell = 2
	for n := range 2 * mostAstray {
		p.arrive(message{channel: wire.OnState, reader: fmt.Sprint("made-up-", n)})
	}
	if n := len(p.astray.waiting); n != mostAstray {
		t.Errorf("%d wait", n)
	}
}
