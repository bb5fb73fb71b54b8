package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"latchkey/cmd/latchkey-bench/internal/fleet"
)

// A Part is a program of a cluster. One that ends by itself is started again, as by a service manager.
type Part struct {
	Name    string
	log     string                      // the file that its output is added to
	command func() *exec.Cmd            // that starts it
	ready   func(context.Context) error // nil unless it can be used

	mu      sync.Mutex
	process *fleet.Process // the newest; nil: none yet
	began   int64          // length of the log when it was started
	wanted  bool
	paused  bool
	ends    int // how often it has ended by itself

	kept sync.WaitGroup
}

// startAgain is how long after a part has ended by itself it is started again.
const startAgain = 200 * time.Millisecond

// Start starts it, and returns once it can be used.
func (p *Part) Start(ctx context.Context) error {
	p.mu.Lock()
	p.wanted = true
	p.mu.Unlock()
	process, err := p.launch()
	if err != nil {
		return err
	}
	p.kept.Go(func() { p.keep(process) })
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s cannot be used: %w", p.Name, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// keep starts it again, each time that it ends, as long as it is wanted.
func (p *Part) keep(process *fleet.Process) {
	for {
		<-process.Done()
		p.mu.Lock()
		if p.wanted {
			p.ends++
		}
		p.mu.Unlock()
		time.Sleep(startAgain)
		var err error
		if process, err = p.launch(); process == nil || err != nil {
			return
		}
	}
}

// launch returns nil, nil if it is not wanted.
func (p *Part) launch() (*fleet.Process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.wanted {
		return nil, nil
	}
	p.began = 0
	if info, err := os.Stat(p.log); err == nil {
		p.began = info.Size()
	}
	process, err := fleet.Start(p.log, p.command())
	if err == nil {
		p.process = process
	}
	return process, err
}

// Kill kills it with SIGKILL. It returns when it is gone.
func (p *Part) Kill() {
	p.mu.Lock()
	p.wanted, p.paused = false, false
	if p.process != nil {
		p.signal(syscall.SIGSTOP) // it starts no further children
		p.signal(syscall.SIGKILL)
	}
	p.mu.Unlock()
	p.kept.Wait()
}

// quit ends it with SIGQUIT, or with SIGKILL if that does not help.
func (p *Part) quit() {
	p.mu.Lock()
	p.wanted, p.paused = false, false
	if p.process != nil {
		p.signal(syscall.SIGCONT)
		p.process.Stop(syscall.SIGQUIT)
	}
	p.mu.Unlock()
	p.kept.Wait()
}

// Pause stops it as it is, with SIGSTOP.
func (p *Part) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = true
	p.signal(syscall.SIGSTOP)
}

// Resume has it go on after Pause.
func (p *Part) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = false
	p.signal(syscall.SIGCONT)
}

// signal sends a signal to its process, and to the children of that.
func (p *Part) signal(signal syscall.Signal) {
	select {
	case <-p.process.Done():
		return
	default:
	}
	pid := p.process.PID()
	if signal == syscall.SIGSTOP {
		syscall.Kill(pid, signal)
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	for _, child := range strings.Fields(string(children)) {
		if child, err := strconv.Atoi(child); err == nil {
			syscall.Kill(child, signal)
		}
	}
	syscall.Kill(pid, signal)
}

// runs says whether it runs, and is not paused.
func (p *Part) runs() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted && !p.paused
}

// said returns what it has written since it was started last.
func (p *Part) said() string {
	p.mu.Lock()
	began := p.began
	p.mu.Unlock()
	all, err := os.ReadFile(p.log)
	if err != nil || int64(len(all)) < began {
		return ""
	}
	return string(all[began:])
}

// leads says whether a controller leads, as it has said.
func (p *Part) leads() bool {
	said := p.said()
	return strings.LastIndex(said, "readers come to ") > max(strings.LastIndex(said, "stands by"), strings.LastIndex(said, "leads no more"))
}

// standsBy says whether a controller stands by, as it has said.
func (p *Part) standsBy() bool {
	said := p.said()
	return strings.LastIndex(said, "stands by") > strings.LastIndex(said, "readers come to ")
}
