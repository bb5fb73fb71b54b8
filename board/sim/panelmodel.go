package sim

import "periph.io/x/conn/v3/physic"

// PanelOptions say which display is fitted and how.
type PanelOptions struct {
	// Model is the display controller: one of Models, "ili9341" if empty.
	Model string
	// Rotation is how far the module is turned counter-clockwise at the door,
	// in degrees: 0, 90, 180 or 270. It turns what Screen shows and what Touch
	// takes. At 90 a viewer sees 320x240 upright if the driver sets MADCTL 28.
	Rotation int
	// ID is what RDDID and RDID1-3 answer. Modules differ: the data sheet
	// prints RDID2 as 80, dumps of real modules show zeros.
	ID [3]byte
	// NoSDO: the module does not bring the data output out, as many do not.
	// Every read gives FF.
	NoSDO bool
	// MaxWrite and MaxRead are the clocks above which a violation is noted.
	// The ILI9341's data sheet says 10 MHz and 6.67 MHz; writes at 40 MHz are
	// usual on real modules. Zero: 40 MHz and 6.67 MHz.
	MaxWrite, MaxRead physic.Frequency
}

// Models lists the panel models that New knows.
func Models() []string { return []string{"ili9341"} }

// panelModel is what differs between display controllers of the MIPI DCS
// family and between the glasses behind them.
type panelModel struct {
	name       string
	cols, rows int  // of the memory
	colmod     byte // COLMOD after reset
	// The glass: upright, its left column shows memory column cols-1 and its
	// filters stand in the order B, G, R, and so on.
	mirrorX, mirrorY, bgrGlass, invertedGlass bool
	// commands are those that this controller has; nil means none.
	commands [256]*command
	// d3 is the answer to RDID4, of which D9 10+i makes byte i readable.
	d3 [4]byte
}

func newPanelModel(name string) *panelModel {
	switch name {
	case "", "ili9341":
		m := &panelModel{
			name: "ili9341", cols: 240, rows: 320, colmod: 0x66,
			mirrorX: true, bgrGlass: true,
			d3: [4]byte{0x00, 0x00, 0x93, 0x41},
		}
		m.add(dcsCommand)
		m.swallow(
			0xB0, 0xB1, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xBB, 0xBC, 0xBE,
			0xC0, 0xC1, 0xC5, 0xC7, 0xCB, 0xCF, 0xD0, 0xD1, 0xD2, 0xE0, 0xE1, 0xE2, 0xE3,
			0xE8, 0xE9, 0xEA, 0xED, 0xEF, 0xF2, 0xF7,
		)
		return m
	}
	panic("sim: unknown panel model " + name)
}

// anyParams marks commands whose parameters are swallowed, however many.
const anyParams = 255

// command is one command of the display controller. Each function may be nil.
type command struct {
	name   string
	params int // how many parameter bytes it takes
	// start runs when the command byte is in, param for each parameter byte.
	start func(p *panel)
	param func(p *panel, i int, v byte)
	// read gives the answer, dummy clocks included, as bytes on the wire.
	read func(p *panel) []byte
	// anytime: taken even while the controller is busy.
	anytime bool
}

// add takes over what set knows.
func (m *panelModel) add(set func(c byte) *command) {
	for c := range m.commands {
		if k := set(byte(c)); k != nil {
			m.commands[c] = k
		}
	}
}

// swallow adds the maker's own commands, which change nothing that is emulated.
func (m *panelModel) swallow(codes ...byte) {
	for _, c := range codes {
		m.commands[c] = &command{name: "maker's command", params: anyParams}
	}
}
