package postgrestest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"latchkey/cmd/internal/freeport"
)

// An Own is a server of one test, which may stop it, kill it and change its settings. Its role postgres may do
// all and needs no password.
type Own struct {
	Dir  string // with its socket, and its data in data/
	Port int    // of its socket, and at 127.0.0.1

	t        testing.TB
	account  *syscall.SysProcAttr
	process  *exec.Cmd
	ended    chan struct{}
	settings []string
}

// NewOwn starts a server with settings like "fsync=on". A test that wants one is the same with the flag
// -postgres, which skips it. Its system identifier is that of all servers but those of NewOther.
func NewOwn(t testing.TB, settings ...string) *Own {
	t.Helper()
	s, first := newOwn(t, settings)
	s.run("cp", "-R", filepath.Join(first.dir, "new"), s.data())
	s.Start(settings...)
	return s
}

// NewOther starts a server with a system identifier of its own, as one that was set up on another machine has.
func NewOther(t testing.TB, settings ...string) *Own {
	t.Helper()
	s, _ := newOwn(t, settings)
	s.run("initdb", append([]string{"-D", s.data()}, strings.Fields(initdb)...)...)
	s.Start(settings...)
	return s
}

// newOwn returns a server that has no data yet, and first, the test program's. Its directory is in first's, which is
// removed when the test program ends, however that is. With fsync=on it is on a disk, and stays if the test program is
// killed.
func newOwn(t testing.TB, settings []string) (s *Own, first *server) {
	t.Helper()
	if On() {
		t.Skip("the same without -postgres")
	}
	first, err := running()
	if err != nil {
		t.Fatal(err)
	}
	parent := first.dir
	if slices.Contains(settings, "fsync=on") {
		parent = ""
	}
	dir, err := os.MkdirTemp(parent, "pg") // t.TempDir is too long for a socket, and not the server's
	if err != nil {
		t.Fatal(err)
	}
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	number, _ := strconv.Atoi(port)
	s = &Own{Dir: dir, Port: number, t: t, account: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}
	if os.Geteuid() == 0 { // the server refuses to run as root
		account, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal("PostgreSQL is not installed: make setup does it")
		}
		uid, _ := strconv.Atoi(account.Uid)
		gid, _ := strconv.Atoi(account.Gid)
		os.Chown(dir, uid, gid)
		s.account.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	t.Cleanup(func() {
		s.End()
		os.RemoveAll(dir)
	})
	return s, first
}

func (s *Own) data() string { return filepath.Join(s.Dir, "data") }

// Command returns a command that runs as the server does: a program of it, or another one.
func (s *Own) Command(program string, args ...string) *exec.Cmd {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	if len(found) > 0 {
		program = found[len(found)-1]
	}
	c := exec.Command(program, args...)
	c.SysProcAttr, c.Dir = s.account, s.Dir
	return c
}

func (s *Own) run(program string, args ...string) {
	s.t.Helper()
	if out, err := s.Command(program, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v: %s", program, err, out)
	}
}

