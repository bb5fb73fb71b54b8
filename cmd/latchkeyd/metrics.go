package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/device/journal"
)

// figures are what the running reader has measured of itself. Counts are since
// its start.
type figures struct {
	Running     float64                      `json:"running_seconds"`
	Strike      times                        `json:"last_digit_to_strike"`
	Derivation  times                        `json:"derivation"` // of a tag: Argon2id, for a PIN
	Lookup      times                        `json:"lookup"`     // of a tag
	Sync        times                        `json:"fdatasync"`
	Lookups     map[string]map[string]uint64 `json:"lookups"` // by kind and outcome
	Chips       []chipFigures                `json:"chips"`
	Records     uint64                       `json:"records"` // stored
	Waiting     uint64                       `json:"records_waiting"`
	Credentials float64                      `json:"credentials_age_seconds"` // since the controller last answered
	Wakeups     uint64                       `json:"wakeups"`                 // voluntary context switches
	CPU         float64                      `json:"cpu_seconds"`
	Resident    uint64                       `json:"resident_bytes"`
}

// chipFigures are what a chip's driver has counted.
type chipFigures struct {
	Chip      string `json:"chip"`
	Transfers uint64 `json:"transfers"`
	Errors    uint64 `json:"errors"`
	Retries   uint64 `json:"retries"`
	Resets    uint64 `json:"resets"` // times it was found reset or disturbed, and set up again
}

// metrics is where the reader's figures come together. What lives as long as
// one brain only is given to it anew with each.
type metrics struct {
	began time.Time
	tally tally
	sync  timing // of fdatasync

	mu     sync.Mutex
	linked bool
	heard  time.Time // when the link went down, or what is held was written
	events *journal.Journal
	before uint64 // records of journals that were closed
}

// begin takes what a brain begins with: its journal, and the directory of the
// epoch it holds.
func (m *metrics) begin(events *journal.Journal, epoch string) (end func()) {
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

// link says whether the controller answers.
func (m *metrics) link(up bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.linked && !up {
		m.heard = time.Now()
	}
	m.linked = up
}

// now is what there is to say.
func (m *metrics) now(in *instruments) figures {
	f := figures{
		Running: time.Since(m.began).Seconds(), Strike: in.latency.timing.now(),
		Derivation: m.tally.derivation.now(), Lookup: m.tally.lookup.now(), Sync: m.sync.now(),
		Lookups: m.tally.now(), Chips: in.counted(), Resident: resident(),
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

// resident is how much of the memory is this process's.
func resident() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var whole, pages uint64 // proc(5)
	if _, err := fmt.Sscan(string(b), &whole, &pages); err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}

// print adds lines for a person to a table.
func (f *figures) print(table io.Writer) {
	line := func(what string, t times) {
		if t.Count > 0 {
			fmt.Fprintf(table, "%s\t%.1f ms, 1 in 100 above %.1f ms (%d measured)\n", what, t.P50, t.P99, t.Count)
		}
	}
	line("last digit to strike", f.Strike)
	line("look-up", f.Lookup)
	line("fdatasync", f.Sync)
	for _, kind := range sortedKeys(f.Lookups) {
		of := f.Lookups[kind]
		whole := uint64(0)
		for _, n := range of {
			whole += n
		}
		fmt.Fprintf(table, "%s look-ups\t%d, %d of them known\n", kind, whole, of["known"])
	}
	for _, c := range f.Chips {
		fmt.Fprintf(table, "%s chip\t%d transfers, %d errors, %d retries, %d resets\n", c.Chip, c.Transfers, c.Errors, c.Retries, c.Resets)
	}
	fmt.Fprintf(table, "records\t%d stored, %d waiting for the controller\n", f.Records, f.Waiting)
	fmt.Fprintf(table, "credentials' age\t%s\n", time.Duration(f.Credentials)*time.Second)
	fmt.Fprintf(table, "running for\t%s, %d wake-ups, %.2f s of processor time, %d KiB resident\n",
		time.Duration(f.Running)*time.Second, f.Wakeups, f.CPU, f.Resident>>10)
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
