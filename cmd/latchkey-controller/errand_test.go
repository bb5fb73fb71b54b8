package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
)

// serveWith starts a controller that has a broker of another machine, and waits for a line of it.
func serveWith(t *testing.T, dir, broker, line string) *exec.Cmd {
	t.Helper()
	cmd := programIn(dir)("serve", "--broker", broker, "--console", "off", "--adoption", "off")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	defer killIfLate(cmd)()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), line) {
			go io.Copy(io.Discard, out)
			return cmd
		}
	}
	t.Fatalf("it does not say %q", line)
	return nil
}

// What a stand-by is asked for at its control socket the leader does; when that is killed, it leads itself.
func TestAStandByHasTheLeaderTalkToReaders(t *testing.T) {
	t.Parallel()
	dirs := [2]string{filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "other")}
	newReporterIn(t, dirs[0], postgrestest.Database(t))
	if err := os.Mkdir(dirs[1], 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{vault.KeyFile, store.AddressFile} {
		b, err := os.ReadFile(filepath.Join(dirs[0], name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dirs[1], name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	leader := serveWith(t, dirs[0], "ssl://127.0.0.1:1", "readers come to ssl://127.0.0.1:1")
	serveWith(t, dirs[1], "ssl://127.0.0.1:2", "stands by for")
	unlock := func() string {
		b, _ := programIn(dirs[1])("unlock", "front-door").CombinedOutput()
		return string(b)
	}
	const notSent = "not sent: the controller has no connection to its broker"
	eventually(t, "the leader answers", func() bool { return strings.Contains(unlock(), notSent) })
	if b, err := programIn(dirs[1])("reader", "list").CombinedOutput(); err != nil || !strings.Contains(string(b), "front-door") {
		t.Errorf("%v: %s", err, b)
	}
	led := sitetest.Unled(t, dirs[1])
	leader.Process.Kill()
	leader.Wait()
	if said := unlock(); !strings.Contains(said, "no controller leads this site now") || !strings.Contains(said, "nothing was done") {
		t.Errorf("%s", said)
	}
	led()
	eventually(t, "the other one leads", func() bool { return strings.Contains(unlock(), notSent) })
}
