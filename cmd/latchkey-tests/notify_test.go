package tests

import (
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// serviceManager is the socket of one, which is told how the reader is.
type serviceManager struct {
	t      *testing.T
	socket int
	path   string
}

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(socket) })
	if err := unix.Bind(socket, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	return &serviceManager{t, socket, path}
}

// told returns what it was told since the last call.
func (s *serviceManager) told() (states []string) {
	s.t.Helper()
	b := make([]byte, 4096)
	for {
		n, _, err := unix.Recvfrom(s.socket, b, unix.MSG_DONTWAIT)
		if err == unix.EAGAIN {
			return states
		}
		if err != nil {
			s.t.Fatal(err)
		}
		states = append(states, string(b[:n]))
	}
}

// kicked waits until the service manager has been told so often that all is
// well.
func (s *serviceManager) kicked(r *testReader, times int) {
	s.t.Helper()
	count := 0
	r.eventually("its watchdog is kicked", func() bool {
		for _, state := range s.told() {
			if state == "WATCHDOG=1" {
				count++
			}
		}
		return count >= times
	})
}

// The whole program under a service manager that waits half a second: what is
// wrong is shown, and nobody is made to start the reader anew.
func TestAFaultThatIsShownIsNoReasonToStopKicking(t *testing.T) {
	t.Parallel()
	s := newServiceManager(t)
	c := adaAndBob(t)
	c.broker = "127.0.0.1:1" // nobody is there
	reader := c.adopt(t, "front-door")
	reader.env = []string{"NOTIFY_SOCKET=" + s.path, "WATCHDOG_USEC=500000"}
	reader.start()
	var told []string
	reader.eventually("it is ready", func() bool {
		told = append(told, s.told()...)
		return slices.Contains(told, "READY=1")
	})
	reader.begun()
	if link := reader.status()["link"]; link != "down" {
		t.Errorf("the link to nobody is %v", link)
	}
	s.kicked(reader, 8)

	reader.full(1)
	reader.call("PUT", "/api/lines/tamper", map[string]bool{"active": true}, nil) // to be recorded
	reader.eventually("the full disk is shown", func() bool {
		s.told()
		return reader.status()["health"].(map[string]any)["journal"] != nil
	})
	s.kicked(reader, 8)

	for _, chip := range []string{"panel", "touch", "nfc"} {
		reader.call("PUT", "/api/faults/"+chip+"-absent", map[string]bool{"active": true}, nil)
	}
	reader.eventually("dead chips are shown", func() bool {
		s.told()
		return reader.status()["health"].(map[string]any)["nfc"] != nil // a panel cannot be asked whether it is there
	})
	s.kicked(reader, 8)

	if err := reader.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if told := s.told(); !slices.Contains(told, "STOPPING=1") {
		t.Errorf("at its end the service manager is told %q", told)
	}
}
