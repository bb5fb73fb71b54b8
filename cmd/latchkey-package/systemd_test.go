package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// bootScript makes systemd the first process of a Debian, in namespaces of its
// own: $1 is the Debian, $2 the control group that it may use.
const bootScript = `set -e
echo $$ > "$2/cgroup.procs"
exec unshare --cgroup --fork --pid --mount --uts --ipc --net --kill-child --propagation private sh -ec '
	cd "$1"
	mount --bind . .
	cd "$1"
	mount -t proc proc proc
	mount -t sysfs -o ro sysfs sys
	mount -t cgroup2 cgroup2 sys/fs/cgroup
	mount -t tmpfs -o mode=755 tmpfs dev
	for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
	touch dev/console
	mount --bind /dev/null dev/console
	mkdir dev/pts dev/shm
	ln -s pts/ptmx dev/ptmx
	mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
	mount -t tmpfs -o mode=755 tmpfs run
	mkdir -p old
	pivot_root . old
	cd /
	umount --lazy old
	rmdir old
	exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --log-target=journal --show-status=0
' sh "$1"
`

// boot starts systemd in a Debian, for the rest of the test.
func (c *chroot) boot() {
	t := c.t
	t.Helper()
	group := filepath.Join(cgroup2(t), fmt.Sprintf("latchkey-test-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skipf("no control group can be made here: %v", err)
	}
	cmd := exec.Command("sh", "-c", bootScript, "sh", c.root, group)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill() // and with it, systemd and all that it runs
		<-ended
		c.eventually("the control groups are empty", func() bool {
			out, _ := exec.Command("find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";").CombinedOutput()
			_, err := os.Stat(group)
			return os.IsNotExist(err) || strings.Contains(string(out), "No such file")
		})
	})
	c.eventually("systemd runs", func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Skipf("no systemd can be run here: %v: %s", err, said.String())
		default:
		}
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
		if err != nil || len(bytes.Fields(children)) != 1 {
			return false
		}
		c.enter = []string{"nsenter", "--target", string(bytes.Fields(children)[0]), "--all", "--root", "--wd", "--"}
		state, _ := c.try("systemctl", "is-system-running")
		return strings.HasPrefix(state, "running") || strings.HasPrefix(state, "degraded")
	})
}

// cgroup2 is where version 2 of the control groups is.
func cgroup2(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if field := strings.Fields(line); field[2] == "cgroup2" {
			return field[1]
		}
	}
	t.Skip("there are no control groups of version 2 here")
	return ""
}

// eventually waits for something; the bound is for what hangs.
func (c *chroot) eventually(what string, check func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !check(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			log, _ := c.try("journalctl", "--no-pager", "--lines=30")
			c.t.Fatalf("not within 3 minutes: %s\n%s", what, log)
		}
	}
}

// show returns a property of a service.
func (c *chroot) show(service, property string) string {
	c.t.Helper()
	return strings.TrimSpace(c.do("systemctl", "show", "--property", property, "--value", service))
}

// call calls the simulated reader's page, which listens in there.
func (c *chroot) call(method, path, body string, answer any) {
	c.t.Helper()
	namespace := fmt.Sprintf("/proc/%s/ns/net", c.enter[2])
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialIn(ctx, namespace, network, address)
	}}}
	request, err := http.NewRequest(method, "http://127.0.0.1:8081"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		c.t.Fatalf("%s %s: %s: %s: %v", method, path, response.Status, b, err)
	}
	if answer != nil {
		if err := json.Unmarshal(b, answer); err != nil {
			c.t.Fatal(err)
		}
	}
}

// dialIn dials in another network namespace, on a thread that ends with it.
func dialIn(ctx context.Context, namespace, network, address string) (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocks it: the thread is spoiled
		var fd int
		if fd, err = unix.Open(namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return
		}
		defer unix.Close(fd)
		if err = unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			return
		}
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
	}()
	<-done
	return conn, err
}

const simulated = `[reader]
id = "front-door"
data = "/var/lib/latchkey"

[board]
kind = "sim"

[board.sim]
listen = "127.0.0.1:8081"
`

// runServices runs both services as packaged, but for the board: there is none
// here, so the reader is built with the simulated one.
func runServices(t *testing.T, root, older, newer string) {
	c := newChroot(t)
	c.boot()
	c.install(older, "latchkeyd", "latchkey-controller")
	if _, err := output(root, []string{"CGO_ENABLED=0"}, "go", "build", "-o", filepath.Join(c.root, "usr/bin/latchkeyd"), "./cmd/latchkeyd"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.root, "etc/latchkey/latchkeyd.toml"), []byte(simulated), 0o644); err != nil {
		t.Fatal(err)
	}
	c.found()
	c.adopt("--broker", "ssl://127.0.0.1:8883")
	c.do("systemctl", "enable", "--now", "latchkey-controller", "latchkeyd") // fails unless the reader says that it is ready
	c.eventually("the reader's link to the controller is up", func() bool {
		var status struct{ Link string }
		// It is ready once it would open, which may be a moment before it answers this.
		out, _ := c.try("runuser", "-u", "latchkey", "--", "latchkeyd", "status", "--json", "--config", "/etc/latchkey/latchkeyd.toml")
		return json.Unmarshal([]byte(out), &status) == nil && status.Link == "up"
	})
	for _, service := range []string{"latchkeyd", "latchkey-controller"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%s/root/proc/%s/status", c.enter[2], c.show(service, "MainPID")))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
			if !strings.Contains(string(b), line) {
				t.Errorf("%s does not run with %q:\n%s", service, line, b)
			}
		}
	}

	c.call("PUT", "/api/card", `{"uid":"`+adaUID+`"}`, nil)
	c.eventually("the card opens the door", func() bool {
		var lines map[string]bool
		c.call("GET", "/api/lines", "", &lines)
		return lines["strike"]
	})
	c.call("DELETE", "/api/card", "", nil)

	c.do("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "latchkeyd")
	c.eventually("a reader that hangs is started anew", func() bool {
		restarts, err := strconv.Atoi(c.show("latchkeyd", "NRestarts"))
		return err == nil && restarts == 1 && c.show("latchkeyd", "ActiveState") == "active"
	})

	before := c.show("latchkey-controller", "MainPID")
	c.install(newer, "latchkey-controller")
	if after := c.show("latchkey-controller", "MainPID"); after == before || c.show("latchkey-controller", "ActiveState") != "active" {
		t.Errorf("after an upgrade the controller is still process %s, or not active", after)
	}
	c.do("dpkg", "--purge", "latchkeyd", "latchkey-controller")
	for _, service := range []string{"latchkeyd", "latchkey-controller"} {
		if state := c.show(service, "LoadState") + " " + c.show(service, "ActiveState"); state != "not-found inactive" {
			t.Errorf("after a purge %s is %s", service, state)
		}
	}
}
