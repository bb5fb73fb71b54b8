package datadir

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestADirectoryThatForgetsWithThePowerIsFound(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount")
	}
	mounted := func(kind, options string) string {
		dir := t.TempDir()
		if err := unix.Mount(kind, dir, kind, 0, options); err != nil {
			t.Skipf("mount %s: %v", kind, err)
		}
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		return dir
	}
	// An overlay as overlayroot makes it: the card below, memory above.
	overlay := func(above string) string {
		for _, dir := range []string{"upper", "work"} {
			if err := os.MkdirAll(filepath.Join(above, dir), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		below := t.TempDir()
		if err := os.Mkdir(filepath.Join(below, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
		return mounted("overlay", "lowerdir="+below+",upperdir="+above+"/upper,workdir="+above+"/work")
	}
	memory := mounted("tmpfs", "size=1m")
	for dir, want := range map[string]bool{
		memory:                                 true,
		"/proc":                                false,
		filepath.Join(overlay(memory), "data"): true,
	} {
		if got, err := inMemory(dir); got != want || err != nil {
			t.Errorf("%s is in memory: %v, %v", dir, got, err)
		}
	}
	disk := t.TempDir()
	if itself, err := inMemory(disk); itself || err != nil {
		t.Skipf("no disk here: %v", err)
	}
	if got, err := inMemory(overlay(disk)); got || err != nil {
		t.Errorf("an overlay on a disk is in memory: %v, %v", got, err)
	}
}
