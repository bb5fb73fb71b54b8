package cache

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// big writes an epoch with so many credentials, and the most deltas that are
// kept before a snapshot is wanted if deltas says so, each of one change or as
// long as they can be. It returns the tags.
func big(b testing.TB, n int, deltas string) (Options, []wire.Tag) {
	b.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	o := Options{Dir: dir(b), Site: wire.SiteID{1}, Controller: key.Public().(ed25519.PublicKey)}
	m := &wire.Manifest{Site: o.Site, Epoch: 1, Revision: uint64(n), KDF: testKDF}
	tags, entries := make([]wire.Tag, n), make([]wire.Entry, n)
	rand.Read(m.Hash[:])
	for i := range entries {
		rand.Read(tags[i][:])
		entries[i] = wire.Entry{Tag: tags[i], Credential: besideCredential(uint64(i + 1))}
	}
	snapshot, err := wire.WriteSnapshot(m, entries, key)
	if err != nil {
		b.Fatal(err)
	}
	if err := installBundle(o, &wire.Bundle{Site: o.Site, Epoch: 1, Snapshot: snapshot}); err != nil {
		b.Fatal(err)
	}
	var log []byte
	place, before := m.Position(), wire.Hash{}
	for count := 0; deltas != "" && count < wantDeltas; count++ {
		d := &wire.Delta{Epoch: 1, From: place.Revision, FromHash: place.Hash, ToHash: place.Hash, Before: before}
		changes := 1
		if deltas == "long" {
			changes = 700
		}
		for i := range changes {
			c := entries[(count*changes+i)%n].Credential
			tag := wire.Tag(binary.BigEndian.AppendUint64(make([]byte, 8), uint64(count*changes+i)))
			d.Changes = append(d.Changes, wire.Change{Tag: tag, Credential: &c})
			d.ToHash = d.ToHash.Extend(d.Changes[i])
		}
		d.To = d.From + uint64(changes)
		signed, err := d.Sign(o.Site, key)
		if err != nil {
			b.Fatal(err)
		}
		if len(log)+len(signed) > wantBytes {
			break
		}
		log = append(log, signed...)
		place.Revision, place.Hash, before = d.To, d.ToHash, wire.Sum(wire.Marshal(d))
	}
	if err := os.WriteFile(filepath.Join(o.Dir, epochName(1), deltasFile), log, 0o600); err != nil {
		b.Fatal(err)
	}
	return o, tags
}

// A look-up among a million takes at most one and a half times one among a
// thousand, and at most three times the SHA-256 of the bytes that it reads,
// with at most 16 allocations.
func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			o, tags := big(b, n, "")
			c := open(b, o)
			if c.Fault() != nil {
				b.Fatal(c.Fault())
			}
			b.ReportAllocs()
			took := make([]time.Duration, 0, b.N)
			var read int
			for i := 0; b.Loop(); i++ {
				tag := tags[i*7919%n]
				start := time.Now()
				_, err := c.Lookup(1, tag)
				took = append(took, time.Since(start))
				if err != nil {
					b.Fatal(err)
				}
				read += c.held.manifest.ChunkLength(c.held.chunkOf(tag))
			}
			lookup := median(took)
			chunk := make([]byte, read/len(took))
			for i := range took {
				start := time.Now()
				sha256.Sum256(chunk)
				took[i] = time.Since(start)
			}
			hash := median(took)
			b.ReportMetric(float64(lookup), "median-ns")
			b.ReportMetric(float64(hash), "sha256-ns")
			b.ReportMetric(float64(lookup)/float64(hash), "x-sha256")
		})
	}
}

func median(d []time.Duration) time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)/2]
}

// Opening a million credentials with the most deltas takes at most 50 ms and 8
// MB of resident memory above those of a reader without any; on the disk each
// takes at most 100 bytes.
func BenchmarkOpen(b *testing.B) {
	for _, deltas := range []string{"short", "long"} {
		b.Run("1000000 and "+deltas+" deltas", func(b *testing.B) {
			o, _ := big(b, 1_000_000, deltas)
			empty := resident(b, dir(b))
			full := resident(b, o.Dir)
			info, err := os.Stat(filepath.Join(o.Dir, epochName(1), credentialsFile))
			if err != nil {
				b.Fatal(err)
			}
			debug.FreeOSMemory()
			var deltas int
			for b.Loop() {
				c := Open(o)
				if c.Fault() != nil {
					b.Fatal(c.Fault())
				}
				deltas = len(c.held.deltas)
				c.Close()
			}
			b.ReportMetric(float64(full-empty)/1e6, "MB-resident")
			b.ReportMetric(float64(info.Size())/1e6, "bytes/credential")
			b.ReportMetric(float64(deltas), "deltas")
		})
	}
}

// resident returns the resident memory, in bytes, of another process that has
// a cache open.
func resident(b *testing.B, dir string) int {
	b.Helper()
	out, err := child("open", dir).Output()
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.Atoi(string(bytes.TrimSpace(out)))
	if err != nil {
		b.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// openAndSay opens the cache that big has written, looks a few tags up and says
// how many pages are resident.
func openAndSay(dir string) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	c := Open(Options{Dir: dir, Site: wire.SiteID{1}, Controller: key.Public().(ed25519.PublicKey)})
	for n := range uint64(100) {
		c.Lookup(1, tagOf(n))
	}
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.Fields(string(statm))[1])
	c.Close()
}

func BenchmarkApply(b *testing.B) {
	from := filled(5, 1000)
	c := open(b, installed(b, from))
	n := uint64(1000)
	for b.Loop() {
		b.StopTimer()
		n++
		delta := from.delta(from.add(n))
		b.StartTimer()
		if applied, err := applySigned(c, delta); !applied || err != nil {
			if c.WantsSnapshot() {
				b.Skip("as many as are taken")
			}
			b.Fatal(applied, err)
		}
	}
}
