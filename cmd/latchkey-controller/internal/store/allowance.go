package store

import "errors"

// An Allowance is how much storage a reader has used on a day.
type Allowance struct {
	Reader      string
	Day         int64 // number of the day, by the site's steady time
	Used        int64 // bytes, approximate
	AlarmRaised bool  // for exceeding the limit, once a day
}

// Allowance returns a reader's allowance for a day, empty if there is none.
func (t *Tx) Allowance(reader string, day int64) (*Allowance, error) {
	a := Allowance{Reader: reader, Day: day}
	err := t.row(`SELECT spent, said FROM allowances WHERE reader_id = ? AND day = ?`, []any{reader, day}, &a.Used, &a.AlarmRaised)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return &a, err
}

// SetAllowance replaces a reader's allowance.
func (t *Tx) SetAllowance(a *Allowance) error {
	return t.exec(`INSERT INTO allowances (reader_id, day, spent, said) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET day = excluded.day, spent = excluded.spent, said = excluded.said`, a.Reader, a.Day, a.Used, a.AlarmRaised)
}
