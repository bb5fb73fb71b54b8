package main

import (
	"context"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A network is a network namespace (network_namespaces(7)) that has a loopback interface and nothing else. It ends
// with the test.
type network struct{ inside chan func() }

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{make(chan func())}
	made := make(chan error)
	go func() {
		// The thread must not end: servers that were started from it would, PR_SET_PDEATHSIG(2const).
		runtime.LockOSThread()
		before, err := os.Open("/proc/thread-self/ns/net")
		if err == nil {
			err = unix.Unshare(unix.CLONE_NEWNET)
		}
		made <- err
		for do := range n.inside {
			do()
		}
		if err := unix.Setns(int(before.Fd()), unix.CLONE_NEWNET); err != nil {
			select {}
		}
		before.Close()
		runtime.UnlockOSThread()
	}()
	t.Cleanup(func() { close(n.inside) })
	if err := <-made; err != nil {
		t.Skipf("a network namespace needs rights: %v", err)
	}
	n.plug(t, true)
	return n
}

// run does something in the namespace, as opening a socket or starting a process.
func (n *network) run(do func()) {
	done := make(chan struct{})
	n.inside <- func() { defer close(done); do() }
	<-done
}

// plug puts the loopback interface up or down: nothing passes, and connecting fails at once.
func (n *network) plug(t *testing.T, up bool) {
	t.Helper()
	var err error
	n.run(func() {
		fd, failed := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err = failed; err != nil {
			return
		}
		defer unix.Close(fd)
		request, _ := unix.NewIfreq("lo")
		if up {
			request.SetUint16(unix.IFF_UP)
		}
		err = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A cable connects an address in a network to something outside of it.
type cable struct {
	t        *testing.T
	network  *network
	at       string
	to       func() (net.Conn, error)
	mu       sync.Mutex
	listener *net.TCPListener          // nil: connections are refused
	conns    map[*net.TCPConn]net.Conn // what is connected inside, and to what
	whole    chan struct{}             // closed while bytes pass outwards and back
}

func newCable(t *testing.T, n *network, at string, to func() (net.Conn, error)) *cable {
	t.Helper()
	c := &cable{t: t, network: n, at: at, to: to, conns: map[*net.TCPConn]net.Conn{}, whole: make(chan struct{})}
	c.mend()
	t.Cleanup(func() {
		c.refuse()
		select {
		case <-c.whole:
		default:
			close(c.whole)
		}
	})
	return c
}

// mend has everything pass again.
func (c *cable) mend() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listener == nil {
		var listener net.Listener
		var err error
		var plain net.ListenConfig
		plain.SetMultipathTCP(false) // its sockets have no filters
		c.network.run(func() { listener, err = plain.Listen(context.Background(), "tcp", c.at) })
		if err != nil {
			c.t.Fatal(err)
		}
		c.listener = listener.(*net.TCPListener)
		go c.accept(c.listener)
	}
	c.filter(false)
	select {
	case <-c.whole:
	default:
		close(c.whole)
	}
}

// refuse resets all connections, and refuses new ones.
func (c *cable) refuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listener != nil {
		c.listener.Close()
		c.listener = nil
	}
	for inside, outside := range c.conns {
		inside.SetLinger(0)
		inside.Close()
		outside.Close()
	}
	clear(c.conns)
}

// drop loses each packet without a word, of connections that there are and of new ones.
func (c *cable) drop() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whole = make(chan struct{})
	c.filter(true)
}

// filter has the kernel drop what comes to the sockets inside, or let it pass.
func (c *cable) filter(drop bool) {
	c.t.Helper()
	sockets := []syscall.Conn{}
	if c.listener != nil {
		sockets = append(sockets, c.listener)
	}
	for inside := range c.conns {
		sockets = append(sockets, inside)
	}
	for _, socket := range sockets {
		raw, err := socket.SyscallConn()
		if err == nil {
			raw.Control(func(fd uintptr) { // one that is closed needs none
				if drop {
					nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K} // that many bytes of each packet
					err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
				} else if err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0); err == unix.ENOENT {
					err = nil
				}
			})
		}
		if err != nil {
			c.t.Error(err)
		}
	}
}

func (c *cable) accept(listener *net.TCPListener) {
	for {
		inside, err := listener.AcceptTCP()
		if err != nil {
			return
		}
		go c.connect(listener, inside)
	}
}

func (c *cable) connect(listener *net.TCPListener, inside *net.TCPConn) {
	outside, err := c.to()
	if err != nil {
		inside.Close()
		return
	}
	c.mu.Lock()
	if c.listener != listener { // refused meanwhile
		c.mu.Unlock()
		inside.Close()
		outside.Close()
		return
	}
	c.conns[inside] = outside
	c.mu.Unlock()
	go c.pass(inside, inside, outside)
	c.pass(inside, outside, inside)
}

// pass passes on what comes from one end to the other, and ends both.
func (c *cable) pass(inside *net.TCPConn, to io.Writer, from io.Reader) {
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		c.mu.Lock()
		whole := c.whole
		c.mu.Unlock()
		<-whole
		if err == nil {
			_, err = to.Write(b[:n])
		}
		if err != nil {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if outside := c.conns[inside]; outside != nil {
		inside.Close()
		outside.Close()
		delete(c.conns, inside)
	}
}
