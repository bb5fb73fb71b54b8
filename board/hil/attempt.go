package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// root runs a shell's line as root.
func (b *bench) root(line string) error {
	var r result
	err := b.m.agent.call("POST", "/run", command{Root: true, Args: []string{"/bin/sh", "-c", line}}, &r)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("%s: exit code %d: %s", line, r.Code, r.Stderr)
	}
	return err
}

// keepPicture keeps what the panel shows where something was not proved.
func (b *bench) keepPicture() {
	if b.m == nil || b.m.ended() {
		return
	}
	seen, err := b.m.chips.picture()
	if err == nil {
		name := filepath.Join(b.out, fmt.Sprintf("failed-%s-%d.png", b.name, len(b.report.rows)))
		err = os.WriteFile(name, seen, 0o644)
		fmt.Printf("     the panel then: %s\n", name)
	}
	if err != nil {
		fmt.Printf("     no picture of the panel: %v\n", err)
	}
}

// leave takes away what a scenario that failed may have left at the door.
func (b *bench) leave() {
	if b.m == nil || b.m.ended() {
		return
	}
	for _, err := range []error{
		b.m.chips.touch(0, 0, false), b.twin.page.touch(0, 0, false), b.away(),
		b.m.lines.set(lineExit, false), b.m.lines.set(lineDoor, false), b.m.lines.set(lineTamper, false),
	} {
		if err != nil {
			fmt.Printf("     left at the door: %v\n", err)
		}
	}
}

// eventuallyLimit is for what hangs, not for what is slow on a busy machine.
const eventuallyLimit = 3 * time.Minute

// eventually waits until check says yes.
func (b *bench) eventually(what string, check func() (bool, error)) error {
	var last error
	var exited chan struct{} // never, without a machine
	if b.m != nil {
		exited = b.m.exited
	}
	for deadline := time.Now().Add(eventuallyLimit); time.Now().Before(deadline); {
		ok, err := check()
		if ok && err == nil {
			return nil
		}
		last = err
		select {
		case <-b.ctx.Done():
			return b.ctx.Err()
		case <-exited:
			return fmt.Errorf("%s: the machine ended; the console's end:\n%s", what, b.m.console.tail(20))
		case <-time.After(100 * time.Millisecond):
		}
	}
	if last != nil {
		return fmt.Errorf("not within %v: %s: %w", eventuallyLimit, what, last)
	}
	return fmt.Errorf("not within %v: %s", eventuallyLimit, what)
}
