package cluster

import (
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

var deaths = flag.Int("leader-deaths", 20, "how often the leader is killed in the benchmark")

// BenchmarkFailover measures how long readers hear of nothing new when the leader dies.
func BenchmarkFailover(b *testing.B) {
	c, f := newCluster(b, Size{2, 3, 12})
	f.PowerOn(b.Context(), 100*time.Millisecond)
	defer f.PowerOff()
	for b.Loop() {
		took, err := c.Failover(b.Context(), f, *deaths, rand.New(rand.NewPCG(*seed, 1)), os.Stderr)
		if err != nil {
			b.Fatal(err)
		}
		slices.Sort(took)
		among := func(percent int) float64 { return float64(took[(len(took)*percent+99)/100-1].Milliseconds()) }
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(among(50), "ms-median")
		b.ReportMetric(among(99), "ms-99%")
		b.ReportMetric(among(100), "ms-most")
	}
}
