package tests

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A mailServer is a real one, Exim, which keeps each mail in a file.
type mailServer struct {
	t             *testing.T
	dir           string
	tls, starttls string // ports
	running       *exec.Cmd
}

const mailPassword = "a secret word"

// newMailServer writes the configuration of one, which is not started yet.
func newMailServer(t *testing.T) *mailServer {
	t.Helper()
	dir, err := os.MkdirTemp("", "mail") // Exim's own user reaches no directory of the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &mailServer{t: t, dir: dir}
	_, s.tls, _ = net.SplitHostPort(unused(t))
	_, s.starttls, _ = net.SplitHostPort(unused(t))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) {
		if err := os.WriteFile(s.path(name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	write("exim.conf", fmt.Appendf(nil, `primary_hostname = localhost
spool_directory = %[1]s/spool
log_file_path = %[1]s/log/%%s
pid_file_path = %[1]s/spool/pid
keep_environment =
local_interfaces = <; 127.0.0.1.%[2]s ; 127.0.0.1.%[3]s
tls_on_connect_ports = %[2]s
tls_advertise_hosts = *
tls_certificate = %[1]s/cert.pem
tls_privatekey = %[1]s/key.pem
acl_smtp_rcpt = rcpt
acl_smtp_data = data
begin acl
rcpt:
  accept authenticated = *
  deny
data:
  accept
begin routers
all:
  driver = accept
  transport = keep
begin transports
keep:
  driver = appendfile
  directory = %[1]s/mail
  maildir_format
  user = Debian-exim
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${if and{{eq{$auth2}{doors}}{eq{$auth3}{%[4]s}}}}
  server_set_id = $auth2
  server_advertise_condition = ${if def:tls_in_cipher}
`, s.dir, s.tls, s.starttls, mailPassword))
	owner, err := user.Lookup("Debian-exim")
	if err != nil {
		t.Fatalf("%v; make setup installs exim4-daemon-light", err)
	}
	uid, _ := strconv.Atoi(owner.Uid)
	gid, _ := strconv.Atoi(owner.Gid)
	for _, name := range []string{"spool", "log", "mail"} {
		if err := os.Mkdir(s.path(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"spool", "log", "mail", "cert.pem", "key.pem"} {
		if err := os.Chown(s.path(name), uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *mailServer) path(name string) string { return filepath.Join(s.dir, name) }

// start has it take mails.
func (s *mailServer) start() {
	s.t.Helper()
	s.running = exec.Command("/usr/sbin/exim4", "-bdf", "-C", s.path("exim.conf"))
	s.running.Stderr = s.t.Output()
	s.running.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.running.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		s.running.Process.Kill()
		s.running.Wait()
	})
	for range 100 {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+s.tls); err == nil {
			conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatal("Exim does not answer")
}

// mails are what it has taken.
func (s *mailServer) mails() (all []string) {
	files, err := filepath.Glob(s.path("mail/new/*"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

func TestPeopleAreToldByARealMailServer(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false)
	server := newMailServer(t)
	c.env = []string{"SSL_CERT_FILE=" + server.path("cert.pem")}
	reader := c.adopt(t, "front-door")
	c.serve()
	reader.start()
	reader.begun()
	reader.linked()
	c.tell(mailPassword+"\n", "mail", "set", "--host", "localhost", "--port", server.tls, "--user", "doors", "--from", "doors@example.com", "--to", "ada@example.com", "--notice", "lockout", "--notice", "forced")
	c.tell("", "policy", "front-door", "set", "--limit", "1")
	reader.wrong(wrongPIN)
	reader.eventually("the lockout", reader.locked)
	reader.eventually("that mails cannot be sent", func() bool { return strings.Contains(c.tell("", "mail", "show"), "mails cannot be sent since") })

	// Nothing is lost meanwhile, and a test tells at once whether the server is right.
	server.start()
	environment := append(os.Environ(), c.env...)
	tell := func(args ...string) (string, error) {
		cmd := exec.Command(filepath.Join(programsDir(t), "latchkey-controller"), append(args, "--dir", c.dir)...)
		cmd.Env = environment
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := tell("mail", "test"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	reader.eventually("the test", func() bool { return len(server.mails()) == 1 })
	mail := server.mails()[0]
	for _, part := range []string{"esmtpsa  (TLS1.3)", "From: <doors@example.com>", "To: <ada@example.com>", "Auto-Submitted: auto-generated", ": a test"} {
		if !strings.Contains(mail, part) {
			t.Errorf("the mail lacks %q:\n%s", part, mail)
		}
	}
	c.stopServing()
	c.serve()
	reader.eventually("the lockout's mail", func() bool { return len(server.mails()) == 2 })
	all := strings.Join(server.mails(), "")
	if !strings.Contains(all, "locked out") || strings.Contains(all, wrongPIN) {
		t.Error(all)
	}

	// STARTTLS or nothing; a wrong password is said.
	for args, want := range map[string]string{
		"--port " + server.starttls + " --security starttls --port " + server.starttls: "",
		"--port " + server.starttls + " --security tls --port " + server.starttls:      "did not take the mail",
	} {
		c.tell("", append([]string{"mail", "set"}, strings.Fields(args)...)...)
		out, err := tell("mail", "test")
		if (err == nil) != (want == "") || !strings.Contains(out, want) {
			t.Errorf("%s: %v, %s", args, err, out)
		}
	}
	c.tell("another word\n", "mail", "set", "--security", "tls", "--port", server.tls, "--user", "doors")
	if out, err := tell("mail", "test"); err == nil || strings.Contains(out, "another word") {
		t.Errorf("a wrong password: %v, %s", err, out)
	}
}

// programsDir returns the directory of the programs.
func programsDir(t *testing.T) string {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
