package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device"
	"latchkey/nfc"
	"latchkey/sync/wire"
)

// A card stays selected until it is decided what becomes of it.
func TestACardStaysSelectedUntilNobodyNeedsIt(t *testing.T) {
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	identify := func(l *loop) { l.identify(device.Identify{Kind: wire.Card, Enrol: wire.CommandID{1}}) }
	for name, test := range map[string]struct {
		then  func(l *loop, ended context.CancelFunc)
		after time.Duration
	}{
		"the brain does not want it": {func(l *loop, _ context.CancelFunc) {
			l.carryOut([]device.Action{device.Forget{Kind: wire.Card}})
		}, 0},
		"it is identified": {func(l *loop, _ context.CancelFunc) {
			identify(l)
			(<-l.workers[wire.Card].jobs).material.wipe()
		}, 0},
		"its worker is stuck": {func(l *loop, _ context.CancelFunc) {
			l.workers[wire.Card].jobs = make(chan *job)
			identify(l)
		}, 0},
		"its worker hangs": {func(l *loop, _ context.CancelFunc) { identify(l) }, tapAtMost},
		"nobody decides":   {func(*loop, context.CancelFunc) {}, tapAtMost},
		"the reader ends":  {func(_ *loop, end context.CancelFunc) { end() }, 0},
		"its worker ends": {func(l *loop, _ context.CancelFunc) {
			identify(l)
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			for len(l.workers[wire.Card].jobs) > 0 {
				l.workers[wire.Card].run(ctx)
			}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := newInstruments(new(config), new(status.Stopwatch), nil)
				l := &loop{instruments: in, workers: map[wire.CredentialKind]*worker{wire.Card: {
					kind: wire.Card, task: supervision.NewTask("", 0), lookups: new(status.Lookups), jobs: make(chan *job, 1), answer: func(device.Event) {},
					enrol: func(wire.CommandID, []byte) error { return nil },
				}}}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				begin, selected := time.Now(), true
				go func() {
					in.onCard(ctx, nfc.Presented{Card: &nfc.Card{UID: append([]byte(nil), uid...)}})
					selected = false
				}()
				<-in.events
				time.Sleep(time.Second)
				synctest.Wait()
				if !selected {
					t.Fatal("it is not selected any more, and nobody has decided")
				}
				second := append([]byte(nil), uid...)
				if in.onCard(ctx, nfc.Presented{Card: &nfc.Card{UID: second}}); len(in.events) != 0 || second[0] != 0 {
					t.Errorf("a second card counts, or %x is left of it", second)
				}
				test.then(l, cancel)
				synctest.Wait()
				if !selected && test.after > 0 {
					t.Error("it is not selected any more, at once")
				}
				time.Sleep(test.after)
				synctest.Wait()
				if selected {
					t.Errorf("it is still selected after %v", time.Since(begin))
				}
			})
		})
	}
}
