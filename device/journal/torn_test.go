package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"latchkey/sync/wire"
)

// onDisk begins a journal of some appends, whose ends are returned with the states
// behind them, in a file with room allocated ahead.
func onDisk(t *testing.T, d string, sizes ...int) (image []byte, ends []int64, states []sumState) {
	t.Helper()
	j, state := fresh(t, Options{Dir: d})
	note := func() { ends, states = append(ends, j.end), append(states, *state) }
	note()
	for n, size := range sizes {
		var batch []wire.Record
		for range 1 + n%3 {
			batch = append(batch, wire.Record{Kind: wire.HealthChanged, Subject: "nfc", Text: string(make([]byte, size)), Count: uint64(n)})
		}
		append1(t, j, batch...)
		note()
	}
	j.Close()
	return content(t, segments(t, d)[0]), ends, states
}

// reopen opens a journal of one segment.
func reopen(t *testing.T, d, path string, image []byte) (*Journal, *sumState) {
	t.Helper()
	os.RemoveAll(d)
	if err := os.Mkdir(d, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, Options{Dir: d})
}

// The power fails while the last append is written: each of its sectors is there
// or is zeros. Nothing that was stored before is lost, and the journal goes on.
func TestAnySectorsOfTheLastAppendMayBeMissing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for shift := range 70 { // the last append begins at many places in a sector
		d := dir(t)
		image, ends, states := onDisk(t, d, 40, 30+7*shift, 700)
		path := segments(t, d)[0]
		from, to := ends[len(ends)-2], ends[len(ends)-1]
		first, last := from/sector, (to-1)/sector
		for subset := range 1 << (last - first + 1) {
			if last-first > 4 && random.IntN(8) != 0 {
				continue
			}
			cut := append([]byte{}, image...)
			for s := first; s <= last; s++ {
				if subset>>(s-first)&1 == 0 {
					clear(cut[max(from, s*sector):min(to, (s+1)*sector)])
				}
			}
			j, state := reopen(t, d, path, cut)
			want := states[len(states)-2]
			if string(cut) == string(image) {
				want = states[len(states)-1]
			}
			if j.Began() != "" || *state != want {
				t.Fatalf("shift %d, sectors %b of the append at %d to %d: %q, or another state", shift, subset, from, to, j.Began())
			}
			append1(t, j, charge(99))
			was := *state
			j.Close()
			if j, state = open(t, Options{Dir: d}); j.Began() != "" || *state != was {
				t.Fatalf("shift %d, sectors %b: gone on, the next start says %q", shift, subset, j.Began())
			}
			j.Close()
		}
	}
}

// The last append was written up to any byte, and zeros follow.
func TestTheLastAppendMayEndAtAnyByteWithZerosBehind(t *testing.T) {
	for _, sizes := range [][]int{{40, 60}, {40, 700}, {100, 20, 3}, {300, 400, 350}} {
		d := dir(t)
		image, ends, states := onDisk(t, d, sizes...)
		path := segments(t, d)[0]
		from, to := ends[len(ends)-2], ends[len(ends)-1]
		cut := append([]byte{}, image...)
		for at := to - 1; at >= from; at-- {
			cut[at] = 0
			j, state := reopen(t, d, path, cut)
			if j.Began() != "" || *state != states[len(states)-2] {
				t.Fatalf("the append at %d to %d ends at %d: %q, or another state", from, to, at, j.Began())
			}
			if at%16 == 0 {
				append1(t, j, charge(99))
				was := *state
				j.Close()
				if j, state = open(t, Options{Dir: d}); j.Began() != "" || *state != was {
					t.Fatalf("the append at %d to %d ends at %d: gone on, the next start says %q", from, to, at, j.Began())
				}
			}
			j.Close()
		}
	}
}

