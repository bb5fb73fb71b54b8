package site

import (
	"math"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device"
	"latchkey/sync/wire"
)

// countAttempts updates Attempts of the budget in use with a new record of the journal j. A
// TPM that has counted more raises an alarm and gets no grant (budgetStepFor). So each
// attempt that the TPM may have counted must be in Attempts; any other would hide a guess.
//
// Records come late, also those of before the TPM had its budget, and their clock may be
// wrong. So Attempts follows what the journal itself tells of the count, as the reader does
// (device.Durable), but never takes its word for a higher one:
//
//	attempt.started     one more, if the journal has told of a budget, or a trusted clock
//	                    says that the budget had been made
//	attempt.taken-back  one less, if the TPM was certainly not asked
//	budget.counted      at most its Count: what the TPM has counted, and a pending attempt
//	budget.granted      none, if it is the first word on a budget
//	checkpoint,         tell that there is a budget, if the records that did are lost
//	journal.resumed
func countAttempts(in *store.Intake, j *store.Journal, r *wire.Record) error {
	switch at := countsAt(j, r); r.Kind {
	case wire.AttemptStarted:
		return in.CountAttempts(j.Reader, 1, at)
	case wire.AttemptTakenBack:
		if notAsked(r) {
			return in.CountAttempts(j.Reader, -1, at)
		}
	case wire.BudgetCounted, wire.BudgetGranted:
		return tellsCount(in, j, r)
	case wire.Checkpoint, wire.JournalResumed:
		if state, err := device.Restore(r.State); err == nil && state.Budget.Limit != 0 {
			j.Counts = true
		}
	}
	return nil
}

// countsAt returns the time, in Unix milliseconds, at which a budget must have been there for
// an attempt to count for it.
func countsAt(j *store.Journal, r *wire.Record) int64 {
	switch {
	case j.Counts:
		return math.MaxInt64
	case r.Trusted:
		return r.Time
	}
	return math.MinInt64
}

// notAsked says whether an attempt that counts was certainly taken back before the TPM was
// asked, by the reasons of the reader (device, attempt.go). A credential is the TPM's answer.
// With "not stored", attempt.started may never come. "key", "damaged" and "epoch" are also
// said after the TPM has counted.
func notAsked(r *wire.Record) bool {
	if r.Credential != 0 {
		return false
	}
	switch r.Reason {
	case wire.ReasonNotSetUp, wire.ReasonNone, wire.ReasonOff, wire.ReasonLockout, wire.ReasonTamper, wire.ReasonBehind, wire.ReasonPanel, wire.ReasonWithheld, wire.ReasonSpent:
		return true
	}
	return false
}

// tellsCount handles a journal's word on a budget: it lowers Attempts to the count that it
// tells of, unless it comes late and later attempts are counted.
func tellsCount(in *store.Intake, j *store.Journal, r *wire.Record) error {
	first := !j.Counts
	j.Counts = true
	if r.Kind == wire.BudgetGranted && !first {
		return nil
	}
	late, err := in.HasRecordsAbove(j, r.Number)
	if err != nil || late {
		return err
	}
	if r.Kind == wire.BudgetGranted { // the TPM's count is the journal's, which is 0
		return in.LimitAttempts(j.Reader, 0)
	}
	if first { // a pending attempt is in r.Count, and was not counted here
		if err := in.CountAttempts(j.Reader, 1, math.MaxInt64); err != nil {
			return err
		}
	}
	return in.LimitAttempts(j.Reader, uint32(min(r.Count, math.MaxUint32)))
}
