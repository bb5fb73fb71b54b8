package sim

import (
	"maps"

	"periph.io/x/conn/v3/physic"
)

// newILI9341 is the ILI9341 (data sheet v1.11): 240x320, on the modules that
// are sold with it TN glass whose columns run right to left.
func newILI9341() *panelModel {
	m := &panelModel{
		cols: 240, rows: 320, colmod: 0x66, colmodRead: 0x07,
		maxWrite: 40 * physic.MegaHertz,
		mirrorX:  true, bgrGlass: true, glass: glassTN,
		id4:      [4]byte{0x00, 0x00, 0x93, 0x41},
		commands: dcsCommands(),
	}
	maps.Copy(m.commands, map[byte]*command{
		0x26: {name: "GAMSET", params: 1},
		0x2D: {name: "RGBSET", params: 128},
		0xD3: {name: "RDID4", read: readID4},
		0xD9: {name: "extended read index", params: 1, param: indexedRead},
		0xF6: {name: "IFCTL", params: 3, param: func(p *panel, i int, v byte) {
			if i == 0 {
				p.wrap = v&1 != 0 // WEMODE
			}
		}},
	})
	m.swallow(
		0xB0, 0xB1, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xBB, 0xBC, 0xBE,
		0xC0, 0xC1, 0xC5, 0xC7, 0xCB, 0xCF, 0xD0, 0xD1, 0xD2, 0xE0, 0xE1, 0xE2, 0xE3,
		0xE8, 0xE9, 0xEA, 0xED, 0xEF, 0xF2, 0xF7,
	)
	return m
}
