package device

import (
	"errors"
	"fmt"
	"slices"

	"latchkey/sync/wire"
)

func lockoutEnds(e *edge) (met bool, err error) {
	if e.durable().Lockout == "" {
		return false, nil
	}
	may := e.cardEnds() || e.unlocks()
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
	counting := e.before.r.attempt.state == attemptCounting // whose PIN is known
	counts := e.misses() || e.timedOut() && !counting || e.crashed() && before.Pending != 0
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
		both := e.cardOpens() && specTwo(e.policy(), e.now)
		if after.Wrong != 0 || !e.pinOpens() && !both && !e.unlocked() {
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
	p, d := policyOf(&e.after.r), &e.after.r.durable
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
	if idle := e.after.r.attempt.state == attemptIdle; idle != (after.Pending == 0) {
		return true, fmt.Errorf("attempt %+v, pending %d", e.after.r.attempt, after.Pending)
	}
	if before.Pending == 0 || after.Pending == before.Pending {
		return false, nil
	}
	_, _, decided := e.decided()
	stored, _ := e.event.(Stored)
	_, use := e.answers()
	refused := stored.Batch == e.before.r.attempt.batch && (stored.Fault != "" || e.before.r.attempt.waits)
	switch {
	case !decided && !use && !refused && !e.timedOut() && !e.crashed():
		return true, errors.New("it ended")
	case refused && (after.Wrong != before.Wrong || after.Guesses != before.Guesses):
		return true, errors.New("a charge that was not stored, or not looked up, was counted")
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
		looked := (r.Kind == wire.AccessGranted || r.Kind == wire.ProofGiven) && r.Seq != 0 ||
			r.Kind == wire.AttemptUnknown && r.Reason == "" ||
			r.Kind == wire.AttemptTakenBack && r.Reason != wire.ReasonUnstored && !e.before.r.attempt.waits
		if !looked {
			continue
		}
		met = true
		_, _, decided := e.decided()
		_, use := e.answers()
		if !decided && !use && e.before.r.attempt.state != attemptCounting || e.after.disk.Pending != r.Seq {
			return true, fmt.Errorf("%s, while the disk has attempt %d pending", r.Kind, e.after.disk.Pending)
		}
	}
	return met, nil
}

func identifyCharges(e *edge) (met bool, err error) {
	for _, action := range e.actions {
		identify, ok := action.(Identify)
		before := &e.before.r
		if !ok || identify.Kind != wire.PIN || before.counted {
			continue
		}
		met = true
		charged := slices.ContainsFunc(e.records(), func(r wire.Record) bool {
			return r.Kind == wire.AttemptStarted && r.Seq == identify.Seq
		})
		if !charged || before.durable.Pending != 0 || before.durable.Lockout != "" || before.journal.unstored() != "" || e.modeBefore() == wire.ModeLockdown && e.waits(wire.PIN) != guardCard ||
			!e.policy().PIN || before.tamper && e.policy().TamperPauses ||
			before.durable.Held().Above(before.held) || before.parts.Is(wire.SubjectTouch) == Failed ||
			e.after.r.durable.Pending != identify.Seq {
			return true, errors.New("it was looked up")
		}
	}
	return met, nil
}

func identifyCounts(e *edge) (met bool, err error) {
	for _, action := range e.actions {
		identify, ok := action.(Identify)
		before, after := &e.before.r, &e.after.r
		if !ok || identify.Kind != wire.PIN || !before.counted {
			continue
		}
		met = true
		stored, _ := e.event.(Stored)
		if stored.Batch != before.attempt.batch || stored.Fault != "" || e.after.disk.Pending != identify.Seq ||
			!before.attempt.waits || after.attempt.waits || after.durable.Pending != identify.Seq ||
			before.durable.Lockout != "" || before.journal.fault != "" && after.journal.fault != "" ||
			!e.policy().PIN || before.tamper && e.policy().TamperPauses ||
			before.durable.Held().Above(before.held) || before.parts.Is(wire.SubjectTouch) == Failed {
			return true, errors.New("it was looked up")
		}
	}
	return met, nil
}

func neverOverspent(e *edge) (met bool, err error) {
	if !e.after.r.counted || e.after.r.tpm.Budget.Limit == 0 {
		return false, nil
	}
	if slices.ContainsFunc(e.records(), func(r wire.Record) bool { return r.Kind == wire.BudgetOverspent }) {
		return true, errors.New("an alarm")
	}
	if after := e.after.r.durable.Budget; e.after.spent > after.Spent {
		return true, fmt.Errorf("%d of %d", e.after.spent, after.Spent)
	}
	return true, nil
}

func foldIsState(e *edge) (met bool, err error) {
	whole := e.after.r.journal.fault == ""
	for _, batch := range e.after.queue {
		whole = whole || len(batch) > 0 && batch[0].Kind == wire.JournalResumed
	}
	if !whole {
		if records := e.records(); len(records) > 0 && e.before.r.journal.fault != "" {
			return true, errors.New("an append after a fault does not begin with the state")
		}
		return false, nil
	}
	disk := e.world.capped(e.fold)
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
