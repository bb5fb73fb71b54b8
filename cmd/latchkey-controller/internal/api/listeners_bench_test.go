package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// BenchmarkListeners measures how long after a record is stored the last of 100 clients has
// the frame that tells of it, over WebSockets and TLS, and how much memory the clients take
// at both ends.
func BenchmarkListeners(b *testing.B) {
	const clients, records = 100, 100
	m := newMeasured(b)
	m.users(10)
	before := heap()
	heard := make(chan struct{}, clients)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	for range clients {
		conn, _, err := websocket.Dial(ctx, "wss"+strings.TrimPrefix(m.server.URL, "https")+"/api/v1/developer/devices/notifications", &websocket.DialOptions{
			HTTPClient: m.server.Client(), HTTPHeader: http.Header{"Authorization": {"Bearer " + m.token}},
		})
		m.must(err)
		conn.SetReadLimit(1 << 20)
		go func() {
			defer conn.CloseNow()
			for {
				_, frame, err := conn.Read(ctx)
				if err != nil {
					return
				}
				if strings.Contains(string(frame), `"access.logs.insights.add"`) {
					heard <- struct{}{}
				}
			}
		}()
	}
	time.Sleep(time.Second) // until all of them listen
	var took []time.Duration
	for b.Loop() {
		for range records {
			began := time.Now()
			m.events(1, 10)
			for range clients {
				select {
				case <-heard:
				case <-time.After(time.Minute):
					b.Fatal("a client is not told")
				}
			}
			took = append(took, time.Since(began))
		}
	}
	after := heap()
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[len(took)*99/100-1].Microseconds())/1000, "ms-99%")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric((after-before)*1000/clients, "kB/client")
}
