package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkProcess measures the real binary: resident memory when idle and the
// most after ten PINs.
func BenchmarkProcess(b *testing.B) {
	var idle, most float64
	for b.Loop() {
		reader := adaAndBob(b).adopt(b, "front-door")
		reader.start()
		time.Sleep(3 * time.Second)
		idle = max(idle, reader.memory("VmRSS"))
		for range 10 {
			reader.typePIN(adaPIN)
			reader.opens("a PIN")
			reader.closed()
		}
		most = max(most, reader.memory("VmHWM"))
		reader.kill()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(idle, "MB-resident-idle")
	b.ReportMetric(most, "MB-resident-most")
}

// memory reads a figure of /proc/PID/status, in MB of 10^6 bytes.
func (r *testReader) memory(name string) float64 {
	r.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kb float64
		if _, err := fmt.Sscanf(line, name+": %f kB", &kb); err == nil {
			return kb * 1024 / 1e6
		}
	}
	r.t.Fatalf("no %s", name)
	return 0
}

// BenchmarkBinary measures the firmware's size.
func BenchmarkBinary(b *testing.B) {
	var size int64
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "latchkeyd")
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-tags", "firmware,nethttpomithttp2", "-o", path, "latchkey/cmd/latchkeyd")
		build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		size = info.Size()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(size)/1e6, "MB")
}
