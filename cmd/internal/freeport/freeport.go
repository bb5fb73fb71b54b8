// Package freeport gives out addresses of this machine to programs that must be told where to listen.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// The ports lie below those that the kernel gives to connections and to listeners at port 0 (ip_local_port_range,
// from 32768), so that nobody is given one of them before its program listens there, or while that program is away.
const first, ports = 10000, 22000

// Address returns an address, "127.0.0.1:PORT", at which nobody listens. Until this process ends no other caller is
// given the same.
func Address() (string, error) {
	err := error(nil)
	for range 100 {
		port := strconv.Itoa(first + rand.IntN(ports))
		if err = reserve("@latchkey port " + port); err != nil {
			continue
		}
		var listener net.Listener
		if listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			return listener.Addr().String(), listener.Close()
		}
	}
	return "", fmt.Errorf("no port of loopback is free: %w", err)
}

// reserve takes a name among abstract sockets (unix(7)), which this process has until it ends.
func reserve(name string) error {
	socket, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err = syscall.Bind(socket, &syscall.SockaddrUnix{Name: name}); err != nil {
		syscall.Close(socket)
	}
	return err
}
