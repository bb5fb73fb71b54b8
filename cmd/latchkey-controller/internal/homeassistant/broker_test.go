package homeassistant

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/sync/wire"
)

func TestOnlyThisMachinesBrokerIsReachedWithoutTLSUnlessAllowed(t *testing.T) {
	for _, c := range []struct {
		text  string
		plain bool
		want  wire.Broker // zero: refused
	}{
		{"ssl://broker.example", false, wire.Broker{Host: "broker.example", Port: "8883"}},
		{"mqtts://broker.example:1", true, wire.Broker{Host: "broker.example", Port: "1"}},
		{"tcp://127.0.0.1", false, wire.Broker{Host: "127.0.0.1", Port: "1883", Plain: true}},
		{"tcp://broker.example", false, wire.Broker{}},
		{"tcp://broker.example", true, wire.Broker{Host: "broker.example", Port: "1883", Plain: true}},
		{"mqtt://192.0.2.7:99", true, wire.Broker{Host: "192.0.2.7", Port: "99", Plain: true}},
		{"tcp://user:secret@broker.example", true, wire.Broker{}},
		{"http://broker.example", true, wire.Broker{}},
		{"", true, wire.Broker{}},
	} {
		got, err := ParseBroker(c.text, c.plain)
		if got != c.want || (err != nil) != (c.want == wire.Broker{}) {
			t.Errorf("%q, %v: %+v, %v", c.text, c.plain, got, err)
		}
	}
}

func TestALoginThatCannotBeReadIsRefusedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, l := range []Login{
		{File: filepath.Join(dir, "missing")}, {File: file("one", "latchkey\n")}, {File: file("empty", "\n\n")}, {File: file("long", strings.Repeat("x", maxFile+1))},
		{Authority: file("no.pem", "nothing")}, {Certificate: file("c.pem", "nothing"), Key: file("k.pem", "nothing")},
	} {
		if _, err := l.load(); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", l, err)
		}
	}
	l := Login{File: file("good", "latchkey\r\nsecret with spaces \r\n")}
	if c, err := l.load(); err != nil || c.user != "latchkey" || c.password != "secret with spaces " {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestABrokerOfAnotherAuthorityGetsNoPassword(t *testing.T) {
	w := newWorld(t)
	w.reader("front-door")
	login := Login{File: filepath.Join(w.dir, "login")} // trusts the system's authorities
	c, err := login.load()
	w.must(err)
	broker, err := ParseBroker("ssl://127.0.0.1:"+w.port, false)
	w.must(err)
	if conn, err := c.dial(t.Context(), broker); err == nil || !strings.Contains(err.Error(), "--homeassistant-ca") {
		t.Errorf("%v, %v", conn, err)
	}
	login.Authority = filepath.Join(w.dir, "ca.pem")
	c, err = login.load()
	w.must(err)
	conn, err := c.dial(t.Context(), broker)
	w.must(err)
	conn.Close()
	broker.Host = "localhost" // for which the certificate is not
	if _, err := c.dial(t.Context(), broker); err == nil {
		t.Error("a certificate of another host was taken")
	}
}
