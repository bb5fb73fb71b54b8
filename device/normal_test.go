package device

import (
	"slices"
	"time"

	"latchkey/sync/wire"
)

// normal moves a state to where all states are counted from, so that
// time goes on and the walk ends nevertheless. What was shown and reported follows
// from the rest. What it forgets is the running
// time that guesses have to their credit, the users that a lockout would name,
// the ids of commands, the counts of refusals and of lost appends, the screen that passes, and what waits to be
// stored but is not folded: they decide nothing, or have tests of their own.
func (w *walk) normal(n *node) {
	world := &w.world
	m := moved{
		clock:   walkClock - n.r.elapsed,
		running: walkRunning - n.r.running(),
		seq:     walkSeq - n.r.durable.Seq,
		batch:   walkSeq - n.r.journal.appended,
		spent:   walkSeq - n.r.durable.Budget.Spent,
		world:   world,
	}
	if world.moments != nil && n.r.clock.known {
		n.r.clock.offset = world.moments[n.moment].Wall.UnixMilli() - walkClock.Milliseconds()
	}
	for i, renewed := range world.renewed {
		if n.r.policy == renewed {
			n.r.policy = world.policies[i]
		}
	}
	queue := make([][]wire.Record, len(n.queue))
	for i, batch := range n.queue {
		for _, record := range batch {
			if slices.Contains(folded, record.Kind) && (record.Kind != wire.AccessGranted && record.Kind != wire.ProofGiven || record.By == wire.ByPIN || record.By == wire.ByBoth) {
				queue[i] = append(queue[i], w.record(m, record))
			}
		}
	}
	if world.forget != nil {
		world.forget(n)
	}
	n.row, n.guesses, n.queue = min(n.row, world.wrong), min(n.guesses, world.guesses), queue
	m.times(&n.known.at)
	m.reader(&n.r)
	n.disk = m.durable(n.disk)
	// Charges that the TPM was never asked for: more than two are as many.
	n.spent = max(n.spent+m.spent, walkSeq-2)
}

// folded are the kinds of records that change the durable state.
var folded = []wire.RecordKind{
	wire.JournalBegan, wire.JournalResumed, wire.PolicyApplied, wire.CredentialsApplied,
	wire.AttemptStarted, wire.AttemptUnknown, wire.AttemptTakenBack, wire.AttemptInterrupted,
	wire.AccessGranted, wire.ProofGiven, wire.UseCounted, wire.LockoutStarted, wire.LockoutCleared,
	wire.FirstPerson, wire.BudgetGranted, wire.BudgetCounted, wire.BudgetSpent, wire.BudgetOverspent,
}

// moved is how far a state is moved.
type moved struct {
	clock               time.Duration
	running, seq, batch uint64
	spent               uint32
	world               *world
}

func (m *moved) times(times ...*time.Duration) {
	for _, at := range times {
		if *at != 0 {
			*at += m.clock
		}
	}
}

func (m *moved) reader(r *Reader) {
	m.times(&r.attempt.deadline, &r.card.deadline, &r.card.wait, &r.proof.start, &r.proof.end, &r.enrol.start, &r.enrol.end, &r.enrol.last,
		&r.strike.pulse, &r.strike.hold, &r.strike.renew, &r.strike.grace, &r.door.since,
		&r.blink, &r.journal.probe, &r.journal.due)
	if !m.world.faults { // its disk answers
		r.journal.due, r.journal.late = 0, false
	}
	r.durable = m.durable(r.durable)
	r.elapsed, r.began, r.before = walkClock, walkClock, walkRunning

	r.journal.appended += m.batch
	r.journal.answered += m.batch
	r.attempt.batch += m.batch
	if r.proof.batch != 0 {
		r.proof.batch += m.batch
	}
	if r.attempt.state == attemptIdle || r.attempt.state == attemptCharged {
		r.attempt.batch = 0
	}
	r.journal.resumed = max(r.journal.resumed+m.batch, r.journal.answered)
	r.journal.probing = max(r.journal.probing+m.batch, r.journal.answered)
	if r.journal.fault == "" {
		r.journal.resumed = 0
	}
	r.journal.lost = 0
	if r.journal.fault != "" {
		r.journal.fault, r.journal.probe = "disk full", max(r.journal.probe, r.elapsed)
	}
	r.card.seq = walkSeq
	r.tpm.Budget.Spent = 0 // far from its limit
	r.commands, r.collapsed, r.notice = commands{}, collapsed{}, notice{}
	r.view, r.state = View{}, State{}
}

func (m *moved) durable(d Durable) Durable {
	d.Running, d.Leaked, d.Time = walkRunning, walkRunning, 0
	d.Resets = [maxResets]uint64{}
	if m.world.policies != nil {
		d.PolicyRevision = min(d.PolicyRevision, 1)
	}
	if uses, _ := d.uses(); uses != nil {
		for i := range uses {
			uses[i].First = 0
		}
		d.Used = wire.Bytes(wire.Marshal(uses))
	}
	d.Seq += m.seq
	d.Budget.Spent += m.spent
	if d.Pending != 0 {
		d.Pending += m.seq
	}
	return m.world.capped(d)
}

// movedState is a durable state, encoded, and how far it is moved.
type movedState struct {
	state      string
	seq, spent uint64
}

// record moves a record that waits to be stored.
func (w *walk) record(m moved, r wire.Record) wire.Record {
	r.Running, r.Time, r.User = walkRunning, 0, 0
	if r.Seq != 0 {
		r.Seq += m.seq
	}
	if r.Kind == wire.BudgetCounted {
		r.Count = uint64(uint32(r.Count) + m.spent)
	}
	if r.State != nil {
		key := movedState{string(r.State), m.seq, uint64(m.spent)}
		if w.moved[key] == nil {
			state, err := Restore(r.State)
			if err != nil {
				panic(err)
			}
			w.moved[key] = m.durable(state).Encode()
		}
		r.State, r.Count = w.moved[key], 0
	}
	return r
}
