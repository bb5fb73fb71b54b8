package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"latchkey/sync/wire"
)

func TestMain(m *testing.M) {
	switch os.Getenv("JOURNAL_CHILD") {
	case "append":
		appendForEver(os.Getenv("JOURNAL_DIR"))
	case "limited":
		appendLimited(os.Getenv("JOURNAL_DIR"))
	default:
		os.Exit(m.Run())
	}
}

func child(ctx context.Context, role, dir string) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0])
	c.Env = append(os.Environ(), "JOURNAL_CHILD="+role, "JOURNAL_DIR="+dir)
	c.Stderr = os.Stderr
	return c
}

// appendForEver appends, several batches at a time, and prints what is stored.
func appendForEver(dir string) {
	j := Open(Options{Dir: dir, SegmentBytes: 3000, State: new(sumState)})
	fmt.Println("began", j.Began())
	free := make(chan struct{}, 10)
	w := NewWriter(j, func(s Stored) {
		if s.Err != nil {
			fmt.Println("fault", s.Err)
			os.Exit(1)
		}
		fmt.Println(s.First, s.Batch)
		<-free
	})
	go func() {
		for batch := uint64(1); ; batch++ {
			free <- struct{}{}
			w.Append(batch, []wire.Record{charge(batch), {Kind: wire.AttemptUnknown, Seq: batch}})
		}
	}()
	w.Run(context.Background())
}

func TestWhatWasStoredBeforeAKillIsThere(t *testing.T) {
	d := dir(t)
	stored := map[uint64]uint64{} // number: seq
	for round := range 8 {
		c := child(t.Context(), "append", d)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			line := lines.Text()
			if began, found := strings.CutPrefix(line, "began "); found {
				if (began == "") != (round > 0) {
					t.Fatalf("round %d began with %q", round, began)
				}
				continue
			}
			var number, seq uint64
			if _, err := fmt.Sscan(line, &number, &seq); err != nil {
				t.Fatal(line)
			}
			stored[number] = seq
			if n == 30+20*round {
				c.Process.Kill() // what it had printed until then is read on
			}
		}
		c.Wait()
	}
	j, _ := open(t, Options{Dir: d})
	if j.Began() != "" {
		t.Fatal(j.Began())
	}
	records := parse(t, read(t, j, 0))
	if records[0].Number != 1 || records[len(records)-1].Number != uint64(len(records)) {
		t.Fatalf("%d records up to %d", len(records), records[len(records)-1].Number)
	}
	for number, seq := range stored {
		if r := records[number-1]; r.Kind != wire.AttemptStarted || r.Seq != seq || records[number].Seq != seq {
			t.Fatalf("record %d was stored with seq %d and is %+v", number, seq, r)
		}
	}
	if len(stored) < 200 {
		t.Errorf("only %d appends were made", len(stored))
	}
}

// appendLimited appends to files that may not grow beyond 4,000 bytes.
func appendLimited(dir string) {
	signal.Ignore(unix.SIGXFSZ)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 4000, Max: 4000}); err != nil {
		panic(err)
	}
	j := Open(Options{Dir: dir, Fresh: true, State: new(sumState)})
	for seq := uint64(1); seq <= 60; seq++ {
		first, err := j.Append(charge(seq))
		fmt.Println(seq, first, errors.Is(err, ErrFull))
	}
}

func TestAFileThatMayNotGrowIsLeftForANewOne(t *testing.T) {
	d := dir(t)
	out, err := child(t.Context(), "limited", d).Output()
	if err != nil {
		t.Fatal(err)
	}
	j, _ := open(t, Options{Dir: d})
	if j.Began() != "" {
		t.Fatal(j.Began())
	}
	records := parse(t, read(t, j, 0))
	faults := 0
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines {
		var seq, first uint64
		var full bool
		if _, err := fmt.Sscan(line, &seq, &first, &full); err != nil {
			t.Fatal(line)
		}
		if full {
			faults++
		} else if r := records[first-1]; r.Seq != seq {
			t.Errorf("seq %d was stored as %d and is %+v", seq, first, r)
		}
	}
	if len(lines) != 60 || faults == 0 || faults > 5 || len(segments(t, d)) != faults+1 {
		t.Errorf("%d appends, %d faults, %d segments", len(lines), faults, len(segments(t, d)))
	}
	for _, r := range records {
		if r.Kind == wire.RecordsDropped {
			t.Errorf("what was never stored was taken for lost: %+v", r)
		}
	}
}

// disk mounts a small file system in memory.
func disk(t *testing.T, size string) string {
	t.Helper()
	d := t.TempDir()
	if err := unix.Mount("tmpfs", d, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting needs rights: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(d, unix.MNT_DETACH) })
	return d
}

