package device

import (
	"errors"
	"fmt"
	"slices"

	"latchkey/sync/wire"
)

// A rule holds on every edge of a walk. check says whether the edge has to do
// with the rule at all, and what is wrong.
type rule struct {
	name  string
	check func(e *edge) (met bool, err error)
}

var rules = [...]rule{
	{"the strike goes on only for a grant, the exit button, a remote unlock or a hold", strikeGoesOn},
	{"the strike goes off before its time only by a release, tamper in a hold, or the door's opening", strikeGoesOff},
	{"only a card that may open now or a remote unlock ends a lockout", lockoutEnds},
	{"wrong PINs and guesses rise with an unknown PIN and with nothing else, by one", attemptsRise},
	{"wrong PINs fall only to none, by a PIN that opens or the end of a lockout; guesses only by the latter", attemptsFall},
	{"whoever has seen as many PINs refused as the limit allows finds PIN locked out, crash or not", limitsHold},
	{"a charge ends only with its outcome, its time, a fault of the disk or a crash", chargeEnds},
	{"no outcome is looked at before its charge is on the disk", outcomeWaits},
	{"a PIN is looked up only with its charge in the same turn, none pending, and all in order", identifyCharges},
	{"each PIN or card that is presented is looked up or forgotten, once", presentedOnce},
	{"a late, repeated or unasked answer, and a repeated command, change nothing", repeatsChangeNothing},
	{"while time stands still a tick changes nothing, and the next deadline is to come", tickIsIdle},
	{"what is stored and what is on its way fold to the durable state", foldIsState},
	{"a start counts a charge that it finds", startCounts},
	{"an unknown PIN and one that may not open now look the same", denialsAreAlike},
	{"actions come in order, and what is shown and reported is news and true", actionsInOrder},
}

// decided returns the outcome that an edge looks at by the rules: the answer
// to a charge that is stored.
func (e *edge) decided() (outcome Outcome, c *wire.Credential, ok bool) {
	a := e.before.r.attempt
	switch event := e.event.(type) {
	case Identified:
		if event.Kind == wire.PIN && event.Seq == e.before.r.durable.Pending && a.state == attemptCharged {
			return event.Outcome, event.Credential, true
		}
	case Stored:
		if event.Batch == a.batch && event.Fault == "" && a.state == attemptAnswered {
			return a.outcome, a.credential, true
		}
	}
	return 0, nil, false
}

// opens says whether a credential of the walk's worlds may open now.
func opens(kind wire.CredentialKind, c *wire.Credential) bool {
	return c != nil && c.Kind == kind && slices.Contains(c.Groups, "staff")
}

// pinOpens says whether a right PIN opens at this moment: its charge may have
// been taken while PIN was in service, and PIN no longer be.
func (e *edge) pinOpens() bool {
	outcome, c, ok := e.decided()
	return ok && outcome == Known && opens(wire.PIN, c) && e.before.r.pinReason() == ""
}

func (e *edge) cardOpens() bool {
	event, ok := e.event.(Identified)
	return ok && event.Kind == wire.Card && event.Outcome == Known && opens(wire.Card, event.Credential) &&
		e.before.r.card.deadline != 0 && e.before.r.enrol.state != enrolReading &&
		event.Seq == e.before.r.card.seq && e.cardsWork()
}

func (e *edge) ordered(orders ...wire.Order) bool {
	event, ok := e.event.(Command)
	return ok && slices.Contains(orders, event.Order) && e.before.r.policy.policy != nil
}

// policy returns the policy before the edge; one that allows nothing if there
// is none.
func (e *edge) policy() wire.Policy { return policyOf(e.before.r) }

func policyOf(r Reader) wire.Policy {
	if p := r.policy.policy; p != nil {
		return *p
	}
	return wire.Policy{Limit: 10, GuessLimit: 60}
}

func (e *edge) crashed() bool { return e.event == nil }

// durable returns the durable state before the edge: after a crash what is on
// the disk counts.
func (e *edge) durable() Durable {
	if e.crashed() {
		return e.before.disk
	}
	return e.before.r.durable
}

// unlocked says that the edge ended a lockout.
func (e *edge) unlocked() bool {
	return e.durable().Lockout != "" && e.after.r.durable.Lockout == ""
}