// A journal of before there were marks is read, and gone on with.
func TestAJournalWhoseFramesHaveNoMarkIsReadAndGoneOnWith(t *testing.T) {
	d := dir(t)
	whole, ends, states := small(t, d)
	path := segments(t, d)[0]
	old := append([]byte{}, whole[:headerSize]...)
	frames := frames{bufio.NewReader(bytes.NewReader(whole[headerSize:])), 0}
	var olds []int64
	for {
		record, more, err := frames.next()
		if err != nil {
			break
		}
		head := uint32(len(record))
		if more {
			head |= moreFollows
		}
		start := len(old)
		old = binary.BigEndian.AppendUint32(old, head)
		old = binary.BigEndian.AppendUint32(old, crc32.Checksum(old[start:], castagnoli))
		old = append(old, record...)
		old = binary.BigEndian.AppendUint32(old, crc32.Checksum(record, castagnoli))
		if slices.Contains(ends, headerSize+frames.end) {
			olds = append(olds, int64(len(old)))
		}
	}
	for length := olds[0]; length <= int64(len(old)); length++ {
		at := 0
		for i, end := range olds {
			if length >= end {
				at = i
			}
		}
		j, state := reopen(t, d, path, old[:length])
		if j.Began() != "" || *state != states[at] {
			t.Fatalf("%d bytes: %q, or another state than after append %d", length, j.Began(), at)
		}
		append1(t, j, charge(99))
		was := *state
		j.Close()
		if j, state = open(t, Options{Dir: d}); j.Began() != "" || *state != was {
			t.Fatalf("%d bytes, gone on: %q", length, j.Began())
		}
		j.Close()
	}
}

func TestZerosBehindTheLastRecordAreItsEnd(t *testing.T) {
	d := dir(t)
	whole, _, states := small(t, d)
	path := segments(t, d)[0]
	for _, zeros := range []int{1, 7, 8, 9, 511, 4096, 300_000} {
		j, state := reopen(t, d, path, append(append([]byte{}, whole...), make([]byte, zeros)...))
		if j.Began() != "" || *state != states[len(states)-1] {
			t.Errorf("%d zeros: %q", zeros, j.Began())
		}
		append1(t, j, charge(9))
		j.Close()
	}
}

// A sector in the middle is gone, and whole appends follow: they were stored after
// it was, so the disk has lost it.
func TestASectorThatIsGoneBeforeALaterAppendIsDamage(t *testing.T) {
	d := dir(t)
	image, ends, _ := onDisk(t, d, 500, 500, 500, 500, 20)
	path := segments(t, d)[0]
	for s := int64(1); (s+1)*sector <= ends[len(ends)-2]; s++ {
		cut := append([]byte{}, image...)
		clear(cut[s*sector : (s+1)*sector])
		j, _ := reopen(t, d, path, cut)
		if j.Began() == "" {
			t.Errorf("sector %d of the stored ones is gone, and the journal goes on", s)
		}
		j.Close()
	}
}

// Bits flip in records that end shortly before and behind a sector's end.
func TestAFlippedBitBeforeTheRoomAheadIsDamage(t *testing.T) {
	for shift := range 16 {
		d := dir(t)
		image, ends, _ := onDisk(t, d, 40, 190+shift)
		path := segments(t, d)[0]
		from, to := ends[len(ends)-2], ends[len(ends)-1]
		for bit := 8 * from; bit < 8*to; bit += 29 {
			image[bit/8] ^= 1 << (bit % 8)
			j, _ := reopen(t, d, path, image)
			if j.Began() == "" {
				t.Fatalf("shift %d: bit %d of byte %d, %d before the end, is flipped, and the journal goes on", shift, bit%8, bit/8, to-bit/8)
			}
			j.Close()
			image[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestWhatStandsFarBehindTheEndIsDamage(t *testing.T) {
	d := dir(t)
	whole, _, _ := small(t, d)
	path := segments(t, d)[0]
	image := append(append([]byte{}, whole...), make([]byte, 272<<10-len(whole))...)
	for _, at := range []int{len(image) / 2, len(whole) + mostHole + 1, len(image) - 1} {
		image[at] ^= 0x10
		j, _ := reopen(t, d, path, image)
		if j.Began() == "" {
			t.Errorf("a bit is flipped at %d of %d, where nothing was written, and the journal goes on", at, len(image))
		}
		j.Close()
		image[at] ^= 0x10
	}
}
