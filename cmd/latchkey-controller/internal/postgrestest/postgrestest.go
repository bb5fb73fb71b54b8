// Package postgrestest has databases of a PostgreSQL server for tests: Debian's server, started for
// the test program at the first call, and reached through a socket in a directory of its own.
package postgrestest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A server is a running PostgreSQL server.
type server struct {
	dir  string // with its socket
	made atomic.Int64
}

var running = sync.OnceValues(start)

// Database returns the address of a new, empty database, which is dropped when the test ends.
func Database(t testing.TB) (address string) {
	t.Helper()
	s, err := running()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("site%d", s.made.Add(1))
	s.do(t, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8'`)
	t.Cleanup(func() { s.do(t, `DROP DATABASE `+name+` WITH (FORCE)`) })
	return s.address(name)
}

func (s *server) address(name string) string {
	return "postgres://postgres@/" + name + "?" + url.Values{"host": {s.dir}}.Encode()
}

func (s *server) do(t testing.TB, statement string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // also when the test ends
	conn, err := pgx.Connect(ctx, s.address("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// programs returns the directory with the programs of the newest server that is installed.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return "", fmt.Errorf("PostgreSQL is not installed: make setup does it")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

func start() (*server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return nil, err
	}
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 { // the server refuses to run as root
		account, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(account.Uid)
		gid, _ := strconv.Atoi(account.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	command := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(filepath.Join(bin, name), args...)
		c.SysProcAttr, c.Dir = attributes, dir
		return c
	}
	data := filepath.Join(dir, "data")
	if out, err := command("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	c := command("postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200", "-c", "shared_buffers=64MB")
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, err := command("pg_isready", "-h", dir, "-q").CombinedOutput()
		if err == nil {
			return s, nil
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("PostgreSQL does not start: %w: %s", err, out)
		}
	}
}