// Start starts the server, with other settings if any are given, and waits until it can be used.
func (s *Own) Start(settings ...string) {
	s.t.Helper()
	if settings != nil {
		s.settings = settings
	}
	args := []string{"-D", s.data(), "-k", s.Dir, "-p", strconv.Itoa(s.Port)}
	for _, setting := range append([]string{"listen_addresses=127.0.0.1", "fsync=off", "shared_buffers=16MB", "max_wal_size=128MB", sharedMemory}, s.settings...) {
		args = append(args, "-c", setting)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
			s.t.Fatalf("PostgreSQL does not start: %s", log)
		}
		if !s.Running() { // what was killed leaves processes behind, for a moment
			log, err := os.OpenFile(filepath.Join(s.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
			if err != nil {
				s.t.Fatal(err)
			}
			process, ended := s.Command("postgres", args...), make(chan struct{})
			process.Stdout, process.Stderr = log, log
			quit := *s.account
			quit.Pdeathsig, process.SysProcAttr = syscall.SIGQUIT, &quit // not SIGKILL: see End
			if err := process.Start(); err != nil {
				s.t.Fatal(err)
			}
			s.process, s.ended = process, ended
			go func() {
				defer close(ended)
				process.Wait()
				log.Close()
			}()
		}
		if s.Command("pg_isready", "-h", s.Dir, "-p", strconv.Itoa(s.Port), "-q").Run() == nil {
			return
		}
	}
}

// Running says whether the server was started and has not ended.
func (s *Own) Running() bool {
	if s.ended == nil {
		return false
	}
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// Stop ends the server with a signal: SIGINT ends sessions, SIGQUIT is a crash, SIGKILL leaves its
// children to themselves.
func (s *Own) Stop(signal syscall.Signal) {
	if s.Running() {
		s.process.Process.Signal(signal)
		<-s.ended
	}
}

// End ends the server for good. What it shares with its children in the kernel's memory goes with it: with SIGQUIT it
// removes that itself.
func (s *Own) End() {
	if s.Running() {
		late := time.AfterFunc(10*time.Second, func() { s.process.Process.Kill() }) // its children have 5
		s.Stop(syscall.SIGQUIT)
		late.Stop()
	}
	b, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return
	}
	if lines := strings.Split(string(b), "\n"); len(lines) > 6 { // one that was killed left it: key and number in the seventh
		var key, id int
		if _, err := fmt.Sscan(lines[6], &key, &id); err == nil {
			unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		}
	}
}

// Freeze has the server answer nothing, as one whose machine hangs, until thaw, or the test ends.
func (s *Own) Freeze() (thaw func()) {
	s.t.Helper()
	all := []int{s.process.Process.Pid}
	signal := func(signal syscall.Signal) {
		for _, pid := range all {
			syscall.Kill(pid, signal)
		}
	}
	signal(syscall.SIGSTOP) // it has no further children
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", all[0]))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, child := range strings.Fields(string(children)) {
		pid, _ := strconv.Atoi(child)
		all = append(all, pid)
	}
	signal(syscall.SIGSTOP)
	thaw = sync.OnceFunc(func() { signal(syscall.SIGCONT) })
	s.t.Cleanup(thaw)
	return thaw
}

// Address returns the address of a database at the server's socket, for a role.
func (s *Own) Address(database, role string) string {
	return "postgres://" + role + "@/" + database + "?" + url.Values{"host": {s.Dir}, "port": {strconv.Itoa(s.Port)}}.Encode()
}

// New returns the address of a new, empty database.
func (s *Own) New(name string) string {
	s.t.Helper()
	s.Do("postgres", `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8'`)
	return s.Address(name, "postgres")
}

// Do carries out statements in a database, each by itself.
func (s *Own) Do(database string, statements ...string) {
	s.t.Helper()
	conn := s.connect(database)
	defer conn.Close(context.Background())
	for _, statement := range statements {
		if _, err := conn.Exec(context.Background(), statement); err != nil {
			s.t.Fatalf("%s: %v", statement, err)
		}
	}
}

// DoAlone carries out a statement in a database while the server is stopped.
func (s *Own) DoAlone(database, statement string) {
	s.t.Helper()
	alone := s.Command("postgres", "--single", "-D", s.data(), "-c", "exit_on_error=on", "-c", sharedMemory, database)
	alone.Stdin = strings.NewReader(statement + "\n")
	if out, err := alone.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v: %s", statement, err, out)
	}
}

// Ask returns the only value of a query, as text.
func (s *Own) Ask(database, query string) string {
	s.t.Helper()
	conn := s.connect(database)
	defer conn.Close(context.Background())
	var answer string
	if err := conn.QueryRow(context.Background(), query, pgx.QueryExecModeSimpleProtocol).Scan(&answer); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return strings.TrimSpace(answer)
}

func (s *Own) connect(database string) *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(context.Background(), s.Address(database, "postgres")+"&client_encoding=UTF8")
	if err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// StandBy starts a stand-by of the server, for which commits wait.
func (s *Own) StandBy() *Own {
	s.t.Helper()
	other, _ := newOwn(s.t, nil)
	other.run("pg_basebackup", "-h", s.Dir, "-p", strconv.Itoa(s.Port), "-U", "postgres", "-D", other.data(), "-R", "-c", "fast", "--no-sync")
	other.Start(fmt.Sprintf("primary_conninfo=host=%s port=%d user=postgres application_name=standby", s.Dir, s.Port))
	s.Do("postgres", `ALTER SYSTEM SET synchronous_standby_names = 'standby'`, `SELECT pg_reload_conf()`)
	for end := time.Now().Add(30 * time.Second); s.Ask("postgres", `SELECT coalesce(string_agg(sync_state, ''), '') FROM pg_stat_replication`) != "sync"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("the stand-by does not follow")
		}
	}
	return other
}

// Promote makes a stand-by take changes.
func (s *Own) Promote() {
	s.t.Helper()
	s.Do("postgres", `SELECT pg_promote()`)
}