// full takes all room that a disk has.
func full(t *testing.T, ballast string) {
	t.Helper()
	f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}

// Others fill the disk. What is allocated ahead goes on storing; once that is used
// up nothing is, and nothing that is stored is lost, and there are no more
// segments than before.
func TestAFullDiskGoesOnFromWhatIsAllocatedAheadThenStoresNothingUntilThereIsRoom(t *testing.T) {
	d := disk(t, "512k")
	o := Options{Dir: d + "/journal", SegmentBytes: 10_000, MaxBytes: 1 << 20}
	j, state := fresh(t, o)
	stored := map[uint64]uint64{}
	seq := uint64(0)
	for round := range 4 {
		for range 50 {
			seq++
			stored[append1(t, j, charge(seq))] = seq
		}
		full(t, d+"/ballast")
		for range 50 {
			seq++
			stored[append1(t, j, charge(seq))] = seq // needs no free block
		}
		before, faults := len(segments(t, o.Dir)), 0
		for range 600 {
			seq++
			first, err := j.Append(charge(seq))
			if err == nil {
				stored[first] = seq
			} else if faults++; !errors.Is(err, ErrFull) || !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if faults < 50 {
			t.Fatalf("%d faults", faults)
		}
		if n := len(segments(t, o.Dir)); n > before+spares {
			t.Fatalf("a full disk was filled with %d segments more", n-before)
		}
		os.Remove(d + "/ballast")
	}
	seq++
	stored[append1(t, j, charge(seq))] = seq
	was := *state
	j.Close()
	j, state = open(t, o)
	if j.Began() != "" || *state != was {
		t.Fatalf("the next start finds another journal (%q)", j.Began())
	}
	records := parse(t, read(t, j, 0))
	if len(records) != int(records[len(records)-1].Number) {
		t.Fatalf("%d records up to %d", len(records), records[len(records)-1].Number)
	}
	for number, seq := range stored {
		if records[number-1].Seq != seq {
			t.Fatalf("record %d was stored with seq %d and is %+v", number, seq, records[number-1])
		}
	}
}

// A stranger waves cards for days on a partition of 768 KiB. The journal keeps
// within its share of it, and what it is for is stored all the while.
func TestOnASmallPartitionWhatNeedsNoRightNeverKeepsOutTheRest(t *testing.T) {
	d := disk(t, "768k")
	o := Options{Dir: d + "/journal"}
	j, _ := fresh(t, o)
	var grants []uint64
	for n := range uint64(9000) {
		append1(t, j, wire.Record{Kind: wire.AccessDenied, By: "card", Reason: "unknown", Tag: []byte{1, 2, 3, 4, 5, 6, 7, byte(n)}})
		if n%100 == 0 {
			grants = append(grants, append1(t, j, wire.Record{Kind: wire.AccessGranted, By: "card", Credential: 7, User: 9, Seconds: 5}))
		}
	}
	full(t, d+"/ballast")
	for n := range uint64(1000) { // fills what is allocated ahead, again and again
		append1(t, j, wire.Record{Kind: wire.AccessDenied, By: "card", Reason: "unknown", Tag: []byte{1, 2, 3, 4, 5, 6, 7, byte(n)}})
	}
	append1(t, j, charge(1))
	held := map[uint64]bool{}
	for _, r := range parse(t, read(t, j, 0)) {
		held[r.Number] = true
	}
	for _, number := range grants {
		if !held[number] {
			t.Fatalf("grant %d is gone, and %d others wait", number, len(grants))
		}
	}
}

// Quarantined files make room before anything else goes.
func TestWhatWasQuarantinedGoesFirst(t *testing.T) {
	d := disk(t, "768k")
	o := Options{Dir: d + "/journal"}
	j, _ := fresh(t, o)
	moved := filepath.Join(o.Dir, damagedPrefix+"1")
	if err := os.Mkdir(moved, 0o700); err != nil {
		t.Fatal(err)
	}
	full(t, filepath.Join(moved, "old.segment"))
	for seq := range uint64(3000) {
		append1(t, j, charge(seq+1))
	}
	if _, err := os.Stat(moved); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it is still there:", err)
	}
}

