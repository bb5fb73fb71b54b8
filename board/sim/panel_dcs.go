package sim

// dcsCommand is the part of the MIPI display command set that ILI9341, ST7789
// and ST7796S share (ILI9341 data sheet, section 8).
func dcsCommand(c byte) *command {
	switch c {
	case 0x00:
		return &command{name: "NOP", anytime: true}
	case 0x01:
		return &command{name: "SWRESET", start: (*panel).softReset}
	case 0x04:
		return &command{name: "RDDID", read: func(p *panel) []byte { return afterDummyClock(p.opts.ID[:]...) }}
	case 0x09:
		return &command{name: "RDDST", read: (*panel).status}
	case 0x0A:
		return &command{name: "RDDPM", read: func(p *panel) []byte { return []byte{p.powerMode()} }}
	case 0x0B:
		return &command{name: "RDDMADCTL", read: func(p *panel) []byte { return []byte{p.madctl} }}
	case 0x0C:
		return &command{name: "RDDCOLMOD", read: func(p *panel) []byte { return []byte{p.colmod & p.model.colmodRead} }}
	case 0x0D:
		return &command{name: "RDDIM", read: func(p *panel) []byte { return []byte{bit(p.scrolling, 7) | bit(p.inverted, 5)} }}
	case 0x0E:
		return &command{name: "RDDSM", read: func(p *panel) []byte { return []byte{bit(p.tearing, 7)} }}
	case 0x0F:
		return &command{name: "RDDSDR", read: func(p *panel) []byte { return []byte{bit(!p.sleeping, 7) | bit(!p.sleeping, 6)} }}
	case 0x10:
		return &command{name: "SLPIN", start: (*panel).sleepIn}
	case 0x11:
		return &command{name: "SLPOUT", start: (*panel).sleepOut}
	case 0x12:
		return &command{name: "PTLON", start: func(p *panel) { p.partial, p.scrolling = true, false; p.redraw() }}
	case 0x13:
		return &command{name: "NORON", start: func(p *panel) { p.partial, p.scrolling = false, false; p.redraw() }}
	case 0x20:
		return &command{name: "INVOFF", start: func(p *panel) { p.inverted = false; p.redraw() }}
	case 0x21:
		return &command{name: "INVON", start: func(p *panel) { p.inverted = true; p.redraw() }}
	case 0x28:
		return &command{name: "DISPOFF", start: func(p *panel) { p.on = false; p.redraw() }}
	case 0x29:
		return &command{name: "DISPON", start: func(p *panel) { p.on = true; p.redraw() }}
	case 0x2A:
		return &command{name: "CASET", params: 4, param: func(p *panel, i int, v byte) { setHalf(i, v, &p.sc, &p.ec) }}
	case 0x2B:
		return &command{name: "PASET", params: 4, param: func(p *panel, i int, v byte) { setHalf(i, v, &p.sp, &p.ep) }}
	case 0x2C:
		return &command{name: "RAMWR", start: func(p *panel) { p.beginWrite(true) }}
	case 0x2E:
		return &command{name: "RAMRD", start: func(p *panel) { p.beginRead(true) }}
	case 0x30:
		return &command{name: "PTLAR", params: 4, param: func(p *panel, i int, v byte) {
			setHalf(i, v, &p.partialFrom, &p.partialTo)
			p.redraw()
		}}
	case 0x33:
		return &command{name: "VSCRDEF", params: 6, param: (*panel).scrollArea}
	case 0x34:
		return &command{name: "TEOFF", start: func(p *panel) { p.tearing = false }}
	case 0x35:
		return &command{name: "TEON", params: 1, start: func(p *panel) { p.tearing = true }}
	case 0x36:
		return &command{name: "MADCTL", params: 1, param: func(p *panel, _ int, v byte) { p.setMADCTL(v) }}
	case 0x37:
		return &command{name: "VSCRSADD", params: 2, param: (*panel).scrollStart}
	case 0x38:
		return &command{name: "IDMOFF", start: func(p *panel) { p.idle = false; p.redraw() }}
	case 0x39:
		return &command{name: "IDMON", start: func(p *panel) { p.idle = true; p.redraw() }}
	case 0x3A:
		return &command{name: "COLMOD", params: 1, param: (*panel).setCOLMOD}
	case 0x3C:
		return &command{name: "RAMWRC", start: func(p *panel) { p.beginWrite(false) }}
	case 0x3E:
		return &command{name: "RAMRDC", start: func(p *panel) { p.beginRead(false) }}
	case 0x51, 0x53, 0x55, 0x5E:
		return &command{name: "brightness control", params: 1}
	case 0xDA, 0xDB, 0xDC:
		return &command{name: "RDID", read: func(p *panel) []byte { return []byte{p.opts.ID[c-0xDA]} }}
	}
	return nil
}

// bit is 1<<n if set.
func bit(set bool, n int) byte {
	if set {
		return 1 << n
	}
	return 0
}

// setHalf stores byte i of two big-endian 16-bit parameters; each byte counts
// as soon as it is in.
func setHalf(i int, v byte, first, second *int) {
	to := first
	if i >= 2 {
		to = second
	}
	if i&1 == 0 {
		*to = *to&0x00FF | int(v)<<8
	} else {
		*to = *to&0xFF00 | int(v)
	}
}

// afterDummyClock is an answer that begins one clock late: byte for byte it
// is shifted right by one bit.
func afterDummyClock(data ...byte) []byte {
	out := make([]byte, len(data)+1)
	for i, v := range data {
		out[i] |= v >> 1
		out[i+1] |= v << 7
	}
	return out
}
