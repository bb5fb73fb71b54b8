// Package cluster runs several controllers on one site, with all that they need, as real processes on this machine:
// a PostgreSQL server, brokers, controllers that work on its database, and a fleet of simulated readers. Each
// process can be killed, paused and started again.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-bench/internal/fleet"
)

// A Cluster is the processes of one site.
type Cluster struct {
	*fleet.Site
	PostgreSQL  *Part
	Brokers     []*Part
	Controllers []*Controller

	server  string // directory of the PostgreSQL server, with its socket
	account *syscall.SysProcAttr
}

// A Controller is latchkey-controller serve in a directory of its own.
type Controller struct {
	*Part
	Dir string
}

// brokers is how many brokers a cluster has.
const brokers = 2

// Open makes a cluster with so many controllers and readers, of which nothing runs but PostgreSQL. Who called it
// closes it, also after an error.
func Open(ctx context.Context, site *fleet.Site, controllers, readers int) (c *Cluster, err error) {
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
	var urls []string
	for i := range brokers {
		name := fmt.Sprint("mosquitto-", i+1)
		address, err := freeAddress()
		if err != nil {
			return c, err
		}
		urls = append(urls, "ssl://"+address)
		c.Brokers = append(c.Brokers, &Part{
			Name: name,
			log:  filepath.Join(c.Dir, name+".log"),
			command: func() *exec.Cmd {
				return exec.Command(c.Mosquitto, "-c", filepath.Join(c.Dir, name, "mosquitto.conf"))
			},
			ready: func(context.Context) error {
				conn, err := net.DialTimeout("tcp", address, time.Second)
				if err != nil {
					return err
				}
				return conn.Close()
			},
		})
	}
	if err := c.Adopt(ctx, readers, urls...); err != nil {
		return c, err
	}
	for i, broker := range c.Brokers { // they let in who has been adopted
		if err := c.ConfigureMosquitto(ctx, broker.Name, strings.TrimPrefix(urls[i], "ssl://")); err != nil {
			return c, err
		}
	}
	for i := range controllers {
		if err := c.addController(i, urls); err != nil {
			return c, err
		}
	}
	return c, nil
}

// addController makes the directory of a controller.
func (c *Cluster) addController(i int, urls []string) error {
	dir := c.Home()
	if i > 0 {
		dir = filepath.Join(c.Dir, fmt.Sprint("site-", i+1))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		for _, name := range []string{"storage.key", "database"} {
			if err := copyFile(filepath.Join(dir, name), filepath.Join(c.Home(), name)); err != nil {
				return err
			}
		}
	}
	args := []string{"serve", "--dir", dir, "--console", "off"}
	for _, url := range urls {
		args = append(args, "--broker", url)
	}
	name := fmt.Sprint("controller-", i+1)
	part := &Part{Name: name, log: filepath.Join(c.Dir, name+".log"), command: func() *exec.Cmd { return exec.Command(c.Site.Controller, args...) }}
	part.ready = func(context.Context) error { return nil }
	c.Controllers = append(c.Controllers, &Controller{part, dir})
	return nil
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// freeAddress returns an address at which nobody listens. Its port is not one of those that connections begin at, so
// it stays free while a broker is away.
func freeAddress() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(20000+rand.IntN(12000))))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", errors.New("no port is free")
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

// parts returns all.
func (c *Cluster) parts() (all []*Part) {
	if c.PostgreSQL != nil {
		all = append(all, c.PostgreSQL)
	}
	all = append(all, c.Brokers...)
	for _, controller := range c.Controllers {
		all = append(all, controller.Part)
	}
	return all
}

// Start starts brokers and controllers, and returns once a controller leads.
func (c *Cluster) Start(ctx context.Context) error {
	for _, p := range c.parts()[1:] {
		if err := p.Start(ctx); err != nil {
			return err
		}
	}
	return c.AwaitLeader(ctx)
}

// Leader returns the controller that leads, and runs; nil: there is none.
func (c *Cluster) Leader() *Controller {
	for _, controller := range c.Controllers {
		if controller.runs() && controller.leads() {
			return controller
		}
	}
	return nil
}

// AwaitLeader waits until a controller leads.
func (c *Cluster) AwaitLeader(ctx context.Context) error {
	return await(ctx, "a controller leads", func() bool { return c.Leader() != nil })
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

// Close kills all processes and removes the server.
func (c *Cluster) Close() {
	parts := c.parts()
	for i := range parts {
		parts[len(parts)-1-i].Kill()
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
