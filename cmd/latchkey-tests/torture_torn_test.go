package tests

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"latchkey/device"
	"latchkey/device/journal"
	"latchkey/sync/wire"
)

// onMemory returns an empty directory that is held in memory where there is
// such a one, for what is written ten thousand times.
func onMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "latchkey-test-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// newest returns the newest segment of a data directory.
func newest(t testing.TB, data string) string {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(data, "journal", "*.segment"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("no segment: %v", err)
	}
	return slices.Max(segments)
}

func readAll(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeAll(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// replayed is a journal as it is read again.
type replayed struct {
	began   string
	hashes  []wire.Hash
	durable device.Durable
}

func replay(t testing.TB, data string) (r replayed) {
	t.Helper()
	j := journal.Open(journal.Options{Dir: filepath.Join(data, "journal"), State: &r.durable})
	defer j.Close()
	r.began = j.Began()
	for entry, err := range j.Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		r.hashes = append(r.hashes, entry.Hash)
	}
	return r
}

// lived adopts a reader on which two wrong PINs were typed and a known card
// was shown.
func lived(t testing.TB, site *testSite) *testReader {
	t.Helper()
	v := newVictim(t, site, 0)
	v.start()
	v.opensByCard(bobUID, "a card")
	v.counted()
	v.counted()
	v.kill()
	return v.testReader
}

func TestATornWriteTakesNothingBackAndStopsNoStart(t *testing.T) {
	t.Parallel()
	reader := lived(t, adaAndBob(t))
	segment := newest(t, reader.data())
	whole := readAll(t, segment)

	// What a start makes of each beginning of the newest segment, as far back as
	// the last ten records or so.
	oracle := newOracle(t)
	dir := onMemory(t)
	at := filepath.Join(dir, "journal", filepath.Base(segment))
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		t.Fatal(err)
	}
	tear := func(b []byte) replayed {
		for _, name := range mustGlob(t, filepath.Join(dir, "journal", "*")) {
			os.RemoveAll(name)
		}
		writeAll(t, at, b)
		return replay(t, dir)
	}
	full := tear(whole)
	if full.began != "" || full.durable.Wrong != 2 {
		t.Fatalf("the whole journal: %q, %d wrong", full.began, full.durable.Wrong)
	}
	charged := func(r replayed) int {
		n := int(r.durable.Wrong)
		if r.durable.Pending != 0 {
			n++
		}
		return n
	}
	tail := min(1500, len(whole)-300) // the header and the checkpoint are not torn
	before := tear(whole[:len(whole)-tail])
	for n := len(whole) - tail; n <= len(whole); n++ {
		now := tear(whole[:n])
		oracle.count("torn writes replayed, one at each byte")
		// A torn end begins a segment: a checkpoint follows what is left.
		kept := min(len(now.hashes), len(full.hashes))
		for kept > 0 && now.hashes[kept-1] != full.hashes[kept-1] {
			kept--
		}
		if now.began != "" || kept < len(now.hashes)-1 || kept < 1 {
			t.Fatalf("torn at byte %d of %d: %q, %d records of which %d were stored", n, len(whole), now.began, len(now.hashes), kept)
		}
		if len(now.hashes) < len(before.hashes) || charged(now) < charged(before) && now.durable.Seq == before.durable.Seq && now.durable.Wrong != 0 {
			t.Fatalf("torn at byte %d: %d records and %d charged, a byte earlier %d and %d", n, len(now.hashes), charged(now), len(before.hashes), charged(before))
		}
		before = now
	}

	// The real reader starts on some of them and counts what was charged.
	random := rand.New(rand.NewPCG(*tortureSeed, 7))
	starts := 2
	if *torture {
		starts = 30
	}
	keep := reader.path("kept")
	copyDir(t, reader.data(), keep)
	for range starts {
		n := len(whole) - random.IntN(tail)
		want := tear(whole[:n])
		copyDir(t, keep, reader.data())
		writeAll(t, segment, whole[:n])
		reader.start()
		if got := int(reader.status()["wrong"].(float64)); got != charged(want) {
			t.Errorf("torn at byte %d: %d wrong PINs, %d were charged", n, got, charged(want))
		}
		reader.kill()
		oracle.count("starts of the real reader on a torn journal")
	}
	t.Log(oracle.report("torn writes", "every record before the torn one kept, and none after it", "wrong PINs as many as were charged", "every start came up"))
}

func mustGlob(t testing.TB, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// copyDir copies files and directories as a thief with the board in hand would.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case entry.Type().IsRegular():
			writeAll(t, filepath.Join(to, name), readAll(t, path))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
