//go:build !firmware

package board

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"latchkey/board/sim"
)

// simulated is a board with emulated chips and an emulated door.
type simulated struct {
	*sim.Board
	ln    net.Listener
	cards []sim.PageCard
	log   *slog.Logger
}

func openSim(c SimConfig, log *slog.Logger) (wiring, error) {
	var cards []sim.PageCard
	var problems []error
	for i, card := range c.Cards {
		uid, err := sim.ParseUID(card.UID)
		if err != nil {
			problems = append(problems, fmt.Errorf("board.sim.cards: card %d: %w", i+1, err))
		}
		cards = append(cards, sim.PageCard{Name: card.Name, Card: sim.Card{UID: uid}})
	}
	panel := sim.PanelOptions{Model: c.Panel, Rotation: c.Rotation, Glass: c.Glass}
	for _, err := range panel.Check() {
		problems = append(problems, fmt.Errorf("board.sim.%w", err))
	}
	for i, f := range c.Faults {
		if err := sim.CheckFault(f.Name, f.injection()); err != nil {
			problems = append(problems, fmt.Errorf("board.sim.faults: fault %d: %w", i+1, err))
		}
	}
	var ln net.Listener
	if c.Listen == "" {
		problems = append(problems, errors.New(`board.sim.listen: is not set: set the address of the board's page, as "127.0.0.1:8081"`))
	} else if len(problems) == 0 {
		var err error
		if ln, err = sim.Listen(c.Listen); err != nil {
			problems = append(problems, fmt.Errorf("board.sim.listen: %w", err))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	board := sim.New(&sim.Options{Log: log, Seed: c.Seed, Panel: panel})
	if c.Drawer != "" {
		if err := board.KeepCards(c.Drawer); err != nil {
			return nil, errors.Join(fmt.Errorf("board.sim.drawer: %w", err), ln.Close(), board.Close())
		}
	}
	for _, f := range c.Faults {
		if err := board.Inject(f.Name, f.injection()); err != nil {
			return nil, errors.Join(fmt.Errorf("board.sim.faults: %w", err), ln.Close(), board.Close())
		}
	}
	return &simulated{Board: board, ln: ln, cards: cards, log: log}, nil
}

// Simulated returns the emulated board behind b; nil if b is a real one.
func (b *Board) Simulated() *sim.Board {
	if s, ok := b.wiring.(*simulated); ok {
		return s.Board
	}
	return nil
}

func (f FaultConfig) injection() sim.Injection {
	return sim.Injection{Active: true, Amount: f.Amount, After: f.After, For: f.For}
}

func (s *simulated) Output(name string) (Output, error) {
	line, err := s.Board.Output(name)
	if err != nil {
		return nil, err
	}
	return line, nil
}

func (s *simulated) Input(name string, on func(active bool)) (Input, error) {
	line, err := s.Board.Input(name, on)
	if err != nil {
		return nil, err
	}
	return line, nil
}

func (s *simulated) Serve(ctx context.Context, p Page) error {
	s.log.Info("simulated board", "page", "http://"+s.ln.Addr().String()+"/")
	return s.Board.Serve(ctx, s.ln, sim.Page{Name: p.Name, Cards: s.cards, Controls: p.Controls, Records: p.Records})
}

func (s *simulated) Close() error {
	s.ln.Close() // Serve has closed it, if it was called
	return s.Board.Close()
}
