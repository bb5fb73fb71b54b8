package sim

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// Injection switches a named fault.
type Injection struct {
	Active bool
	Amount float64       // in the fault's unit; 0: its usual amount
	After  time.Duration // until it begins
	For    time.Duration // until it ends by itself; 0: it does not
}

// FaultState is a named fault as it is now.
type FaultState struct {
	Name   string        `json:"name"`   // as "nfc-noise": the chip, or the line, and what
	What   string        `json:"what"`   // in a few words
	Unit   string        `json:"unit"`   // of Amount; empty for a fault that is either active or not
	Amount float64       `json:"amount"` // while it is active; otherwise its usual amount
	Active bool          `json:"active"`
	Left   time.Duration `json:"-"` // until it ends by itself; 0: it does not
}

// namedFault is where a named fault is in a chip's Fault: a flag or a rate. The
// one without a chip is the strike's.
type namedFault struct {
	chip, name, what, unit string
	usual                  float64
	flag                   func(f *Fault) *bool
	rate                   func(f *Fault) *float64
	once                   bool // without an amount it happens a single time
}

func namedFaults() []namedFault {
	var all []namedFault
	for _, chip := range []string{portPanel, portTouch, portNFC} {
		all = append(all,
			namedFault{chip: chip, name: chip + "-absent", what: "not there", flag: func(f *Fault) *bool { return &f.Absent }},
			namedFault{chip: chip, name: chip + "-stuck", what: "hangs", flag: func(f *Fault) *bool { return &f.Stuck }},
			namedFault{chip: chip, name: chip + "-hung", what: "its bus hangs", flag: func(f *Fault) *bool { return &f.Hung }},
			namedFault{chip: chip, name: chip + "-noise", what: "bits flip on its bus", unit: "of the bytes", usual: 0.001, rate: func(f *Fault) *float64 { return &f.Noise }},
			namedFault{chip: chip, name: chip + "-reset", what: "resets by itself", unit: "a minute", once: true, rate: func(f *Fault) *float64 { return &f.Resets }},
		)
	}
	return append(all,
		namedFault{chip: portTouch, name: "touch-ghosts", what: "touched by no finger", unit: "a second", usual: 2, rate: func(f *Fault) *float64 { return &f.Ghosts }},
		namedFault{chip: portTouch, name: "touch-held", what: "something presses a corner of the film", flag: func(f *Fault) *bool { return &f.Held }},
		namedFault{chip: portTouch, name: "touch-jumps", what: "measures somewhere else", unit: "of the measurements", usual: 0.05, rate: func(f *Fault) *float64 { return &f.Jumps }},
		namedFault{chip: portNFC, name: "nfc-short-frames", what: "frames end too soon", unit: "of the frames", usual: 0.05, rate: func(f *Fault) *float64 { return &f.ShortFrames }},
		namedFault{chip: portNFC, name: "nfc-garbled-frames", what: "frames are garbled", unit: "of the frames", usual: 0.05, rate: func(f *Fault) *float64 { return &f.GarbledFrames }},
		namedFault{chip: portNFC, name: "nfc-lost-acks", what: "no ACK for a command", unit: "of the commands", usual: 0.05, rate: func(f *Fault) *float64 { return &f.LostACKs }},
		namedFault{chip: portNFC, name: "nfc-extended-frames", what: "answers in extended frames", flag: func(f *Fault) *bool { return &f.Extended }},
		namedFault{chip: portNFC, name: "nfc-garbled-exchanges", what: "commands to a card are garbled", unit: "of the commands", usual: 0.05, rate: func(f *Fault) *float64 { return &f.GarbledExchanges }},
		namedFault{chip: portNFC, name: "nfc-card-waits", what: "the card asks for more time without end", flag: func(f *Fault) *bool { return &f.CardWaits }},
		namedFault{chip: portNFC, name: "nfc-card-nonsense", what: "the card answers anything", flag: func(f *Fault) *bool { return &f.CardNonsense }},
		namedFault{chip: portNFC, name: "nfc-card-floods", what: "the card answers 262 random bytes", flag: func(f *Fault) *bool { return &f.CardFloods }},
		namedFault{name: "strike-fails", what: "setting its line fails"},
	)
}

// ErrAmount is the error for an amount that a fault cannot have.
var ErrAmount = errors.New("the fault cannot have that amount")

// unknownFault is the error for a name that no fault has; it wraps ENOENT.
type unknownFault string

