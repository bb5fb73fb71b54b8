//go:build !firmware

package main

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// soakTally counts what happened.
type soakTally struct {
	cards, unknown, pins, wrong, exits, restarts, faults, visited, opened int
	byFault                                                               map[string]int
}

// report prints the counts, one a line.
func (s soakTally) report() string {
	var b strings.Builder
	line := func(n int, what string) { fmt.Fprintf(&b, "  %6d %s\n", n, what) }
	line(s.cards, "known cards shown")
	line(s.unknown, "unknown cards shown")
	line(s.pins, "right PINs typed")
	line(s.wrong, "wrong PINs typed")
	line(s.exits, "exit buttons pushed")
	line(s.opened, "openings, each with a reason")
	line(s.restarts, "restarts")
	line(s.faults, "faults, of these")
	for _, name := range slices.Sorted(maps.Keys(s.byFault)) {
		line(s.byFault[name], "  "+name)
	}
	line(s.visited, fmt.Sprintf("times that somebody came %v after the last of them had ended, and found nothing wrong", soakHeals))
	return b.String()
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func residentSize(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "VmRSS:") {
			return strings.Join(strings.Fields(line), " ")
		}
	}
	return "no VmRSS"
}
