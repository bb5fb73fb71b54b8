package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"latchkey/cmd/internal/freeport"
)

// A Site is a real controller on a site of its own, with a real Mosquitto on this machine.
type Site struct {
	Dir        string // of the fleet; the site's is below it
	Controller string // the program
	Mosquitto  string // the program

	conf       string // more lines for the broker's configuration
	broker     string // URL
	port       string
	mosquitto  *Process
	controller *Process
	spent      [2]time.Duration // processor time of those of either that have ended
	users      int
}

// Home is the site's own directory.
func (s *Site) Home() string { return filepath.Join(s.Dir, "site") }

// Find finds the programs that are not given: it builds the controller below Dir.
func (s *Site) Find(ctx context.Context) (err error) {
	if s.Mosquitto == "" {
		if s.Mosquitto, err = exec.LookPath("mosquitto"); err != nil {
			if s.Mosquitto, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
				return errors.New("mosquitto is not installed; make setup installs it")
			}
		}
	}
	if s.Controller == "" {
		s.Controller = filepath.Join(s.Dir, "latchkey-controller")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", s.Controller, "latchkey/cmd/latchkey-controller").CombinedOutput(); err != nil {
			return fmt.Errorf("build the controller: %w: %s", err, out)
		}
	}
	return nil
}

// run runs a command of the controller's program on the site, and returns what it prints.
func (s *Site) run(ctx context.Context, args ...string) ([]byte, error) {
	return s.RunIn(ctx, s.Home(), args...)
}

// RunIn is run in another directory of the site.
func (s *Site) RunIn(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.Controller, append(args, "--dir", dir)...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("latchkey-controller %s: %w: %s", strings.Join(args, " "), err, complaint.Bytes())
	}
	return out, err
}

// Create makes the site, and adopts n readers.
func (s *Site) Create(ctx context.Context, n int) error {
	if err := s.choosePort(); err != nil {
		return err
	}
	if _, err := os.Stat(s.Home()); os.IsNotExist(err) {
		if _, err := s.run(ctx, "init", "--site", "home"); err != nil {
			return err
		}
	}
	return s.Adopt(ctx, n, "--broker", s.broker)
}

// Adopt adopts the first n readers of the directory who have no bundle; where says where they find the controller.
func (s *Site) Adopt(ctx context.Context, n int, where ...string) error {
	if err := writeRequests(s.Dir, n); err != nil {
		return err
	}
	args := []string{"reader", "add-several", "--requests", filepath.Join(s.Dir, requests), "--out", filepath.Join(s.Dir, bundles), "--group", "everyone"}
	_, err := s.run(ctx, append(args, where...)...)
	return err
}

// choosePort finds a port for the broker, and keeps it: it is in the bundles.
func (s *Site) choosePort() error {
	file := filepath.Join(s.Dir, "port")
	b, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		address, failed := freeport.Address()
		if failed != nil {
			return failed
		}
		_, port, _ := net.SplitHostPort(address)
		b = []byte(port)
		err = os.WriteFile(file, b, 0o600)
	}
	s.port = string(b)
	s.broker = "ssl://127.0.0.1:" + s.port
	return err
}

// StartBroker starts Mosquitto with the configuration that the controller writes, and waits until it listens.
func (s *Site) StartBroker(ctx context.Context) (err error) {
	if err := s.ConfigureMosquitto(ctx, "mosquitto", "127.0.0.1:"+s.port); err != nil {
		return err
	}
	if err := addLines(filepath.Join(s.Dir, "mosquitto", "mosquitto.conf"), s.conf); err != nil {
		return err
	}
	if s.mosquitto, err = Start(filepath.Join(s.Dir, "mosquitto.log"), exec.Command(s.Mosquitto, "-c", filepath.Join(s.Dir, "mosquitto", "mosquitto.conf"))); err != nil {
		return err
	}
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.mosquitto.Done():
			return errors.New("mosquitto has ended: see mosquitto.log")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ConfigureMosquitto has the controller write the configuration of a Mosquitto, into a directory of that name
// below Dir. more are further arguments.
func (s *Site) ConfigureMosquitto(ctx context.Context, name, address string, more ...string) error {
	dir := filepath.Join(s.Dir, name)
	if _, err := s.run(ctx, append([]string{"broker-config", "--out", dir, "--listen", address}, more...)...); err != nil || os.Getuid() != 0 {
		return err
	}
	return addLines(filepath.Join(dir, "mosquitto.conf"), "user root\nconnection_messages false\n") // the directory is not for Mosquitto's own user
}

func addLines(file, lines string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, lines)
	return errors.Join(err, f.Close())
}

