package site

import (
	"errors"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// copyAlarmEvery is how often the copies of one user's cards raise an alarm at one reader,
// in milliseconds. The records tell of each time.
const copyAlarmEvery = 10 * 60 * 1000

// alarmCopy raises an alarm if a record says that a card has the UID of a user's card, and
// did not prove that it is that card. The card itself cannot do so either while its keys
// are unfinished, or where the reader does not know the newest ones. It returns whether it
// raised one.
func (s *Site) alarmCopy(tx *store.Tx, in *store.Intake, now int64, reader string, r *wire.Record) (raised bool, err error) {
	if r.Kind != wire.AccessDenied || r.Reason != wire.ReasonNotGenuine {
		return false, nil
	}
	credentials, err := tx.CredentialsOf(r.User)
	if err != nil {
		return false, err
	}
	says, user := language.Say("A copy of a card that is nobody's any more, or the card itself, was shown"), uint64(0)
	if i := slices.IndexFunc(credentials, func(c *store.Credential) bool { return c.ID == r.Credential && c.Chip != 0 }); i >= 0 {
		user = r.User
		if says, err = s.copyText(tx, r, credentials[i]); err != nil {
			return false, err
		}
	}
	last, err := tx.LastAlarm(reader, store.CardCopied, user)
	if err != nil || last <= now && now-last < copyAlarmEvery {
		return false, err
	}
	alarm := store.NewAlarm(reader, store.CardCopied, now, says)
	alarm.User = user
	return true, in.AddAlarm(alarm)
}

// copyText says what was shown instead of a user's card.
func (s *Site) copyText(tx *store.Tx, r *wire.Record, c *store.Credential) (*language.Sentence, error) {
	name, err := tx.UserName(r.User)
	if err != nil {
		return nil, err
	}
	card, err := s.cardOf(tx, c)
	if err != nil {
		return nil, err
	}
	switch at := (wire.Position{Epoch: r.Epoch, Revision: r.Revision}); {
	case card == nil:
	case card.Pending != 0 || card.OnCard != c.Generation:
		return language.Say("A copy of %s's card, or the card itself, whose new keys are unfinished, was shown", name), nil
	case (wire.Position{Epoch: card.Epoch, Revision: card.Revision}).Above(at):
		return language.Say("A copy of %s's card, or the card itself, whose new key the reader did not know yet, was shown", name), nil
	}
	return language.Say("A copy of %s's card was shown", name), nil
}

// cardOf returns what is known about the keys of a card; nil: nothing. Secrets that cannot
// be decrypted say nothing: the storage key may have just changed.
func (s *Site) cardOf(tx *store.Tx, c *store.Credential) (*store.Card, error) {
	row, err := tx.Site()
	if err != nil {
		return nil, err
	}
	uid, err := s.vault.Unseal(wire.Card.String(), c.ID, c.Material)
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
