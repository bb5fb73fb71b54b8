package sim

// dcsCommands is the part of the MIPI display command set that ILI9341, ST7789
// and ST7796S share (ILI9341 data sheet, section 8).
func dcsCommands() map[byte]*command {
	return map[byte]*command{
		0x00: {name: "NOP", anytime: true},
		0x01: {name: "SWRESET", start: func(p *panel) { p.restart("SWRESET", p.madctl) }},
		0x04: {name: "RDDID", read: func(p *panel) []byte { return afterDummyClock(p.opts.ID[:]...) }},
		0x09: {name: "RDDST", read: (*panel).status},
		0x0A: {name: "RDDPM", read: func(p *panel) []byte { return []byte{p.powerMode()} }},
		0x0B: {name: "RDDMADCTL", read: func(p *panel) []byte { return []byte{p.madctl} }},
		0x0C: {name: "RDDCOLMOD", read: func(p *panel) []byte { return []byte{p.colmod & p.model.colmodRead} }},
		0x0D: {name: "RDDIM", read: func(p *panel) []byte { return []byte{bit(p.scrolling, 7) | bit(p.inverted, 5)} }},
		0x0E: {name: "RDDSM", read: func(p *panel) []byte { return []byte{bit(p.tearing, 7)} }},
		0x0F: {name: "RDDSDR", read: func(p *panel) []byte { return []byte{bit(!p.sleeping, 7) | bit(!p.sleeping, 6)} }},
		0x10: {name: "SLPIN", start: (*panel).sleepIn},
		0x11: {name: "SLPOUT", start: (*panel).sleepOut},
		0x12: {name: "PTLON", start: func(p *panel) { p.partial, p.scrolling = true, false }},
		0x13: {name: "NORON", start: func(p *panel) { p.partial, p.scrolling = false, false }},
		0x20: {name: "INVOFF", start: func(p *panel) { p.inverted = false }},
		0x21: {name: "INVON", start: func(p *panel) { p.inverted = true }},
		0x28: {name: "DISPOFF", start: func(p *panel) { p.on = false }},
		0x29: {name: "DISPON", start: func(p *panel) { p.on = true }},
		0x2A: {name: "CASET", params: 4, param: func(p *panel, i int, v byte) { setHalf(i, v, &p.sc, &p.ec) }},
		0x2B: {name: "PASET", params: 4, param: func(p *panel, i int, v byte) { setHalf(i, v, &p.sp, &p.ep) }},
		0x2C: {name: "RAMWR", start: func(p *panel) { p.toWindowStart(); p.beginWrite() }},
		0x2E: {name: "RAMRD", start: func(p *panel) { p.toWindowStart(); p.beginRead() }},
		0x30: {name: "PTLAR", params: 4, param: func(p *panel, i int, v byte) { setHalf(i, v, &p.partialFrom, &p.partialTo) }},
		0x33: {name: "VSCRDEF", params: 6, param: (*panel).scrollArea},
		0x34: {name: "TEOFF", start: func(p *panel) { p.tearing = false }},
		0x35: {name: "TEON", params: 1, start: func(p *panel) { p.tearing = true }},
		0x36: {name: "MADCTL", params: 1, param: func(p *panel, _ int, v byte) { p.setMADCTL(v) }},
		0x37: {name: "VSCRSADD", params: 2, param: (*panel).scrollStart},
		0x38: {name: "IDMOFF", start: func(p *panel) { p.idle = false }},
		0x39: {name: "IDMON", start: func(p *panel) { p.idle = true }},
		0x3A: {name: "COLMOD", params: 1, param: (*panel).setCOLMOD},
		0x3C: {name: "RAMWRC", start: (*panel).beginWrite},
		0x3E: {name: "RAMRDC", start: (*panel).beginRead},
		0x51: {name: "brightness control", params: 1},
		0x53: {name: "brightness control", params: 1},
		0x55: {name: "brightness control", params: 1},
		0x5E: {name: "brightness control", params: 1},
		0xDA: {name: "RDID1", read: func(p *panel) []byte { return p.opts.ID[0:1] }},
		0xDB: {name: "RDID2", read: func(p *panel) []byte { return p.opts.ID[1:2] }},
		0xDC: {name: "RDID3", read: func(p *panel) []byte { return p.opts.ID[2:3] }},
	}
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
