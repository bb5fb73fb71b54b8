package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// refused runs a command, which must fail and say something.
func refused(t *testing.T, dir, say string, args ...string) {
	t.Helper()
	out, err := programIn(dir)(args...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), say) {
		t.Errorf("%s in %s: %v: %s, not: %s", strings.Join(args, " "), dir, err, out, say)
	}
}

func TestWhatNeedsTheDatabaseForItselfIsRefusedWhileAControllerStandsBy(t *testing.T) {
	s := newSeveral(t, nil)
	one, two := s.both()
	refused(t, s.dirs[0], "a controller runs on "+s.dirs[0]+" already", "site", "storage-key")
	third := filepath.Join(t.TempDir(), "third")
	if out, err := programIn(third)("join", "--database", s.server.Address("site", "postgres"), "--storage-key", filepath.Join(s.dirs[0], "storage.key")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	refused(t, third, ", and by another controller; stop both first", "site", "move", "--to", "sqlite")
	refused(t, third, ", or have all controllers work with brokers that each of them reaches (--broker)", "serve", "--listen", "127.0.0.1:0", "--console", "off", "--adoption", "off")
	one.Kill() // nobody leads for a while
	for range one.ended {
	}
	refused(t, s.dirs[0], "is served already: by latchkey-controller on ", "site", "storage-key")
	refused(t, s.dirs[0], "is served already: by latchkey-controller on ", "site", "move", "--to", "sqlite")
	two.leads(1)
	two.end()

	// The others need the new key then.
	out, err := programIn(s.dirs[0])("site", "storage-key").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "if it has other controllers, copy "+filepath.Join(s.dirs[0], "storage.key")+" to the directory of each") {
		t.Errorf("%v: %s", err, out)
	}
	refused(t, s.dirs[1], "storage.key does not open the site home", "serve", "--broker", s.broker, "--adoption", "off")
}

// A controller is frozen while its site's storage key changes.
func TestAControllerWithAFormerStorageKeyEndsWithASentence(t *testing.T) {
	s := newSeveral(t, nil)
	one := s.serve(0)
	one.leads(1)
	one.at("console")
	one.Signal(syscall.SIGSTOP)
	s.server.Do("postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'latchkey-controller%'`)
	if out, err := programIn(s.dirs[1])("site", "storage-key").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	one.Signal(syscall.SIGCONT)
	select {
	case err := <-one.ended:
		if err == nil || !strings.Contains(one.log.String(), "the site's storage key was changed in the directory of another controller; copy its storage.key to "+s.dirs[0]) {
			t.Errorf("%v: %s", err, &one.log)
		}
	case <-time.After(soon):
		t.Error("it goes on")
	}
}

func TestReadersStayConnectedToAControllersOwnBrokerWhileItLeadsNoMore(t *testing.T) {
	s := newSeveral(t, nil)
	own := serveMember(t, s.dirs[0], "--listen", "127.0.0.1:0")
	own.leads(1)
	own.at("console")
	_, address, _ := strings.Cut(own.out.String(), leads)
	address, _, _ = strings.Cut(address, "\n")
	s.broker = "ssl://" + address
	client := s.reader.connect(s.broker)
	defer client.Disconnect(0)
	s.server.Stop(syscall.SIGINT)
	own.until("it leads no more", func() bool { return strings.Contains(own.log.String(), "this controller leads no more") })
	s.server.Start()
	own.leads(2)
	if !client.IsConnectionOpen() {
		t.Error("the reader lost the broker")
	}
	s.reader.report(client, 2)
	own.until("what a reader reports is acknowledged", func() bool {
		time.Sleep(50 * time.Millisecond)
		s.reader.report(client, 0)
		s.reader.mu.Lock()
		defer s.reader.mu.Unlock()
		return int(s.reader.acked) == len(s.reader.records)
	})
	own.end()
}

func TestADirectoryJoinsOneSiteOnce(t *testing.T) {
	s := newSeveral(t, nil)
	root := t.TempDir()
	address, key := s.server.Address("site", "postgres"), filepath.Join(s.dirs[0], "storage.key")
	dir, other := filepath.Join(root, "dir"), filepath.Join(root, "other")
	if out, err := programIn(other)("init", "--site", "other").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	refused(t, s.dirs[1], s.dirs[1]+" already holds a site", "join", "--database", address, "--storage-key", key)
	refused(t, other, other+" already holds a site", "join", "--database", address, "--storage-key", key)
	refused(t, dir, "does not open the site home that is in the database site at ", "join", "--database", address, "--storage-key", filepath.Join(other, "storage.key"))
	refused(t, dir, "it holds no site; correct the address\n", "join", "--database", s.server.New("empty"), "--storage-key", key)
	refused(t, dir, "copy storage.key from the directory of another controller", "join", "--database", address, "--storage-key", filepath.Join(root, "none"))
	refused(t, dir, "is not a URL", "join", "--database", "sqlite", "--storage-key", key)
	s.server.Do("site", `UPDATE schema_version SET version = version - 1`)
	refused(t, dir, "of an older latchkey-controller", "join", "--database", address, "--storage-key", key)
	s.server.Do("site", `UPDATE schema_version SET version = version + 2`, `UPDATE schema_works_with SET version = version + 1000`)
	refused(t, dir, "newer", "join", "--database", address, "--storage-key", key)
	s.server.Do("site", `UPDATE schema_version SET version = version - 1`, `UPDATE schema_works_with SET version = version - 1000`)
	read, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(root, "open.key")
	if err := os.WriteFile(open, read, 0o644); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "others can read "+open, "join", "--database", address, "--storage-key", open)
	started := filepath.Join(root, "started") // by a join that was interrupted, of another site
	if err := os.Mkdir(started, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(started, "storage.key"), make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, started, "has another storage key already", "join", "--database", address, "--storage-key", key)
	if found, _ := filepath.Glob(filepath.Join(dir, "*")); len(found) > 0 {
		t.Errorf("what was refused left %v", found)
	}
	if tables := s.server.Ask("empty", `SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'`); tables != "0" {
		t.Errorf("the empty database has %s tables", tables)
	}
	// An interrupted one of this site goes on.
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "storage.key"), read, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := programIn(dir)("join", "--database", address, "--storage-key", key).CombinedOutput(); err != nil || !strings.Contains(string(out), "site        home\n") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := programIn(dir)("user", "add", "--name", "Ada", "--pin", "auto").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
