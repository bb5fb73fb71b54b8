package link_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/cmd/latchkey-controller/internal/desk"
	readersync "latchkey/sync"
	"latchkey/sync/wire"
)

// BenchmarkLockdown locks a site of a hundred doors down at the desk, and waits until the
// last reader has stored its policy and confirmed it, through the controller's own broker.
// The target is one second, 99 of 100 times.
func BenchmarkLockdown(b *testing.B) {
	const doors = 100
	w := newWorld(b)
	w.embed()
	up := make([]atomic.Bool, doors)
	inForce := make([]atomic.Pointer[wire.Policy], doors)
	readers := make([]*reader, doors)
	for i := range readers {
		board := newBoard(b)
		bundle := w.bundle(fmt.Sprintf("reader-%d", i), board)
		readers[i] = newReader(b, filepath.Join(b.TempDir(), "reader"), board, bundle, func(n readersync.News) {
			switch n := n.(type) {
			case readersync.LinkChanged:
				up[i].Store(n.Up)
			case readersync.PolicyChanged:
				p := n.Policy.Policy()
				inForce[i].Store(p)
				readers[i].report(p)
			}
		})
	}
	w.serve()
	group, ctx := errgroup.WithContext(b.Context())
	for _, r := range readers {
		group.Go(func() error { return r.run(ctx) })
	}
	all := func(is func(i int) bool) func() bool {
		return func() bool {
			for i := range doors {
				if !is(i) {
					return false
				}
			}
			return true
		}
	}
	until(b, "all links are up", all(func(i int) bool { return up[i].Load() }))
	d := desk.New(desk.Options{Site: w.site, Live: w.link})
	actor := desk.AtCommandLine("bench")
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	calm := func() { time.Sleep(2 * time.Second) } // a reader's states are a second apart
	calm()
	var took []float64
	for b.Loop() {
		begin := time.Now()
		id, err := d.SetMode(b.Context(), actor, desk.Where{}, wire.ModeLockdown, 0)
		must(err)
		until(b, "all doors are locked down", func() bool {
			time.Sleep(20 * time.Millisecond) // asking is work, too
			modes, err := d.WantedModes(b.Context(), actor)
			must(err)
			m := modes[0]
			if m.Of != doors {
				b.Fatalf("%d doors", m.Of)
			}
			if m.Confirmed == m.Of && m.Took > time.Millisecond {
				took = append(took, m.At.Add(m.Took).Sub(begin).Seconds())
				return true
			}
			return false
		})
		must(d.EndMode(b.Context(), actor, id))
		until(b, "all doors are as before", all(func(i int) bool { p := inForce[i].Load(); return p != nil && len(p.Modes) == 0 }))
		calm()
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(1000*took[len(took)/2], "ms-50%")
	b.ReportMetric(1000*took[len(took)*99/100], "ms-99%")
}
