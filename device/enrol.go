package device

import (
	"time"

	"latchkey/sync/wire"
)

const (
	enrolFor  = 30 * time.Second // the wait for a card
	noticeFor = 2 * time.Second  // Denied, Enrolled
)

// enrolment is a command that asks for the next card. That card does not open the door.
type enrolment struct {
	state   enrolState
	command wire.CommandID
	who     string
	start   time.Duration
	end     time.Duration // of enrolWaiting; 0 in other states
}

type enrolState uint8

const (
	enrolIdle    enrolState = iota
	enrolWaiting            // for a card, until end
	enrolReading            // the worker seals a card, until card.deadline
)

// startEnrolment waits for a card. A newer command replaces one that still waits.
func (t *turn) startEnrolment(c wire.Command) {
	switch t.enrol.state {
	case enrolReading:
		t.refuseCommand(c, wire.ReasonPending)
		return
	case enrolWaiting:
		t.refuseEnrolment(wire.ReasonNoCard)
	}
	t.enrol = enrolment{state: enrolWaiting, command: c.ID, who: c.By, start: t.elapsed, end: t.elapsed + enrolFor}
	t.notice = notice{}
}

// enrolled ends an enrolment with the worker's answer.
func (t *turn) enrolled(outcome Outcome) {
	if outcome != Enrolled {
		t.refuseEnrolment(failure(outcome))
		return
	}
	t.commandDone(t.enrol.order())
	t.enrol = enrolment{}
	t.notice = notice{screen: ScreenEnrolled, start: t.elapsed, end: t.elapsed + noticeFor}
}

func (t *turn) refuseEnrolment(reason wire.Reason) {
	t.refuseCommand(t.enrol.order(), reason)
	if t.enrol.state == enrolReading {
		t.deny(reason)
	}
	t.enrol = enrolment{}
}

func (t *turn) expireEnrolment() {
	if t.over(t.enrol.end) {
		t.refuseEnrolment(wire.ReasonNoCard)
	}
}

// order returns the command that asks for the card.
func (e enrolment) order() wire.Command {
	return wire.Command{ID: e.command, Order: wire.Enrol, By: e.who}
}
