package tests

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func TestAReaderThatIsToldToQuitOrAbortShowsNoStack(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT} {
		reader := newReader(t, "front-door")
		reader.start()
		if err := reader.end(signal); err != nil || strings.Contains(reader.log.String(), "goroutine ") {
			t.Errorf("%v: %v\n%s", signal, err, reader.log.String())
		}
	}
}

func TestAReaderOutlivesTheTerminalThatItWasStartedFrom(t *testing.T) {
	t.Parallel()
	reader := newReader(t, "front-door")
	reader.start()
	reader.cmd.Process.Signal(syscall.SIGHUP)
	var lines map[string]bool
	reader.call("GET", "/api/lines", nil, &lines)
	if err := reader.stop(); err != nil {
		t.Errorf("SIGHUP, then SIGTERM: %v\n%s", err, reader.log.String())
	}
}

// A process that can be dumped owns its files in /proc; of one that cannot, they are root's
// (proc(5)).
func TestAReaderLeavesNoCoreAndIsNotToBeDebuggedByItsOwnUser(t *testing.T) {
	t.Parallel()
	programs, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	reader := newReader(t, "front-door")
	config := readAll(t, reader.config())
	reader.dir, err = os.MkdirTemp("", "latchkey-owner-*") // which others may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(reader.dir) })
	reader.configure(string(config))
	program := reader.path("latchkeyd")
	if err := os.Link(filepath.Join(programs, "latchkeyd"), program); err != nil {
		t.Fatal(err)
	}
	as := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 { // whose every process looks like one that cannot be dumped
		const service = 64321
		as.Credential = &syscall.Credential{Uid: service, Gid: service}
		if err := errors.Join(os.Chmod(reader.dir, 0o755), os.Mkdir(reader.data(), 0o700), os.Chown(reader.data(), service, service), os.Chown(reader.config(), service, service)); err != nil {
			t.Fatal(err)
		}
	}
	reader.runAs(exec.Command(program, "run", "--config", reader.config()), as)
	proc := fmt.Sprintf("/proc/%d/", reader.cmd.Process.Pid)
	if uid, _, err := owner(proc + "environ"); err != nil || uid != 0 {
		t.Errorf("user %d may look into the reader: %v", uid, err)
	}
	limits, err := os.ReadFile(proc + "limits")
	if err != nil || !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
		t.Errorf("%v\n%s", err, limits)
	}
}

// owner returns whom a file belongs to.
func owner(path string) (uid, gid int, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	return int(stat.Uid), int(stat.Gid), nil
}