// timedOut says that the attempt's ten seconds are over.
func (e *edge) timedOut() bool {
	end := e.before.r.attempt.deadline
	return !e.crashed() && end != 0 && end <= e.now.Monotonic
}

// learn counts what an onlooker learns on this edge.
func (e *edge) learn() {
	outcome, _, ok := e.decided()
	if ok && outcome == Unknown {
		e.after.row++
		e.after.guesses++
	}
	if e.pinOpens() || e.unlocked() {
		e.after.row = 0
	}
	if e.unlocked() {
		e.after.guesses = min(e.after.guesses, e.after.r.durable.Guesses)
	}
}

func (e *edge) strikes() (strikes []Strike) {
	for _, action := range e.actions {
		if s, ok := action.(Strike); ok {
			strikes = append(strikes, s)
		}
	}
	return strikes
}

func (e *edge) records() []wire.Record {
	for _, action := range e.actions {
		if appended, ok := action.(Append); ok {
			return appended.Records
		}
	}
	return nil
}

func strikeGoesOn(e *edge) (met bool, err error) {
	input, _ := e.event.(Input)
	resumes := e.durable().HoldRunning != 0 && e.now.Trusted && (e.crashed() || e.before.r.holdWaits())
	p, b := e.policy(), e.before.r
	exit := input.Name == InputExit && input.Active && !b.door.exit && (b.policy.policy == nil ||
		(!b.tamper || !p.TamperStopsExit) && (b.journal.fault == "" || p.ExitUnstored))
	may := e.pinOpens() || e.cardOpens() || e.ordered(wire.Unlock, wire.Hold) || resumes || exit
	for _, s := range e.strikes() {
		if s.For > 0 {
			met = true
			if !may {
				err = errors.New("it went on")
			}
		}
	}
	if e.pinOpens() || e.cardOpens() || e.ordered(wire.Unlock) || exit {
		if !met {
			err = errors.New("it stayed off")
		}
	}
	return met, err
}

func strikeGoesOff(e *edge) (met bool, err error) {
	input, _ := e.event.(Input)
	b := e.before.r
	may := e.ordered(wire.Release) && b.durable.HoldRunning != 0 ||
		input.Name == InputTamper && input.Active && b.durable.HoldRunning != 0 ||
		input.Name == InputDoor && input.Active && e.policy().ReleaseOnOpen && b.strike.hold == 0
	for _, s := range e.strikes() {
		if s.For == 0 {
			met = true
			if !may {
				err = errors.New("it went off")
			}
		}
	}
	if met != may && e.ordered(wire.Release) && b.strike.hold != 0 {
		err = errors.New("it stayed on")
	}
	return met, err
}

func lockoutEnds(e *edge) (met bool, err error) {
	if e.durable().Lockout == "" {
		return false, nil
	}
	may := e.cardOpens() || e.ordered(wire.Unlock)
	switch after := e.after.r.durable; {
	case after.Lockout == "" && !may:
		return true, errors.New("it ended")
	case after.Lockout != "" && may:
		return true, errors.New("it did not end")
	case after.Lockout == "" && after.Wrong != 0:
		return true, fmt.Errorf("%d wrong PINs are left", after.Wrong)
	case after.Lockout != "" && after.Lockout != e.durable().Lockout:
		return true, fmt.Errorf("its cause became %s", after.Lockout)
	}
	return true, nil
}

func attemptsRise(e *edge) (met bool, err error) {
	before, after := e.durable(), e.after.r.durable
	outcome, _, decided := e.decided()
	counts := decided && outcome == Unknown || e.timedOut() || e.crashed() && before.Pending != 0
	rise := uint16(0)
	if counts {
		rise = 1
	}
	if after.Guesses > before.Guesses+rise || after.Wrong > before.Wrong+rise {
		return counts, fmt.Errorf("from %d, %d to %d, %d", before.Wrong, before.Guesses, after.Wrong, after.Guesses)
	}
	if counts && (after.Guesses != before.Guesses+1 || after.Wrong != before.Wrong+1 || after.Pending != 0) {
		return true, fmt.Errorf("from %d, %d to %d, %d", before.Wrong, before.Guesses, after.Wrong, after.Guesses)
	}
	return counts, nil
}