// KillBroker kills Mosquitto.
func (s *Site) KillBroker() {
	s.spent[0] += s.use(s.mosquitto).CPU
	s.mosquitto.Stop(syscall.SIGKILL)
	s.mosquitto = nil
}

// Serve starts the controller.
func (s *Site) Serve() (err error) {
	s.controller, err = Start(filepath.Join(s.Dir, "controller.log"), exec.Command(s.Controller, "serve", "--dir", s.Home(), "--broker", s.broker, "--console", "off", "--adoption", "off"))
	return err
}

// KillController kills the controller.
func (s *Site) KillController() {
	s.spent[1] += s.use(s.controller).CPU
	s.controller.Stop(syscall.SIGKILL)
	s.controller = nil
}

// Stop ends all that runs.
func (s *Site) Stop() {
	if s.controller != nil {
		s.controller.Stop(syscall.SIGTERM)
	}
	if s.mosquitto != nil {
		s.mosquitto.Stop(syscall.SIGTERM)
	}
	s.controller, s.mosquitto = nil, nil
}

// use returns what a process has used; zero if there is none.
func (s *Site) use(p *Process) Use {
	if p == nil {
		return Use{}
	}
	u, _ := useOf(p.PID())
	return u
}

// Use returns what the broker and the controller have used, in all starts together.
func (s *Site) Use() (broker, controller Use) {
	broker, controller = s.use(s.mosquitto), s.use(s.controller)
	broker.CPU += s.spent[0]
	controller.CPU += s.spent[1]
	return broker, controller
}

// Revision returns the end of the controller's log.
func (s *Site) Revision(ctx context.Context) (uint64, error) {
	out, err := s.run(ctx, "check", "--json")
	if err != nil {
		return 0, err
	}
	var report struct{ Revision uint64 }
	return report.Revision, json.Unmarshal(out, &report)
}

// AddUser adds a user with a card, which is a change of the log, and returns a moment before
// it is made.
func (s *Site) AddUser(ctx context.Context) (time.Time, error) {
	if s.users == 0 {
		out, err := s.run(ctx, "check", "--json")
		if err != nil {
			return time.Time{}, err
		}
		var report struct{ Users int }
		if err := json.Unmarshal(out, &report); err != nil {
			return time.Time{}, err
		}
		s.users = report.Users
	}
	s.users++
	began := time.Now()
	_, err := s.run(ctx, "user", "add", "--name", fmt.Sprintf("User %d", s.users), "--card", fmt.Sprintf("04%012x", s.users))
	return began, err
}

// Stored returns the records that the controller has, by reader.
func (s *Site) Stored(ctx context.Context) (map[string][]Made, error) {
	out, err := s.run(ctx, "records", "--json")
	if err != nil {
		return nil, err
	}
	stored := map[string][]Made{}
	for in := json.NewDecoder(bytes.NewReader(out)); ; {
		var r struct {
			Reader, Journal, Hash, By, Kind, Text string
			Number                                uint64
		}
		if err := in.Decode(&r); errors.Is(err, io.EOF) {
			return stored, nil
		} else if err != nil {
			return nil, err
		}
		if r.Journal == "" {
			return nil, fmt.Errorf("the controller has an alarm: %s %s %s", r.Reader, r.Kind, r.Text)
		}
		stored[r.Reader] = append(stored[r.Reader], Made{r.Journal, r.Number, r.Hash})
	}
}
