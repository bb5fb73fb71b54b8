package sync

import (
	"errors"
	"fmt"

	"latchkey/sync/wire"
)

// refusals counts the refusals of one kind within a minute.
type refusals struct {
	wire.Minute
	last wire.Reason
}

// A refusal is an error about a command, to be reported to the controller with
// that command.
type refusal struct {
	reason  wire.Reason
	command *wire.Command
}

func (r *refusal) Error() string { return string(r.reason) }

// refusedKind groups refusals for counting: orders of the controller, which waits for an
// answer, and messages that anybody can send.
type refusedKind struct {
	message string
	order   bool
}

// refuse reports a refused message to the reader.
func (l *Link) refuse(message string, err error) {
	var about *refusal
	kind := refusedKind{message, errors.As(err, &about)}
	r := l.refusals[kind]
	if r == nil {
		r = new(refusals)
		l.refusals[kind] = r
	}
	r.last = reason(err)
	if !r.Tell(l.now) {
		return
	}
	news := Refused{Message: message, Reason: r.last}
	if about != nil {
		news.Command = about.command
	}
	l.do(news)
}

// reason returns why a message was refused. It quotes nothing from a message without the
// controller's signature.
func reason(err error) wire.Reason {
	for _, known := range []error{wire.ErrSignature, wire.ErrEncoding} {
		if errors.Is(err, known) {
			return wire.Reason(known.Error())
		}
	}
	return wire.Reason(err.Error())
}

func (l *Link) settleRefusals() {
	for kind, r := range l.refusals {
		if !l.over(r.End()) {
			continue
		}
		delete(l.refusals, kind)
		if r.More() > 0 {
			l.do(Refused{Message: kind.message, Reason: wire.Reason(fmt.Sprintf("%d more within a minute; the last: %s", r.More(), r.last))})
		}
	}
}
