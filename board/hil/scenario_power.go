package main

import (
	"bytes"
	"fmt"
	"path"
	"strings"
)

// lockoutOutlastsPowerCut types ten wrong PINs, cuts the power as soon as the
// reader says that it is locked, and boots again from the same disk.
func lockoutOutlastsPowerCut(l *lane) string {
	const limit = 10
	written := l.sectorsWritten()
	for n := 1; n <= limit; n++ {
		l.awaitHome()
		l.tapPIN(wrongPIN)
		l.awaitStatus(fmt.Sprintf("wrong PIN %d is counted", n), func(s status) bool {
			return s.Wrong == n || n == limit && s.Lockout == "attempts"
		})
		if n == limit-1 {
			l.figure("written to the data disk for each wrong PIN, the file system's own included", "%.1f KiB", float64(l.sectorsWritten()-written)/2/float64(n))
		}
	}
	before := l.journal()
	l.m.powerCut()
	l.boot("bench.start")
	_, err := fmt.Sscan(l.m.agent.must("/bin/busybox", "pidof", "latchkeyd"), &l.reader)
	check(err)
	l.awaitReader()
	after := l.journal()
	size, charges := 0, 0
	for name, content := range before {
		// After what is written a segment has room that is allocated ahead.
		if !bytes.HasPrefix(after[name], bytes.TrimRight(content, "\x00")) {
			fail("%s has lost bytes: it has %d, and had %d before the power cut", name, len(after[name]), len(content))
		}
		size += len(content)
		charges += bytes.Count(content, []byte("attempt.started"))
	}
	s := l.status()
	if s.Lockout != "attempts" {
		fail("after the power cut the lockout is %q, %d wrong", s.Lockout, s.Wrong)
	}
	var shown float64
	eventually(l.m.ctx, "the first picture", func() bool {
		shown = l.m.chips.state().FirstPicture
		return shown > 0
	})
	l.figure("kernel start to a usable keypad: its first picture is there", "%.1f s", shown)
	if charges < limit {
		fail("the journal has %d charges", charges)
	}
	return fmt.Sprintf("QEMU killed, booted on the same disk: lockout %q; all %d bytes of the journal, with %d charges, are there", s.Lockout, size, charges)
}

func cardEndsLockout(l *lane) string {
	how := l.unlocksByCard(bobUID)
	l.awaitStatus("PIN entry works again", func(s status) bool { return s.Lockout == "none" && s.Wrong == 0 })
	return how
}

// journal reads the files of the reader's journal.
func (l *lane) journal() map[string][]byte {
	const dir = "/data/reader/journal"
	files := map[string][]byte{}
	for _, name := range strings.Fields(l.m.agent.must("/bin/ls", dir)) {
		files[name] = l.m.agent.read(path.Join(dir, name))
	}
	return files
}

// sectorsWritten counts the 512-byte sectors that were written to the data disk.
func (l *lane) sectorsWritten() (n int) {
	fields := strings.Fields(string(l.m.agent.read("/sys/block/vda/stat"))) // Documentation/block/stat.rst
	_, err := fmt.Sscan(fields[6], &n)
	check(err)
	return n
}
