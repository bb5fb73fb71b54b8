package supervision

import (
	"net"
	"os"
	"strconv"
	"time"
)

// serviceManager is the one that started the reader, as sd_notify(3) and
// sd_watchdog_enabled(3) describe it.
type serviceManager struct {
	socket string        // a Unix datagram socket; one that begins with @ has no file
	wait   time.Duration // how long it waits for WATCHDOG=1; 0: it does not
}

// findServiceManager returns the service manager that the environment names, nil
// if there is none.
func findServiceManager() *serviceManager {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	m := &serviceManager{socket: socket}
	pid, err := strconv.Atoi(os.Getenv("WATCHDOG_PID"))
	if err == nil && pid != os.Getpid() {
		return m // it waits for another process
	}
	if microseconds, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && microseconds > 0 {
		m.wait = time.Duration(microseconds) * time.Microsecond
	}
	return m
}

// notify sends a state, such as READY=1.
func (m *serviceManager) notify(state string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	// A manager that does not read must not keep the timer from being kicked.
	conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, err = conn.Write([]byte(state))
	return err
}
