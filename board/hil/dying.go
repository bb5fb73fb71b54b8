package main

import (
	"fmt"
	"syscall"
	"time"
)

// dying starts the stop hook while the reader still holds the strike, as one does
// that was killed while it waits for a disk, and has it end only later.
func dying(b *bench) (string, error) {
	if err := b.openByCard(); err != nil {
		return "", err
	}
	hook, err := b.m.agent.start("/bin/latchkeyd", "release", "--config", "/etc/latchkeyd.toml")
	if err != nil {
		return "", err
	}
	if err := b.m.agent.pass(time.Second); err != nil { // far more than it needs to try once
		return "", err
	}
	if err := b.m.agent.signal(b.reader, int(syscall.SIGKILL)); err != nil {
		return "", err
	}
	if _, err := b.m.agent.wait(b.reader); err != nil {
		return "", err
	}
	end, err := b.m.agent.wait(hook)
	if err != nil {
		return "", err
	}
	if end.Code != 0 || b.m.lines.level(lineStrike) {
		return "", fmt.Errorf("latchkeyd release: exit code %d, the strike is %s", end.Code, onOff(b.m.lines.level(lineStrike)))
	}
	if err := b.startReader(); err != nil {
		return "", err
	}
	return "latchkeyd release, started a second before the reader's end: exit code 0", b.running()
}
