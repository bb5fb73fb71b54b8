package link_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/sync"
	"latchkey/sync/wire"
)

// BenchmarkFanout takes a change from the controller's database to a thousand
// readers with their credentials on one disk, all through one Mosquitto.
func BenchmarkFanout(b *testing.B) {
	const links, within = 1000, time.Second
	w := newWorld(b)
	w.mosquitto()
	applied := make([]atomic.Int64, links) // the newest revision
	at := make([]atomic.Int64, links)      // when it was, Unix nanoseconds
	up := make([]atomic.Bool, links)
	readers := make([]*reader, links)
	for i := range readers {
		board := newBoard(b)
		bundle := w.bundle(fmt.Sprintf("reader-%d", i), board)
		readers[i] = newReader(b, filepath.Join(b.TempDir(), "reader"), board, bundle, func(n sync.News) {
			switch n := n.(type) {
			case sync.LinkChanged:
				up[i].Store(n.Up)
			case sync.CredentialsChanged:
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
	late, deltas := 0, 0
	var took []time.Duration
	change := func() {
		w.addUsers(1)
		begin := time.Now() // it is durable here
		deltas++
		want := int64(w.users)
		until(b, "all readers hold the change", func() bool { return all(func(i int) bool { return applied[i].Load() == want }) })
		for i := range at {
			t := time.Unix(0, at[i].Load()).Sub(begin)
			if took = append(took, t); t > within {
				late++
			}
		}
		time.Sleep(3 * within / 2) // the head comes behind the change
	}
	for b.Loop() {
		change()
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(100*float64(late)/float64(len(took)), "%-late")
	b.ReportMetric(float64(took[len(took)*99/100].Milliseconds()), "ms-99%")

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
