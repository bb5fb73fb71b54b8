package main

import (
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"
)

// foreignScenarios: an emulated chip before a driver that is not ours.
var foreignScenarios = []scenario{
	{what: "libnfc's nfc-list finds the emulated PN532, and the card on it, over the kernel's spidev", prove: nfcList},
}

// driverScenarios: our drivers' tests on this kernel, and the kernel's own
// driver of a touch film.
var driverScenarios = []scenario{
	{must: true, boots: true, what: "a third board comes up", prove: func(b *bench) (string, error) { return "to test drivers on", b.boot() }},
	{what: "the driver packages' own tests pass on the machine's kernel, for arm64 and for ARMv7", prove: driverTests},
	{what: "nobody comes, and the reader sleeps", prove: idle},
	{what: "the machine ends in order", prove: func(b *bench) (string, error) { return "its console's end line", b.shutDown() }},
	{boots: true, what: "the kernel's own ads7846 driver binds to the emulated XPT2046, and its events carry the touches", prove: ads7846},
	{what: "a PIN typed on the kernel's ads7846 opens the door: the reader takes any touchscreen that Linux has", prove: evdevPIN},
}

// elsewhere are tests that have nothing of the kernel in them: those that go
// through hours of a simulated board's time, for which the emulated processor
// is slow, and one that builds a program.
const elsewhere = "DeadForLong|Noise|KeepsResetting|FirmwareHasNoSimulatedBoard"

func driverTests(b *bench) (string, error) {
	passed := 0
	var took []string
	for _, t := range testBinaries() {
		var r result
		err := b.m.agent.call("POST", "/run", command{
			Root: true, // for /dev/uinput
			Args: []string{"/tools/" + t.file(), "-test.v", "-test.short", "-test.timeout=2m", "-test.skip=" + elsewhere},
			Dir:  "/tools/" + t.dir(),
		}, &r)
		if err != nil {
			return "", err
		}
		if r.Code != 0 {
			return "", fmt.Errorf("%s for %s: exit code %d:\n%s%s", t.pkg, t.arch, r.Code, failures(r.Stdout), r.Stderr)
		}
		passed += strings.Count(r.Stdout, "--- PASS")
		took = append(took, fmt.Sprintf("%s %s %.1f s", t.pkg, t.arch, r.Seconds))
	}
	return fmt.Sprintf("%d tests: %s", passed, strings.Join(took, ", ")), nil
}

// failures are the lines of go test -v from the first failure on.
func failures(output string) string {
	lines := strings.Split(output, "\n")
	for i, line := range lines {
		if strings.Contains(line, "--- FAIL") || strings.HasPrefix(line, "panic:") {
			lines = lines[max(0, i-10):]
			break
		}
	}
	return strings.Join(lines[:min(len(lines), 40)], "\n")
}

func nfcList(b *bench) (string, error) {
	if err := b.stopReader(); err != nil {
		return "", err
	}
	if err := b.m.chips.present(bobUID); err != nil {
		return "", err
	}
	var r result
	err := b.m.agent.call("POST", "/run", command{
		Args: []string{"/tools/nfc/ld-linux-aarch64.so.1", "--library-path", "/tools/nfc", "/tools/nfc/nfc-list"},
		Env:  []string{"LIBNFC_DEVICE=pn532_spi:/dev/spidev0.2:1000000"},
	}, &r)
	if err != nil {
		return "", err
	}
	said := strings.Join(strings.Fields(r.Stdout), " ")
	for _, want := range []string{"NFC device: user defined device opened", "UID (NFCID1): 04 a1 b2 c3 d4 e5 80", "ATQA (SENS_RES): 00 44", "SAK (SEL_RES): 00"} {
		if !strings.Contains(said, want) {
			return "", fmt.Errorf("nfc-list does not say %q: exit code %d:\n%s%s", want, r.Code, r.Stdout, r.Stderr)
		}
	}
	if err := b.away(); err != nil {
		return "", err
	}
	if err := b.startReader(); err != nil {
		return "", err
	}
	return said, b.running()
}

