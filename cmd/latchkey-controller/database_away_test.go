package main

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func TestAControllerWaitsForItsDatabaseAndGoesOn(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	dir := filepath.Join(t.TempDir(), "site")
	r := newReporterIn(t, dir, server.New("site"))
	program := programIn(dir)
	b, err := program("token", "make", "test", "--scope", "read", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var added struct{ Token string }
	if err := json.Unmarshal(b, &added); err != nil {
		t.Fatal(err)
	}
	served := serveWeb(t, dir)
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
	client := r.connect(served.broker)
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
				t.Fatalf("not all are acknowledged: %s", &served.log)
			}
			r.report(client, 0)
		}
	}
	r.report(client, 5)
	acknowledged()
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGINT} {
		server.Stop(signal)
		r.report(client, 5)
		for _, address := range []string{served.api + "/api/v1/developer/doors", served.api + "/metrics", served.console + "/link/x"} {
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
		case err := <-served.ended:
			t.Fatalf("it ended: %v: %s", err, &served.log)
		default:
		}
		server.Start()
		acknowledged()
		for _, address := range []string{served.api + "/api/v1/developer/doors", served.api + "/metrics"} {
			if status, body, _ := ask(address); status != http.StatusOK {
				t.Errorf("%s afterwards: %d %.300s", address, status, body)
			}
		}
		if said, err := program("user", "add", "--name", "Ada "+signal.String()).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, said)
		}
	}
	time.Sleep(2 * lookForDatabase)
	if err := served.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-served.ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
	s, err := site.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r.check(s, len(r.records))
	if !strings.Contains(served.log.String(), "the database is back") {
		t.Errorf("nobody is told that the database is back: %s", &served.log)
	}
	if strings.Contains(served.log.String(), "panic") {
		t.Error(served.log.String())
	}
	t.Log(served.log.String())
}
