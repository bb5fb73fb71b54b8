// Package cluster runs several controllers on one site, with all that they need, as real processes on this machine:
// a PostgreSQL server, brokers, controllers that work on its database, and a fleet of simulated readers. Each
// process can be killed, paused and started again.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-bench/internal/fleet"
)

// A Cluster is the processes of one site.
type Cluster struct {
	*fleet.Site
	PostgreSQL *Part
	Cells      []*Cell // the home cell first

	server  string // directory of the PostgreSQL server, with its socket
	account *syscall.SysProcAttr
}

// A Controller is latchkey-controller serve in a directory of its own.
type Controller struct {
	*Part
	Dir string
}

// Open makes a cluster with cells of some sizes, of which nothing runs but PostgreSQL. Who called it closes it, also
// after an error.
func Open(ctx context.Context, site *fleet.Site, cells ...Size) (c *Cluster, err error) {
	c = &Cluster{Site: site}
	if err := c.openServer(ctx); err != nil {
		return c, err
	}
	if _, err := c.RunIn(ctx, c.Home(), "init", "--site", "home", "--database", c.address("home")); err != nil {
		return c, err
	}
	if err := c.noted(ctx); err != nil {
		return c, err
	}
	return c, c.openCells(ctx, cells)
}

// openServer makes a PostgreSQL server with a database, and starts it.
func (c *Cluster) openServer(ctx context.Context) (err error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return errors.New("PostgreSQL is not installed: make setup does it")
	}
	bin := filepath.Dir(found[len(found)-1])
	if c.server, err = os.MkdirTemp("", "pg"); err != nil { // the path of a socket is short
		return err
	}
	c.account = &syscall.SysProcAttr{}
	if os.Geteuid() == 0 { // the server refuses to run as root
		account, err := user.Lookup("postgres")
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(account.Uid)
		gid, _ := strconv.Atoi(account.Gid)
		if err := os.Chown(c.server, uid, gid); err != nil {
			return err
		}
		c.account.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	command := func(program string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, program), args...)
		cmd.Dir = c.server
		attributes := *c.account
		cmd.SysProcAttr = &attributes
		return cmd
	}
	data := filepath.Join(c.server, "data")
	if out, err := command("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8").CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	c.PostgreSQL = &Part{
		Name: "PostgreSQL",
		log:  filepath.Join(c.Dir, "postgres.log"),
		command: func() *exec.Cmd {
			// What a killed server has given to the kernel stays, so nothing waits for disks. What it had not given to
			// it would be lost: a controller has to say that it wants to wait for that.
			return command("postgres", "-D", data, "-k", c.server, "-c", "listen_addresses=", "-c", "shared_buffers=16MB",
				"-c", "dynamic_shared_memory_type=mmap", // in files that go with the data
				"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "max_connections=100", "-c", "autovacuum=off")
		},
		ready: func(ctx context.Context) error {
			conn, err := c.connect(ctx, "postgres")
			if err != nil {
				return err
			}
			return conn.Close(ctx)
		},
	}
	if err := c.PostgreSQL.Start(ctx); err != nil {
		return err
	}
	conn, err := c.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `CREATE DATABASE home TEMPLATE template0 ENCODING 'UTF8' STRATEGY FILE_COPY`)
	return errors.Join(err, conn.Close(ctx))
}

// address returns the address of a database at the server's socket.
func (c *Cluster) address(database string) string {
	return "postgres://postgres@/" + database + "?" + url.Values{"host": {c.server}}.Encode()
}

func (c *Cluster) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return pgx.Connect(ctx, c.address(database))
}

// brokers returns those of all cells.
func (c *Cluster) brokers() (all []*Part) {
	for _, cell := range c.Cells {
		all = append(all, cell.Brokers...)
	}
	return all
}

// controllers returns those of all cells.
func (c *Cluster) controllers() (all []*Controller) {
	for _, cell := range c.Cells {
		all = append(all, cell.Controllers...)
	}
	return all
}

// parts returns all.
func (c *Cluster) parts() (all []*Part) {
	if c.PostgreSQL != nil {
		all = append(all, c.PostgreSQL)
	}
	for _, cell := range c.Cells {
		all = append(all, cell.parts()...)
	}
	return all
}

// Start starts brokers and controllers, and returns once each cell is led.
func (c *Cluster) Start(ctx context.Context) error {
	for _, p := range c.parts()[1:] {
		if err := p.Start(ctx); err != nil {
			return err
		}
	}
	return c.AwaitLeaders(ctx)
}

// AwaitLeaders waits until a controller leads in each cell.
func (c *Cluster) AwaitLeaders(ctx context.Context) error {
	for _, cell := range c.Cells {
		if err := await(ctx, "a controller leads the cell "+cell.Name, func() bool { return cell.Leader() != nil }); err != nil {
			return err
		}
	}
	return nil
}

// await waits until something is so.
func await(ctx context.Context, what string, is func() bool) error {
	for !is() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("until %s: %w", what, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// Close ends all processes and removes the server.
func (c *Cluster) Close() {
	parts := c.parts()
	for i := range parts {
		if part := parts[len(parts)-1-i]; part == c.PostgreSQL {
			part.quit() // killed, it would leave a segment of the kernel's shared memory
		} else {
			part.Kill()
		}
	}
	os.RemoveAll(c.server)
}

// Tell writes what the controllers have logged, for who has to find out what went wrong.
func (c *Cluster) Tell(out io.Writer) {
	for _, p := range c.parts()[1:] {
		b, _ := os.ReadFile(p.log)
		fmt.Fprintf(out, "--- %s\n%s", p.Name, b)
	}
}
