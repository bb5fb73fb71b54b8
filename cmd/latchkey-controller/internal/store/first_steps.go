package store

// FirstSteps says how far a new site is from the first person who opens a door.
type FirstSteps struct {
	User       uint64 // the first who is no visitor; 0: there is none
	Credential bool   // somebody has one
	Opened     bool   // the activity has somebody who was let in
}

// FirstSteps returns them at a cost that does not grow with the site.
func (t *Tx) FirstSteps() (s FirstSteps, err error) {
	err = t.row(`SELECT coalesce((SELECT id FROM users WHERE invited = 0 ORDER BY id LIMIT 1), 0), EXISTS (SELECT 1 FROM credentials), EXISTS (SELECT 1 FROM activity WHERE class = 'granted')`, nil,
		&s.User, &s.Credential, &s.Opened)
	return s, err
}
