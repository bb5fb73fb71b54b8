package store

import "errors"

// An Allowance is what one reader made the controller keep on a day.
type Allowance struct {
	Reader      string
	Day         int64 // of the site
	Used        int64 // bytes, about
	AlarmRaised bool  // that it was too much
}

// Allowance returns a reader's allowance of a day, empty if there is none.
func (t *Tx) Allowance(reader string, day int64) (*Allowance, error) {
	a := Allowance{Reader: reader, Day: day}
	err := t.row(`SELECT spent, said FROM allowances WHERE reader_id = ? AND day = ?`, []any{reader, day}, &a.Used, &a.AlarmRaised)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return &a, err
}

// SetAllowance keeps an allowance, in place of the reader's last one.
func (t *Tx) SetAllowance(a *Allowance) error {
	return t.exec(`INSERT INTO allowances (reader_id, day, spent, said) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET day = excluded.day, spent = excluded.spent, said = excluded.said`, a.Reader, a.Day, a.Used, a.AlarmRaised)
}
