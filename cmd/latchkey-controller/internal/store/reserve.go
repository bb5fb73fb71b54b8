package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ReserveFile takes up space on the disk that important acts are kept in when
// nothing else is left.
const ReserveFile = "reserve"

// The reserve holds some hundred acts. With less than margin left a disk counts
// as full: what can wait waits, so that it does not eat the rest.
const (
	reserveSize = 8 << 20
	margin      = 1 << 20
)

// A FullError says that a disk is full.
type FullError struct{ Path string } // what has no room

func (e *FullError) Error() string {
	return fmt.Sprintf("the disk is full: there is no room for %s; make room there, and all goes on by itself", e.Path)
}

// A reserve is the space of one database. It is given to the database's
// write-ahead log, not to the disk, where others would take it.
type reserve struct{ dir string }

func (r reserve) path() string { return filepath.Join(r.dir, ReserveFile) }
func (r reserve) log() string  { return filepath.Join(r.dir, File+"-wal") }

// free returns how much room there is on the disk.
func (r reserve) free() (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(r.dir, &fs); err != nil {
		return 0, fmt.Errorf("room in %s: %w", r.dir, err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

// held returns how much the reserve holds.
func (r reserve) size() int64 {
	info, err := os.Stat(r.path())
	if err != nil {
		return 0
	}
	return info.Size()
}

// whole returns a FullError unless the reserve is whole, or can be made so, and
// there is room besides it.
func (r reserve) check() error {
	free, err := r.free()
	if err != nil {
		return err
	}
	held := r.size()
	if free < margin+reserveSize-held {
		return &FullError{filepath.Join(r.dir, File)}
	}
	if held == reserveSize {
		return nil
	}
	return r.fill(reserveSize)
}

// fill makes the reserve hold so much.
func (r reserve) fill(size int64) error {
	f, err := os.OpenFile(r.path(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("reserve: %w", err)
	}
	defer f.Close()
	var owner unix.Stat_t
	if os.Geteuid() == 0 && unix.Stat(filepath.Join(r.dir, File), &owner) == nil {
		if err := f.Chown(int(owner.Uid), int(owner.Gid)); err != nil { // as SQLite does with the files it makes
			return fmt.Errorf("reserve: %w", err)
		}
	}
	if err = unix.Fallocate(int(f.Fd()), 0, 0, size); errors.Is(err, unix.EOPNOTSUPP) {
		_, err = f.WriteAt(make([]byte, size), 0)
	}
	if noRoom(err) {
		f.Truncate(0)
		return &FullError{filepath.Join(r.dir, File)}
	}
	if err != nil {
		return fmt.Errorf("reserve: %w", err)
	}
	return nil
}

// give gives the reserve to the database if the disk is full.
func (r reserve) release() error {
	free, err := r.free()
	if err != nil {
		return err
	}
	held := r.size()
	if free >= margin || held == 0 {
		return nil
	}
	if err := os.Truncate(r.path(), 0); err != nil {
		return fmt.Errorf("reserve: %w", err)
	}
	return r.preallocate(held)
}

// claim keeps space for the write-ahead log beyond its end, where there is one.
// SQLite holds no lock on that file, which closing it here would end.
func (r reserve) preallocate(size int64) error {
	f, err := os.OpenFile(r.log(), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reserve: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reserve: %w", err)
	}
	// What the shared memory beside it and the database may yet need is left.
	if size -= margin / 4; size > 0 {
		err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, info.Size(), size)
	}
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !noRoom(err) {
		return fmt.Errorf("reserve: %w", err)
	}
	return nil
}

// regain takes back what the closed database leaves of a full disk.
func (r reserve) refill() {
	if free, err := r.free(); err == nil && r.size() < reserveSize {
		if size := min(free+r.size(), reserveSize); size > 0 {
			r.fill(size) // or there is none: the next opening tries again
		}
	}
}

// noRoom says whether the system refuses to store more.
func noRoom(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// refused returns a FullError for what SQLite says of a full disk, in whose
// codes it is many things.
func (r reserve) fullError(err error) error {
	var refusal *sqlite.Error
	if !errors.As(err, &refusal) {
		return err
	}
	switch code := refusal.Code(); {
	case code&0xff == sqlite3.SQLITE_FULL:
	case code&0xff == sqlite3.SQLITE_IOERR, code&0xff == sqlite3.SQLITE_CANTOPEN:
		if !r.diskFull() {
			return err
		}
	default:
		return err
	}
	return &FullError{filepath.Join(r.dir, File)}
}

// probe says whether nothing more can be written.
func (r reserve) diskFull() bool {
	f, err := os.OpenFile(r.dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err != nil {
		return noRoom(err)
	}
	defer f.Close()
	_, err = f.Write(make([]byte, 64<<10))
	return noRoom(err)
}
