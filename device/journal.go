package device

import (
	"time"

	"latchkey/sync/wire"
)

// probeEvery is how often a journal that does not store is tried again: whatever
// was wrong with the disk has healed within 5 s of its end.
const probeEvery = 4 * time.Second

// storedWithin is how long an append may go unanswered before it counts as not
// stored: a disk can stall without an error.
const storedWithin = 2 * time.Second

// stalled is the fault of such a disk.
const stalled = "the disk does not answer"

// unstored says why records are not stored; "": they are.
func (j journal) unstored() string {
	if j.fault == "" && j.late {
		return stalled
	}
	return j.fault
}

// began says whether the journal has answered since the start. A lockout that a failing
// disk did not store is lost in a restart, so no PIN is taken until the disk stores.
func (j journal) began() bool { return j.answered > 0 }

// lateAt returns when the disk has not answered for too long; 0: it has.
func (j journal) lateAt() time.Duration {
	if j.late {
		return 0
	}
	return j.due
}

// journal is the state of appending. While records are not stored, each append begins
// with journal.resumed, which carries the whole durable state. Once one is stored, the
// disk has that state again, whatever was lost before.
type journal struct {
	appended uint64 // batches
	answered uint64 // the newest batch that was answered

	due  time.Duration // when an answer must have come; 0: all have
	late bool          // it has not: for now nothing counts as stored

	fault   string        // why records are not stored; "": they are
	resumed uint64        // the first batch since that begins with journal.resumed
	lost    uint64        // batches that were not stored
	probe   time.Duration // when to try again
	probing uint64        // the newest batch that only tries
}

// stored takes the journal's answer to a batch.
func (t *turn) stored(e Stored) {
	if e.Batch <= t.journal.answered || e.Batch > t.journal.appended {
		return
	}
	t.journal.answered = e.Batch
	t.journal.late, t.journal.due = false, 0
	if e.Batch < t.journal.appended { // the disk moves
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
		t.charged(e.Fault)
	}
}

// unstored takes note that records are not stored.
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

// probeAt returns when to try again; 0: not, or not before the last try is
// answered.
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

// openJournal records how a new journal began. One that follows a lost one
// brings a lockout, which comes first: an append of which a power cut leaves
// only a part is a journal that does not say how it began, again.
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
