package device

import (
	"errors"
	"fmt"

	"latchkey/sync/wire"
)

func strikeGoesOn(e *edge) (met bool, err error) {
	input, _ := e.event.(Input)
	p, b := e.policy(), &e.before.r
	exit := input.Name == InputExit && input.Active && b.door.exit == exitUp && (b.policy.policy == nil ||
		(!b.tamper || !p.TamperStopsExit) && (b.journal.unstored() == "" || p.ExitUnstored))
	mode, _ := e.modeAfter()
	may := e.pinOpens() || e.cardOpens() || e.unlocks() || exit || mode.Holds()
	for _, s := range e.strikes() {
		if s.For > 0 {
			met = true
			if !may {
				err = errors.New("it went on")
			}
		}
	}
	if e.pinOpens() || e.cardOpens() || e.unlocks() || exit {
		if !met {
			err = errors.New("it stayed off")
		}
	}
	return met, err
}

func strikeGoesOff(e *edge) (met bool, err error) {
	input, _ := e.event.(Input)
	b := &e.before.r
	mode, _ := e.modeAfter()
	may := b.strike.hold != 0 && !mode.Holds() || mode == wire.ModeLocked || mode == wire.ModeLockdown ||
		b.strike.hold != 0 && mode == wire.ModeUnlocked && e.after.r.tamper ||
		input.Name == InputDoor && input.Active && e.policy().ReleaseOnOpen && b.strike.hold == 0
	for _, s := range e.strikes() {
		if s.For == 0 {
			met = true
			if !may {
				err = errors.New("it went off")
			}
		}
	}
	return met, err
}

func presentedOnce(e *edge) (met bool, err error) {
	event, ok := e.event.(Presented)
	n := 0
	for _, action := range e.actions {
		switch a := action.(type) {
		case Identify:
			if a.Kind == event.Kind {
				n++
			}
			if !ok && !(a.Kind == wire.PIN && e.before.r.attempt.waits) {
				return true, errors.New("looked up unasked")
			}
			if a.Kind == wire.Card && !e.cardsWork() {
				return true, errors.New("a card was looked up")
			}
		case Forget:
			if a.Kind == event.Kind {
				n++
			}
		}
	}
	if ok && e.after.r.attempt.waits && !e.before.r.attempt.waits {
		n++ // when its charge is stored
	}
	if ok && n != 1 {
		return true, fmt.Errorf("%d times", n)
	}
	return ok, nil
}

func repeatsChangeNothing(e *edge) (met bool, err error) {
	switch event := e.event.(type) {
	case Identified:
		b := &e.before.r
		late := event.Kind == wire.PIN && (event.Seq != b.durable.Pending || b.attempt.waits || b.attempt.state == attemptAnswered || b.attempt.state == attemptCounting) ||
			event.Kind == wire.Card && (event.Seq != b.card.seq || b.card.deadline == 0)
		if late && (*b != e.after.r || len(e.actions) > 0) {
			return true, errors.New("a late answer did")
		}
	case Stored:
		b := &e.before.r
		unasked := event.Batch <= b.journal.answered || event.Batch > b.journal.appended
		if unasked && (*b != e.after.r || len(e.actions) > 0) {
			return true, errors.New("an unasked Stored did")
		}
	case Command:
	default:
		return false, nil
	}
	e.again = e.after.r
	if actions := e.again.Step(e.now, e.event); e.again != e.after.r || len(actions) > 0 {
		return true, fmt.Errorf("the second time %v", actions)
	}
	return true, nil
}

func tickIsIdle(e *edge) (met bool, err error) {
	e.again = e.after.r
	if actions := e.again.Step(e.now, Tick{}); e.again != e.after.r || len(actions) > 0 {
		return true, fmt.Errorf("%v", actions)
	}
	if at, ok := e.again.Deadline(); ok && at <= e.now.Monotonic {
		return true, errors.New("its deadline is past")
	}
	return true, nil
}

func actionsInOrder(e *edge) (met bool, err error) {
	rank := -1
	for _, action := range e.actions {
		next, once := 0, false
		switch a := action.(type) {
		case Append:
			next, once = 0, true
		case Identify:
			next = 1
		case Forget:
			next = 2
		case Strike:
			next = 3
		case Show:
			next, once = 4, true
			if a.View == e.before.r.view && !e.crashed() {
				return true, errors.New("shown without news")
			}
		case Report:
			next, once = 5, true
			if a.State == e.before.r.state && !e.crashed() {
				return true, errors.New("reported without news")
			}
		}
		if next < rank || next == rank && once {
			return true, fmt.Errorf("%v", e.actions)
		}
		rank = next
	}
	r := &e.after.r
	if r.view != r.makeView() || r.state != r.makeState() {
		return true, errors.New("the reader is not what was shown or reported")
	}
	return true, nil
}

func denialsAreAlike(e *edge) (met bool, err error) {
	outcome, _, ok := e.decided()
	event, identified := e.event.(Identified)
	if !ok || !identified || outcome != Unknown {
		return false, nil
	}
	other := &e.again
	*other = e.before.r
	event.Outcome, event.Credential = Known, evePIN
	other.Step(e.now, event)
	a, b := e.after.r.view, other.view
	if a.Screen != ScreenDenied && a.Screen != ScreenEvacuation || a.Screen != b.Screen || a.Reason != "" || b.Reason != "" || a.Name != b.Name || a.Start != b.Start || a.End != b.End {
		return true, fmt.Errorf("%+v and %+v", a, b)
	}
	return true, nil
}
