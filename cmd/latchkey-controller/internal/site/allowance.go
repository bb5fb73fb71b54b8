package site

import (
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// How much one reader may store per day, and what each item costs, in bytes,
// approximate. The limit keeps a stolen reader from filling the disk, and raises an
// alarm on its first day. An honest reader stays far below: it may send a record
// every half second, and after years offline its 1,000,000 records arrive within four
// days. The reader keeps refused records and sends them again.
const (
	dailyAllowance = 128 << 20
	recordCost     = 256       // besides the record's bytes: rows and indexes
	breakCost      = 256 << 10 // a new journal; a fork or a gap, each with an alarm
)

// daySeconds is the length of a day of the site's steady time. It begins at midnight
// UTC while the clock is right.
const daySeconds = 24 * 60 * 60

// refuseRecords raises an alarm, once a day, that a reader's records are refused.
func refuseRecords(tx *store.Tx, now int64, a *store.Allowance) error {
	if a.AlarmRaised {
		return nil
	}
	a.AlarmRaised = true
	if err := tx.SetAllowance(a); err != nil {
		return err
	}
	return tx.AddAlarm(&store.Alarm{Reader: a.Reader, Kind: store.RecordsRefused, At: now, Text: fmt.Sprintf(
		"this reader has sent more than its daily limit (%d MiB). Its further records are refused until tomorrow; it keeps them. Somebody may have taken over the reader: if so, remove it", dailyAllowance>>20)})
}
