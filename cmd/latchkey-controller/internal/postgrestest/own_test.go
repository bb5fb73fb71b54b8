package postgrestest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAServerLeavesNothingInTheKernelsMemory(t *testing.T) {
	for name, end := range map[string]func(*Own){
		"that runs when its test ends": func(*Own) {},
		"that is killed":               func(s *Own) { s.Stop(syscall.SIGKILL) },
	} {
		var id int
		t.Run(name, func(t *testing.T) {
			s := NewOwn(t)
			if kind := s.Ask("postgres", `SHOW dynamic_shared_memory_type`); kind != "mmap" {
				t.Errorf("it shares %s with its children", kind) // which stays in /dev/shm
			}
			b, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
			if err != nil {
				t.Fatal(err)
			}
			var key int
			if _, err := fmt.Sscan(strings.Split(string(b), "\n")[6], &key, &id); err != nil {
				t.Fatal(err)
			}
			end(s)
		})
		const goes = 0o1000 // with the last of those that it had started: SHM_DEST of shmctl(2)
		var segment unix.SysvShmDesc
		if _, err := unix.SysvShmCtl(id, unix.IPC_STAT, &segment); err == nil && segment.Perm.Mode&goes == 0 {
			t.Errorf("the segment of a server %s is left", name)
		}
	}
}

func TestTheMemoryThatIsAvailableIsKnown(t *testing.T) {
	var machine unix.Sysinfo_t
	if err := unix.Sysinfo(&machine); err != nil {
		t.Fatal(err)
	}
	if n := available(); n == 0 || n > machine.Totalram*uint64(machine.Unit) {
		t.Errorf("%d of %d", n, machine.Totalram)
	}
}
