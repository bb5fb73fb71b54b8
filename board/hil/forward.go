package main

import (
	"io"
	"net"
	"os"
)

// forward copies between standard input and output and a TCP connection, until
// either side ends. QEMU starts it for each connection that the machine makes
// to the one address it may reach.
func forward(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	ended := make(chan error, 2)
	go func() {
		_, err := io.Copy(conn, os.Stdin)
		ended <- err
	}()
	go func() {
		_, err := io.Copy(os.Stdout, conn)
		ended <- err
	}()
	return <-ended
}
