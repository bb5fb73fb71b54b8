package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"latchkey/cmd/internal/freeport"
	"latchkey/cmd/latchkey-controller/internal/broker"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// soon is how long what takes a few seconds may take on a busy machine.
const soon = 30 * time.Second

// A said is what a process has printed.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// A member is a process that serves a site, one of several.
type member struct {
	*os.Process
	t        testing.TB
	dir      string
	out, log said
	ended    chan error // gets how it ended, and is closed
}

// serveMember serves the site in a directory.
func serveMember(t testing.TB, dir string, flags ...string) *member {
	t.Helper()
	return startMember(t, dir, programIn(dir), flags...)
}

// startMember is serveMember with a program of another version.
func startMember(t testing.TB, dir string, program func(args ...string) *exec.Cmd, flags ...string) *member {
	t.Helper()
	m := &member{t: t, dir: dir, ended: make(chan error, 1)}
	cmd := program(append([]string{"serve", "--adoption", "off", "--console", "127.0.0.1:0", "--api", "127.0.0.1:0"}, flags...)...)
	cmd.Stdout, cmd.Stderr = &m.out, &m.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m.Process = cmd.Process
	go func() {
		m.ended <- cmd.Wait()
		close(m.ended)
	}()
	t.Cleanup(func() {
		m.Kill()
		for range m.ended {
		}
		if t.Failed() {
			t.Logf("%s:\n%s%s", dir, &m.out, &m.log)
		}
	})
	return m
}

// until waits until something is so, and returns how long it took.
func (m *member) until(what string, so func() bool) time.Duration {
	m.t.Helper()
	return m.within(soon, what, so)
}

// within is until with another limit than soon.
func (m *member) within(limit time.Duration, what string, so func() bool) time.Duration {
	m.t.Helper()
	began := time.Now()
	for !so() {
		select {
		case err := <-m.ended:
			m.t.Fatalf("%s has ended: %v: %s", m.dir, err, &m.log)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Since(began) > limit {
			m.t.Fatalf("%s: not in time: %s", m.dir, what)
		}
	}
	return time.Since(began)
}

const leads, standsBy = "readers come to ", "stands by for latchkey-controller on "

// leads waits until the process has begun to lead for the n-th time.
func (m *member) leads(n int) time.Duration {
	m.t.Helper()
	return m.until("it leads", func() bool { return strings.Count(m.out.String(), leads) >= n })
}

// standsBy waits until it has begun to stand by for the n-th time.
func (m *member) standsBy(n int) time.Duration {
	m.t.Helper()
	return m.until("it stands by", func() bool { return strings.Count(m.out.String(), standsBy) >= n })
}

// endedLeading waits until it says that it leads no more, and logs how long ending took: others wait longer than that
// until they lead.
func (m *member) endedLeading() {
	m.t.Helper()
	var found []string
	m.until("it leads no more", func() bool {
		found = regexp.MustCompile(`this controller leads no more.* ended_in=(\S+)`).FindStringSubmatch(m.log.String())
		return found != nil
	})
	took, err := time.ParseDuration(found[1])
	if err != nil || took > 5*time.Second {
		m.t.Errorf("what only the leader does ended in %s, %v", found[1], err)
	}
	m.t.Logf("what only the leader does ended in %v", took)
}

// at returns the address of what it serves, console or api.
func (m *member) at(what string) string {
	m.t.Helper()
	var found []string
	m.until("its "+what, func() bool {
		found = regexp.MustCompile(`(?m)^` + what + ` (https://.*)/$`).FindStringSubmatch(m.out.String())
		return found != nil
	})
	return found[1]
}

// end ends it in order.
func (m *member) end() {
	m.t.Helper()
	m.Signal(syscall.SIGTERM)
	if err := <-m.ended; err != nil {
		m.t.Errorf("SIGTERM ends %s with %v: %s", m.dir, err, &m.log)
	}
}

// calm fails if it has ended or lost a broker since its log was that long.
func (m *member) calm(since int) {
	m.t.Helper()
	if log := m.log.String()[since:]; strings.Contains(log, "out of reach") || strings.Contains(log, "stands by") || strings.Contains(log, "leads no more") {
		m.t.Errorf("%s was disturbed: %s", m.dir, log)
	}
}

// startMosquitto starts a Mosquitto for the readers that a site has, and returns its URL.
func startMosquitto(t testing.TB, dir string) (string, *os.Process) {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			t.Fatal("mosquitto is not installed; make setup installs it")
		}
	}
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "mosquitto")
	if out, err := programIn(dir)("broker-config", "--out", config, "--listen", address).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if os.Getuid() == 0 { // the test's directory is not for Mosquitto's own user
		f, err := os.OpenFile(filepath.Join(config, broker.ConfigFile), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString("user root\n")
		f.Close()
	}
	cmd := exec.Command(path, "-c", filepath.Join(config, broker.ConfigFile))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for end := time.Now().Add(soon); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return "ssl://" + address, cmd.Process
		}
		if time.Now().After(end) {
			t.Fatal("mosquitto does not start")
		}
	}
}

