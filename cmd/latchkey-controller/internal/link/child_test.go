package link_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// childRole is set where the test binary is started to be another process.
const childRole = "LATCHKEY_TEST_CHILD"

func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv(childRole); role {
	case "":
		os.Exit(m.Run())
	case "syncs":
		err = tellSyncs(os.NewFile(3, "seccomp"), os.Stdout)
	case "receive":
		err = receiveSnapshot(os.Args[1])
	case "drain":
		err = drain(os.Args[1])
	default:
		err = fmt.Errorf("no such role: %s", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A child is this test binary as another process. It prints lines of JSON.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

// start starts a child, which ends with this process at the latest.
func start(t testing.TB, role string, inherits []*os.File, args ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command(os.Args[0], args...)}
	c.cmd.Env = append(os.Environ(), childRole+"="+role)
	c.cmd.ExtraFiles = inherits
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	return c
}

// next reads what the child says next.
func (c *child) next(into any) {
	c.t.Helper()
	if !c.lines.Scan() {
		c.t.Fatalf("it has ended: %v", c.cmd.Wait())
	}
	if err := json.Unmarshal(c.lines.Bytes(), into); err != nil {
		c.t.Fatal(err)
	}
}

func (c *child) wait() {
	c.t.Helper()
	if err := c.cmd.Wait(); err != nil {
		c.t.Fatal(err)
	}
}

// say is what a child says.
func say(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }
