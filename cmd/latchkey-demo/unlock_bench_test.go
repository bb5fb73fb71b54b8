package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"
)

// BenchmarkUnlock measures, a hundred times, how long a remote unlock takes from
// the order, given to the controller as latchkey-controller unlock gives it, to
// the strike at the simulated board, with all programs as processes of their
// own and TLS between them.
func BenchmarkUnlock(b *testing.B) {
	const orders = 100
	h := newHouse(b, "")
	h.start(theBroker, theController, theReader)
	h.do(nil, "policy", "front-door", "set", "--release-on-open", "on")
	h.inStep()
	socket := h.d.path("site", "control.sock")
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	order, err := json.Marshal(map[string]string{"reader": "front-door", "order": "unlock", "who": "Olga Owner"})
	if err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	done := make(chan error, 1)
	becomes := func(strike bool) {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			on, err := h.line("strike")
			if err != nil || time.Now().After(deadline) {
				b.Fatalf("after %d orders the strike is not %t: %v; the order: %v", len(took), strike, err, <-done)
			}
			if on == strike {
				return
			}
		}
	}
	door := func(open bool) {
		if err := h.call("PUT", "/api/lines/door-open", map[string]bool{"active": open}, nil); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		for n := range orders {
			if n == orders/2 { // a reader takes 64 orders in a minute
				h.kill(theReader)
				h.start(theReader)
				h.inStep()
			}
			begin := time.Now()
			go func() {
				response, err := client.Post("http://controller/desk/orders", "application/json", bytes.NewReader(order))
				var outcome struct {
					Done bool
					Text string
				}
				if err == nil {
					err = json.NewDecoder(response.Body).Decode(&outcome)
					response.Body.Close()
				}
				if err == nil && !outcome.Done {
					err = errors.New(outcome.Text)
				}
				done <- err
			}()
			becomes(true)
			took = append(took, time.Since(begin))
			if err := <-done; err != nil {
				b.Fatal(err)
			}
			door(true) // which releases the strike
			becomes(false)
			door(false)
			time.Sleep(200 * time.Millisecond) // until it counts as closed
		}
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[len(took)*9/10-1].Microseconds())/1000, "ms-90%")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-99%")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
}
