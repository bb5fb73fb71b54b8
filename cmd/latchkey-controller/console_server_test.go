package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func TestTheFirstLinkLeadsToTheConsoleUnderTheSitesOwnAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	s, err := site.Create(t.Context(), dir, "", "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cmd := exec.Command(os.Args[0], "serve", "--dir", dir, "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0", "--adoption", "off")
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	var link string
	said := killIfLate(cmd)
	for lines := bufio.NewScanner(out); link == "" && lines.Scan(); {
		link, _ = strings.CutPrefix(lines.Text(), "first sign-in ")
		if !strings.HasPrefix(link, "https://") {
			link = ""
		}
	}
	said()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots(s)}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	get := func(what string, response *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if response.ProtoMajor != 2 {
			t.Errorf("%s: %s", what, response.Proto)
		}
		return string(body)
	}
	response, err := client.Get(link)
	if page := get("the link", response, err); !strings.Contains(page, "you become the Owner of home") {
		t.Fatalf("%s", page)
	}
	const password = "a long way to the door"
	form := url.Values{"name": {"Grace Hopper"}, "password": {password}, "again": {password}}
	response, err = client.PostForm(link, form)
	if page := get("the password", response, err); response.Request.URL.Path != "/" || !strings.Contains(page, "Grace Hopper") || !strings.Contains(page, "Your first door") {
		t.Fatalf("%s: %s", response.Request.URL, page)
	}
	response, err = client.Get(link)
	if page := get("the link again", response, err); response.StatusCode != http.StatusGone || !strings.Contains(page, "This link is no longer valid") {
		t.Fatalf("%s: %s", response.Status, page)
	}
}

func TestTheFirstLinkStandsInNoJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	s, err := site.Create(t.Context(), dir, "", "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var at unix.Stat_t
	if err := unix.Fstat(int(in.Fd()), &at); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "serve", "--dir", dir, "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0", "--adoption", "off")
	cmd.Env = append(os.Environ(), runAsProgram+"=1", fmt.Sprintf("JOURNAL_STREAM=%d:%d", at.Dev, at.Ino))
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	defer killIfLate(cmd)()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "/link/") {
			t.Fatalf("the journal holds %q", lines.Text())
		}
		if strings.HasPrefix(lines.Text(), "first sign-in: latchkey-controller console-link --dir "+dir) {
			return
		}
	}
	t.Fatal("nothing says how to sign in the first time")
}

func TestTheConsolesNamesAreThoseThatItWasTold(t *testing.T) {
	none := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }
	for host, own := range map[string]bool{
		"door.example": true, "DOOR.example": true, "127.0.0.1": true, "::1": true, "localhost": true,
		"": false, "evil.example": false, "door.example.evil.example": false, "192.0.2.77": false,
	} {
		if isOwnName(host, []string{"door.example"}, none) != own {
			t.Errorf("%q", host)
		}
	}
	var f consoleFlags
	for text, right := range map[string]bool{"192.0.2.1": true, "10.0.0.0/8": true, "::1": true, "fe80::1%eth0": false, "proxy.example": false, "": false} {
		if err := f.addProxy(text); (err == nil) != right {
			t.Errorf("%q: %v", text, err)
		}
	}
}
