package device

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// A walk visits every state that a reader can get into in a small world, with
// every happening of that world in every state, and checks each edge against
// the rules of rules_test.go. States that differ only in when they are, or in
// how many records, attempts and cards came before, are one.
type walk struct {
	t     *testing.T
	world world
	seed  maphash.Seed
	seen  map[walkKey]origin
	todo  []*node
	at    *node     // the state that is left
	folds []Durable // of it: its disk with none, one, ... of what is on the way
	edge  edge      // the one that is taken: as many are taken as there are, and none is kept
	edges int
	fired [len(rules)]int // how often the condition of each rule was met
	moved map[movedState][]byte
}

// walkKey tells states apart: a random hash, under which two of a million
// states are taken for one in one of 10^7 runs.
type walkKey uint64

// origin is how a state was first reached.
type origin struct {
	from walkKey
	by   string
}

// world is what can happen.
type world struct {
	name   string
	start  Start
	queue  int  // appends that may be on their way; 0: each is stored at once
	faults bool // appends may fail, with their records lost or not
	events func(n *node) []Event
	forget func(n *node) // what this world does not look at; nil: nothing

	// The most wrong PINs and guesses that are told apart; more are as many.
	wrong, guesses uint16

	// moments are the times of the wall clock that are told apart; time stands still there
	// until a moment happens. None: the wall clock goes on.
	moments []Now
	// policies replace each other, whatever their revision; renewed are the same with the next
	// revision. None: the policy stays.
	policies, renewed []Policy
}

// moment is a happening of a world with moments: it is another one.
type moment int

func (moment) event() {}

// capped returns a durable state as this world tells it apart from others.
func (w *world) capped(d Durable) Durable {
	d.Wrong, d.Guesses = min(d.Wrong, w.wrong), min(d.Guesses, w.guesses)
	return d
}

// node is a state: the reader, what is on its disk, and what is on the way
// there. Beside them it counts what an onlooker has learnt.
type node struct {
	key   walkKey // of a state that is to be left
	r     Reader
	disk  Durable // the fold of what is stored
	queue [][]wire.Record

	moment int // of the world's

	spent   uint32 // PINs that the TPM was asked for: it counts each before it answers
	row     uint16 // PINs shown to be unknown since the last that opened, or the last lockout
	known   first  // the first of two proofs, if it waits
	uses    uint8  // how often twicePIN was let in
	guesses uint16 // PINs shown to be unknown, less those that the end of a lockout took off
}

// edge is one happening: from one state to the next.
type edge struct {
	event   Event // nil: the reader crashed and started again
	now     Now
	world   *world
	before  node
	after   node
	fold    Durable // of what is stored and what is on its way, after it
	again   Reader  // for rules that try something
	actions []Action
}

// What a state is counted from.
const (
	walkClock   = 1000 * time.Hour
	walkRunning = 1_000_000_000_000
	walkSeq     = 1_000_000
	walkLimit   = 2_000_000 // of the TPM, never reached
)

var walkWall = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func walkNow(clock time.Duration) Now {
	return Now{Monotonic: clock, Wall: walkWall.Add(clock - walkClock), Trusted: true}
}

// now is the time of a state.
func (w *world) now(n *node, clock time.Duration) Now {
	if w.moments == nil {
		return walkNow(clock)
	}
	now := w.moments[n.moment]
	now.Monotonic = clock
	return now
}

// run walks to the fixpoint.
func (w *walk) run() {
	w.seed = maphash.MakeSeed()
	w.seen, w.moved = map[walkKey]origin{}, map[movedState][]byte{}
	now := w.world.now(&node{}, walkClock)
	r, actions := New(Durable{}, w.world.start, now)
	w.edge = edge{now: now, after: node{r: r}, actions: actions}
	w.at = &node{}
	w.reach(&w.edge)
	for len(w.todo) > 0 {
		n := w.todo[0]
		w.todo[0] = nil
		w.todo = w.todo[1:]
		w.leave(n)
	}
}

