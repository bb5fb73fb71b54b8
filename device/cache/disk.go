package cache

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"latchkey/device/durable"
)

const (
	epochPrefix = "epoch-"
	newSuffix   = ".new" // being received
	oldSuffix   = ".old" // being removed
)

func epochName(epoch uint64) string { return epochPrefix + strconv.FormatUint(epoch, 10) }

// eachEpoch calls f for each entry of the data directory that belongs to an epoch: with
// its name, the epoch, and the suffix of the name ("", newSuffix or oldSuffix).
func eachEpoch(dir string, f func(name string, epoch uint64, suffix string) error) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		digits, found := strings.CutPrefix(entry.Name(), epochPrefix)
		digits, suffix, _ := strings.Cut(digits, ".")
		epoch, err := strconv.ParseUint(digits, 10, 64)
		if suffix != "" {
			suffix = "." + suffix
		}
		if !found || err != nil || epoch == 0 || epochName(epoch)+suffix != entry.Name() {
			continue
		}
		if suffix != "" && suffix != newSuffix && suffix != oldSuffix {
			continue
		}
		if err := f(entry.Name(), epoch, suffix); err != nil {
			return err
		}
	}
	return nil
}

// newestEpoch returns the highest epoch that has a directory with this suffix, 0 if
// there is none.
func newestEpoch(dir, with string) (newest uint64, err error) {
	err = eachEpoch(dir, func(_ string, epoch uint64, suffix string) error {
		if suffix == with {
			newest = max(newest, epoch)
		}
		return nil
	})
	return newest, err
}

// removeEpochs removes the epochs for which goes returns true, and all whose removal
// has begun.
func removeEpochs(dir string, goes func(epoch uint64, arriving bool) bool) error {
	err := eachEpoch(dir, func(name string, epoch uint64, suffix string) error {
		if suffix == oldSuffix || goes(epoch, suffix == newSuffix) {
			return os.RemoveAll(filepath.Join(dir, name))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return durable.SyncDir(dir)
}

// openFile opens a file for reading and writing, or only for reading on a read-only
// disk.
func openFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission) {
		return os.Open(name)
	}
	return f, err
}

// writeParts writes parts side by side from an offset on, in one write if possible. It
// changes parts.
func writeParts(f *os.File, parts [][]byte, offset int64) error {
	for len(parts) > 0 {
		n, err := unix.Pwritev(int(f.Fd()), parts, offset)
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return os.NewSyscallError("pwritev", err)
		}
		offset += int64(n)
		for n > 0 {
			written := min(n, len(parts[0]))
			n -= written
			if parts[0] = parts[0][written:]; len(parts[0]) == 0 {
				parts = parts[1:]
			}
		}
	}
	return nil
}

// writeBack starts writing the content of a file to the disk. An fsync must follow; it
// reports what fails here.
func writeBack(f *os.File) {
	unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}
