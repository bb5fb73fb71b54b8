package store

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"

	"latchkey/device/durable"
)

// AddressFile is the name of the file in a site's directory that says where its database is, if that
// is not SQLite's in the same directory.
const AddressFile = "database"

// maxAddress bounds an address, in bytes, maxHosts how many hosts it names.
const maxAddress, maxHosts = 2048, 8

// Address returns where the database of a directory is: a URL "postgres://…" as libpq has it
// (https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING); "": SQLite's, in the
// directory itself.
func Address(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, AddressFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	address := strings.TrimSpace(string(b))
	if address == "" {
		return "", fmt.Errorf("%s is empty: write the address of the site's database there, or restore it from a backup", filepath.Join(dir, AddressFile))
	}
	return address, nil
}

func writeAddress(dir, address string) error {
	return durable.WriteFile(filepath.Join(dir, AddressFile), []byte(address+"\n"), 0o600)
}

// Parameters of an address. Others are refused by name: they would be sent to the server as settings
// of the session, which are this program's.
var parameters = []string{"channel_binding", "connect_timeout", "host", "passfile", "port", "sslcert", "sslkey", "sslmode", "sslrootcert", "target_session_attrs"}

const wantAddress = "write it as postgres://ROLE@HOST:5432/NAME, or as postgres://ROLE@/NAME?host=/var/run/postgresql for a socket of this machine"

// parseAddress returns how to connect to an address. Nothing else counts, no variable of the
// environment and no file in the home directory, besides ~/.pgpass. Its errors hold nothing of what
// might be a password.
func parseAddress(address string) (*pgx.ConnConfig, error) {
	if len(address) > maxAddress {
		return nil, fmt.Errorf("the address of the database is longer than %d bytes", maxAddress)
	}
	u, hosts, err := splitAddress(address)
	if err != nil {
		return nil, errors.New("the address of the database is not a URL as it should be; " + wantAddress)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("the address of the database has parameters that cannot be read; " + wantAddress)
	}
	if _, with := u.User.Password(); with || query.Has("password") || query.Has("sslpassword") {
		return nil, errors.New("the address of the database has a password in it, which too many would read; write the password into a file that is readable by its owner only, as HOST:PORT:NAME:ROLE:PASSWORD, and add passfile=/path/of/that/file to the address (unless given it is ~/.pgpass); or let the server ask for a client certificate (sslcert, sslkey), or, at a socket, for the user of this machine")
	}
	settings := map[string]string{}
	for name, values := range query {
		if !slices.Contains(parameters, name) {
			return nil, fmt.Errorf("the address of the database has the parameter %.40q; there can be %s", name, strings.Join(parameters, ", "))
		}
		if len(values) != 1 {
			return nil, fmt.Errorf("the address of the database has %s more than once", name)
		}
		settings[name] = values[0]
	}
	settings["dbname"], settings["user"] = strings.TrimPrefix(u.Path, "/"), u.User.Username()
	if settings["dbname"] == "" || strings.Contains(settings["dbname"], "/") {
		return nil, errors.New("the address does not name a database; " + wantAddress)
	}
	for _, value := range settings {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == '\uFFFD' }) {
			return nil, errors.New("the address of the database has characters in it that nobody can type; " + wantAddress)
		}
	}
	home := "/"
	if account, err := user.Current(); err == nil {
		settings["user"], home = cmp.Or(settings["user"], account.Username), account.HomeDir
	}
	if err := addHosts(settings, hosts); err != nil {
		return nil, err
	}
	if err := addTLS(settings); err != nil {
		return nil, err
	}
	if err := addPasswordFile(settings, home); err != nil {
		return nil, err
	}
	switch settings["target_session_attrs"] {
	case "", "read-write", "primary":
		settings["target_session_attrs"] = "any" // a server that only reads is never taken, see validate
	default:
		return nil, errors.New("the address of the database has a target_session_attrs other than read-write; the controller works with no other server")
	}
	if seconds, err := strconv.Atoi(cmp.Or(settings["connect_timeout"], connectTimeout)); err != nil || seconds < 1 || seconds > 60 {
		return nil, errors.New("the address of the database has a connect_timeout that is not between 1 and 60 seconds")
	} else {
		settings["connect_timeout"] = strconv.Itoa(seconds)
	}
	return settled(settings)
}

