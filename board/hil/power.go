package main

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"syscall"
	"time"
)

// deathScenarios: what becomes of the door when the reader, or the power, ends.
var deathScenarios = []scenario{
	{what: "a reader that is killed while the strike is on is followed by a stop hook that releases it", prove: func(b *bench) (string, error) {
		if err := b.killOpen(); err != nil {
			return "", err
		}
		if err := b.m.agent.pass(300 * time.Millisecond); err != nil {
			return "", err
		}
		kept := "the kernel released the line as the process died"
		if b.m.lines.level(lineStrike) {
			kept = "the kernel left the line on as the process died"
		}
		mark := b.m.lines.mark()
		hook, err := b.m.agent.run("/bin/latchkeyd", "release", "--config", "/etc/latchkeyd.toml")
		if err != nil {
			return "", err
		}
		if hook.Code != 0 {
			return "", fmt.Errorf("latchkeyd release: exit code %d: %s", hook.Code, hook.Stderr)
		}
		if _, err := b.m.lines.await(mark, lineStrike, false, time.Second); err != nil && b.m.lines.level(lineStrike) {
			return "", err
		}
		b.figure("latchkeyd release, from its start to its end", "%.2f s", hook.Seconds)
		return fmt.Sprintf("%s; latchkeyd release took %.1f s", kept, hook.Seconds), nil
	}},
	{what: "without a stop hook the next start releases it", prove: func(b *bench) (string, error) {
		if err := b.startReader(); err != nil {
			return "", err
		}
		if err := b.running(); err != nil {
			return "", err
		}
		if err := b.killOpen(); err != nil {
			return "", err
		}
		mark := b.m.lines.mark()
		began := time.Now()
		if err := b.startReader(); err != nil {
			return "", err
		}
		took := "at once, with the process"
		if b.m.lines.level(lineStrike) {
			off, err := b.m.lines.await(mark, lineStrike, false, eventuallyLimit)
			if err != nil {
				return "", err
			}
			took = fmt.Sprintf("%.1f s after the start", off.at.Sub(began).Seconds())
		}
		b.figure("strike released by the next start", "%s", took)
		return "released " + took, b.running()
	}},
	{what: "a reader that is told to end releases the strike by itself", prove: func(b *bench) (string, error) {
		if err := b.openByCard(); err != nil {
			return "", err
		}
		mark := b.m.lines.mark()
		if err := b.stopReader(); err != nil {
			return "", err
		}
		if b.m.lines.level(lineStrike) {
			return "", fmt.Errorf("the strike is still on: %s", describe(b.m.lines.since(mark, lineStrike)))
		}
		if err := b.startReader(); err != nil {
			return "", err
		}
		return "SIGTERM, exit code 0", b.running()
	}},
	{what: "a stop hook that finds a reader still dying waits until it lets go of the strike", prove: dying},
	{what: "a stop hook whose config was made unreadable meanwhile releases the strike that the reader drove", prove: edited},
	{what: "ten wrong PINs lock PIN entry, and a power cut changes nothing about that", prove: powerCut},
	{what: "a card still opens, and ends the lockout", prove: func(b *bench) (string, error) {
		how, err := b.opens(func() error { return b.m.chips.present(bobUID) })
		if err != nil {
			return "", err
		}
		if err := b.away(); err != nil {
			return "", err
		}
		return how, b.eventually("PIN is open again", func() (bool, error) {
			s, err := b.status()
			return s.Lockout == "none" && s.Wrong == 0, err
		})
	}},
}

// running waits until the reader answers.
func (b *bench) running() error {
	err := b.eventually("the reader answers", func() (bool, error) {
		_, err := b.status()
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, b.readerLog())
	}
	return nil
}

// openByCard has a card open the door and takes it away; the strike is on.
func (b *bench) openByCard() error {
	mark := b.m.lines.mark()
	if err := b.m.chips.present(bobUID); err != nil {
		return err
	}
	if _, err := b.m.lines.await(mark, lineStrike, true, eventuallyLimit); err != nil {
		return fmt.Errorf("%w\n%s", err, b.readerLog())
	}
	return b.away()
}

