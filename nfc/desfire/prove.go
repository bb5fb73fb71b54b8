package desfire

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// provingKey is the number of the key with which a card proves itself.
const provingKey = 1

// attempts is how often Prove tries: a card that is just coming into the field is found at a
// distance at which it cannot yet compute.
const attempts = 6

// Prove returns nil if the card has this key and this UID. It takes four exchanges, and one
// 16-byte random number for each attempt.
//
// After an error of the radio it selects the card and starts again, at most five times and until
// ctx ends. If the card is there each time and still does not answer, it is not genuine; if it
// cannot be selected any more, the error is Select's. A card that delays after too many wrong keys
// is asked until ctx ends, which is ErrDelayed.
func Prove(ctx context.Context, c Card, chip Chip, key *Key, uid []byte, random io.Reader) error {
	for attempt := 1; ; attempt++ {
		err := prove(ctx, c, chip, key, uid, random)
		for errors.Is(err, ErrDelayed) && ctx.Err() == nil {
			err = prove(ctx, c, chip, key, uid, random)
		}
		if lost := (radioError{}); !errors.As(err, &lost) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		if selectErr := c.Select(ctx); selectErr != nil {
			return fmt.Errorf("select the card again: %w", selectErr)
		}
		if attempt == attempts {
			return fmt.Errorf("%w: it is there and does not answer: %w", ErrNotGenuine, err)
		}
	}
}

func prove(ctx context.Context, c Card, chip Chip, key *Key, uid []byte, random io.Reader) error {
	if err := enter(ctx, c, chip); err != nil {
		return fmt.Errorf("select application: %w", err)
	}
	s, err := authenticate(ctx, c, chip, provingKey, key, random)
	if err != nil {
		return err
	}
	return checkUID(ctx, s, uid, ErrNotGenuine)
}

// A session is what an authentication leads to. It ends with the first error, with the selection
// of an application, and when its own key changes.
type session interface {
	// command sends data that is no secret. The answer has no data and a MAC.
	command(ctx context.Context, instruction byte, data []byte) error
	// cardUID is GetCardUID: the card's own UID, even if it shows another one.
	cardUID(ctx context.Context) ([]byte, error)
	// changeKey is ChangeKey. For the session's own key, key is the new one and its version,
	// check is nil, and the answer has no MAC. For another key, key is new xor old and the
	// version, and check is the CRC of the new key.
	changeKey(ctx context.Context, number byte, key, check []byte) error
}

// authenticate starts a session with an AES key of the application that is selected.
func authenticate(ctx context.Context, c Card, chip Chip, number byte, key *Key, random io.Reader) (s session, err error) {
	switch block := aesBlock(*key); chip {
	case EV2, NTAG424:
		s, err = authenticateEV2(ctx, c, number, block, random)
	case EV1:
		s, err = authenticateEV1(ctx, c, number, block, random)
	default:
		err = fmt.Errorf("%w: unknown chip %d", ErrUnsuitable, chip)
	}
	if err != nil {
		return nil, fmt.Errorf("authenticate with key %d: %w", number, err)
	}
	return s, nil
}

// checkUID returns the error other if the card's own UID is not uid.
func checkUID(ctx context.Context, s session, uid []byte, other error) error {
	own, err := s.cardUID(ctx)
	if err != nil {
		return fmt.Errorf("get card UID: %w", err)
	}
	if !same(own, uid) {
		return fmt.Errorf("%w: its own UID is not the one that it shows", other)
	}
	return nil
}

func mustBeEmpty(data []byte, err error) error {
	if err == nil && len(data) > 0 {
		err = fmt.Errorf("%w: answer has %d bytes of data where none are due", ErrNotGenuine, len(data))
	}
	return err
}
