package desk

import (
	"sync"
	"time"
)

// enrolEnds is how long a card that was read waits for its confirmation.
const enrolEnds = 3 * time.Minute

// An Enrolment is a card that a reader has read for a user and that waits for
// its confirmation.
type Enrolment struct {
	ID       string
	User     uint64
	Name     string // the user's
	Reader   string
	UID      string // its end only: "… E5 80"
	LastFour string // the last four hexadecimal digits: E580
	Ends     time.Time
}

// enrolments are those that wait, in memory only.
type enrolments struct {
	mu      sync.Mutex
	waiting map[string]*waiting
}

type waiting struct {
	Enrolment
	actor Actor
	uid   []byte
}
