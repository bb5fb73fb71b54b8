package main

import (
	"fmt"
	"strings"
	"syscall"
	"time"
)

// watchdogTimeout is how long the timer counts: long enough for a busy bench.
const watchdogTimeout = 8 * time.Second

func watchdogIsKicked(l *lane) string {
	l.stopReader()
	l.m.agent.grant("/dev/watchdog0")
	l.writeConfig("/tmp/watchdog.toml", "[board]\n", fmt.Sprintf("[watchdog]\ndevice = \"/dev/watchdog0\"\ntimeout = %q\n\n[board]\n", watchdogTimeout))
	l.startReader("/tmp/watchdog.toml")
	l.m.chips.do("POST", "/bench/fault?chip=panel", map[string]any{"Absent": true}, nil)
	if full := l.m.agent.run("/bin/busybox", "dd", "if=/dev/zero", "of=/data/reader/filler", "bs=64k"); full.Code == 0 || !strings.Contains(full.Stderr, "No space left") {
		fail("the disk is not full: exit code %d: %s", full.Code, full.Stderr)
	}
	l.m.agent.sleep(watchdogTimeout + 2*time.Second)
	how := l.m.unlocks(func() { l.m.lines.set(lineExit, true) }) // which needs no disk
	l.m.lines.set(lineExit, false)
	return how
}

func watchdogResets(l *lane) string {
	if l.m.monitor.saw("WATCHDOG") {
		fail("the timer has run out before")
	}
	began := time.Now()
	l.m.agent.signal(l.reader, syscall.SIGSTOP)
	select {
	case <-l.m.exited:
	case <-time.After(waitLimit):
		fail("the machine still runs %v after the reader stopped", waitLimit)
	}
	if !l.m.monitor.saw("WATCHDOG") {
		fail("the machine ended, but its watchdog timer did not reset it")
	}
	return fmt.Sprintf("SIGSTOP, and i6300esb reset the machine %.1f s later; it counts %s", time.Since(began).Seconds(), watchdogTimeout)
}
