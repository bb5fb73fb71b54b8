package main

import (
	"fmt"
	"strings"
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

// edited kills a reader while the strike is on, after its config was overwritten
// with what is no config, and has the stop hook read that.
func edited(b *bench) (string, error) {
	if err := b.stopReader(); err != nil {
		return "", err
	}
	const path = "/tmp/edited.toml"
	if err := b.config(path); err != nil {
		return "", err
	}
	var err error
	if b.reader, err = b.m.agent.start("/bin/latchkeyd", "run", "--config", path); err != nil {
		return "", err
	}
	if err := b.running(); err != nil {
		return "", err
	}
	if err := b.m.agent.write(path, []byte("[board\n"), "0600"); err != nil {
		return "", err
	}
	if err := b.killOpen(); err != nil {
		return "", err
	}
	kept := b.m.lines.level(lineStrike)
	hook, err := b.m.agent.run("/bin/latchkeyd", "release", "--config", path)
	if err != nil {
		return "", err
	}
	if b.m.lines.level(lineStrike) || !strings.Contains(hook.Stderr, path+", line ") || strings.Contains(hook.Stderr, "strike") {
		return "", fmt.Errorf("latchkeyd release: exit code %d, the strike is %s:\n%s", hook.Code, onOff(b.m.lines.level(lineStrike)), hook.Stderr)
	}
	if err := b.startReader(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s after SIGKILL, off after latchkeyd release, which says what is wrong with the config", onOff(kept)), b.running()
}
