package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A cluster is a demonstration in which nothing is alone but the readers: two controllers on one
// PostgreSQL, two brokers, three simulated readers. Each is a process that may be killed, and is started again.
type cluster struct {
	demo
	away      time.Duration // of what was killed, before it is started again
	known     clusterFacts
	postgres  *postgresql
	processes *supervisor
	leader    *process // the controller that has led last; nil: none yet
	signIn    string   // the newest link for the first one at a console; "": somebody has signed in
}

// readers are those of a cluster, by their identifiers, and their doors.
var readers = [...]struct{ id, door string }{{"front-door", "Front door"}, {"side-door", "Side door"}, {"garage", "Garage"}}

// run sets up what is missing and runs the cluster until ctx ends.
func (c *cluster) run(ctx context.Context) error {
	runtime.LockOSThread() // what this thread starts ends with it: see supervisor.start
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	mosquitto := mosquittoProgram()
	c.postgres = installedPostgreSQL(c.path("postgresql"))
	if mosquitto == "" || c.postgres == nil {
		return errMissing
	}
	isNew, err := c.recall()
	if err != nil {
		return err
	}
	c.processes = newSupervisor(c.away)
	defer c.processes.end()
	if err := c.startDatabase(ctx, isNew); err != nil {
		return err
	}
	if isNew {
		if err := c.setUp(ctx); err != nil {
			return err
		}
	}
	if err := c.startBrokers(ctx, mosquitto); err != nil {
		return err
	}
	if err := c.startControllers(ctx); err != nil {
		return err
	}
	if err := c.startReaders(ctx); err != nil {
		return err
	}
	c.tell()
	return c.processes.keepRunning(ctx)
}

// lock makes this the only process that runs the cluster of a directory.
func (c *cluster) lock() (unlock func(), err error) {
	f, err := os.OpenFile(c.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("the cluster in %s runs already; end that, or have another one with --dir", c.dir)
		}
		return nil, err
	}
	return func() { f.Close() }, nil
}
