package site

import (
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// copyAlarmEvery is how often the copies of one user's cards raise an alarm at one reader,
// in milliseconds. The records tell of each time.
const copyAlarmEvery = 10 * 60 * 1000

// alarmCopy raises an alarm: a card was shown at a reader that has the UID of a user's
// card, and did not prove that it is that card.
func alarmCopy(tx *store.Tx, now int64, reader string, user uint64) error {
	name, err := tx.UserName(user)
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
