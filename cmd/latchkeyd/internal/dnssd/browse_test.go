package dnssd

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	responder "github.com/brutella/dnssd"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

const service = "_latchkey._tcp.local."

// TestMain is also the program that announces a service: LATCHKEY_ANNOUNCE is its name. It ends
// with its standard input.
func TestMain(m *testing.M) {
	if name := os.Getenv("LATCHKEY_ANNOUNCE"); name != "" {
		announce(name)
		return
	}
	os.Exit(m.Run())
}

func announce(name string) {
	s, err := responder.NewService(responder.Config{Name: name, Type: "_latchkey._tcp", Host: name, Port: 8447})
	if err == nil {
		var r responder.Responder
		if r, err = responder.NewResponder(); err == nil {
			if _, err = r.Add(s); err == nil {
				go r.Respond(context.Background())
				io.Copy(io.Discard, os.Stdin)
				return
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// A network is a network namespace of its own, which ends with the test.
type network struct {
	t      *testing.T
	thread int
	inside chan func()
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{t: t, inside: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		n.thread = unix.Gettid()
		made <- err
		for do := range n.inside {
			do()
		}
	}()
	t.Cleanup(func() { close(n.inside) })
	if err := <-made; err != nil {
		t.Skipf("a network namespace needs rights: %v", err)
	}
	return n
}

// run does something in the namespace.
func (n *network) run(do func()) {
	done := make(chan struct{})
	n.inside <- func() { defer close(done); do() }
	<-done
}

func (n *network) command(args ...string) {
	n.t.Helper()
	var out []byte
	var err error
	n.run(func() { out, err = exec.Command(args[0], args[1:]...).CombinedOutput() })
	if err != nil {
		n.t.Fatalf("%q: %v: %s", args, err, out)
	}
}

// connected returns the network of a reader and that of a controller, and the cable between
// them: its addresses are 192.0.2.1 and .2, and fe80::1 and ::2, at "cable" in both.
func connected(t *testing.T) (reader, controller *network) {
	t.Helper()
	reader, controller = newNetwork(t), newNetwork(t)
	reader.command("ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), controller.thread))
	for i, n := range []*network{reader, controller} {
		n.command("ip", "link", "set", "cable", "addrgenmode", "none")
		n.command("ip", "link", "set", "lo", "up")
		n.command("ip", "link", "set", "cable", "up")
		n.command("ip", "address", "add", fmt.Sprintf("192.0.2.%d/24", i+1), "dev", "cable")
		n.command("ip", "address", "add", fmt.Sprintf("fe80::%d/64", i+1), "dev", "cable", "nodad")
	}
	for _, n := range []*network{reader, controller} {
		for end := time.Now().Add(10 * time.Second); !n.connected(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the cable does not come up")
			}
		}
	}
	return reader, controller
}

// connected says whether the cable is up.
func (n *network) connected() bool {
	up := false
	n.run(func() {
		cable, err := net.InterfaceByName("cable")
		up = err == nil && cable.Flags&net.FlagRunning != 0
	})
	return up
}

// browse browses from a network.
func (n *network) browse() (found []Service) {
	n.t.Helper()
	var err error
	began := time.Now()
	n.run(func() { found, err = Browse(n.t.Context(), service) })
	if took := time.Since(began); err != nil || took > browseFor+3*time.Second {
		n.t.Fatalf("%v after %v", err, took)
	}
	return found
}

func TestAControllerThatAnnouncesItselfIsFoundByBothProtocols(t *testing.T) {
	t.Parallel()
	reader, controller := connected(t)
	controller.command("ip", "link", "add", "containers", "type", "veth", "peer", "name", "container")
	controller.command("ip", "link", "set", "containers", "up")
	controller.command("ip", "link", "set", "container", "up")
	controller.command("ip", "address", "add", "172.17.0.1/16", "dev", "containers")
	if found := reader.browse(); len(found) != 0 {
		t.Fatalf("in an empty house: %v", found)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LATCHKEY_ANNOUNCE=home")
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	controller.run(func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	var found []Service
	for end := time.Now().Add(30 * time.Second); len(found) == 0; {
		if found = reader.browse(); time.Now().After(end) {
			t.Fatal("not found")
		}
	}
	if len(found) != 1 || found[0].Host != "home.local." || found[0].Port != 8447 {
		t.Fatalf("%+v", found)
	}
	for _, want := range []string{"192.0.2.2:8447", "[fe80::2%cable]:8447"} {
		if !slices.Contains(found[0].Addresses, netip.MustParseAddrPort(want)) {
			t.Errorf("%s is not found: %v", want, found[0].Addresses)
		}
	}
	if len(found[0].Addresses) != 2 { // not that of the containers
		t.Errorf("%v", found[0].Addresses)
	}
	if found := controller.browse(); len(found) != 1 {
		t.Errorf("from the same machine: %+v", found)
	}
}

// liar answers each query that comes to a network with packets of the test's.
func (n *network) liar(answers func(query dnsmessage.Message, send func(*dnsmessage.Message))) {
	n.t.Helper()
	var conn *net.UDPConn
	var err error
	n.run(func() {
		cable, failed := net.InterfaceByName("cable")
		if err = failed; err == nil {
			conn, err = net.ListenMulticastUDP("udp4", cable, net.UDPAddrFromAddrPort(group4))
		}
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, maxPacket)
		for {
			size, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			var query dnsmessage.Message
			if query.Unpack(b[:size]) != nil || query.Response || from.Port() == group4.Port() {
				n.t.Errorf("asks %+v from %v", query, from)
				continue
			}
			answers(query, func(m *dnsmessage.Message) {
				packet, err := m.Pack()
				if err != nil {
					n.t.Error(err)
				}
				conn.WriteToUDPAddrPort(packet, from)
			})
		}
	}()
}

// instance returns an answer to a query: a service's instance, complete.
func instance(query dnsmessage.Message, name, host string, addresses ...[4]byte) *dnsmessage.Message {
	header := func(name string, kind dnsmessage.Type) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET, TTL: 10}
	}
	m := &dnsmessage.Message{
		Header: dnsmessage.Header{ID: query.ID, Response: true}, Questions: query.Questions,
		Answers: []dnsmessage.Resource{
			{Header: header(service, dnsmessage.TypePTR), Body: &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(name + "." + service)}},
		},
	}
	for _, a := range addresses { // before the record that makes them matter
		m.Additionals = append(m.Additionals, dnsmessage.Resource{Header: header(host, dnsmessage.TypeA), Body: &dnsmessage.AResource{A: a}})
	}
	m.Additionals = append(m.Additionals, dnsmessage.Resource{
		Header: header(name+"."+service, dnsmessage.TypeSRV), Body: &dnsmessage.SRVResource{Port: 8447, Target: dnsmessage.MustNewName(host)},
	})
	return m
}

func TestAFloodOfAnswersIsBoundedInTimeAndNumber(t *testing.T) {
	t.Parallel()
	reader, controller := connected(t)
	controller.liar(func(query dnsmessage.Message, send func(*dnsmessage.Message)) {
		for n := range 5000 {
			host := fmt.Sprintf("host-%d.local.", n)
			var addresses [][4]byte
			for a := range 40 {
				addresses = append(addresses, [4]byte{192, 0, 2, byte(n + a)})
			}
			send(instance(query, fmt.Sprintf("rogue-%d", n), host, addresses...))
		}
	})
	found := reader.browse()
	if len(found) != MaxServices {
		t.Errorf("%d services", len(found))
	}
	for _, s := range found {
		if len(s.Addresses) > maxAddresses {
			t.Errorf("%d addresses", len(s.Addresses))
		}
	}
}

func TestAnswersToNobodyAndPlacesElsewhereAreIgnored(t *testing.T) {
	t.Parallel()
	reader, controller := connected(t)
	controller.liar(func(query dnsmessage.Message, send func(*dnsmessage.Message)) {
		other := query
		other.ID++
		send(instance(other, "answer-to-another", "a.local.", [4]byte{192, 0, 2, 3}))
		again := instance(query, "question", "b.local.", [4]byte{192, 0, 2, 3})
		again.Response = false
		send(again)
		for host, a := range map[string][4]byte{"itself.local.": {127, 0, 0, 1}, "world.local.": {198, 51, 100, 1}, "all.local.": {224, 0, 0, 251}, "none.local.": {}} {
			send(instance(query, "x-"+host[:3], host, a))
		}
		foreign := instance(query, "printer", "c.local.", [4]byte{192, 0, 2, 3})
		foreign.Answers[0].Header.Name = dnsmessage.MustNewName("_ipp._tcp.local.")
		send(foreign)
		send(instance(query, "home", "home.local.", [4]byte{192, 0, 2, 2}))
	})
	found := reader.browse()
	if len(found) != 1 || found[0].Host != "home.local." {
		t.Errorf("%+v", found)
	}
}

// TestANameThatIsNoTextDoesNotEndTheSearch has one on the network that names an instance in
// bytes that are no UTF-8, each of which would take three if it was made text.
func TestANameThatIsNoTextDoesNotEndTheSearch(t *testing.T) {
	t.Parallel()
	reader, controller := connected(t)
	var rounds atomic.Int32
	controller.liar(func(query dnsmessage.Message, send func(*dnsmessage.Message)) {
		whole := instance(query, strings.Repeat("\xff", 60), "rogue.local.", [4]byte{192, 0, 2, 3})
		send(&dnsmessage.Message{Header: whole.Header, Answers: whole.Answers})
		if rounds.Add(1) == 3 {
			send(instance(query, "HOME", "home.local.", [4]byte{192, 0, 2, 2}))
		}
	})
	if found := reader.browse(); len(found) != 1 || found[0].Host != "home.local." {
		t.Errorf("%+v after %d rounds", found, rounds.Load())
	}
}

func TestWhatAnAnswerLeavesOutIsAskedFor(t *testing.T) {
	t.Parallel()
	reader, controller := connected(t)
	controller.liar(func(query dnsmessage.Message, send func(*dnsmessage.Message)) {
		whole := instance(query, "home", "home.local.", [4]byte{192, 0, 2, 2})
		for _, q := range query.Questions {
			m := &dnsmessage.Message{Header: whole.Header}
			switch q.Type {
			case dnsmessage.TypePTR:
				m.Answers = whole.Answers
			case dnsmessage.TypeSRV:
				m.Answers = whole.Additionals[1:]
			case dnsmessage.TypeA:
				m.Answers = whole.Additionals[:1]
			}
			send(m)
		}
	})
	if found := reader.browse(); len(found) != 1 || found[0].Addresses[0].Addr().String() != "192.0.2.2" {
		t.Errorf("%+v", found)
	}
}

func TestAMachineWithoutANetworkSaysSo(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.command("ip", "link", "set", "lo", "up")
	n.run(func() {
		if found, err := Browse(t.Context(), service); err == nil {
			t.Errorf("%v", found)
		}
	})
}

func TestWhatIsKeptOfAnswersIsBounded(t *testing.T) {
	h := newHeard("cable", []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")})
	for n := range 100 {
		var addresses [][4]byte
		for a := range 30 {
			addresses = append(addresses, [4]byte{192, 0, 2, byte(n + a)})
		}
		packet, err := instance(dnsmessage.Message{Header: dnsmessage.Header{ID: 7}}, fmt.Sprintf("rogue-%d", n), fmt.Sprintf("host-%d.local.", n), addresses...).Pack()
		if err != nil {
			t.Fatal(err)
		}
		h.take(packet, 7, service)
	}
	if len(h.instances) != MaxServices || len(h.places) != MaxServices || len(h.addresses) != MaxServices {
		t.Errorf("%d instances at %d places and %d hosts", len(h.instances), len(h.places), len(h.addresses))
	}
	for host, addresses := range h.addresses {
		if len(addresses) != maxAddresses {
			t.Errorf("%d addresses of %s", len(addresses), host)
		}
	}
}

func FuzzAnAnswerIsReadWithinItsBounds(f *testing.F) {
	query := dnsmessage.Message{Header: dnsmessage.Header{ID: 7}}
	whole, err := instance(query, "home", "home.local.", [4]byte{192, 0, 2, 2}).Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	bytes, err := instance(query, strings.Repeat("\xff", 60), "\xc3\x84.local.").Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes)
	near := []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("fe80::1/64")}
	f.Fuzz(func(t *testing.T, packet []byte) {
		h := newHeard("cable", near)
		h.take(packet, 7, service)
		if services := h.services(); len(services) > MaxServices {
			t.Errorf("%d services", len(services))
		}
		if _, err := h.query(7, service, 1); err != nil {
			t.Errorf("what was heard cannot be asked for: %v", err)
		}
	})
}
