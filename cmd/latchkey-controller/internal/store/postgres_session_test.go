package store

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

func TestASessionMakesCommitsDurableAndEndsWhoIsCutOff(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	address := server.New("site") + "&connect_timeout=2"
	tcp := strings.Replace(address, "@/site?host="+strings.ReplaceAll(server.Dir, "/", "%2F"), "@/site?host=127.0.0.1", 1)
	show := func(address string, writes bool) (all string) {
		t.Helper()
		s, err := Create(t.Context(), t.TempDir(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		do := s.View
		if writes {
			do = s.Update
		}
		if err := do(t.Context(), func(tx *Tx) error {
			return tx.row(`SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN ('synchronous_commit', 'search_path', 'lock_timeout', 'idle_in_transaction_session_timeout', 'tcp_user_timeout', 'tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_keepalives_count', 'client_encoding', 'transaction_isolation', 'transaction_read_only')`, nil, &all)
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	if got, want := show(tcp, false), "client_encoding=UTF8 idle_in_transaction_session_timeout=600000 lock_timeout=10000 search_path=public synchronous_commit=on tcp_keepalives_count=3 tcp_keepalives_idle=5 tcp_keepalives_interval=5 tcp_user_timeout=20000 transaction_isolation=repeatable read transaction_read_only=on"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for _, c := range [][2]string{{"off", "on"}, {"on", "on"}, {"local", "local"}, {"remote_write", "remote_write"}, {"remote_apply", "remote_apply"}} {
		server.Do("postgres", `ALTER ROLE postgres SET synchronous_commit = `+c[0], `ALTER ROLE postgres SET search_path = elsewhere`, `ALTER ROLE postgres SET client_encoding = LATIN1`)
		if got := show(address, true); !strings.Contains(got, "synchronous_commit="+c[1]+" ") || !strings.Contains(got, "search_path=public ") || !strings.Contains(got, "client_encoding=UTF8 ") ||
			!strings.Contains(got, "idle_in_transaction_session_timeout=8000 ") || !strings.Contains(got, "read committed transaction_read_only=off") {
			t.Errorf("%s: %s", c[0], got)
		}
	}
}

func TestWhatCouldLoseTheDatabaseIsSaid(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	s := openAt(t, server.New("site"))
	server.Do("site", `GRANT CREATE ON SCHEMA public TO PUBLIC`, `ALTER SYSTEM SET full_page_writes = off`, `SELECT pg_reload_conf()`)
	var said string
	for end := time.Now().Add(10 * time.Second); strings.Count(said, "\n") != 2 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		doubts, err := s.Doubts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		said = strings.Join(doubts, "\n")
	}
	for _, what := range []string{"has fsync=off", "has full_page_writes=off", "REVOKE CREATE ON SCHEMA public"} {
		if !strings.Contains(said, what) {
			t.Errorf("%q: %s", what, said)
		}
	}
	server.Do("site", `REVOKE CREATE ON SCHEMA public FROM PUBLIC`, `ALTER SYSTEM RESET full_page_writes`)
	server.Stop(syscall.SIGINT)
	server.Start("fsync=on")
	if doubts, err := s.Doubts(t.Context()); err != nil || doubts != nil {
		t.Error(doubts, err)
	}
	server.Stop(syscall.SIGQUIT)
	if _, err := s.Doubts(t.Context()); !errors.As(err, new(*UnavailableError)) {
		t.Error(err)
	}
}

func TestWhatAServerRefusesIsSaidInASentence(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	server.New("site")
	server.Do("postgres", `CREATE ROLE keeper LOGIN`, `ALTER DATABASE site OWNER TO keeper`)
	s := openAt(t, server.Address("site", "keeper"))
	expect := func(says string, err error) {
		t.Helper()
		if away := (*UnavailableError)(nil); !errors.As(err, &away) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "nothing was done") {
			t.Errorf("%v, want %q", err, says)
		}
	}
	server.Do("postgres", `ALTER ROLE keeper CONNECTION LIMIT 0`)
	terminate(server, "site")
	expect("has too many connections", add(s, 1))
	server.Do("postgres", `ALTER ROLE keeper CONNECTION LIMIT -1`, `ALTER ROLE keeper SET statement_timeout = 100`)
	terminate(server, "site")
	expect("canceled this", s.Update(t.Context(), func(tx *Tx) error { return tx.exec(`SELECT pg_sleep(20)`) }))
	server.Do("postgres", `ALTER ROLE keeper RESET statement_timeout`, `ALTER DATABASE site SET default_transaction_read_only = on`)
	expect("canceled this", s.View(t.Context(), func(tx *Tx) error { return tx.exec(`SELECT pg_sleep(20)`) }))
	terminate(server, "site")
	expect("takes no changes now", add(s, 1))
	server.Do("postgres", `ALTER DATABASE site RESET default_transaction_read_only`)
	if err := add(s, 1); err != nil {
		t.Error(err)
	}
	server.Stop(syscall.SIGQUIT)
	expect("is not reachable (", add(s, 2))
	expect("is not reachable (", s.View(t.Context(), func(*Tx) error { return nil }))
	server.Start()
	if n := count(t, s); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func TestAFullDiskOfTheServerIsSaid(t *testing.T) {
	server := postgrestest.NewOwn(t)
	disk := filepath.Join(server.Dir, "disk")
	if err := os.Mkdir(disk, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=32m,mode=777"); err != nil {
		t.Skipf("mounting needs rights: %v", err)
	}
	t.Cleanup(func() { server.End(); unix.Unmount(disk, unix.MNT_DETACH) })
	inside := filepath.Join(disk, "space")
	if out, err := server.Command("mkdir", inside).CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	server.Do("postgres", `CREATE TABLESPACE small LOCATION '`+inside+`'`, `CREATE DATABASE site TEMPLATE template0 ENCODING 'UTF8' TABLESPACE small`)
	s := openAt(t, server.Address("site", "postgres"))
	err := s.Update(t.Context(), func(tx *Tx) error { return tx.exec(`INSERT INTO done (n) SELECT generate_series(10, 1000000)`) })
	full := (*FullError)(nil)
	if !errors.As(err, &full) || !strings.Contains(err.Error(), "there is no room for the database site at ") {
		t.Errorf("%v", err)
	}
	if n := count(t, s); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// certificates makes a certificate of a server and the authority that signed it.
func certificates(t *testing.T, dir, name string) (ca, cert, key string) {
	t.Helper()
	write := func(file, kind string, der []byte) string {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sign := func(template, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
		own, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if by == nil {
			by = own
		}
		template.SerialNumber, template.NotAfter = big.NewInt(1), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, own.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		return own, der
	}
	root := &x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootKey, der := sign(root, root, nil)
	ca = write("ca", "CERTIFICATE", der)
	own, der := sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}, root, rootKey)
	cert = write("cert", "CERTIFICATE", der)
	der, _ = x509.MarshalPKCS8PrivateKey(own)
	return ca, cert, write("key", "PRIVATE KEY", der)
}

func TestAServerProvesWhoItIsAndTheControllerToo(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	server.New("site")
	certs, clients, strangers := t.TempDir(), t.TempDir(), t.TempDir()
	ca, cert, key := certificates(t, certs, "localhost")
	clientCA, clientCert, clientKey := certificates(t, clients, "keeper")
	otherCA, _, _ := certificates(t, strangers, "localhost")
	own := func(path string) string { // a copy that is the server's
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(server.Dir, strings.ReplaceAll(path, "/", "_"))
		if err := os.WriteFile(copied, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if c := server.Command("postgres").SysProcAttr.Credential; c != nil {
			os.Chown(copied, int(c.Uid), int(c.Gid))
		}
		return copied
	}
	server.Do("postgres", `CREATE ROLE keeper LOGIN PASSWORD 'first'`, `ALTER DATABASE site OWNER TO keeper`, `CREATE ROLE certified LOGIN IN ROLE keeper`)
	server.Stop(syscall.SIGINT)
	hba := "local all postgres trust\nhostssl all certified 127.0.0.1/32 cert map=x\nhost all all 127.0.0.1/32 scram-sha-256\n"
	os.WriteFile(filepath.Join(server.Dir, "data", "pg_hba.conf"), []byte(hba), 0)
	os.WriteFile(filepath.Join(server.Dir, "data", "pg_ident.conf"), []byte("x keeper certified\n"), 0)
	server.Start("ssl=on", "ssl_cert_file="+own(cert), "ssl_key_file="+own(key), "ssl_ca_file="+own(clientCA))
	pass := filepath.Join(t.TempDir(), "pass")
	password := func(text string) {
		if err := os.WriteFile(pass, []byte("*:*:*:keeper:"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	password("first")
	at := func(role, host, parameters string) string {
		return fmt.Sprintf("postgres://%s@%s:%d/site?passfile=%s&%s", role, host, server.Port, pass, parameters)
	}
	if said := refused(t, at("keeper", "localhost", "sslmode=verify-full&sslrootcert="+otherCA)); !strings.Contains(said, "certificate") {
		t.Error(said)
	}
	if said := refused(t, at("keeper", "127.0.0.1", "sslmode=verify-full&sslrootcert="+ca)); !strings.Contains(said, "certificate") {
		t.Error(said)
	}
	if said := refused(t, at("keeper", "localhost", "sslmode=verify-full")); !strings.Contains(said, "certificate") {
		t.Error(said)
	}
	if said := refused(t, at("certified", "localhost", "sslmode=verify-full&sslrootcert="+ca)); !strings.Contains(said, "does not let the controller in (connection requires a valid client certificate)") {
		t.Error(said)
	}
	var stores []*Store
	for _, address := range []string{
		at("keeper", "localhost", "sslmode=verify-full&sslrootcert="+ca),
		at("keeper", "127.0.0.1", "sslmode=verify-ca&sslrootcert="+ca),
		at("certified", "localhost", "sslmode=verify-full&sslrootcert="+ca+"&sslcert="+clientCert+"&sslkey="+clientKey),
		at("keeper", "localhost", ""),
	} {
		s, err := Create(t.Context(), t.TempDir(), address)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		defer s.Close()
		stores = append(stores, s)
	}
	// A password that is changed counts from the next connection on.
	server.Do("postgres", `ALTER ROLE keeper PASSWORD 'second'`)
	terminate(server, "site")
	look := func(*Tx) error { return nil }
	if err := stores[0].View(t.Context(), look); !errors.As(err, new(*UnavailableError)) {
		t.Error(err)
	}
	password("second")
	if err := stores[0].View(t.Context(), look); err != nil {
		t.Error(err)
	}
}

func TestAStandByTakesOver(t *testing.T) {
	t.Parallel()
	first := postgrestest.NewOwn(t, "max_wal_senders=4")
	first.New("site")
	second := first.StandBy()
	address := fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/site?target_session_attrs=read-write", second.Port, first.Port)
	if said := refused(t, fmt.Sprintf("postgres://postgres@127.0.0.1:%d/site", second.Port)); !strings.Contains(said, "it is a stand-by of another one") {
		t.Error(said)
	}
	s := openAt(t, address)
	heard := make(chan struct{}, 100)
	go s.Watch(t.Context(), func() error { heard <- struct{}{}; return nil })
	for n := range int64(20) {
		if err := add(s, n); err != nil {
			t.Fatal(err)
		}
	}
	first.Stop(syscall.SIGQUIT) // those that are killed serve their sessions for a moment
	if err := add(s, 20); !errors.As(err, new(*UnavailableError)) {
		t.Error(err)
	}
	second.Promote()
	second.Do("postgres", `ALTER SYSTEM RESET synchronous_standby_names`, `SELECT pg_reload_conf()`)
	if n := count(t, s); n != 20 {
		t.Errorf("%d rows", n)
	}
	if err := add(s, 21); err != nil {
		t.Error(err)
	}
	for len(heard) > 0 {
		<-heard
	}
	other := openAt(t, address)
	for n := int64(30); ; n++ {
		if err := add(other, n); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
			return
		case <-time.After(100 * time.Millisecond):
		}
		if n > 300 {
			t.Fatal("the watch does not hear the stand-by")
		}
	}
}

func TestACutOffServerIsNoticed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	config, err := (&postgresEngine{address: "postgres://postgres@" + listener.Addr().String() + "/site"}).connection()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := config.DialFunc(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for option, want := range map[int]int{unix.TCP_USER_TIMEOUT: 20000, unix.TCP_KEEPIDLE: 5, unix.TCP_KEEPINTVL: 5, unix.TCP_KEEPCNT: 3} {
		if err := raw.Control(func(fd uintptr) {
			if is, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, option); err != nil || is != want {
				t.Errorf("option %d: %d, %v", option, is, err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACommitThatWaitsForAStandByThatIsGoneIsInDoubt(t *testing.T) {
	t.Parallel()
	first := postgrestest.NewOwn(t, "max_wal_senders=4")
	first.New("site")
	second := first.StandBy()
	s := openAt(t, first.Address("site", "postgres"))
	s.engine.(*postgresEngine).limits.commit = 500 * time.Millisecond
	second.Stop(syscall.SIGQUIT)
	if err := add(s, 1); !errors.As(err, new(*UnsureError)) {
		t.Errorf("%v", err)
	}
	count(t, s)
	first.Do("postgres", `ALTER SYSTEM RESET synchronous_standby_names`, `SELECT pg_reload_conf()`)
	if err := add(s, 2); err != nil {
		t.Error(err)
	}
	if n := count(t, s); n != 2 {
		t.Errorf("%d rows", n)
	}
}
