package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

var moveKills = flag.Int("move-kills", 6, "how often a move of a site is killed: make torture does it more often")

// A movingSite is moved to and fro.
type movingSite struct {
	t        *testing.T
	dir      string
	postgres string // address of the database in PostgreSQL, where the site is or to which it is moved
	there    bool   // the site is in PostgreSQL
	users    int
}

// move starts a move to where the site is not.
func (m *movingSite) move() *exec.Cmd {
	to := m.postgres
	if m.there {
		to = "sqlite"
	}
	cmd := exec.CommandContext(m.t.Context(), os.Args[0], "site", "move", "--dir", m.dir, "--to", to)
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	return cmd
}

// look opens the site, which must be whole where it is, and nowhere else. It adds a user.
func (m *movingSite) look() {
	m.t.Helper()
	s, err := site.Open(m.t.Context(), m.dir)
	if err != nil {
		m.t.Fatalf("the site does not open: %v", err)
	}
	defer s.Close()
	report, err := s.Check(m.t.Context())
	if err != nil || report.Users != m.users {
		m.t.Fatalf("%d users, not %d; %v", report.Users, m.users, err)
	}
	m.there = !strings.HasSuffix(s.Place(), store.File)
	elsewhere := m.t.TempDir()
	if err := os.Chmod(elsewhere, 0o700); err != nil {
		m.t.Fatal(err)
	}
	files := []string{"storage.key"}
	if m.there {
		files = append(files, store.File, store.File+"-wal")
	} else if err := os.WriteFile(filepath.Join(elsewhere, store.AddressFile), []byte(m.postgres+"\n"), 0o600); err != nil {
		m.t.Fatal(err)
	}
	for _, name := range files {
		if b, err := os.ReadFile(filepath.Join(m.dir, name)); err == nil {
			if err := os.WriteFile(filepath.Join(elsewhere, name), b, 0o600); err != nil {
				m.t.Fatal(err)
			}
		}
	}
	if other, err := site.Open(m.t.Context(), elsewhere); err == nil {
		m.t.Fatalf("the site is in %s and in %s", s.Place(), other.Place())
	}
	err = s.Update(m.t.Context(), func(tx *store.Tx) error {
		m.users++
		return s.AddUser(tx, time.Now(), "", &store.User{Name: fmt.Sprint("User ", m.users)}, nil, [][]byte{{4, 1, 2, 3, 4, byte(m.users >> 8), byte(m.users)}})
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// clear deletes what the site has left.
func (m *movingSite) clear() {
	if !m.there {
		m.postgres = postgrestest.Database(m.t)
	} else if err := store.RemoveSQLite(m.dir); err != nil {
		m.t.Fatal(err)
	}
}

// awaitSwitch waits until a move is about to switch, or for some time.
func (m *movingSite) awaitSwitch(limit time.Duration) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := os.Stat(filepath.Join(m.dir, store.AddressFile+".next")); err == nil {
			return
		}
	}
}

// complete moves the site, and returns how long that took.
func (m *movingSite) complete() time.Duration {
	m.t.Helper()
	was := m.there
	for {
		began := time.Now()
		out, err := m.move().CombinedOutput()
		if strings.Contains(string(out), "is served already") { // by one that was killed: the server has not noticed yet
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if err != nil {
			m.t.Fatalf("%v: %s", err, out)
		}
		took := time.Since(began)
		if m.look(); m.there == was {
			m.t.Fatalf("the site was not moved: %s", out)
		}
		m.clear()
		return took
	}
}

// Half of the moments are spread over the time that a move takes, the others are around the switch from
// one database to the other. A move that was killed is taken up by the next one, to the same database.
func TestAMoveKilledAtAnyMomentLeavesTheSiteInOneDatabaseWhole(t *testing.T) {
	t.Parallel()
	m := &movingSite{t: t, dir: largeSite(t), postgres: postgrestest.Database(t)}
	took := map[bool]time.Duration{}
	for range 2 {
		from := m.there
		took[from] = m.complete()
	}
	before, after := 0, 0
	for i := range *moveKills {
		from := m.there
		cmd := m.move()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			time.Sleep(time.Duration(rand.Float64() * float64(took[from])))
		} else {
			m.awaitSwitch(10 * took[from])
			time.Sleep(time.Duration(rand.Float64() * float64(20*time.Millisecond)))
		}
		cmd.Process.Kill()
		cmd.Wait()
		if m.look(); m.there == from {
			before++
			continue
		}
		after++
		m.clear()
	}
	t.Logf("%d moves were killed before the site had moved, %d after; a move took %v to PostgreSQL, %v to SQLite", before, after, took[false], took[true])
	if *moveKills >= 100 && (before < 4 || after < 4) {
		t.Error("the moments are not spread")
	}
}
