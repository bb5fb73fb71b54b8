package mail

import (
	"bytes"
	"net"
	"sync/atomic"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestAServerThatNeverEndsItsLineIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const enough = 64 << 20
	var said atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for part := bytes.Repeat([]byte("2"), 1<<16); said.Load() < enough; {
			n, err := conn.Write(part)
			said.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	s := &desk.MailSettings{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Security: desk.MailPlain, Sender: "doors@example.com", Recipients: []string{"ada@example.com"}}
	if err := Send(t.Context(), s, nil, desk.Letter{Subject: "a", Body: "b"}); err == nil {
		t.Error("the mail was taken")
	}
	l.Close()
	if <-ended; said.Load() >= enough {
		t.Errorf("%d bytes of one line were read", said.Load())
	}
}
