package store

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// refused opens a database in vain, and returns what is said.
func refused(t *testing.T, address string) string {
	t.Helper()
	s, err := Create(t.Context(), t.TempDir(), address)
	if err == nil {
		s.Close()
		t.Fatalf("%s was opened", address)
	}
	return err.Error()
}

func TestADatabaseIsRefusedWithWhatToDoAndUnchanged(t *testing.T) {
	server := postgrestest.NewOwn(t)
	server.Do("postgres",
		`CREATE ROLE guest LOGIN`, `CREATE ROLE locked LOGIN PASSWORD 'right'`, `CREATE ROLE owner LOGIN`,
		`CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'`)
	for _, name := range []string{"other", "flyway", "newer", "guests", "schemaless", "asleep", "crowded", "foreigns"} {
		server.New(name)
	}
	server.Do("other", `CREATE TABLE invoices (id INT)`)
	server.Do("flyway", `CREATE TABLE schema_version (installed_rank INT, version TEXT)`)
	server.Do("schemaless", `DROP SCHEMA public`)
	server.Do("asleep", `ALTER DATABASE asleep SET default_transaction_read_only = on`)
	server.Do("crowded", `ALTER DATABASE crowded CONNECTION LIMIT 0`)
	for _, name := range []string{"newer", "foreigns"} {
		s, err := Create(t.Context(), t.TempDir(), server.Address(name, "postgres"))
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	server.Do("newer", `UPDATE schema_version SET version = 9999`, `UPDATE schema_works_with SET version = 9998`)
	hba := filepath.Join(server.Dir, "data", "pg_hba.conf")
	rules, err := os.ReadFile(hba)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hba, append([]byte("local all locked scram-sha-256\nlocal all barred reject\n"), rules...), 0); err != nil {
		t.Fatal(err)
	}
	server.Do("postgres", `SELECT pg_reload_conf()`)
	wrong := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(wrong, []byte("*:*:*:locked:wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", t.TempDir())

	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()

	as := func(role string) func(string) string {
		return func(name string) string { return server.Address(name, role) }
	}
	postgres := as("postgres")
	for _, c := range []struct{ address, says string }{
		{postgres("other"), "it belongs to another program (it has the tables invoices); give the site a database of its own"},
		{postgres("flyway"), "it belongs to another program (it has the tables schema_version)"},
		{postgres("newer"), "its schema is version 9999, made by a newer latchkey-controller"},
		{as("guest")("guests"), "may not do what it must (permission denied for schema public); make it the owner"},
		{as("guest")("foreigns"), "the role guest does not own all of its tables ("},
		{postgres("schemaless"), "CREATE SCHEMA public"},
		{postgres("asleep"), "the server takes no changes: default_transaction_read_only is on; name the host that takes changes"},
		{as("guest")("crowded"), "has too many connections"},
		{postgres("latin"), "its encoding is LATIN1"},
		{postgres("missing"), `there is no such database (database "missing" does not exist); create it`},
		{as("nobody")("guests"), `role "nobody" does not exist`},
		{as("barred")("guests"), "the server does not let the controller in (pg_hba.conf rejects connection"},
		{as("locked")("guests"), `the server asks for a password (password authentication failed for user "locked"), and none was found; write`},
		{as("locked")("guests") + "&passfile=" + wrong, "the server does not take the password"},
		{strings.Replace(postgres("guests"), fmt.Sprint(server.Port), "1", 1), "is not reachable ("},
		{"postgres://postgres@localhost:1/guests", "connect: connection refused); is it running"},
		{"postgres://postgres@127.0.0.1:1,127.0.0.1:2/guests", "is not reachable (127.0.0.1:1: connect: connection refused; 127.0.0.1:2: connect: connection refused); is it running"},
		{"postgres://postgres@127.0.0.1:1," + mute.Addr().String() + "/guests?connect_timeout=1", "is not reachable (127.0.0.1:1: connect: connection refused; " + mute.Addr().String() + " does not answer); is it running"},
		{"postgres://postgres@" + mute.Addr().String() + "," + mute.Addr().String() + "/guests?connect_timeout=1", "is not reachable (it does not answer); is it running"},
		{"postgres://postgres@host.invalid/guests", "is not reachable ("},
		{"postgres://postgres@127.0.0.1:" + strconv.Itoa(server.Port) + "/guests?sslmode=verify-full", "its server does not speak TLS, which sslmode in the address asks for; turn ssl on"},
	} {
		name := strings.TrimPrefix(c.address, "postgres://")
		before := ""
		if strings.Contains(c.says, "table") {
			before = server.Ask("other", `SELECT string_agg(relname, ' ') FROM pg_class`)
		}
		said := refused(t, c.address)
		if !strings.Contains(said, c.says) || !strings.Contains(said, "the database ") || strings.ContainsAny(said, "\n\t") {
			t.Errorf("%s: %q, want %q", name, said, c.says)
		}
		if before != "" && server.Ask("other", `SELECT string_agg(relname, ' ') FROM pg_class`) != before {
			t.Errorf("%s: the database has changed", name)
		}
	}
	if server.Ask("newer", `SELECT version FROM schema_version`) != "9999" {
		t.Error("a newer schema has changed")
	}
	if n := server.Ask("latin", `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace`); n != "0" {
		t.Error("tables were made in a database with another encoding")
	}
}

func TestADatabaseWithoutASiteIsRefusedForWhatWasAsked(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	e, err := connectPostgres(address)
	must(t, err)
	defer e.close()
	err = e.ready(t.Context(), false)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(err.Error(), "create a site in it with latchkey-controller init --database") {
		t.Errorf("to open: %v", err)
	}
	if _, _, err = SiteAt(t.Context(), address); !errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(err.Error(), "it holds no site; correct the address") {
		t.Errorf("to join: %v", err)
	}
}

func TestNothingIsWrittenToADirectoryWhoseDatabaseIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := Create(t.Context(), dir, "postgres://localhost:1/site"); err == nil {
		t.Fatal("it was opened")
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Error(left)
	}
}

func TestADirectoryKeepsItsDatabase(t *testing.T) {
	dir := t.TempDir()
	one, other := postgrestest.Database(t), postgrestest.Database(t)
	s, err := Create(t.Context(), dir, one)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, address := range []string{other, ""} {
		if _, err := Create(t.Context(), dir, address); err == nil || !strings.Contains(err.Error(), "choose another directory") {
			t.Errorf("%q: %v", address, err)
		}
	}
	if address, err := Address(dir); address != one || err != nil {
		t.Error(address, err)
	}
	dir = t.TempDir()
	if s, err = Create(t.Context(), dir, ""); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Create(t.Context(), dir, one); err == nil || !strings.Contains(err.Error(), "choose another directory") {
		t.Error(err)
	}
}

func TestAHostThatDoesNotAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	began := time.Now()
	said := refused(t, "postgres://postgres@"+silent.Addr().String()+"/site?connect_timeout=1")
	if time.Since(began) > 8*time.Second || !strings.Contains(said, "is not reachable (it does not answer); is it running") {
		t.Error(time.Since(began), said)
	}
}
