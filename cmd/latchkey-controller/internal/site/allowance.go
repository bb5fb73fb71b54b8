package site

import (
	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
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

// dailyGrants, and a budget of the site's setting, is how many PINs the TPM of one reader is
// granted per day without an administrator. Records of attempts are the reader's word: whoever has taken it over
// could go on for ever with made-up ones. It is more than a busy door needs, a PIN every
// 17 seconds.
const dailyGrants = 5000

// mayGrant counts PINs that a reader's TPM is to be granted. At the limit it raises an
// alarm, once a day, and returns false.
func mayGrant(tx *store.Tx, at clock.Reading, reader string, more, setting uint32) (bool, error) {
	m, err := tx.Clock(at)
	if err != nil {
		return false, err
	}
	a, err := tx.Allowance(reader, int64(m.Time())/daySeconds)
	if err != nil {
		return false, err
	}
	if uint64(a.Granted)+uint64(more) <= dailyGrants+uint64(setting) {
		a.Granted += more
		return true, tx.SetAllowance(a)
	}
	if a.GrantAlarmRaised {
		return false, nil
	}
	a.GrantAlarmRaised = true
	if err := tx.SetAllowance(a); err != nil {
		return false, err
	}
	return false, tx.AddAlarm(store.NewAlarm(reader, store.BudgetRefused, at.Wall.UnixMilli(), language.Say(
		"by its records more than %d PINs were entered there within a day: its TPM gets no further grant until tomorrow. Somebody may have taken over the reader: if so, remove it as lost. If not, raise its limit by hand: latchkey-controller reader grant", dailyGrants)))
}

// daySeconds is the length of a day of the site's steady time. It begins at midnight
// UTC while the clock is right.
const daySeconds = 24 * 60 * 60

// refuseRecords raises an alarm, once a day, that a reader's records are refused.
func refuseRecords(in *store.Intake, now int64, a *store.Allowance) error {
	if a.AlarmRaised {
		return nil
	}
	a.AlarmRaised = true
	in.SetAllowance(a)
	return in.AddAlarm(store.NewAlarm(a.Reader, store.RecordsRefused, now, language.Say(
		"this reader has sent more than its daily limit (%d MiB). Its further records are refused until tomorrow; it keeps them. Somebody may have taken over the reader: if so, remove it", dailyAllowance>>20)))
}
