package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// command is a program to run in the machine.
type command struct {
	Args []string
	Env  []string // added to PATH
	Dir  string
	Root bool // run as root, not as the reader's user
}

// result is how a program ended; Code is -1 if a signal ended it.
type result struct {
	Code           int
	Stdout, Stderr string
	Seconds        float64
}

// process is a program that was started.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// agent does in the machine what the bench asks for:
//
//	POST /run     command           runs a program to its end: result
//	POST /start   command           starts one: its pid; it writes to /run/PID.log
//	POST /signal  ?pid=P&signal=N   kill(2)
//	GET  /wait    ?pid=P            waits for its end: result.Code
//	GET  /file    ?path=P           a file
//	PUT  /file    ?path=P []byte    a file that only the reader's user may read
//	GET  /sleep   ?for=500ms        answers when that time of the machine's has passed
//	POST /off                       powers off
type agent struct {
	mu        sync.Mutex
	processes map[int]*process
}

func (a *agent) serve() error {
	mux := http.NewServeMux()
	for pattern, call := range map[string]func(r *http.Request) (any, error){
		"POST /run":    a.run,
		"POST /start":  a.start,
		"POST /signal": a.signal,
		"GET /wait":    a.wait,
		"GET /file":    readFile,
		"PUT /file":    writeFile,
		"GET /sleep":   sleep,
		"POST /off":    func(*http.Request) (any, error) { return nil, powerOff() },
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := call(r)
			switch b, raw := answer.([]byte); {
			case err != nil:
				http.Error(w, err.Error(), http.StatusInternalServerError)
			case raw:
				w.Write(b)
			default:
				json.NewEncoder(w).Encode(answer)
			}
		})
	}
	return serve("bench.agent", mux)
}

func (c *command) cmd() *exec.Cmd {
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Env = append([]string{"PATH=/bin:/usr/bin", "HOME=/tmp", "TMPDIR=/tmp"}, c.Env...)
	cmd.Dir = c.Dir
	if !c.Root {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: readerUID, Gid: readerGID}}
	}
	return cmd
}

func parse(r *http.Request) (*command, error) {
	var c command
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		return nil, err
	}
	if len(c.Args) == 0 {
		return nil, errors.New("no command")
	}
	return &c, nil
}

func (a *agent) run(r *http.Request) (any, error) {
	c, err := parse(r)
	if err != nil {
		return nil, err
	}
	cmd := c.cmd()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err = cmd.Run()
	if cmd.ProcessState == nil {
		return nil, err
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), time.Since(began).Seconds()}, nil
}

func (a *agent) start(r *http.Request) (any, error) {
	c, err := parse(r)
	if err != nil {
		return nil, err
	}
	return a.begin(c)
}

// begin starts a program; it writes to /run/PID.log.
func (a *agent) begin(c *command) (pid int, err error) {
	log, err := os.CreateTemp("/run", "started-*")
	if err != nil {
		return 0, err
	}
	p := &process{cmd: c.cmd(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return 0, errors.Join(err, log.Close())
	}
	pid = p.cmd.Process.Pid
	if err := os.Rename(log.Name(), fmt.Sprintf("/run/%d.log", pid)); err != nil {
		return 0, err
	}
	a.mu.Lock()
	a.processes[pid] = p
	a.mu.Unlock()
	go func() {
		defer close(p.done)
		p.cmd.Wait() // wait reads from ProcessState how it ended
		log.Close()
	}()
	return pid, nil
}

func (a *agent) process(r *http.Request) (*process, error) {
	pid, err := strconv.Atoi(r.FormValue("pid"))
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.processes[pid]
	if p == nil {
		return nil, fmt.Errorf("process %d was not started here", pid)
	}
	return p, nil
}

func (a *agent) signal(r *http.Request) (any, error) {
	p, err := a.process(r)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(r.FormValue("signal"))
	if err != nil {
		return nil, err
	}
	return nil, p.cmd.Process.Signal(syscall.Signal(number))
}

func (a *agent) wait(r *http.Request) (any, error) {
	p, err := a.process(r)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func sleep(r *http.Request) (any, error) {
	d, err := time.ParseDuration(r.FormValue("for"))
	if err == nil {
		time.Sleep(d)
	}
	return nil, err
}

func readFile(r *http.Request) (any, error) {
	return os.ReadFile(r.FormValue("path"))
}

func writeFile(r *http.Request) (any, error) {
	var content []byte
	if err := json.NewDecoder(r.Body).Decode(&content); err != nil {
		return nil, err
	}
	path := r.FormValue("path")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return nil, err
	}
	return nil, os.Chown(path, readerUID, readerGID)
}
