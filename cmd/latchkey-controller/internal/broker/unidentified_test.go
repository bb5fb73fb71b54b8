package broker

import (
	"log/slog"
	"net"
	"testing"
	"time"
)

func TestThoseWhoDoNotSayWhoTheyAreAreFewAtOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p := &limitedListener{Listener: listener, within: time.Minute, log: slog.New(slog.DiscardHandler)}
	accepted := make(chan net.Conn, maxUnidentified)
	go func() {
		for {
			conn, err := p.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- conn
		}
	}()
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	var conns []net.Conn
	for range maxUnidentifiedEach {
		dial()
		conns = append(conns, <-accepted)
	}
	beyond := dial()
	if n, err := beyond.Read(make([]byte, 1)); err == nil {
		t.Errorf("one more is let in, and told %d bytes", n)
	}
	conns[0].(*outbox).identified() // it is not counted any more, and not subtracted twice
	conns[0].Close()
	dial()
	conns = append(conns, <-accepted)
	conns[1].Close()
	dial()
	conns = append(conns, <-accepted)
	for _, conn := range conns {
		conn.Close()
	}
	if p.unidentified.all != 0 || len(p.unidentified.by) != 0 {
		t.Errorf("%d are counted when none is left", p.unidentified.all)
	}
}

func TestOneAddressDoesNotTakeTheRoomOfAll(t *testing.T) {
	var s unidentified
	in := 0
	for i := range 4 * maxUnidentified {
		if s.enter(&net.TCPAddr{IP: net.IPv4(10, 0, 0, byte(i%8)), Port: i}) != nil {
			in++
		}
	}
	if in != maxUnidentified {
		t.Errorf("%d are in", in)
	}
	if s.enter(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 99)}) != nil {
		t.Error("one beyond all is in")
	}
	s = unidentified{}
	for range 2 * maxUnidentifiedEach {
		s.enter(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)})
	}
	if s.all != maxUnidentifiedEach || s.enter(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 2)}) == nil {
		t.Errorf("%d of one address are in, and there is no room for another", s.all)
	}
}
