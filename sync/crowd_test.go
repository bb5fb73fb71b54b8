package sync

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/sync/wire"
)

// waits returns how long each of many clients waits after its first attempts at brokers, which
// end with an error after a time, sorted for each attempt.
func waits(t *testing.T, attempts int, after time.Duration, err error, urls ...string) [][]time.Duration {
	waited := make([][]time.Duration, attempts)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		for range 50 {
			began := time.Now()
			c := &Client{o: Config{Log: slog.New(slog.DiscardHandler), Now: func() time.Duration { return time.Since(began) }}, rerouted: make(chan struct{}, 1)}
			c.route = newRoute(&c.o.Options, brokersOf(urls...), nil)
			next := make(chan time.Duration, attempts)
			first, failed := true, time.Time{}
			c.open = func(ctx context.Context, _ wire.Broker) (net.Conn, error) {
				if !first {
					if len(next) == cap(next) {
						<-ctx.Done()
						return nil, ctx.Err()
					}
					next <- time.Since(failed)
				}
				first = false
				time.Sleep(after)
				failed = time.Now()
				return nil, err
			}
			go c.connections(ctx)
			time.Sleep(time.Hour)
			for i := range attempts {
				waited[i] = append(waited[i], <-next)
			}
		}
		cancel()
	})
	for _, of := range waited {
		slices.Sort(of)
	}
	return waited
}

func TestReadersThatABrokerDoesNotComeToSpread(t *testing.T) {
	crowded := waits(t, 1, 20*time.Second, os.ErrDeadlineExceeded, "ssl://a")[0]
	if crowded[10] > 20*time.Second || crowded[40] < 20*time.Second || crowded[49] > 41*time.Second {
		t.Errorf("after 20 s for nothing, readers come again after %v", crowded)
	}
	for what, err := range map[string]error{"is away": errors.New("connection refused"), "had no room for a connection": &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}} {
		if after := waits(t, 1, 20*time.Second, err, "ssl://a")[0]; after[49] > time.Second+100*time.Millisecond {
			t.Errorf("a broker that %s is tried again after %v", what, after)
		}
	}
}

func TestABrokerThatIsBusyLeadsToTheNextOneAtOnceAndIsTriedAgainLater(t *testing.T) {
	crowded := waits(t, 2, 20*time.Second, os.ErrDeadlineExceeded, "ssl://a", "ssl://b")
	if next := crowded[0]; next[49] > time.Second+100*time.Millisecond {
		t.Errorf("the next broker is tried after %v", next)
	}
	if again := crowded[1]; again[10] > 20*time.Second || again[40] < 20*time.Second || again[49] > 41*time.Second {
		t.Errorf("the first broker is tried again after %v", again)
	}
}

func TestACrowdAtAnotherBrokerIsForgottenOnceTheLinkIsUp(t *testing.T) {
	list := brokersOf("ssl://a", "ssl://b")
	r := testRoute(list, nil)
	r.next(0)
	r.kept(list[0], 20*time.Second, os.ErrDeadlineExceeded)
	r.ended(0)
	r.next(0)
	r.kept(list[1], 10*time.Second, nil)
	r.connected(list[1], 7)
	if most := r.crowds[list[0]].spread(); most != 40*time.Second {
		t.Error(most)
	}
	r.answered(7, 0)
	if wait := r.ended(time.Hour); wait > reconnectFirst {
		t.Errorf("a lost connection leads to the next broker after %v", wait)
	}
	if most := r.crowds[list[1]].spread(); most != 20*time.Second {
		t.Error(most)
	}
}

func TestACrowdIsForgottenByHalves(t *testing.T) {
	var c crowd
	for _, step := range []struct{ took, spread time.Duration }{{10 * time.Second, 20 * time.Second}, {time.Second, 10 * time.Second}, {4 * time.Second, 8 * time.Second}} {
		if c.took(step.took); c.spread() != step.spread {
			t.Errorf("after %v: %v, not %v", step.took, c.spread(), step.spread)
		}
	}
	for _, spread := range []time.Duration{40 * time.Second, 80 * time.Second, 2 * time.Minute, 2 * time.Minute} {
		if c.failed(20*time.Second, os.ErrDeadlineExceeded); c.spread() != spread {
			t.Errorf("after one more that was not reached in time: %v, not %v", c.spread(), spread)
		}
	}
}
