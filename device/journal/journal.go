// Package journal is the durable list of what happened at a reader: records
// that are numbered, chained by hash, stored before anything depends on them,
// kept until the controller acknowledges them, and folded at each start into
// what the reader must not forget.
//
// # On the disk
//
// A journal is a directory of segments, named by the number of their first
// record. A segment is a header (journal id, first number, hash of the record
// before it) and frames. A frame holds one record (wire.Record, CBOR), its
// length and CRC-32Cs of both; a bit in the length says that the next frame
// was appended with this one, and frames of one append count together or not
// at all.
//
// The first record of a segment is a checkpoint, whose State is the fold of
// all records before it, so a start reads the newest segment only. A segment
// is written aside, synced, renamed, and its directory synced, before the next
// append goes to it. Whatever follows in an older segment from the number on
// at which the next one begins was never stored, and is not read: a segment in
// which a write failed, or which ended in an incomplete frame when the journal
// was opened, is left as it is and a new one is begun.
//
// # What goes, and the chain
//
// Records go from the oldest end, in whole segments before the newest, so the
// chain that is left is whole and begins with a checkpoint, whose Before is the
// hash of the last record that went. What the controller acknowledged goes
// without a word: it holds that hash. Before anything else goes, a record
// records.dropped is stored that says what: First to Last, the Hash of Last,
// their Count and a Reason; whoever checks the chain takes it up again at
// Last+1, whose Before that Hash is. When the journal is full, Reason "full",
// records that nobody needed a right for go first, out of the middle of older
// segments: then Count is smaller than Last-First+1, the records in between
// that are held still come with their numbers and hashes, and the chain holds
// wherever two neighbours do. A segment that turns out damaged while it is read
// is replaced by what comes before the damage, the rest is dropped with Reason
// "damaged", and the segment is set aside.
//
// A journal whose newest segment is damaged, or that is not there, can tell
// nobody what must not be forgotten: everything is set aside in a directory
// damaged-N, with the reason, and a new journal with a new id begins (see
// Began).
//
// # Room
//
// The newest segment has its blocks and its size from the beginning on, so zeros
// follow what is stored in it; two more, spare-N, are allocated ahead, also while
// no reader runs. Where the file system cannot allocate, zeros are written. If
// there is no room for that, what was set aside goes, then records that nobody
// needed a right for.
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

// A Fold is the state that records add up to; *device.Durable is one. The
// journal owns the fold it is opened with and keeps it at the last record
// stored: whoever wants a copy takes it between Open and the first Append.
type Fold interface {
	Apply(wire.Record)
	Encode() []byte // for a checkpoint: Apply of one with this State restores it
}

// Options of a journal.
type Options struct {
	Dir   string // created if need be
	Fresh bool   // the reader never had a journal, so it is no damage that there is none
	Fold  Fold   // the zero state; Open applies what it reads to it

	SegmentBytes int64  // a new segment is begun above this; 0: 256 KiB
	MaxRecords   uint64 // 0: 1,000,000
	MaxBytes     int64  // 0: 256 MiB, or a quarter of the file system if that is less

	Synced func(took time.Duration) // told of each fdatasync, whatever came of it; may be nil, must not call the journal
}

// Journal is the records on the disk. Its methods may be called from several
// goroutines; appends wait for each other.
type Journal struct {
	o     Options
	zero  []byte // the fold's zero state
	began string
	id    wire.JournalID

	mu       sync.Mutex
	aside    string     // why files that are there must be set aside before anything is stored; "": they need not
	segments []segment  // oldest first; none: the journal has not begun
	file     *os.File   // the newest segment; nil: it must not be written any more
	end      int64      // bytes of it that are stored
	spares   []*os.File // the next segments, allocated ahead
	last     uint64     // number of the last record stored
	hash     wire.Hash  // and its hash
	stamp    stamp      // and its times
	read     cursor     // where reading for publishing ended
	acked    uint64     // the controller said that it has all up to here
	stats    Stats

	shown atomic.Pointer[shown]
}

// stamp is the time of a record. Records of the journal's own bear that of the
// record before them.
type stamp struct {
	time    int64
	trusted bool
	running uint64
}

// Stats counts what was done since Open.
type Stats struct {
	Syncs    uint64 // fdatasync and fsync of files
	DirSyncs uint64 // fsync of directories
	Bytes    uint64 // written, framing included
	Records  uint64 // stored, those of the journal's own included
	Segments uint64 // begun
}

// Open opens a journal or begins a new one. It never fails: what is wrong with
// the one that was there says Began, what is wrong with the disk says the next
// Append, which tries again.
func Open(o Options) *Journal {
	o.MaxRecords = cmp.Or(o.MaxRecords, 1_000_000)
	o.MaxBytes = cmp.Or(o.MaxBytes, min(256<<20, quarter(o.Dir)))
	o.SegmentBytes = min(cmp.Or(o.SegmentBytes, 256<<10), o.MaxBytes/8)
	j := &Journal{o: o, zero: o.Fold.Encode()}
	j.mu.Lock()
	defer j.unlock()
	j.start()
	return j
}

// quarter returns a quarter of the file system that a directory is on, or is to be
// made on.
func quarter(dir string) int64 {
	var disk unix.Statfs_t
	for unix.Statfs(dir, &disk) != nil {
		parent := filepath.Dir(dir)
		if parent == dir {
			return math.MaxInt64
		}
		dir = parent
	}
	if disk.Blocks == 0 { // it has no size, or does not say
		return math.MaxInt64
	}
	return max(int64(disk.Blocks*uint64(disk.Bsize)/4), 64<<10)
}

// Began returns "" if the journal goes on, wire.ReasonNew if it is a fresh reader's
// first, and otherwise what was wrong with the one before, which was or will be
// set aside: PIN is to be locked out.
func (j *Journal) Began() string { return j.began }

// ID returns the journal's id.
func (j *Journal) ID() wire.JournalID { return j.id }

// shown is what can be asked at any time: nobody who asks waits for the disk.
type shown struct {
	first, last, acked uint64
	hash               wire.Hash
	stats              Stats
}

// unlock ends work on the journal and shows how it is now.
func (j *Journal) unlock() {
	s := &shown{first: 1, last: j.last, acked: j.acked, hash: j.hash, stats: j.stats}
	if len(j.segments) > 0 {
		s.first = j.segments[0].first
	}
	j.shown.Store(s)
	j.mu.Unlock()
}

// First returns the number of the oldest record held, 1 if there is none yet.
func (j *Journal) First() uint64 { return j.shown.Load().first }

// Last returns the number and the hash of the last record stored, 0 if there
// is none yet.
func (j *Journal) Last() (uint64, wire.Hash) {
	s := j.shown.Load()
	return s.last, s.hash
}

// Waiting returns how many records are held that the controller has not
// acknowledged since Open.
func (j *Journal) Waiting() uint64 {
	s := j.shown.Load()
	return s.last - min(s.last, max(s.acked, s.first-1))
}

// Stats returns what was done since Open.
func (j *Journal) Stats() Stats { return j.shown.Load().stats }

// Close lets go of the files. Nothing that is stored depends on it.
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
