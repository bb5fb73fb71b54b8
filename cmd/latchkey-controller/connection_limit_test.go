package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestConnectionsToTheConsoleAreBounded(t *testing.T) {
	c := newConnectionLimit(mostConnections, mostConnectionsEach)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") }))
	server.Config.ConnState = c.state
	server.Start()
	defer server.Close()
	var conns []net.Conn
	for range mostConnectionsEach {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	held := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.of)
	}
	for range 600 {
		if held() == mostConnectionsEach {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	beyond, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer beyond.Close()
	beyond.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := beyond.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("one more stays: %v", err)
	}
	for _, conn := range conns[:2] {
		conn.Close()
	}
	for range 600 {
		if held() <= mostConnectionsEach-2 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}
