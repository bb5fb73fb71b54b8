package sync

import (
	"errors"
	"time"

	"latchkey/sync/wire"
)

// Limits of a batch, so that it fits into a message with its envelope.
const (
	batchRecords = wire.MaxRecords
	batchBytes   = 48 << 10
)

// Waits for an acknowledgement.
const (
	ackWithin = 10 * time.Second
	ackMost   = time.Minute
)

// records sends the journal to the controller, one batch at a time.
type records struct {
	backlog Backlog
	acked   uint64 // the controller has all records up to this one
	more    bool   // there may be further ones
	reading bool
	flight  flight
	tries   int
	again   time.Duration // when to read again after an error; 0: at once

	ack      *wire.Ack // to be passed on to the journal
	trimming bool
	trim     uint64 // the number passed on
}

// flight is a batch that is not acknowledged yet.
type flight struct {
	last     uint64 // number; 0: there is none
	deadline time.Duration
}

// reset drops what was sent on a link that is no longer up.
func (r *records) reset() {
	r.flight, r.tries, r.more, r.again = flight{}, 0, true, 0
}

func (l *Link) settleRecords() {
	r := &l.records
	if r.ack != nil && !r.trimming {
		r.trimming, r.trim = true, r.ack.Number
		l.do(TrimRecords{*r.ack})
		r.ack = nil
	}
	if r.flight.last != 0 && l.over(r.flight.deadline) {
		r.flight = flight{}
		r.more = true
	}
	if !l.states.up || r.reading || !r.more || r.flight.last != 0 || r.trimming || r.again != 0 && !l.over(r.again) {
		return
	}
	r.reading, r.more, r.again = true, false, 0
	l.do(ReadRecords{From: r.acked + 1, Most: batchRecords})
}

// recordsRead sends a batch.
func (l *Link) recordsRead(e RecordsRead) {
	r := &l.records
	r.reading = false
	r.backlog = e.Backlog
	r.acked = max(r.acked, max(1, e.First)-1) // older ones are no longer held
	if e.Err != nil {
		r.more, r.again = true, l.now+ackWithin
	}
	if len(e.Entries) == 0 || !l.states.up {
		r.more = r.more || len(e.Entries) > 0
		return
	}
	r.more = true
	message := &wire.Records{Reader: l.o.Reader, Journal: e.Journal, First: min(e.First, e.Entries[0].Number)}
	for _, entry := range e.Entries {
		message.Records = append(message.Records, entry.Encoded)
	}
	signed, err := l.sign(message)
	if l.keyless != nil {
		return
	}
	if err != nil {
		l.refuse(string(wire.OnRecords), err)
		r.again = l.now + ackMost
		return
	}
	r.flight = flight{e.Entries[len(e.Entries)-1].Number, l.now + l.o.backoff(r.tries, 2*ackWithin, ackMost)}
	r.tries++
	l.do(Publish{l.o.topic(wire.OnRecords), signed, false})
}

// takeAck accepts an acknowledgement. The journal decides whether it is valid. Nothing in it
// proves that it is new: so its term is compared with what was heard, and not noted, and before
// the controller has answered on this connection it is none of a batch that was sent there.
func (l *Link) takeAck(signed []byte) error {
	a, err := wire.OpenAck(l.o.Site, signed, l.o.Controller)
	if err != nil {
		return err
	}
	r := &l.records
	switch {
	case a.Reader != l.o.Reader:
		return errOtherReader
	case a.Term < l.states.term:
		return errOlderTerm
	case !l.states.answered, a.Number == r.acked, a.Number < r.acked && r.flight.last == 0:
		// A repeated or late one.
	case r.ack == nil || a.Number > r.ack.Number:
		r.ack = a
	}
	return nil
}

// recordsTrimmed handles the journal's answer to an acknowledgement.
func (l *Link) recordsTrimmed(e RecordsTrimmed) {
	r := &l.records
	r.trimming = false
	r.backlog = e.Backlog
	switch {
	case errors.Is(e.Err, wire.ErrUnfit):
		l.refuse(string(wire.OnAck), e.Err)
	case e.Err == nil:
		// The number has gone back, in answer to a batch: the controller has
		// lost records. Send those again that are still held.
		r.acked = max(r.trim, max(1, e.First)-1)
		// The rest of the batch is sent again.
		r.flight, r.tries = flight{}, 0
		r.more = r.more || r.acked < r.backlog.Last
	}
}
