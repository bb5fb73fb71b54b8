package board

import (
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/BurntSushi/toml"
)

func config(t *testing.T, text string) Config {
	t.Helper()
	var file struct{ Board Config }
	meta, err := toml.Decode("[board]\n"+text, &file)
	if err != nil {
		t.Fatal(err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		t.Fatalf("unknown keys %v", unknown)
	}
	return file.Board
}

const wired = `
kind = "linux"

[board.spi]
panel = {device = "/dev/spidev0.0", max_hz = 32_000_000}
touch = {device = "SPI0.1"}
nfc = {device = "SPI1.0"}

[board.lines]
strike = {chip = "gpiochip0", offset = 17}
panel-dc = {chip = "/dev/gpiochip0", offset = 25}
exit-button = {name = "GPIO27", active_low = true, bias = "pull-up", debounce = "5ms"}
touch-irq = {name = "GPIO24"}
nfc-reset = {name = "GPIO5", active_low = false}
`

var quiet = slog.New(slog.DiscardHandler)

func TestAConfigIsDecodedWithTheChipsOwnPolarity(t *testing.T) {
	c := config(t, wired)
	if problems := c.problems(); problems != nil {
		t.Fatal(problems)
	}
	for name, want := range map[string]bool{
		"strike": false, "panel-dc": false, "exit-button": true, "touch-irq": true, "nfc-reset": false,
	} {
		if got := c.Lines[name].activeLow(name); got != want {
			t.Errorf("%s: active low is %v", name, got)
		}
	}
	if l := c.Lines["exit-button"]; l.Debounce.Milliseconds() != 5 || l.Bias != "pull-up" {
		t.Errorf("exit button: %+v", l)
	}
	for name, want := range map[string][2]int{"panel": {0, 0}, "touch": {0, 1}, "nfc": {1, 0}} {
		bus, cs, err := c.SPI[name].address()
		if err != nil || bus != want[0] || cs != want[1] {
			t.Errorf("%s: bus %d, chip select %d, %v", name, bus, cs, err)
		}
	}
}

func TestTheWiringPagesConfigIsWholeAndNamesEveryLine(t *testing.T) {
	page, err := os.ReadFile("WIRING.md")
	if err != nil {
		t.Fatal(err)
	}
	table, rest, _ := strings.Cut(string(page), "```toml\n[board]\n")
	text, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("no config in WIRING.md")
	}
	if _, wired := config(t, text).Lines["fire"]; wired {
		t.Error("a board without a fire alarm would be told of a fire")
	}
	c := config(t, strings.ReplaceAll(text, "\n#fire", "\nfire"))
	if problems := c.problems(); problems != nil {
		t.Error(problems)
	}
	if c.Lines["fire"].activeLow("fire") || c.Lines["fire"].Bias != "pull-up" {
		t.Error("a wire that is cut is no fire")
	}
	for _, name := range lineNames {
		if gpio := c.Lines[name].Name; gpio == "" || !strings.Contains(table, "`"+name+"`") || !strings.Contains(table, gpio) {
			t.Errorf("%s on %q is not in both table and config", name, gpio)
		}
	}
	for _, name := range portNames {
		if _, ok := c.SPI[name]; !ok {
			t.Errorf("%s is not in the config", name)
		}
	}
}

func TestWhatIsWrongInAConfigIsSaidByKey(t *testing.T) {
	strike := "\n[board.lines]\nstrike = {chip = \"gpiochip0\", offset = 17}\n"
	for text, want := range map[string]string{
		``:                   `board.kind: is not set: "linux" for wired chips, "sim" for a simulated board`,
		`kind = "raspberry"`: `board.kind: is "raspberry": it must be "linux" or "sim"`,
		`kind = "linux"`:     `board.lines.strike: is not set: no door opens without it`,
		`kind = "linux"` + strike + `strke = {name = "X"}`:                                                            `board.lines.strke: no such line; there are strike, buzzer, backlight, panel-dc, panel-reset, nfc-reset, exit-button, door-open, tamper, fire, touch-irq, nfc-irq`,
		`kind = "linux"` + strike + `tamper = {chip = "gpiochip0"}`:                                                   `board.lines.tamper: must have either chip and offset or name, as in {chip = "gpiochip0", offset = 17} or {name = "GPIO17"}`,
		`kind = "linux"` + strike + `tamper = {name = "X", offset = 3}`:                                               `board.lines.tamper: must have either chip and offset or name, as in {chip = "gpiochip0", offset = 17} or {name = "GPIO17"}`,
		`kind = "linux"` + strike + `tamper = {chip = "/dev/gpiochip0", offset = 17}`:                                 `board.lines.tamper: is wired to /dev/gpiochip0 line 17, and so is board.lines.strike`,
		`kind = "linux"` + strike + `tamper = {chip = "gpiochip0", offset = -1}`:                                      `board.lines.tamper.offset: is -1: lines count from 0`,
		`kind = "linux"` + strike + `tamper = {name = "X", bias = "up"}`:                                              `board.lines.tamper.bias: is "up": it must be "pull-up", "pull-down" or "disabled"`,
		`kind = "linux"` + strike + `tamper = {name = "X", debounce = "1m"}`:                                          `board.lines.tamper.debounce: is 1m0s: it must be at most a second, as in "5ms"`,
		`kind = "linux"` + strike + `fire-alarm = {name = "X"}`:                                                       `board.lines.fire-alarm: no such line; there are strike, buzzer, backlight, panel-dc, panel-reset, nfc-reset, exit-button, door-open, tamper, fire, touch-irq, nfc-irq`,
		`kind = "linux"` + strike + `fire = {chip = "gpiochip0", offset = 17}`:                                        `board.lines.strike: is wired to /dev/gpiochip0 line 17, and so is board.lines.fire`,
		`kind = "linux"` + strike + `fire = {name = "X", bias = "pullup"}`:                                            `board.lines.fire.bias: is "pullup": it must be "pull-up", "pull-down" or "disabled"`,
		`kind = "linux"` + strike + `buzzer = {name = "X", bias = "pull-up"}`:                                         `board.lines.buzzer: is an output: bias and debounce are for inputs`,
		`kind = "linux"` + strike + "[board.spi]\nlcd = {device = \"SPI0.0\"}":                                        `board.spi.lcd: no such port; there are panel, touch, nfc`,
		`kind = "linux"` + strike + "[board.spi]\nnfc = {device = \"/dev/spi0\"}":                                     `board.spi.nfc.device: is "/dev/spi0": it must be "/dev/spidevB.C" or "SPIB.C", with the bus for B and the chip select for C`,
		`kind = "linux"` + strike + "[board.spi]\nnfc = {device = \"SPI0.0\", max_hz = 32}":                           `board.spi.nfc.max_hz: is 32: it must be 100 to 1_000_000_000`,
		`kind = "linux"` + strike + "[board.spi]\nnfc = {device = \"SPI0.0\"}\ntouch = {device = \"/dev/spidev0.0\"}": `board.spi.touch: is wired to /dev/spidev0.0, and so is board.spi.nfc`,
		`kind = "linux"` + strike + "[board.spi]\npanel = {device = \"SPI0.0\"}":                                      `board.lines.panel-dc: is not set: a panel on SPI needs its D/C line`,
	} {
		wants(t, text, want)
	}
}

