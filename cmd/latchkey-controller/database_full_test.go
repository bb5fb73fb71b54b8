package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

func TestTwoControllersGoOnOnceTheServerHasRoomAgain(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	fill := onSmallDisk(t, server)
	p := newPairAt(t, server, "site")
	p.serve()
	p.report(5)
	// First there is no room for more rows.
	free := fill()
	before := p.sent()
	p.send(400)
	p.eventually("the leader says that there is no room", func() bool {
		p.send(0)
		return strings.Contains(p.machines[0].log()+p.machines[1].log(), "there is no room for the database")
	})
	if said, err := p.machines[1].do("user", "add", "--name", "Ada"); err != nil && !strings.Contains(said, "there is no room for the database") {
		t.Errorf("%v: %s", err, said)
	}
	free()
	p.acknowledged(before + 400)
	// Then there is none for the server's own log, and it ends.
	free = fill()
	for range 4 {
		if err := server.Command("psql", "-h", server.Dir, "-p", fmt.Sprint(server.Port), "-U", "postgres", "-c", `SELECT pg_switch_wal()`, "-c", `CREATE TABLE t AS SELECT 1`, "-c", `DROP TABLE t`).Run(); err != nil {
			break
		}
	}
	p.send(5)
	p.eventually("the server ends", func() bool {
		p.send(0)
		return !server.Running()
	})
	free()
	server.Start()
	p.report(5)
	for _, m := range p.machines {
		m.alive()
	}
	p.check()
}

// onSmallDisk moves a server's data to a small disk, which fill fills until free is called.
func onSmallDisk(t *testing.T, server *postgrestest.Own) (fill func() (free func())) {
	t.Helper()
	server.Stop(syscall.SIGINT)
	data := filepath.Join(server.Dir, "data")
	options := "size=128m,mode=700"
	if c := server.Command("postgres").SysProcAttr.Credential; c != nil {
		options += fmt.Sprintf(",uid=%d,gid=%d", c.Uid, c.Gid)
	}
	if err := os.Rename(data, data+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", data, "tmpfs", 0, options); err != nil {
		t.Skipf("mounting needs rights: %v", err)
	}
	t.Cleanup(func() { server.End(); unix.Unmount(data, unix.MNT_DETACH) })
	if out, err := exec.Command("cp", "-a", data+".old/.", data).CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	server.Start("max_wal_size=32MB", "min_wal_size=32MB")
	return func() (free func()) {
		t.Helper()
		name := filepath.Join(data, "fill")
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b := make([]byte, 1<<16)
		for err == nil {
			_, err = f.Write(b)
		}
		return func() {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}
