// Package datadir is the directory in which a reader keeps its data: its keys,
// its site, its credentials and its journal.
package datadir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// The files of a data directory besides those of device/cache, which are
// epoch-N/ and policy.cbor.
const (
	Identity     = "identity.cbor"      // the reader's keys
	NextIdentity = "identity.next.cbor" // keys that wait for the bundle that answers their request
	KeysLock     = "identity.lock"      // locked by who makes these keys; empty
	Site         = "site.cbor"          // the site that adopted it
	Adoption     = "adoption.cbor"      // a bundle on its way in
	TPM          = "tpm.cbor"           // the TPM that the config names, as in the request for adoption
	Connection   = "connection.cbor"    // number of the newest connection to the controller
	StatusSocket = "status.sock"        // the running reader answers here
	Journal      = "journal"            // a directory
)

// Open makes a data directory if there is none. It refuses one that others can read.
func Open(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("data directory: %s can be read by others; run: chmod 700 %s", dir, dir)
	}
	return nil
}

// ErrLocked means that a reader is running on a data directory.
var ErrLocked = errors.New("another latchkeyd is running on this data directory")

// Lock locks a data directory for this process. The error wraps ErrLocked if another
// process has locked it.
func Lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", dir, ErrLocked)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// LockKeys waits until no other process makes the reader's keys, and keeps others from it: a running reader makes
// its own, and latchkeyd identity may be run at the same time.
func LockKeys(ctx context.Context, dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, KeysLock), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("another process is making the reader's keys: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ReadSecret reads a file of at most limit bytes, and refuses one that others
// can read.
func ReadSecret(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others, so its keys may no longer be secret: set the reader up from scratch, or, if you are sure that nobody has read it, run: chmod 600 %s", path, path)
	}
	return Read(path, limit)
}

// Read reads a file of at most limit bytes.
func Read(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: more than %d bytes", path, limit)
	}
	return b, err
}
