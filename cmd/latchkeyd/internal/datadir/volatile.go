package datadir

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrVolatile means that a power cut ends every lockout: whoever can cut the power may go
// on guessing.
var ErrVolatile = errors.New("lies in memory and is forgotten with the power, wrong PINs and lockouts included: " +
	"put it on a disk, and if the root is read-only by overlayroot, write overlayroot=tmpfs:recurse=0")

// CheckPersistent returns ErrVolatile if a power cut empties a directory. There
// need not be one.
func CheckPersistent(dir string) error {
	volatile, err := inMemory(dir)
	if err == nil && volatile {
		return ErrVolatile
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// inMemory reports whether a directory is on a file system in memory, or on an overlay
// (Documentation/filesystems/overlayfs.rst) with its upper layer there. An overlay whose
// upper layer cannot be seen counts as persistent.
func inMemory(dir string) (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return false, fmt.Errorf("cannot be checked: %w", err)
	}
	if fs.Type == unix.OVERLAYFS_SUPER_MAGIC {
		upper, err := upperOf(dir)
		if err != nil || upper == "" || unix.Statfs(upper, &fs) != nil {
			return false, err
		}
	}
	magic := uint32(fs.Type)
	return magic == unix.TMPFS_MAGIC || magic == unix.RAMFS_MAGIC, nil
}

// upperOf returns the upper layer of an overlay, as /proc/self/mountinfo (proc(5)) has it;
// "" if that has none.
func upperOf(dir string) (string, error) {
	var stat unix.Stat_t
	if err := unix.Stat(dir, &stat); err != nil {
		return "", fmt.Errorf("cannot be checked: %w", err)
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer f.Close()
	device := fmt.Sprintf("%d:%d", unix.Major(uint64(stat.Dev)), unix.Minor(uint64(stat.Dev)))
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 || fields[2] != device {
			continue
		}
		for option := range strings.SplitSeq(fields[len(fields)-1], ",") {
			if upper, ok := strings.CutPrefix(option, "upperdir="); ok {
				return upper, nil
			}
		}
	}
	return "", lines.Err()
}
