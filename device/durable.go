package device

import (
	"fmt"

	"latchkey/sync/wire"
)

// Durable is the state of a reader that must not be lost. Replaying its records restores it.
// The zero value is that of an empty journal.
//
// Only Apply changes it. Step applies each record that it appends, and a start applies
// each record that it reads, so a restart is a replay.
type Durable struct {
	Began bool `cbor:"1,keyasint"` // the journal has its journal.began; otherwise the previous one is lost

	Wrong   uint16     `cbor:"2,keyasint"` // wrong PINs in a row
	Pending uint64     `cbor:"3,keyasint"` // the attempt that is charged and not decided; 0: none
	Seq     uint64     `cbor:"4,keyasint"` // the newest attempt
	Lockout wire.Cause `cbor:"5,keyasint"` // why PIN entry is locked out; "": it is not

	Guesses uint16            `cbor:"6,keyasint"` // unknown PINs, less one for every five minutes of running
	Leaked  uint64            `cbor:"7,keyasint"` // running time up to which Guesses is reduced
	Resets  [maxResets]uint64 `cbor:"8,keyasint"` // users whose PINs ended a row of wrong ones while guesses stood, oldest first

	WasHeld  uint64 `cbor:"9,keyasint"`  // of a reader before modes; no longer used
	WasUntil int64  `cbor:"10,keyasint"` // of a reader before modes; no longer used

	Site           wire.SiteID `cbor:"11,keyasint"` // that has adopted the reader
	Epoch          uint64      `cbor:"12,keyasint"` // Epoch, Revision, Hash: the highest position in the
	Revision       uint64      `cbor:"13,keyasint"` // credential log that was ever applied
	Hash           wire.Hash   `cbor:"14,keyasint"` //
	PolicyRevision uint64      `cbor:"15,keyasint"` // the highest ever applied

	Running uint64 `cbor:"16,keyasint"` // milliseconds the reader has run, in all starts together, up to the newest record
	Time    int64  `cbor:"17,keyasint"` // Unix milliseconds: the trusted time in the newest record that has one

	Connection uint64 `cbor:"18,keyasint,omitempty"` // the highest number of a connection on which the controller has answered

	Budget      wire.Budget `cbor:"19,keyasint,omitzero"` // of the TPM: Spent at most, by the attempts since it was read; zero: there never was one
	BudgetSpent bool        `cbor:"20,keyasint,omitzero"` // budget.spent is recorded, and nothing since that leaves PINs

	FirstFrom  int64 `cbor:"21,keyasint,omitempty"` // Unix milliseconds: the day of the last first person of the
	FirstUntil int64 `cbor:"22,keyasint,omitempty"` // unlock schedule, which waits for nobody then

	Used   wire.Bytes `cbor:"23,keyasint,omitempty"` // at most maxUsed encoded used: the PINs with limits that were used; "": none was
	Forgot int64      `cbor:"24,keyasint,omitempty"` // Unix seconds: a PIN with limits that was made by then, and is not in Used, is refused
}

// Encode encodes d for a checkpoint, deterministically, in at most 3 KiB.
func (d Durable) Encode() []byte { return wire.Marshal(&d) }

// Restore decodes what Encode returned. Its errors wrap wire.ErrEncoding.
func Restore(state []byte) (Durable, error) {
	var d Durable
	if err := wire.Unmarshal(state, wire.MaxRecord, &d); err != nil {
		return Durable{}, fmt.Errorf("durable state: %w", err)
	}
	switch d.Lockout {
	case "", wire.CauseAttempts, wire.CauseGuessing, wire.CauseTamper, wire.CauseJournal:
	default:
		return Durable{}, fmt.Errorf("durable state: %w: unknown cause of a lockout", wire.ErrEncoding)
	}
	if _, err := d.uses(); err != nil {
		return Durable{}, fmt.Errorf("durable state: %w", err)
	}
	if d.Leaked > d.Running || d.Pending > d.Seq {
		return Durable{}, fmt.Errorf("durable state: %w: inconsistent numbers", wire.ErrEncoding)
	}
	return d, nil
}

// Held returns the highest position in the credential log that was ever applied.
func (d Durable) Held() wire.Position {
	return wire.Position{Epoch: d.Epoch, Revision: d.Revision, Hash: d.Hash}
}

// Apply applies one record to d. It depends on d and the record only. A record that does
// not fit, such as the answer to an attempt that is not pending, changes only the times.
// A charge that was never answered counts as unknown when the next one comes. A
// checkpoint that cannot be read locks PIN entry out with cause journal.
func (d *Durable) Apply(r wire.Record) {
	if r.Kind == wire.Checkpoint || r.Kind == wire.JournalResumed {
		d.restore(r.State)
	}
	d.run(r.Running)
	if r.Trusted {
		d.Time = r.Time
	}
	switch r.Kind {
	case wire.JournalBegan:
		d.Began = true
		if r.Reason != wire.ReasonNew {
			d.forgetAll()
		}
	case wire.AttemptStarted:
		d.charge(r.Seq)
		if d.Budget.Limit != 0 {
			d.Budget.Spent++
		}
	case wire.AttemptUnknown, wire.AttemptInterrupted:
		if d.answer(r.Seq) {
			d.miss()
		}
	case wire.AttemptTakenBack:
		d.answer(r.Seq)
	case wire.AccessGranted:
		switch {
		case r.By == wire.ByPIN && d.answer(r.Seq):
			d.reset(r.User)
		case r.By == wire.ByBoth: // the PIN may be the first proof, which has no row of wrong ones ended
			d.answer(r.Seq)
			d.reset(r.User)
		}
	case wire.ProofGiven:
		if r.By == wire.ByPIN {
			d.answer(r.Seq)
		}
	case wire.UseCounted:
		d.use(r)
	case wire.LockoutStarted:
		d.lock(r.Cause)
	case wire.LockoutCleared:
		d.clear(r.Count)
	case wire.FirstPerson:
		d.FirstFrom, d.FirstUntil = r.From, r.To
	case wire.CredentialsApplied:
		if !d.Held().Above(wire.Position{Epoch: r.Epoch, Revision: r.Revision, Hash: r.Hash}) {
			d.Epoch, d.Revision, d.Hash = r.Epoch, r.Revision, r.Hash
		}
	case wire.LinkUp:
		d.Connection = max(d.Connection, r.Count)
	case wire.BudgetGranted:
		d.Budget.Limit, d.BudgetSpent = uint32(r.Count), false
	case wire.BudgetCounted:
		d.Budget.Spent = uint32(r.Count)
		d.BudgetSpent = d.BudgetSpent && d.Budget.Left() == 0 // another TPM may have counted fewer
	case wire.BudgetSpent:
		d.BudgetSpent = true
	case wire.BudgetOverspent:
		d.Budget.Spent += uint32(r.Count)
	case wire.PolicyApplied:
		d.PolicyRevision = max(d.PolicyRevision, r.PolicyRevision)
	case wire.Adopted:
		if d.Site != r.Site {
			d.Leave()
			if r.Trusted {
				d.Time = r.Time
			}
			d.Site, d.PolicyRevision = r.Site, r.PolicyRevision
			d.Epoch, d.Revision, d.Hash = r.Epoch, r.Revision, r.Hash
		}
	}
	if r.Trusted && d.Forgot == wire.MaxTime {
		d.Forgot = min(max(r.Time/1000+lostMargin, 0), wire.MaxTime-1)
	}
}

func (d *Durable) restore(state []byte) {
	restored, err := Restore(state)
	if err != nil {
		d.lock(wire.CauseJournal)
		return
	}
	*d = restored
}