// A several is a site with a reader, its database's server, a broker, and two directories of it.
type several struct {
	t         *testing.T
	server    *postgrestest.Own
	reader    *reporter
	broker    string // its URL
	mosquitto *os.Process
	dirs      [2]string
	token     string
}

// newSeveral makes a site. The second directory reaches the database at an address; nil: the same.
func newSeveral(t *testing.T, second func(*postgrestest.Own) string) *several {
	t.Helper()
	t.Parallel()
	s := &several{t: t, server: postgrestest.NewOwn(t)}
	root := t.TempDir()
	s.dirs = [2]string{filepath.Join(root, "one"), filepath.Join(root, "two")}
	address := s.server.New("site")
	s.reader = newReporterIn(t, s.dirs[0], address)
	if second != nil {
		address = second(s.server)
	}
	if out, err := programIn(s.dirs[1])("join", "--database", address, "--storage-key", filepath.Join(s.dirs[0], "storage.key")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.broker, s.mosquitto = startMosquitto(t, s.dirs[0])
	b, err := programIn(s.dirs[0])("token", "make", "test", "--scope", "read", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ Token string }
	if err := json.Unmarshal(b, &made); err != nil {
		t.Fatal(err)
	}
	s.token = made.Token
	return s
}

// serve serves the site in one of the directories.
func (s *several) serve(i int) *member {
	s.t.Helper()
	return serveMember(s.t, s.dirs[i], "--broker", s.broker)
}

// both serves it in both; the first leads.
func (s *several) both() (leader, other *member) {
	s.t.Helper()
	leader = s.serve(0)
	leader.leads(1)
	other = s.serve(1)
	s.t.Logf("the second stands by %v after its start", other.standsBy(1))
	other.at("console")
	return leader, other
}

// term returns the number of the lead that there is.
func (s *several) term() (term int64) {
	s.t.Helper()
	term, err := strconv.ParseInt(s.server.Ask("site", `SELECT term::text FROM lead`), 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return term
}

// holder returns who leads, as the database has it; "": nobody.
func (s *several) holder() string {
	s.t.Helper()
	return s.server.Ask("site", `SELECT holder FROM lead`)
}

// acknowledged has the reader report, and waits until somebody has it.
func (s *several) acknowledged(by *member) {
	s.t.Helper()
	client := s.reader.connect(s.broker)
	defer client.Disconnect(0)
	s.reader.report(client, 2)
	took := by.until("what a reader reports is acknowledged", func() bool {
		time.Sleep(50 * time.Millisecond)
		s.reader.report(client, 0)
		s.reader.mu.Lock()
		defer s.reader.mu.Unlock()
		return int(s.reader.acked) == len(s.reader.records)
	})
	s.t.Logf("acknowledged after %v", took)
}

// get gets a page, and returns the status and the body.
func (s *several) get(address string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	client := &http.Client{Timeout: soon, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}
