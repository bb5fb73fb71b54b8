package site

import (
	"errors"
	"fmt"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// copyAlarmEvery is how often the copies of one user's cards raise an alarm at one reader,
// in milliseconds. The records tell of each time.
const copyAlarmEvery = 10 * 60 * 1000

// alarmCopy raises an alarm if a record says that a card has the UID of a user's card, and
// did not prove that it is that card. The card itself cannot do so either while its keys
// are unfinished, or where the reader does not know the newest ones.
func (s *Site) alarmCopy(tx *store.Tx, now int64, reader string, r *wire.Record) error {
	if r.Kind != wire.AccessDenied || r.Reason != wire.ReasonNotGenuine {
		return nil
	}
	last, err := tx.LastAlarm(reader, store.CardCopied, r.User)
	if err != nil || last <= now && now-last < copyAlarmEvery {
		return err
	}
	card, err := s.cardOf(tx, r)
	if err != nil {
		return err
	}
	name, err := tx.UserName(r.User)
	if err != nil {
		return err
	}
	whose := "a card"
	if name != "" {
		whose = name + "'s card"
	}
	text := fmt.Sprintf("A copy of %s was shown", whose)
	switch at := (wire.Position{Epoch: r.Epoch, Revision: r.Revision}); {
	case card == nil:
	case card.Pending != 0:
		text = fmt.Sprintf("A copy of %s, or the card itself, whose new keys are unfinished, was shown", whose)
	case (wire.Position{Epoch: card.Epoch, Revision: card.Revision}).Above(at):
		text = fmt.Sprintf("A copy of %s, or the card itself, whose new key the reader did not know yet, was shown", whose)
	}
	return tx.AddAlarm(&store.Alarm{Reader: reader, Kind: store.CardCopied, User: r.User, At: now, Text: text})
}

// cardOf returns what is known about the card of a record; nil: nothing. Secrets that
// cannot be decrypted say nothing: the storage key may have just changed.
func (s *Site) cardOf(tx *store.Tx, r *wire.Record) (*store.Card, error) {
	credentials, err := tx.CredentialsOf(r.User)
	if err != nil {
		return nil, err
	}
	row, err := tx.Site()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(credentials, func(c *store.Credential) bool { return c.ID == r.Credential && c.Chip != 0 })
	if i < 0 {
		return nil, nil
	}
	uid, err := s.vault.Unseal(wire.Card.String(), r.Credential, credentials[i].Material)
	if err != nil {
		return nil, nil
	}
	defer clear(uid)
	master, err := s.openCardMaster(row)
	if err != nil {
		return nil, nil
	}
	defer master.wipe()
	card, err := tx.Card(master.id(uid))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return card, err
}
