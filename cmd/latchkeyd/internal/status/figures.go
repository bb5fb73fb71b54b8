package status

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/device/journal"
)

// Figures are what the running reader has measured of itself. Counts are since
// its start.
type Figures struct {
	Running     float64                      `json:"running_seconds"`
	Strike      Times                        `json:"last_digit_to_strike"`
	Card        Times                        `json:"card_to_strike"` // that proves itself
	Derivation  Times                        `json:"derivation"`     // of a tag: Argon2id, for a PIN
	Lookup      Times                        `json:"lookup"`         // of a tag
	Proof       Times                        `json:"proof"`          // of a card
	Sync        Times                        `json:"fdatasync"`
	Lookups     map[string]map[string]uint64 `json:"lookups"` // by kind and outcome
	Chips       []Chip                       `json:"chips"`
	Records     uint64                       `json:"records"` // stored
	Waiting     uint64                       `json:"records_waiting"`
	Credentials float64                      `json:"credentials_age_seconds"` // since the controller last answered
	Wakeups     uint64                       `json:"wakeups"`                 // voluntary context switches
	CPU         float64                      `json:"cpu_seconds"`
	Resident    uint64                       `json:"resident_bytes"`
}

// A Chip is what the driver of a chip has counted.
type Chip struct {
	Name      string `json:"chip"`
	Transfers uint64 `json:"transfers"`
	Errors    uint64 `json:"errors"`
	Retries   uint64 `json:"retries"`
	Resets    uint64 `json:"resets"` // times it was found reset or disturbed, and set up again
}

// Metrics collects the reader's figures.
type Metrics struct {
	Strike  Stopwatch
	Lookups Lookups
	Sync    Timing // of fdatasync

	began time.Time

	mu     sync.Mutex
	linked bool
	heard  time.Time // when the link went down, or what is held was written
	events *journal.Journal
	before uint64 // records of journals that were closed
}

// NewMetrics returns the metrics of a reader that starts now.
func NewMetrics() *Metrics { return &Metrics{began: time.Now()} }

// Begin takes a new brain's journal and the directory of its epoch. Call end before the
// journal is closed.
func (m *Metrics) Begin(events *journal.Journal, epoch string) (end func()) {
	var written time.Time
	for _, name := range []string{"credentials.cbor", "deltas.cbor"} {
		if info, err := os.Stat(filepath.Join(epoch, name)); err == nil && info.ModTime().After(written) {
			written = info.ModTime()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events, m.linked, m.heard = events, false, written
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.before += events.Stats().Records
		m.events, m.linked = nil, false
	}
}

// Linked notes whether the controller answers.
func (m *Metrics) Linked(up bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.linked && !up {
		m.heard = time.Now()
	}
	m.linked = up
}

// Figures returns the figures of this moment; chips are the caller's.
func (m *Metrics) Figures(chips []Chip) Figures {
	f := Figures{
		Running: time.Since(m.began).Seconds(), Strike: m.Strike.PIN.Times(), Card: m.Strike.Card.Times(),
		Derivation: m.Lookups.derivation.Times(), Lookup: m.Lookups.lookup.Times(), Proof: m.Lookups.proof.Times(), Sync: m.Sync.Times(),
		Lookups: m.Lookups.counted(), Chips: chips, Resident: resident(),
	}
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &used) == nil {
		f.Wakeups = uint64(used.Nvcsw)
		f.CPU = float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f.Records = m.before
	if m.events != nil {
		f.Records += m.events.Stats().Records
		f.Waiting = m.events.Waiting()
	}
	if !m.linked && !m.heard.IsZero() {
		f.Credentials = max(0, time.Since(m.heard).Seconds())
	}
	return f
}

// resident returns this process's resident memory in bytes, by proc(5); 0 if it cannot
// be read.
func resident() uint64 {
	var size, pages uint64
	b, _ := os.ReadFile("/proc/self/statm")
	fmt.Sscan(string(b), &size, &pages)
	return pages * uint64(os.Getpagesize())
}

// add adds the figures that people want to a table.
func (f *Figures) add(to *table) {
	row := func(what string, t Times) {
		if t.Count > 0 {
			to.row(what, "%.1f ms, 1 in 100 above %.1f ms (%d measured)", t.P50, t.P99, t.Count)
		}
	}
	row("last digit to strike", f.Strike)
	row("card to strike", f.Card)
	row("look-up", f.Lookup)
	row("proof of a card", f.Proof)
	row("fdatasync", f.Sync)
	for _, kind := range []string{"card", "pin"} {
		var whole uint64
		for _, n := range f.Lookups[kind] {
			whole += n
		}
		to.row(kind+" look-ups", "%d, %d of them known", whole, f.Lookups[kind]["known"])
	}
	for _, c := range f.Chips {
		to.row(c.Name+" chip", "%d transfers, %d errors, %d retries, %d resets", c.Transfers, c.Errors, c.Retries, c.Resets)
	}
	to.row("records", "%d stored, %d waiting for the controller", f.Records, f.Waiting)
	to.row("credentials' age", "%s", time.Duration(f.Credentials)*time.Second)
	to.row("running for", "%s, %d wake-ups, %.2f s of processor time, %d KiB resident",
		time.Duration(f.Running)*time.Second, f.Wakeups, f.CPU, f.Resident>>10)
}
