package site

import (
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// What one reader may make the controller keep in a day, in bytes, and
// what things cost, about, on the disk or in somebody's patience. A stolen
// reader fills nobody's disk at once, and is seen on its first day. An honest
// one stays far below: a record every half second, and after years without a
// link its 1,000,000 records are here within four days. What is refused waits
// at the reader, which sends it again.
const (
	dailyAllowance = 128 << 20
	recordCost     = 256       // besides its bytes: rows and indexes
	breakCost      = 256 << 10 // a new journal; a fork or a gap, which is an alarm
)

// daySeconds is a day of the site, which begins at midnight UTC while the clock is right.
const daySeconds = 24 * 60 * 60

// refuseRecords says once a day that a reader's records are not taken.
func refuseRecords(tx *store.Tx, now int64, a *store.Allowance) error {
	if a.AlarmRaised {
		return nil
	}
	a.AlarmRaised = true
	if err := tx.SetAllowance(a); err != nil {
		return err
	}
	return tx.AddAlarm(&store.Alarm{Reader: a.Reader, Kind: store.RecordsRefused, At: now, Text: fmt.Sprintf(
		"this reader has reported more today than is kept of one (%d MiB); until tomorrow nothing more is taken from it, and it keeps what it has. Somebody may have taken it over: if so, remove it", dailyAllowance>>20)})
}
