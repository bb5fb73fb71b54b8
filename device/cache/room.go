package cache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"latchkey/sync/wire"
)

// NoRoomError says that a snapshot was not begun: the disk would have been full
// with it, for the journal too.
type NoRoomError struct{ Needs, Free int64 } // bytes, the reserve included

func (e *NoRoomError) Error() string {
	return fmt.Sprintf("a newer set of credentials needs %d KiB on the disk, and %d are free: make room", (e.Needs+1023)>>10, e.Free>>10)
}

// fits refuses a snapshot that does not fit beside a reserve.
func (c *Cache) fits(dir string, signed []byte, m *wire.Manifest) error {
	whole := offsets(m, len(signed))
	needs := whole[len(whole)-1]
	var there unix.Stat_t
	if unix.Stat(filepath.Join(dir, incomingFile), &there) == nil { // of this one, or it is written over
		needs -= min(needs, there.Blocks*512)
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(c.o.Dir, &disk); err == nil && disk.Blocks > 0 {
		size, free := int64(disk.Blocks)*int64(disk.Bsize), int64(disk.Bavail)*int64(disk.Bsize)
		if needs += min(size/16, 8<<20); needs > free {
			return &NoRoomError{needs, free}
		}
	}
	return nil
}

// allocate gives the snapshot that is to be received all its blocks, so that it does
// not fill up what others leave while it arrives; or none, if they cannot be had.
func (in *incoming) allocate() error {
	info, err := in.file.Stat()
	if err != nil {
		return err
	}
	for {
		switch err := unix.Fallocate(int(in.file.Fd()), 0, 0, in.offsets[len(in.offsets)-1]); {
		case errors.Is(err, unix.EINTR):
		case err == nil, errors.Is(err, unix.EOPNOTSUPP): // then what was free has to do
			return nil
		default:
			in.file.Truncate(info.Size())
			return os.NewSyscallError("fallocate", err)
		}
	}
}

// lacks takes note that a snapshot was refused for want of room; with nil, that one was
// begun. What was said first of it holds until then: it is tried again and again, and
// each time something else may be free.
func (c *Cache) lacks(lack *NoRoomError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if lack == nil || c.lack == nil {
		c.lack = lack
	}
}

// Lack says why a newer snapshot is not received; nil: there is none, or it is.
func (c *Cache) Lack() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.lack == nil {
		return nil
	}
	return c.lack
}
