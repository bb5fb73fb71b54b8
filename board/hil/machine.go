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

// shift makes each instruction take 2^shift ns of the machine's time: a busy host
// slows the machine's clock too, so neither the reader's deadlines nor figures
// depend on it. 500 million instructions a second are a small board's.
const shift = 1

// board is what a machine is made of.
type board struct {
	kernel    string
	initramfs string
	data      string   // the data partition
	tools     string   // what is at /tools, read-only
	broker    string   // where 10.0.2.100:8883, all that the machine reaches, leads to on this machine
	tpm       *tpmChip // nil: it has none
}

// machine is a running QEMU with the bench's agent in it.
type machine struct {
	ctx     context.Context // ends with QEMU
	cancel  context.CancelFunc
	dir     string // of its sockets
	tpm     *tpmChip
	console *console
	exited  chan struct{}
	monitor *monitor
	lines   *doorLines
	agent   *agent
	chips   *chips
}

// boot starts a machine, with more options on the kernel's command line, and
// returns once its agent and its chips answer. Its console goes to log.
func boot(ctx context.Context, b board, log io.Writer, options ...string) (_ *machine, err error) {
	dir, err := os.MkdirTemp("", "bench-*")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	m := &machine{dir: dir, tpm: b.tpm, console: &console{log: log}, exited: make(chan struct{})}
	m.ctx, m.cancel = context.WithCancel(ctx)
	args := []string{
		"-M", "virt,gic-version=3", "-cpu", "cortex-a53", "-smp", "1", "-m", "512", "-icount", "shift=" + strconv.Itoa(shift),
		"-nodefaults", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot",
		"-kernel", b.kernel, "-initrd", b.initramfs,
		"-append", strings.Join(append([]string{"console=ttyAMA0", "quiet", "panic=-1"}, options...), " "),
		"-drive", "if=none,id=data,format=raw,file=" + b.data, "-device", "virtio-blk-pci,drive=data",
		"-drive", "if=none,id=tools,format=raw,readonly=on,file=" + b.tools, "-device", "virtio-blk-pci,drive=tools",
		"-device", "i6300esb", // a watchdog timer, which runs once somebody opens it
		"-device", "virtio-serial-pci",
		"-chardev", "socket,id=agent,server=on,wait=off,path=" + m.socket("agent"), "-device", "virtserialport,chardev=agent,name=bench.agent",
		"-chardev", "socket,id=chips,server=on,wait=off,path=" + m.socket("chips"), "-device", "virtserialport,chardev=chips,name=bench.chips",
		"-qmp", "unix:" + m.socket("qmp") + ",server=on,wait=off",
		"-qtest", "unix:" + m.socket("qtest") + ",server=on,wait=off", "-qtest-log", "none",
		// romfile= does without a boot ROM, which need not be installed.
		"-device", "virtio-net-pci,netdev=net,romfile=",
		"-netdev", "user,id=net,restrict=on,guestfwd=tcp:" + brokerInside + ":8883-cmd:" + self + " forward " + b.broker,
	}
	if b.tpm != nil {
		args = append(args, "-chardev", "socket,id=tpm,server=on,wait=off,path="+m.socket("tpm"), "-device", "virtserialport,chardev=tpm,name=tpm")
	}
	cmd := exec.CommandContext(m.ctx, "qemu-system-aarch64", args...)
	cmd.Stderr = m.console
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(m.exited)
		io.Copy(m.console, stdout) // ends with QEMU
		cmd.Wait()                 // the console tells how it ended
		m.cancel()
		os.RemoveAll(dir)
	}()
	if err := m.connect(); err != nil {
		m.powerCut()
		return nil, fmt.Errorf("%w; the console's end:\n%s", err, m.console.tail(15))
	}
	return m, nil
}

// connect connects to QEMU and to what answers in the machine.
func (m *machine) connect() (err error) {
	conn, err := m.dial(m.ctx, "qmp")
	if err != nil {
		return err
	}
	if m.monitor, err = newMonitor(conn); err != nil {
		return err
	}
	if m.lines, err = m.openLines(m.ctx); err != nil {
		return err
	}
	if m.tpm != nil {
		conn, err := m.dial(m.ctx, "tpm")
		if err != nil {
			return err
		}
		go m.tpm.serve(conn)
	}
	toAgent, err := m.portClient("agent")
	if err != nil {
		return err
	}
	toChips, err := m.portClient("chips")
	if err != nil {
		return err
	}
	m.agent, m.chips = &agent{toAgent}, &chips{toChips}
	if err := try(func() { m.agent.uptime() }); err != nil {
		return fmt.Errorf("the machine does not come up: %w", err)
	}
	if err := m.chips.awaitAnswer("/bench/state"); err != nil {
		return fmt.Errorf("the machine's chips do not answer: %w", err)
	}
	return nil
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

// ended tells whether QEMU has ended.
func (m *machine) ended() bool {
	select {
	case <-m.exited:
		return true
	default:
		return false
	}
}

// powerOff shuts the machine down. A console without its last line is an error.
func (m *machine) powerOff() {
	m.agent.call(m.ctx, "POST", "/off", nil, nil) // no answer comes
	<-m.exited
	if !m.console.saw("end") {
		fail("the machine did not shut down; the console's end:\n%s", m.console.tail(15))
	}
}

// powerCut ends the machine, and its TPM, as they stand.
func (m *machine) powerCut() {
	m.cancel() // kills QEMU
	if m.tpm != nil {
		m.tpm.powerCut()
	}
	<-m.exited
}

// console collects what the machine writes to its serial line.
type console struct {
	mu    sync.Mutex
	log   io.Writer
	lines []string
	part  string
}

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

// at is when, in seconds since the kernel started, the guest printed a line.
func (c *console) at(line string) (float64, bool) {
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
	_, ok := c.at(line)
	return ok
}

func (c *console) tail(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines[max(0, len(c.lines)-n):], "\n")
}
