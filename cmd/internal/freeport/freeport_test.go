package freeport

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const asCaller = "LATCHKEY_FREEPORT_CALLER"

// TestMain takes addresses, and keeps them until its input ends, where the test below starts it.
func TestMain(m *testing.M) {
	if os.Getenv(asCaller) == "" {
		os.Exit(m.Run())
	}
	for range 300 {
		address, err := Address()
		if err != nil {
			panic(err)
		}
		os.Stdout.WriteString(address + "\n")
	}
	os.Stdout.Close()
	os.Stdin.Read(make([]byte, 1))
}

func TestNoAddressIsGivenOutTwice(t *testing.T) {
	seen := map[string]bool{}
	for range 8 {
		caller := exec.Command(os.Args[0])
		caller.Env = append(os.Environ(), asCaller+"=1")
		stdin, err := caller.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := caller.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := caller.Start(); err != nil {
			t.Fatal(err)
		}
		defer caller.Wait()
		defer stdin.Close()
		given := 0
		for lines := bufio.NewScanner(stdout); lines.Scan(); given++ {
			if seen[lines.Text()] {
				t.Errorf("%s was given out twice", lines.Text())
			}
			seen[lines.Text()] = true
		}
		if given != 300 {
			t.Fatalf("a caller was given %d addresses", given)
		}
	}
	for address := range seen {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		listener.Close()
		_, port, _ := strings.Cut(address, ":")
		if len(port) != 5 || port >= "32768" {
			t.Fatalf("%s may be given to a connection", address)
		}
	}
}
