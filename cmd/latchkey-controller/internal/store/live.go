package store

import (
	"errors"
	"time"

	"latchkey/sync/wire"
)

// A State is the newest state that a reader reported.
type State struct {
	Reader     string
	Bundle     uint64 // in force when it arrived
	Connection uint64 // the highest
	Counter    uint64 // the highest of that connection
	Offline    bool   // that connection has ended
	Payload    []byte // empty: none was received
	Received   int64  // Unix milliseconds
}

// SetStates replaces the states of some readers, each once, unless one is newer: two cells hear of a reader that is being
// moved.
func (t *Tx) SetStates(states ...*State) error {
	rows := make([][]any, len(states))
	for i, s := range states {
		rows[i] = []any{s.Reader, s.Bundle, s.Connection, s.Counter, s.Offline, append([]byte{}, s.Payload...), s.Received}
	}
	return t.insert(`INSERT INTO states (reader_id, bundle, connection, counter, offline, state, received) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (reader_id) DO UPDATE SET bundle = excluded.bundle, connection = excluded.connection, counter = excluded.counter,
			offline = excluded.offline, state = excluded.state, received = excluded.received
		WHERE (excluded.bundle, excluded.connection, excluded.counter, excluded.offline) >= (states.bundle, states.connection, states.counter, states.offline)`, rows)
}

// States returns the newest state of each reader.
func (t *Tx) States() ([]*State, error) { return t.states(`ORDER BY reader_id`) }

// StatesIn returns the newest state of each reader that a cell serves; 0: of all readers.
func (t *Tx) StatesIn(cell int64) ([]*State, error) {
	return t.states(`JOIN readers ON id = reader_id WHERE CAST(? AS BIGINT) IN (0, cell, from_cell)`, cell)
}

// MovingStates returns the newest state of each reader that is being moved into a cell, or out of it.
func (t *Tx) MovingStates(cell int64) ([]*State, error) {
	return t.states(`JOIN readers ON id = reader_id WHERE from_cell <> 0 AND CAST(? AS BIGINT) IN (cell, from_cell)`, cell)
}

// StateOf returns a reader's newest state, or ErrNotFound.
func (t *Tx) StateOf(reader string) (*State, error) {
	states, err := t.states(`WHERE reader_id = ?`, reader)
	if err == nil && len(states) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return states[0], nil
}

func (t *Tx) states(which string, args ...any) ([]*State, error) {
	var states []*State
	err := t.rows(`SELECT reader_id, bundle, connection, counter, offline, state, received FROM states `+which, args, func(r scanner) error {
		var s State
		states = append(states, &s)
		return r.Scan(&s.Reader, &s.Bundle, &s.Connection, &s.Counter, &s.Offline, &s.Payload, &s.Received)
	})
	return states, err
}

// An Order is a command that a person gave to a reader.
type Order struct {
	ID      wire.CommandID
	Reader  string
	Order   wire.Order
	Who     string
	At      int64  // Unix milliseconds
	Outcome string // for people; "": none yet

	Note UnlockNote

	// Not stored:
	InLockdown bool      // an unlock that opens in a lockdown, too
	By         time.Time // after which it must not be carried out any more; zero: within a minute or so
}

// An UnlockNote is what a program says of an unlock, to be told with what came of it. Zero:
// nothing.
type UnlockNote struct {
	ActorID, ActorName string // for whom, as the program knows them
	Extra              string // JSON of an object
}

// AddOrder adds an order.
func (t *Tx) AddOrder(o *Order) error {
	err := t.exec(`INSERT INTO orders (id, reader_id, name, seconds, who, at, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		o.ID[:], o.Reader, string(o.Order), 0, o.Who, o.At, o.Outcome)
	if err != nil || o.Note == (UnlockNote{}) {
		return err
	}
	return t.exec(`INSERT INTO unlock_notes (order_id, activity, actor_id, actor_name, extra) VALUES (?, (SELECT coalesce(max(id), 0) FROM activity), ?, ?, ?)`,
		o.ID[:], o.Note.ActorID, o.Note.ActorName, o.Note.Extra)
}

// UnlockNote returns what was said of an order for a reader; zero: nothing.
func (t *Tx) UnlockNote(reader string, id wire.CommandID) (note UnlockNote, err error) {
	err = t.row(`SELECT actor_id, actor_name, extra FROM unlock_notes JOIN orders ON id = order_id WHERE order_id = ? AND reader_id = ?`,
		[]any{id[:], reader}, &note.ActorID, &note.ActorName, &note.Extra)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return note, err
}

// SetOutcome stores the outcome of an order.
func (t *Tx) SetOutcome(id wire.CommandID, outcome string) error {
	return t.exec(`UPDATE orders SET outcome = ? WHERE id = ?`, outcome, id[:])
}
