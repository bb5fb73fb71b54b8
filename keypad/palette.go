package keypad

import "math"

// A colour is 0xRRGGBB in sRGB.
type colour uint32

// Text stands on its ground with a contrast of 7:1 or better (WCAG 2.2, 1.4.6);
// dimmed keys, edges and the accent are exempt. The ratio is kept after rounding to
// what the panel can show (RGB565).
const (
	ground  colour = 0x0B0F14
	surface colour = 0x18202A
	key     colour = 0x1F2A36
	pressed colour = 0x35506B
	edge    colour = 0x4A5A6A // outlines of empty dots, labels of dimmed keys
	text    colour = 0xF4F7FA
	muted   colour = 0x9FB0C0
	white   colour = 0xFFFFFF
	accent  colour = 0x3BA7FF
	warning colour = 0xFFB020
	granted colour = 0x11613A
	denied  colour = 0x8E1B22
	good    colour = 0x2FBF71 // on the dark ground, and the bar that empties on granted
)

// pack gives the RGB565 value that looks most like c: red in bits 15-11, green in 10-5,
// blue in 4-0. Rounding each by itself turns dark greys green or purple; an error that is
// the same in all three only makes them a little lighter or darker.
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

// over gives c at opacity a (0 to 255) on the colour under.
func (c colour) over(under colour, a int) colour {
	mix := func(shift uint) colour {
		t, u := int(c>>shift&0xFF), int(under>>shift&0xFF)
		return colour((t*a+u*(255-a)+127)/255) << shift
	}
	return mix(16) | mix(8) | mix(0)
}
