package tests

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"latchkey/device"
	"latchkey/device/journal"
	"latchkey/sync/wire"
)

// oracle knows what a tortured reader must never do again, and counts what it
// did. It believes the disk and what the reader says of itself, no code of the
// reader's but that which reads a journal.
type oracle struct {
	t testing.TB

	id      wire.JournalID
	records map[uint64]wire.Hash // stored at some time, of this journal
	last    uint64               // the highest of them

	wrong  int // wrong PINs in a row, as reported
	counts map[string]int
	round  []string // what happened in this round, for whoever has to find out why it went wrong
}

func newOracle(t testing.TB) *oracle {
	return &oracle{t: t, records: map[uint64]wire.Hash{}, counts: map[string]int{}}
}

// count counts something of this round.
func (o *oracle) count(what string) {
	o.counts[what]++
	o.round = append(o.round, what)
}

// fail says what must not be, and what led to it.
func (o *oracle) fail(format string, args ...any) {
	o.t.Helper()
	o.t.Fatalf("%s\nin this round:\n  %s", fmt.Sprintf(format, args...), strings.Join(o.round, "\n  "))
}

// inspect reads the journal of a reader that is not running: dir holds what
// the disk does. damaged says that this journal may have been given up, which
// must then be a lockout.
func (o *oracle) inspect(dir string, damaged bool) device.Durable {
	o.t.Helper()
	var durable device.Durable
	segments, err := filepath.Glob(filepath.Join(dir, "journal", "*.segment"))
	if err != nil {
		o.t.Fatal(err)
	}
	j := journal.Open(journal.Options{Dir: filepath.Join(dir, "journal"), State: &durable})
	defer j.Close()
	if why := j.Began(); why != "" {
		if !damaged || len(o.records) == 0 {
			o.fail("the journal is lost: %s", why)
		}
		return durable
	}
	if j.ID() != o.id {
		if o.id != (wire.JournalID{}) && (!damaged || durable.Lockout != wire.CauseJournal) {
			o.fail("another journal has begun, with lockout %q", durable.Lockout)
		}
		if o.id != (wire.JournalID{}) {
			o.count("journals given up, with a lockout")
		}
		o.id, o.last = j.ID(), 0
		clear(o.records)
	}
	o.count("journals read, and compared with what was stored and reported before")
	folded := 0 // wrong PINs in a row by the records alone
	pending := false
	var last uint64
	for entry, err := range j.Records(0) {
		if err != nil {
			o.fail("a record cannot be read: %v", err)
		}
		r, err := wire.ParseRecord(entry.Encoded)
		if err != nil {
			o.t.Fatal(err)
		}
		if name := fmt.Sprintf("%020d.segment", entry.Number); r.Kind == wire.Checkpoint && !slices.Contains(segments, filepath.Join(dir, "journal", name)) {
			continue // begun just now, by reading: no disk has it yet
		}
		last = entry.Number
		hash, known := o.records[entry.Number]
		if known && hash != entry.Hash {
			o.fail("record %d has two contents", entry.Number)
		}
		o.records[entry.Number] = entry.Hash
		if !known {
			o.count("records: " + string(r.Kind))
		}
		switch r.Kind {
		case wire.Checkpoint, wire.JournalResumed:
			d, err := device.Restore(r.State)
			if err != nil {
				o.t.Fatal(err)
			}
			folded, pending = int(d.Wrong), d.Pending != 0
		case wire.AttemptStarted:
			if pending {
				folded++
			}
			pending = true
		case wire.AttemptUnknown, wire.AttemptInterrupted:
			if pending {
				folded++
			}
			pending = false
		case wire.AttemptTakenBack:
			pending = false
		case wire.LockoutCleared:
			folded = 0
		case wire.AccessGranted:
			if r.By == wire.ByPIN {
				folded, pending = 0, false
			}
			if !slices.Contains([]wire.Means{wire.ByPIN, wire.ByCard}, r.By) || r.By == wire.ByPIN && r.User != 1 || r.By == wire.ByCard && r.User != 2 {
				o.fail("opened to user %d by %s", r.User, r.By)
			}
		}
	}
	if last < o.last {
		o.fail("record %d was stored, and the journal ends with %d", o.last, last)
	}
	o.last = last
	if int(durable.Wrong) != folded || (durable.Pending != 0) != pending {
		o.fail("%d wrong PINs by the fold (pending: %d), %d by the records (pending: %v)", durable.Wrong, durable.Pending, folded, pending)
	}
	counted := int(durable.Wrong)
	if durable.Pending != 0 {
		counted++
	}
	if durable.Lockout == "" && counted < o.wrong {
		o.fail("%d wrong PINs were reported, the disk has %d", o.wrong, counted)
	}
	return durable
}

// charged takes what the next start will find: an attempt that is pending
// there has been charged, and counts.
func (o *oracle) charged(dir string) {
	o.t.Helper()
	var durable device.Durable
	j := journal.Open(journal.Options{Dir: filepath.Join(dir, "journal"), State: &durable})
	defer j.Close()
	if durable.Lockout != "" || j.Began() != "" {
		return
	}
	if durable.Pending != 0 {
		durable.Wrong++
	}
	o.wrong = max(o.wrong, int(durable.Wrong))
}

// stored says that the running reader says that records up to here are stored.
func (o *oracle) stored(last uint64) { o.last = max(o.last, last) }

// reports takes the running reader's status.
func (o *oracle) reports(status map[string]any) {
	o.t.Helper()
	wrong := int(status["wrong"].(float64))
	if locked := status["lockout"] != "none"; !locked && wrong < o.wrong {
		o.fail("%d wrong PINs in a row were reported, now %d", o.wrong, wrong)
	}
	o.wrong = max(o.wrong, wrong)
}

// forgiven says that from now on a row of wrong PINs may have ended.
func (o *oracle) forgiven() { o.wrong = 0 }

// invariants are what inspect and reports look for, and every start.
var invariants = []string{
	"wrong PINs never fewer than were charged or reported",
	"no record's number with two contents",
	"no record lost that was stored",
	"nobody let in but whose PIN or card it was",
	"every start came up, and a card and a PIN opened in the end",
}

// report prints the counts, and what held all the while, if it did.
func (o *oracle) report(title string, held ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", title)
	for _, what := range slices.Sorted(maps.Keys(o.counts)) {
		fmt.Fprintf(&b, "  %6d %s\n", o.counts[what], what)
	}
	if o.t.Failed() {
		return b.String()
	}
	for _, what := range held {
		fmt.Fprintf(&b, "    held %s\n", what)
	}
	return b.String()
}
