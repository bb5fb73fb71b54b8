package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// brokerInside is where the machine meets the broker: an address that QEMU
// answers, and that alone.
const brokerInside = "10.0.2.100"

var linkScenarios = []scenario{
	{what: "the reader meets its controller through a Mosquitto on this machine, and what happened meanwhile is told", prove: linkUp},
	{what: "an unlock from the controller opens the door", prove: func(b *bench) (string, error) {
		how, err := b.opens(func() error { return b.site.controller("", "unlock", "front-door") })
		if err != nil {
			return "", err
		}
		return how + "; counted from when the controller had its answer", nil
	}},
	{what: "a card that the controller adds opens the door, without a restart", prove: func(b *bench) (string, error) {
		if err := b.site.controller("", "user", "add", "--name", "Grace Hopper", "--card", strangerUID); err != nil {
			return "", err
		}
		held := func() (uint64, error) {
			s, err := b.status()
			return s.Revision, err
		}
		before, err := held()
		if err != nil {
			return "", err
		}
		err = b.eventually("the reader holds the new card", func() (bool, error) {
			now, err := held()
			return now >= 3 || now > before, err
		})
		if err != nil {
			return "", err
		}
		how, err := b.opens(func() error { return b.m.chips.present(strangerUID) })
		if err != nil {
			return "", err
		}
		return how, b.away()
	}},
	{what: "a broker that ends changes nothing at the door", prove: func(b *bench) (string, error) {
		if err := b.site.stopBroker(); err != nil {
			return "", err
		}
		err := b.eventually("the reader says that the link is down", func() (bool, error) {
			s, err := b.status()
			return s.Link == "down", err
		})
		if err != nil {
			return "", err
		}
		how, err := b.opens(func() error { return b.m.chips.present(bobUID) })
		if err != nil {
			return "", err
		}
		return how, b.away()
	}},
}

// linkUp has the reader adopted anew, now with a broker, and waits for the link
// and for the records of what happened before.
func linkUp(b *bench) (string, error) {
	if _, err := exec.LookPath(mosquitto()); err != nil {
		return "", errors.New("there is no mosquitto: make setup installs it")
	}
	if err := b.root("ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0"); err != nil {
		return "", err
	}
	if err := b.adopt("--broker", "ssl://"+brokerInside+":8883"); err != nil {
		return "", err
	}
	if err := b.site.startBroker(b.board.broker); err != nil {
		return "", err
	}
	err := b.eventually("the link is up", func() (bool, error) {
		s, err := b.status()
		return s.Link == "up", err
	})
	if err != nil {
		return "", fmt.Errorf("%w\n%s%s", err, b.readerLog(), b.site.log.String())
	}
	var told map[string]int
	err = b.eventually("the controller has the records", func() (bool, error) {
		told, err = b.site.records()
		return told["link.up"] > 0 && told["access.granted"] > 0, err
	})
	if err != nil {
		return "", fmt.Errorf("%w: %v", err, told)
	}
	r, err := b.m.agent.run("/bin/busybox", "nc", "-w", "2", "10.0.2.2", strings.Split(b.board.broker, ":")[1])
	if err != nil {
		return "", err
	}
	if r.Code == 0 {
		return "", errors.New("the machine reaches more than the broker")
	}
	return fmt.Sprintf("%d grants, %d charges and %d lockouts are with the controller", told["access.granted"], told["attempt.started"], told["lockout.started"]), nil
}

// mosquitto is the broker's program, which is not on everybody's path.
func mosquitto() string {
	if path, err := exec.LookPath("mosquitto"); err == nil {
		return path
	}
	return "/usr/sbin/mosquitto"
}

// log collects what a program says.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// freeAddress is a loopback address that nobody listens at just now.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// startBroker starts a Mosquitto that is configured by the controller, and the
// controller on it.
func (s *site) startBroker(address string) error {
	dir := s.path("broker")
	if err := s.controller("", "broker-config", "--listen", address, "--name", brokerInside, "--out", dir); err != nil {
		return err
	}
	config := filepath.Join(dir, "mosquitto.conf")
	if os.Getuid() == 0 {
		// Started by root it becomes a user who may not read the directory.
		f, err := os.OpenFile(config, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(f, "\nuser root"); err != nil {
			return errors.Join(err, f.Close())
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	start := func(program string, args ...string) (*exec.Cmd, error) {
		cmd := exec.CommandContext(s.ctx, program, args...)
		cmd.Stdout, cmd.Stderr = &s.log, &s.log
		return cmd, cmd.Start()
	}
	var err error
	if s.broker, err = start(mosquitto(), "-c", config); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("mosquitto: %w\n%s", err, s.log.String())
		}
	}
	s.serve, err = start(s.built.controller, "serve", "--dir", s.path("site"), "--broker", "ssl://"+address, "--console", "off")
	return err
}

// stopBroker ends the Mosquitto.
func (s *site) stopBroker() error {
	if s.broker == nil {
		return errors.New("there is no broker")
	}
	broker := s.broker
	s.broker = nil
	if err := broker.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return broker.Wait()
}

// records counts what the controller has been told by the reader, by kind.
func (s *site) records() (map[string]int, error) {
	out, err := exec.CommandContext(s.ctx, s.built.controller, "records", "--dir", s.path("site"), "--json").Output()
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for decode := json.NewDecoder(bytes.NewReader(out)); decode.More(); {
		var one any
		if err := decode.Decode(&one); err != nil {
			return nil, err
		}
		count(one, counts)
	}
	return counts, nil
}

// count counts the values of "kind" in records, one or a list of them.
func count(v any, counts map[string]int) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			count(one, counts)
		}
	case map[string]any:
		if kind, ok := v["kind"].(string); ok {
			counts[kind]++
		}
	}
}
