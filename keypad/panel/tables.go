package panel

import (
	"image"
	"time"
)

// DCS commands, by the names of the data sheets.
const (
	swreset = 0x01
	slpin   = 0x10
	slpout  = 0x11
	noron   = 0x13
	invoff  = 0x20
	invon   = 0x21
	dispoff = 0x28
	dispon  = 0x29
	idmoff  = 0x38
	caset   = 0x2A
	paset   = 0x2B
	ramwr   = 0x2C
	madctl  = 0x36
	colmod  = 0x3A
)

// Bits of MADCTL.
const (
	madctlMY  = 0x80
	madctlMX  = 0x40
	madctlMV  = 0x20
	madctlBGR = 0x08
)

// maxParams is the longest parameter list in a table.
const maxParams = 16

// Model names a display controller, as "ili9341".
type Model string

// table is one controller: its glass, and what it is sent between reset and SLPOUT.
type table struct {
	model Model
	size  image.Point
	// upright is MADCTL without rotation, colour order included.
	upright byte
	// inverted panels show true colours after INVON.
	inverted bool
	// powerUp is the wait between SLPOUT and the next command, at least sleepShort.
	powerUp time.Duration
	// init has a command and its parameters in each row.
	init [][]byte
}

// tables are all controllers; the first one is the default.
func tables() []*table { return []*table{ili9341(), st7789(), st7796()} }

// Models are the controllers that the driver knows; the first one is the default.
func Models() []Model {
	var all []Model
	for _, t := range tables() {
		all = append(all, t.model)
	}
	return all
}

// tableOf returns nil for an unknown model.
func tableOf(m Model) *table {
	for _, t := range tables() {
		if m == t.model || m == "" {
			return t
		}
	}
	return nil
}

// ili9341 has the usual values of modules on the market: power and timing control A/B, gamma
// and supply voltages for a 3.3 V panel, 70 Hz frame rate.
func ili9341() *table {
	return &table{
		model:   "ili9341",
		size:    image.Pt(240, 320),
		upright: madctlMX | madctlBGR,
		powerUp: 5 * time.Millisecond,
		init: [][]byte{
			{0xCF, 0x00, 0xC1, 0x30},             // power control B
			{0xED, 0x64, 0x03, 0x12, 0x81},       // power on sequence control
			{0xE8, 0x85, 0x00, 0x78},             // driver timing control A
			{0xCB, 0x39, 0x2C, 0x00, 0x34, 0x02}, // power control A
			{0xF7, 0x20},                         // pump ratio control
			{0xEA, 0x00, 0x00},                   // driver timing control B
			{0xC0, 0x23},                         // PWCTRL1: GVDD 4.6 V
			{0xC1, 0x10},                         // PWCTRL2
			{0xC5, 0x3E, 0x28},                   // VMCTRL1
			{0xC7, 0x86},                         // VMCTRL2
			{0xB1, 0x00, 0x1B},                   // FRMCTR1: 70 Hz
			{0xF2, 0x00},                         // 3-gamma off
			{0x26, 0x01},                         // GAMSET
			{0xB7, 0x07},                         // ETMOD
			{0xB6, 0x08, 0x82, 0x27, 0x00},       // DISCTRL
			{0xE0, 0x0F, 0x31, 0x2B, 0x0C, 0x0E, 0x08, // PGAMCTRL
				0x4E, 0xF1, 0x37, 0x07, 0x10, 0x03, 0x0E, 0x09, 0x00},
			{0xE1, 0x00, 0x0E, 0x14, 0x03, 0x11, 0x07, // NGAMCTRL
				0x31, 0xC1, 0x48, 0x08, 0x0F, 0x0C, 0x31, 0x36, 0x0F},
		},
	}
}

// st7789 is for 240x320 glass, usually IPS.
func st7789() *table {
	return &table{
		model:    "st7789",
		size:     image.Pt(240, 320),
		inverted: true,
		powerUp:  5 * time.Millisecond,
		init: [][]byte{
			{0xB6, 0x0A, 0x82},
			{0xB2, 0x0C, 0x0C, 0x00, 0x33, 0x33}, // PORCTRL
			{0xB7, 0x35},                         // GCTRL
			{0xBB, 0x28},                         // VCOMS
			{0xC0, 0x2C},                         // LCMCTRL: as after reset; its bits invert those of MADCTL and INVON
			{0xC2, 0x01, 0xFF},                   // VDVVRHEN
			{0xC3, 0x10},                         // VRHS
			{0xC4, 0x20},                         // VDVS
			{0xC6, 0x0F},                         // FRCTRL2: 60 Hz
			{0xD0, 0xA4, 0xA1},                   // PWCTRL1
			{0xE0, 0xD0, 0x00, 0x02, 0x07, 0x0A, 0x28, 0x32, // PVGAMCTRL
				0x44, 0x42, 0x06, 0x0E, 0x12, 0x14, 0x17},
			{0xE1, 0xD0, 0x00, 0x02, 0x07, 0x0A, 0x28, 0x31, // NVGAMCTRL
				0x54, 0x47, 0x0E, 0x1C, 0x17, 0x1B, 0x1E},
		},
	}
}

// st7796 unlocks the command pages that it writes, and locks them again: a locked chip
// ignores writes to the registers from B0, C0 and E0 on.
func st7796() *table {
	return &table{
		model:   "st7796",
		size:    image.Pt(320, 480),
		upright: madctlMX | madctlBGR,
		powerUp: 120 * time.Millisecond,
		init: [][]byte{
			{0xF0, 0xC3}, // CSCON: unlock
			{0xF0, 0x96},
			{0xB4, 0x01},             // DIC: 1-dot
			{0xB6, 0x20, 0x02, 0x3B}, // DFC
			{0xE8, 0x40, 0x8A, 0x00, 0x00, 0x29, 0x19, 0xA5, 0x33}, // DOCA
			{0xC1, 0x06}, // PWR2
			{0xC2, 0xA7}, // PWR3
			{0xC5, 0x18}, // VCMPCTL
			{0xE0, 0xF0, 0x09, 0x0B, 0x06, 0x04, 0x15, 0x2F, // PGC
				0x54, 0x42, 0x3C, 0x17, 0x14, 0x18, 0x1B},
			{0xE1, 0xE0, 0x09, 0x0B, 0x06, 0x04, 0x03, 0x2B, // NGC
				0x43, 0x42, 0x3B, 0x16, 0x14, 0x17, 0x1B},
			{0xF0, 0x3C}, // lock
			{0xF0, 0x69},
		},
	}
}
