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
// did not prove that it is that card.
func (s *Site) alarmCopy(tx *store.Tx, now int64, reader string, r *wire.Record) error {
	if r.Kind != wire.AccessDenied || r.Reason != wire.ReasonNotGenuine {
		return nil
	}
	if unfinished, err := s.unfinished(tx, r); err != nil || unfinished {
		return err
	}
	name, err := tx.UserName(r.User)
	if err != nil {
		return err
	}
	text := "A copy of a card was shown"
	if name != "" {
		text = fmt.Sprintf("A copy of %s's card was shown", name)
	}
	last, err := tx.LastAlarm(reader, store.CardCopied, text)
	if err != nil || last <= now && now-last < copyAlarmEvery {
		return err
	}
	return tx.AddAlarm(&store.Alarm{Reader: reader, Kind: store.CardCopied, At: now, Text: text})
}

// unfinished says whether the card of a record was taken away while it got new keys: then
// it cannot prove itself, and is most likely no copy. Secrets that cannot be decrypted say
// nothing: the storage key may have just changed.
func (s *Site) unfinished(tx *store.Tx, r *wire.Record) (bool, error) {
	credentials, err := tx.CredentialsOf(r.User)
	if err != nil {
		return false, err
	}
	row, err := tx.Site()
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(credentials, func(c *store.Credential) bool { return c.ID == r.Credential && c.Chip != 0 })
	if i < 0 {
		return false, nil
	}
	uid, err := s.vault.Unseal(wire.Card.String(), r.Credential, credentials[i].Material)
	if err != nil {
		return false, nil
	}
	defer clear(uid)
	master, err := s.openCardMaster(row)
	if err != nil {
		return false, nil
	}
	defer master.wipe()
	card, err := tx.Card(master.id(uid))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && card.Pending != 0, err
}
