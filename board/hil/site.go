package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Who may open the bench's door, and who may not.
const (
	adaPIN      = "40718263"
	wrongPIN    = "73920516"
	bobUID      = "04a1b2c3d4e580"
	strangerUID = "04deadbeef0180"

	unlockSeconds = "3" // at a time
)

// brokerInside is the broker's address in the machine.
const brokerInside = "10.0.2.100"

// site is a customer's site, kept by the real controller on this machine.
type site struct {
	*shared
	dir           string
	broker, serve *exec.Cmd // once they are started
}

func newSite(shared *shared, name string) *site {
	s := &site{shared: shared, dir: filepath.Join(shared.work, name)}
	check(os.MkdirAll(s.dir, 0o700))
	s.controller("", "init", "--site", "bench")
	s.controller(adaPIN+"\n", "user", "add", "--name", "Ada Lovelace", "--pin", "-")
	s.controller("", "user", "add", "--name", "Bob Martin", "--card", bobUID)
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) controller(stdin string, args ...string) (stdout string) {
	return s.command(stdin, s.program("latchkey-controller"), append(args, "--dir", s.path("site"))...)
}

func (s *site) command(stdin, program string, args ...string) (stdout string) {
	cmd := exec.CommandContext(s.ctx, program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	stdout, err := execute(cmd)
	check(err)
	return stdout
}

// addReader answers a reader's request with a bundle.
func (s *site) addReader(request, bundle string, more ...string) {
	add := append([]string{"reader", "add", "--reader", "front-door", "--door", "Front door", "--place", "Main building", "--group", "everyone", "--request", request, "--out", bundle}, more...)
	s.controller("", add...)
	s.controller("", "policy", "front-door", "set", "--unlock", unlockSeconds)
	s.controller("", add...) // a bundle with that policy
}

// mosquitto is the broker's program, which is not on everybody's path.
func mosquitto() string {
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/mosquitto")
	}
	if err != nil {
		fail("mosquitto is not installed: make setup-hil installs it")
	}
	return path
}

// freeAddress is a loopback address that nobody listens at just now.
func freeAddress() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer ln.Close()
	return ln.Addr().String()
}

// startBroker starts a Mosquitto that the controller has configured, and the
// controller on it. Their output goes to a log that stays.
func (s *site) startBroker(address string) {
	dir := s.path("broker")
	s.controller("", "broker-config", "--listen", address, "--name", brokerInside, "--out", dir)
	config := filepath.Join(dir, "mosquitto.conf")
	if os.Getuid() == 0 {
		// Mosquitto started by root becomes a user who may not read the directory.
		text, err := os.ReadFile(config)
		check(err)
		check(os.WriteFile(config, append(text, "\nuser root\n"...), 0o600))
	}
	log, err := os.Create(filepath.Join(s.out, "controller-"+filepath.Base(s.dir)+".log"))
	check(err)
	start := func(program string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(s.ctx, program, args...)
		cmd.Stdout, cmd.Stderr = log, log
		check(cmd.Start())
		return cmd
	}
	s.broker = start(mosquitto(), "-c", config)
	eventually(s.ctx, "Mosquitto takes connections (see "+log.Name()+")", func() bool {
		conn, err := net.Dial("tcp", address)
		check(err)
		return conn.Close() == nil
	})
	s.serve = start(s.program("latchkey-controller"), "serve", "--dir", s.path("site"), "--broker", "ssl://"+address, "--console", "off", "--adoption", "off")
}

// stopBroker ends Mosquitto.
func (s *site) stopBroker() {
	if s.broker == nil {
		fail("there is no broker")
	}
	check(s.broker.Process.Signal(syscall.SIGTERM))
	check(s.broker.Wait())
	s.broker = nil
}

// records counts the records that the controller has from the reader, by kind.
func (s *site) records() map[string]int {
	counts := map[string]int{}
	for decode := json.NewDecoder(strings.NewReader(s.controller("", "records", "--json"))); decode.More(); {
		var record struct{ Kind string }
		if err := decode.Decode(&record); err != nil {
			fail("latchkey-controller records: %w", err)
		}
		counts[record.Kind]++
	}
	return counts
}

// close ends what runs for the site.
func (s *site) close() {
	for _, cmd := range []*exec.Cmd{s.serve, s.broker} {
		if cmd != nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
}

// execute runs a program of this machine to its end and returns its standard
// output; an error has all that it printed.
func execute(cmd *exec.Cmd) (stdout string, err error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w:\n%s%s", strings.Join(cmd.Args, " "), err, out, stderr.String())
	}
	return string(out), err
}
