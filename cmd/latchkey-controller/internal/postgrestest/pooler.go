package postgrestest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Pooled runs Debian's pgbouncer in front of the server, with a pool_mode and a default_pool_size, and returns the
// address of a database there.
func (s *Own) Pooled(database, mode string, size int) string {
	s.t.Helper()
	dir, err := os.MkdirTemp(s.Dir, "pool")
	if err != nil {
		s.t.Fatal(err)
	}
	if c := s.account.Credential; c != nil {
		os.Chown(dir, int(c.Uid), int(c.Gid))
	}
	// Role and database are the server's: with auth_type=any all are one role.
	text := fmt.Sprintf("[databases]\n%s = user=postgres host=%s port=%d\n[pgbouncer]\nunix_socket_dir=%s\nlisten_port=6432\nauth_type=any\nadmin_users=x\npool_mode=%s\ndefault_pool_size=%d\nmin_pool_size=0\n",
		database, s.Dir, s.Port, dir, mode, size)
	config := filepath.Join(dir, "ini")
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	c := s.Command("/usr/sbin/pgbouncer", config)
	if err := c.Start(); err != nil {
		s.t.Fatalf("%v: make setup installs it", err)
	}
	s.t.Cleanup(func() {
		c.Process.Signal(syscall.SIGKILL)
		c.Wait()
	})
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("unix", filepath.Join(dir, ".s.PGSQL.6432"))
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(end) {
			s.t.Fatal(err)
		}
	}
	return "postgres://postgres@/" + database + "?port=6432&host=" + dir
}
