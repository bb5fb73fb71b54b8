//go:build !firmware

package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/board"
	"latchkey/board/sim"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device"
	"latchkey/nfc"
	"latchkey/nfc/pn532"
	"latchkey/sync/wire"
)

// bench is a card reader with the daemon's own driver, slot and card worker, in a bubble.
// The test is the brain, the controller, and what lies between the chip and the card.
type bench struct {
	t        *testing.T
	board    *sim.Board
	order    wire.CommandID // to personalise each card; zero: it is looked up
	keys     func(*wire.CardToKey) (*wire.CardKeySets, error)
	exchange func(apdu []byte, card func([]byte) ([]byte, error)) ([]byte, error) // nil: the card answers
	stop     func()

	mu      sync.Mutex
	answers []device.Event
	log     bytes.Buffer // of the worker, with what is logged for --verbose
	asked   int          // cards that were sent to the controller
}

// between is the chip with what lies between it and the card.
type between struct {
	nfc.Chip
	*bench
}

func (b between) Transceive(ctx context.Context, apdu []byte) ([]byte, error) {
	card := func(apdu []byte) ([]byte, error) { return b.Chip.Transceive(ctx, apdu) }
	if b.exchange == nil {
		return card(apdu)
	}
	return b.exchange(apdu, card)
}

// newBench returns a bench that runs. h may be nil if it only personalises.
func newBench(t *testing.T, h *held) *bench {
	t.Helper()
	c := new(config)
	c.Board.Kind, c.Board.Sim.Listen = "sim", "127.0.0.1:0"
	outer, err := board.Open(c.Board, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	in := newInstruments(c, new(status.Stopwatch), slog.New(slog.DiscardHandler))
	port, err := outer.SPI("nfc")
	if err != nil {
		t.Fatal(err)
	}
	chip, err := pn532.NewSPI(port, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, board: outer.Simulated(), order: wire.CommandID{9}}
	w := &worker{
		log:  newLog(&b.log, slog.LevelDebug),
		kind: wire.Card, task: supervision.NewTask("", 0), held: h, lookups: new(status.Lookups), jobs: make(chan *job, jobsWaiting),
		answer: func(e device.Event) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.answers = append(b.answers, e)
		},
		keys: func(ctx context.Context, _ wire.CommandID, card *wire.CardToKey) (*wire.CardKeySets, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.asked++
			return b.keys(card)
		},
	}
	l := &loop{instruments: in, workers: map[wire.CredentialKind]*worker{wire.Card: w}}
	ctx, cancel := context.WithCancel(t.Context())
	var group errgroup.Group
	group.Go(during(ctx, func(ctx context.Context) error {
		return nfc.New(between{chip, b}).Run(ctx, func(e nfc.Event) { in.onCard(ctx, e) })
	}))
	group.Go(func() error { return w.run(ctx) })
	group.Go(func() error {
		for seq := uint64(1); ; {
			select {
			case <-ctx.Done():
				return nil
			case event := <-in.events:
				if _, ok := event.(device.Presented); ok {
					l.identify(device.Identify{Kind: wire.Card, Seq: seq, Enrol: b.order, Personalise: b.order != wire.CommandID{}})
					seq++
				}
			}
		}
	})
	b.stop = func() {
		cancel()
		if err := errors.Join(group.Wait(), chip.Halt(), port.Close(), outer.Close()); err != nil {
			t.Error(err)
		}
	}
	return b
}

// show holds a card to the reader until it is answered, and returns the answer and the
// steps that were told before.
func (b *bench) show(card sim.Card) (answer device.Identified, steps []device.Progress) {
	b.t.Helper()
	if err := b.board.PresentCard(card); err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		b.board.RemoveCard()
		time.Sleep(3 * time.Second)
	}()
	for range 600 {
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		b.mu.Lock()
		i := slices.IndexFunc(b.answers, func(e device.Event) bool { _, ok := e.(device.Identified); return ok })
		if i >= 0 {
			answer = b.answers[i].(device.Identified)
			for _, e := range b.answers[:i] {
				steps = append(steps, e.(device.Progress))
			}
			b.answers = nil
		}
		b.mu.Unlock()
		if i >= 0 {
			return answer, steps
		}
	}
	b.t.Fatal("a card gets no answer within a minute")
	return answer, nil
}