func (u unknownFault) Error() string {
	return fmt.Sprintf("there is no fault %.80q: GET /api/faults lists them", string(u))
}

func (unknownFault) Unwrap() error { return syscall.ENOENT }

// plan is the next change of a fault.
type plan struct {
	timer *time.Timer
	end   time.Time // of an active fault; zero if it has yet to begin
}

// Inject switches a named fault; Faults lists the names. It replaces what was
// planned for the fault before. The error wraps ENOENT for an unknown name,
// ErrAmount for a wrong amount or time.
func (b *Board) Inject(name string, i Injection) error {
	f, err := faultNamed(name, i)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return b.errClosed("fault " + name)
	}
	if old := b.planned[name]; old != nil {
		old.timer.Stop()
		delete(b.planned, name)
	}
	if i.Active && i.After > 0 {
		b.plan(name, i.After, func() { b.begin(f, i) })
	} else {
		b.begin(f, i)
	}
	return nil
}

// begin switches a fault, and plans its end.
func (b *Board) begin(f namedFault, i Injection) {
	b.turn(f, i)
	if i.Active && i.For > 0 {
		p := b.plan(f.name, i.For, func() { b.turn(f, Injection{}) })
		p.end = time.Now().Add(i.For)
	}
}

// plan calls change after d, with the board's lock held, unless the fault is
// injected again before.
func (b *Board) plan(name string, d time.Duration, change func()) *plan {
	p := &plan{}
	p.timer = time.AfterFunc(d, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !b.closed && b.planned[name] == p {
			delete(b.planned, name)
			change()
		}
	})
	b.planned[name] = p
	return p
}

// CheckFault returns what is wrong with an injection, without a board.
func CheckFault(name string, i Injection) error {
	_, err := faultNamed(name, i)
	return err
}

func faultNamed(name string, i Injection) (namedFault, error) {
	all := namedFaults()
	at := slices.IndexFunc(all, func(f namedFault) bool { return f.name == name })
	if at < 0 {
		return namedFault{}, unknownFault(name)
	}
	if i.After < 0 || i.For < 0 {
		return namedFault{}, fmt.Errorf("fault %s: a time that is negative: %w", name, ErrAmount)
	}
	if err := all[at].checkAmount(i.Amount); err != nil {
		return namedFault{}, fmt.Errorf("fault %s: %w", name, err)
	}
	return all[at], nil
}

// checkAmount returns why the fault cannot have that amount; 0 is the usual.
func (f namedFault) checkAmount(amount float64) error {
	if f.rate == nil {
		if amount != 0 {
			return fmt.Errorf("it is there or not: %w", ErrAmount)
		}
		return nil
	}
	var with Fault
	*f.rate(&with) = amount
	if err := with.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrAmount, err)
	}
	return nil
}

// turn switches a fault on or off.
func (b *Board) turn(f namedFault, i Injection) {
	b.log.Info("sim: fault", "name", f.name, "active", i.Active, "amount", i.Amount)
	if f.chip == "" {
		b.strikeFails = i.Active
		b.notify()
		return
	}
	port := b.ports[f.chip]
	with := *port.fault
	switch {
	case f.flag != nil:
		*f.flag(&with) = i.Active
		if with.Absent && !port.fault.Absent {
			with.MISO = 0xFF // modules have pull-ups
		}
	case !i.Active:
		*f.rate(&with) = 0
	case i.Amount == 0 && f.once:
		port.reset()
		return
	case i.Amount == 0:
		*f.rate(&with) = f.usual
	default:
		*f.rate(&with) = i.Amount
	}
	port.setFault(with)
}

// Faults lists every named fault and its state, chip by chip.
func (b *Board) Faults() []FaultState {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []FaultState
	for _, f := range namedFaults() {
		s := FaultState{Name: f.name, What: f.what, Unit: f.unit, Amount: f.usual}
		switch {
		case f.chip == "":
			s.Active = b.strikeFails
		case f.flag != nil:
			s.Active = *f.flag(b.ports[f.chip].fault)
		case *f.rate(b.ports[f.chip].fault) > 0:
			s.Active, s.Amount = true, *f.rate(b.ports[f.chip].fault)
		}
		if p := b.planned[f.name]; p != nil && s.Active && !p.end.IsZero() {
			s.Left = time.Until(p.end)
		}
		all = append(all, s)
	}
	return all
}
