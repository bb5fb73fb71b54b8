package store

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestAnAddressIsRefusedWithWhatToDo(t *testing.T) {
	dir := t.TempDir()
	open, closed := filepath.Join(dir, "open"), filepath.Join(dir, "closed")
	os.WriteFile(open, nil, 0o644)
	os.WriteFile(closed, nil, 0o600)
	for address, says := range map[string]string{
		"":                                      "write it as postgres://",
		"host=db dbname=site":                   "write it as postgres://",
		"mysql://db/site":                       "write it as postgres://",
		"postgres:site":                         "write it as postgres://",
		"postgres://db/":                        "does not name a database",
		"postgres://db/a/b":                     "does not name a database",
		"postgres://db/s#x":                     "not a URL",
		"postgres://db/%73%00":                  "nobody can type",
		"postgres://db/%ff":                     "nobody can type",
		"postgres://db/s?a=%zz":                 "parameters that cannot be read",
		"postgres://db/s?options=-cfsync%3Doff": `parameter "options"`,
		"postgres://db/s?service=x":             `parameter "service"`,
		"postgres://db/s?search_path=x":         `parameter "search_path"`,
		"postgres://db/s?krbsrvname=x":          `parameter "krbsrvname"`,
		"postgres://db/s?host=other":            "name them once",
		"postgres:///s?host=a,b&port=1,2,3":     "another number of ports",
		"postgres:///s?host=a,,b":               "empty host",
		"postgres:///s?host=a&port=0":           "a port that is not",
		"postgres://a,b,c,d,e,f,g,h,i/s":        "more than 8 hosts",
		"postgres://db/s?sslmode=verify-full&sslmode=disable":          "more than once",
		"postgres://u:hush@db/s":                                       "passfile=/path",
		"postgres://u:@db/s":                                           "passfile=/path",
		"postgres://db/s?password=hush":                                "passfile=/path",
		"postgres://db/s?sslpassword=hush":                             "passfile=/path",
		"postgres://u:hu%zzsh@db/s":                                    "not a URL",
		"postgres://u:hu/sh@db/s":                                      "does not name a database",
		"postgres://u:hush/s":                                          "a port that is not",
		"postgres://h%75sh%/s":                                         "not a URL",
		"postgres://db.example/s?sslmode=require":                      "prove who it is",
		"postgres://db.example/s?sslmode=disable":                      "prove who it is",
		"postgres://db.example/s?sslmode=prefer":                       "prove who it is",
		"postgres://127.0.0.1,10.0.0.1/s?sslmode=disable":              "10.0.0.1",
		"postgres:///s?host=/run,db.example&sslmode=disable":           "db.example",
		"postgres://localhost.example/s?sslmode=disable":               "localhost.example",
		"postgres://db.example/s?sslmode=verify-ca":                    "add sslrootcert",
		"postgres://db.example/s?sslmode=verify-ca&sslrootcert=system": "add sslrootcert",
		"postgres://localhost/s?sslmode=prefer":                        "an sslmode other than",
		"postgres://db/s?sslcert=" + closed:                            "belong together",
		"postgres://db/s?sslcert=" + closed + "&sslkey=" + open:        "chmod 600 " + open,
		"postgres://db/s?passfile=" + open:                             "chmod 600 " + open,
		"postgres://db/s?passfile=pass":                                "write the whole path",
		"postgres://db/s?passfile=" + dir:                              "is not a file",
		"postgres://db/s?passfile=" + closed + "x":                     "no such file",
		"postgres://db/s?target_session_attrs=any":                     "other than read-write",
		"postgres://db/s?target_session_attrs=standby":                 "other than read-write",
		"postgres://db/s?connect_timeout=0":                            "connect_timeout",
		"postgres://db/" + strings.Repeat("s", maxAddress):             "longer than",
	} {
		if _, err := parseAddress(address); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.80s: %v, want one that says %q", address, err, says)
		} else if strings.Contains(err.Error(), "hu") {
			t.Errorf("%s: the password is in %v", address, err)
		}
	}
}

func TestAnAddressIsAllThatCounts(t *testing.T) {
	home := t.TempDir()
	for name, value := range map[string]string{
		"PGHOST": "evil", "PGPORT": "1", "PGDATABASE": "evil", "PGUSER": "evil", "PGPASSWORD": "evil", "PGPASSFILE": "/evil", "PGAPPNAME": "evil",
		"PGCONNECT_TIMEOUT": "99", "PGSSLMODE": "disable", "PGSSLKEY": "/evil", "PGSSLCERT": "/evil", "PGSSLSNI": "0", "PGSSLROOTCERT": "/evil", "PGSSLPASSWORD": "evil", "PGSSLNEGOTIATION": "direct",
		"PGTARGETSESSIONATTRS": "standby", "PGSERVICEFILE": "/evil", "PGTZ": "evil", "PGOPTIONS": "-c fsync=off", "PGMINPROTOCOLVERSION": "3.2", "PGMAXPROTOCOLVERSION": "3.2",
		"PGCHANNELBINDING": "require", "PGREQUIREAUTH": "none", "HOME": home,
	} {
		t.Setenv(name, value)
	}
	for address, want := range map[string]string{
		"postgres://u@db.example/s":                        "s at db.example:5432",
		"postgres://u@db.example:5433,10.0.0.1/s":          "s at db.example:5433, 10.0.0.1:5432",
		"postgres://u@/s?host=db.example,::1&port=6432":    "s at db.example:6432, [::1]:6432",
		"postgresql://u@[fd00::1]:7/s?sslmode=verify-full": "s at [fd00::1]:7",
		"postgres://u@localhost/s":                         "s at localhost:5432",
		"postgres://u@/s":                                  "s at /var/run/postgresql",
		"postgres://u@/s?host=/a,/b":                       "s at /a, /b",
	} {
		c, err := parseAddress(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if describe(c) != want || c.User != "u" || c.Password != "" || c.ConnectTimeout.Seconds() != 5 || c.SSLNegotiation != "" || c.MinProtocolVersion != "3.0" || c.MaxProtocolVersion != "3.0" ||
			c.ChannelBinding != "prefer" || c.RequireAuth != "" && c.RequireAuth != "!password" || c.ValidateConnect != nil {
			t.Errorf("%s: %s, %+v", address, describe(c), c)
		}
		if len(c.RuntimeParams) != 2 || c.RuntimeParams["application_name"] != "latchkey-controller" || c.RuntimeParams["client_encoding"] != "UTF8" {
			t.Errorf("%s: %v", address, c.RuntimeParams)
		}
		for host, with := range hostsOf(c) {
			if verified := with != nil && !with.InsecureSkipVerify && with.ServerName == host && with.RootCAs == nil && with.Certificates == nil; verified != (!isLoopback(host) && !isSocket(host)) && !strings.Contains(address, ",::1") {
				t.Errorf("%s: %s is verified: %v", address, host, verified)
			}
		}
	}
	t.Setenv("PGSERVICE", "evil")
	if _, err := parseAddress("postgres://u@localhost/s"); err == nil || !strings.Contains(err.Error(), "unset it") {
		t.Error(err)
	}
}

// hostsOf returns the hosts of an address with how their TLS is; nil: there is none.
func hostsOf(c *pgx.ConnConfig) map[string]*tls.Config {
	all := map[string]*tls.Config{c.Host: c.TLSConfig}
	for _, other := range c.Fallbacks {
		all[other.Host] = other.TLSConfig
	}
	return all
}
