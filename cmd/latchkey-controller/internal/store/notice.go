package store

// Notices returns the first limit events after a cursor whose kind is one of some, and how
// many there are.
func (t *Tx) Notices(after int64, kinds []string, limit int) (first []*Event, n int, err error) {
	const chosen = `id > ? AND class IN ('lockout', 'alarm', 'reader') AND kind IN ` + listed
	if err := t.row(`SELECT count(*) FROM activity WHERE `+chosen, []any{after, list(kinds)}, &n); err != nil || n == 0 {
		return nil, 0, err
	}
	first, err = t.activity(chosen+` ORDER BY id LIMIT ?`, after, list(kinds), limit)
	return first, n, err
}
