package sim

import (
	"maps"

	"periph.io/x/conn/v3/physic"
)

// lcmReset is LCMCTRL after a reset; lcmX are its bits. Each inverts what the
// command of its name sets.
const (
	lcmReset = 0x2C
	lcmXMY   = 0x40
	lcmXBGR  = 0x20
	lcmXINV  = 0x10
	lcmXMX   = 0x08
	lcmXMV   = 0x02
	lcmXGS   = 0x01
)

// newST7789 is the ST7789V (data sheet v1.3): 240x320, on its modules IPS
// glass that is upright with MADCTL 00 and LCMCTRL as after reset.
func newST7789() *panelModel {
	m := &panelModel{
		cols: 240, rows: 320, colmod: 0x66, colmodRead: 0x77,
		id:       [3]byte{0x85, 0x85, 0x52},
		maxWrite: 62500 * physic.KiloHertz,
		glass:    glassIPS,
		commands: sitronixCommands(),
	}
	m.swallow(
		0xB1, 0xB2, 0xB3, 0xB5, 0xB6, 0xB7, 0xB8, 0xBA, 0xBB, 0xBC, 0xBD,
		0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xCA, 0xCC, 0xD0, 0xD2, 0xDF,
		0xE0, 0xE1, 0xE2, 0xE3, 0xE7, 0xE8, 0xE9, 0xEC, 0xFA, 0xFC, 0xFE,
	)
	maps.Copy(m.commands, map[byte]*command{
		0x26: {name: "GAMSET", params: 1},
		0xB0: {name: "RAMCTRL", params: 2, param: func(p *panel, i int, v byte) {
			if i == 1 {
				p.little = v&0x08 != 0 // ENDIAN
			}
		}},
		0xC0: {name: "LCMCTRL", params: 1, param: func(p *panel, _ int, v byte) { p.setLCM(v) }},
		0xE4: {name: "GATECTRL", params: 3, param: func(p *panel, i int, v byte) {
			if i == 2 {
				p.gateUp = v&0x01 != 0 // GS
			}
		}},
	})
	return m
}

// setLCM is LCMCTRL, kept as the bits that differ from its reset value.
func (p *panel) setLCM(v byte) {
	p.lcm = v ^ lcmReset
	p.setMADCTL(p.madctl)
}

// access is MADCTL as it takes effect.
func (p *panel) access() byte {
	v := p.madctl
	for _, x := range []struct{ lcm, mad byte }{
		{lcmXMY, madMY}, {lcmXMX, madMX}, {lcmXMV, madMV}, {lcmXBGR, madBGR},
	} {
		if p.lcm&x.lcm != 0 {
			v ^= x.mad
		}
	}
	return v
}

// sitronixCommands is what ST7789V and ST7796S have in common: what they share
// with the ILI9341, and more.
func sitronixCommands() map[byte]*command {
	commands := dcsCommands()
	commands[0x44] = &command{name: "tear scan line", params: 2}
	commands[0x45] = &command{name: "scan line", read: func(*panel) []byte { return afterDummyClock(0, 0) }}
	for _, c := range []byte{0x52, 0x54, 0x56, 0x5F, 0x68} {
		commands[c] = &command{name: "brightness control", read: func(*panel) []byte { return []byte{0} }}
	}
	return commands
}