func TestAReadOnlyDiskIsReadAndSaidToBeOne(t *testing.T) {
	d := disk(t, "1m")
	o := Options{Dir: d + "/journal"}
	j, state := fresh(t, o)
	append1(t, j, charge(1))
	was := *state
	j.Close()
	readOnly := func(flag uintptr) {
		t.Helper()
		if err := unix.Mount("", d, "", unix.MS_REMOUNT|flag, ""); err != nil {
			t.Fatal(err)
		}
	}
	readOnly(unix.MS_RDONLY)
	j, state = open(t, o)
	if j.Began() != "" || *state != was || len(read(t, j, 0)) != 2 {
		t.Fatalf("a read-only journal is not read (%q)", j.Began())
	}
	if _, err := j.Append(charge(2)); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	readOnly(0)
	append1(t, j, charge(2))
	j.Close()

	// Damaged on a read-only disk: it says so, and quarantines it as soon as it can.
	path := segments(t, o.Dir)[0]
	newest := segments(t, o.Dir)[len(segments(t, o.Dir))-1]
	if err := os.WriteFile(newest, []byte("no segment"), 0o600); err != nil {
		t.Fatal(err)
	}
	readOnly(unix.MS_RDONLY)
	j, _ = open(t, o)
	if _, err := j.Append(charge(1)); j.Began() == "" || !errors.Is(err, ErrReadOnly) {
		t.Error(j.Began(), err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	readOnly(0)
	append1(t, j, charge(1))
	if got := kinds(parse(t, read(t, j, 0))); got != "1 checkpoint\n2 attempt.started\n" {
		t.Error(got)
	}
}

func TestAfterAFailedWriteOrSyncASegmentIsNeverWrittenAgain(t *testing.T) {
	for name, device := range map[string]struct {
		path string
		want error
	}{
		"write": {"/dev/full", ErrFull}, // takes no byte
		"sync":  {"/dev/null", ErrDisk}, // takes all of them and cannot be synced
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Dir: dir(t)}
			j, state := fresh(t, o)
			append1(t, j, charge(1))
			path := segments(t, o.Dir)[0]
			before, was := content(t, path), *state
			f, err := os.OpenFile(device.path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			j.file.Close()
			j.file = f
			if _, err := j.Append(charge(2)); !errors.Is(err, device.want) {
				t.Fatal(err)
			}
			if last, _ := j.Last(); last != 2 || *state != was {
				t.Error("what was not stored was folded")
			}
			if first := append1(t, j, charge(3)); first != 4 {
				t.Errorf("goes on with record %d", first)
			}
			if string(content(t, path)) != string(before) || len(segments(t, o.Dir)) != 2 {
				t.Error("the segment was written again")
			}
			want := "1 checkpoint\n2 attempt.started\n3 checkpoint\n4 attempt.started\n"
			if got := kinds(parse(t, read(t, j, 0))); got != want {
				t.Error(got)
			}
			was = *state
			j.Close()
			if j, state = open(t, o); j.Began() != "" || *state != was {
				t.Errorf("the next start says %q", j.Began())
			}
		})
	}
}

func TestWhatAFailedWriteLeftIsNeverRead(t *testing.T) {
	o := Options{Dir: dir(t)}
	j, state := fresh(t, o)
	append1(t, j, charge(1))
	// The whole of an append reached the file, and then its sync failed.
	path := segments(t, o.Dir)[0]
	ghost := charge(2)
	last, hash := j.Last()
	ghost.Number, ghost.Before = last+1, hash
	if err := os.WriteFile(path, appendFrame(bytes.TrimRight(content(t, path), "\x00"), wire.Marshal(&ghost), writeBegins), 0o600); err != nil {
		t.Fatal(err)
	}
	j.retire()
	append1(t, j, charge(3))
	was := *state
	for range 2 {
		for _, r := range parse(t, read(t, j, 0)) {
			if r.Seq == 2 || r.Kind == wire.RecordsDropped {
				t.Fatal(strconv.FormatUint(r.Number, 10), r.Kind)
			}
		}
		j.Close()
		if j, state = open(t, o); j.Began() != "" || *state != was {
			t.Fatalf("the next start says %q", j.Began())
		}
	}
}

