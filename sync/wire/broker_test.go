package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
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
		hosts, err := b.hosts(t.Context())
		if err != nil {
			t.Error(err)
		}
		for _, host := range hosts {
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

// full returns the port of a listener whose queue has no room, and what makes room in it. Connections that are asked for
// are dropped until then.
func full(t *testing.T) (port string, empty func()) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = syscall.Listen(fd, 0) // room for one
	}
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "listener")
	listener, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	t.Cleanup(func() { listener.Close() })
	first, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { first.Close() })
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port, func() {
		if conn, err := listener.Accept(); err == nil {
			conn.Close()
		}
	}
}

// asking returns the ports from which a connection to a port of this machine is asked for now: those in state SYN_SENT.
func asking(t *testing.T, port string) (from []string) {
	t.Helper()
	table, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(port)
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); f[3] == "02" && strings.HasSuffix(f[2], fmt.Sprintf(":%04X", n)) {
			from = append(from, f[1])
		}
	}
	return from
}

func TestAConnectionThatNobodyTakesIsAskedForAnew(t *testing.T) {
	t.Parallel()
	port, empty := full(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	took := make(chan error)
	go func() {
		conn, err := Broker{Host: "127.0.0.1", Port: port}.Dial(ctx)
		if err == nil {
			conn.Close()
		}
		took <- err
	}()
	for from := map[string]bool{}; len(from) < 2; time.Sleep(10 * time.Millisecond) {
		for _, port := range asking(t, port) {
			from[port] = true
		}
		if ctx.Err() != nil {
			t.Fatal("it is asked for once")
		}
	}
	empty()
	if err := <-took; err != nil {
		t.Error(err)
	}
	port, _ = full(t)
	short, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	var timeout net.Error
	if _, err := (Broker{Host: "127.0.0.1", Port: port}).Dial(short); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a connection that nobody has taken ends with %v", err)
	}
}
