package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// lane is scenarios that go on from what those before have left.
type lane struct {
	name      string
	tests     bool // the driver packages' tests lie at /tools, and not libnfc's
	scenarios []scenario
}

// lanes have nothing to do with one another, and run side by side.
var lanes = []lane{
	{name: "door", scenarios: slices.Concat(startScenarios, doorScenarios, wrongScenarios, linkScenarios, foreignScenarios, watchdogScenarios)},
	{name: "death", scenarios: slices.Concat(readerScenarios, deathScenarios)},
	{name: "drivers", tests: true, scenarios: driverScenarios},
}

// wanted tells whether a lane has a scenario whose name matches.
func (l lane) wanted(only *regexp.Regexp) bool {
	return slices.ContainsFunc(l.scenarios, func(s scenario) bool { return only.MatchString(s.what) })
}

// readerScenarios: a machine with a reader that belongs to a site, in one step.
var readerScenarios = []scenario{
	{must: true, boots: true, what: "a second board, with a site of its own, comes up", prove: func(b *bench) (string, error) {
		if err := b.boot(); err != nil {
			return "", err
		}
		return adoption(b)
	}},
}

// startScenarios: from power on to a reader that belongs to a site.
var startScenarios = []scenario{
	{must: true, boots: true, what: "a stock kernel boots, with the chips on its SPI bus", prove: func(b *bench) (string, error) {
		if err := b.boot(); err != nil {
			return "", err
		}
		up, err := b.m.agent.must("/bin/cat", "/proc/version")
		if err != nil {
			return "", err
		}
		first, _ := b.m.console.said("first line")
		b.figure("kernel start to the first line of process 1", "%.1f s", first)
		return strings.TrimSpace(up), nil
	}},
	{must: true, what: "latchkeyd check finds all that the config names, without being root", prove: func(b *bench) (string, error) {
		out, err := b.m.agent.must("/bin/latchkeyd", "check", "--config", "/etc/latchkeyd.toml")
		return strings.TrimSpace(out), err
	}},
	{what: "nothing but the data partition and memory can be written", prove: readOnly},
	{must: true, what: "the reader starts without a site, and is adopted while it runs", prove: adoption},
}

func (b *bench) figure(what, format string, args ...any) {
	b.figures = append(b.figures, figure{what, fmt.Sprintf(format, args...)})
}

// readOnly tries as root, whom no permission stops.
func readOnly(b *bench) (string, error) {
	for _, path := range []string{"/file", "/etc/latchkeyd.toml", "/bin/latchkeyd", "/tools/file"} {
		var r result
		if err := b.m.agent.call("POST", "/run", command{Root: true, Args: []string{"/bin/sh", "-c", "echo >> " + path}}, &r); err != nil {
			return "", err
		}
		if !strings.Contains(r.Stderr, "Read-only file system") {
			return "", fmt.Errorf("%s can be written: exit code %d, %s", path, r.Code, r.Stderr)
		}
	}
	mounts, err := b.m.agent.read("/proc/mounts")
	if err != nil {
		return "", err
	}
	var disks []string
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); strings.HasPrefix(fields[0], "/dev/vd") && strings.HasPrefix(fields[3], "rw") {
			disks = append(disks, fields[1])
		}
	}
	if !slices.Equal(disks, []string{"/data"}) {
		return "", fmt.Errorf("disks that can be written: %v", disks)
	}
	return "the root and /tools refuse it with EROFS; /data alone is a disk that can be written", nil
}

// status is what the running reader says of itself.
type status struct {
	Site     string
	Lockout  string
	Link     string
	Revision uint64
	Strike   string
	Door     string
	PIN      string
	Wrong    int
	Tamper   bool
	Health   map[string]string
}

func (b *bench) status() (s status, err error) {
	out, err := b.m.agent.must("/bin/latchkeyd", "status", "--config", "/etc/latchkeyd.toml", "--json")
	if err != nil {
		return s, err
	}
	err = json.Unmarshal([]byte(out), &s)
	return s, err
}

// adoption makes a reader that runs without a site one of the bench's site.
func adoption(b *bench) (string, error) {
	if err := b.startReader(); err != nil {
		return "", err
	}
	if err := b.adopt(); err != nil {
		return "", err
	}
	err := b.eventually("the reader belongs to the site, and is well", func() (bool, error) {
		s, err := b.status()
		return s.Site == "bench" && len(s.Health) == 0, err
	})
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, b.readerLog())
	}
	return "latchkeyd identity on the board, a bundle from latchkey-controller, latchkeyd adopt on the board", nil
}

// adopt has the controller answer the reader's request, and gives the answer to
// the reader that runs.
func (b *bench) adopt(more ...string) error {
	if _, err := b.m.agent.must("/bin/latchkeyd", "identity", "--data", "/data/reader", "--out", "/tmp/request"); err != nil {
		return err
	}
	request, err := b.m.agent.read("/tmp/request")
	if err != nil {
		return err
	}
	bundle, err := b.site.bundle("front-door", request, more...)
	if err != nil {
		return err
	}
	if err := b.m.agent.write("/tmp/bundle", bundle, "0600"); err != nil {
		return err
	}
	_, err = b.m.agent.must("/bin/latchkeyd", "adopt", "--data", "/data/reader", "/tmp/bundle")
	return err
}
