package supervision

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/device"
	"latchkey/sync/wire"
)

// Parts keeps the newest health of the reader's parts. Its methods may be called from any
// goroutine, but NewPart only before the others.
type Parts struct {
	tell    func(device.Health)
	located func(error) error
	log     *slog.Logger
	watched []*Part

	mu     sync.Mutex
	health map[wire.Subject]device.Health
	lines  map[string]error // what is wrong with each of the door's lines, by name
}

// NewParts returns parts of unknown health. It calls tell with each change. For the log,
// located adds to an error where in the config its cause is.
func NewParts(log *slog.Logger, located func(error) error, tell func(device.Health)) *Parts {
	return &Parts{tell: tell, located: located, log: log, health: map[wire.Subject]device.Health{}, lines: map[string]error{}}
}

// Report notes that a part has failed, or that it works if err is nil.
func (p *Parts) Report(subject wire.Subject, err error) {
	p.report(subject, device.Failed, err)
}

// ReportImpaired notes that a part works, but not all of it.
func (p *Parts) ReportImpaired(subject wire.Subject, err error) {
	p.report(subject, device.Impaired, err)
}

func (p *Parts) report(subject wire.Subject, condition device.Condition, err error) {
	health := device.Health{Subject: subject, Condition: device.Good}
	if err != nil {
		health.Condition, health.Text = condition, strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	p.mu.Lock()
	before, known := p.health[subject]
	p.health[subject] = health
	p.mu.Unlock()
	switch {
	case known && before == health:
		return
	case err != nil:
		p.log.Error("a part does not work", "part", subject, "err", p.located(err))
	case known:
		p.log.Info("a part works again", "part", subject)
	}
	p.tell(health)
}

// ReportLine notes whether one of the door's lines works. The relay's health is that of
// all of them.
func (p *Parts) ReportLine(name string, err error) {
	p.mu.Lock()
	p.lines[name] = err
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(p.lines)) {
		if p.lines[name] != nil {
			wrong = append(wrong, fmt.Errorf("%s does not work: %w", name, p.lines[name]))
		}
	}
	p.mu.Unlock()
	p.Report(wire.SubjectRelay, errors.Join(wrong...))
}

// Fault returns what is wrong with a part; "" if nothing is.
func (p *Parts) Fault(subject wire.Subject) string {
	return p.of(subject).Text
}

func (p *Parts) of(subject wire.Subject) device.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.health[subject]
}

// Known returns the health of each part, in no order.
func (p *Parts) Known() []device.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Values(p.health))
}

// A Part is a goroutine that talks to chips in rounds: a look for a card, a turn of the
// keypad. Its driver copes with chips that are silent or answer nonsense, but not with a
// call that never returns, as when the bus controller hangs: so each round is a piece of
// a Task.
type Part struct {
	Task
	subject wire.Subject

	reported bool          // that it is late
	before   device.Health // what was reported before that
}

// roundWithin is far more than a round takes that resets its chips, or sends a whole
// picture over a slow bus.
const roundWithin = 30 * time.Second

// NewPart adds a part. The name is that of a round, as in NewTask.
func (p *Parts) NewPart(name string, subject wire.Subject) *Part {
	part := &Part{Task: Task{name: name, within: roundWithin}, subject: subject}
	p.watched = append(p.watched, part)
	return part
}

// Round notes that a round begins or has ended.
func (p *Part) Round(begins bool) {
	if begins {
		p.Add()
	} else {
		p.Done()
	}
}

// Check reports parts whose round does not end. Once such a round has ended, Check reports
// what was known before, unless the round reported something else. One goroutine calls it
// regularly.
func (p *Parts) Check(now time.Time) {
	for _, part := range p.watched {
		late := part.late(now)
		hangs := fmt.Errorf("%s: its bus hangs, or its driver", part.complaint())
		switch {
		case late && !part.reported:
			part.before = p.of(part.subject)
			p.Report(part.subject, hangs)
		case !late && part.reported && p.Fault(part.subject) != hangs.Error(): // the round has reported
		case !late && part.reported && part.before.Condition == device.Failed:
			p.Report(part.subject, errors.New(part.before.Text))
		case !late && part.reported:
			p.Report(part.subject, nil)
		}
		part.reported = late
	}
}
