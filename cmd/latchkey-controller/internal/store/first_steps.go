package store

// FirstSteps says how far a new site is from the first person who opens a door.
type FirstSteps struct {
	User       uint64 // the first who is no visitor; 0: there is none
	Credential bool   // somebody has one
	Over       bool   // a reader has let somebody in, ever, or EndFirstSteps was called
}

// FirstSteps returns them at a cost that does not grow with the site.
func (t *Tx) FirstSteps() (s FirstSteps, err error) {
	err = t.row(`SELECT coalesce((SELECT id FROM users WHERE invited = 0 ORDER BY id LIMIT 1), 0), EXISTS (SELECT 1 FROM credentials), first_steps_over <> 0 FROM site`, nil,
		&s.User, &s.Credential, &s.Over)
	return s, err
}

// EndFirstSteps ends them for good.
func (t *Tx) EndFirstSteps() error {
	return t.exec(`UPDATE site SET first_steps_over = 1 WHERE first_steps_over = 0`)
}
