package cluster

import (
	"context"
	"flag"
	"os"
	"sync"
	"testing"
	"time"

	"latchkey/cmd/latchkey-bench/internal/fleet"
)

var (
	kills = flag.Int("cluster-kills", 4, "how often a part of a cluster is killed or paused")
	seed  = flag.Uint64("cluster-seed", 124, "decides which, when, and for how long")
)

// programs are what all tests run: the controller is built once, in a directory that TestMain
// removes.
var programs fleet.Site

var built = sync.OnceValue(func() error { return programs.Find(context.Background()) })

func TestMain(m *testing.M) {
	var err error
	if programs.Dir, err = os.MkdirTemp("", "latchkey-cluster-test-*"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(programs.Dir)
	os.Exit(code)
}

// newCluster has a cluster with cells of some sizes, each of which is led, and its fleet without power.
func newCluster(t testing.TB, sizes ...Size) (*Cluster, *fleet.Fleet) {
	t.Helper()
	if err := built(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c, err := Open(t.Context(), &fleet.Site{Dir: dir, Controller: programs.Controller, Mosquitto: programs.Mosquitto}, sizes...)
	t.Cleanup(func() {
		c.Close()
		if t.Failed() {
			c.Tell(t.Output())
		}
	})
	if err == nil {
		err = c.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	readers := 0
	for _, size := range sizes {
		readers += size.Readers
	}
	f, err := fleet.Open(dir, readers, 1, fleet.Faults{}, true)
	if err != nil {
		t.Fatal(err)
	}
	return c, f
}

// Leader, stand-bys, brokers and the database server are killed or paused at random moments: in the end all that readers
// have recorded is stored once, readers hold what administrators have changed, and no order was carried out twice.
func TestNothingIsLostOrDoneTwiceWhicheverPartOfAClusterIsKilled(t *testing.T) {
	t.Parallel()
	killed(t, *kills, Size{2, 3, 12})
}

// The same of two cells between which readers are moved. A cell that loses its power, or stands still, with all of its
// brokers and controllers does not disturb the other.
func TestNothingIsLostOrDoneTwiceWhicheverPartOfTwoCellsIsKilled(t *testing.T) {
	t.Parallel()
	killed(t, max(*kills, victims), Size{2, 2, 7}, Size{1, 2, 5})
}

// killed has parts of a cluster killed, and fails if anything is wrong then.
func killed(t *testing.T, n int, cells ...Size) {
	c, f := newCluster(t, cells...)
	run := Kills{N: n, Seed: *seed, Pause: 4 * time.Second, Records: 30}
	if len(cells) > 1 { // it goes on for longer
		run.Ease = 3
	}
	if n >= 20 {
		run.Pause, run.Ease, run.Settle = 8*time.Second, 0, true
	}
	counts, wrong, err := run.Run(t.Context(), c, f, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range wrong {
		t.Error(what)
	}
	t.Log(counts)
}
