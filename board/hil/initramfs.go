package main

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// initramfs is a file tree, to be written as the archive that the kernel unpacks
// as its root: cpio "newc"
// (Documentation/driver-api/early-userspace/buffer-format.rst).
type initramfs map[string]entry

type entry struct {
	mode fs.FileMode
	data []byte // of a file; of a link, where it leads
}

func (a initramfs) add(name string, e entry) {
	name = strings.TrimPrefix(path.Clean(name), "/")
	if dir := path.Dir(name); dir != "." {
		if _, ok := a[dir]; !ok {
			a.dir(dir)
		}
	}
	a[name] = e
}

func (a initramfs) dir(name string) { a.add(name, entry{mode: fs.ModeDir | 0o755}) }

func (a initramfs) link(name, to string) {
	a.add(name, entry{fs.ModeSymlink | 0o777, []byte(to)})
}

func (a initramfs) text(name, content string) { a.add(name, entry{0o644, []byte(content)}) }

// file adds an executable file of this machine.
func (a initramfs) file(name, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	a.add(name, entry{0o755, b})
	return nil
}

// write writes the archive. Equal trees give equal archives.
func (a initramfs) write(w io.Writer) error {
	var zeros [4]byte
	record := func(inode int, name string, e entry) error {
		mode, links := uint32(e.mode.Perm()), 1
		switch {
		case name == "TRAILER!!!":
			mode = 0
		case e.mode.IsDir():
			mode, links = mode|0o040000, 2
		case e.mode&fs.ModeSymlink != 0:
			mode |= 0o120000
		default:
			mode |= 0o100000
		}
		head := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
			inode, mode, 0, 0, links, 0, len(e.data), 0, 0, 0, 0, len(name)+1, 0, name)
		for _, part := range [][]byte{[]byte(head), zeros[:-len(head)&3], e.data, zeros[:-len(e.data)&3]} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		return nil
	}
	for i, name := range slices.Sorted(maps.Keys(a)) { // a directory comes before what is in it
		if err := record(i+1, name, a[name]); err != nil {
			return err
		}
	}
	return record(0, "TRAILER!!!", entry{})
}
