package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

func TestWhoAsksIsAnsweredThoughTheDatabaseHangs(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	dir := filepath.Join(t.TempDir(), "site")
	program := programIn(dir)
	if said, err := program("init", "--site", "home", "--database", server.New("site")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	served := serveWeb(t, dir)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		said, _ := program("unlock", "front-door").CombinedOutput()
		if strings.Contains(string(said), "there is no such reader") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %s", said, &served.log)
		}
	}
	thaw := server.Freeze()
	defer thaw()
	outside := &http.Client{Timeout: 40 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	var asks sync.WaitGroup
	for want, ask := range map[string]func() string{
		"the database did not answer within 4 s, so the reader was not asked for anything": func() string {
			said, _ := program("unlock", "front-door").CombinedOutput()
			return string(said)
		},
		"its server is not reachable": func() string {
			said, _ := program("user", "list").CombinedOutput()
			return string(said)
		},
		"has not answered for": func() string {
			answer, err := outside.Get(served.console + "/link/x")
			if err != nil {
				return err.Error()
			}
			defer answer.Body.Close()
			b, _ := io.ReadAll(answer.Body)
			return answer.Status + string(b)
		},
	} {
		asks.Go(func() {
			if said := ask(); !strings.Contains(said, want) {
				t.Errorf("%q: %.500s", want, said)
			}
		})
	}
	asks.Wait()
	thaw()
	if said, err := program("user", "add", "--name", "Ada").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, said)
	}
}
