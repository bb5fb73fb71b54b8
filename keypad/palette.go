package keypad

import "math"

// A colour is 0xRRGGBB in sRGB.
type colour uint32

// white is the text on granted and denied, in both palettes.
const white colour = 0xFFFFFF

// A palette is the colours of the screens. Text has a contrast of 7:1 or better to its ground
// (WCAG 2.2, 1.4.6), also after rounding to what the panel can show (RGB565); dimmed keys and
// edges are exempt.
type palette struct {
	ground      colour
	surface     colour // dimmed keys
	key         colour
	pressed     colour
	edge        colour // outlines of empty dots, labels of dimmed keys
	text        colour
	pressedText colour // on a pressed key
	muted       colour
	accent      colour
	warning     colour
	granted     colour // ground
	denied      colour // ground
	exit        colour // ground: that of exit signs
	good        colour // on the dark ground
	stop        colour // on the dark ground
	barTrack    colour // of the bar on granted: the time that has passed
	waitTrack   colour // of the bar in accent, on the dark ground: the same

	outline bool // keys have an outline in the colour line
	line    colour
	dimmed  colour // the outline of dimmed keys
}

// standardPalette is used unless the View asks for high contrast.
func standardPalette() *palette {
	return &palette{
		ground:      0x0B0F14,
		surface:     0x18202A,
		key:         0x1F2A36,
		pressed:     0x35506B,
		edge:        0x4A5A6A,
		text:        0xF4F7FA,
		pressedText: 0xF4F7FA,
		muted:       0x9FB0C0,
		accent:      0x3BA7FF,
		warning:     0xFFB020,
		granted:     0x11613A,
		denied:      0x8E1B22,
		exit:        0x00652D,
		good:        0x2FBF71,
		stop:        0xFF7075,
		barTrack:    0x2FBF71,
		waitTrack:   0x1F2A36,
	}
}

// highContrastPalette has 12:1 or better for all text, and keys with white outlines that turn
// white when pressed.
func highContrastPalette() *palette {
	return &palette{
		ground:      0x000000,
		surface:     0x000000,
		key:         0x000000,
		pressed:     0xFFFFFF,
		edge:        0xA0A0A0,
		text:        0xFFFFFF,
		pressedText: 0x000000,
		muted:       0xFFFFFF,
		accent:      0x5CD6FF,
		warning:     0xFFD400,
		granted:     0x003D1C,
		denied:      0x640010,
		exit:        0x003D14,
		good:        0x4DFF9E,
		stop:        0xFF9296,
		barTrack:    0x009A4E,
		waitTrack:   0x606060,
		outline:     true,
		line:        0xFFFFFF,
		dimmed:      0x707070,
	}
}

// pack returns the RGB565 value that looks most like c: red in bits 15-11, green in 10-5,
// blue in 4-0. Rounding each by itself would turn dark greys green or purple; an error that
// is the same in all three only makes them a little lighter or darker.
func (c colour) pack() uint16 {
	r, g, b := int(c>>16&0xFF), int(c>>8&0xFF), int(c&0xFF)
	r5, g6, b5 := r*31/255, g*63/255, b*31/255
	var best uint16
	least := math.MaxInt
	for i := range 8 {
		rr, gg, bb := min(r5+i&1, 31), min(g6+i>>1&1, 63), min(b5+i>>2, 31)
		dr, dg, db := rr*255/31-r, gg*255/63-g, bb*255/31-b
		off := dr*dr + dg*dg + db*db + (dr-dg)*(dr-dg) + (dg-db)*(dg-db)
		if off < least {
			least, best = off, uint16(rr<<11|gg<<5|bb)
		}
	}
	return best
}

// over returns c at opacity a (0 to 255) on the colour under.
func (c colour) over(under colour, a int) colour {
	mix := func(shift uint) colour {
		t, u := int(c>>shift&0xFF), int(under>>shift&0xFF)
		return colour((t*a+u*(255-a)+127)/255) << shift
	}
	return mix(16) | mix(8) | mix(0)
}
