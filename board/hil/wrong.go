package main

import (
	"errors"
	"fmt"
	"strings"
)

// wrongScenarios: what a config that does not fit the board is told.
var wrongScenarios = []scenario{
	{what: "latchkeyd check says by key what is wrong: a spidev or chip that is not there, a line that does not exist, lines in use", prove: func(b *bench) (string, error) {
		return b.checks(
			[]string{`"/dev/spidev0.1"`, `"/dev/spidev0.7"`, `chip = "gpiochip0", offset = 1`, `chip = "gpiochip9", offset = 1`, `offset = 4`, `offset = 77`, `name = "backlight"`, `name = "backlit"`},
			"/tmp/check.toml, line 10: board.spi.touch: /dev/spidev0.7 is not there (there is /dev/spidev0.0, /dev/spidev0.1, /dev/spidev0.2)",
			"board.lines.buzzer: /dev/gpiochip9 is not there (there is /dev/gpiochip0, /dev/gpiochip1)",
			"board.lines.door-open: gpiochip0 line 77: gpiochip0 has lines 0 to 7",
			`board.lines.backlight: no GPIO line is named "backlit"`,
			`board.lines.strike: gpiochip0 line 0 is in use by "latchkeyd strike": another latchkeyd is running`,
		)
	}},
	{what: "latchkeyd check says which device may not be opened, and what to do", prove: func(b *bench) (string, error) {
		chmod := func(mode string) error { return b.root("busybox chmod " + mode + " /dev/spidev0.2 /dev/gpiochip1") }
		if err := chmod("0600"); err != nil {
			return "", err
		}
		how, err := b.checks(nil,
			"board.spi.nfc: /dev/spidev0.2 may not be opened: its mode is 0600",
			`board.lines.panel-dc: look for a line named "panel-dc": /dev/gpiochip1 may not be opened: its mode is 0600`,
			"add a udev rule",
		)
		if err != nil {
			return "", err
		}
		return how, chmod("0660")
	}},
	{what: "a reader whose touch film and door contact are wired wrongly starts with the rest, and says so", prove: func(b *bench) (string, error) {
		if err := b.stopReader(); err != nil {
			return "", err
		}
		if err := b.config("/tmp/wrong.toml", `"/dev/spidev0.1"`, `"/dev/spidev0.7"`, `offset = 4`, `offset = 77`); err != nil {
			return "", err
		}
		var err error
		if b.reader, err = b.m.agent.start("/bin/latchkeyd", "run", "--config", "/tmp/wrong.toml"); err != nil {
			return "", err
		}
		if err := b.running(); err != nil {
			return "", err
		}
		how, err := b.opens(func() error { return b.m.chips.present(bobUID) })
		if err != nil {
			return "", err
		}
		if err := b.away(); err != nil {
			return "", err
		}
		s, err := b.status()
		if err != nil {
			return "", err
		}
		log := b.readerLog()
		for _, word := range []string{
			"/tmp/wrong.toml, line 10", "board.spi.touch: /dev/spidev0.7 is not there",
			"/tmp/wrong.toml, line 17", "board.lines.door-open: gpiochip0 line 77: gpiochip0 has lines 0 to 7",
		} {
			if !strings.Contains(log, word) {
				return "", fmt.Errorf("the log does not say %q:\n%s", word, log)
			}
		}
		if s.Health["touch"] == "" || s.Health["panel"] != "" {
			return "", fmt.Errorf("the status says %v", s.Health)
		}
		if err := b.stopReader(); err != nil {
			return "", err
		}
		if err := b.startReader(); err != nil {
			return "", err
		}
		return fmt.Sprintf("card: %s; status: %v", how, s.Health), b.running()
	}},
	{what: "buses and lines of chips that come only after the reader has started are taken into use", prove: late},
}

// late starts the reader on a board without buses and without the lines of its
// chips, and gives it them later.
func late(b *bench) (string, error) {
	if err := b.stopReader(); err != nil {
		return "", err
	}
	move := func(from, to string) error {
		return b.root("cd /dev && for d in spidev0.0 spidev0.1 spidev0.2 gpiochip1; do busybox mv " + from + "$d " + to + "$d || exit; done")
	}
	if err := move("", "absent-"); err != nil {
		return "", err
	}
	if err := b.startReader(); err != nil {
		return "", errors.Join(err, move("absent-", ""))
	}
	var without status
	err := b.eventually("display, touch film and card reader fail", func() (_ bool, err error) {
		without, err = b.status()
		return without.Health["panel"] != "" && without.Health["touch"] != "" && without.Health["nfc"] != "", err
	})
	if err := errors.Join(err, move("absent-", "")); err != nil {
		return "", fmt.Errorf("%w: %v\n%s", err, without.Health, b.readerLog())
	}
	log := b.readerLog()
	for _, words := range []string{"board.spi.touch: /dev/spidev0.1 is not there", `board.lines.nfc-reset: no GPIO line is named \"nfc-reset\"`} {
		if !strings.Contains(log, words) {
			return "", fmt.Errorf("the log does not say %q:\n%s", words, log)
		}
	}
	err = b.eventually("all of them work", func() (bool, error) {
		s, err := b.status()
		return len(s.Health) == 0, err
	})
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, b.readerLog())
	}
	if err := b.atHome(); err != nil {
		return "", err
	}
	how, err := b.opens(func() error { return b.m.chips.present(bobUID) })
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("without: %v; with: the home screen, and a card: %s", without.Health, how), b.away()
}

// config writes the reader's config with replacements, old and new in turn.
func (b *bench) config(path string, replace ...string) error {
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(readerConfig, replace[i]) {
			return fmt.Errorf("the config has no %s", replace[i])
		}
	}
	return b.m.agent.write(path, []byte(strings.NewReplacer(replace...).Replace(readerConfig)), "0600")
}

// checks has latchkeyd check look at a wrong config, and wants it to fail and
// to say all of that.
func (b *bench) checks(replace []string, say ...string) (string, error) {
	if err := b.config("/tmp/check.toml", replace...); err != nil {
		return "", err
	}
	r, err := b.m.agent.run("/bin/latchkeyd", "check", "--config", "/tmp/check.toml")
	if err != nil {
		return "", err
	}
	if r.Code != 1 {
		return "", fmt.Errorf("exit code %d", r.Code)
	}
	for _, words := range say {
		if !strings.Contains(r.Stdout, words) {
			return "", fmt.Errorf("it does not say %q:\n%s%s", words, r.Stdout, r.Stderr)
		}
	}
	return fmt.Sprintf("exit code 1, and %d of the lines it says", len(say)), nil
}
