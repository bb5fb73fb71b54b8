package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// serve serves HTTP over the virtio-serial port of that name, one connection at
// a time, until the port cannot be opened.
func serve(name string, handler http.Handler) error {
	path, err := portPath(name)
	if err != nil {
		return err
	}
	port := &port{path: path, free: make(chan struct{}, 1)}
	port.free <- struct{}{}
	return http.Serve(port, handler)
}

// portPath finds the device of a virtio-serial port.
func portPath(name string) (string, error) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		files, err := filepath.Glob("/sys/class/virtio-ports/*/name")
		if err != nil {
			return "", err
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err == nil && strings.TrimSpace(string(b)) == name {
				return "/dev/" + filepath.Base(filepath.Dir(file)), nil
			}
		}
	}
	return "", fmt.Errorf("no virtio-serial port is called %s", name)
}

// port is a listener whose only connection is the open device.
type port struct {
	path string
	free chan struct{} // holds an element while no connection is open
}

func (p *port) Accept() (net.Conn, error) {
	<-p.free
	time.Sleep(50 * time.Millisecond) // without a bench at the other end a connection ends at once
	f, err := os.OpenFile(p.path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &portConn{File: f, port: p}, nil
}

func (p *port) Close() error   { return nil }
func (p *port) Addr() net.Addr { return portAddr(p.path) }

type portConn struct {
	*os.File
	port *port
}

// Read returns a timeout as the net.Error that net/http looks for: a file's
// error is not one, and would be taken for the end of the connection.
func (c *portConn) Read(b []byte) (int, error) {
	n, err := c.File.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

func (c *portConn) LocalAddr() net.Addr  { return c.port.Addr() }
func (c *portConn) RemoteAddr() net.Addr { return c.port.Addr() }

func (c *portConn) Close() error {
	err := c.File.Close()
	if err == nil {
		c.port.free <- struct{}{}
	}
	return err
}

type portAddr string

func (a portAddr) Network() string { return "virtio-serial" }
func (a portAddr) String() string  { return string(a) }
