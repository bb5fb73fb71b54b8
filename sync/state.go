package sync

import (
	"errors"
	"reflect"
	"time"

	"latchkey/sync/wire"
)

const (
	stateEvery   = 30 * time.Second // while the link is up; before that 5, 10, 20 and then 30 s
	stateSpacing = time.Second      // between two states at least, so that a nonce lives
	answerWait   = 5 * time.Second  // wait for an answer before a change is reported; and limit for trusting its time
	positionWait = 5 * time.Second  // before a new position is reported, plus up to twice as much at random
	leaderWait   = 3 * time.Second  // at most, before a state is said to another controller that leads
	silence      = 95 * time.Second
)

// states are the published states of the reader on one connection.
type states struct {
	connection uint64  // 0: none
	counter    uint64  // of the newest state; 0: none yet
	ignored    int     // states since the last that was answered
	sent       [2]sent // the newest, and the one before
	heard      time.Duration
	dirty      bool          // something has changed
	positionAt time.Duration // when a new position, or another leader, is reported; 0: none is due
	up         bool          // one of sent was answered
	answered   bool          // any state was

	// The highest term heard, of messages whose nonce proves that they are newer than a state:
	// nothing that somebody has kept raises it.
	term uint64
}

// sent is a state that was published.
type sent struct {
	nonce    wire.Nonce // zero: there is none
	at       time.Duration
	answered bool
	card     *wire.CardRead // that it carried
}

// nonces returns those of the newest two states.
func (l *Link) nonces() [2]wire.Nonce {
	return [...]wire.Nonce{l.states.sent[0].nonce, l.states.sent[1].nonce}
}

// Will returns the will of a connection: that the reader is offline. It is
// published before a clean disconnection too.
func (o *Options) Will(connection uint64) (*Publish, error) {
	signed, err := (&wire.State{Reader: o.Reader, Connection: connection}).Sign(o.Site, o.Signing)
	return &Publish{o.topic(wire.OnState), signed, true}, err
}

// connected begins a connection. If it takes the place of one that was not lost, the nonces of
// that are good for commands still, but not as a sign that the controller answers on this one;
// and the term that was heard counts on.
func (l *Link) connected(number uint64) {
	former := l.states
	l.disconnected("connected anew")
	l.states = states{connection: number, heard: l.now, term: former.term}
	if former.connection != 0 {
		for i := range former.sent {
			l.states.sent[i] = sent{nonce: former.sent[i].nonce, at: former.sent[i].at, answered: true}
		}
	}
}

func (l *Link) disconnected(why string) {
	l.setUp(false, why)
	l.states = states{}
	l.fetches.reset()
	l.records.reset()
}

func (l *Link) report(r Report) {
	if l.condition == nil || l.policy.inForce != r.Policy || !reflect.DeepEqual(*l.condition, r.Condition) {
		l.condition, l.policy.inForce = &r.Condition, r.Policy
		l.states.dirty = true
	}
}

func (l *Link) settleStates() {
	s := &l.states
	if s.connection == 0 {
		return
	}
	if l.over(s.heard + silence) {
		s.heard = l.now
		l.do(Drop{"the controller does not answer"})
	}
	if l.condition == nil || l.records.backlog.Journal == (wire.JournalID{}) {
		return
	}
	newest := s.sent[0]
	due := s.counter == 0 || l.over(newest.at+s.every())
	if s.dirty && !due {
		wait := stateSpacing
		if !newest.answered {
			wait = answerWait
		}
		due = l.over(newest.at + wait)
	}
	if s.positionAt != 0 && !due {
		due = l.over(max(s.positionAt, newest.at+stateSpacing))
	}
	if due {
		l.publishState()
		l.over(l.states.sent[0].at + s.every())
	}
}

// every returns the time between two states without a change. It is shorter at first,
// while there is no answer.
func (s *states) every() time.Duration {
	if s.up {
		return stateEvery
	}
	return min(answerWait<<min(max(s.ignored-1, 0), 3), stateEvery)
}

