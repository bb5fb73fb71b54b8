package keypad

import "image"

// home is the start page. The names stand at the top and the small signs at the bottom;
// the sign of a card takes the middle of what they leave.
func (p *painter) home(s *scene) []box {
	l, v := p.l, &s.view
	var boxes []box
	in := l.words
	if v.entry() {
		boxes = append(boxes, box{l.button, func(r image.Rectangle) { p.drawButton(r, s.pressed == pinButton) }})
		in.Max.Y = l.button.Min.Y - l.gap
	}
	signs := p.signs(v, in.Dx())
	top, bottom := in.Min.Y+l.gap, in.Max.Y-high(signs)
	// The greeting stands back where the rest would be cramped.
	need := top + l.px(90)
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

// names is the place, the door and, if they are no higher than most with it, the greeting.
func (p *painter) names(v *View, w, most int) []block {
	door := fit(v.Door, w, size{p.fs.title, 2})
	if len(door.lines) == 0 {
		door = fit(v.ReaderID, w, size{p.fs.title, 2})
	}
	names := shown(
		p.words(fit(v.Place, w, size{p.fs.note, 1}), 0, muted),
		p.words(door, 0, text),
	)
	greeted := append(names, shown(p.words(fit(v.Greeting, w, size{p.fs.note, 2}), p.l.gap, muted))...)
	if high(greeted) > most {
		return names
	}
	return greeted
}

// here is what to do at this reader: a sign and its words in the middle of in.
func (p *painter) here(s *scene, in image.Rectangle) []box {
	i, words, col := cardIcon, "Hold your card here", accent
	v := &s.view
	switch {
	case s.identifying():
		i, words = hereIcon, v.ReaderID
		if !s.blink {
			col = edge
		}
	case v.HoldOpen:
		i, words, col = doorIcon, "Door is held open", good
	case v.Screen == Enrol:
		words = "Hold the new card here"
	case v.Screen == OutOfOrder:
		i, words, col = warningIcon, v.works(), warning
	case v.CardOutOfOrder && v.PIN:
		i, words = padIcon, "Enter your PIN"
	case v.CardOutOfOrder:
		i, words, col = warningIcon, "Out of order", warning
	}
	under := shown(p.words(fit(words, in.Dx(), size{p.fs.body, 2}), 2*p.l.gap, text))
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

func (p *painter) drawButton(r image.Rectangle, down bool) {
	col := key
	if down {
		col = pressed
	}
	p.rounded(r, p.corner, col)
	p.centred(p.fs.title, "PIN", (r.Min.X+r.Max.X)/2, (r.Min.Y+r.Max.Y)/2, text)
}
