package cache

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"latchkey/sync/wire"
)

// BenchmarkBeside sets a look-up in the cache beside one in SQLite and one in
// bbolt, of the same million credentials in the same run: how long it takes,
// what a change that is durable when it returns has written, and what becomes
// of the answers when one bit in the page that holds them is another.
func BenchmarkBeside(b *testing.B) {
	const n, changes, flips = 1_000_000, 1_000, 200
	o, tags := big(b, n, "")
	entries := make([]wire.Entry, n)
	for i := range entries {
		entries[i] = wire.Entry{Tag: tags[i], Credential: besideCredential(uint64(i + 1))}
	}
	slices.SortFunc(entries, func(a, b wire.Entry) int { return bytes.Compare(a.Tag[:], b.Tag[:]) })
	fill(b, o.Dir, entries)

	for _, kind := range besides {
		b.Run(kind, func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			s, err := openBeside(kind, o.Dir)
			if err != nil {
				b.Fatal(err)
			}
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				e := &entries[random.IntN(n)]
				start := time.Now()
				c, err := s.lookup(e.Tag)
				took = append(took, time.Since(start))
				if err != nil || c.ID != e.Credential.ID {
					b.Fatal(c, err)
				}
			}
			info, err := os.Stat(besideFile(kind, o.Dir))
			if err != nil {
				b.Fatal(err)
			}
			each, change := changed(b, kind, s, entries[:changes])
			if err := s.close(); err != nil {
				b.Fatal(err)
			}
			if kind == "cache" {
				// 4,096 deltas bring a snapshot.
				b.ReportMetric(each+float64(info.Size())/wantDeltas, "bytes/change-with-snapshots")
				if err := os.Remove(filepath.Join(o.Dir, epochName(1), deltasFile)); err != nil {
					b.Fatal(err)
				}
			}
			said := damagedBeside(b, kind, o.Dir, entries, flips, random)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(median(took)), "median-ns")
			b.ReportMetric(each, "bytes/change")
			b.ReportMetric(float64(change.Microseconds()), "us/change")
			b.ReportMetric(float64(info.Size())/n, "bytes/credential")
			for _, outcome := range []string{"right", "refused", "wrong", "crashed"} {
				b.ReportMetric(float64(said[outcome]), "flips-"+outcome)
			}
		})
	}
}

// fill writes the credentials into SQLite and bbolt, in the order of their tags
// and without anything left over.
func fill(b *testing.B, dir string, entries []wire.Entry) {
	b.Helper()
	lite, err := openBeside("sqlite", dir)
	if err != nil {
		b.Fatal(err)
	}
	bolt, err := bbolt.Open(filepath.Join(dir, "uncompacted"), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	var synchronous int
	if err := lite.(*sqliteStore).db.QueryRow("pragma synchronous").Scan(&synchronous); err != nil || synchronous != 2 {
		b.Fatalf("SQLite's synchronous is %d, not full: %v", synchronous, err)
	}
	for part := range slices.Chunk(entries, 50_000) {
		if err := lite.(*sqliteStore).put(part); err != nil {
			b.Fatal(err)
		}
		if err := (&bboltStore{bolt}).put(part); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := lite.(*sqliteStore).db.Exec("pragma wal_checkpoint(truncate)"); err != nil {
		b.Fatal(err)
	}
	compact, err := openBeside("bbolt", dir)
	if err != nil {
		b.Fatal(err)
	}
	if err := bbolt.Compact(compact.(*bboltStore).db, bolt, 1<<20); err != nil {
		b.Fatal(err)
	}
	for _, close := range []func() error{lite.close, bolt.Close, compact.close, func() error { return os.Remove(filepath.Join(dir, "uncompacted")) }} {
		if err := close(); err != nil {
			b.Fatal(err)
		}
	}
}

// changed changes credentials, each durably by itself, and returns how many
// bytes that has written a change, and how long one took.
func changed(b *testing.B, kind string, s store, entries []wire.Entry) (each float64, took time.Duration) {
	b.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	var deltas [][]byte
	if kind == "cache" {
		place, before := s.(*cacheStore).Held(), wire.Hash{}
		for i := range entries {
			c := entries[i].Credential
			d := &wire.Delta{Epoch: 1, From: place.Revision, FromHash: place.Hash, Before: before, To: place.Revision + 1}
			d.Changes = []wire.Change{{Tag: entries[i].Tag, Credential: &c}}
			d.ToHash = d.FromHash.Extend(d.Changes[0])
			signed, err := d.Sign(wire.SiteID{1}, key)
			if err != nil {
				b.Fatal(err)
			}
			deltas = append(deltas, signed)
			place.Revision, place.Hash, before = d.To, d.ToHash, wire.Sum(wire.Marshal(d))
		}
	}
	written := written(b)
	start := time.Now()
	for i := range entries {
		var err error
		switch s := s.(type) {
		case *cacheStore:
			_, err = applySigned(s.Cache, deltas[i])
		case *sqliteStore:
			err = s.put(entries[i : i+1])
		case *bboltStore:
			err = s.put(entries[i : i+1])
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	took = time.Since(start) / time.Duration(len(entries))
	return float64(writtenSince(b, written)) / float64(len(entries)), took
}

// written returns how many bytes this process has handed to write calls
// (proc(5), /proc/pid/io).
func written(b *testing.B) (bytes uint64) {
	b.Helper()
	io, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(io)) {
		if _, err := fmt.Sscanf(line, "wchar: %d", &bytes); err == nil {
			return bytes
		}
	}
	b.Fatal("no wchar")
	return 0
}

func writtenSince(b *testing.B, before uint64) uint64 { return written(b) - before }

// damagedBeside flips one bit at a time in the page of 4 KiB that holds a tag, and
// has a process of its own ask for the tags around it, which are in that page
// as well: each store keeps them in order.
func damagedBeside(b *testing.B, kind, dir string, entries []wire.Entry, flips int, random *rand.Rand) map[string]int {
	b.Helper()
	path := besideFile(kind, dir)
	whole, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	said := map[string]int{}
	for range flips {
		at := 50 + random.IntN(len(entries)-100)
		place := bytes.LastIndex(whole, entries[at].Tag[:])
		if place < 0 {
			b.Fatal("a tag is not in the file")
		}
		bit := 8*(place&^4095) + random.IntN(8*4096)
		if bit/8 >= len(whole) {
			bit = 8 * place
		}
		if _, err := f.WriteAt([]byte{whole[bit/8] ^ 1<<(bit%8)}, int64(bit/8)); err != nil {
			b.Fatal(err)
		}
		var asked bytes.Buffer
		for _, e := range entries[at-50 : at+50] {
			fmt.Fprintln(&asked, hex.EncodeToString(e.Tag[:]), e.Credential.ID)
		}
		asking := child(kind, dir)
		asking.Stdin, asking.Stderr = &asked, nil
		out, err := asking.Output()
		outcome := strings.TrimSpace(string(out))
		if err != nil || outcome == "" {
			outcome = "crashed"
		}
		said[outcome]++
		if _, err := f.WriteAt(whole[bit/8:bit/8+1], int64(bit/8)); err != nil {
			b.Fatal(err)
		}
	}
	return said
}
