package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// harden keeps the digits in this process's memory out of core dumps, and out of reach
// of other processes of the same user.
func harden() error {
	if err := errors.Join(unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}), unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	return nil
}

// asOwner has root go on as the owner of a data directory: the service runs as that owner
// and could not read root's files.
func asOwner(dir string) error {
	uid, gid, err := owner(dir)
	if err != nil || os.Geteuid() != 0 || uid == 0 {
		return err
	}
	err = errors.Join(syscall.Setgroups([]int{gid}), syscall.Setgid(gid))
	if err == nil {
		err = syscall.Setuid(uid)
	}
	if err != nil {
		return fmt.Errorf("become the owner of %s, user %d and group %d: %w", dir, uid, gid, err)
	}
	return harden() // a new user makes a process dumpable again
}

func owner(dir string) (uid, gid int, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, 0, fmt.Errorf("data directory: %w", err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return int(stat.Uid), int(stat.Gid), nil
}

// openOut opens an output file before asOwner, so that root may write it anywhere. Within
// the data directory the file belongs to the directory's owner.
func openOut(path, dir string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o644)
	if err != nil || os.Geteuid() != 0 {
		return f, err
	}
	inside, err := filepath.Rel(dir, path)
	if err == nil && !strings.HasPrefix(inside, "..") {
		uid, gid, err := owner(dir)
		if err = errors.Join(err, f.Chown(uid, gid)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}
