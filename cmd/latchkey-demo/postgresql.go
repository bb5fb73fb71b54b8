package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// errMissing says what a cluster needs besides the programs of this project.
var errMissing = errors.New("this needs Mosquitto and PostgreSQL: apt-get install mosquitto postgresql installs them, or make setup, with all that the tests need")

// A postgresql is PostgreSQL as Debian installs it, with a server's data in a directory. The server refuses to
// run as root: root runs it as the user postgres.
type postgresql struct {
	bin, data string
	account   *syscall.Credential // nil: that of this process
}

// databaseRole is the role whose the database is.
const databaseRole = "latchkey"

// installedPostgreSQL returns nil if it is not installed.
func installedPostgreSQL(data string) *postgresql {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return nil
	}
	p := &postgresql{bin: filepath.Dir(found[len(found)-1]), data: data}
	if os.Geteuid() == 0 {
		account, err := user.Lookup("postgres") // which Debian's package makes
		if err != nil {
			return nil
		}
		uid, _ := strconv.ParseUint(account.Uid, 10, 32)
		gid, _ := strconv.ParseUint(account.Gid, 10, 32)
		p.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return p
}

// asServer has a command run as the server's user. It finds the data, and further files, as descriptors from 3 on, as
// that user may not be allowed to enter the directories above. The caller closes them once the command has started.
func (p *postgresql) asServer(cmd *exec.Cmd, files ...string) error {
	for _, name := range append([]string{p.data}, files...) {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	cmd.Dir = "/"
	cmd.SysProcAttr.Credential = p.account
	return nil
}

// initialise makes the server's data, and a file with the password of databaseRole for the server at an address.
func (p *postgresql) initialise(ctx context.Context, d *demo, address, passwords string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if err := os.Mkdir(p.data, 0o700); err != nil {
		return err
	}
	password := rand.Text()
	if err := os.WriteFile(passwords, fmt.Appendf(nil, "%s:%s:*:%s:%s\n", host, port, databaseRole, password), 0o600); err != nil {
		return err
	}
	first := passwords + ".first"
	if err := os.WriteFile(first, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	defer os.Remove(first)
	if p.account != nil {
		if err := errors.Join(os.Chown(p.data, int(p.account.Uid), int(p.account.Gid)), os.Chown(first, int(p.account.Uid), -1)); err != nil {
			return err
		}
	}
	fmt.Println("  initdb", p.data)
	cmd := d.command(ctx, filepath.Join(p.bin, "initdb"), "-D", "/proc/self/fd/3", "--username", databaseRole, "--auth", "scram-sha-256", "--pwfile", "/proc/self/fd/4", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
	defer closeExtra(cmd)
	if err := p.asServer(cmd, first); err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return ctx.Err()
}

// server returns the server as a command.
func (p *postgresql) server(d *demo, address string) (*exec.Cmd, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	cmd := d.command(context.Background(), filepath.Join(p.bin, "postgres"), "-D", "/proc/self/fd/3", "-p", port,
		"-c", "listen_addresses="+host, "-c", "unix_socket_directories=")
	return cmd, p.asServer(cmd)
}

// databaseURL is the address of a database for the controller, and for PostgreSQL's own programs.
func databaseURL(address, name, passwords string) string {
	u := url.URL{Scheme: "postgres", User: url.User(databaseRole), Host: address, Path: name, RawQuery: url.Values{"passfile": {passwords}}.Encode()}
	return u.String()
}

// closeExtra closes what a command that has started got besides its output.
func closeExtra(cmd *exec.Cmd) {
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
}
