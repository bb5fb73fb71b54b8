package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wallFile names a file for a program that is the test binary: its wall clock is off by that many seconds, 8 bytes
// little-endian, which may change meanwhile. The kernel has no such thing: time namespaces have no wall clocks of their own.
const wallFile = "LATCHKEY_TEST_WALL"

// A wall is how far a machine's wall clock is off.
type wall struct {
	t    *testing.T
	file string
}

func newWall(t *testing.T) *wall {
	w := &wall{t, filepath.Join(t.TempDir(), "wall")}
	w.off(0)
	return w
}

// off sets how far it is ahead.
func (w *wall) off(d time.Duration) {
	w.t.Helper()
	f, err := os.OpenFile(w.file, os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(d/time.Second)), 0)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// putWall has time.Now of this process be off as a file says, which it maps. Go asks a function of the kernel's that is
// mapped into each process, vdso(7), for the time: that is replaced by one that asks by a system call, and
// adds.
func putWall(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	off, err := unix.Mmap(int(f.Fd()), 0, 8, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	memory, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	at, err := clockGettime(memory)
	if err != nil {
		return err
	}
	code := []byte{
		0xb8, unix.SYS_CLOCK_GETTIME, 0, 0, 0, // mov eax, SYS_clock_gettime
		0x0f, 0x05, // syscall
		0x85, 0xff, // test edi, edi
		0x75, 16, // jnz to the end: not CLOCK_REALTIME
		0x48, 0xb9, // mov rcx, off
	}
	code = binary.LittleEndian.AppendUint64(code, uint64(uintptr(unsafe.Pointer(unsafe.SliceData(off)))))
	code = append(code,
		0x48, 0x8b, 0x09, // mov rcx, [rcx]
		0x48, 0x01, 0x0e, // add [rsi], rcx
		0xc3) // ret
	_, err = memory.WriteAt(code, at)
	return err
}

// clockGettime returns where that function is.
func clockGettime(memory *os.File) (at int64, err error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(line, "[vdso]\n") {
			var from, to int64
			if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil {
				return 0, err
			}
			image := make([]byte, to-from)
			if _, err := memory.ReadAt(image, from); err != nil {
				return 0, err
			}
			file, err := elf.NewFile(bytes.NewReader(image))
			if err != nil {
				return 0, err
			}
			symbols, err := file.DynamicSymbols()
			for _, symbol := range symbols {
				if symbol.Name == "__vdso_clock_gettime" && symbol.Size > 64 {
					return from + int64(symbol.Value), nil
				}
			}
			if err != nil {
				return 0, err
			}
		}
	}
	return 0, errors.New("no function clock_gettime is mapped that has room for another one")
}
