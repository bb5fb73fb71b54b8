package device

import (
	"time"

	"latchkey/sync/wire"
)

const (
	enrolFor  = 30 * time.Second // the wait for a card
	noticeFor = 2 * time.Second  // Denied, Enrolled, Written

	personaliseFor   = 2 * time.Minute  // no card is taken up again later than that
	personaliseStep  = 20 * time.Second // from one step of a personalisation to the next; the first waits for the controller
	personaliseFault = 6 * time.Second  // to read why a card got no keys
)

// enrolment is a command that asks for the next card, to read it or to write keys to it.
// That card does not open the door.
type enrolment struct {
	state   enrolState
	command wire.CommandID
	order   wire.Order // wire.Enrol or wire.Personalise
	who     string
	start   time.Duration
	end     time.Duration // of enrolWaiting; 0 in other states

	// Of a personalise:
	last     time.Duration // when a card is taken up again at the latest
	torn     bool          // a card was taken away too early
	done, of uint8         // steps
}

// The states of an enrolment. A personalisation whose card was taken away too early waits
// for it again.
//
//	idle --order--> waiting --card--> reading --answer--> idle
//	                   ^                 |
//	                   +--- CardGone ----+
type enrolState uint8

const (
	enrolIdle    enrolState = iota
	enrolWaiting            // for a card, until end
	enrolReading            // the worker has a card, until card.deadline
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
	t.enrol = enrolment{
		state: enrolWaiting, command: c.ID, order: c.Order, who: c.By,
		start: t.elapsed, end: t.elapsed + enrolFor, last: t.elapsed + personaliseFor,
	}
	t.notice = notice{}
}

// readCard hands the card of an enrolment to the worker.
func (t *turn) readCard(identify *Identify) {
	t.enrol.state, t.enrol.end = enrolReading, 0
	identify.Enrol = t.enrol.command
	if t.enrol.order == wire.Personalise {
		identify.Personalise = true
		t.card.deadline = t.elapsed + personaliseStep
		t.enrol.done, t.enrol.of = 0, 0
		t.notice = notice{}
	}
}

// progress shows the next step of a personalisation, and waits for another one.
func (t *turn) progress(e Progress) {
	if t.enrol.state != enrolReading || t.enrol.order != wire.Personalise || e.Seq != t.card.seq || e.Of == 0 || e.Done <= t.enrol.done || e.Done > e.Of {
		return
	}
	t.enrol.done, t.enrol.of = e.Done, e.Of
	t.card.deadline = min(t.elapsed, t.enrol.last) + personaliseStep
}

// enrolled ends an enrolment with the worker's answer.
func (t *turn) enrolled(outcome Outcome) {
	screen := ScreenEnrolled
	switch {
	case t.enrol.order == wire.Enrol && outcome == Enrolled:
	case t.enrol.order == wire.Personalise && outcome == Personalised:
		screen = ScreenWritten
	case t.enrol.order == wire.Personalise && outcome == CardGone && t.elapsed < t.enrol.last:
		t.enrol.state, t.enrol.torn = enrolWaiting, true
		t.enrol.start, t.enrol.end = t.elapsed, min(t.elapsed+enrolFor, t.enrol.last)
		return
	default:
		t.refuseEnrolment(failure(outcome))
		return
	}
	t.commandDone(t.enrol.asked())
	t.enrol = enrolment{}
	t.notice = notice{screen: screen, start: t.elapsed, end: t.elapsed + noticeFor}
}

func (t *turn) refuseEnrolment(reason wire.Reason) {
	t.refuseCommand(t.enrol.asked(), reason)
	if t.enrol.state == enrolReading {
		t.deny(reason)
		if t.enrol.order == wire.Personalise && t.notice.end != 0 {
			t.notice.end = t.elapsed + personaliseFault
		}
	}
	t.enrol = enrolment{}
}

func (t *turn) expireEnrolment() {
	if t.over(t.enrol.end) {
		t.refuseEnrolment(wire.ReasonNoCard)
	}
}

// asked returns the command that asks for the card.
func (e enrolment) asked() wire.Command {
	return wire.Command{ID: e.command, Order: e.order, By: e.who}
}