// leave takes every edge out of a state.
func (w *walk) leave(n *node) {
	w.at, w.folds = n, append(w.folds[:0], n.disk)
	for _, batch := range n.queue {
		fold := w.folds[len(w.folds)-1]
		fold.fold(batch)
		w.folds = append(w.folds, fold)
	}
	now := w.world.now(n, n.r.elapsed)
	for _, event := range w.world.events(n) {
		w.step(event, now)
	}
	for _, at := range n.ends() {
		w.step(Tick{}, w.world.now(n, at))
	}
	if len(n.queue) > 0 {
		batch := n.r.journal.answered + 1
		w.step(Stored{Batch: batch}, now)
		if w.world.faults {
			w.step(Stored{Batch: batch, Fault: "disk full"}, now)
			if len(n.queue[0]) > 0 {
				w.storedFault(batch, now)
			}
		}
	}
	for _, disk := range n.crashes() {
		w.crash(disk)
	}
}

// ends returns when time alone changes something next.
func (n *node) ends() []time.Duration {
	var ends []time.Duration
	if at, ok := n.r.Deadline(); ok {
		ends = append(ends, at)
	}
	for _, at := range []time.Duration{n.r.strike.grace, n.r.card.wait} {
		if at != 0 && (len(ends) == 0 || at < ends[0]) {
			ends = append(ends, at)
		}
	}
	return ends
}

// step hands one event to the reader, and what it appends to the disk.
func (w *walk) step(event Event, now Now) {
	e, n := &w.edge, w.at
	e.before = *n
	if m, ok := event.(moment); ok {
		e.before.moment = int(m)
		event, now = Tick{}, w.world.now(&e.before, n.r.elapsed)
	}
	e.event, e.now, e.after = event, now, e.before
	e.after.queue, e.fold = slices.Clone(n.queue), w.folds[len(n.queue)]
	e.actions = e.after.r.Step(now, event)
	if stored, ok := event.(Stored); ok && stored.Batch == n.r.journal.answered+1 && len(n.queue) > 0 {
		e.after.queue = e.after.queue[1:]
		if stored.Fault == "" {
			e.after.disk = w.folds[1]
		} else {
			e.fold = n.disk
			for _, batch := range e.after.queue {
				e.fold.fold(batch)
			}
		}
	}
	w.reach(e)
}

// storedFault is a fault after which the records are on the disk for all that:
// they were written, and only the flush failed.
func (w *walk) storedFault(batch uint64, now Now) {
	e, n := &w.edge, w.at
	e.event, e.now, e.before, e.after = Stored{Batch: batch, Fault: "disk full"}, now, *n, *n
	e.after.queue, e.fold = slices.Clone(n.queue[1:]), w.folds[len(n.queue)]
	e.after.disk = w.folds[1]
	e.actions = e.after.r.Step(now, e.event)
	w.reach(e)
}

// crash starts the reader again from what is on the disk.
func (w *walk) crash(disk Durable) {
	e, n := &w.edge, w.at
	start := w.world.start
	start.NewJournal = !disk.Began
	start.Policy = n.r.policy
	start.Held = n.r.held
	e.event, e.now, e.before, e.after = nil, w.world.now(n, n.r.elapsed), *n, *n
	e.before.disk, e.after.disk, e.after.queue, e.fold = disk, disk, nil, disk
	e.after.r, e.actions = New(disk, start, e.now)
	w.reach(e)
}

// crashes returns what may be on the disk after a power cut: any number of the
// records that are on their way.
func (n *node) crashes() []Durable {
	disks := []Durable{n.disk}
	disk := n.disk
	for _, batch := range n.queue {
		for _, record := range batch {
			disk.Apply(record)
			if disk != disks[len(disks)-1] {
				disks = append(disks, disk)
			}
		}
	}
	return disks
}

func (d *Durable) fold(records []wire.Record) {
	for _, record := range records {
		d.Apply(record)
	}
}

