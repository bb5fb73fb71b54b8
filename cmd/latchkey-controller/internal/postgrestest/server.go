package postgrestest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// A server is a running PostgreSQL server.
type server struct {
	dir   string // with its socket
	made  atomic.Int64
	until *os.File // the server ends, and dir with it, when this is closed: with the test program at the latest

	mu   sync.Mutex
	conn *pgx.Conn // which makes and drops databases; whoever uses it holds mu
}

var running = sync.OnceValues(start)

const (
	initdb       = `-A trust -U postgres --no-sync -E UTF8 --locale=C.UTF-8` // its flags
	sharedMemory = `dynamic_shared_memory_type=mmap`                         // in files that go with the data: others stay in /dev/shm when a server is killed
)

// serve runs the server whose programs are in $1, in a new directory, until its standard input ends. Other servers
// begin with a copy of its data as initdb left them: initdb takes longer than most tests.
const serve = `
trap '' HUP INT TERM
"$1/initdb" -D new ` + initdb + ` >log 2>&1 && cp -R new data &&
	"$1/postgres" -D data -k "$PWD" -c listen_addresses= -c max_connections=300 -c shared_buffers=64MB \
		-c ` + sharedMemory + ` -c fsync=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=128MB -c autovacuum=off >>log 2>&1 &
cat
kill -QUIT $(head -n 1 data/postmaster.pid)
wait
dir=$PWD
cd / && rm -rf "$dir"
`

// programs returns the directory with the programs of the newest server that is installed.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return "", fmt.Errorf("PostgreSQL is not installed: make setup does it")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// What there has to be for a directory in memory, in bytes: a database of a test takes 10 MiB, and the logs of the
// servers more.
const (
	room = 2 << 30 // in the file system, which may promise more than the machine has
	free = 4 << 30 // of the machine's memory: several test programs ask at once
)

// directory makes a directory, in memory where there is room: a new database is 600 files, which cost a disk several
// times what a test does with them.
func directory() (string, error) {
	const memory = "/dev/shm"
	var fs unix.Statfs_t
	if err := unix.Statfs(memory, &fs); err == nil && fs.Bavail*uint64(fs.Bsize) >= room && available() >= free {
		if dir, err := os.MkdirTemp(memory, "pg"); err == nil {
			return dir, nil
		}
	}
	return os.MkdirTemp("", "pg")
}

// available returns how many bytes of memory programs can have without swapping; 0 if that is not known.
func available() uint64 {
	b, _ := os.ReadFile("/proc/meminfo")
	_, after, _ := strings.Cut(string(b), "\nMemAvailable:")
	var kibibytes uint64
	fmt.Sscan(after, &kibibytes)
	return kibibytes << 10
}

func start() (*server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := directory()
	if err != nil {
		return nil, err
	}
	c := exec.Command("/bin/sh", "-c", serve, "sh", bin)
	c.Dir = dir
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
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
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	held, until, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer held.Close()
	c.Stdin = held
	if err := c.Start(); err != nil {
		return nil, err
	}
	s := &server{dir: dir, until: until}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if s.conn, err = pgx.Connect(context.Background(), s.address("postgres")); err == nil {
			return s, nil
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			until.Close()
			return nil, fmt.Errorf("PostgreSQL does not start: %w: %s", err, log)
		}
	}
}
