package device

import (
	"slices"
	"strings"
	"time"

	"latchkey/sync/wire"
)

// turn is one call of Step: the reader, the time, and the actions so far.
type turn struct {
	*Reader
	now Now

	records    []wire.Record
	decided    Decided // its Seq is 0 if no attempt has ended
	identifies []Identify
	forgets    []Forget
	strikes    []Strike
}

// record adds a record to this turn's append and applies it to the durable state.
func (t *turn) record(r wire.Record) {
	if len(t.records) == 0 && t.journal.fault != "" {
		t.add(t.resumedRecord())
	}
	t.add(r)
}

func (t *turn) add(r wire.Record) {
	r.Time = wire.ClipTime(t.now.Wall.UnixMilli())
	r.Trusted = t.now.Trusted
	r.Running = t.running()
	t.durable.Apply(r)
	t.records = append(t.records, r)
}

// running returns the milliseconds the reader has run, in all starts together.
func (r *Reader) running() uint64 {
	return r.before + uint64((r.elapsed-r.began)/time.Millisecond)
}

// expire handles all deadlines that have passed.
func (t *turn) expire() {
	t.expireAttempt()
	t.expireCard()
	t.expireEnrolment()
	t.expireStrike()
	t.takeMode()
	t.checkProof()
	t.expireDoor()
	t.expireCollapsed()
	if t.over(t.journal.lateAt()) {
		t.journal.late = true
	}
	t.probeJournal()
	if t.over(t.blink) {
		t.blink = 0
	}
	if t.over(t.notice.end) {
		t.notice = notice{}
	}
	if t.over(t.adopted.end) {
		t.adopted = adopted{}
	}
}

// over returns whether a deadline is set and has passed.
func (t *turn) over(end time.Duration) bool { return end != 0 && end <= t.elapsed }

// end returns the turn's actions in their order.
func (t *turn) end() []Action {
	var actions []Action
	if len(t.records) > 0 {
		t.journal.appended++
		if t.journal.due == 0 {
			t.journal.due = t.elapsed + storedWithin
		}
		actions = append(actions, Append{t.journal.appended, t.records})
	}
	if t.decided.Seq != 0 {
		actions = append(actions, t.decided)
	}
	for _, identify := range t.identifies {
		actions = append(actions, identify)
	}
	for _, forget := range t.forgets {
		actions = append(actions, forget)
	}
	for _, strike := range t.strikes {
		actions = append(actions, strike)
	}
	if view := t.makeView(); view != t.view {
		t.view = view
		actions = append(actions, Show{view})
	}
	if state := t.makeState(); state != t.state {
		t.state = state
		actions = append(actions, Report{state})
	}
	return slices.Clip(actions)
}

// maxText bounds a text from outside in a record, in bytes.
const maxText = 200

// clip makes a text from outside fit for a record: short, and valid UTF-8, as
// CBOR requires.
func clip(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "")
}