// reach checks an edge and remembers where it leads to.
func (w *walk) reach(e *edge) {
	w.edges++
	for _, action := range e.actions {
		if appended, ok := action.(Append); ok {
			e.after.queue = append(e.after.queue, appended.Records)
			e.fold.fold(appended.Records)
		}
		if identify, ok := action.(Identify); ok && identify.Kind == wire.PIN && e.after.r.counted {
			e.after.spent++
		}
	}
	e.world = &w.world
	e.learn()
	for i := range rules {
		rule := &rules[i]
		met, err := rule.check(e)
		if met {
			w.fired[i]++
		}
		if err != nil {
			w.t.Fatalf("Not so: %s\nbroken by %q after %s: %v\nbefore %s\nafter  %s\nactions %v", rule.name, e.label(), w.path(w.at.key), err, e.before, e.after, e.actions)
		}
	}
	if w.world.queue == 0 {
		for len(e.after.queue) > 0 {
			e.after.disk.fold(e.after.queue[0])
			e.after.queue = e.after.queue[1:]
			if more := e.after.r.Step(e.now, Stored{Batch: e.after.r.journal.answered + 1}); len(more) > 0 {
				if appended, ok := more[0].(Append); ok {
					e.after.queue = append(e.after.queue, appended.Records)
				}
			}
		}
	}
	if len(e.after.queue) > max(1, w.world.queue) {
		return // the disk answers first
	}
	n := &e.after
	if e.event != nil && n.is(w.at) {
		return
	}
	w.normal(n)
	n.key = w.key(n)
	if _, seen := w.seen[n.key]; seen {
		return
	}
	w.seen[n.key] = origin{w.at.key, e.label()}
	n.r.view, n.r.state = n.r.makeView(), n.r.makeState()
	kept := *n
	w.todo = append(w.todo, &kept)
}

// is says whether nothing has changed since a state. The journal counts what is on its way.
func (n *node) is(before *node) bool {
	return n.r == before.r && n.disk == before.disk && n.moment == before.moment && n.known == before.known &&
		n.spent == before.spent && n.row == before.row && n.uses == before.uses && n.guesses == before.guesses
}

// key tells normal states apart.
func (w *walk) key(n *node) walkKey {
	var h maphash.Hash
	h.SetSeed(w.seed)
	maphash.WriteComparable(&h, n.r)
	maphash.WriteComparable(&h, n.disk)
	maphash.WriteComparable(&h, [2]uint16{n.row, n.guesses})
	maphash.WriteComparable(&h, n.known)
	h.WriteByte(n.uses)
	maphash.WriteComparable(&h, [2]uint32{n.spent, uint32(n.moment)})
	for _, batch := range n.queue {
		h.WriteByte('|')
		for _, r := range batch {
			h.WriteString(string(r.Kind) + string(r.By) + string(r.Cause))
			maphash.WriteComparable(&h, [2]uint64{r.Seq, r.Count})
			h.Write(r.State)
		}
	}
	return walkKey(h.Sum64())
}

// path says how a state was first reached.
func (w *walk) path(key walkKey) string {
	var steps []string
	for key != (walkKey(0)) {
		at := w.seen[key]
		steps = append(steps, at.by)
		key = at.from
	}
	slices.Reverse(steps)
	return strings.Join(steps, " > ")
}

func (n node) String() string {
	r := n.r
	return fmt.Sprintf("{wrong %d guesses %d pending %d lockout %q attempt %v card %v proof %v strike %v door %v tamper %v journal %+v view %v disk %+v queue %d}",
		r.durable.Wrong, r.durable.Guesses, r.durable.Pending, r.durable.Lockout, r.attempt, r.card, r.proof, r.strike, r.door, r.tamper, r.journal, r.view.Screen, n.disk, len(n.queue))
}

// label says in a few words what happened.
func (e *edge) label() string {
	b := e.before.r
	switch event := e.event.(type) {
	case nil:
		return "start"
	case Tick:
		return "after " + (e.now.Monotonic - b.elapsed).String()
	case Identified:
		return fmt.Sprintf("identified %v %d as %d", event.Kind, int64(event.Seq-b.durable.Seq), event.Outcome)
	case Stored:
		return fmt.Sprintf("stored %d %s", int64(event.Batch-b.journal.answered), event.Fault)
	case Command:
		return string(event.Order)
	case Policy:
		return "policy"
	}
	return fmt.Sprintf("%T%v", e.event, e.event)
}
