package outbound

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func TestOnlyTheInternetIsPublic(t *testing.T) {
	for _, text := range []string{
		"127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.1",
		"192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
		"fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
	} {
		if Public(netip.MustParseAddr(text)) {
			t.Errorf("%s is public", text)
		}
	}
	for _, text := range []string{"1.1.1.1", "172.15.0.1", "172.32.0.1", "100.128.0.1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700::1111", "2a00:1450::1"} {
		if !Public(netip.MustParseAddr(text)) {
			t.Errorf("%s is not public", text)
		}
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range own {
		if ip, ok := addr.(*net.IPNet); ok {
			if a, _ := netip.AddrFromSlice(ip.IP); Public(a) {
				t.Errorf("%s of this machine is public", a)
			}
		}
	}
}

// leadsTo returns a resolver that answers each name with addresses, in turn.
func leadsTo(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() { // DNS over a stream (RFC 1035, section 4.2.2)
			defer server.Close()
			var size [2]byte
			if _, err := io.ReadFull(server, size[:]); err != nil {
				return
			}
			b := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(server, b); err != nil {
				return
			}
			var m dnsmessage.Message
			if err := m.Unpack(b); err != nil {
				return
			}
			m.Response, m.Additionals = true, nil
			for _, text := range addresses {
				a, q := netip.MustParseAddr(text), m.Questions[0]
				h := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}
				switch {
				case a.Is4() && q.Type == dnsmessage.TypeA:
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: a.As4()}})
				case a.Is6() && q.Type == dnsmessage.TypeAAAA:
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
				}
			}
			b, err := m.Pack()
			if err != nil {
				return
			}
			server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
		}()
		return client, nil
	}}
}

// listen returns the port of a listener on loopback that counts who comes.
func listen(t *testing.T) (port string, came func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
			accepted <- struct{}{}
		}
	}()
	t.Cleanup(func() { l.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, func() int { return len(accepted) }
}

func TestANameThatLeadsInsideIsRefusedWhenItIsConnected(t *testing.T) {
	port, came := listen(t)
	for _, addresses := range [][]string{{"127.0.0.1"}, {"::ffff:127.0.0.1"}, {"::1"}, {"169.254.169.254"}, {"169.254.7.7"}, {"fe80::1"}, {"10.0.0.1"}, {"64:ff9b::7f00:1"}, {"127.0.0.1", "10.0.0.1", "::1"}} {
		d := Dialer{Resolver: leadsTo(t, addresses...), Timeout: 5 * time.Second}
		c, err := d.DialContext(t.Context(), "tcp", "hooks.example.com:"+port)
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%v: %v, %v", addresses, c, err)
		}
	}
	for _, literal := range []string{"127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "169.254.169.254", "[fe80::1]", "0.0.0.0", "[::]"} {
		if _, err := (Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", literal+":"+port); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", literal, err)
		}
	}
	if came() > 0 {
		t.Error("somebody was connected")
	}
}

func TestAHostThatIsAllowedIsReachedAndCredentialsOfCloudsAreNot(t *testing.T) {
	port, _ := listen(t)
	d := Dialer{Inside: true, Resolver: leadsTo(t, "127.0.0.1"), Timeout: 5 * time.Second}
	c, err := d.DialContext(t.Context(), "tcp", "n8n.home:"+port)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	for _, address := range []string{"169.254.169.254", "fd00:ec2::254", "224.0.0.1", "0.0.0.0"} {
		d.Resolver = leadsTo(t, address)
		if _, err := d.DialContext(t.Context(), "tcp", "n8n.home:"+port); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
