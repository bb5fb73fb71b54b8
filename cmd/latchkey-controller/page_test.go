package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// runPage runs the commands of POSTGRESQL.md, or of another page, at the server of a database: page ADDRESS [PAGE].
func runPage(ts *testscript.TestScript, _ bool, args []string) {
	address, err := url.Parse(args[0])
	ts.Check(err)
	host := address.Query().Get("host")
	ts.Setenv("PGHOST", host)
	ts.Setenv("PGUSER", "postgres")
	name, least := "POSTGRESQL.md", 10
	if len(args) > 1 {
		name, least = args[1], 1
	}
	page, err := os.ReadFile(filepath.Join(ts.Getenv("SOURCE"), name))
	ts.Check(err)
	at := strings.NewReplacer("postgres://latchkey@db.example/home", "postgres://latchkey@/home?host="+host, "postgres://latchkey@db.example/restored", "postgres://latchkey@/restored?host="+host,
		"postgres://latchkey@db.example/again", "postgres://latchkey@/again?host="+host,
		"join --dir /var/lib/latchkey-controller", "join --dir second", "/var/lib/latchkey-controller", "site", "/var/lib/", "", "/mnt/", "", "sudo -u postgres ", "")
	ran := 0
	for line := range strings.Lines(string(page)) {
		command, is := strings.CutPrefix(line, "    ")
		if !is {
			continue
		}
		if err := ts.Exec("sh", "-c", at.Replace(command)); err != nil {
			ts.Fatalf("%s: %v: %s", strings.TrimSpace(command), err, ts.ReadFile("stderr"))
		}
		ran++
	}
	if ran < least {
		ts.Fatalf("%s has %d commands", name, ran)
	}
}
