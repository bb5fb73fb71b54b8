package board

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config is the config's [board]. The simplest is kind = "sim"; a wired one:
//
//	[board]
//	kind = "linux"
//
//	[board.spi]
//	panel = {device = "/dev/spidev0.0", max_hz = 32_000_000}
//	nfc = {device = "SPI1.0"}
//
//	[board.lines]
//	strike = {chip = "gpiochip0", offset = 17}
//	exit-button = {name = "GPIO27", active_low = true, bias = "pull-up"}
//	fire = {name = "GPIO23", bias = "pull-up"} # a contact to ground that opens in a fire
type Config struct {
	Kind  string                `toml:"kind"`  // "linux" or "sim"
	Sim   SimConfig             `toml:"sim"`   // for kind "sim"
	SPI   map[string]PortConfig `toml:"spi"`   // for kind "linux": panel, touch, nfc
	Lines map[string]LineConfig `toml:"lines"` // for kind "linux"
}

// SimConfig is the simulated board.
type SimConfig struct {
	Listen string       `toml:"listen"` // loopback address and port of the page
	Cards  []CardConfig `toml:"cards"`  // cards to choose from on the page
	// Drawer is the file that keeps the cards with a chip, relative to the config file,
	// so that one that has been personalised survives a restart; empty: they are gone
	// with the program. Their keys are in the file.
	Drawer string `toml:"drawer"`
	// Panel is the display controller, as sim.PanelOptions.Model.
	Panel string `toml:"panel"`
	// Rotation is how far the module is turned counter-clockwise at the door, in
	// degrees: 0, 90, 180 or 270. At 90 and 270 the screen is in landscape.
	Rotation int `toml:"rotation"`
	// Seed determines noise, the contents of memory after power-up, and when faults
	// occur.
	Seed uint64 `toml:"seed"`
	// Faults are active from the start, or later: see FaultConfig.
	Faults []FaultConfig `toml:"faults"`
	// Glass is "tn" or "ips"; empty is what modules with that controller usually have.
	Glass string `toml:"glass"`
}

// CardConfig is one card.
type CardConfig struct {
	Name string `toml:"name"` // what is printed on it
	UID  string `toml:"uid"`  // 4, 7 or 10 bytes in hex
}

// FaultConfig is a fault of a simulated chip or line, as in
//
//	faults = [{name = "nfc-absent", for = "30s"}, {name = "panel-noise", amount = 0.001}]
type FaultConfig struct {
	Name   string        `toml:"name"`   // one of GET /api/faults
	Amount float64       `toml:"amount"` // in the fault's unit; 0 is its usual amount
	After  time.Duration `toml:"after"`  // from the start
	For    time.Duration `toml:"for"`    // 0: until it is switched off
}

// PortConfig is one SPI port: a bus and a chip select.
type PortConfig struct {
	Device string `toml:"device"` // "/dev/spidevB.C", or "SPIB.C" for short
	MaxHz  int64  `toml:"max_hz"` // the highest clock that the wiring takes; 0 is no limit
}

// LineConfig is one GPIO line, by chip and offset or by its name in the device tree.
type LineConfig struct {
	Chip   string `toml:"chip"`   // "gpiochip0", or its path
	Offset *int   `toml:"offset"` // on that chip
	Name   string `toml:"name"`   // as gpioinfo shows it
	// ActiveLow says that low on the wire is active. If it is not set, it is true for
	// panel-reset, nfc-reset, touch-irq and nfc-irq, as on the chips, and false for
	// all others.
	ActiveLow *bool `toml:"active_low"`
	// Bias of an input: "pull-up", "pull-down", "disabled"; empty leaves it as it is.
	Bias string `toml:"bias"`
	// Debounce of an input in the kernel, before the handler is called. The door's
	// inputs are debounced again later.
	Debounce time.Duration `toml:"debounce"`
}

const (
	kindLinux = "linux"
	kindSim   = "sim"
)

const strikeLine = "strike"

// The ports and lines that a board may have.
var (
	portNames = []string{"panel", "touch", "nfc"}

	outputNames = []string{strikeLine, "buzzer", "backlight", "panel-dc", "panel-reset", "nfc-reset"}
	inputNames  = []string{"exit-button", "door-open", "tamper", "fire", "touch-irq", "nfc-irq"}
	lineNames   = slices.Concat(outputNames, inputNames)

	chipActiveLow = []string{"panel-reset", "nfc-reset", "touch-irq", "nfc-irq"}
)

func lineKey(name string) string { return "board.lines." + name }
func portKey(name string) string { return "board.spi." + name }

