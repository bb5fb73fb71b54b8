package device

import (
	"errors"
	"fmt"

	"latchkey/sync/wire"
)

func copiesChangeNothing(e *edge) (met bool, err error) {
	event, ok := e.event.(Identified)
	if !ok || event.Kind != wire.Card || event.Outcome != NotGenuine && event.Outcome != CardGone ||
		e.before.r.card.deadline == 0 || event.Seq != e.before.r.card.seq || e.before.r.enrol.state == enrolReading || e.timedOut() {
		return false, nil
	}
	before, after := e.before.r.durable, e.after.r.durable
	before.Running, after.Running = 0, 0
	before.Leaked, after.Leaked = 0, 0
	before.Time, after.Time = 0, 0
	if before != after {
		return true, fmt.Errorf("from %+v to %+v", before, after)
	}
	for _, action := range e.actions {
		if _, ok := action.(Strike); ok {
			return true, errors.New("the strike moved")
		}
	}
	if event.Outcome == CardGone || event.Credential == nil {
		return true, nil
	}
	other := e.before.r
	other.Step(e.now, Identified{Kind: wire.Card, Seq: event.Seq, Outcome: Unknown})
	if other.view != e.after.r.view || other.card != e.after.r.card {
		return true, fmt.Errorf("an unknown card: %+v, %+v; a copy: %+v, %+v", other.view, other.card, e.after.r.view, e.after.r.card)
	}
	return true, nil
}

func keysOpenNothing(e *edge) (met bool, err error) {
	b := &e.before.r
	if b.enrol.state != enrolReading || b.enrol.order != wire.Personalise {
		return false, nil
	}
	if len(e.strikes()) > 0 {
		return true, errors.New("the strike moved")
	}
	ends := 0
	for _, r := range e.records() {
		if (r.Kind == wire.CommandDone || r.Kind == wire.CommandRefused) && r.Command == b.enrol.command {
			ends++
		}
	}
	after := e.after.r.enrol
	if e.crashed() || e.ordered(wire.Enrol, wire.Personalise) { // whose ids are the same in a walk
		return true, nil
	}
	if goes := after.command == b.enrol.command && after.state != enrolIdle; ends > 1 || ends == 1 && goes || ends == 0 && !goes {
		return true, fmt.Errorf("%d answers, then %+v", ends, after)
	}
	if after.state == enrolReading && e.after.r.card.deadline > after.last+personaliseStep {
		return true, errors.New("it goes on for too long")
	}
	return true, nil
}
