// Package postgrestest has databases of a PostgreSQL server for tests: Debian's server, started for
// the test program at the first call, and reached through a socket in a directory of its own.
package postgrestest

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
)

var inPostgres = flag.Bool("postgres", false, "tests that can have their databases in PostgreSQL or SQLite have them in PostgreSQL")

// On says whether tests have their databases in PostgreSQL: the flag -postgres is set.
func On() bool { return *inPostgres }

// Address returns the address of a new, empty database, which is dropped when the test ends, if On;
// otherwise "": SQLite.
func Address(t testing.TB) string {
	if !On() {
		return ""
	}
	return Database(t)
}

// SQLiteOnly skips a test that is about SQLite itself, if On.
func SQLiteOnly(t testing.TB) {
	if On() {
		t.Skip("this test is about SQLite")
	}
}

// Database returns the address of a new, empty database, which is dropped when the test ends.
func Database(t testing.TB) (address string) {
	t.Helper()
	return copyOf(t, "template0")
}

// Lasting returns the address of a new, empty database that stays until the test program ends, to be
// copied.
func Lasting() (address string, err error) {
	s, err := running()
	if err != nil {
		return "", err
	}
	return s.create("template0")
}

// Copy returns the address of a copy of a database to which nobody is connected. The copy is dropped
// when the test ends.
func Copy(t testing.TB, address string) string {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	return copyOf(t, config.Database)
}

func copyOf(t testing.TB, template string) (address string) {
	t.Helper()
	s, err := running()
	if err == nil {
		address, err = s.create(template)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.drop(address); err != nil {
			t.Error(err)
		}
	})
	return address
}

// create creates a database and returns its address.
func (s *server) create(template string) (address string, err error) {
	name := fmt.Sprintf("site%d", s.made.Add(1))
	return s.address(name), s.do(`CREATE DATABASE ` + name + ` TEMPLATE ` + template + ` STRATEGY FILE_COPY`)
}

func (s *server) drop(address string) error {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return err
	}
	return s.do(`DROP DATABASE ` + config.Database + ` WITH (FORCE)`)
}

func (s *server) address(name string) string {
	return "postgres://postgres@/" + name + "?" + url.Values{"host": {s.dir}}.Encode()
}

func (s *server) do(statement string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.conn.Exec(context.Background(), statement, pgx.QueryExecModeSimpleProtocol); err != nil { // also when a test ends
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
