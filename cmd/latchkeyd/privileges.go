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

// harden keeps digits that pass through memory from ending up in a core dump,
// and other processes of the same user from reading them.
func harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	return nil
}

// asOwner has root go on as the owner of a data directory: what root itself
// writes there the service, which runs as that owner, could not read.
func asOwner(dir string) error {
	uid, gid, err := owner(dir)
	if err != nil || os.Geteuid() != 0 || uid == 0 {
		return err
	}
	if err := errors.Join(syscall.Setgroups([]int{gid}), syscall.Setgid(gid)); err != nil {
		return fmt.Errorf("go on as the group %d, which %s belongs to: %w", gid, dir, err)
	}
	if err := syscall.Setuid(uid); err != nil {
		return fmt.Errorf("go on as the user %d, whom %s belongs to: %w", uid, dir, err)
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

// openOut opens a file for what is made of a data directory's content, before
// asOwner: root may write it where it likes. Within the directory it is its
// owner's.
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
