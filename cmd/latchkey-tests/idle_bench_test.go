package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// idleFor is how long an idle reader is watched: some 130 polls for a card.
const idleFor = 30 * time.Second

// untilDark is when what a start brings is over and the backlight has gone out:
// while it is on, the picture is sent again and again in case it was disturbed.
const untilDark = 40 * time.Second

// BenchmarkIdle measures the real binary while nobody is there: what it costs
// to look for a card more than four times a second, for an hour. The simulated
// board's chips are part of the process, so that a real board's reader does
// less; transfers are those of the buses alone.
func BenchmarkIdle(b *testing.B) {
	var switches, cpu, transfers, synced, hours float64
	for b.Loop() {
		reader := adaAndBob(b).adopt(b, "front-door")
		reader.start()
		reader.begun()
		time.Sleep(untilDark)
		before, began := reader.usage(), time.Now()
		time.Sleep(idleFor)
		after := reader.usage()
		hours += time.Since(began).Hours()
		switches += after.switches - before.switches
		cpu += after.cpu - before.cpu
		transfers += after.transfers - before.transfers
		synced += after.synced - before.synced
		reader.kill()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(switches/hours/3600, "switches/s")
	b.ReportMetric(cpu/hours, "cpu-s/h")
	b.ReportMetric(transfers/hours/3600, "transfers/s")
	b.ReportMetric(synced/hours, "fdatasyncs/h")
}

// usage is what a process has used since its start.
type usage struct{ switches, cpu, transfers, synced float64 }

// usage reads it from /proc (proc(5)), and the transfers from the reader's
// status.
func (r *testReader) usage() (s usage) {
	r.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", r.cmd.Process.Pid)
	figures := r.figures()
	for _, chip := range figures["chips"].([]any) {
		s.transfers += chip.(map[string]any)["transfers"].(float64)
	}
	s.synced = figures["fdatasync"].(map[string]any)["count"].(float64)
	threads, err := filepath.Glob(proc + "task/*/status")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if err != nil {
			continue // it ended
		}
		for line := range strings.Lines(string(status)) {
			var n float64
			if _, err := fmt.Sscanf(line, "voluntary_ctxt_switches: %f", &n); err == nil {
				s.switches += n
			}
		}
	}
	stat, err := os.ReadFile(proc + "stat")
	if err != nil {
		r.t.Fatal(err)
	}
	// Behind the name in parentheses: utime and stime are fields 14 and 15, in
	// ticks of a hundredth of a second.
	_, fields, _ := strings.Cut(string(stat), ") ")
	for _, field := range strings.Fields(fields)[11:13] {
		var ticks float64
		if _, err := fmt.Sscan(field, &ticks); err != nil {
			r.t.Fatal(err)
		}
		s.cpu += ticks / 100
	}
	return s
}