func (l *Link) publishState() {
	s := &l.states
	s.counter++
	s.ignored++
	state := &wire.State{
		Reader: l.o.Reader, Connection: s.connection, Counter: s.counter, Version: l.o.Version,
		PolicyRevision: l.policy.inForce,
		Journal:        l.records.backlog.Journal, First: l.records.backlog.First, Last: l.records.backlog.Last,
		Condition: l.condition, Card: l.card, Level: wire.Level,
	}
	l.o.random(state.Nonce[:])
	if l.log.head != nil {
		state.Head = l.log.head.Signed()
	}
	if l.log.state.Held.Epoch != 0 {
		state.Held = &l.log.state.Held
	}
	signed, err := l.sign(state)
	if l.keyless != nil {
		return
	}
	if err != nil {
		// The reader's condition is invalid: report that, rather than nothing.
		l.refuse(string(wire.OnState), err)
		state.Condition = &wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsUnknown, Faults: []wire.Fault{{Subject: wire.SubjectState, Text: "cannot be told"}}}
		state.Version, state.Card = "", nil
		if signed, err = l.sign(state); err != nil {
			return
		}
	}
	s.sent[1] = s.sent[0]
	s.sent[0] = sent{nonce: state.Nonce, at: l.now, card: state.Card}
	s.dirty, s.positionAt = false, 0
	l.do(Publish{l.o.topic(wire.OnState), signed, true})
	if !s.sent[1].answered {
		l.setUp(false, "the controller does not answer")
	}
}

// controllerIs notes that a head came: unless the broker has kept it, there is a controller, and if it has not answered the
// newest state, it was not there yet when that was published.
func (l *Link) controllerIs(kept bool) {
	if s := &l.states; !kept && s.counter > 0 && !s.sent[0].answered {
		s.dirty = true
	}
}

// setUp sets whether the link is up.
func (l *Link) setUp(up bool, why string) {
	if up == l.states.up {
		return
	}
	l.states.up = up
	changed := LinkChanged{Up: up, Why: why}
	if up {
		changed.Connection = l.states.connection
	}
	l.do(changed)
	l.fetches.reset()
	l.records.reset()
}

// takeNow accepts the answer to a state.
func (l *Link) takeNow(signed []byte) error {
	n, err := wire.OpenNow(l.o.Site, signed, l.o.Controller)
	if err != nil {
		return err
	}
	if n.Reader != l.o.Reader {
		return errOtherReader
	}
	var answered *sent
	for i := range l.states.sent {
		if l.states.sent[i].nonce == n.Nonce {
			answered = &l.states.sent[i]
		}
	}
	if answered == nil {
		return errors.New("answers none of the last two states")
	}
	if n.Term < l.states.term {
		return errOlderTerm
	}
	if answered.answered {
		l.heardTerm(n.Term) // two controllers may answer one state
		return nil
	}
	if err := l.takeHead(n.Head); err != nil && !errors.Is(err, errOlderHead) {
		return err
	}
	l.heardTerm(n.Term)
	answered.answered, l.states.answered = true, true
	l.states.ignored = 0
	l.states.heard = l.now
	if l.card == answered.card {
		l.card = nil
	}
	l.policy.newest = max(l.policy.newest, n.PolicyRevision)
	l.setUp(true, "")
	return l.setClock(n.Time, answered.at)
}

// heardTerm notes the term of a controller. If it is another one than was heard on this connection, that knows the
// reader by what the former one, or the broker, has kept: it is told soon how the reader is, and gets what is not
// acknowledged.
func (l *Link) heardTerm(term uint64) {
	s := &l.states
	if s.term != 0 && term > s.term {
		if at := l.now + l.o.jitter(leaderWait) + 1; s.positionAt == 0 || at < s.positionAt {
			s.positionAt = at
		}
		l.records.reset()
	}
	s.term = term
}

// errOlderTerm refuses what a controller says that leads no more.
var errOlderTerm = errors.New(string(wire.ReasonTerm))

// setClock sets the clock, forward or back, if the answer came quickly enough for its time
// to be right. The nonce proves that the answer is new, so its time may be before an
// earlier one. Of two answers, the one to the newer state counts.
func (l *Link) setClock(milliseconds int64, asked time.Duration) error {
	if l.now-asked > answerWait || asked < l.asked {
		return nil
	}
	if milliseconds < l.o.NotBefore.UnixMilli() {
		return errors.New("its time is before this program was built: is the controller's clock right?")
	}
	l.asked = asked
	l.do(ClockSet{time.UnixMilli(milliseconds), l.now})
	return nil
}
