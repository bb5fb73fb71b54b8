package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func TestAControllerStartsOnAFullDiskAndCheckSaysSo(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=32m"); err != nil {
		t.Skipf("mounting needs rights: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	dir := filepath.Join(disk, "site")
	s, err := site.Create(t.Context(), dir, "", "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	f, err := os.Create(filepath.Join(disk, "hog"))
	for err == nil {
		_, err = f.Write(make([]byte, 4<<10))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	f.Close()
	program := func(args ...string) (string, error) {
		out, err := programIn(dir)(args...).CombinedOutput()
		return string(out), err
	}
	const full = "the disk is full: there is no room for "
	if out, err := program("check"); err == nil || !strings.Contains(out, full+filepath.Join(dir, "site.db")) {
		t.Errorf("check: %v %s", err, out)
	}
	for range 2 { // killed, it leaves the database open
		serveProcess(t, dir).kill()
	}
	if out, err := program("user", "add", "--name", "Ada"); err != nil {
		t.Errorf("an act: %v %s", err, out)
	}
	if err := os.Remove(f.Name()); err != nil {
		t.Fatal(err)
	}
	if out, err := program("check"); err != nil || !strings.Contains(out, "1 user,") || !strings.Contains(out, "all is well") {
		t.Errorf("with room: %v %s", err, out)
	}
}
