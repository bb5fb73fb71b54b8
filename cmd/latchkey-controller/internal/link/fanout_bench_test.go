package link_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	readersync "latchkey/sync"
	"latchkey/sync/wire"
)

// BenchmarkFanout takes a change from the controller's database to a thousand
// readers with their credentials on one disk, all through one Mosquitto. Beside each
// change, in the same run, it does what no link can do without, a thousand times and
// nothing else: a signature checked, and as many bytes brought to a disk.
func BenchmarkFanout(b *testing.B) {
	const links = 1000
	w := newWorld(b)
	w.mosquitto()
	applied := make([]atomic.Int64, links) // the newest revision
	at := make([]atomic.Int64, links)      // when it was, Unix nanoseconds
	up := make([]atomic.Bool, links)
	readers := make([]*reader, links)
	for i := range readers {
		board := newBoard(b)
		bundle := w.bundle(fmt.Sprintf("reader-%d", i), board)
		readers[i] = newReader(b, filepath.Join(b.TempDir(), "reader"), board, bundle, func(n readersync.News) {
			switch n := n.(type) {
			case readersync.LinkChanged:
				up[i].Store(n.Up)
			case readersync.CredentialsChanged:
				at[i].Store(time.Now().UnixNano())
				applied[i].Store(int64(n.Held.Revision))
			}
		})
	}
	w.serve()
	ctx, cancel := context.WithCancel(b.Context())
	group, ctx := errgroup.WithContext(ctx)
	defer group.Wait()
	defer cancel()
	for _, r := range readers {
		group.Go(func() error { return r.run(ctx) })
	}
	all := func(has func(i int) bool) bool {
		for i := range links {
			if !has(i) {
				return false
			}
		}
		return true
	}
	until(b, "all links are up", func() bool { return all(func(i int) bool { return up[i].Load() }) })

	syncs := countSyncs(b)
	deltas := 0
	var took, ratios []float64
	scratch := b.TempDir()
	change := func() {
		w.addUsers(1)
		begin := time.Now() // it is durable here
		deltas++
		want := int64(w.users)
		until(b, "all readers hold the change", func() bool { return all(func(i int) bool { return applied[i].Load() == want }) })
		var each []float64
		for i := range at {
			each = append(each, time.Unix(0, at[i].Load()).Sub(begin).Seconds())
		}
		slices.Sort(each)
		took = append(took, each...)
		time.Sleep(1500 * time.Millisecond) // the head comes behind the change
		ratios = append(ratios, each[links*9/10]/checkedAndSynced(b, scratch, links).Seconds())
	}
	for b.Loop() {
		change()
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(slices.Min(ratios), "x-alone")
	b.ReportMetric(1000*took[len(took)*9/10], "ms-90%")
	b.ReportMetric(1000*took[len(took)*99/100], "ms-99%")

	// Once more, for Mosquitto to say what it was sent.
	w.said.everything()
	w.said.fromController()
	change()
	credentials := 0
	for _, topic := range w.said.fromController() {
		if strings.HasSuffix(topic, "/"+string(wire.OnCredentials)) {
			credentials++
		}
	}
	b.ReportMetric(float64(credentials), "messages/change")
	b.ReportMetric(float64(syncs.of("deltas.cbor"))/float64(links*deltas), "fdatasyncs/delta")
}

// checkedAndSynced checks so many signatures of a delta's length and brings as many bytes to as many
// files, side by side, and returns how long that takes until nine of ten are done.
func checkedAndSynced(b *testing.B, dir string, n int) time.Duration {
	b.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	text := make([]byte, 256)
	signature := ed25519.Sign(private, text)
	files := make([]*os.File, n)
	for i := range files {
		if files[i], err = os.OpenFile(filepath.Join(dir, fmt.Sprint(i)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			b.Fatal(err)
		}
		defer files[i].Close()
	}
	done := make(chan error, n)
	begin := time.Now()
	for _, f := range files {
		go func() {
			if !ed25519.Verify(public, text, signature) {
				done <- errors.New("a signature does not hold")
				return
			}
			_, err := f.Write(slices.Concat(text, signature))
			done <- errors.Join(err, unix.Fdatasync(int(f.Fd())))
		}()
	}
	var took time.Duration
	for i := range n {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		if i == n*9/10 {
			took = time.Since(begin)
		}
	}
	return took
}
