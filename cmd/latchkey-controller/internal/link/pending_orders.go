package link

import (
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// How long an order may be sent again after the reader has refused it as stale, and how
// long the controller waits for the reader's record.
const (
	resendFor = 10 * time.Second
	answerFor = 15 * time.Second
	enrolFor  = 45 * time.Second // the reader waits 30 s for a card

	answerAfter = time.Second // how long the answer may take after the moment until which the order could be carried out

	personaliseFor = 170 * time.Second // the reader gives up 140 s after it has got the order, up to 10 s late
)

// maxOrders is the most orders that wait for an answer.
const maxOrders = 256

// An OrderResult is what came of an order.
type OrderResult struct {
	ID     wire.CommandID
	Done   bool               // it was carried out, as the reader's record says
	Text   *language.Sentence // what came of it
	Record *wire.Record       // the reader's; nil: none came
	Unsent bool               // it was not sent: nobody will carry it out
}

// A pendingOrder waits for its answer.
//
//	sent --record: stale--> refused --newer state--> sent
//	  |                        |
//	  +--record, card, time----+--time--> gone
//
// While whoever gave it is asked about its card, what would answer it waits.
type pendingOrder struct {
	command wire.Command
	placed  time.Time
	by      time.Time // after which it must not be carried out any more; zero: there is none
	refused bool      // as stale: it waits for another nonce
	answer  chan<- OrderResult

	asking  bool         // about its card
	outcome *OrderResult // what came of it meanwhile; nil: nothing
}

// end is when it is given up.
func (o *pendingOrder) end() time.Time {
	if !o.by.IsZero() {
		return o.by.Add(answerAfter)
	}
	switch o.command.Order {
	case wire.Enrol:
		return o.placed.Add(enrolFor)
	case wire.Personalise:
		return o.placed.Add(personaliseFor)
	}
	return o.placed.Add(answerFor)
}

// pendingOrders are the orders that wait for an answer. Each is answered exactly once.
type pendingOrders map[wire.CommandID]*pendingOrder

// place adds an order that is sent now, and says whether there was room.
func (os pendingOrders) place(now time.Time, c wire.Command, by time.Time, answer chan<- OrderResult) bool {
	if len(os) >= maxOrders {
		answer <- OrderResult{ID: c.ID, Unsent: true, Text: language.Say("not sent: %d orders wait for an answer", len(os))}
		return false
	}
	os[c.ID] = &pendingOrder{command: c, placed: now, by: by, answer: answer}
	return true
}

func (os pendingOrders) answer(o *pendingOrder, outcome OrderResult) {
	outcome.ID = o.command.ID
	if o.asking {
		if o.outcome == nil {
			o.outcome = &outcome
		}
		return
	}
	delete(os, o.command.ID)
	o.answer <- outcome
}

// record gives a reader's record to the order that it answers. It returns the command if
// that is to be sent again.
func (os pendingOrders) record(now time.Time, reader string, r *wire.Record, nonce wire.Nonce) *wire.Command {
	o := os[r.Command]
	if o == nil || o.command.Reader != reader {
		return nil
	}
	switch r.Kind {
	case wire.CommandRefused:
		if r.Reason == wire.ReasonStale && now.Sub(o.placed) < resendFor {
			o.refused = true
			return os.retry(now, reader, nonce, o)
		}
		os.answer(o, OrderResult{Record: r, Text: language.Say("the reader refused: %s", string(r.Reason))})
	case wire.AccessGranted:
		os.answer(o, OrderResult{Record: r, Done: true, Text: language.Say("opened for %d s", r.Seconds)})
	case wire.CommandDone:
		switch o.command.Order {
		case wire.Personalise:
			os.answer(o, OrderResult{Record: r, Done: true, Text: language.Say("the card has its keys")})
		case wire.Identify:
			os.answer(o, OrderResult{Record: r, Done: true, Text: language.Say("the reader shows which one it is")})
		}
	}
	return nil
}

// retry returns an order's command with a newer nonce than the stale one, if there is one
// yet.
func (os pendingOrders) retry(now time.Time, reader string, nonce wire.Nonce, o *pendingOrder) *wire.Command {
	if !o.refused || o.outcome != nil || o.command.Reader != reader || nonce == (wire.Nonce{}) || nonce == o.command.Nonce || now.Sub(o.placed) >= resendFor {
		return nil
	}
	if !o.by.IsZero() {
		if o.command.MaxAge = maxAge(now, o.by, 0); o.command.MaxAge == 0 {
			return nil
		}
	}
	o.refused, o.command.Nonce = false, nonce
	c := o.command
	return &c
}

// maxAge returns how old the nonce of a command may be, in milliseconds, so that nobody
// carries it out after a moment; 0: that has come. heard is how long ago the controller got
// the nonce, at least: the reader made it before.
func maxAge(now, by time.Time, heard time.Duration) uint32 {
	left := by.Sub(now)
	if left <= 0 {
		return 0
	}
	return uint32(min(left+heard, wire.NonceLife).Milliseconds())
}

// state gives the nonce of a reader's new state to the orders that wait for one, and
// returns the commands that are to be sent again.
func (os pendingOrders) state(now time.Time, reader string, nonce wire.Nonce) (again []*wire.Command) {
	for _, o := range os {
		if c := os.retry(now, reader, nonce, o); c != nil {
			again = append(again, c)
		}
	}
	return again
}

// expire gives up the orders whose time is over.
func (os pendingOrders) expire(now time.Time) {
	for _, o := range os {
		switch {
		case o.refused && now.Sub(o.placed) >= resendFor:
			os.answer(o, OrderResult{Text: language.Say("not carried out: the reader said that the order came too late, and nothing newer was heard of it for 10 s")})
		case !now.Before(o.end()) && !o.by.IsZero():
			os.answer(o, OrderResult{Text: language.Say("no answer from %s in time; from now on it does not carry the order out", o.command.Reader)})
		case !now.Before(o.end()):
			os.answer(o, OrderResult{Text: language.Say("no answer from %s; it may still carry the order out, up to a minute after it was given, and its record will say so", o.command.Reader)})
		}
	}
}
