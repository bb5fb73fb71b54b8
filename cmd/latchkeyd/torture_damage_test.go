package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/device/journal"
	"latchkey/device/pin"
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
	segments, err := filepath.Glob(filepath.Join(data, journalDir, "*.segment"))
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
	j := journal.Open(journal.Options{Dir: filepath.Join(data, journalDir), Fold: &r.durable})
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

// lived adopts a reader on which two wrong PINs and a right one were typed and
// a third wrong one was being checked when it was killed.
func lived(t testing.TB, site *testSite) *testReader {
	t.Helper()
	r := site.adopt(t, "front-door")
	r.start()
	r.begun()
	r.typePIN(adaPIN)
	r.opens("a PIN")
	r.closed()
	r.wrong(wrongPIN)
	r.wrong(wrongPIN)
	r.kill()
	return r
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
	at := filepath.Join(dir, journalDir, filepath.Base(segment))
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		t.Fatal(err)
	}
	tear := func(b []byte) replayed {
		for _, name := range mustGlob(t, filepath.Join(dir, journalDir, "*")) {
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
	tail := min(1500, len(whole)-300) // the header and the checkpoint are written aside
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
	copyDirOf(t, reader.data(), keep)
	for range starts {
		n := len(whole) - random.IntN(tail)
		want := tear(whole[:n])
		copyDirOf(t, keep, reader.data())
		writeAll(t, segment, whole[:n])
		reader.start()
		if got := int(reader.status()["wrong"].(float64)); got != charged(want) {
			t.Errorf("torn at byte %d: %d wrong PINs, %d were charged", n, got, charged(want))
		}
		reader.kill()
		oracle.count("starts of the real reader on a torn journal")
	}
	t.Log(oracle.report("torn writes"))
}

func mustGlob(t testing.TB, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func copyDirOf(t testing.TB, from, to string) {
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

// secrets are what is shown to a reader whose files are damaged, with the user
// that each belongs to; 0: nobody.
type secret struct {
	kind     wire.CredentialKind
	material []byte
	user     uint64
}

// answers looks secrets up in a data directory. It returns how many answers
// were right and how many were refused; any other is one too many.
func answers(t testing.TB, data string, secrets []secret) (right, refused int, wrong string) {
	site, err := readSite(data)
	if err != nil {
		return 0, len(secrets), ""
	}
	options := cache.Options{Dir: data, Site: site.ID, Controller: site.controller()}
	held := openHeld(options)
	defer held.cache.Close()
	for _, s := range secrets {
		if held.err != nil {
			refused++
			continue
		}
		tag, err := held.key.Tag(s.kind, s.material)
		if err != nil {
			refused++
			continue
		}
		credential, err := held.cache.Lookup(held.epoch.Number, tag)
		switch {
		case err == nil && (s.user == 0 || credential.User != s.user || credential.Kind != s.kind):
			return right, refused, fmt.Sprintf("user %d came in for %d", credential.User, s.user)
		case err == nil, err == cache.ErrUnknown && s.user == 0:
			right++
		default:
			refused++
		}
	}
	return right, refused, ""
}

func TestNoSingleFlippedBitOpensADoorForgetsOrStopsAStart(t *testing.T) {
	t.Parallel()
	site := adaAndBob(t)
	reader := lived(t, site)
	held, err := readSite(reader.data())
	if err != nil {
		t.Fatal(err)
	}
	options := cache.Options{Dir: reader.data(), Site: held.ID, Controller: held.controller()}
	credentials := openHeld(options)
	defer credentials.cache.Close()
	material := func(digits string) []byte {
		m, err := pin.Material([]byte(digits), credentials.epoch.KDF)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	secrets := []secret{
		{wire.PIN, material(adaPIN), 1},
		{wire.Card, []byte{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0x80}, 2},
		{wire.PIN, material(wrongPIN), 0},
		{wire.Card, []byte{0x04, 0xde, 0xad, 0xbe, 0xef, 0x01, 0x80}, 0},
	}
	policy, err := cache.LoadPolicy(options, "front-door")
	if err != nil {
		t.Fatal(err)
	}
	if right, _, wrong := answers(t, reader.data(), secrets); right != len(secrets) || wrong != "" {
		t.Fatalf("%d right answers of %d before anything is damaged: %s", right, len(secrets), wrong)
	}

	oracle := newOracle(t)
	dir := filepath.Join(onMemory(t), "data")
	copyDirOf(t, reader.data(), dir)
	step := 97 // every bit would take minutes
	if *torture {
		step = 1
	}
	moved := options
	moved.Dir = dir
	full := replay(t, dir)
	segment, err := filepath.Rel(reader.data(), newest(t, reader.data()))
	if err != nil {
		t.Fatal(err)
	}
	files := []string{"policy.cbor", siteFile, identityFile, segment}
	for _, pattern := range []string{"epoch-*/credentials.cbor", "epoch-*/deltas.cbor", "epoch-*/key"} {
		for _, path := range mustGlob(t, filepath.Join(reader.data(), pattern)) {
			name, err := filepath.Rel(reader.data(), path)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, name)
		}
	}
	for _, name := range files {
		path := filepath.Join(dir, name)
		whole := readAll(t, path)
		for bit := 0; bit < 8*len(whole); bit += step {
			b := slices.Clone(whole)
			b[bit/8] ^= 1 << (bit % 8)
			writeAll(t, path, b)
			oracle.count("bits flipped in " + name)
			right, refused, wrong := answers(t, dir, secrets)
			if wrong != "" {
				t.Fatalf("%s, bit %d: %s", name, bit, wrong)
			}
			oracle.counts["answers right"] += right
			oracle.counts["answers refused"] += refused
			if name == "policy.cbor" {
				if loaded, err := cache.LoadPolicy(moved, "front-door"); err == nil && !reflect.DeepEqual(loaded, policy) {
					t.Fatalf("%s, bit %d: another policy: %+v", name, bit, loaded)
				}
			}
			if name == segment {
				now := replay(t, dir)
				if now.began == "" && (!slices.Equal(now.hashes, full.hashes) || now.durable != full.durable) {
					t.Fatalf("%s, bit %d: another journal, and nobody noticed", name, bit)
				}
				if now.began != "" {
					oracle.count("journals given up, for which PIN entry is locked out")
				}
				for _, left := range mustGlob(t, filepath.Join(dir, journalDir, "*")) {
					os.RemoveAll(left)
				}
			}
		}
		writeAll(t, path, whole)
	}

	// The real reader starts on some of them, and no stranger comes in.
	random := rand.New(rand.NewPCG(*tortureSeed, 8))
	starts := 2
	if *torture {
		starts = 30
	}
	keep := reader.path("kept")
	copyDirOf(t, reader.data(), keep)
	for range starts {
		name := files[random.IntN(len(files))]
		copyDirOf(t, keep, reader.data())
		b := readAll(t, filepath.Join(keep, name))
		if len(b) == 0 {
			continue
		}
		bit := random.IntN(8 * len(b))
		b[bit/8] ^= 1 << (bit % 8)
		writeAll(t, filepath.Join(reader.data(), name), b)
		reader.start()
		status := reader.status()
		if status["lockout"] == "none" && status["pin"] == "on" && status["wrong"].(float64) < 2 {
			t.Errorf("%s, bit %d: %v wrong PINs, 2 were charged", name, bit, status["wrong"])
		}
		reader.showCard(strangerUID)
		if reader.line("strike") {
			t.Errorf("%s, bit %d: a stranger's card opened the door", name, bit)
		}
		reader.kill()
		oracle.count("starts of the real reader with a flipped bit")
	}
	t.Log(oracle.report("flipped bits"))
}
