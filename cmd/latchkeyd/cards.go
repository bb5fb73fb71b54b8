package main

import (
	"context"
	"errors"

	"latchkey/board"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/nfc"
	"latchkey/nfc/pn532"
	"latchkey/sync/wire"
)

// openCards opens the card reader.
func (in *instruments) openCards(b *board.Board) error {
	port, err := b.SPI("nfc")
	if errors.Is(err, board.ErrNotWired) {
		in.noCards = true
		return nil
	}
	if err != nil {
		return err
	}
	in.closes = append(in.closes, port.Close)
	var irq pn532.Input
	line, err := b.Input("nfc-irq", nil)
	switch {
	case errors.Is(err, board.ErrNotWired):
	case err != nil:
		return err
	default:
		in.closes = append(in.closes, line.Close)
		irq = line
	}
	reset, err := in.output(b, "nfc-reset")
	if err != nil {
		return err
	}
	var resetLine pn532.Output
	if reset != nil {
		resetLine = reset
	}
	chip, err := pn532.NewSPI(port, irq, resetLine, nil)
	if err != nil {
		return err
	}
	in.rest(chip.Halt)
	in.chips = append(in.chips, func() status.Chip {
		c := chip.Counters()
		return status.Chip{Name: "nfc", Transfers: c.Transfers, Errors: c.Errors, Retries: c.Retries, Resets: c.Starts}
	})
	in.cards = nfc.New(watchedChip{chip, in.parts.NewPart("looking for a card", wire.SubjectNFC)}, nil)
	return nil
}

// watchedChip is a card reader's chip whose polls are the rounds of a part.
type watchedChip struct {
	chip interface {
		Poll(ctx context.Context, uid []byte) (int, error)
	}
	part *supervision.Part
}

func (c watchedChip) Poll(ctx context.Context, uid []byte) (int, error) {
	c.part.Add()
	defer c.part.Done()
	return c.chip.Poll(ctx, uid)
}

func (in *instruments) onCard(event nfc.Event) {
	switch event := event.(type) {
	case nfc.Presented:
		in.present(wire.Card, event.UID)
	case nfc.Health:
		in.parts.Report(wire.SubjectNFC, event.Err)
	}
}
