package main

import (
	"errors"
	"fmt"
)

func wrongConfigIsReported(l *lane) string {
	l.writeConfig("/tmp/check.toml", `"/dev/spidev0.1"`, `"/dev/spidev0.7"`, `chip = "gpiochip0", offset = 1`, `chip = "gpiochip9", offset = 1`, `offset = 4`, `offset = 77`, `name = "backlight"`, `name = "backlit"`)
	return l.checkReports("/tmp/check.toml",
		"/tmp/check.toml, line 10: board.spi.touch: /dev/spidev0.7 is not there (there is /dev/spidev0.0, /dev/spidev0.1, /dev/spidev0.2)",
		"board.lines.buzzer: /dev/gpiochip9 is not there (there is /dev/gpiochip0, /dev/gpiochip1)",
		"board.lines.door-open: gpiochip0 line 77: gpiochip0 has lines 0 to 7",
		`board.lines.backlight: no GPIO line is named "backlit"`,
		`board.lines.strike: gpiochip0 line 0 is in use by "latchkeyd strike": another latchkeyd is running`,
	)
}

func wrongPermissionsAreReported(l *lane) string {
	l.m.agent.root("busybox chmod 0600 /dev/spidev0.2 /dev/gpiochip1")
	how := l.checkReports(configPath,
		"board.spi.nfc: /dev/spidev0.2 may not be opened: its mode is 0600",
		`board.lines.panel-dc: look for a line named "panel-dc": /dev/gpiochip1 may not be opened: its mode is 0600`,
		"add a udev rule",
	)
	l.m.agent.root("busybox chmod 0660 /dev/spidev0.2 /dev/gpiochip1")
	return how
}

// checkReports fails unless latchkeyd check fails and prints all these words.
func (l *lane) checkReports(config string, words ...string) string {
	r := l.m.agent.run(latchkeyd, "check", "--config", config)
	if r.Code != 1 {
		fail("exit code %d", r.Code)
	}
	requireWords("latchkeyd check", r.Stdout, words...)
	return fmt.Sprintf("exit code 1, and %d of the lines it prints", len(words))
}

func startsWithWrongWiring(l *lane) string {
	l.stopReader()
	l.writeConfig("/tmp/wrong.toml", `"/dev/spidev0.1"`, `"/dev/spidev0.7"`, `offset = 4`, `offset = 77`)
	l.startReader("/tmp/wrong.toml")
	how := l.unlocksByCard(bobUID)
	health := l.status().Health
	requireWords("the log", string(l.readerLog()),
		"/tmp/wrong.toml, line 10", "board.spi.touch: /dev/spidev0.7 is not there",
		"/tmp/wrong.toml, line 17", "board.lines.door-open: gpiochip0 line 77: gpiochip0 has lines 0 to 7")
	if health["touch"] == "" || health["panel"] != "" {
		fail("the status says %v", health)
	}
	l.stopReader()
	l.startReader(configPath)
	return fmt.Sprintf("card: %s; status: %v", how, health)
}

// lateDevicesAreUsed starts the reader on a board without buses and without the
// lines of its chips, and adds them later.
func lateDevicesAreUsed(l *lane) string {
	l.stopReader()
	rename := func(from, to string) {
		l.m.agent.root("cd /dev && for d in spidev0.0 spidev0.1 spidev0.2 gpiochip1; do busybox mv " + from + "$d " + to + "$d || exit; done")
	}
	rename("", "absent-")
	var without status
	err := try(func() {
		l.startReader(configPath)
		without = l.awaitStatus("display, touch film and card reader fail", func(s status) bool {
			return s.Health["panel"] != "" && s.Health["touch"] != "" && s.Health["nfc"] != ""
		})
	})
	check(errors.Join(err, try(func() { rename("absent-", "") })))
	requireWords("the log", string(l.readerLog()),
		"board.spi.touch: /dev/spidev0.1 is not there", `board.lines.nfc-reset: no GPIO line is named \"nfc-reset\"`)
	l.awaitStatus("all of them work", func(s status) bool { return len(s.Health) == 0 })
	l.awaitHome()
	return fmt.Sprintf("without: %v; with: the home screen, and a card: %s", without.Health, l.unlocksByCard(bobUID))
}
