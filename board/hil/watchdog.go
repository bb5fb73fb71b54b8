package main

import (
	"fmt"
	"strings"
	"syscall"
	"time"
)

// watchdogScenarios end the machine.
var watchdogScenarios = []scenario{
	{what: "a full disk and a dead panel are no reason for the watchdog timer to reset the machine", prove: kicked},
	{what: "a reader that has stopped is: the timer resets the machine", prove: bitten},
}

// watched is how long the timer counts: long enough for a busy bench.
const watched = 8 * time.Second

func kicked(b *bench) (string, error) {
	if err := b.stopReader(); err != nil {
		return "", err
	}
	if err := b.root("busybox chown 0:990 /dev/watchdog0 && busybox chmod 0660 /dev/watchdog0"); err != nil {
		return "", err
	}
	timer := fmt.Sprintf("[watchdog]\ndevice = \"/dev/watchdog0\"\ntimeout = %q\n\n[board]\n", watched)
	if err := b.config("/tmp/watched.toml", "[board]\n", timer); err != nil {
		return "", err
	}
	var err error
	if b.reader, err = b.m.agent.start("/bin/latchkeyd", "run", "--config", "/tmp/watched.toml"); err != nil {
		return "", err
	}
	if err := b.running(); err != nil {
		return "", err
	}
	if err := b.m.chips.call("POST", "/bench/fault?chip=panel", map[string]any{"Absent": true}, nil); err != nil {
		return "", err
	}
	full, err := b.m.agent.run("/bin/busybox", "dd", "if=/dev/zero", "of=/data/reader/filler", "bs=64k")
	if err != nil {
		return "", err
	}
	if full.Code == 0 || !strings.Contains(full.Stderr, "No space left") {
		return "", fmt.Errorf("the disk is not full: exit code %d: %s", full.Code, full.Stderr)
	}
	if err := b.m.agent.pass(watched + 2*time.Second); err != nil {
		return "", fmt.Errorf("the machine was reset: %w\n%s", err, b.m.console.tail(20))
	}
	// The exit button needs no disk.
	how, err := b.opens(func() error { return b.m.lines.set(lineExit, true) })
	if err != nil {
		return "", err
	}
	return how, b.m.lines.set(lineExit, false)
}

func bitten(b *bench) (string, error) {
	if b.m.monitor.saw("WATCHDOG") {
		return "", fmt.Errorf("the timer has run out before")
	}
	began := time.Now()
	if err := b.m.agent.signal(b.reader, int(syscall.SIGSTOP)); err != nil {
		return "", err
	}
	select {
	case <-b.m.exited:
	case <-time.After(eventuallyLimit):
		return "", fmt.Errorf("the machine runs on %v after the reader stopped, whose timer counts %v\n%s", eventuallyLimit, watched, b.readerLog())
	}
	if !b.m.monitor.saw("WATCHDOG") {
		return "", fmt.Errorf("the machine ended, but not by its watchdog timer:\n%s", b.m.console.tail(20))
	}
	return fmt.Sprintf("SIGSTOP, and i6300esb reset the machine %.1f s later; it counts %s", time.Since(began).Seconds(), watched), nil
}