// splitAddress parses a URL. Several hosts with ports are none for package url.
func splitAddress(address string) (u *url.URL, hosts string, err error) {
	scheme, rest, _ := strings.Cut(address, "://")
	if scheme != "postgres" && scheme != "postgresql" {
		return nil, "", errors.ErrUnsupported
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndex(rest[:end], "@") + 1
	hosts = rest[at:end]
	if strings.ContainsFunc(hosts, func(r rune) bool {
		return !strings.ContainsRune("-_.,:[]", r) && (r > 'z' || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}) {
		return nil, "", errors.ErrUnsupported
	}
	u, err = url.Parse(scheme + "://" + rest[:at] + "host" + rest[end:])
	if err == nil && u.Fragment != "" {
		err = errors.ErrUnsupported
	}
	return u, hosts, err
}

// connectTimeout is how long one host may take to be connected to, in seconds, unless an address says it.
const connectTimeout = "5"

// addHosts completes the settings host and port from a URL's authority.
func addHosts(settings map[string]string, authority string) error {
	if authority != "" {
		if settings["host"] != "" || settings["port"] != "" {
			return errors.New("the address of the database names hosts both before and after the question mark; name them once")
		}
		var hosts, ports []string
		for each := range strings.SplitSeq(authority, ",") {
			host, port, err := net.SplitHostPort(each)
			if err != nil {
				host, port = strings.Trim(each, "[]"), ""
			}
			hosts, ports = append(hosts, host), append(ports, cmp.Or(port, "5432"))
		}
		settings["host"], settings["port"] = strings.Join(hosts, ","), strings.Join(ports, ",")
	}
	settings["host"] = cmp.Or(settings["host"], "/var/run/postgresql")
	settings["port"] = cmp.Or(settings["port"], "5432")
	hosts, ports := strings.Split(settings["host"], ","), strings.Split(settings["port"], ",")
	if len(hosts) > maxHosts {
		return fmt.Errorf("the address of the database names more than %d hosts", maxHosts)
	}
	if len(ports) != 1 && len(ports) != len(hosts) {
		return errors.New("the address of the database has another number of ports than of hosts")
	}
	if slices.Contains(hosts, "") {
		return errors.New("the address of the database has an empty host; " + wantAddress)
	}
	for _, port := range ports {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("the address of the database has a port that is not between 1 and 65535")
		}
	}
	return nil
}

// isSocket says whether a host is a directory with a socket of this machine.
func isSocket(host string) bool { return strings.HasPrefix(host, "/") }

// isLoopback says whether a host is this machine, which needs no TLS, as with brokers.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// addTLS completes the settings of TLS. A server on another machine has to prove who it is.
func addTLS(settings map[string]string) error {
	away := ""
	for host := range strings.SplitSeq(settings["host"], ",") {
		if !isSocket(host) && !isLoopback(host) {
			away = host
		}
	}
	switch mode := settings["sslmode"]; {
	case mode == "" && away != "":
		settings["sslmode"] = "verify-full"
	case mode == "":
		settings["sslmode"] = "disable"
	case mode == "verify-ca" && (settings["sslrootcert"] == "" || settings["sslrootcert"] == "system"):
		return errors.New("the address of the database has sslmode=verify-ca without an authority of its own: whoever has any certificate could be the server; add sslrootcert=/path/of/the/authority's/certificate, or write sslmode=verify-full")
	case mode == "verify-full", mode == "verify-ca":
	case away != "":
		return fmt.Errorf("the address of the database does not have the server %.80q prove who it is, so somebody in between could read and change everything; leave sslmode out or write sslmode=verify-full, with sslrootcert=/path/of/the/authority's/certificate unless the server's certificate is one that every browser trusts", away)
	case mode != "disable" && mode != "require":
		return errors.New("the address of the database has an sslmode other than disable, require, verify-ca and verify-full")
	}
	for _, name := range []string{"sslrootcert", "sslcert", "sslkey"} {
		path := settings[name]
		if path == "" || name == "sslrootcert" && path == "system" {
			continue
		}
		if err := checkFile(name, path, name == "sslkey"); err != nil {
			return err
		}
	}
	if (settings["sslcert"] == "") != (settings["sslkey"] == "") {
		return errors.New("the address of the database has one of sslcert and sslkey, which belong together")
	}
	return nil
}

// addPasswordFile completes the setting passfile.
func addPasswordFile(settings map[string]string, home string) error {
	if settings["passfile"] != "" {
		return checkFile("passfile", settings["passfile"], true)
	}
	settings["passfile"] = filepath.Join(home, ".pgpass")
	err := checkFile("passfile", settings["passfile"], true)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// checkFile refuses a file that an address names if it is not there or, if it is secret, if others
// can read it.
func checkFile(parameter, path string, secret bool) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%s in the address of the database is %.80q, which depends on where the controller is started; write the whole path", parameter, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%s in the address of the database: %w", parameter, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s in the address of the database: %s is not a file", parameter, path)
	}
	if secret && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others can read %s, which opens the site's database; run: chmod 600 %s", path, path)
	}
	return nil
}

