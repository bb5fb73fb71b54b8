package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// A process is one of a cluster's. All but its name and command belong to the supervisor.
type process struct {
	name    string
	where   string // one finds it
	command func() (*exec.Cmd, error)
	stop    syscall.Signal // ends it in order
	log     string         // the file with its lines; "": they are printed
	heard   func(line string)
	cmd     *exec.Cmd // nil: it does not run
	ended   time.Time // when it has ended last; zero: never, or not since it leads
}

// A supervisor runs processes and starts what has ended again. Its methods belong to one goroutine.
type supervisor struct {
	away  time.Duration // of what has ended, before it is started again
	all   []*process    // in the order in which they are started
	exits chan exit
	again chan *process
	lines chan line
}

type exit struct {
	*process
	err error
}

type line struct {
	*process
	text string
}

func newSupervisor(away time.Duration) *supervisor {
	return &supervisor{away: away, exits: make(chan exit), again: make(chan *process), lines: make(chan line)}
}

// start starts a process, which ends with this one, whatever ends that: the kernel sends its signal when the
// thread ends that has started it.
func (s *supervisor) start(p *process) error {
	cmd, err := p.command()
	if err != nil {
		return err
	}
	defer closeExtra(cmd)
	if p.log == "" {
		out := &printed{name: p.name, heard: func(text string) { s.lines <- line{p, text} }}
		cmd.Stdout, cmd.Stderr = out, out
	} else {
		out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		defer out.Close()
		cmd.Stdout, cmd.Stderr = out, out
	}
	cmd.SysProcAttr.Pdeathsig = p.stop
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.cmd = cmd
	go func() { s.exits <- exit{p, cmd.Wait()} }()
	return nil
}

// add starts a further process and waits until it is there.
func (s *supervisor) add(ctx context.Context, p *process, there func() bool) error {
	s.all = append(s.all, p)
	if err := s.start(p); err != nil {
		return err
	}
	return s.await(ctx, p.name+" does not answer: see "+p.linesAt(), there)
}

// await waits until something is there, or a process has ended. late is the error when it takes too long.
func (s *supervisor) await(ctx context.Context, late string, there func() bool) error {
	for deadline := time.After(time.Minute); !there(); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-s.exits:
			e.cmd = nil
			return fmt.Errorf("%s has ended (%s): see %s", e.name, e.reason(), e.linesAt())
		case l := <-s.lines:
			l.read()
		case <-deadline:
			return errors.New(late)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

func (p *process) linesAt() string {
	if p.log == "" {
		return "its lines above"
	}
	return p.log
}

// keepRunning starts what ends again, a while later, until ctx ends.
func (s *supervisor) keepRunning(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case l := <-s.lines:
			l.read()
		case e := <-s.exits:
			e.cmd, e.ended = nil, time.Now()
			say("%s has ended (%s); it is started again in %g s", e.name, e.reason(), s.away.Seconds())
			time.AfterFunc(s.away, func() {
				select {
				case s.again <- e.process:
				case <-ctx.Done():
				}
			})
		case p := <-s.again:
			if err := s.start(p); err != nil {
				return err
			}
			say("%s is started again: process %d", p.name, p.cmd.Process.Pid)
		}
	}
}

// end ends all in order: what was started last, first.
func (s *supervisor) end() {
	for i := len(s.all) - 1; i >= 0; i-- {
		p := s.all[i]
		if p.cmd != nil {
			p.cmd.Process.Signal(p.stop)
		}
		for late := time.After(10 * time.Second); p.cmd != nil; {
			select {
			case <-s.lines:
			case e := <-s.exits:
				e.cmd = nil
			case <-late:
				p.cmd.Process.Kill()
			}
		}
	}
}

func (e exit) reason() string {
	if e.err == nil {
		return "by itself"
	}
	return e.err.Error()
}

func (l line) read() {
	if l.heard != nil {
		l.heard(l.text)
	}
}

// say prints a line of the demonstration's own.
func say(format string, a ...any) { fmt.Printf("%-12s  %s\n", "demo", fmt.Sprintf(format, a...)) }
