package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func TestAControllerWaitsForItsDatabaseAndGoesOn(t *testing.T) {
	server := postgrestest.NewOwn(t)
	dir := filepath.Join(t.TempDir(), "site")
	r := newReporterIn(t, dir, server.New("site"))
	program := func(args ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0], append(args, "--dir", dir)...)
		cmd.Env = append(os.Environ(), runAsProgram+"=1")
		return cmd
	}
	b, err := program("token", "make", "test", "--scope", "read", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var added struct{ Token string }
	if err := json.Unmarshal(b, &added); err != nil {
		t.Fatal(err)
	}
	served := program("serve", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0", "--api", "127.0.0.1:0")
	var log strings.Builder
	served.Stderr = &log
	out, err := served.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := served.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	var broker, console, api string
	for lines := bufio.NewScanner(out); console == "" && lines.Scan(); {
		if _, at, is := strings.Cut(lines.Text(), "readers come to "); is {
			broker = "ssl://" + at
		}
		if at, is := strings.CutPrefix(lines.Text(), "api https://"); is {
			api = "https://" + strings.TrimSuffix(at, "/")
		}
		if at, is := strings.CutPrefix(lines.Text(), "first sign-in https://"); is {
			console, _, _ = strings.Cut("https://"+at, "/link/")
		}
	}
	go func() {
		io.Copy(io.Discard, out)
		ended <- served.Wait()
	}()
	defer served.Process.Kill()
	if broker == "" || console == "" || api == "" {
		t.Fatalf("%q %q %q", broker, console, api)
	}
	outside := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	ask := func(address string) (status int, body, again string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+added.Token)
		answer, err := outside.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(b), answer.Header.Get("Retry-After")
	}
	client := r.connect(broker)
	defer client.Disconnect(0)
	acknowledged := func() {
		t.Helper()
		for end := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			r.mu.Lock()
			done := int(r.acked) == len(r.records)
			r.mu.Unlock()
			if done {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("not all are acknowledged: %s", &log)
			}
			r.report(client, 0)
		}
	}
	r.report(client, 5)
	acknowledged()
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGINT} {
		server.Stop(signal)
		r.report(client, 5)
		for _, address := range []string{api + "/api/v1/developer/doors", api + "/metrics", console + "/link/x"} {
			status, body, again := ask(address)
			if status != http.StatusServiceUnavailable || again != "5" || !strings.Contains(body, "is not reachable (") || !strings.Contains(body, "nothing was done") {
				t.Errorf("%s: %d %q %.300s", address, status, again, body)
			}
		}
		if said, err := program("user", "list").CombinedOutput(); err == nil || !strings.Contains(string(said), "is not reachable (") {
			t.Errorf("%v: %s", err, said)
		}
		time.Sleep(3 * time.Second) // most that tries again does so every 2 s
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v: %s", err, &log)
		default:
		}
		server.Start()
		acknowledged()
		for _, address := range []string{api + "/api/v1/developer/doors", api + "/metrics"} {
			if status, body, _ := ask(address); status != http.StatusOK {
				t.Errorf("%s afterwards: %d %.300s", address, status, body)
			}
		}
		if said, err := program("user", "add", "--name", "Ada "+signal.String()).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, said)
		}
	}
	time.Sleep(2 * lookForDatabase)
	if err := served.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
	s, err := site.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r.check(s, len(r.records))
	if !strings.Contains(log.String(), "the database is back") {
		t.Errorf("nobody is told that the database is back: %s", &log)
	}
	if strings.Contains(log.String(), "panic") {
		t.Error(log.String())
	}
	t.Log(log.String())
}
