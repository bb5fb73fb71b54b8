package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// bootLimit is how long one machine may run, whatever it does.
const bootLimit = 10 * time.Minute

// shift makes each instruction take 2^shift ns of the machine's time, so that a
// busy host slows its clock and not only its processor: no deadline of the
// reader's depends on what else the host does, and a figure is the same on
// every host. 500 million instructions a second are a small board's.
const shift = 1

// board is what the machine is made of.
type board struct {
	kernel    string
	initramfs string
	disk      string   // the data partition
	tools     string   // what is at /tools, read-only
	options   []string // on the kernel's command line
	broker    string   // address on this machine that 10.0.2.100:8883 leads to; "" for no network
}

// machine is a running QEMU with the bench's agent in it.
type machine struct {
	cmd     *exec.Cmd
	dir     string // of its sockets
	cancel  context.CancelFunc
	console *console
	exited  chan struct{}
	monitor *monitor
	lines   *doorLines
	agent   *agent
	chips   *chips
}

// boot starts the machine and returns once its agent answers. Its console goes
// to log.
func boot(ctx context.Context, b board, log io.Writer) (_ *machine, err error) {
	dir, err := os.MkdirTemp("", "bench-*")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	m := &machine{dir: dir, cancel: cancel, console: newConsole(log), exited: make(chan struct{})}
	args := []string{
		"-M", "virt,gic-version=3", "-cpu", "cortex-a53", "-smp", "1", "-m", "512", "-icount", "shift=" + strconv.Itoa(shift),
		"-nodefaults", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot",
		"-kernel", b.kernel, "-initrd", b.initramfs,
		"-append", strings.Join(append([]string{"console=ttyAMA0", "quiet", "panic=-1"}, b.options...), " "),
		"-drive", "if=none,id=data,format=raw,file=" + b.disk, "-device", "virtio-blk-pci,drive=data",
		"-drive", "if=none,id=tools,format=raw,readonly=on,file=" + b.tools, "-device", "virtio-blk-pci,drive=tools",
		"-device", "i6300esb", // a watchdog timer, which runs once somebody opens it
		"-device", "virtio-serial-pci",
		"-chardev", "socket,id=agent,server=on,wait=off,path=" + m.socket("agent"), "-device", "virtserialport,chardev=agent,name=bench.agent",
		"-chardev", "socket,id=peer,server=on,wait=off,path=" + m.socket("peer"), "-device", "virtserialport,chardev=peer,name=bench.peer",
		"-qmp", "unix:" + m.socket("qmp") + ",server=on,wait=off",
		"-qtest", "unix:" + m.socket("qtest") + ",server=on,wait=off", "-qtest-log", "none",
	}
	if b.broker != "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		// romfile= does without a boot ROM, which need not be installed.
		args = append(args, "-device", "virtio-net-pci,netdev=net,romfile=",
			"-netdev", "user,id=net,restrict=on,guestfwd=tcp:10.0.2.100:8883-cmd:"+self+" forward "+b.broker)
	}
	m.cmd = exec.CommandContext(ctx, "qemu-system-aarch64", args...)
	m.cmd.Stderr = m.console
	stdout, err := m.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(m.exited)
		io.Copy(m.console, stdout) // ends with QEMU
		m.cmd.Wait()               // its end is read from the console
		os.RemoveAll(dir)
	}()
	defer func() {
		if err != nil {
			m.powerCut()
			err = fmt.Errorf("%w; the console's end:\n%s", err, m.console.tail(15))
		}
	}()
	conn, err := m.dial(ctx, "qmp")
	if err != nil {
		return nil, err
	}
	if m.monitor, err = newMonitor(conn); err != nil {
		return nil, err
	}
	if m.lines, err = m.openLines(ctx); err != nil {
		return nil, err
	}
	agentCalls, err := m.caller(ctx, "agent")
	if err != nil {
		return nil, err
	}
	chipCalls, err := m.caller(ctx, "peer")
	if err != nil {
		return nil, err
	}
	m.agent, m.chips = &agent{agentCalls}, &chips{chipCalls}
	if _, err := m.agent.uptime(); err != nil {
		return nil, fmt.Errorf("the machine does not come up: %w", err)
	}
	if err := m.chips.answers("/bench/state"); err != nil {
		return nil, fmt.Errorf("the machine's chips do not answer: %w", err)
	}
	return m, nil
}

func (m *machine) socket(name string) string { return filepath.Join(m.dir, name) }

// dial connects to one of QEMU's sockets, which are there a moment after it
// has started.
func (m *machine) dial(ctx context.Context, name string) (net.Conn, error) {
	for {
		conn, err := net.Dial("unix", m.socket(name))
		if err == nil {
			return conn, nil
		}
		select {
		case <-m.exited:
			return nil, errors.New("QEMU ended")
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ended says that QEMU has ended by itself.
func (m *machine) ended() bool {
	select {
	case <-m.exited:
		return true
	default:
		return false
	}
}

// powerOff ends the machine in order. A console without its end line is an error.
func (m *machine) powerOff() error {
	m.agent.call("POST", "/off", nil, nil) // no answer comes
	<-m.exited
	m.cancel()
	if !m.console.saw("end") {
		return fmt.Errorf("the machine did not end in order; the console's end:\n%s", m.console.tail(15))
	}
	return nil
}

// powerCut ends the machine as it stands.
func (m *machine) powerCut() {
	m.cancel() // kills QEMU
	<-m.exited
}

// console collects what the machine writes to its serial line.
type console struct {
	mu    sync.Mutex
	log   io.Writer
	lines []string
	part  string
}

func newConsole(log io.Writer) *console { return &console{log: log} }

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.part += strings.ReplaceAll(string(p), "\r", "")
	for {
		line, rest, complete := strings.Cut(c.part, "\n")
		if !complete {
			break
		}
		c.lines, c.part = append(c.lines, line), rest
	}
	return c.log.Write(p)
}

// said is when, in seconds since the kernel started, the guest said a line.
func (c *console) said(line string) (float64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lines {
		words := strings.SplitN(l, " ", 3)
		if len(words) == 3 && words[0] == "BENCH" && words[2] == line {
			at, err := strconv.ParseFloat(words[1], 64)
			return at, err == nil
		}
	}
	return 0, false
}

func (c *console) saw(line string) bool {
	_, ok := c.said(line)
	return ok
}

func (c *console) tail(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines[max(0, len(c.lines)-n):], "\n")
}
