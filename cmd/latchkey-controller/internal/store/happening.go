package store

import (
	"slices"
	"strings"

	"latchkey/sync/wire"
)

// One happening is often told by several events: an act, and what readers say that came of it; an entry, and the door that
// was opened for it. Its first event stands for it, and the others are parts of that one, or of one of these: see
// Event.PartOf. What is a part is certain by the id of an order, the revision of a policy, or the place in a journal;
// nothing is one because it came soon after. What a door does late, or a reader says again of an order, is none.

// A deed is what an act does in a transaction.
type deed struct{ event int64 } // id of the act's event; 0: none was needed yet

// Deed runs what an act does, and returns the id that its event is to have, Audit.Event, so that what readers report of the
// policies that it set is part of it; 0: it set none.
func (t *Tx) Deed(run func() error) (event int64, err error) {
	d := new(deed)
	t.deed = d
	defer func() { t.deed = nil }()
	err = run()
	return d.event, err
}

// actEvent returns the id of the event of the act that is under way; 0: none is.
func (t *Tx) actEvent() (id int64, err error) {
	if t.deed == nil {
		return 0, nil
	}
	if t.deed.event == 0 {
		t.deed.event, err = t.engine.skipIDs(t, "activity", 1)
	}
	return t.deed.event, err
}

// AddActOrders notes which orders, by their readers, the act with an event gives to them.
func (t *Tx) AddActOrders(event int64, orders map[string]wire.CommandID) error {
	var rows [][]any
	for reader, id := range orders {
		rows = append(rows, []any{id[:], reader, event})
	}
	return t.insert(`INSERT INTO act_orders (order_id, reader_id, act) VALUES (?, ?, ?)`, rows)
}

// numberParts fills in PartOf of events that are to be added. If one is a part of another, all get their ids.
func (t *Tx) numberParts(events []*Event) error {
	if slices.ContainsFunc(events, func(e *Event) bool { return e.partOf != nil && e.partOf.ID == 0 }) {
		first, err := t.engine.skipIDs(t, "activity", int64(len(events)))
		if err != nil {
			return err
		}
		for i, e := range events {
			e.ID = first + int64(i)
		}
	}
	for _, e := range events {
		if e.partOf != nil {
			e.PartOf = e.partOf.ID
		}
	}
	return nil
}

// acts are the events of acts of which records may be part.
type acts struct {
	orders   map[readerOrder]int64
	told     map[ofOrder]bool // what is part of them already
	policies map[readerRevision]policyAct
}

type readerOrder struct {
	reader string
	id     wire.CommandID
}

// An ofOrder is a record of what a reader made of an order: an act gives it one.
type ofOrder struct {
	act    int64
	reader string
	kind   wire.RecordKind
}

type readerRevision struct {
	reader   string
	revision uint64
}

// A policyAct is the act that set a policy.
type policyAct struct {
	event int64
	until int64 // Unix milliseconds up to which changes of modes that arrive come of it; 0: it is not one of ModeActs
}

// modesWithin is how long after an act, in milliseconds, a change of mode arrives that is part of it. A door that changes
// later is news by itself: nobody would look for it in the old line.
const modesWithin = 5 * 60_000

// ModeActs is how the names of the acts begin that set modes, or end them. Only of these is it a part that a door's mode
// changed when its reader applied their policy: that of another act may be the first to say what an earlier one wanted.
const ModeActs = "mode."

// orderKinds are the records that are part of the act that gave their order. A reader writes each once for an order, so what
// it says again is no part: it could hide in the line of an old order what happens now.
var orderKinds = []wire.RecordKind{wire.AccessGranted, wire.LockoutCleared, wire.CommandDone, wire.CommandRefused}

// readActs reads the acts that the records of messages name.
func (in *Intake) readActs(messages []*Message) error {
	in.acts = acts{map[readerOrder]int64{}, map[ofOrder]bool{}, map[readerRevision]policyAct{}}
	var orders [][]any
	var applied []string
	for _, m := range messages {
		for _, r := range m.Records {
			if r.Decoded.Command != (wire.CommandID{}) && slices.Contains(orderKinds, r.Kind) {
				orders = append(orders, []any{r.Decoded.Command[:]})
			}
			if r.Kind == wire.PolicyApplied || r.Kind == wire.Adopted {
				applied = append(applied, m.Reader)
			}
		}
	}
	var given []int64
	err := anyOf(`order_id = ?`, orders, func(where string, args []any) error {
		return in.t.rows(`SELECT reader_id, order_id, act FROM act_orders WHERE `+where, args, func(r scanner) error {
			var key readerOrder
			var act int64
			err := r.Scan(&key.reader, fixed(key.id[:]), &act)
			in.acts.orders[key], given = act, append(given, act)
			return err
		})
	})
	if err == nil && len(given) > 0 {
		err = in.readTold(given)
	}
	if err != nil || len(applied) == 0 {
		return err
	}
	return in.t.rows(`SELECT policies.reader_id, revision, act, kind, received FROM policies JOIN activity ON activity.id = act
		WHERE act_revision = revision AND policies.reader_id IN `+listed, []any{list(applied)}, func(r scanner) error {
		var key readerRevision
		var act policyAct
		var kind string
		var received int64
		err := r.Scan(&key.reader, &key.revision, &act.event, &kind, &received)
		if strings.HasPrefix(kind, actKind+ModeActs) {
			act.until = received + modesWithin
		}
		in.acts.policies[key] = act
		return err
	})
}

