package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
)

const (
	latchkeyd  = "/bin/latchkeyd"
	configPath = "/etc/latchkeyd.toml" // of the reader whose config is right

	tpmConfigPath = "/etc/latchkeyd-tpm.toml" // of the same with its keys in a TPM
)

// readerConfig is that config: the door on the board's own GPIO controller, the
// chips behind spidev, and the chips' pins by their names.
const readerConfig = `[reader]
id = "front-door"
data = "/data/reader"

[board]
kind = "linux"

[board.spi]
panel = {device = "/dev/spidev0.0", max_hz = 32_000_000}
touch = {device = "/dev/spidev0.1"}
nfc = {device = "/dev/spidev0.2"}

[board.lines]
strike = {chip = "gpiochip0", offset = 0}
buzzer = {chip = "gpiochip0", offset = 1}
exit-button = {chip = "gpiochip0", offset = 2, debounce = "10ms"}
door-open = {chip = "gpiochip0", offset = 4, debounce = "10ms"}
tamper = {chip = "gpiochip0", offset = 5, debounce = "10ms"}
fire = {chip = "gpiochip0", offset = 6, debounce = "10ms"}
panel-dc = {name = "panel-dc"}
panel-reset = {name = "panel-reset"}
backlight = {name = "backlight"}
touch-irq = {name = "touch-irq"}
nfc-irq = {name = "nfc-irq"}
nfc-reset = {name = "nfc-reset"}
`

const keyInTPM = `
[key]
tpm = "/dev/tpmrm0"
`

// writeConfig writes readerConfig with replacements, old and new in turn.
func (l *lane) writeConfig(path string, replace ...string) {
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(readerConfig, replace[i]) {
			fail("the config has no %s", replace[i])
		}
	}
	l.m.agent.write(path, []byte(strings.NewReplacer(replace...).Replace(readerConfig)))
}

// startReader starts latchkeyd as the board's service does, and waits until it
// answers.
func (l *lane) startReader(config string) {
	l.reader = l.m.agent.start(latchkeyd, "run", "--config", config)
	l.awaitReader()
}

// stopReader ends latchkeyd as the board's service does.
func (l *lane) stopReader() {
	l.m.agent.signal(l.reader, syscall.SIGTERM)
	if code := l.m.agent.wait(l.reader); code != 0 {
		fail("latchkeyd ended with exit code %d", code)
	}
}

func (l *lane) killReader() {
	l.m.agent.signal(l.reader, syscall.SIGKILL)
	l.m.agent.wait(l.reader)
}

// readerLog is what latchkeyd has logged since it was last started.
func (l *lane) readerLog() []byte { return l.m.agent.log(l.reader) }

// status is what latchkeyd status says.
type status struct {
	Site     string
	Lockout  string
	Link     string
	Revision uint64
	Door     string
	Wrong    int
	PIN      string
	Tamper   bool
	Strike   string
	Mode     struct{ Name, Cause string }
	TPM      *struct{ Limit uint32 }
	Health   map[string]string
}

func (l *lane) status() (s status) {
	out := l.m.agent.must(latchkeyd, "status", "--config", configPath, "--json")
	check(json.Unmarshal([]byte(out), &s))
	return s
}

// awaitStatus waits until the reader's status is as wanted, and returns it.
func (l *lane) awaitStatus(what string, wanted func(s status) bool) (s status) {
	eventually(l.m.ctx, what, func() bool {
		s = l.status()
		if !wanted(s) {
			fail("the status is %+v", s)
		}
		return true
	})
	return s
}

// awaitReader waits until the reader answers.
func (l *lane) awaitReader() { l.awaitStatus("the reader answers", func(status) bool { return true }) }

// adopt makes the running reader, which has this config, one of the site, with further
// arguments for latchkey-controller reader add.
func (l *lane) adopt(config string, more ...string) {
	l.m.agent.must(latchkeyd, "identity", "--config", config, "--out", "/tmp/request")
	request, bundle := l.site.path("request"), l.site.path("bundle")
	check(os.WriteFile(request, l.m.agent.read("/tmp/request"), 0o600))
	l.site.addReader(request, bundle, more...)
	b, err := os.ReadFile(bundle)
	check(err)
	l.m.agent.write("/tmp/bundle", b)
	l.m.agent.must(latchkeyd, "adopt", "--data", "/data/reader", "/tmp/bundle")
}

// requireWords fails unless a text has all these words.
func requireWords(what, text string, words ...string) {
	for _, w := range words {
		if !strings.Contains(text, w) {
			fail("%s does not say %q:\n%s", what, w, text)
		}
	}
}

func (l *lane) figure(what, format string, args ...any) {
	l.figures = append(l.figures, figure{what, fmt.Sprintf(format, args...)})
}
