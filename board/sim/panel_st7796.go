package sim

import "periph.io/x/conn/v3/physic"

// The two halves of the command set control; both open command table 2.
const (
	cscPart1 = 1 << iota
	cscPart2
)

// newST7796 is the ST7796S (data sheet v1.0): 320x480, on its modules TN glass
// whose columns run right to left. Its command table 2 takes nothing until
// CSCON has unlocked it with C3 and 96.
func newST7796() *panelModel {
	m := &panelModel{
		cols: 320, rows: 480, colmod: 0x66, colmodRead: 0x77,
		maxWrite: 40 * physic.MegaHertz,
		mirrorX:  true, bgrGlass: true, glass: glassTN,
		id4:      [4]byte{0x00, 0x00, 0x77, 0x96},
		commands: sitronixCommands(),
	}
	m.swallow(
		0xB0, 0xB1, 0xB2, 0xB3, 0xB4, 0xB5, 0xB7, 0xB9, 0xC0, 0xC1, 0xC2, 0xC5, 0xC6,
		0xD0, 0xD1, 0xD2, 0xE0, 0xE1, 0xE2, 0xE3, 0xE8,
	)
	m.commands[0xB6] = &command{name: "DFC", params: 3, param: (*panel).displayFunction}
	m.commands[0xFB] = &command{name: "SPIRC", params: 1, param: indexedRead}
	for code, c := range m.commands {
		c.locked = code >= 0xB0 && (code < 0xDA || code > 0xDC)
	}
	m.commands[0xD3] = &command{name: "RDID4", read: readID4}
	m.commands[0xF0] = &command{name: "CSCON", params: 1, param: func(p *panel, _ int, v byte) {
		switch v {
		case 0xC3:
			p.csc |= cscPart1
		case 0x96:
			p.csc |= cscPart2
		case 0x3C:
			p.csc &^= cscPart1
		case 0x69:
			p.csc &^= cscPart2
		}
	}}
	return m
}

// displayFunction is DFC: which way gates and sources run over the glass, and
// how many lines of it are driven, in eights.
func (p *panel) displayFunction(i int, v byte) {
	switch i {
	case 1:
		p.gateUp = v&0x40 != 0      // GS
		p.sourceRight = v&0x20 != 0 // SS
	case 2:
		p.lines = min(8*(int(v&0x3F)+1), p.model.rows)
	}
}
