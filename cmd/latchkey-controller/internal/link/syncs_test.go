package link_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A syncCount is how often this process has called fdatasync or fsync, by the
// name of the file. The kernel tells (seccomp_unotify(2), Linux 5.7): it asks
// another process before each, which says to go on.
type syncCount struct {
	mu     sync.Mutex
	counts map[string]int
}

// of returns how often a file of a name was synced.
func (s *syncCount) of(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[name]
}

// countSyncs begins to count. It cannot be ended: what it asks for stays with
// this process.
func countSyncs(t testing.TB) *syncCount {
	t.Helper()
	// From the system call's number to an answer of the kernel's.
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_FDATASYNC, Jt: 2},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_FSYNC, Jt: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF},
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	const allThreads = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH | unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, allThreads, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		t.Fatal("count fdatasyncs: ", errno)
	}
	listener := os.NewFile(fd, "seccomp")
	c := start(t, "syncs", []*os.File{listener})
	listener.Close()
	s := &syncCount{counts: map[string]int{}}
	go func() { // as long as this process is there
		for c.lines.Scan() {
			s.mu.Lock()
			s.counts[c.lines.Text()]++
			s.mu.Unlock()
		}
		c.cmd.Wait()
	}()
	return s
}

// A notification is a system call that waits (struct seccomp_notif).
type notification struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	at         uint64
	args       [6]uint64
}

// A response is what is to become of it (struct seccomp_notif_resp).
type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

// tellSyncs is the other process: it prints the name of each file that is
// synced until the process that it watches is gone.
func tellSyncs(listener *os.File, out io.Writer) error {
	for {
		var n notification
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, listener.Fd(), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); errno == unix.EINTR || errno == unix.ENOENT {
			continue
		} else if errno != 0 {
			return errno
		}
		name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", n.pid, int32(n.args[0])))
		if err != nil {
			return err
		}
		fmt.Fprintln(out, filepath.Base(name))
		r := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, listener.Fd(), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r))); errno != 0 && !errors.Is(errno, unix.ENOENT) {
			return errno
		}
	}
}