// activeLow reports whether low on the wire is active.
func (c LineConfig) activeLow(name string) bool {
	if c.ActiveLow != nil {
		return *c.ActiveLow
	}
	return slices.Contains(chipActiveLow, name)
}

// problems returns everything that can be found wrong without opening anything. Each
// names its key and says what to do.
func (c Config) problems() (problems []error) {
	wrong := func(key, format string, args ...any) {
		problems = append(problems, &KeyError{key, fmt.Errorf(format, args...)})
	}
	switch c.Kind {
	case kindSim:
		return nil // the simulated board says by itself what is wrong
	case kindLinux:
	case "":
		wrong("board.kind", `is not set: "linux" for wired chips, "sim" for a simulated board`)
		return problems
	default:
		wrong("board.kind", `is %q: it must be "linux" or "sim"`, c.Kind)
		return problems
	}

	taken := map[string]string{} // device or line -> key
	take := func(what, key string) {
		if other := taken[what]; other != "" {
			wrong(key, "is wired to %s, and so is %s", what, other)
		}
		taken[what] = key
	}
	for _, name := range slices.Sorted(maps.Keys(c.SPI)) {
		key, p := portKey(name), c.SPI[name]
		if !slices.Contains(portNames, name) {
			wrong(key, "no such port; there are %s", strings.Join(portNames, ", "))
			continue
		}
		bus, cs, err := p.address()
		if err != nil {
			wrong(key+".device", "%w", err)
			continue
		}
		take(devicePath(bus, cs), key)
		if p.MaxHz != 0 && (p.MaxHz < 100 || p.MaxHz > 1_000_000_000) {
			wrong(key+".max_hz", "is %d: it must be 100 to 1_000_000_000", p.MaxHz)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Lines)) {
		key, l := lineKey(name), c.Lines[name]
		if !slices.Contains(lineNames, name) {
			wrong(key, "no such line; there are %s", strings.Join(lineNames, ", "))
			continue
		}
		switch {
		case l.Name != "" && l.Chip == "" && l.Offset == nil:
			take("the line named "+l.Name, key)
		case l.Name == "" && l.Chip != "" && l.Offset != nil:
			take(fmt.Sprintf("%s line %d", chipPath(l.Chip), *l.Offset), key)
			if *l.Offset < 0 {
				wrong(key+".offset", "is %d: lines count from 0", *l.Offset)
			}
		default:
			wrong(key, `must have either chip and offset or name, as in {chip = "gpiochip0", offset = 17} or {name = "GPIO17"}`)
		}
		if _, ok := biases[l.Bias]; !ok {
			wrong(key+".bias", `is %q: it must be "pull-up", "pull-down" or "disabled"`, l.Bias)
		}
		if l.Debounce < 0 || l.Debounce > time.Second {
			wrong(key+".debounce", `is %s: it must be at most a second, as in "5ms"`, l.Debounce)
		}
		if slices.Contains(outputNames, name) && (l.Bias != "" || l.Debounce != 0) {
			wrong(key, "is an output: bias and debounce are for inputs")
		}
	}
	if _, ok := c.Lines[strikeLine]; !ok {
		wrong(lineKey(strikeLine), "is not set: no door opens without it")
	}
	if _, ok := c.SPI["panel"]; ok {
		if _, ok := c.Lines["panel-dc"]; !ok {
			wrong(lineKey("panel-dc"), "is not set: a panel on SPI needs its D/C line")
		}
	}
	return problems
}

// address returns the bus and chip select in Device.
func (p PortConfig) address() (bus, chipSelect int, err error) {
	rest, ok := strings.CutPrefix(p.Device, "/dev/spidev")
	if !ok {
		rest, ok = strings.CutPrefix(p.Device, "SPI")
	}
	b, c, dot := strings.Cut(rest, ".")
	bus, errBus := strconv.Atoi(b)
	chipSelect, errSelect := strconv.Atoi(c)
	if !ok || !dot || errBus != nil || errSelect != nil || bus < 0 || bus > 0xFFFF || chipSelect < 0 || chipSelect > 255 {
		return 0, 0, fmt.Errorf(`is %q: it must be "/dev/spidevB.C" or "SPIB.C", with the bus for B and the chip select for C`, p.Device)
	}
	return bus, chipSelect, nil
}

func devicePath(bus, chipSelect int) string {
	return fmt.Sprintf("/dev/spidev%d.%d", bus, chipSelect)
}

func chipPath(chip string) string {
	if strings.HasPrefix(chip, "/") {
		return chip
	}
	return "/dev/" + chip
}
