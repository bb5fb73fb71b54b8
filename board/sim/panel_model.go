package sim

import (
	"fmt"
	"maps"
	"slices"

	"periph.io/x/conn/v3/physic"
)

// PanelOptions say which display is fitted and how.
type PanelOptions struct {
	// Model is the display controller, a name in panelModels; empty: "ili9341".
	Model string
	// Rotation is how far the module is turned counter-clockwise at the door,
	// in degrees: 0, 90, 180 or 270. It turns what Screen shows and what Touch
	// takes. At 90 a viewer sees an ILI9341 upright, 320x240, if the driver
	// sets MADCTL 28.
	Rotation int
	// Glass is "tn" or "ips". IPS glass is black where a TN glass is white, so
	// the driver has to send INVON. Empty: what the model's modules mostly
	// have, "ips" for the ST7789 and "tn" for the others.
	Glass string
	// ID is what RDDID and RDID1-3 answer. Modules differ: the ILI9341's data
	// sheet prints RDID2 as 80, dumps of real modules show zeros. All zero: 85
	// 85 52 for the ST7789, zeros for the others.
	ID [3]byte
	// NoSDO: the module does not bring the data output out, as many do not.
	// Every read gives FF.
	NoSDO bool
	// MaxWrite is the clock above which a violation is noted. Data sheets are
	// stricter than modules: ILI9341 10 MHz, ST7789V 15 MHz or, in later
	// revisions, 62.5 MHz, ST7796S 15 MHz. Zero: what is usual, 40 MHz (ST7789:
	// 62.5 MHz).
	MaxWrite physic.Frequency
}

// Check returns what is wrong with o, each problem with the name of its option.
func (o PanelOptions) Check() (problems []error) {
	oneOf := func(option, value string, known []string) {
		if value != "" && !slices.Contains(known, value) {
			problems = append(problems, fmt.Errorf("%s: is %q: it must be one of %q", option, value, known))
		}
	}
	oneOf("panel", o.Model, slices.Sorted(maps.Keys(panelModels())))
	oneOf("glass", o.Glass, []string{glassTN, glassIPS})
	if o.Rotation%90 != 0 || o.Rotation < 0 || o.Rotation > 270 {
		problems = append(problems, fmt.Errorf("rotation: is %d: it must be 0, 90, 180 or 270", o.Rotation))
	}
	return problems
}

const (
	defaultPanel = "ili9341"
	glassTN      = "tn"
	glassIPS     = "ips"
)

// panelModel is what differs between display controllers of the MIPI DCS
// family and between the glasses behind them.
type panelModel struct {
	cols, rows int  // of the memory
	colmod     byte // COLMOD after reset
	colmodRead byte // the bits of it that RDDCOLMOD returns
	id         [3]byte
	maxWrite   physic.Frequency
	// The glass: upright, its left column shows memory column cols-1 and its
	// filters stand in the order B, G, R.
	mirrorX, bgrGlass bool
	glass             string // the usual one
	// commands are those that this controller has.
	commands map[byte]*command
	// id4 is the answer to RDID4, of which the indexed read makes byte i
	// readable.
	id4 [4]byte
}

func panelModels() map[string]func() *panelModel {
	return map[string]func() *panelModel{defaultPanel: newILI9341, "st7789": newST7789, "st7796": newST7796}
}

// anyParams marks commands that ignore any number of parameters.
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
	// locked: needs the ST7796S's command set control to be open.
	locked bool
}

// swallow adds commands of the maker's own whose effect is not emulated.
func (m *panelModel) swallow(codes ...byte) {
	for _, c := range codes {
		m.commands[c] = &command{name: "maker's command", params: anyParams}
	}
}

// indexedRead is the maker's command that chooses which byte of a longer
// answer the next RDID4 gives.
func indexedRead(p *panel, _ int, v byte) { p.extIndex = v & 0x0F }

func readID4(p *panel) []byte { return []byte{p.model.id4[p.extIndex&3]} }
