package device

import (
	"time"

	"latchkey/sync/wire"
)

// probeEvery is the interval between tries to store again after a fault, so that
// the reader recovers within 5 s of the fault's end.
const probeEvery = 4 * time.Second

// storedWithin is how long an append may go unanswered before it counts as not
// stored: a disk can stall without an error.
const storedWithin = 2 * time.Second

// stalled is the fault of a disk that does not answer in time.
const stalled = "the disk does not answer"

// unstored returns why records are not stored; "": they are.
func (j journal) unstored() string {
	if j.fault == "" && j.late {
		return stalled
	}
	return j.fault
}

// began returns whether the journal has answered since the start. A restart loses a lockout
// that a failing disk did not store, so no PIN is accepted until the disk stores again.
func (j journal) began() bool { return j.answered > 0 }

// lateAt returns when the disk's answer is overdue; 0: none is awaited, or it already is.
func (j journal) lateAt() time.Duration {
	if j.late {
		return 0
	}
	return j.due
}

// journal is the state of appending. After a fault, each append begins with
// journal.resumed, which carries the whole durable state: once one is stored, the
// disk has that state again, whatever was lost before.
type journal struct {
	appended uint64 // batches
	answered uint64 // the newest batch that was answered

	due  time.Duration // when the next answer is due; 0: none is awaited
	late bool          // it is overdue: records count as not stored until it comes

	fault   string        // why records are not stored; "": they are
	resumed uint64        // the first batch after the fault that begins with journal.resumed
	lost    uint64        // batches that were not stored
	probe   time.Duration // when to try again
	probing uint64        // the newest batch that is only a try
}

// stored takes the journal's answer to a batch.
func (t *turn) stored(e Stored) {
	if e.Batch <= t.journal.answered || e.Batch > t.journal.appended {
		return
	}
	t.journal.answered = e.Batch
	t.journal.late, t.journal.due = false, 0
	if e.Batch < t.journal.appended { // more answers are awaited
		t.journal.due = t.elapsed + storedWithin
	}
	if e.Fault != "" {
		if e.Batch != t.journal.probing {
			t.journal.lost++
		}
		t.unstored(clip(e.Fault))
	} else if t.journal.fault != "" && e.Batch >= t.journal.resumed {
		t.journal.fault, t.journal.lost, t.journal.probe = "", 0, 0
	}
	if t.attempt.state != attemptIdle && t.attempt.batch == e.Batch {
		if t.attempt.state == attemptCounting {
			t.useStored(e.Fault)
		} else {
			t.charged(e.Fault)
		}
	}
	if t.proof.batch != 0 && t.proof.batch == e.Batch {
		t.proofStored(e.Fault)
	}
}

// unstored enters the state in which records are not stored.
func (t *turn) unstored(fault string) {
	t.journal.fault = fault
	t.journal.resumed = t.journal.appended + 1
	if len(t.records) > 0 {
		t.journal.resumed++
	}
	t.journal.probe = t.elapsed + probeEvery
}

// resumedRecord opens an append while records are not stored.
func (t *turn) resumedRecord() wire.Record {
	return wire.Record{Kind: wire.JournalResumed, State: t.durable.Encode(), Text: t.journal.fault, Count: t.journal.lost}
}

// probeAt returns when to try again; 0: no fault, or a try is under way.
func (j journal) probeAt() time.Duration {
	if j.fault == "" || j.answered != j.appended {
		return 0
	}
	return j.probe
}

func (t *turn) probeJournal() {
	if !t.over(t.journal.probeAt()) || len(t.records) > 0 {
		return
	}
	t.add(t.resumedRecord())
	t.journal.probing = t.journal.appended + 1
}

// openJournal records how a new journal began. If the previous one is lost, PIN
// entry is locked out. The lockout comes first: if a power cut truncates the
// append, the next start finds no journal.began and locks out again.
func (t *turn) openJournal(start Start) {
	if t.durable.Began {
		return
	}
	r := wire.Record{Kind: wire.JournalBegan, Reason: wire.ReasonNew}
	if !start.NewJournal {
		t.lock(wire.CauseJournal)
		r.Reason = wire.Reason(clip(start.JournalFault))
		if r.Reason == "" {
			r.Reason = "there was none"
		}
	}
	t.record(r)
}
