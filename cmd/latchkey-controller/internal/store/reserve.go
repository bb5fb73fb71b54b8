package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"latchkey/cmd/latchkey-controller/internal/language"
)

// ReserveFile reserves disk space for important acts on a full disk.
const ReserveFile = "reserve"

// The reserve has room for a few hundred acts. A disk with less than margin free
// counts as full: what can wait then waits.
const (
	reserveSize = 8 << 20
	margin      = 1 << 20
)

// A FullError says that the disk is full.
type FullError struct {
	Path     string // the file that has no room; "": it is a database
	Database string // its name, of one at a server
	Reserved bool   // orders, and what administrators do, are stored all the same, in reserved space
}

func (e *FullError) Error() string { return e.Said().String() }

// Said returns the sentence.
func (e *FullError) Said() *language.Sentence {
	if e.Path == "" {
		return language.Say("the disk is full: there is no room for the database %s; free some space there, and the controller recovers by itself", e.Database)
	}
	return language.Say("the disk is full: there is no room for %s; free some space there, and the controller recovers by itself", e.Path)
}

// A reserve is disk space set aside for one database. It is released to the
// database's write-ahead log, not to the disk, where other programs would take it.
type reserve struct{ dir string }

func (r reserve) path() string { return filepath.Join(r.dir, ReserveFile) }
func (r reserve) log() string  { return filepath.Join(r.dir, File+"-wal") }

// free returns the free bytes on the disk.
func (r reserve) free() (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(r.dir, &fs); err != nil {
		return 0, fmt.Errorf("room in %s: %w", r.dir, err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

// size returns the bytes that the reserve holds.
func (r reserve) size() int64 {
	info, err := os.Stat(r.path())
	if err != nil {
		return 0
	}
	return info.Size()
}

// check returns a FullError unless the reserve is full size, or can be filled, and
// margin is free besides.
func (r reserve) check() error {
	free, err := r.free()
	if err != nil {
		return err
	}
	held := r.size()
	if free < margin+reserveSize-held {
		return &FullError{Path: filepath.Join(r.dir, File), Reserved: true}
	}
	if held == reserveSize {
		return nil
	}
	return r.fill(reserveSize)
}

// fill extends the reserve to size bytes.
func (r reserve) fill(size int64) error {
	f, err := os.OpenFile(r.path(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("reserve: %w", err)
	}
	defer f.Close()
	var owner unix.Stat_t
	if os.Geteuid() == 0 && unix.Stat(filepath.Join(r.dir, File), &owner) == nil {
		if err := f.Chown(int(owner.Uid), int(owner.Gid)); err != nil { // as SQLite does for its files
			return fmt.Errorf("reserve: %w", err)
		}
	}
	if err = unix.Fallocate(int(f.Fd()), 0, 0, size); errors.Is(err, unix.EOPNOTSUPP) {
		_, err = f.WriteAt(make([]byte, size), 0)
	}
	if noRoom(err) {
		f.Truncate(0)
		return &FullError{Path: filepath.Join(r.dir, File), Reserved: true}
	}
	if err != nil {
		return fmt.Errorf("reserve: %w", err)
	}
	return nil
}

// release hands the reserve to the database if the disk is full.
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

// preallocate reserves space for the write-ahead log beyond its end, if the log
// exists. SQLite holds no POSIX lock on that file, so closing it here releases none.
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
	// Leave room for the shared-memory file and the database.
	if size -= margin / 4; size > 0 {
		err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, info.Size(), size)
	}
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !noRoom(err) {
		return fmt.Errorf("reserve: %w", err)
	}
	return nil
}

// refill refills the reserve, as far as there is room, after the database was closed.
func (r reserve) refill() {
	if free, err := r.free(); err == nil && r.size() < reserveSize {
		if size := min(free+r.size(), reserveSize); size > 0 {
			r.fill(size) // if it fails, the next Open tries again
		}
	}
}

// noRoom says whether err means that the disk or the quota is full.
func noRoom(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// fullError returns a FullError in place of one of SQLite's several errors for a full
// disk; other errors it returns as they are.
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
	return &FullError{Path: filepath.Join(r.dir, File), Reserved: true}
}

// diskFull tries to write, and says whether the disk is full.
func (r reserve) diskFull() bool {
	f, err := os.OpenFile(r.dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err != nil {
		return noRoom(err)
	}
	defer f.Close()
	_, err = f.Write(make([]byte, 64<<10))
	return noRoom(err)
}
