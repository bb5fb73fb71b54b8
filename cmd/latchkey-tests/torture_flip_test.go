package tests

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"latchkey/device/cache"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// secret is what is shown to a reader whose files are damaged, with the user
// that it belongs to; 0: nobody.
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
	options := cache.Options{Dir: data, Site: site.ID, Controller: site.Controller}
	held := openCredentials(options)
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
	options := cache.Options{Dir: reader.data(), Site: held.ID, Controller: held.Controller}
	credentials := openCredentials(options)
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
	copyDir(t, reader.data(), dir)
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
	files := []string{"policy.cbor", "site.cbor", "identity.cbor", segment}
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
		bits := 8 * len(whole)
		if name == segment { // and a little of the room that is allocated ahead
			bits = min(bits, 8*(len(bytes.TrimRight(whole, "\x00"))+1024))
		}
		for bit := 0; bit < bits; bit += step {
			b := slices.Clone(whole)
			b[bit/8] ^= 1 << (bit % 8)
			writeAll(t, path, b)
			oracle.count("bits flipped in " + name)
			right, refused, wrong := answers(t, dir, secrets)
			if wrong != "" {
				t.Fatalf("%s, bit %d: %s", name, bit, wrong)
			}
			if filepath.Base(name) == "key" && right > 0 {
				t.Fatalf("%s, bit %d: it is used, and nobody noticed", name, bit)
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
				// In the room that is allocated ahead a bit ends the segment: the next one goes on.
				same := now.durable == full.durable && len(now.hashes) >= len(full.hashes) && slices.Equal(now.hashes[:len(full.hashes)], full.hashes)
				if bit < 8*len(bytes.TrimRight(whole, "\x00")) {
					same = same && len(now.hashes) == len(full.hashes)
				}
				if now.began == "" && !same {
					t.Fatalf("%s, bit %d: another journal, and nobody noticed", name, bit)
				}
				if now.began != "" {
					oracle.count("journals given up, for which PIN entry is locked out")
				}
				for _, left := range mustGlob(t, filepath.Join(dir, "journal", "*")) {
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
	copyDir(t, reader.data(), keep)
	for range starts {
		name := files[random.IntN(len(files))]
		copyDir(t, keep, reader.data())
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
	t.Log(oracle.report("flipped bits",
		"no answer for another than whose PIN or card it was", "no other policy taken", "no journal taken for whole that was not",
		"every start came up, and no stranger's card opened"))
}