func TestOnceANewSegmentMayHaveItsNameTheOneBeforeIsNotWritten(t *testing.T) {
	o := Options{Dir: dir(t)}
	j, _ := fresh(t, o)
	append1(t, j, charge(1))
	before := content(t, segments(t, o.Dir)[0])
	// What has the next segment's name cannot be replaced by a file.
	blocked := j.path(segmentName(3))
	if err := os.Mkdir(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := j.begin(); err == nil {
		t.Fatal("begun")
	}
	if _, err := j.Append(charge(2)); err == nil {
		t.Error("stored, though another segment may be the newest at the next start")
	}
	os.Remove(blocked)
	if first := append1(t, j, charge(2)); first != 4 || string(content(t, segments(t, o.Dir)[0])) != string(bytes.TrimRight(before, "\x00")) {
		t.Error("stored as", first)
	}
}

// A journal is damaged again and again on a small partition: copies of it are kept
// within a bound, and never keep out what has to be stored.
func TestCopiesOfDamagedJournalsNeverFillASmallPartition(t *testing.T) {
	d := disk(t, "768k")
	o := Options{Dir: d + "/journal"}
	j, _ := fresh(t, o)
	for round := range 8 {
		for n := range uint64(1500) {
			append1(t, j, wire.Record{Kind: wire.AccessGranted, By: "card", Credential: n + 1, User: 9, Seconds: 5})
		}
		j.Close()
		all := segments(t, o.Dir)
		newest := all[len(all)-1]
		b := content(t, newest)
		b[headerSize+2] ^= 1
		if err := os.WriteFile(newest, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if j, _ = open(t, o); j.Began() == "" {
			t.Fatalf("round %d: damage goes unseen", round)
		}
		var left unix.Statfs_t
		if err := unix.Statfs(d, &left); err != nil {
			t.Fatal(err)
		}
		if left.Bavail < left.Blocks/4 {
			t.Fatalf("round %d: %d of %d blocks are left", round, left.Bavail, left.Blocks)
		}
	}
	kept, err := filepath.Glob(filepath.Join(o.Dir, damagedPrefix+"*"))
	if err != nil || len(kept) == 0 {
		t.Errorf("no copy is kept: %v", err)
	}
}

// A start on a disk that copies of damaged journals have filled makes room.
func TestAStartOnADiskThatIsFullOfQuarantinedFilesGoesOn(t *testing.T) {
	for _, newest := range []string{"whole", "torn", "damaged"} {
		t.Run(newest, func(t *testing.T) {
			d := disk(t, "768k")
			o := Options{Dir: d + "/journal"}
			j, _ := fresh(t, o)
			append1(t, j, charge(1))
			end := j.end
			j.Close()
			path := segments(t, o.Dir)[0]
			switch newest {
			case "torn":
				if err := os.Truncate(path, end-3); err != nil {
					t.Fatal(err)
				}
			case "damaged":
				b := content(t, path)
				b[headerSize+2] ^= 1
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			moved := filepath.Join(o.Dir, damagedPrefix+"1")
			if err := os.Mkdir(moved, 0o700); err != nil {
				t.Fatal(err)
			}
			full(t, filepath.Join(moved, "old.segment"))
			j, _ = open(t, o)
			for seq := range uint64(3000) {
				append1(t, j, charge(seq+2))
			}
		})
	}
}

// The disk is filled while no reader runs: what the journal had allocated ahead is its
// own still.
func TestTheRoomAheadOutlivesTheReader(t *testing.T) {
	d := disk(t, "1m")
	o := Options{Dir: d + "/journal", SegmentBytes: 10_000, MaxBytes: 1 << 20}
	j, _ := fresh(t, o)
	append1(t, j, charge(1))
	j.Close()
	full(t, d+"/ballast")
	j, _ = open(t, o)
	seq := uint64(1)
	for j.Stats().Segments < spares {
		seq++
		append1(t, j, charge(seq))
	}
	j.Close()
	if j, _ = open(t, o); j.Began() != "" {
		t.Fatal(j.Began())
	}
	append1(t, j, charge(seq+1))
}

func TestASegmentThatWasBeingBegunWhenThePowerWentIsNotTakenForRoomAhead(t *testing.T) {
	for at := range int64(12) {
		o := Options{Dir: dir(t), SegmentBytes: 10_000}
		j, _ := fresh(t, o)
		append1(t, j, charge(1))
		j.Close()
		for n := range spares {
			b := make([]byte, j.allocated())
			b[at*50] = 1 // of what was written, this sector is there
			if err := os.WriteFile(j.path(spareName(n)), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		j, _ = open(t, o)
		for seq := uint64(2); j.Stats().Segments == 0; seq++ {
			append1(t, j, charge(seq))
		}
		was := len(read(t, j, 0))
		j.Close()
		if j, _ = open(t, o); j.Began() != "" || len(read(t, j, 0)) != was {
			t.Errorf("byte %d: the next start says %q", 50*at, j.Began())
		}
	}
}

// Whoever copies a data directory back may bring files without blocks.
func TestAFileWithoutItsBlocksIsNoRoomAhead(t *testing.T) {
	o := Options{Dir: dir(t), SegmentBytes: 100_000}
	j, _ := fresh(t, o)
	j.Close()
	for n := range spares {
		name := j.path(spareName(n))
		if err := errors.Join(os.Truncate(name, 0), os.Truncate(name, j.allocated())); err != nil {
			t.Fatal(err)
		}
	}
	open(t, o)
	for n := range spares {
		var is unix.Stat_t
		if err := unix.Stat(j.path(spareName(n)), &is); err != nil || is.Size != j.allocated() || is.Blocks*512 < is.Size {
			t.Errorf("%d bytes in %d blocks, %v", is.Size, is.Blocks, err)
		}
	}
}