// settled has pgx read settings, such that nothing comes from the environment.
func settled(settings map[string]string) (*pgx.ConnConfig, error) {
	if os.Getenv("PGSERVICE") != "" { // pgx would read that service's file, whatever the settings say
		return nil, errors.New("the variable PGSERVICE is set, which would change the address of the database; unset it for latchkey-controller")
	}
	// What is "" here is as if it was not set.
	all := url.Values{}
	for _, name := range []string{"password", "sslpassword", "sslcert", "sslkey", "sslrootcert", "sslsni", "sslnegotiation", "channel_binding", "require_auth", "min_protocol_version", "max_protocol_version"} {
		all.Set(name, "")
	}
	for name, value := range settings {
		all.Set(name, value)
	}
	config, err := pgx.ParseConfig("postgres:///?" + all.Encode())
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil { // without the settings
			err = cause
		}
		return nil, fmt.Errorf("the address of the database: %w", err)
	}
	config.RequireAuth = authentication(config)
	clear(config.RuntimeParams) // of the environment, too
	maps.Copy(config.RuntimeParams, map[string]string{"application_name": "latchkey-controller", "client_encoding": "UTF8"})
	return config, nil
}

// proves says whether a server proves who it is by other means than a password: by TLS, or as a socket in a directory
// that not everybody writes to. At localhost and in /tmp any program of this machine could listen.
func proves(host string, tls *tls.Config) bool {
	if isSocket(host) {
		info, err := os.Stat(host)
		return err != nil || info.Mode().Perm()&0o002 == 0
	}
	return tls != nil && (!tls.InsecureSkipVerify || tls.VerifyPeerCertificate != nil)
}

// authentication returns what a server may ask of the controller, as require_auth of libpq: never a password in
// the clear where any host is without TLS; and where any does not prove who it is, and there is a password, SCRAM,
// with which the server shows that it knows that, too.
func authentication(config *pgx.ConnConfig) string {
	clear := config.TLSConfig == nil
	for _, other := range config.Fallbacks {
		clear = clear || other.TLSConfig == nil
	}
	switch {
	case config.Password != "" && !proven(config):
		return "scram-sha-256"
	case clear:
		return "!password"
	}
	return ""
}

// proven says whether all hosts prove who they are.
func proven(config *pgx.ConnConfig) bool {
	all := proves(config.Host, config.TLSConfig)
	for _, other := range config.Fallbacks {
		all = all && proves(other.Host, other.TLSConfig)
	}
	return all
}

// describe returns what people read of a database: its name and where it is.
func describe(config *pgx.ConnConfig) string {
	var where []string
	add := func(host string, port uint16) {
		at := net.JoinHostPort(host, strconv.Itoa(int(port)))
		if isSocket(host) {
			at = host
		}
		if !slices.Contains(where, at) {
			where = append(where, at)
		}
	}
	add(config.Host, config.Port)
	for _, other := range config.Fallbacks {
		add(other.Host, other.Port)
	}
	return fmt.Sprintf("%s at %s", config.Database, strings.Join(where, ", "))
}