func attemptsFall(e *edge) (met bool, err error) {
	before, after := e.durable(), e.after.r.durable
	if after.Wrong < before.Wrong {
		met = true
		if after.Wrong != 0 || !e.pinOpens() && !e.unlocked() {
			return true, fmt.Errorf("wrong PINs from %d to %d", before.Wrong, after.Wrong)
		}
	}
	if after.Guesses < before.Guesses {
		met = true
		limit := e.policy().GuessLimit
		if !e.unlocked() || after.Guesses != limit*3/4 {
			return true, fmt.Errorf("guesses from %d to %d", before.Guesses, after.Guesses)
		}
	}
	if e.pinOpens() && after.Wrong != 0 {
		return true, fmt.Errorf("%d wrong PINs after one that opened", after.Wrong)
	}
	return met, nil
}

func limitsHold(e *edge) (met bool, err error) {
	p, d := policyOf(e.after.r), e.after.r.durable
	if d.Guesses < e.after.guesses {
		return true, fmt.Errorf("%d guesses were seen, %d are counted", e.after.guesses, d.Guesses)
	}
	if e.after.row < uint16(p.Limit) && (p.GuessLimit == 0 || e.after.guesses < p.GuessLimit) {
		return false, nil
	}
	if d.Lockout == "" {
		return true, fmt.Errorf("%d in a row and %d in all were seen", e.after.row, e.after.guesses)
	}
	return true, nil
}

func chargeEnds(e *edge) (met bool, err error) {
	before, after := e.durable(), e.after.r.durable
	if before.Pending == 0 || after.Pending == before.Pending {
		return false, nil
	}
	_, _, decided := e.decided()
	stored, _ := e.event.(Stored)
	refused := stored.Fault != "" && stored.Batch == e.before.r.attempt.batch
	switch {
	case !decided && !refused && !e.timedOut() && !e.crashed():
		return true, errors.New("it ended")
	case refused && (after.Wrong != before.Wrong || after.Guesses != before.Guesses):
		return true, errors.New("a charge that was not stored was counted")
	case e.after.r.attempt != attempt{}:
		return true, errors.New("the attempt goes on without it")
	}
	return true, nil
}

func outcomeWaits(e *edge) (met bool, err error) {
	event, ok := e.event.(Identified)
	if ok && event.Kind == wire.PIN && e.before.r.attempt.state == attemptStoring {
		before, after := e.before.r, e.after.r
		before.attempt, after.attempt = attempt{}, attempt{}
		if before != after || len(e.actions) > 0 {
			return true, errors.New("the reader did something")
		}
		return true, nil
	}
	for _, r := range e.records() {
		looked := r.Kind == wire.AccessGranted && r.By == "pin" ||
			r.Kind == wire.AttemptUnknown && r.Reason == "" ||
			r.Kind == wire.AttemptTakenBack && r.Reason != string(ReasonUnstored)
		if !looked {
			continue
		}
		met = true
		if _, _, decided := e.decided(); !decided || e.after.disk.Pending != r.Seq {
			return true, fmt.Errorf("%s, while the disk has attempt %d pending", r.Kind, e.after.disk.Pending)
		}
	}
	return met, nil
}

func identifyCharges(e *edge) (met bool, err error) {
	for _, action := range e.actions {
		identify, ok := action.(Identify)
		if !ok || identify.Kind != wire.PIN {
			continue
		}
		met = true
		before := e.before.r
		charged := slices.ContainsFunc(e.records(), func(r wire.Record) bool {
			return r.Kind == wire.AttemptStarted && r.Seq == identify.Seq
		})
		if !charged || before.durable.Pending != 0 || before.durable.Lockout != "" || before.journal.fault != "" ||
			!e.policy().PIN || before.tamper && e.policy().TamperPauses ||
			before.durable.Held().above(before.held) || before.health[SubjectTouch] == Failed ||
			e.after.r.durable.Pending != identify.Seq {
			return true, errors.New("it was looked up")
		}
	}
	return met, nil
}

