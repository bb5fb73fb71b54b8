package wire

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
)

func TestABrokerIsReadAsPeopleWriteIt(t *testing.T) {
	for url, want := range map[string]string{
		"ssl://broker.example:8884": "ssl://broker.example:8884", "mqtts://broker.example": "ssl://broker.example:8883",
		"ssl://10.0.0.1/": "ssl://10.0.0.1:8883", "tls://[2001:db8::1]": "ssl://[2001:db8::1]:8883", "ssl://[fd00::2]:8884": "ssl://[fd00::2]:8884",
		"tcp://127.0.0.1": "tcp://127.0.0.1:1883", "tcp://localhost:99": "tcp://localhost:99", "mqtt://[::1]:5": "tcp://[::1]:5", "tcp://127.9.9.9": "tcp://127.9.9.9:1883",
		"ssl://Broker.EXAMPLE.:8884": "ssl://broker.example:8884", "ssl://[2001:DB8:0::1]": "ssl://[2001:db8::1]:8883", "ssl://[::ffff:192.0.2.1]": "ssl://192.0.2.1:8883",
	} {
		b, err := ParseBroker(url)
		if err != nil || b.String() != want {
			t.Errorf("%s: %s, %v", url, b, err)
		}
		if err := CheckBroker(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{
		"tcp://broker.example", "tcp://192.0.2.1:1883", "mqtt://localhost.example", "tcp://0.0.0.0", "tcp://[::]:1883", "tcp://[fd00::2]:1883",
		"ws://localhost", "broker", "broker:8883", "", "ssl://", "ssl://:8883", "%", "http://localhost:1",
		"ssl://user:secret@broker.example", "ssl://broker.example/path", "ssl://broker.example?x=1",
		"ssl://b\u00fccher.example", "ssl://[fe80::1%25eth0]:8883", "ssl://a b", "ssl://-x", "ssl://x..y", "ssl://x..", "ssl://.",
	} {
		if _, err := ParseBroker(url); err == nil {
			t.Errorf("%q is taken", url)
		}
	}
	for _, url := range []string{"ssl://fd00::2", "fd00::2", "ssl://fd00::2/"} {
		if _, err := ParseBroker(url); err == nil || !strings.Contains(err.Error(), "ssl://[fd00::2]:8883") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"ssl://controller.local", "ssl://Controller.LOCAL.:8883"} {
		if err := CheckBroker(url); err == nil {
			t.Errorf("%s: a reader would never find it", url)
		}
		if _, err := ParseBroker(url); err != nil {
			t.Errorf("%s, which a reader was given before: %v", url, err)
		}
	}
}

// A resolver that says otherwise is not asked: what goes to localhost may go in
// the clear.
func TestOneBrokerIsKnownHoweverItIsWritten(t *testing.T) {
	for other, same := range map[string]bool{
		"ssl://north.example": true, "tls://North.Example.:8883/": true, "mqtts://north.example": true,
		"ssl://north.example:8884": false, "ssl://north": false, "tcp://localhost": false, "": false, "north.example": false,
	} {
		if SameBroker("ssl://north.example:8883", other) != same || SameBroker(other, "ssl://north.example:8883") != same {
			t.Errorf("%q: %t", other, !same)
		}
	}
	if !SameBroker("north", "north") || SameBroker("north", "south") {
		t.Error("what is no URL is only what it is")
	}
}

func TestLocalhostIsThisMachineWhateverAResolverSays(t *testing.T) {
	asked := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = asked })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("nobody answers")
	}}
	for _, url := range []string{"tcp://localhost:1884", "tcp://LocalHost:1884", "ssl://localhost:8883"} {
		b, err := ParseBroker(url)
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range b.hosts() {
			if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
				t.Errorf("%s: %q is dialled", url, host)
			}
		}
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: %v", address, err) // a machine without IPv6
			continue
		}
		defer listener.Close()
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := Broker{Host: "localhost", Port: port, Plain: true}.Dial(t.Context())
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		conn.Close()
	}
}
