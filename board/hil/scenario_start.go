package main

import (
	"slices"
	"strings"
)

func kernelBoots(l *lane) string {
	l.boot()
	first, _ := l.m.console.at("first line")
	l.figure("kernel start to the first line of process 1", "%.1f s", first)
	return strings.TrimSpace(l.m.agent.must("/bin/cat", "/proc/version"))
}

func configIsRight(l *lane) string {
	return strings.TrimSpace(l.m.agent.must(latchkeyd, "check", "--config", configPath))
}

// diskIsReadOnly writes as root, whom no permission stops.
func diskIsReadOnly(l *lane) string {
	for _, path := range []string{"/file", configPath, latchkeyd, "/tools/file"} {
		if r := l.m.agent.rootShell("echo >> " + path); !strings.Contains(r.Stderr, "Read-only file system") {
			fail("%s can be written: exit code %d, %s", path, r.Code, r.Stderr)
		}
	}
	var disks []string
	for line := range strings.Lines(string(l.m.agent.read("/proc/mounts"))) {
		if fields := strings.Fields(line); strings.HasPrefix(fields[0], "/dev/vd") && strings.HasPrefix(fields[3], "rw") {
			disks = append(disks, fields[1])
		}
	}
	if !slices.Equal(disks, []string{"/data"}) {
		fail("disks that can be written: %v", disks)
	}
	return "writing to the root and /tools fails with EROFS; /data is the only disk that can be written"
}

func readerIsAdopted(l *lane) string {
	l.startReader(configPath)
	l.adopt(configPath)
	l.awaitStatus("the reader belongs to the site, and all its parts work", func(s status) bool {
		return s.Site == "bench" && len(s.Health) == 0
	})
	return "latchkeyd identity on the board, a bundle from latchkey-controller, latchkeyd adopt on the board"
}

func secondBoardBoots(l *lane) string {
	l.boot()
	return readerIsAdopted(l)
}

func thirdBoardBoots(l *lane) string {
	l.boot()
	return "to test drivers on"
}

func machineShutsDown(l *lane) string {
	m := l.m
	l.m = nil
	m.powerOff()
	return "the last line of its console"
}