// cardsWork says whether the policy lets cards open as things are.
func (e *edge) cardsWork() bool {
	p, r := e.policy(), e.before.r
	return r.policy.policy != nil && r.health[SubjectKey] != Failed &&
		(!r.tamper || !p.TamperStopsCard) && (r.journal.fault == "" || p.CardsUnstored) &&
		(p.CardsBehind || !r.durable.Held().above(r.held))
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
			if !ok {
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
	if ok && n != 1 {
		return true, fmt.Errorf("%d times", n)
	}
	return ok, nil
}

func repeatsChangeNothing(e *edge) (met bool, err error) {
	switch event := e.event.(type) {
	case Identified:
		b := e.before.r
		late := event.Kind == wire.PIN && (event.Seq != b.durable.Pending || b.attempt.state == attemptAnswered) ||
			event.Kind == wire.Card && (event.Seq != b.card.seq || b.card.deadline == 0)
		if late && (b != e.after.r || len(e.actions) > 0) {
			return true, errors.New("a late answer did")
		}
	case Stored:
		b := e.before.r
		unasked := event.Batch <= b.journal.answered || event.Batch > b.journal.appended
		if unasked && (b != e.after.r || len(e.actions) > 0) {
			return true, errors.New("an unasked Stored did")
		}
	case Command:
	default:
		return false, nil
	}
	again := e.after.r
	if actions := again.Step(e.now, e.event); again != e.after.r || len(actions) > 0 {
		return true, fmt.Errorf("the second time %v", actions)
	}
	return true, nil
}

func tickIsIdle(e *edge) (met bool, err error) {
	again := e.after.r
	if actions := again.Step(e.now, Tick{}); again != e.after.r || len(actions) > 0 {
		return true, fmt.Errorf("%v", actions)
	}
	if at, ok := again.Deadline(); ok && at <= e.now.Monotonic {
		return true, errors.New("its deadline is past")
	}
	return true, nil
}

func foldIsState(e *edge) (met bool, err error) {
	disk, whole := e.after.disk, e.after.r.journal.fault == ""
	for _, batch := range e.after.queue {
		disk.fold(batch)
		whole = whole || len(batch) > 0 && batch[0].Kind == wire.JournalResumed
	}
	if !whole {
		if records := e.records(); len(records) > 0 && e.before.r.journal.fault != "" {
			return true, errors.New("an append after a fault does not begin with the state")
		}
		return false, nil
	}
	disk = e.world.capped(disk)
	if state := e.world.capped(e.after.r.durable); disk != state {
		return true, fmt.Errorf("\nfold  %+v\nstate %+v", disk, state)
	}
	return true, nil
}

func startCounts(e *edge) (met bool, err error) {
	if !e.crashed() || e.before.disk.Pending == 0 {
		return false, nil
	}
	disk, after := e.before.disk, e.after.r.durable
	if after.Pending != 0 || after.Wrong != disk.Wrong+1 || after.Guesses != disk.Guesses+1 {
		return true, fmt.Errorf("wrong %d, guesses %d became %d, %d", disk.Wrong, disk.Guesses, after.Wrong, after.Guesses)
	}
	return true, nil
}

func denialsAreAlike(e *edge) (met bool, err error) {
	outcome, _, ok := e.decided()
	event, identified := e.event.(Identified)
	if !ok || !identified || outcome != Unknown {
		return false, nil
	}
	other := e.before.r
	event.Outcome, event.Credential = Known, evePIN
	other.Step(e.now, event)
	a, b := e.after.r.view, other.view
	if a.Screen != ScreenDenied || a.Screen != b.Screen || a.Reason != "" || b.Reason != "" || a.Name != b.Name || a.Start != b.Start || a.End != b.End {
		return true, fmt.Errorf("%+v and %+v", a, b)
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
			if a.View == e.before.r.view && !e.crashed() && e.label != "start" {
				return true, errors.New("shown without news")
			}
		case Report:
			next, once = 5, true
			if a.State == e.before.r.state && !e.crashed() && e.label != "start" {
				return true, errors.New("reported without news")
			}
		}
		if next < rank || next == rank && once {
			return true, fmt.Errorf("%v", e.actions)
		}
		rank = next
	}
	r := e.after.r
	if r.view != r.makeView() || r.state != r.makeState() {
		return true, errors.New("the reader is not what was shown or reported")
	}
	return true, nil
}
