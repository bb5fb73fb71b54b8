package main

import (
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"

	"latchkey/board"
	"latchkey/device"
)

func TestWhatIsSaidOfTheRelayNamesEachLineThatDoesNotWork(t *testing.T) {
	in := newInstruments(slog.New(slog.NewTextHandler(io.Discard, nil)))
	for _, line := range []string{"exit-button", "door-open", "strike"} {
		in.reportLine(line, nil)
	}
	in.reportLine("door-open", errors.New("board.lines.door-open: GPIO12 is in use by gpiomon"))
	in.reportLine("strike", errors.New("strike: energise: input/output error"))
	in.reportLine("strike", nil)
	in.reportLine("door-open", nil)
	var got []string
	for len(in.events) > 0 {
		health := (<-in.events).(device.Health)
		if health.Subject != device.SubjectRelay || (health.Condition == device.Good) != (health.Text == "") {
			t.Errorf("%+v", health)
		}
		got = append(got, health.Text)
	}
	const door = "door-open does not work: board.lines.door-open: GPIO12 is in use by gpiomon"
	if want := []string{"", door, door + "; strike does not work: strike: energise: input/output error", door, ""}; !slices.Equal(got, want) {
		t.Errorf("said %q, want %q", got, want)
	}
}

func TestWhatTheConfigDoesNotNameIsNotOfferedAndNoFault(t *testing.T) {
	wiring := board.Config{Kind: "linux", Lines: map[string]board.LineConfig{"strike": {Name: "GPIO26"}}}
	b, err := board.Open(wiring, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	in := newInstruments(slog.New(slog.DiscardHandler))
	if err := errors.Join(in.openKeypad(b, new(config)), in.openCards(b)); err != nil || !in.noPIN || !in.noCards {
		t.Errorf("a board with a strike alone: %v, no PIN %v, no cards %v", err, in.noPIN, in.noCards)
	}
}
