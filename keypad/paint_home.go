package keypad

import "image"

// home is the start page. The names are at the top and the status signs at the bottom; the
// icon is in the middle of what they leave.
func (p *painter) home(s *scene) []box {
	l, v := p.l, &s.view
	var boxes []box
	in := l.words
	if v.offersPIN() {
		boxes = append(boxes, p.button(s.pressed == pinButton))
		in.Max.Y = l.button.Min.Y - l.gap
	}
	status := p.statusSigns(v, in.Dx())
	if s.runsDown() {
		bar := p.barBox(s, image.Rect(0, 0, in.Dx(), l.gap))
		bar.space = l.gap
		status = append(status, bar)
	}
	top, bottom := in.Min.Y+l.gap, in.Max.Y-totalHeight(status)
	// Names give way where the icon and its caption would be cramped.
	need := top + l.px(46) + 2*p.faces.body.leading
	if !l.upright {
		need = in.Min.Y + l.gap
	}
	names := p.names(v, in.Dx(), bottom-need)
	icon := l.icon
	if l.upright {
		icon.Min.Y, icon.Max.Y = top+totalHeight(names)+l.gap, bottom-l.gap
	} else {
		// In landscape the icon has a half to itself, and the names some space above them.
		top = max(in.Min.Y, in.Min.Y+(bottom-in.Min.Y-totalHeight(names))/2-l.gap)
	}
	boxes = append(boxes, stack(in, top, names)...)
	boxes = append(boxes, stack(in, bottom, status)...)
	return append(boxes, p.instruction(s, icon)...)
}

// names is the place, the door and the greeting. If that is higher than most, it omits the
// greeting, then shows the door on one line, then omits the place.
func (p *painter) names(v *View, w, most int) []box {
	name := v.Door
	if p.faces.title.legible(name) == "" {
		name = v.ReaderID
	}
	place := p.textBox(fit(v.Place, w, textSize{p.faces.note, 1}), 0, p.palette.muted)
	door := p.textBox(fit(name, w, textSize{p.faces.title, 2}), 0, p.palette.text)
	greeting := p.textBox(fit(v.Greeting, w, textSize{p.faces.note, 2}), p.l.gap, p.palette.muted)
	line := p.textBox(fit(name, w, textSize{p.faces.title, 1}, textSize{p.faces.body, 1}), 0, p.palette.text)
	for _, names := range [][]box{nonEmpty(place, door, greeting), nonEmpty(place, door), nonEmpty(place, line)} {
		if totalHeight(names) <= most {
			return names
		}
	}
	return nonEmpty(line)
}

// instruction is what to do at this reader: an icon and its caption in the middle of in.
func (p *painter) instruction(s *scene, in image.Rectangle) []box {
	i, words, col := cardIcon, "Hold your card here", p.palette.accent
	v := &s.view
	switch {
	case s.identifying():
		i, words = identifyIcon, v.ReaderID
		if !s.blink {
			col = p.palette.edge
		}
	case v.Screen == Open:
		i, words, col = openDoorIcon, "Open", p.palette.good
	case v.Screen == Locked:
		i, words, col = lockedDoorIcon, "Locked", p.palette.warning
	case v.Screen == SecondPIN:
		i, words = padIcon, "Now your PIN"
	case v.Screen == Enrol:
		words = "Hold the new card here"
		if v.Reason != "" {
			words = v.Reason
		}
	case v.Screen == OutOfOrder:
		i, words, col = warningIcon, v.stillWorks(), p.palette.warning
	case v.Both:
		words = "Card and PIN"
	case v.CardOutOfOrder && v.PIN:
		i, words = padIcon, "Enter your PIN"
	case v.CardOutOfOrder:
		i, words, col = warningIcon, "Out of order", p.palette.warning
	}
	under := nonEmpty(p.textBox(p.caption(p.say(words), in.Size()), 2*p.l.gap, p.palette.text))
	w, h := i.field()
	height := p.l.px(int(h))
	if !v.offersPIN() {
		height = height * 4 / 3 // it has the page to itself
	}
	room := in.Dy() - totalHeight(under) - 2*p.l.gap
	for i := range under {
		under[i].space = min(under[i].space, max(room-height, p.l.gap))
		room -= under[i].space
	}
	height = min(height, room, int(float64(in.Dx())*h/w))
	return stackMiddle(in, append([]box{p.iconBox(i, height, col)}, under...))
}

// caption sets the text below an icon, which needs some of room, too: on two lines, or
// smaller and on more if it would be cut.
func (p *painter) caption(words string, room image.Point) paragraph {
	usual := textSize{p.faces.body, 2}
	room.Y -= p.l.px(46)
	for _, z := range []textSize{usual, {p.faces.body, 3}, {p.faces.note, 3}, {p.faces.fine, 4}} {
		if t := fit(words, room.X, z); !t.cut && t.size().Y <= room.Y {
			return t
		}
	}
	return fit(words, room.X, usual)
}

// button is the button that opens the PIN page.
func (p *painter) button(down bool) box {
	r := p.l.button
	word := fit(p.say("PIN"), r.Dx()-4*p.l.gap, textSize{p.faces.title, 1})
	return box{Rectangle: r, texts: []paragraph{word}, paint: func(r image.Rectangle) {
		col, ink := p.palette.key, p.palette.text
		if down {
			col, ink = p.palette.pressed, p.palette.pressedText
		}
		p.drawKeyGround(r, col, p.palette.line)
		p.drawMiddle(word, r, ink)
	}}
}