// killOpen kills the reader with SIGKILL while the strike is on.
func (b *bench) killOpen() error {
	if err := b.openByCard(); err != nil {
		return err
	}
	if err := b.m.agent.signal(b.reader, int(syscall.SIGKILL)); err != nil {
		return err
	}
	_, err := b.m.agent.wait(b.reader)
	return err
}

// powerCut types ten wrong PINs, cuts the power as soon as the reader says that
// it is locked, and starts again from the same disk.
func powerCut(b *bench) (string, error) {
	const limit = 10
	written, err := b.sectorsWritten()
	if err != nil {
		return "", err
	}
	for i := range limit {
		if err := b.atHome(); err != nil {
			return "", err
		}
		if err := b.tapPIN(wrongPIN); err != nil {
			return "", fmt.Errorf("wrong PIN %d: %w", i+1, err)
		}
		err := b.eventually(fmt.Sprintf("wrong PIN %d is counted", i+1), func() (bool, error) {
			s, err := b.status()
			return s.Wrong == i+1 || i+1 == limit && s.Lockout == "attempts", err
		})
		if err != nil {
			return "", fmt.Errorf("%w\n%s", err, b.readerLog())
		}
		if i == limit-2 {
			now, err := b.sectorsWritten()
			if err != nil {
				return "", err
			}
			b.figure("written to the data disk for each wrong PIN, the file system's own included", "%.1f KiB", float64(now-written)/2/(limit-1))
		}
	}
	before, err := b.journal()
	if err != nil {
		return "", err
	}
	b.m.powerCut()
	if err := b.boot("bench.start"); err != nil {
		return "", err
	}
	var started []int
	if err := b.m.agent.call("GET", "/started", nil, &started); err != nil || len(started) != 1 {
		return "", fmt.Errorf("the reader was not started at boot: %v %w", started, err)
	}
	b.reader = started[0]
	if err := b.running(); err != nil {
		return "", err
	}
	after, err := b.journal()
	if err != nil {
		return "", err
	}
	for name, content := range before {
		// Behind what is written a segment has room that is allocated ahead.
		if !bytes.HasPrefix(after[name], bytes.TrimRight(content, "\x00")) {
			return "", fmt.Errorf("%s has lost bytes: %d, and %d before the power cut", name, len(after[name]), len(content))
		}
	}
	s, err := b.status()
	if err != nil {
		return "", err
	}
	if s.Lockout != "attempts" {
		return "", fmt.Errorf("after the power cut the lockout is %q, %d wrong\n%s", s.Lockout, s.Wrong, b.readerLog())
	}
	var shown chipState
	err = b.eventually("the first picture", func() (bool, error) {
		shown, err = b.m.chips.state()
		return shown.FirstPicture > 0, err
	})
	if err != nil {
		return "", err
	}
	b.figure("kernel start to a usable keypad: its first picture is there", "%.1f s", shown.FirstPicture)
	var all []byte
	for _, content := range before {
		all = append(all, content...)
	}
	charges := bytes.Count(all, []byte("attempt.started"))
	if charges < limit {
		return "", fmt.Errorf("the journal has %d charges", charges)
	}
	return fmt.Sprintf("QEMU killed, booted on the same disk: lockout %q; all %d bytes of the journal, with %d charges, are there", s.Lockout, len(all), charges), nil
}

// journal reads the reader's journal as it is on the disk.
func (b *bench) journal() (map[string][]byte, error) {
	const dir = "/data/reader/journal"
	names, err := b.m.agent.must("/bin/ls", dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range strings.Fields(names) {
		if files[name], err = b.m.agent.read(path.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// sectorsWritten counts the 512-byte sectors that were written to the data disk.
func (b *bench) sectorsWritten() (n int, err error) {
	stat, err := b.m.agent.read("/sys/block/vda/stat")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat)) // Documentation/block/stat.rst
	if len(fields) < 7 {
		return 0, fmt.Errorf("/sys/block/vda/stat: %q", stat)
	}
	_, err = fmt.Sscan(fields[6], &n)
	return n, err
}
