package keypad

// A painter draws scenes on its own canvas. It draws each glyph, icon and corner once and
// keeps it.
type painter struct {
	*canvas
	l        *layout
	faceSets [2]*faces   // usual, and large text
	palettes [2]*palette // standard, and high contrast
	icons    map[iconKey]*mask
	corner   *mask // top left corner of a key
	inner    *mask // the same, within the outline
	small    *mask // the same, of the bar
	dot      *mask // a digit that was typed
	ring     *mask // a digit to come

	// Of the scene that is being drawn.
	faces    *faces
	palette  *palette
	language lang
}

// outlineWidth is how wide a key's outline is on a panel of 240 pixels.
const outlineWidth = 2

func newPainter(l *layout) (*painter, error) {
	usual, err := newFaces(l.unit, 240)
	if err != nil {
		return nil, err
	}
	large, err := newFaces(l.unit*5, 240*4)
	if err != nil {
		return nil, err
	}
	corner := func(r int) *mask {
		f := float64(r)
		return rasterise(f, f, 1, layer{circle(f, f, f), 1})
	}
	side, r := float64(l.px(10)+2), float64(l.px(10))/2
	pen := 1.8 * float64(l.unit) / 240
	p := &painter{
		canvas:   newCanvas(l.bounds.Size()),
		l:        l,
		faceSets: [2]*faces{usual, large},
		palettes: [2]*palette{standardPalette(), highContrastPalette()},
		icons:    make(map[iconKey]*mask),
		corner:   corner(l.corner),
		inner:    corner(l.corner - l.px(outlineWidth)),
		small:    corner(l.bar.Dy() / 2),
		dot:      rasterise(side, side, 1, layer{circle(side/2, side/2, r), 1}),
		ring:     rasterise(side, side, 1, layer{stroke(pen, circle(side/2, side/2, r-pen/2)), 1}),
	}
	p.setStyle(&scene{})
	return p, nil
}

// setStyle selects fonts, colours and language for s.
func (p *painter) setStyle(s *scene) {
	p.faces, p.palette, p.language = p.faceSets[0], p.palettes[0], s.language
	if s.view.LargeText {
		p.faces = p.faceSets[1]
	}
	if s.view.HighContrast {
		p.palette = p.palettes[1]
	}
}

// draw paints the whole of s.
func (p *painter) draw(s *scene) {
	on, boxes := p.arrange(s)
	p.fill(p.bounds(), on)
	for _, b := range boxes {
		b.paint(b.Rectangle)
	}
}

// arrange returns the boxes of s and the colour behind them.
func (p *painter) arrange(s *scene) (on colour, boxes []box) {
	p.setStyle(s)
	switch {
	case s.page == crossPage:
		return p.palette.ground, p.cross(s)
	case s.page == entryPage || s.checking():
		return p.palette.ground, p.pad(s)
	case s.view.looksLikeHome():
		return p.palette.ground, p.home(s)
	}
	n := p.noticeOf(s)
	return n.ground, p.notice(s, n)
}

// say translates a sentence into the language of the scene.
func (p *painter) say(english string) string { return p.language.say(english) }