// wants expects that problem from Open and from Check.
func wants(t *testing.T, text, want string) {
	t.Helper()
	c := config(t, text)
	if _, err := Open(c, quiet); err == nil || err.Error() != want {
		t.Errorf("%s\n got %v\nwant %s", text, err, want)
	}
	if problems := Check(c, quiet); len(problems) != 1 || problems[0].Error() != want {
		t.Errorf("%s\ncheck says %q\n    want %s", text, problems, want)
	}
}

func TestWhatTheConfigDoesNotNameIsNotWired(t *testing.T) {
	b, err := Open(config(t, `kind = "linux"`+"\n[board.lines]\nstrike = {chip = \"gpiochip99\", offset = 0}"), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.SPI("nfc"); !errors.Is(err, ErrNotWired) {
		t.Errorf("nfc: %v", err)
	}
	if _, err := b.Output("buzzer"); !errors.Is(err, ErrNotWired) {
		t.Errorf("buzzer: %v", err)
	}
	if _, err := b.Input("tamper", func(bool) {}); !errors.Is(err, ErrNotWired) {
		t.Errorf("tamper: %v", err)
	}
	if _, err := b.Input("strike", nil); !errors.Is(err, ErrNotWired) {
		t.Errorf("the strike as an input: %v", err)
	}
}

func TestCheckNamesEveryMissingDevice(t *testing.T) {
	problems := Check(config(t, `kind = "linux"
[board.spi]
nfc = {device = "SPI9.9"}
[board.lines]
strike = {chip = "gpiochip99", offset = 17}
tamper = {name = "no such name"}
door-open = {chip = "/dev/null", offset = 1}`), quiet)
	var got []string
	for _, p := range problems {
		key, _, _ := strings.Cut(p.Error(), ": ")
		got = append(got, key)
	}
	if want := []string{"board.spi.nfc", "board.lines.strike", "board.lines.door-open", "board.lines.tamper"}; !slices.Equal(got, want) {
		t.Fatalf("%q, want problems of %q", problems, want)
	}
	if !errors.Is(problems[0], syscall.ENOENT) || !strings.HasPrefix(problems[0].Error(), "board.spi.nfc: /dev/spidev9.9 is not there") {
		t.Error(problems[0])
	}
	if !errors.Is(problems[1], syscall.ENOENT) || !strings.HasPrefix(problems[1].Error(), "board.lines.strike: /dev/gpiochip99 is not there") {
		t.Error(problems[1])
	}
	if !strings.HasPrefix(problems[2].Error(), "board.lines.door-open: /dev/null is not a GPIO chip") {
		t.Error(problems[2])
	}
}

func TestReleaseLooksAtNothingButTheStrike(t *testing.T) {
	err := Release(config(t, `kind = "linux"
[board.lines]
strike = {chip = "gpiochip99", offset = 17}
nonsense = {}`))
	if !errors.Is(err, syscall.ENOENT) || !strings.HasPrefix(err.Error(), "board.lines.strike: /dev/gpiochip99 is not there") {
		t.Errorf("got %v", err)
	}
	if err := Release(config(t, `kind = "sim"`)); err != nil {
		t.Errorf("a simulated strike: %v", err)
	}
}

func TestFirmwareHasNoSimulatedBoard(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-tags", "firmware", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if slices.Contains(deps, "latchkey/board/sim") || slices.Contains(deps, "net/http") || !slices.Contains(deps, "latchkey/board") {
		t.Errorf("board depends on %q", deps)
	}
}
