package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"latchkey/board"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/cmd/latchkeyd/internal/handover"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/keypad/panel"
	"latchkey/sync/wire"
)

// config is the reader's config file.
type config struct {
	Reader   readerConfig       `toml:"reader"`
	Board    board.Config       `toml:"board"`
	Panel    panelConfig        `toml:"panel"`
	Touch    touchConfig        `toml:"touch"`
	Key      keyConfig          `toml:"key"`
	Adoption handover.Config    `toml:"adoption"`
	Metrics  status.Config      `toml:"metrics"`
	Watchdog supervision.Config `toml:"watchdog"`

	path string // of the file
	text string // of the file
	json bool   // --json
}

// readerConfig is the reader's id and its data directory.
type readerConfig struct {
	ID   string `toml:"id"`   // empty: the one that its site gives it
	Data string `toml:"data"` // directory, relative to the config file
}

// panelConfig is the display and how it is mounted.
type panelConfig struct {
	Model       panel.Model `toml:"model"`         // its controller, one of panel.Models; empty: the first
	Rotation    int         `toml:"rotation"`      // degrees clockwise: 0, 90, 180 or 270
	Invert      bool        `toml:"invert"`        // for glass that shows a negative
	SwapRedBlue bool        `toml:"swap_red_blue"` // for glass that shows red for blue
	ReadBack    bool        `toml:"read_back"`     // its data output is wired, so that it can be asked for faults
	Language    string      `toml:"language"`      // of the screens, where the policy names none: a tag of RFC 5646
}

// touchConfig is the touchscreen and how it fits the display.
type touchConfig struct {
	// Device is an input device of the kernel, by path or name; empty: an XPT2046 on
	// board.spi.touch.
	Device string `toml:"device"`
	// Calibration maps raw readings to pixels of the display before rotation:
	// x = c0·X + c1·Y + c2, y = c3·X + c4·Y + c5. Empty fits the usual film.
	Calibration []float64 `toml:"calibration"`
}

// keyConfig is where the keys of an epoch are kept.
type keyConfig struct {
	TPM string `toml:"tpm"` // device of a TPM 2.0, or swtpm's socket, relative to the config file; empty: in a file
}

// config parses the flags of a command and reads its config. With an error it may return
// as much of the config as it could read.
func (c *call) config() (*config, error) {
	path := c.flags.String("config", "", "the reader's config `file`")
	asJSON := c.flags.Bool("json", false, "print JSON")
	if err := c.parse(0); err != nil {
		return nil, err
	}
	if *path == "" {
		return nil, usagef("%s needs --config FILE", c.flags.Name())
	}
	conf, err := readConfig(*path)
	if conf != nil {
		conf.json = *asJSON
	}
	return conf, err
}

// readConfig reads a config file. The error names the line of each unknown key and wrong
// value; the config comes with it if the file is TOML.
func readConfig(path string) (*config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	c := config{path: path, text: string(b)}
	meta, err := toml.Decode(string(b), &c)
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		return nil, fmt.Errorf("config: %s, line %d: %s", path, syntax.Position.Line, syntax.Message)
	}
	if err != nil {
		return nil, fmt.Errorf("config: %s: %w", path, err)
	}
	var wrong []error
	refuse := func(key, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("config: %w", c.located(&board.KeyError{Key: key, Err: fmt.Errorf(format, args...)})))
	}
	for _, key := range meta.Undecoded() {
		wrong = append(wrong, fmt.Errorf("config: %s, line %d: unknown key %s: correct or remove it", path, lineOf(c.text, key), key))
	}
	if err := wire.CheckName(c.Reader.ID); err != nil && meta.IsDefined("reader", "id") {
		refuse("reader.id", "%w", err)
	}
	if c.Reader.Data == "" {
		refuse("reader.data", "is missing: name the directory that keeps the reader's data")
	} else if !filepath.IsAbs(c.Reader.Data) {
		c.Reader.Data = filepath.Join(filepath.Dir(path), c.Reader.Data)
	}
	for _, name := range []*string{&c.Board.Sim.Drawer, &c.Key.TPM} {
		if *name != "" && !filepath.IsAbs(*name) {
			*name = filepath.Join(filepath.Dir(path), *name)
		}
	}
	if models := panel.Models(); c.Panel.Model != "" && !slices.Contains(models, c.Panel.Model) {
		refuse("panel.model", "is %q: it must be one of %q, as printed on the display or in its papers", c.Panel.Model, models)
	}
	if r := c.Panel.Rotation; r%90 != 0 || r < 0 || r > 270 {
		refuse("panel.rotation", "is %d: it must be 0, 90, 180 or 270 degrees", r)
	}
	if n := len(c.Touch.Calibration); n != 0 && n != 6 {
		refuse("touch.calibration", "has %d numbers: it must have 6, which latchkeyd calibrate finds", n)
	}
	if c.Adoption.Controller == "" {
		c.Adoption.Controller = handover.DNSSD
		if c.Board.Kind == "sim" {
			c.Adoption.Controller = handover.Off
		}
	}
	if err := c.Adoption.CheckController(); err != nil {
		refuse("adoption.controller", "%w", err)
	}
	if err := c.Adoption.CheckKey(); err != nil {
		refuse("adoption.key", "%w", err)
	}
	for _, err := range []error{c.Watchdog.Check(), c.Metrics.Check()} {
		if err != nil {
			wrong = append(wrong, fmt.Errorf("config: %s: %w", path, err))
		}
	}
	return &c, errors.Join(wrong...)
}

// checkPersistent returns an error if a power cut empties the data directory. On a
// simulated board it may.
func (c *config) checkPersistent() error {
	if c.Board.Kind == "sim" {
		return nil
	}
	if err := datadir.CheckPersistent(c.Reader.Data); err != nil {
		return &board.KeyError{Key: "reader.data", Err: fmt.Errorf("%s %w", c.Reader.Data, err)}
	}
	return nil
}

// located adds to errors about keys of the config where those are.
func (c *config) located(err error) error {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, err := range several.Unwrap() {
			all = append(all, c.located(err))
		}
		return errors.Join(all...)
	}
	var about *board.KeyError
	if !errors.As(err, &about) {
		return err
	}
	for key := strings.Split(about.Key, "."); len(key) > 0; key = key[:len(key)-1] {
		if n := lineOf(c.text, key); n != 0 {
			return fmt.Errorf("%s, line %d: %w", c.path, n, err)
		}
	}
	return fmt.Errorf("%s: %w", c.path, err)
}

// lineOf returns the line that defines a key, the first one up to which the text does; 0
// if none does.
func lineOf(text string, key toml.Key) int {
	lines := strings.SplitAfter(text, "\n")
	for n := range lines {
		var anything map[string]any
		if meta, err := toml.Decode(strings.Join(lines[:n+1], ""), &anything); err == nil && meta.IsDefined(key...) {
			return n + 1
		}
	}
	return 0
}
