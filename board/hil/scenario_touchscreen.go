package main

import (
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"
)

// The touch film's coordinates, in counts of its converter.
const (
	filmLeft, filmRight = 280, 3860
	filmTop, filmBottom = 340, 3860
)

// kernelDriverReadsTouches boots with the kernel's driver on chip select 1, and
// touches five places.
func kernelDriverReadsTouches(l *lane) string {
	l.boot(moduleName + ".touch=ads7846")
	l.m.agent.grant("/dev/input/event0")
	name := l.m.agent.read("/sys/class/input/event0/device/name")
	pid := l.m.agent.start("/bin/cat", "/dev/input/event0")
	var seen []string
	for _, at := range [][2]int{{20, 20}, {220, 20}, {120, 160}, {20, 300}, {220, 300}} {
		before := len(l.m.agent.log(pid))
		var last inputState
		for _, down := range []bool{true, false} {
			l.m.chips.touch(at[0], at[1], down)
			eventually(l.m.ctx, fmt.Sprintf("events of a finger at %v %s", at, onOff(down)), func() bool {
				events := l.m.agent.log(pid)[before:]
				state := decodeEvents(events)
				if state.touched {
					last = state
				}
				if !state.any || state.touched != down || down && state.reports == 0 {
					fail("%d bytes of events: %+v", len(events), state)
				}
				return true
			})
		}
		x, y := filmLeft+(filmRight-filmLeft)*at[0]/239, filmTop+(filmBottom-filmTop)*at[1]/319
		if abs(last.x-x) > 60 || abs(last.y-y) > 60 || last.pressure == 0 {
			fail("a touch at pixel %v is %d, %d with pressure %d, not near %d, %d", at, last.x, last.y, last.pressure, x, y)
		}
		seen = append(seen, fmt.Sprintf("(%d, %d) as (%d, %d)", at[0], at[1], last.x, last.y))
	}
	l.m.agent.signal(pid, syscall.SIGTERM)
	return fmt.Sprintf("%q: pixels %s", strings.TrimSpace(string(name)), strings.Join(seen, ", "))
}

// pinOnKernelDriverUnlocks needs the machine of kernelDriverReadsTouches.
func pinOnKernelDriverUnlocks(l *lane) string {
	// From counts to pixels, as latchkeyd calibrate would find it.
	across, down := 239.0/(filmRight-filmLeft), 319.0/(filmBottom-filmTop)
	device := fmt.Sprintf("[touch]\ndevice = \"ADS7846 Touchscreen\"\ncalibration = [%g, 0.0, %g, 0.0, %g, %g]\n\n[board]\n", across, 0.5-across*filmLeft, down, 0.5-down*filmTop)
	l.writeConfig("/tmp/evdev.toml", "touch = {device = \"/dev/spidev0.1\"}\n", "", "touch-irq = {name = \"touch-irq\"}\n", "", "[board]\n", device)
	l.startReader("/tmp/evdev.toml")
	l.adopt("/tmp/evdev.toml")
	how := l.m.unlocks(func() { l.tapPIN(adaPIN) })
	l.requireNoViolations()
	return how
}

// inputState is where input events lead.
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
