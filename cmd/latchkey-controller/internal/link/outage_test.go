package link

import (
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

func TestAnOutageIsToldOnceAfterAMinute(t *testing.T) {
	type step struct {
		second        int
		known, online bool
		news          bool
		out           bool // what is told
	}
	for name, steps := range map[string][]step{
		"a reader that was never connected":    {{0, false, false, false, false}, {61, false, false, false, false}, {3600, false, false, false, false}},
		"one that is connected":                {{0, true, true, true, false}, {1, true, true, false, false}, {3600, true, true, false, false}},
		"a short interruption":                 {{0, true, true, true, false}, {59, true, false, false, false}, {60, true, true, false, false}, {119, true, false, false, false}},
		"an outage":                            {{0, true, true, true, false}, {59, true, false, false, false}, {60, true, false, true, true}, {61, true, false, false, true}, {999, true, false, false, true}, {1000, true, true, true, false}, {1001, true, true, false, false}},
		"one that is away as we begin":         {{0, true, false, false, false}, {59, true, false, false, false}, {60, true, false, true, true}},
		"one that was there before we began":   {{0, true, false, false, false}, {30, true, true, true, false}},
		"one that gets a new board, not heard": {{0, true, true, true, false}, {10, false, false, false, false}, {600, false, false, false, false}, {601, true, true, false, false}},
	} {
		o := outages{up: map[string]time.Time{}, out: map[string]bool{}}
		for i, s := range steps {
			if news := o.look(at(s.second), "front-door", s.known, s.online); news != s.news || o.out["front-door"] != s.out {
				t.Errorf("%s: step %d: news %t, out %t", name, i, news, o.out["front-door"])
			}
		}
	}
}

func TestAReaderThatIsGoneIsForgotten(t *testing.T) {
	o := outages{up: map[string]time.Time{}, out: map[string]bool{}}
	o.look(at(0), "front-door", true, true)
	o.look(at(0), "back-door", true, true)
	o.keep(func(reader string) bool { return reader == "back-door" })
	if len(o.up) != 1 || len(o.out) != 1 || o.up["back-door"].IsZero() {
		t.Errorf("%v, %v", o.up, o.out)
	}
}

func TestWhatIsNewOfOutagesIsHandedOnOnceThereIsRoom(t *testing.T) {
	link := &Link{links: make(chan map[string]bool, 1)}
	peers := map[string]*site.Peer{"front-door": {Bundle: 1}, "back-door": {Bundle: 1}}
	link.peers.Store(&peers)
	tr := &tracker{Link: link, presences: map[string]*presence{}, outages: outages{up: map[string]time.Time{}, out: map[string]bool{}}, linkNews: map[string]bool{}}
	for reader := range peers {
		tr.presence(reader).take(at(0), 1, &wire.State{Connection: 1, Counter: 1, Nonce: wire.Nonce{1}}, false)
	}
	tr.noteOutages(at(0)) // both are there
	tr.presence("front-door").take(at(10), 1, &wire.State{Connection: 1}, false)
	for s := 11; s <= 70; s++ {
		tr.presence("back-door").take(at(s), 1, &wire.State{Connection: 1, Counter: uint64(s), Nonce: wire.Nonce{1}}, false)
		tr.noteOutages(at(s)) // the disk is slow
	}
	if first := <-link.links; len(first) != 2 || first["front-door"] || first["back-door"] {
		t.Errorf("%v", first)
	}
	tr.noteOutages(at(71))
	if second := <-link.links; len(second) != 1 || !second["front-door"] {
		t.Errorf("%v", second)
	}
	tr.noteOutages(at(72))
	if len(link.links) != 0 {
		t.Error("it is told twice")
	}
}
