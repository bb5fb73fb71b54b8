package main

import (
	"fmt"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// agent runs programs in the machine (guest/agent.go).
type agent struct{ *client }

// command and result are guest/agent.go's.
type command struct {
	Args []string
	Env  []string
	Dir  string
	Root bool
}

type result struct {
	Code           int
	Stdout, Stderr string
	Seconds        float64
}

// execute runs a program to its end, whatever its exit code is.
func (a *agent) execute(c command) (r result) {
	a.do("POST", "/run", c, &r)
	return r
}

// run runs a program to its end as the reader's user, whatever its exit code is.
func (a *agent) run(args ...string) result { return a.execute(command{Args: args}) }

// must runs a program that must succeed, and returns its standard output.
func (a *agent) must(args ...string) string {
	r := a.run(args...)
	if r.Code != 0 {
		fail("%s: exit code %d: %s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// rootShell has a shell run a line, as root.
func (a *agent) rootShell(line string) result {
	return a.execute(command{Root: true, Args: []string{"/bin/sh", "-c", line}})
}

// root has a shell run a line that must succeed, as root.
func (a *agent) root(line string) {
	if r := a.rootShell(line); r.Code != 0 {
		fail("%s: exit code %d: %s", line, r.Code, r.Stderr)
	}
}

// grant lets the reader's group use a device, as a udev rule does.
func (a *agent) grant(device string) {
	a.root("busybox chown 0:990 " + device + " && busybox chmod 0660 " + device)
}

// start starts a program, as the reader's user, that goes on.
func (a *agent) start(args ...string) (pid int) {
	a.do("POST", "/start", command{Args: args}, &pid)
	return pid
}

// startRoot is start as root.
func (a *agent) startRoot(args ...string) (pid int) {
	a.do("POST", "/start", command{Args: args, Root: true}, &pid)
	return pid
}

// log is what a program that was started has printed.
func (a *agent) log(pid int) []byte { return a.read(fmt.Sprintf("/run/%d.log", pid)) }

func (a *agent) signal(pid int, signal syscall.Signal) {
	a.do("POST", fmt.Sprintf("/signal?pid=%d&signal=%d", pid, signal), nil, nil)
}

// wait waits for the end of a program that was started; its code is -1 if a
// signal ended it.
func (a *agent) wait(pid int) (code int) {
	a.do("GET", fmt.Sprintf("/wait?pid=%d", pid), nil, &code)
	return code
}

func (a *agent) read(path string) (content []byte) {
	a.do("GET", "/file?path="+url.QueryEscape(path), nil, &content)
	return content
}

// write writes a file that only the reader's user may read.
func (a *agent) write(path string, content []byte) {
	a.do("PUT", "/file?path="+url.QueryEscape(path), content, nil)
}

// uptime is how long the machine's kernel has run, in seconds.
func (a *agent) uptime() (seconds float64) {
	_, err := fmt.Sscan(string(a.read("/proc/uptime")), &seconds)
	check(err)
	return seconds
}

// sleep waits until that time of the machine's has passed, which may be longer
// than this machine's.
func (a *agent) sleep(d time.Duration) { a.do("GET", "/sleep?for="+d.String(), nil, nil) }
