package main

import (
	"context"
	"time"

	"latchkey/board"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device"
	"latchkey/nfc"
	"latchkey/nfc/pn532"
	"latchkey/sync/wire"
)

// openCards opens the card reader.
func (in *instruments) openCards(b *board.Board) error {
	port, err := in.port(b, "nfc")
	if port == nil {
		in.noCards = err == nil
		return err
	}
	reset, err := in.output(b, "nfc-reset")
	if err != nil {
		return err
	}
	chip, err := pn532.NewSPI(port, reset)
	if err != nil {
		return err
	}
	irq, err := in.inputLine(b, "nfc-irq", chip.Interrupt)
	if err != nil {
		return err
	}
	if irq != nil {
		chip.UseInterrupt(irq)
	}
	in.haltAtEnd(chip.Halt)
	in.chips = append(in.chips, func() status.Chip {
		c := &chip.Counters
		return status.Chip{Name: "nfc", Transfers: c.Transfers.Load(), Errors: c.Errors.Load(), Retries: c.Retries.Load(), Resets: c.Starts.Load()}
	})
	in.cards = nfc.New(watchedChip{chip, in.parts.NewPart("looking for a card", wire.SubjectNFC)})
	return nil
}

// watchedChip is a card reader's chip that notes each call as a round of its part. So a card that
// is talked to for long is no chip that hangs.
type watchedChip struct {
	nfc.Chip
	part *supervision.Part
}

func (c watchedChip) Poll(ctx context.Context, within time.Duration, t *nfc.Target) (bool, error) {
	c.part.Round(true)
	defer c.part.Round(false)
	return c.Chip.Poll(ctx, within, t)
}

func (c watchedChip) Transceive(ctx context.Context, apdu []byte) ([]byte, error) {
	c.part.Round(true)
	defer c.part.Round(false)
	return c.Chip.Transceive(ctx, apdu)
}

func (c watchedChip) Release() {
	c.part.Round(true)
	defer c.part.Round(false)
	c.Chip.Release()
}

func (in *instruments) onCard(ctx context.Context, event nfc.Event) {
	switch event := event.(type) {
	case nfc.Presented:
		in.presentCard(ctx, event.Card)
	case nfc.Health:
		in.parts.Report(wire.SubjectNFC, event.Err)
	}
}

// tapAtMost is longer than any work with a card that goes on.
const tapAtMost = time.Minute

// presentCard puts a card into its slot, tells the loop, and waits until nobody needs the
// card any more: so long it stays selected.
func (in *instruments) presentCard(ctx context.Context, card *nfc.Card) {
	tap := &tap{card, make(chan struct{})}
	if !in.slots.put(wire.Card, card.UID, tap) {
		return
	}
	in.stopwatch.Card.Begin(time.Now())
	in.events <- device.Presented{Kind: wire.Card}
	bound := time.NewTimer(tapAtMost)
	defer bound.Stop()
	select {
	case <-tap.over:
	case <-bound.C:
	case <-ctx.Done():
	}
}
