package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/vault"
)

// One controller leads meanwhile.
func TestASecondControllerThatCannotBeIsToldWhyAndChangesNothing(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	p := newPairAt(t, server, "site")
	p.machines[0].serve()
	p.leads(p.machines[0])
	p.report(5)
	elsewhere := filepath.Join(t.TempDir(), "site")
	if said, err := programIn(elsewhere)("init", "--site", "elsewhere").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	server.Do("postgres", `CREATE ROLE guest LOGIN`)
	own := server.Address("site", "postgres")
	for _, c := range []struct{ what, address, keyFrom, before, after, says string }{
		{"a newer schema", own, p.at, `WITH v AS (UPDATE schema_version SET version = version + 100) UPDATE schema_works_with SET version = version + 100`, `WITH v AS (UPDATE schema_version SET version = version - 100) UPDATE schema_works_with SET version = version - 100`, "made by a newer latchkey-controller"},
		{"another site", own, elsewhere, "", "", "storage.key does not open the site home"},
		{"read-only", own, p.at, `ALTER DATABASE site SET default_transaction_read_only = on`, `ALTER DATABASE site RESET default_transaction_read_only`, "default_transaction_read_only is on"},
		{"another role", server.Address("site", "guest"), p.at, "", "", "guest"},
		{"a role that may only read", server.Address("site", "guest"), p.at, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest`, `REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM guest`, "does not own all of its tables"},
		{"a pooler of transactions", server.Pooled("site", "transaction", 20), p.at, "", "", "set pool_mode=session"},
		{"an empty database", server.New("nothing"), p.at, "", "", "holds no site"},
	} {
		dir := filepath.Join(t.TempDir(), "site")
		copyDirectory(t, c.keyFrom, dir, c.address)
		at := "site"
		if strings.HasPrefix(c.before, "ALTER DATABASE") {
			at = "postgres"
		}
		if c.before != "" {
			server.Do(at, c.before)
		}
		had := stored(t, server)
		var out strings.Builder
		second := programIn(dir)("serve", "--broker", "ssl://"+brokerAt, "--console", "off", "--adoption", "off")
		second.Stdout, second.Stderr = &out, &out
		if err := second.Start(); err != nil {
			t.Fatal(err)
		}
		late := time.AfterFunc(time.Minute, func() { second.Process.Kill() })
		err := second.Wait()
		late.Stop()
		said := out.String()
		lines := strings.Split(strings.TrimSpace(said), "\n")
		if last := lines[len(lines)-1]; err == nil || !strings.HasPrefix(last, "latchkey-controller: ") || !strings.Contains(last, c.says) {
			t.Errorf("%s: %v: %s", c.what, err, said)
		}
		if has := stored(t, server); has != had {
			t.Errorf("%s: the database has changed: %s", c.what, has)
		}
		if c.after != "" {
			server.Do(at, c.after)
		}
		var names []string
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.Name() != "serve.lock" {
				names = append(names, e.Name())
			}
		}
		if fmt.Sprint(names) != fmt.Sprint([]string{"database", vault.KeyFile}) {
			t.Errorf("%s: the directory has %v", c.what, names)
		}
		p.machines[0].alive()
		p.report(1)
	}
	p.check()
}

// stored returns what a database holds, but for what the leader changes all the time.
func stored(t *testing.T, server *postgrestest.Own) string {
	t.Helper()
	out, err := server.Command("pg_dump", "-h", server.Dir, "-p", fmt.Sprint(server.Port), "-U", "postgres", "-T", "lead", "-T", "clock", "-T", "ages", "-T", "states", "site").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// Newer versions of pg_dump begin and end with a random key.
	var lines []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, `\restrict `) && !strings.HasPrefix(line, `\unrestrict `) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// The clock of a server counts for nothing but the numbers of terms. It cannot be put here without that of the whole
// machine: the row of who leads is made what a clock that lies, or a hand, could make of it.
func TestTwoNeverLeadWhateverTheRowOfWhoLeadsSays(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	p := newPairAt(t, server, "site")
	p.serve()
	p.report(5)
	term := func() (n int64) {
		t.Helper()
		fmt.Sscan(server.Ask("site", `SELECT term::text FROM lead`), &n)
		return n
	}
	for _, to := range []string{
		`term = term + 10000000`,        // the clock was ahead once
		`term = term - 9000000`,         // the database is older
		`holder = ''`,                   // given back, by another one
		`beat = beat - 5`,               // beats that were lost
		`term = 1, beat = 1`,            // all was lost
		`term = term + 1, holder = 'x'`, // another one took it
	} {
		server.Do("site", `UPDATE lead SET `+to)
		altered := term()
		p.send(5)
		p.eventually(to+": one leads, and its term is the highest", func() bool {
			return p.leader() != nil && server.Ask("site", `SELECT (holder <> '' AND EXISTS (SELECT FROM pg_stat_activity WHERE application_name = holder))::text FROM lead`) == "true"
		})
		p.report(5)
		if term() < altered {
			t.Errorf("%s: term %d after %d", to, term(), altered)
		}
	}
	for _, m := range p.machines {
		m.alive()
	}
	p.check()
}
