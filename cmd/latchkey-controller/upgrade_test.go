package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// laterReleases builds the next release of this program, and the one after that. The first expands a table, the second
// works with the first only.
func laterReleases(t *testing.T, now int) (next, last string) {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	built := [2]string{}
	for i, sql := range [2]string{"ALTER TABLE readers ADD COLUMN note TEXT NOT NULL DEFAULT '';\n", "ALTER TABLE readers DROP COLUMN note;\n"} {
		version := now + i + 1
		for engine, head := range map[string]string{"sqlite": "", "postgres": fmt.Sprintf("-- Works with %d\n", version-1)} {
			file, err := filepath.Abs(fmt.Sprintf("internal/store/migrations/%s/%02d_test.sql", engine, version))
			if err != nil {
				t.Fatal(err)
			}
			replace[file] = filepath.Join(dir, engine+fmt.Sprint(version))
			if err := os.WriteFile(replace[file], []byte(head+sql), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		overlay, err := json.Marshal(map[string]any{"Replace": replace})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
			t.Fatal(err)
		}
		built[i] = filepath.Join(dir, fmt.Sprint("latchkey-controller-", version))
		if out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-overlay", filepath.Join(dir, "overlay.json"), "-o", built[i], ".").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return built[0], built[1]
}

func TestControllersAreUpgradedOneAfterTheOtherWithoutAGap(t *testing.T) {
	s := newSeveral(t, nil)
	var now int
	if _, err := fmt.Sscan(s.server.Ask("site", `SELECT version::text FROM schema_version`), &now); err != nil {
		t.Fatal(err)
	}
	next, last := laterReleases(t, now)
	in := func(program string, i int) func(args ...string) *exec.Cmd {
		if program == "" {
			return programIn(s.dirs[i])
		}
		return func(args ...string) *exec.Cmd { return exec.Command(program, append(args, "--dir", s.dirs[i])...) }
	}
	// says runs a command of a version, which does as is expected, and says something.
	says := func(program string, i int, done bool, say string, args ...string) {
		t.Helper()
		if out, err := in(program, i)(args...).CombinedOutput(); (err == nil) != done || !strings.Contains(string(out), say) {
			t.Errorf("%s: %v: %s, not: %s", strings.Join(args, " "), err, out, say)
		}
	}
	one, two := s.both()
	term := s.term()
	s.acknowledged(one)
	says(last, 1, false, fmt.Sprintf("runs and is of version %d (1 besides): upgrade that controller to a version in between first, of a schema from %d on, or stop it", now, now+1), "user", "list")
	two.end()
	two = startMember(t, s.dirs[1], in(next, 1), "--broker", s.broker)
	two.standsBy(1)
	if s.term() != term {
		t.Errorf("term %d, not %d", s.term(), term)
	}
	one.calm(0)
	s.acknowledged(one)
	for _, m := range []*member{one, two} {
		if status, body := s.get(m.at("api") + "/api/v1/developer/doors"); status != http.StatusOK {
			t.Errorf("%s's API: %d %s", m.dir, status, body)
		}
	}
	several := fmt.Sprintf("They are of several versions (schema %d to %d); upgrade the controller on ", now, now+1)
	for i, program := range []string{"", next} {
		says(program, i, true, "", "user", "add", "--name", fmt.Sprint("Ada ", i), "--pin", "auto")
		says(program, i, true, several, "check")
		says(program, i, true, fmt.Sprintf(" %d  ", now+1), "controller", "list")
	}
	backup := filepath.Join(t.TempDir(), "site.tar.age")
	says("", 0, false, fmt.Sprintf("version %d already, of a newer latchkey-controller, and this one knows %d: do this with the newer one", now+1, now), "backup", "--out", backup, "--recipient", recipient)
	says(next, 0, true, "", "backup", "--out", backup, "--recipient", recipient)

	// The leader comes last.
	one.Signal(syscall.SIGTERM)
	<-one.ended
	t.Logf("the newer one leads %v later", two.leads(1))
	s.acknowledged(two)
	one = startMember(t, s.dirs[0], in(next, 0), "--broker", s.broker)
	one.standsBy(1)
	says(next, 0, true, "2 controllers; the one on ", "check")

	// The next upgrade takes away what is not used any more, and the older version does nothing then.
	term = s.term()
	one.end()
	one = startMember(t, s.dirs[0], in(last, 0), "--broker", s.broker)
	one.standsBy(1)
	s.acknowledged(two)
	two.calm(0)
	if s.term() != term {
		t.Errorf("term %d, not %d", s.term(), term)
	}
	says("", 1, false, fmt.Sprintf("its schema is version %d, made by a newer latchkey-controller; this one supports up to %d. Install the newer one here, too", now+2, now), "user", "list")
	says(next, 1, true, "Ada 0", "user", "list")
	two.end()
	one.leads(1)
	s.acknowledged(one)
	one.end()
}

const recipient = "age1revq0mxcwlz6phs796yemm7n9ppg294y6t80h62agvd6ucpmmd2sywgj2h"
