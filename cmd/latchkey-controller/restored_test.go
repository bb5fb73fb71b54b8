package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// logsStatements has a server log who asks for what in which database.
var logsStatements = []string{"log_statement=all", "log_line_prefix=%d %a: "}

func TestADatabaseThatIsRestoredBehindTwoControllersGetsOneEpoch(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t, logsStatements...)
	for name, killed := range map[string]bool{"the_leader_goes_on": false, "the_leader_is_killed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPairAt(t, server, name)
			dump := filepath.Join(server.Dir, name)
			run := func(program string, args ...string) {
				t.Helper()
				if out, err := server.Command(program, append([]string{"-h", server.Dir, "-p", strconv.Itoa(server.Port), "-U", "postgres"}, args...)...).CombinedOutput(); err != nil {
					t.Errorf("%s: %v: %s", program, err, out)
				}
			}
			p.restored(server, name, killed, func() { run("pg_dump", "-Fc", "-f", dump, name) }, func() {
				server.Do("postgres", `DROP DATABASE `+name+` WITH (FORCE)`, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8'`)
				run("pg_restore", "--single-transaction", "-d", name, dump)
			})
		})
	}
	t.Run("to a point in time", func(t *testing.T) {
		t.Parallel()
		server := postgrestest.NewOwn(t, logsStatements...)
		backup, data := filepath.Join(server.Dir, "backup"), filepath.Join(server.Dir, "data")
		newPairAt(t, server, "site").restored(server, "site", false, func() {
			out, err := server.Command("pg_basebackup", "-h", server.Dir, "-p", strconv.Itoa(server.Port), "-U", "postgres", "-D", backup, "-X", "stream", "-c", "fast", "--no-sync").CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}, func() {
			server.Stop(syscall.SIGINT)
			// Recovery ends with the backup, and a timeline begins.
			err := errors.Join(os.Rename(data, data+".old"), os.Rename(backup, data), os.WriteFile(filepath.Join(data, "recovery.signal"), nil, 0o644))
			if err != nil {
				t.Fatal(err)
			}
			server.Start("restore_command=/bin/false")
			eventually(t, "the server takes changes", func() bool { return server.Ask("postgres", `SELECT pg_is_in_recovery()::text`) == "false" })
		})
	})
}

// restored has a database restored to what it was before an act of an administrator.
func (p *pair) restored(server *postgrestest.Own, database string, killed bool, dump, restore func()) {
	p.t.Helper()
	p.expected = []string{store.LogForeign}
	p.serve()
	p.report(5)
	dump()
	epochs := func() string { return server.Ask(database, `SELECT count(*)::text FROM epochs`) }
	if epochs() != "1" {
		p.t.Fatal(epochs())
	}
	lost := []string{"user", "add", "--name", "Lost"}
	if !killed {
		lost = append(lost, "--pin", "auto") // the broker has what was signed then, and shows it, too
	}
	if said, err := p.machines[1].do(lost...); err != nil {
		p.t.Fatalf("%v: %s", err, said)
	}
	log := filepath.Join(server.Dir, "log")
	logged, err := os.Stat(log)
	if err == nil {
		_, err = p.machines[1].do("user", "add", "--name", "Lost, too") // both look once more
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.eventually("each sees the first one", func() bool {
		b, err := os.ReadFile(log)
		if err != nil {
			p.t.Fatal(err)
		}
		looked := map[string]bool{}
		for _, found := range regexp.MustCompile(`(?m)^`+database+` (.*): LOG: .* SELECT coalesce\(max\(id\), 0\) FROM activity$`).FindAllSubmatch(b[logged.Size():], -1) {
			looked[string(found[1])] = true
		}
		return len(looked) == 2
	})
	if killed {
		p.machines[0].end(syscall.SIGKILL)
	}
	restore()
	p.eventually("an epoch begins", func() bool { return epochs() == "2" })
	if !killed {
		leader := p.leading()
		leader.end(syscall.SIGKILL)
		p.leads(p.other(leader))
	}
	p.report(2)
	for _, m := range p.machines {
		if m.isLeader() {
			m.alive()
		} else {
			m.serve()
		}
	}
	p.check()
	time.Sleep(time.Second)
	if n := epochs(); n != "2" {
		p.t.Errorf("%s epochs", n)
	}
	if n := server.Ask(database, `SELECT count(*)::text FROM alarms WHERE kind = 'log.foreign'`); n != "1" {
		p.t.Errorf("%s alarms", n)
	}
	if said, err := p.machines[0].do("user", "list"); err != nil || strings.Contains(said, "Lost") {
		p.t.Errorf("%v: %s", err, said)
	}
}
