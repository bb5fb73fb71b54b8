package main

import (
	"fmt"
	"strings"
	"time"
)

func stopHookReleases(l *lane) string {
	l.killWhileUnlocked()
	l.m.agent.sleep(300 * time.Millisecond)
	kept := "the kernel released the line as the process died"
	if l.m.lines.strikeOn() {
		kept = "the kernel left the line on as the process died"
	}
	hook := l.m.agent.run(latchkeyd, "release", "--config", configPath)
	if hook.Code != 0 {
		fail("latchkeyd release: exit code %d: %s", hook.Code, hook.Stderr)
	}
	l.requireReleased()
	l.figure("latchkeyd release, from its start to its end", "%.2f s", hook.Seconds)
	return fmt.Sprintf("%s; latchkeyd release took %.1f s", kept, hook.Seconds)
}

func nextStartReleases(l *lane) string {
	l.startReader(configPath)
	l.killWhileUnlocked()
	mark, on, began := l.m.lines.mark(), l.m.lines.strikeOn(), time.Now()
	l.startReader(configPath)
	took := "at once, with the process"
	if on {
		took = fmt.Sprintf("%.1f s after the start", l.m.awaitStrike(mark, false).at.Sub(began).Seconds())
	}
	l.figure("strike released by the next start", "%s", took)
	return "released " + took
}

func stopReleases(l *lane) string {
	l.unlockByCard()
	l.stopReader()
	l.requireReleased()
	l.startReader(configPath)
	return "SIGTERM, exit code 0"
}

// stopHookWaits starts the stop hook while the reader still holds the strike, as
// a killed one does that waits for a disk, and ends the reader only later.
func stopHookWaits(l *lane) string {
	l.unlockByCard()
	hook := l.m.agent.start(latchkeyd, "release", "--config", configPath)
	l.m.agent.sleep(time.Second) // far more than it needs to try once
	l.killReader()
	if code := l.m.agent.wait(hook); code != 0 {
		fail("latchkeyd release: exit code %d", code)
	}
	l.requireReleased()
	l.startReader(configPath)
	return "latchkeyd release, started a second before the reader's end: exit code 0"
}

// stopHookReleasesWithoutConfig kills a reader while the strike is on, after its
// config has been overwritten with garbage.
func stopHookReleasesWithoutConfig(l *lane) string {
	const path = "/tmp/edited.toml"
	l.stopReader()
	l.writeConfig(path)
	l.startReader(path)
	l.m.agent.write(path, []byte("[board\n"))
	l.killWhileUnlocked()
	kept := l.m.lines.strikeOn()
	hook := l.m.agent.run(latchkeyd, "release", "--config", path)
	l.requireReleased()
	if !strings.Contains(hook.Stderr, path+", line ") || strings.Contains(hook.Stderr, "strike") {
		fail("latchkeyd release: exit code %d: %s", hook.Code, hook.Stderr)
	}
	l.startReader(configPath)
	return fmt.Sprintf("%s after SIGKILL, off after latchkeyd release, which says what is wrong with the config", onOff(kept))
}

// unlockByCard has a card open the door and takes it away; the strike is still on.
func (l *lane) unlockByCard() {
	mark := l.m.lines.mark()
	l.m.chips.present(bobUID)
	l.m.awaitStrike(mark, true)
	l.removeCard()
}

// killWhileUnlocked kills the reader with SIGKILL while the strike is on.
func (l *lane) killWhileUnlocked() {
	l.unlockByCard()
	l.killReader()
}

// requireReleased fails if the strike is on.
func (l *lane) requireReleased() {
	if l.m.lines.strikeOn() {
		fail("the strike is still on")
	}
}
