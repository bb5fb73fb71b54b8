// Package journal is the durable log of what happened at a reader. Its records are
// numbered, chained by hash, stored before anything depends on them, and kept until
// the controller acknowledges them. At each start they are applied, in order, to the
// state that the reader must not lose.
//
// # On the disk
//
// A journal is a directory of segments, named after the number of their first record.
// A segment is a header (journal id, first number, hash of the record before it) and
// frames. A frame holds one record (wire.Record, CBOR), its length, and a CRC-32C of
// each; a bit in the length says that the next frame belongs to the same append. The
// frames of one append count together or not at all.
//
// The first record of a segment is a checkpoint, which holds the state after all
// records before it, so a start reads the newest segment only. Before an append goes
// to a new segment, that is written under another name, synced and renamed, and its
// directory is synced. If a write fails in a segment, or the segment ends in an
// incomplete frame when the journal is opened, a new segment begins; whatever the old
// one holds from that number on was never stored, and is not read.
//
// # Dropping records
//
// Records are dropped from the oldest end, in whole segments before the newest. So the
// remaining chain has no gap, and begins with a checkpoint whose Before is the hash of
// the last record dropped. What the controller has acknowledged is dropped silently.
// Before any other record is dropped, a record records.dropped is stored: First to
// Last, the Hash of Last, their Count and a Reason. Whoever checks the chain goes on
// at Last+1, whose Before is that Hash.
//
// When the journal is full (Reason "full"), expendable records go first, from the
// middle of older segments. Then Count is less than Last-First+1; the records between
// that are kept have their numbers and hashes, and the chain holds between neighbours.
//
// A segment that is found damaged when it is read is quarantined: moved to a directory
// damaged-N, with the reason. What comes before the damage takes its place; the rest
// is dropped with Reason "damaged".
//
// If the newest segment is damaged or missing, the state is lost. Then all segments
// are quarantined, and a new journal with a new id begins (see Began).
//
// # Room on the disk
//
// The newest segment has its blocks and its size from the beginning, so zeros follow
// what is stored in it. Two more, spare-N, are allocated ahead, and stay while no
// reader runs. Where the file system cannot allocate, zeros are written. If the disk
// has no room for that, quarantined files go first, then expendable records.
package journal

import (
	"cmp"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/sync/wire"
)

// A State is what the records add up to; *device.Durable is one. The journal owns the
// State it is opened with, and applies each record that it stores. Copy it only
// between Open and the first Append.
type State interface {
	Apply(wire.Record)
	Encode() []byte // for a checkpoint: Apply of one with this State restores it
}

// Options of a journal.
type Options struct {
	Dir   string // created if need be
	Fresh bool   // the reader never had a journal, so a missing one is no damage
	State State  // the zero state; Open applies what it reads to it

	SegmentBytes int64  // a new segment is begun above this; 0: 256 KiB
	MaxRecords   uint64 // 0: 1,000,000
	MaxBytes     int64  // 0: 256 MiB, or a quarter of the file system if that is less

	Synced func(took time.Duration) // called after each fdatasync, failed ones too; may be nil, must not call the journal
}

// Journal is the records on the disk. Several goroutines may call its methods; appends
// wait for each other.
type Journal struct {
	o     Options
	began string
	id    wire.JournalID

	mu       sync.Mutex
	damaged  string     // what is wrong with the files in Dir, which must be quarantined before anything is stored; "": nothing
	segments []segment  // oldest first; none: the journal has not begun
	file     *os.File   // the newest segment; nil: the next append must begin a new one
	end      int64      // bytes of it that are stored
	spares   []*os.File // the next segments, allocated ahead
	last     uint64     // number of the last record stored
	hash     wire.Hash  // its hash
	stamp    stamp      // its times
	read     cursor     // where the last reading ended
	acked    uint64     // the highest number that the controller has acknowledged
	stats    Stats

	shown atomic.Pointer[shown]
}

// stamp is the time of a record. The journal's own records bear that of the record
// before them.
type stamp struct {
	time    int64
	trusted bool
	running uint64
}

func stampOf(r wire.Record) stamp { return stamp{r.Time, r.Trusted, r.Running} }

// Stats counts what was done since Open.
type Stats struct {
	Syncs    uint64 // fdatasync and fsync of files
	DirSyncs uint64 // fsync of directories
	Bytes    uint64 // written, framing included
	Records  uint64 // stored, the journal's own included
	Segments uint64 // begun
}

// Open opens a journal or begins a new one. It never fails: Began says what is wrong
// with the old journal; the next Append tries again what the disk refused, and returns
// the error.
func Open(o Options) *Journal {
	o.MaxRecords = cmp.Or(o.MaxRecords, 1_000_000)
	o.MaxBytes = cmp.Or(o.MaxBytes, min(256<<20, quarter(o.Dir)))
	o.SegmentBytes = min(cmp.Or(o.SegmentBytes, 256<<10), o.MaxBytes/8)
	j := &Journal{o: o}
	j.mu.Lock()
	defer j.unlock()
	j.start()
	return j
}

// quarter returns a quarter of the size of the file system that a directory is on, or
// will be on.
func quarter(dir string) int64 {
	var disk unix.Statfs_t
	for unix.Statfs(dir, &disk) != nil {
		parent := filepath.Dir(dir)
		if parent == dir {
			return math.MaxInt64
		}
		dir = parent
	}
	if disk.Blocks == 0 { // it does not tell its size
		return math.MaxInt64
	}
	return max(int64(disk.Blocks*uint64(disk.Bsize)/4), 64<<10)
}

// Began returns "" if Open continued a journal, wire.ReasonNew if it began a reader's
// first, and otherwise what is wrong with the old one, which was or will be
// quarantined: the caller locks PIN entry out.
func (j *Journal) Began() string { return j.began }

// ID returns the journal's id.
func (j *Journal) ID() wire.JournalID { return j.id }

// shown is what callers can read without waiting for the disk.
type shown struct {
	first, last, acked uint64
	hash               wire.Hash
	stats              Stats
}

// unlock publishes what callers can read, and unlocks the journal.
func (j *Journal) unlock() {
	s := &shown{first: 1, last: j.last, acked: j.acked, hash: j.hash, stats: j.stats}
	if len(j.segments) > 0 {
		s.first = j.segments[0].first
	}
	j.shown.Store(s)
	j.mu.Unlock()
}

// First returns the number of the oldest record held, 1 if there is none.
func (j *Journal) First() uint64 { return j.shown.Load().first }

// Last returns the number and the hash of the last record stored, 0 if there is none.
func (j *Journal) Last() (uint64, wire.Hash) {
	s := j.shown.Load()
	return s.last, s.hash
}

// Waiting returns how many held records the controller has not acknowledged since
// Open.
func (j *Journal) Waiting() uint64 {
	s := j.shown.Load()
	return s.last - min(s.last, max(s.acked, s.first-1))
}

// Stats returns what was done since Open.
func (j *Journal) Stats() Stats { return j.shown.Load().stats }

// Close closes the files. What is stored does not depend on it.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.unlock()
	for f := j.takeSpare(); f != nil; f = j.takeSpare() {
		f.Close()
	}
	return j.retire()
}

// retire closes the newest segment for writing.
func (j *Journal) retire() error {
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}
