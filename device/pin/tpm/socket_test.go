package tpm

import (
	"bytes"
	"errors"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestASocketWhoseQueueIsFullIsTriedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	defer syscall.Shutdown(fd, syscall.SHUT_RDWR) // ends Accept
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		var conn net.Conn
		if conn, err = net.Dial("unix", path); err == nil {
			defer conn.Close()
		}
	}
	if !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(err)
	}
	answer := []byte{0x80, 0x01, 0, 0, 0, 10, 0, 0, 0, 0}
	go func() {
		time.Sleep(50 * time.Millisecond) // it is full for a while
		for {
			taken, _, err := syscall.Accept(fd)
			if err != nil {
				return
			}
			syscall.SetNonblock(taken, true)
			for range 100 { // the one that sends a command gets an answer
				if n, _ := syscall.Read(taken, make([]byte, 100)); n > 0 {
					syscall.Write(taken, answer)
					break
				}
				time.Sleep(time.Millisecond)
			}
			syscall.Close(taken)
		}
	}()
	tpm, err := openPath(path)
	if err != nil {
		t.Fatal(err)
	}
	defer tpm.Close()
	if got, err := tpm.Send([]byte{0x80, 0x01, 0, 0, 0, 10, 0, 0, 0, 0}); err != nil || !bytes.Equal(got, answer) {
		t.Errorf("%x, %v", got, err)
	}
}
