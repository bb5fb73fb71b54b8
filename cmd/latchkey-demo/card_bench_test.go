package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkCard measures how long it takes from a card in the field to the strike, 25
// times for a card that only has a number and for one that proves itself, at random
// moments, with the emulated radio's time at 106 kbit/s and the chips' own in it.
func BenchmarkCard(b *testing.B) {
	const times = 25
	h := newHouse(b, "")
	h.start(theBroker, theController, theReader)
	h.do(nil, "policy", "front-door", "set", "--release-on-open", "on")
	h.inStep()
	const uid = "04c0ffee123456"
	written := make(chan string, 1)
	go func() { written <- h.says("3456\n", "user", "card", "Ada Lovelace", "new", "front-door") }()
	time.Sleep(3 * time.Second) // the order is at the reader
	if err := h.chip(uid, "desfire-ev3", 0); err != nil {
		b.Fatal(err)
	}
	if text := <-written; !strings.Contains(text, "it proves itself") {
		b.Fatal(text)
	}
	h.inStep()
	h.takeAway()
	becomes := func(strike bool) {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			on, err := h.line("strike")
			if err != nil || time.Now().After(deadline) {
				b.Fatalf("the strike is not %t: %v", strike, err)
			}
			if on == strike {
				return
			}
		}
	}
	median := func(present func() error) float64 {
		var took []time.Duration
		for range times {
			time.Sleep(rand.N(700 * time.Millisecond))
			begin := time.Now()
			if err := present(); err != nil {
				b.Fatal(err)
			}
			becomes(true)
			took = append(took, time.Since(begin))
			for _, open := range []bool{true, false} { // which releases the strike
				if err := h.call("PUT", "/api/lines/door-open", map[string]bool{"active": open}, nil); err != nil {
					b.Fatal(err)
				}
				becomes(false)
			}
			h.takeAway()
		}
		slices.Sort(took)
		return float64(took[times/2].Microseconds()) / 1000
	}
	for b.Loop() {
		b.ReportMetric(median(func() error { return h.call("PUT", "/api/card", map[string]string{"uid": h.known.UID}, nil) }), "ms-uid")
		b.ReportMetric(median(func() error { return h.chip(uid, "desfire-ev3", 0) }), "ms-keyed")
	}
	b.ReportMetric(0, "ns/op")
}
