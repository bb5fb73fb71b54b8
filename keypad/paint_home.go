package keypad

import "image"

// home is the start page. The names stand at the top and the small signs at the bottom;
// the sign of a card takes the middle of what they leave.
func (p *painter) home(s *scene) []box {
	l, v := p.l, &s.view
	var boxes []box
	in := l.words
	if v.entry() {
		boxes = append(boxes, p.button(s.pressed == pinButton))
		in.Max.Y = l.button.Min.Y - l.gap
	}
	signs := p.signs(v, in.Dx())
	top, bottom := in.Min.Y+l.gap, in.Max.Y-high(signs)
	// Names stand back where the sign and its words would be cramped.
	need := top + l.px(46) + 2*p.fs.body.leading
	if !l.upright {
		need = in.Min.Y + l.gap
	}
	names := p.names(v, in.Dx(), bottom-need)
	sign := l.sign
	if l.upright {
		sign.Min.Y, sign.Max.Y = top+high(names)+l.gap, bottom-l.gap
	} else {
		// Lying, the sign has a half for itself, and the names some air above them.
		top = max(in.Min.Y, in.Min.Y+(bottom-in.Min.Y-high(names))/2-l.gap)
	}
	boxes = append(boxes, stack(in, top, names)...)
	boxes = append(boxes, stack(in, bottom, signs)...)
	return append(boxes, p.here(s, sign)...)
}

// names is the place, the door and the greeting, or the first of these with which they are
// no higher than most: without the greeting, the door's name on one line, without the place.
func (p *painter) names(v *View, w, most int) []block {
	name := v.Door
	if p.fs.title.legible(name) == "" {
		name = v.ReaderID
	}
	place := p.words(fit(v.Place, w, size{p.fs.note, 1}), 0, p.ink.muted)
	door := p.words(fit(name, w, size{p.fs.title, 2}), 0, p.ink.text)
	greeting := p.words(fit(v.Greeting, w, size{p.fs.note, 2}), p.l.gap, p.ink.muted)
	line := p.words(fit(name, w, size{p.fs.title, 1}, size{p.fs.body, 1}), 0, p.ink.text)
	for _, names := range [][]block{shown(place, door, greeting), shown(place, door), shown(place, line)} {
		if high(names) <= most {
			return names
		}
	}
	return shown(line)
}

// here is what to do at this reader: a sign and its words in the middle of in.
func (p *painter) here(s *scene, in image.Rectangle) []box {
	i, words, col := cardIcon, "Hold your card here", p.ink.accent
	v := &s.view
	switch {
	case s.identifying():
		i, words = hereIcon, v.ReaderID
		if !s.blink {
			col = p.ink.edge
		}
	case v.HoldOpen:
		i, words, col = doorIcon, "Door is held open", p.ink.good
	case v.Screen == Enrol:
		words = "Hold the new card here"
	case v.Screen == OutOfOrder:
		i, words, col = warningIcon, v.works(), p.ink.warning
	case v.CardOutOfOrder && v.PIN:
		i, words = padIcon, "Enter your PIN"
	case v.CardOutOfOrder:
		i, words, col = warningIcon, "Out of order", p.ink.warning
	}
	under := shown(p.words(p.under(p.say(words), in.Size()), 2*p.l.gap, p.ink.text))
	w, h := i.field()
	height := p.l.px(int(h))
	if !v.entry() {
		height = height * 4 / 3 // it has the page for itself
	}
	room := in.Dy() - high(under) - 2*p.l.gap
	for i := range under {
		under[i].space = min(under[i].space, max(room-height, p.l.gap))
		room -= under[i].space
	}
	height = min(height, room, int(float64(in.Dx())*h/w))
	return middle(in, append([]block{p.sign(i, height, col)}, under...))
}

// under sets the words under a sign that must have some of room, too: on two lines, or
// smaller and on more if something would be cut.
func (p *painter) under(words string, room image.Point) set {
	usual := size{p.fs.body, 2}
	room.Y -= p.l.px(46)
	for _, z := range []size{usual, {p.fs.body, 3}, {p.fs.note, 3}, {p.fs.fine, 4}} {
		if t := fit(words, room.X, z); !t.cut && t.size().Y <= room.Y {
			return t
		}
	}
	return fit(words, room.X, usual)
}

// button is the one that opens the PIN page.
func (p *painter) button(down bool) box {
	r := p.l.button
	word := fit(p.say("PIN"), r.Dx()-4*p.l.gap, size{p.fs.title, 1})
	return box{r, func(r image.Rectangle) {
		col, ink := p.ink.key, p.ink.text
		if down {
			col, ink = p.ink.pressed, p.ink.caught
		}
		p.drawKeyGround(r, col, p.ink.line)
		p.setMiddle(word, r, ink)
	}, []set{word}}
}

// drawKeyGround paints what a key's word stands on, in an outline where the palette has one.
func (p *painter) drawKeyGround(r image.Rectangle, col, line colour) {
	if !p.ink.outline {
		p.rounded(r, p.corner, col)
		return
	}
	p.rounded(r, p.corner, line)
	p.rounded(r.Inset(p.l.px(outline)), p.inner, col)
}
