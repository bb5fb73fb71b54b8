package store

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// A program that listens where the server should gets no password, and is not taken for the server.
func TestWhoListensWhereTheServerShouldGetsNothing(t *testing.T) {
	dir, err := os.MkdirTemp("", "s") // t.TempDir is too long for a socket
	must(t, err)
	defer os.RemoveAll(dir)
	private, everybodys := filepath.Join(dir, "p"), filepath.Join(dir, "e")
	must(t, os.Mkdir(private, 0o755))
	must(t, os.Mkdir(everybodys, 0o755))
	must(t, os.Chmod(everybodys, 0o1777))
	pass, none := filepath.Join(dir, "pass"), filepath.Join(dir, "none")
	must(t, os.WriteFile(pass, []byte("*:*:y:x:secret\n"), 0o600))
	must(t, os.WriteFile(none, nil, 0o600))

	asks := func(b *pgproto3.Backend, _ net.Conn) {
		b.Send(&pgproto3.AuthenticationCleartextPassword{})
		b.SetAuthType(pgproto3.AuthTypeCleartextPassword)
		b.Flush()
		if m, err := b.Receive(); err == nil {
			t.Errorf("who listens got %v", m)
		}
	}
	lets := func(b *pgproto3.Backend, _ net.Conn) {
		welcome(b)
		if m, err := b.Receive(); err == nil {
			t.Errorf("who listens got %v", m)
		}
	}
	const refused = "authentication method requirement"
	for name, answer := range map[string]func(*pgproto3.Backend, net.Conn){"asks": asks, "lets in": lets} {
		port := fakeServer(t, "tcp", "127.0.0.1:0", answer).(*net.TCPAddr).Port
		socket := func(dir string) { fakeServer(t, "unix", filepath.Join(dir, fmt.Sprint(".s.PGSQL.", port)), answer) }
		socket(private)
		socket(everybodys)
		for _, c := range []struct {
			address  string
			provable bool // that nobody else listens there
		}{
			{fmt.Sprintf("postgres://x@127.0.0.1:%d/y?", port), false},
			{fmt.Sprintf("postgres://x@/y?host=%s/missing,127.0.0.1&port=%d", dir, port), false},
			{fmt.Sprintf("postgres://x@/y?host=%s&port=%d", everybodys, port), false},
			{fmt.Sprintf("postgres://x@/y?host=%s&port=%d", private, port), true},
			{fmt.Sprintf("postgres://x@/y?host=%s,db.invalid&port=%d&sslmode=verify-full", private, port), true},
		} {
			if name == "lets in" && c.provable {
				continue // as a server does that knows users of the machine
			}
			config, err := (&postgresEngine{address: c.address + "&passfile=" + pass}).connection()
			must(t, err)
			if _, err := pgx.ConnectConfig(t.Context(), config); err == nil || !strings.Contains(err.Error(), refused) {
				t.Errorf("%s, %s: %v", name, c.address, err)
			} else if said := (&postgresEngine{name: "y"}).refusal(err).Error(); !strings.Contains(said, "the database y cannot be used: ") || !strings.Contains(said, "have it ask for scram-sha-256") || strings.Contains(said, "\n") {
				t.Error(said)
			}
		}
	}
	// Without a password there is nothing by which such a server could prove who it is: that is said.
	for address, want := range map[string]bool{
		"postgres://x@127.0.0.1/y?":                          true,
		"postgres://x@127.0.0.1/y?sslmode=require":           true,
		"postgres://x@127.0.0.1/y?sslmode=verify-full":       false,
		"postgres://x@db.example/y?":                         false,
		"postgres://x@/y?host=" + private:                    false,
		"postgres://x@/y?host=" + private + ",127.0.0.1":     true,
		"postgres://x@/y?host=" + private + "," + everybodys: true,
	} {
		config, err := parseAddress(address + "&passfile=" + none)
		if err != nil || proven(config) == want {
			t.Errorf("%s: %v", address, err)
		}
	}
}