// readTold reads what is part already of acts that gave orders.
func (in *Intake) readTold(acts []int64) error {
	return in.t.rows(`SELECT part_of, reader_id, kind FROM activity WHERE part_of <> 0 AND part_of IN `+listedIDs+` AND +kind IN `+listed, []any{list(acts), list(orderKinds)}, func(r scanner) error {
		var part ofOrder
		err := r.Scan(&part.act, &part.reader, &part.kind)
		in.acts.told[part] = true
		return err
	})
}

// A passage is what a Journal keeps of a chain: ids of events; 0: none.
type passage struct {
	opener, opening int64
	until, told     uint64
}

// A chain is what the next records of a journal may be part of.
type chain struct {
	told    uint64 // the last record; what does not follow it is part of nothing: others lie between, which are missing, or an older program stored
	opener  *Event // of a record that let somebody open the door; nil: none
	until   uint64 // Record.Running up to which an opening is for the opener
	opening *Event // of the door, which is open; nil: it is closed, or nobody knows of what its opening was part

	turn  *Event // of the record that began the reader's last turn; nil: nothing is part of it
	first wire.RecordKind
	seq   uint64 // of its attempt; 0: it is of none
	at    uint64 // Record.Running, the same of all records of a turn
}

// openedWithin is how long after the strike's end, in milliseconds, an opening is still for whom it was released: the reader
// does not take it as forced either.
const openedWithin = 3000

// ofTurn are the records that tell, in the same turn of the reader, what its first one brought about.
var ofTurn = map[wire.RecordKind][]wire.RecordKind{
	wire.AccessGranted:  {wire.FirstPerson, wire.LockoutCleared, wire.ModeChanged},
	wire.LockoutStarted: {wire.AttemptUnknown, wire.AttemptInterrupted, wire.TamperStarted},
	wire.PolicyApplied:  {wire.ModeChanged},
	wire.DoorOpened:     {wire.DoorForced},
}

// chainOf returns the chain of a journal.
func (in *Intake) chainOf(j *Journal) *chain {
	c := in.chains[j]
	if c == nil {
		p := j.passage
		c = &chain{told: p.told, opener: eventOf(p.opener), until: p.until, opening: eventOf(p.opening)}
		in.chains[j] = c
	}
	return c
}

// eventOf returns an event that is stored; nil: there is none.
func eventOf(id int64) *Event {
	if id == 0 {
		return nil
	}
	return &Event{ID: id}
}

// link makes the event of a record part of what it tells more about.
func (in *Intake) link(j *Journal, r *wire.Record, e *Event) {
	c := in.chainOf(j)
	if r.Number != c.told+1 || j.Forked || r.Kind == wire.ReaderStarted { // Record.Running does not count how long it was off
		*c = chain{}
	}
	c.told = r.Number
	if part := (ofOrder{in.acts.orders[readerOrder{j.Reader, r.Command}], j.Reader, r.Kind}); slices.Contains(orderKinds, r.Kind) && !in.acts.told[part] {
		e.PartOf, in.acts.told[part] = part.act, part.act != 0
	}
	if r.Kind == wire.PolicyApplied || r.Kind == wire.Adopted {
		e.PartOf = in.acts.policies[readerRevision{j.Reader, r.PolicyRevision}].event
	}
	switch {
	case c.turn != nil && c.first == wire.AttemptUnknown && c.at == r.Running && wrongAfterCard(r) && r.Seq == c.seq:
		c.turn.partOf = e // who showed a card is told first, and then that the PIN was wrong
		c.turn = nil
	case c.turn == nil || c.at != r.Running || !slices.Contains(ofTurn[c.first], r.Kind):
		c.turn, c.first, c.at, c.seq = e, r.Kind, r.Running, r.Seq
	case c.first != wire.PolicyApplied: // which no list shows
		e.partOf = c.turn
	case e.Received <= in.acts.policies[readerRevision{j.Reader, r.PolicyRevision}].until: // and then the policy adds nothing
		e.PartOf, c.turn.PartOf = c.turn.PartOf, 0
	}
	in.passes(c, r, e)
}

// wrongAfterCard says whether a record tells whose card was the first of two proofs, of which the second was a wrong PIN:
// no other denial is of an attempt.
func wrongAfterCard(r *wire.Record) bool {
	return r.Kind == wire.AccessDenied && r.By == wire.ByCard && r.Reason == wire.ReasonSecond && r.User != 0 && r.Seq != 0
}

// passes follows who opens the door, and how it is closed.
func (in *Intake) passes(c *chain, r *wire.Record, e *Event) {
	switch r.Kind {
	case wire.AccessGranted, wire.ExitPressed:
		if r.Reason == "" && r.Running < 1<<62 {
			c.opener, c.until = e, r.Running+1000*uint64(r.Seconds)+openedWithin
		}
	case wire.DoorOpened:
		c.opening = e
		if c.opener != nil && r.Running <= c.until {
			e.partOf, c.opening, c.turn = c.opener, c.opener, nil
		}
		c.opener = nil
	case wire.DoorHeld: // an alarm of its own
		c.opening = e
	case wire.DoorClosed:
		e.partOf, c.opening = c.opening, nil
	}
}

// keepChains has the journals keep what their next records may be part of.
func (in *Intake) keepChains() {
	id := func(e *Event) int64 {
		if e == nil {
			return 0
		}
		return e.ID
	}
	for j, c := range in.chains {
		j.passage = passage{id(c.opener), id(c.opening), c.until, c.told}
	}
}
