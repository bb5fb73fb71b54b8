package sync

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/sync/wire"
)

// keysWithin is how long the controller may take to answer the card of a personalise.
const keysWithin = 10 * time.Second

// mostAsking is how many of the newest commands that ask for a card a client keeps. The
// reader carries out one at a time and may refuse a newer one.
const mostAsking = 8

// ErrDeclined says that the controller gives a card no keys.
var ErrDeclined = errors.New("the controller declines this card")

// waitingCard is the card of a personalise that waits for its keys.
type waitingCard struct {
	command wire.CommandID // zero: there is none
	until   time.Duration
}

// sendCard publishes a card with the next state.
func (l *Link) sendCard(e Card) {
	l.card = &e.CardRead
	l.states.dirty = true
	l.waiting = waitingCard{}
	if e.Keys {
		l.waiting = waitingCard{e.Command, l.now + keysWithin}
	}
}

// takeCardKeys accepts the answer to the card that waits for its keys, once.
func (l *Link) takeCardKeys(signed []byte) error {
	k, err := wire.OpenCardKeys(l.o.Site, signed, l.o.Controller)
	switch {
	case err != nil:
		return err
	case k.Reader != l.o.Reader:
		return errOtherReader
	case l.waiting.command == wire.CommandID{} && k.Command == l.keyed:
		return nil // again: the card was in several states
	case k.Command != l.waiting.command:
		return errors.New("no card waits for it")
	case l.now > l.waiting.until:
		return errors.New("too late")
	}
	answer := CardAnswered{Command: k.Command}
	if len(k.Sealed) != 0 {
		if answer.Sets, err = k.Unseal(l.o.Sealing); err != nil {
			return err
		}
	}
	l.waiting, l.keyed = waitingCard{}, k.Command
	l.do(answer)
	return nil
}

// asking returns a command that asked for a card.
func (c *Client) asking(id wire.CommandID) (*wire.Command, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.asked, func(command *wire.Command) bool { return command.ID == id })
	if i < 0 {
		return nil, errors.New("no such command")
	}
	return c.asked[i], nil
}

// SealCard seals the identifier of a card that an enrol command asked for, and sends it
// to the controller. The caller wipes uid.
func (c *Client) SealCard(id wire.CommandID, uid []byte) error {
	command, err := c.asking(id)
	if err != nil {
		return err
	}
	card, err := wire.SealCard(command, uid)
	if err != nil {
		return err
	}
	c.mail.put(Card{CardRead: *card})
	return nil
}

// CardKeys seals a card that a personalise asked for, sends it to the controller, and
// waits for the card's keys, which the caller wipes. It returns ErrDeclined if the card
// gets none. One goroutine at a time calls it.
func (c *Client) CardKeys(ctx context.Context, id wire.CommandID, card *wire.CardToKey) (*wire.CardKeySets, error) {
	command, err := c.asking(id)
	if err != nil {
		return nil, err
	}
	sealed, err := wire.SealCardToKey(command, card)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, keysWithin, errors.New("the controller sends no keys for the card"))
	defer cancel()
	answers := make(chan CardAnswered, 1)
	c.await(id, answers)
	defer func() {
		c.await(wire.CommandID{}, nil)
		select {
		case late := <-answers:
			late.wipe()
		default:
		}
	}()
	c.mail.put(Card{CardRead: *sealed, Keys: true})
	select {
	case answer := <-answers:
		if answer.Sets == nil {
			return nil, ErrDeclined
		}
		return answer.Sets, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// await sets who waits for the keys of a command's card; nil: nobody.
func (c *Client) await(id wire.CommandID, answers chan CardAnswered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awaited, c.answers = id, answers
}

// answered hands a card's keys to who waits for them. The link answers each card once.
func (c *Client) answered(a CardAnswered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.Command == c.awaited {
		select {
		case c.answers <- a:
			return
		default:
		}
	}
	a.wipe() // nobody waits any more
}

func (a *CardAnswered) wipe() {
	if a.Sets != nil {
		a.Sets.Wipe()
	}
}