// ads7846 boots once more, with the kernel's driver on chip select 1.
func ads7846(b *bench) (string, error) {
	if err := b.boot(moduleName + ".touch=ads7846"); err != nil {
		return "", err
	}
	name, err := b.m.agent.read("/sys/class/input/event0/device/name")
	if err != nil {
		return "", fmt.Errorf("no input device: %w", err)
	}
	var pid int
	if err := b.m.agent.call("POST", "/start", command{Root: true, Args: []string{"/bin/cat", "/dev/input/event0"}}, &pid); err != nil {
		return "", err
	}
	var seen []string
	for _, at := range [][2]int{{20, 20}, {220, 20}, {120, 160}, {20, 300}, {220, 300}} {
		before, err := b.m.agent.read(fmt.Sprintf("/run/%d.log", pid))
		if err != nil {
			return "", err
		}
		var last inputState
		for _, down := range []bool{true, false} {
			if err := b.m.chips.touch(at[0], at[1], down); err != nil {
				return "", err
			}
			err := b.eventually(fmt.Sprintf("events of a touch at %v, down %v", at, down), func() (bool, error) {
				events, err := b.m.agent.read(fmt.Sprintf("/run/%d.log", pid))
				if err != nil {
					return false, err
				}
				state := decodeEvents(events[len(before):])
				if state.touched {
					last = state
				}
				return state.any && state.touched == down && (!down || state.reports > 0), nil
			})
			if err != nil {
				return "", fmt.Errorf("%w\n%s", err, b.touchFacts(pid))
			}
		}
		// The film is read in counts, from 280 to 3860 across and 340 to 3860 down.
		x, y := 280+(3860-280)*at[0]/239, 340+(3860-340)*at[1]/319
		if abs(last.x-x) > 60 || abs(last.y-y) > 60 || last.pressure == 0 {
			return "", fmt.Errorf("a touch at pixel %v is %d, %d with pressure %d, not near %d, %d", at, last.x, last.y, last.pressure, x, y)
		}
		seen = append(seen, fmt.Sprintf("(%d, %d) as (%d, %d)", at[0], at[1], last.x, last.y))
	}
	if err := b.m.agent.signal(pid, int(syscall.SIGTERM)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%q: pixels %s", strings.TrimSpace(string(name)), strings.Join(seen, ", ")), nil
}

// evdevPIN goes on from ads7846.
func evdevPIN(b *bench) (string, error) {
	if err := b.root("busybox chown 0:990 /dev/input/event0 && busybox chmod 0660 /dev/input/event0"); err != nil {
		return "", err
	}
	// From the film's counts to pixels, as latchkeyd calibrate would find it.
	across, down := 239.0/(3860-280), 319.0/(3860-340)
	device := fmt.Sprintf("[touch]\ndevice = \"ADS7846 Touchscreen\"\ncalibration = [%g, 0.0, %g, 0.0, %g, %g]\n\n[board]\n", across, 0.5-across*280, down, 0.5-down*340)
	err := b.config("/tmp/evdev.toml", "touch = {device = \"/dev/spidev0.1\"}\n", "", "touch-irq = {name = \"touch-irq\"}\n", "", "[board]\n", device)
	if err != nil {
		return "", err
	}
	if b.reader, err = b.m.agent.start("/bin/latchkeyd", "run", "--config", "/tmp/evdev.toml"); err != nil {
		return "", err
	}
	if err := b.running(); err != nil {
		return "", err
	}
	if err := b.adopt(); err != nil {
		return "", err
	}
	how, err := b.opens(func() error { return b.tapPIN(adaPIN) })
	if err != nil {
		return "", err
	}
	return how, b.clean()
}

// touchFacts are what is known where events do not come.
func (b *bench) touchFacts(pid int) string {
	events, _ := b.m.agent.read(fmt.Sprintf("/run/%d.log", pid))
	s, _ := b.m.chips.state()
	interrupts, _ := b.m.agent.read("/proc/interrupts")
	return fmt.Sprintf("%d bytes of events: %+v; %+v\n%s", len(events), decodeEvents(events), s, interrupts)
}

// inputState is what input events amount to.
type inputState struct {
	any, touched   bool
	x, y, pressure int
	reports        int
}

// decodeEvents reads struct input_event of a 64-bit kernel: 16 bytes of time,
// type, code, value (Documentation/input/event-codes.rst).
func decodeEvents(b []byte) (s inputState) {
	const (
		evSyn, evKey, evAbs       = 0, 1, 3
		absX, absY, absPressure   = 0, 1, 24
		keyTouch                  = 0x14a
		eventSize, typeAt, codeAt = 24, 16, 18
		valueAt                   = 20
	)
	for ; len(b) >= eventSize; b = b[eventSize:] {
		kind, code := binary.LittleEndian.Uint16(b[typeAt:]), binary.LittleEndian.Uint16(b[codeAt:])
		value := int(int32(binary.LittleEndian.Uint32(b[valueAt:])))
		switch {
		case kind == evSyn:
			s.reports++
		case kind == evKey && code == keyTouch:
			s.any, s.touched = true, value == 1
		case kind == evAbs && code == absX:
			s.x = value
		case kind == evAbs && code == absY:
			s.y = value
		case kind == evAbs && code == absPressure:
			s.pressure = value
		}
	}
	return s
}

func abs(n int) int { return max(n, -n) }
