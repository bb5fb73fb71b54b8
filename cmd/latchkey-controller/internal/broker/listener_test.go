package broker

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"time"
)

func TestAConnectionOutlivesTheTimeThatItHadToSayWhoItIs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p := &limitedListener{Listener: listener, within: time.Millisecond, log: slog.New(slog.DiscardHandler)}
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := p.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Fatal("read what nobody wrote")
	}
	conn.SetDeadline(time.Now().Add(time.Minute)) // as mochi does after CONNECT
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(client, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}
