package cache

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// fits refuses a snapshot that would fill the disk. It leaves a reserve, for the journal
// above all.
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
			return fmt.Errorf("a newer set of credentials needs %d KiB on the disk, and %d are free: make room", (needs+1023)>>10, free>>10)
		}
	}
	return nil
}

// allocate allocates all blocks of the snapshot before it is received, or none if the
// disk does not have them all. It is no error if the file system cannot allocate.
func (in *incoming) allocate() error {
	info, err := in.file.Stat()
	if err != nil {
		return err
	}
	err = durable.Allocate(in.file, 0, in.offsets[len(in.offsets)-1])
	if err == nil || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	in.file.Truncate(info.Size())
	return err
}

// noteRoom notes why a snapshot does not fit the disk, nil if it does. The first reason
// stays until then: each attempt would find another number of bytes free.
func (c *Cache) noteRoom(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil || c.noRoom == nil {
		c.noRoom = err
	}
}

// Lack returns why the disk has no room for a newer snapshot, nil if it has.
func (c *Cache) Lack() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.noRoom
}
