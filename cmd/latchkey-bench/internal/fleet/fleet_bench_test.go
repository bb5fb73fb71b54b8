package fleet

import (
	"os"
	"testing"
	"time"
)

// BenchmarkFleet has a thousand readers come up, take a change, lose their broker and come
// back. The larger fleet is latchkey-bench fleet --readers 10000.
func BenchmarkFleet(b *testing.B) {
	const n = 1000
	if err := AllowFiles(n + 1000); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := built(); err != nil {
			b.Fatal(err)
		}
		s := &Site{Dir: b.TempDir(), Controller: programs.Controller, Mosquitto: programs.Mosquitto}
		r, err := Scenario{Readers: n, Seed: 1, Boot: 2 * time.Second, Within: 5 * time.Minute, Changes: 1, BrokerDown: time.Second,
			Records: 50, Churn: 10, ChurnsFor: 5 * time.Second, Calm: time.Minute}.Run(b.Context(), s, os.Stderr)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(r.Behind), "readers-behind")
		b.ReportMetric(float64(r.Counts.Records-r.Counts.Acked), "records-lost")
		b.ReportMetric(float64(r.Broker.Dials)/n, "handshakes/reader")
		b.ReportMetric(float64(r.Broker.CtlCPU.Microseconds())/n, "controller-µs/reader")
		b.ReportMetric(float64(r.Broker.BrokerCPU.Microseconds())/n, "broker-µs/reader")
		b.ReportMetric(float64(r.Controlled.Most)/1024/n, "controller-kB/reader")
		b.ReportMetric(float64(r.Broke.Most)/1024/n, "broker-kB/reader")
		b.ReportMetric(1e6*r.IdleCPU[0]/n, "broker-calm-µs/s")
		b.ReportMetric(1e6*r.IdleCPU[1]/n, "controller-calm-µs/s")
		b.ReportMetric(r.CalmBytes, "calm-B/s")
		b.ReportMetric(float64(r.Broker.Bytes)/float64(r.Broker.Dials), "B/handshake")
		b.ReportMetric(float64(r.Own.Most)/1024/n, "reader-kB")
		b.ReportMetric(float64(r.Changes[0].Milliseconds()), "ms-99%")
		b.ReportMetric(r.Broker.Took.Seconds(), "s-back")
	}
}
