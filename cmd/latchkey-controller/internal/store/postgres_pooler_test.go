package store

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// pooled runs Debian's pgbouncer in front of a server, and returns the address of a database there.
func pooled(t *testing.T, server *postgrestest.Own, database, mode string, size int) string {
	t.Helper()
	dir, err := os.MkdirTemp(server.Dir, "pool")
	if err != nil {
		t.Fatal(err)
	}
	if c := server.Command("postgres").SysProcAttr.Credential; c != nil {
		os.Chown(dir, int(c.Uid), int(c.Gid))
	}
	config := filepath.Join(dir, "ini")
	text := fmt.Sprintf("[databases]\n* = host=%s port=%d\n[pgbouncer]\nunix_socket_dir=%s\nlisten_port=6432\nauth_type=any\nadmin_users=x\npool_mode=%s\ndefault_pool_size=%d\nmin_pool_size=0\n", server.Dir, server.Port, dir, mode, size)
	// Role and database are the server's: with auth_type=any all are one role.
	text = strings.Replace(text, "* = ", database+" = user=postgres ", 1)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c := server.Command("/usr/sbin/pgbouncer", config)
	if err := c.Start(); err != nil {
		t.Fatalf("%v: make setup installs it", err)
	}
	t.Cleanup(func() {
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
			t.Fatal(err)
		}
	}
	return "postgres://postgres@/" + database + "?port=6432&host=" + dir
}

func TestAPoolerThatSharesConnectionsIsRefused(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	server.New("site")
	for _, c := range []struct {
		mode string
		size int
		says string
	}{
		{"transaction", 20, "set pool_mode=session"},
		{"transaction", 1, "set pool_mode=session"},
		{"statement", 20, "set pool_mode=session"},
		{"session", 1, "had no second connection to give"},
	} {
		if said := refused(t, pooled(t, server, "site", c.mode, c.size)); !strings.Contains(said, c.says) {
			t.Errorf("%s, %d: %s", c.mode, c.size, said)
		}
	}
	if n := server.Ask("site", `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace`); n != "0" {
		t.Error("tables were made")
	}
}

func TestAPoolerOfSessionsDoes(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	server.New("site")
	s, err := Create(t.Context(), t.TempDir(), pooled(t, server, "site", "session", 20))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	heard := make(chan struct{}, 1)
	go s.Watch(t.Context(), func() error {
		heard <- struct{}{}
		return nil
	})
	for range 4 { // at once, when it listens, and for commits
		if err := s.Update(t.Context(), func(tx *Tx) error { return tx.exec(`UPDATE schema_version SET version = version`) }); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
		case <-time.After(20 * time.Second):
			t.Fatal("the watch hears nothing")
		}
	}
}
