package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

// A boardsServer serves a site that takes boards.
type boardsServer struct {
	*exec.Cmd
	at string // where boards come
}

// serveBoards starts a server at an address for boards. how starts it.
func serveBoards(t *testing.T, dir, address string, how func(func())) *boardsServer {
	t.Helper()
	s := &boardsServer{Cmd: programIn(dir)("serve", "--listen", "127.0.0.1:0", "--console", "off", "--adoption", address)}
	s.Stderr = t.Output()
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	how(func() { err = s.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	defer killIfLate(s.Cmd)()
	lines := bufio.NewScanner(out)
	for s.at == "" && lines.Scan() {
		s.at, _ = strings.CutPrefix(lines.Text(), "adoption ")
		if s.at == lines.Text() {
			s.at = ""
		}
	}
	if s.at == "" {
		t.Fatal("it does not say where boards come")
	}
	go io.Copy(io.Discard, out)
	return s
}

func (s *boardsServer) kill() {
	s.Process.Kill()
	s.Wait()
}

func plainly(start func()) { start() }

func siteFor(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "site")
	s, err := site.Create(t.Context(), dir, "", "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// asks hands a board over, as latchkeyd does: it cannot know the certificate.
func (s *boardsServer) asks(t *testing.T, b *boardtest.Board) *wire.HandoverAnswer {
	t.Helper()
	body, err := (&wire.Handover{Request: b.Signed, Reader: "front-door"}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	r, err := client.Post("https://"+s.at+wire.HandoverPath, "application/cbor", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	said, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", r.Status, said, err)
	}
	answer, err := wire.ParseHandoverAnswer(said)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestAReaderThatWaitsIsAdoptedAtTheCommandLineThoughTheControllerIsKilledMeanwhile(t *testing.T) {
	t.Parallel()
	dir, b := siteFor(t), boardtest.New(t)
	says := func(args ...string) string {
		t.Helper()
		said, err := programIn(dir)(args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %s %v", args, said, err)
		}
		return string(said)
	}
	if said := says("reader", "waiting"); !strings.HasPrefix(said, "no reader waits") {
		t.Error(said)
	}
	server := serveBoards(t, dir, "127.0.0.1:0", plainly)
	if answer := server.asks(t, b); answer.Site != "home" || answer.Bundle != nil {
		t.Errorf("%+v", answer)
	}
	server.kill()
	if said := says("reader", "waiting"); !strings.Contains(said, b.Fingerprint()+"  front-door    127.0.0.1") || !strings.Contains(said, "waits") {
		t.Error(said)
	}
	if said, err := programIn(dir)("reader", "add", "--waiting", boardtest.New(t).Fingerprint(), "--group", "everyone").CombinedOutput(); err == nil || !strings.Contains(string(said), "reader waiting shows those that do") {
		t.Errorf("%s %v", said, err)
	}
	if said, err := programIn(dir)("reader", "add", "--waiting", b.Fingerprint(), "--group", "everyone").CombinedOutput(); err == nil || !strings.Contains(string(said), "names the reader front-door") {
		t.Errorf("%s %v", said, err)
	}
	said := says("reader", "add", "--waiting", strings.ToLower(strings.ReplaceAll(b.Fingerprint(), " ", "")), "--reader", "front-door", "--door", "Front door", "--group", "everyone")
	if !strings.Contains(said, "reader      front-door, at the door \"Front door\"") || !strings.Contains(said, "The reader's screen, once it has its bundle, shows the same.") || !strings.Contains(said, "The reader has it within seconds") || !strings.Contains(said, "front-door is told of no broker") {
		t.Error(said)
	}
	server = serveBoards(t, dir, "127.0.0.1:0", plainly)
	answer := server.asks(t, b)
	bundle, err := wire.OpenBundle(answer.Bundle, b.Request, b.Sealing)
	if err != nil || bundle.Reader != "front-door" {
		t.Errorf("%+v, %v", bundle, err)
	}
	var rows []waitingRow
	if err := json.Unmarshal([]byte(says("reader", "waiting", "--json")), &rows); err != nil || len(rows) != 1 || rows[0].Reader != "front-door" || rows[0].Fetched == nil || rows[0].Fingerprint != b.Fingerprint() {
		t.Errorf("%+v, %v", rows, err)
	}
	if said := says("reader", "waiting"); !strings.Contains(said, "front-door, whose bundle was fetched, from 127.0.0.1; it has not connected yet") {
		t.Error(said)
	}
}

func TestConnectionsOfBoardsAreBoundedAndTheirProtocolIsSimple(t *testing.T) {
	t.Parallel()
	server := serveBoards(t, siteFor(t), "127.0.0.1:0", plainly)
	conn, err := tls.Dial("tcp", server.at, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	if protocol := conn.ConnectionState().NegotiatedProtocol; protocol == "h2" {
		t.Error("HTTP/2 is spoken")
	}
	conn.Close()
	closed := make(chan bool)
	for range 2 * mostBoardsEach {
		conn, err := net.Dial("tcp", server.at)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() {
			conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			_, err := conn.Read(make([]byte, 1))
			var late net.Error
			closed <- !(errors.As(err, &late) && late.Timeout())
		}()
	}
	n := 0
	for range 2 * mostBoardsEach {
		if <-closed {
			n++
		}
	}
	if n < mostBoardsEach || n > mostBoardsEach+2 {
		t.Errorf("%d of %d are closed", n, 2*mostBoardsEach)
	}
}

func TestAnAddressForBoardsThatIsTakenIsAnErrorOnlyIfSomebodyAskedForIt(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	var taken net.Listener
	var err error
	n.run(func() { taken, err = net.Listen("tcp", defaultAdoption) })
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := siteFor(t)
	for address, goesOn := range map[string]bool{defaultAdoption: true, "127.0.0.1:8447": false} {
		cmd := programIn(dir)("serve", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0", "--adoption", address)
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		n.run(func() { err = cmd.Start() })
		if err != nil {
			t.Fatal(err)
		}
		console, said := false, killIfLate(cmd)
		for lines := bufio.NewScanner(out); !console && lines.Scan(); {
			console = strings.HasPrefix(lines.Text(), "console ")
		}
		said()
		cmd.Process.Kill()
		cmd.Wait()
		if console != goesOn || goesOn != strings.Contains(errs.String(), "name a free one with --adoption") || !goesOn && !strings.Contains(errs.String(), "adoption: listen") {
			t.Errorf("%s: console %t, %s", address, console, errs.String())
		}
	}
}

// queryOnce asks once for controllers by multicast DNS (RFC 6762 §5.1) from an interface, and returns the names, ports and
// addresses of the answer; none: there is none within a second.
func queryOnce(t *testing.T, n *network, from string) (says []string) {
	t.Helper()
	query := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(adoptionService + ".local."), Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET}}}
	packet, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var conn *net.UDPConn
	n.run(func() { conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(from)}) })
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.WriteTo(packet, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(time.Second))
	b := make([]byte, 9000)
	size, _, err := conn.ReadFrom(b)
	if err != nil {
		return nil
	}
	var answer dnsmessage.Message
	if err := answer.Unpack(b[:size]); err != nil {
		t.Fatal(err)
	}
	for _, r := range append(answer.Answers, answer.Additionals...) {
		switch body := r.Body.(type) {
		case *dnsmessage.PTRResource:
			says = append(says, "PTR "+body.PTR.String())
		case *dnsmessage.SRVResource:
			says = append(says, fmt.Sprint("SRV ", body.Port))
		case *dnsmessage.AResource:
			says = append(says, "A "+net.IP(body.A[:]).String())
		}
	}
	return says
}

// connect gives two networks an interface each, which are connected: at 192.0.2.1 and 192.0.2.2.
func connect(t *testing.T, near, far *network) {
	t.Helper()
	thread := 0
	far.run(func() { thread = unix.Gettid() })
	ip(t, near, "link add near type veth peer name far netns "+strconv.Itoa(thread))
	for n, args := range map[*network][]string{near: {"address add 192.0.2.1/24 dev near", "link set near up"}, far: {"address add 192.0.2.2/24 dev far", "link set far up"}} {
		for _, one := range args {
			ip(t, n, one)
		}
	}
}

// ip runs ip(8) in a network.
func ip(t *testing.T, n *network, args string) {
	t.Helper()
	var said []byte
	var err error
	n.run(func() { said, err = exec.Command("ip", strings.Fields(args)...).CombinedOutput() })
	if err != nil {
		t.Fatalf("ip %s: %s %v", args, said, err)
	}
}

func TestAControllerIsFoundByDNSSDAndNotIfOnlyItsMachineReachesIt(t *testing.T) {
	t.Parallel()
	near, far := newNetwork(t), newNetwork(t)
	connect(t, near, far)
	for address, found := range map[string]bool{"127.0.0.1:8447": false, ":8447": true, "192.0.2.1:8447": true} {
		server := serveBoards(t, siteFor(t), address, near.run)
		patience := 20 * time.Second
		if !found {
			patience = 4 * time.Second
		}
		var says []string
		for end := time.Now().Add(patience); len(says) == 0 && time.Now().Before(end); {
			says = queryOnce(t, far, "192.0.2.2")
		}
		if all := strings.Join(says, ", "); found != strings.HasPrefix(all, "PTR home."+adoptionService+".local., ") || found && (!slices.Contains(says, "SRV 8447") || !slices.Contains(says, "A 192.0.2.1") || strings.Contains(all, "127.0.0.1")) {
			t.Errorf("%s: %q", address, says)
		}
		server.kill()
	}
}

func TestPacketsThatNobodySaneSendsDoNotEndAController(t *testing.T) {
	t.Parallel()
	near, far := newNetwork(t), newNetwork(t)
	connect(t, near, far)
	serveBoards(t, siteFor(t), ":8447", near.run)
	for end := time.Now().Add(20 * time.Second); queryOnce(t, far, "192.0.2.2") == nil; {
		if time.Now().After(end) {
			t.Fatal("it is not announced")
		}
	}
	name := dnsmessage.MustNewName("home." + adoptionService + ".local.")
	header := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 120}
	var seeds [][]byte
	for _, m := range []dnsmessage.Message{
		{Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeALL, Class: dnsmessage.ClassINET}}},
		{Header: dnsmessage.Header{Truncated: true}, Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeSRV, Class: dnsmessage.ClassINET}}},
		{Header: dnsmessage.Header{Response: true, Authoritative: true}, Answers: []dnsmessage.Resource{{Header: header, Body: &dnsmessage.SRVResource{Port: 1, Target: name}}, {Header: header, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 9}}}}},
	} {
		packet, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, packet)
	}
	var conn *net.UDPConn
	var err error
	far.run(func() { conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 5353}) }) // as a responder
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 20_000 {
		packet := bytes.Clone(seeds[n%len(seeds)])
		for range random.IntN(4) {
			packet[random.IntN(len(packet))] = byte(random.Uint32())
		}
		if _, err := conn.WriteTo(packet[:len(packet)-random.IntN(2)*random.IntN(len(packet))], &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}); err != nil && !errors.Is(err, unix.ENOBUFS) {
			t.Fatal(err)
		}
		if n%100 == 0 {
			time.Sleep(20 * time.Millisecond)
		}
	}
	conn.Close()
	for range 5 { // whether it is still there, by what it is for
		var tried net.Conn
		far.run(func() { tried, err = net.DialTimeout("tcp", "192.0.2.1:8447", 5*time.Second) })
		if err != nil {
			t.Fatal("it has ended:", err)
		}
		tried.Close()
		time.Sleep(500 * time.Millisecond)
	}
}

func TestAControllerIsFoundInANetworkThatComesUpLater(t *testing.T) {
	t.Parallel()
	near, far := newNetwork(t), newNetwork(t)
	serveBoards(t, siteFor(t), ":8447", near.run)
	time.Sleep(time.Second)
	connect(t, near, far)
	var says []string
	for end := time.Now().Add(2*lookAtNetworks + 10*time.Second); len(says) == 0 && time.Now().Before(end); {
		says = queryOnce(t, far, "192.0.2.2")
	}
	if !slices.Contains(says, "A 192.0.2.1") {
		t.Errorf("%q", says)
	}
}
