package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport/linuxudstpm"

	"latchkey/device/pin/tpm"
	"latchkey/device/pin/tpm/swtpm"
	"latchkey/sync/wire"
)

// tpmChip is a TPM 2.0 on a board: swtpm, a program on this machine, whose state is in a
// directory. Its power goes with the board's.
type tpmChip struct {
	ctx context.Context
	dir string

	mu       sync.Mutex
	cmd      *exec.Cmd    // nil: no power
	commands []tpmCommand // of the board's kernel, as they came
	plan     *plannedCut
}

// tpmCommand is a command that has reached the chip.
type tpmCommand struct {
	code           tpm2.TPMCC
	sent, answered time.Time
}

// plannedCut is a power cut that comes with the first command of a code.
type plannedCut struct {
	code    tpm2.TPMCC
	reaches bool          // the chip still executes the command
	answer  time.Duration // for which the board lives on with its answer; 0: it never gets it
	cut     func()
}

// newTPMChip returns a chip that its maker has certified.
func newTPMChip(ctx context.Context, dir string) *tpmChip {
	c := &tpmChip{ctx: ctx, dir: dir}
	check(os.Mkdir(dir, 0o700))
	check(os.Mkdir(c.maker(), 0o700))
	check(swtpm.Manufacture(dir, c.maker()))
	return c
}

func (c *tpmChip) maker() string { return filepath.Join(c.dir, "maker") }

func (c *tpmChip) socket() string { return filepath.Join(c.dir, "socket") }

// powerOn starts the chip as a board's firmware does.
func (c *tpmChip) powerOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd != nil {
		return
	}
	if err := os.Remove(c.socket()); err != nil && !os.IsNotExist(err) {
		check(err)
	}
	c.cmd = exec.CommandContext(c.ctx, "swtpm", "socket", "--tpm2", "--tpmstate", "dir="+c.dir,
		"--server", "type=unixio,path="+c.socket(), "--flags", "not-need-init,startup-clear")
	if err := c.cmd.Start(); err != nil {
		c.cmd = nil
		fail("%w: make setup-hil installs swtpm", err)
	}
	eventually(c.ctx, "swtpm takes connections", func() bool {
		conn, err := net.Dial("unix", c.socket())
		check(err)
		return conn.Close() == nil
	})
}

// powerCut ends the chip as it stands.
func (c *tpmChip) powerCut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd != nil {
		c.cmd.Process.Kill()
		c.cmd.Wait()
		c.cmd = nil
	}
}

// serve has the chip answer a board's commands until the board or the chip ends.
func (c *tpmChip) serve(board net.Conn) {
	defer board.Close()
	chip, err := linuxudstpm.Open(c.socket()) // connects for each command
	if err != nil {
		return
	}
	defer chip.Close()
	for {
		command, err := readCommand(board)
		if err != nil {
			return
		}
		n, plan := c.begin(command)
		if plan != nil && !plan.reaches {
			plan.cut()
			return
		}
		answer, err := chip.Send(command)
		if err != nil {
			return
		}
		c.end(n)
		switch {
		case plan == nil:
		case plan.answer == 0:
			plan.cut()
			return
		default:
			time.AfterFunc(plan.answer, plan.cut)
		}
		if _, err := board.Write(answer); err != nil {
			return
		}
	}
}

// readCommand reads a command: a tag, the size of all, a code, and the rest (Part 1,
// "Command/Response Structure").
func readCommand(from io.Reader) ([]byte, error) {
	const header, most = 10, 4096
	command := make([]byte, header)
	if _, err := io.ReadFull(from, command); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(command[2:])
	if size < header || size > most {
		return nil, fmt.Errorf("a command of %d bytes", size)
	}
	command = append(command, make([]byte, size-header)...)
	_, err := io.ReadFull(from, command[header:])
	return command, err
}

// begin notes a command, and returns its number and, if the power cut comes with it, that.
func (c *tpmChip) begin(command []byte) (n int, plan *plannedCut) {
	code := tpm2.TPMCC(binary.BigEndian.Uint32(command[6:]))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commands = append(c.commands, tpmCommand{code: code, sent: time.Now()})
	if c.plan != nil && c.plan.code == code {
		plan, c.plan = c.plan, nil
	}
	return len(c.commands) - 1, plan
}

func (c *tpmChip) end(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commands[n].answered = time.Now()
}

// planCut has the power go with a command that is still to come: see plannedCut.
func (c *tpmChip) planCut(plan *plannedCut) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan = plan
}

// mark is how many commands there have been.
func (c *tpmChip) mark() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.commands)
}

// since returns the commands after a mark, without those for random numbers: the kernel
// asks for these whenever it likes.
func (c *tpmChip) since(mark int) (commands []tpmCommand) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, command := range c.commands[mark:] {
		if command.code != tpm2.TPMCCGetRandom {
			commands = append(commands, command)
		}
	}
	return commands
}

// budget asks the chip itself how many PINs with these keys it has counted.
func (c *tpmChip) budget(keys *wire.TPMKeys) wire.Budget {
	ctx, cancel := context.WithTimeout(c.ctx, waitLimit)
	defer cancel()
	t := tpm.Open(c.socket())
	defer t.Close()
	check(t.Use(ctx, keys))
	budget, err := t.Budget(ctx)
	check(err)
	return budget
}
