package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board"
	"latchkey/board/sim"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/device"
	"latchkey/relay"
	"latchkey/sync/wire"
)

func TestWhatTheConfigDoesNotNameIsNotOfferedAndNoFault(t *testing.T) {
	wiring := board.Config{Kind: "linux", Lines: map[string]board.LineConfig{"strike": {Name: "GPIO26"}}}
	b, err := board.Open(wiring, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	in := newInstruments(new(config), new(status.Stopwatch), slog.New(slog.DiscardHandler))
	if err := errors.Join(in.openKeypad(b, new(config)), in.openCards(b)); err != nil || !in.noPIN || !in.noCards {
		t.Errorf("a board with a strike alone: %v, no PIN %v, no cards %v", err, in.noPIN, in.noCards)
	}
}

// usedElsewhere is a line that something else holds until it is given up.
type usedElsewhere struct {
	relay.Level
	held bool
}

func (u *usedElsewhere) Value() (int, error) {
	if u.held {
		return 0, syscall.EBUSY
	}
	return u.Level.Value()
}

func TestAnInputWhoseLineIsInUseWorksOnceItIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chips := sim.New(&sim.Options{Log: slog.New(slog.DiscardHandler)})
		defer chips.Close()
		in := newInstruments(new(config), new(status.Stopwatch), slog.New(slog.DiscardHandler))
		var err error
		if in.strike, err = relay.NewStrike(new(stuck), nil); err != nil {
			t.Fatal(err)
		}
		defer in.strike.Halt()
		input := relay.NewInput("door-open", relay.DoorDebounce, func(active bool) {
			in.input(device.Input{Name: device.InputDoor, Active: active})
		})
		line, err := chips.Input("door-open", input.Changed)
		if err != nil {
			t.Fatal(err)
		}
		defer input.Halt()
		used := &usedElsewhere{Level: line, held: true}
		in.parts.ReportLine("door-open", in.startInput("door-open", func() error { return input.Start(used) }))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- in.watch(ctx) }()
		said := func() (all []device.Event) {
			time.Sleep(10*time.Second + time.Millisecond)
			synctest.Wait()
			for len(in.events) > 0 {
				all = append(all, <-in.events)
			}
			return all
		}
		if all := said(); len(all) != 1 || all[0].(device.Health).Condition != device.Failed {
			t.Errorf("while it is in use: %v", all)
		}
		used.held = false
		want := []device.Event{device.Health{Subject: wire.SubjectRelay, Condition: device.Good}, device.Input{Name: device.InputDoor}}
		all := said()
		if len(all) != 2 || !slices.Contains(all, want[0]) || !slices.Contains(all, want[1]) {
			t.Errorf("once it is free: %v", all)
		}
		if err := chips.SetLine("door-open", true); err != nil {
			t.Fatal(err)
		}
		if all := said(); len(all) != 1 || all[0] != (device.Input{Name: device.InputDoor, Active: true}) {
			t.Errorf("when it changes: %v", all)
		}
		cancel()
		<-done
	})
}
