package sync

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/sync/wire"
)

func brokersOf(urls ...string) []wire.Broker { return must(parseBrokers(urls)) }

func testRoute(bundle, policy []wire.Broker) *route {
	o := newWorldOptions()
	return newRoute(&o, bundle, policy)
}

func TestAReaderTriesItsBrokersInOrderAndSlowerEachRound(t *testing.T) {
	list := brokersOf("ssl://a:1", "ssl://b:1", "ssl://c:1")
	r := testRoute(brokersOf("ssl://z:1"), list)
	var now time.Duration
	for i := range 30 {
		if at := r.next(now); at != list[i%3] {
			t.Fatalf("try %d goes to %s", i, at)
		}
		wait := r.ended(now)
		most := reconnectFirst
		if i%3 == 2 {
			most = min(reconnectFirst<<(i/3), reconnectMost)
		}
		if wait < most/2 || wait > most {
			t.Errorf("after try %d it waits %v, at most %v", i, wait, most)
		}
		if now += wait; now > strandedAfter {
			break
		}
	}
}

func TestABrokerThatStandsThereTwiceIsTriedOnce(t *testing.T) {
	list := brokersOf("ssl://a", "ssl://a:8883", "tls://a/", "ssl://b")
	r := testRoute(list, nil)
	if first, second := r.next(0), r.next(0); len(list) != 2 || first.Host != "a" || second.Host != "b" {
		t.Errorf("%v: %s, then %s", list, first, second)
	}
}

func TestALostConnectionIsFollowedByOneToTheNextBrokerSoon(t *testing.T) {
	list := brokersOf("ssl://a:1", "ssl://b:1")
	r := testRoute(list, nil)
	for range 9 { // the waits have grown
		r.next(0)
		r.ended(0)
	}
	at := r.next(0)
	r.connected(at, 7)
	r.answered(7, time.Hour)
	if wait := r.ended(2 * time.Hour); wait > reconnectFirst {
		t.Errorf("it waits %v", wait)
	}
	if next := r.next(2 * time.Hour); next == at {
		t.Errorf("it goes to %s again", next)
	}
}

func TestAnAnswerOnAnEarlierConnectionDoesNotMakeThisOneGood(t *testing.T) {
	r := testRoute(brokersOf("ssl://a:1", "ssl://b:1"), nil)
	r.connected(r.next(0), 7)
	r.ended(0)
	r.connected(r.next(0), 8)
	if r.answered(7, time.Second); r.up || r.back != 0 {
		t.Errorf("up %v, looks at %v", r.up, r.back)
	}
}

func TestAReaderThatNoBrokerOfItsPolicyServesTriesItsBundlesAsWell(t *testing.T) {
	bundle, policy := brokersOf("ssl://old:1", "ssl://both:1"), brokersOf("ssl://both:1", "ssl://new:1")
	r := testRoute(bundle, policy)
	var now time.Duration
	for now < strandedAfter {
		if at := r.next(now); at == bundle[0] {
			t.Fatalf("after %v it goes to %s", now, at)
		}
		now += time.Minute + r.ended(now)
	}
	var tried []wire.Broker
	for range 6 {
		tried = append(tried, r.next(now))
		now += r.ended(now)
	}
	slices.SortFunc(tried, func(a, b wire.Broker) int { return int(a.Host[0]) - int(b.Host[0]) })
	if both, fresh, old := bundle[1], policy[1], bundle[0]; !slices.Equal(tried, []wire.Broker{both, both, fresh, fresh, old, old}) {
		t.Errorf("it tries %v", tried)
	}
	for r.next(now) != bundle[0] {
		r.ended(now)
	}
	r.connected(bundle[0], 9)
	r.answered(9, now)
	if r.back == 0 || r.wanted()[0] != policy[0] {
		t.Errorf("it stays there: it looks at %s, at %v", r.wanted()[0], r.back)
	}
	if r.ended(now); r.next(now) != policy[0] {
		t.Errorf("once the link was up it goes to %s", r.at)
	}
}

func TestReadersReturnOneByOneAndLookLessOftenInVain(t *testing.T) {
	list := brokersOf("ssl://a:1", "ssl://b:1")
	var at []time.Duration
	for range 200 {
		r := testRoute(list, nil)
		r.next(0)
		r.ended(0)
		r.connected(r.next(0), 2)
		r.answered(2, time.Hour)
		at = append(at, r.back-time.Hour)
		before := r.back - time.Hour
		for range 8 {
			r.looked(time.Hour)
			if wait := r.back - time.Hour; wait < min(before, returnMost/2) || wait > returnMost {
				t.Fatalf("after a look in vain it waits %v, and %v before", wait, before)
			} else {
				before = wait / 2
			}
		}
	}
	slices.Sort(at)
	if at[0] < returnFirst/2 || at[199] > returnFirst || at[150]-at[50] < time.Minute {
		t.Errorf("they return after %v to %v, half of them from %v to %v", at[0], at[199], at[50], at[150])
	}
}

// Whatever happens, a reader goes to brokers that it was told of only, each is tried within two
// rounds, no wait is longer than the longest, and it never leaves its first broker by itself.
func TestARouteNeverLeavesABrokerOut(t *testing.T) {
	known := brokersOf("ssl://a:1", "ssl://b:1", "ssl://c:1", "ssl://d:1", "ssl://e:1")
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.Custom(func(t *rapid.T) []wire.Broker {
			return rapid.Permutation(known).Draw(t, "order")[:rapid.IntRange(1, 4).Draw(t, "how many")]
		})
		r := testRoute(some.Draw(t, "bundle"), nil)
		now, number := time.Duration(0), uint64(0)
		var inVain []wire.Broker // the tries since anything else happened
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += time.Duration(rapid.IntRange(0, 20*60).Draw(t, "seconds")) * time.Second
			switch what := rapid.SampledFrom([]string{"try", "try", "try", "up", "policy", "silent", "looked", "moved"}).Draw(t, "what"); what {
			case "try":
				at := r.next(now)
				if !slices.Contains(r.policy, at) && !slices.Contains(r.bundle, at) {
					t.Fatalf("it goes to %s", at)
				}
				if wait := r.ended(now); wait > reconnectMost || wait < reconnectFirst/2 {
					t.Fatalf("it waits %v", wait)
				}
				inVain = append(inVain, at)
			case "up":
				number++
				r.connected(r.next(now), number)
				r.answered(number, now)
				inVain = nil
			case "policy":
				r.change(rapid.OneOf(rapid.Just([]wire.Broker(nil)), some).Draw(t, "policy"), now)
				inVain = nil
			case "silent":
				r.silent(now)
			case "looked":
				r.looked(now)
			case "moved":
				if r.back != 0 {
					number++
					r.connected(r.wanted()[0], number)
				}
			}
			if len(inVain) >= 2*len(known) {
				for _, b := range r.wanted() {
					if !slices.Contains(inVain, b) {
						t.Fatalf("%s is not tried: %v", b, inVain)
					}
				}
				if r.down+strandedAfter < now && len(inVain) > 4*len(known) {
					for _, b := range r.bundle {
						if !slices.Contains(inVain, b) {
							t.Fatalf("the bundle's %s is not tried: %v", b, inVain)
						}
					}
				}
			}
			if r.back != 0 && (!r.up || r.at == r.wanted()[0]) {
				t.Fatalf("at %s it looks at %s, up %v", r.at, r.wanted()[0], r.up)
			}
			if r.up && r.at != r.wanted()[0] && r.back == 0 {
				t.Fatalf("at %s it does not look at %s", r.at, r.wanted()[0])
			}
		}
	})
}
