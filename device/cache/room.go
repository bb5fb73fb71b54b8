package cache

import (
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

// fits refuses a snapshot that does not fit beside a reserve, and takes note of
// that until one is begun.
func (c *Cache) fits(dir string, signed []byte, m *wire.Manifest) error {
	needs := int64(len(signed))
	for i := range m.Chunks() {
		needs += int64(m.ChunkLength(i))
	}
	if info, err := os.Stat(filepath.Join(dir, incomingFile)); err == nil { // of this one, or it is written over
		needs -= min(needs, info.Size())
	}
	var disk unix.Statfs_t
	var lack *NoRoomError
	if err := unix.Statfs(c.o.Dir, &disk); err == nil && disk.Blocks > 0 {
		whole, free := int64(disk.Blocks)*int64(disk.Bsize), int64(disk.Bavail)*int64(disk.Bsize)
		if needs += min(whole/16, 8<<20); needs > free {
			lack = &NoRoomError{needs, free}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lack = lack; lack != nil {
		return lack
	}
	return nil
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
