package desk

import (
	"context"
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
	UID      string // its middle left out
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

// Enrol lets a reader read the next card that is shown to it, for a user; that
// takes up to 45 s. The card is the user's only after ConfirmCard.
func (d *Desk) Enrol(ctx context.Context, a Actor, user uint64, reader string) (*Enrolment, error) {
	return nil, errUnwritten
}

// ConfirmCard gives the user the card of an enrolment of the same actor if its
// last four digits are these. Field: "last-four".
func (d *Desk) ConfirmCard(ctx context.Context, a Actor, id, lastFour string) error {
	return errUnwritten
}

// DropCard forgets an enrolment.
func (d *Desk) DropCard(ctx context.Context, a Actor, id string) error { return errUnwritten }
