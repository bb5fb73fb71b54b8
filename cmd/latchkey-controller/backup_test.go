package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/backup/backuptest"
	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

var backupKills = flag.Int("backup-kills", 6, "how often the backup of a site in PostgreSQL is killed: make torture does it more often")

// largeSite makes a site of some megabytes.
func largeSite(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "site")
	s, err := site.Create(t.Context(), dir, "", "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Update(t.Context(), func(tx *store.Tx) error {
		for range 8000 {
			if err := tx.AddAudit(&store.Audit{At: time.Now().UnixMilli(), Who: "Ada", Via: "cli", Act: "unlock", Outcome: store.Done, Text: strings.Repeat("door ", 200)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func filesIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]bool{}
	for _, e := range entries {
		files[e.Name()] = true
	}
	return files
}

func TestABackupKilledAtAnyMomentLeavesNothingOrAWholeOne(t *testing.T) {
	t.Parallel()
	killBackups(t, largeSite(t), 30)
}

// Of a site in PostgreSQL there is a copy while its backup is made.
func TestABackupOfPostgreSQLKilledAtAnyMomentLeavesNothingOrAWholeOne(t *testing.T) {
	t.Parallel()
	dir := largeSite(t)
	if err := execute(t.Context(), stdio{nil, io.Discard, io.Discard}, []string{"site", "move", "--dir", dir, "--to", postgrestest.Database(t)}); err != nil {
		t.Fatal(err)
	}
	killBackups(t, dir, *backupKills)
}

// killBackups makes backups of a site and kills all but the first, at moments that are spread over the time that a
// complete one takes.
func killBackups(t *testing.T, dir string, moments int) {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(backuptest.Identity), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(os.Environ(), runAsProgram+"=1")
		cmd.Stderr = t.Output()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	known := filesIn(t, dir)
	for _, name := range []string{store.File, store.File + "-wal", store.File + "-shm", store.ReserveFile} {
		known[name] = true
	}
	whole := time.Hour // the shortest that a complete one has taken: others may work beside it
	killed, finished := 0, 0
	for i := range moments + 1 {
		to := t.TempDir()
		path := filepath.Join(to, "backup")
		began := time.Now()
		cmd := start("backup", "--dir", dir, "--out", path, "--recipient", backuptest.Recipient)
		if i > 0 {
			timer := time.AfterFunc(whole*time.Duration(i)/time.Duration(moments), func() { cmd.Process.Kill() })
			defer timer.Stop()
		}
		err := cmd.Wait()
		switch {
		case err == nil:
			whole = min(whole, time.Since(began))
		case i > 0:
			killed++
		default:
			t.Fatal(err)
		}
		there := filesIn(t, to)
		if there["backup"] {
			finished++
			restored := filepath.Join(t.TempDir(), "restored")
			if err := execute(t.Context(), stdio{nil, io.Discard, io.Discard}, []string{"restore", "--dir", restored, "--from", path, "--identity", key}); err != nil {
				t.Errorf("moment %d: half a backup: %v", i, err)
			}
			delete(there, "backup")
		} else if err == nil {
			t.Errorf("moment %d: no backup", i)
		}
		if len(there) > 0 {
			t.Errorf("moment %d: %v is left", i, there)
		}
		for name := range filesIn(t, dir) {
			if info, err := os.Stat(filepath.Join(dir, name)); !known[name] && (err != nil || info.Size() > 0) {
				t.Errorf("moment %d: %s is left in the site", i, name)
			}
		}
	}
	if finished == 0 || killed < moments/3 {
		t.Fatalf("%d killed, %d finished", killed, finished)
	}
	t.Logf("a whole one takes %v; %d of %d were killed, %d files are whole", whole, killed, moments, finished)
}

// What an older version left of a backup that was to be downloaded is the site in
// the clear.
func TestAControllerRemovesWhatOlderOnesLeftOfABackup(t *testing.T) {
	dir := filepath.Join(newTestSite(t), "site")
	left := filepath.Join(dir, "aside-123", "home-20261123-123000")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, store.File), []byte("SQLite"), 0o600); err != nil {
		t.Fatal(err)
	}
	serveProcess(t, dir).kill()
	if files := filesIn(t, dir); files["aside-123"] || !files[store.File] {
		t.Errorf("%v", files)
	}
}

func TestAPassphraseIsAskedForTwiceAndNotEchoed(t *testing.T) {
	dir := newTestSite(t)
	for typed, want := range map[string]string{
		"correct horse battery staple\ncorrect horse battery staple\n": "site home is in",
		"correct horse battery staple\ncorrect horse battery\n":        "the two differ; nothing was changed",
	} {
		near, far := openTerminal(t)
		var out bytes.Buffer
		path := filepath.Join(t.TempDir(), "backup")
		cmd := program(t, far, dir, &out, "backup", "--dir", "site", "--out", path, "--passphrase", "-")
		waitForSilence(t, far)
		if _, err := near.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		err := cmd.Wait()
		if said := out.String(); !strings.Contains(said, want) || strings.Contains(said, "horse") || !echoes(t, far) {
			t.Errorf("%v: %q", err, said)
		}
		if _, missing := os.Stat(path); (missing == nil) != (err == nil) {
			t.Error(fmt.Sprint(missing, err))
		}
	}
}
