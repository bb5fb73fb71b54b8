package keypad

import (
	"image"
	"math"
)

// breaths is how many steps the moving dots of Checking take until they start again.
const breaths = 24

// pad is the PIN page, or the same with dimmed keys while a PIN is looked up.
func (p *painter) pad(s *scene) []box {
	fs, words := p.faces, "Enter your PIN"
	switch {
	case s.checking():
		words = "Checking"
	case s.view.Screen == SecondPIN:
		words = "Now your PIN"
	}
	in := p.l.heading
	sizes := []textSize{{fs.title, 1}, {fs.body, 1}, {fs.note, 1}, {fs.fine, 1}}
	if !p.l.upright {
		sizes = []textSize{{fs.title, 2}, {fs.body, 3}, {fs.note, 3}, {fs.fine, 3}}
	}
	heading := []box{p.textBox(fit(p.say(words), in.Dx(), sizes...), 0, p.palette.text)}
	boxes := stackMiddle(in, heading)
	if !p.l.upright {
		boxes = stack(in, in.Max.Y-totalHeight(heading), heading)
	}
	for i, at := range p.l.dots {
		at = at.Sub(p.dot.size.Div(2))
		boxes = append(boxes, box{Rectangle: image.Rectangle{Min: at, Max: at.Add(p.dot.size)},
			paint: func(r image.Rectangle) { p.drawDot(s, i, r.Min) }})
	}
	if s.runsDown() {
		boxes = append(boxes, p.barBox(s, p.l.entryBar))
	}
	for i, r := range p.l.keys {
		var word paragraph
		if i == cancelKey {
			word = fit(p.say("Cancel"), r.Dx()-4*p.l.px(outlineWidth), textSize{fs.label, 1}, textSize{fs.note, 1}, textSize{fs.fine, 1}, textSize{p.faceSets[0].note, 1})
		}
		boxes = append(boxes, box{Rectangle: r, texts: []paragraph{word}, paint: func(r image.Rectangle) { p.drawKey(s, target(i), r, word) }})
	}
	return boxes
}

func (p *painter) drawDot(s *scene, i int, at image.Point) {
	switch {
	case s.checking():
		// A wave of brightness runs through the dots from left to right.
		turn := float64(s.phase)/breaths - float64(i)/16
		a := 0.6 + 0.4*math.Cos(2*math.Pi*turn)
		p.paint(p.dot, at, p.palette.accent.over(p.palette.ground, int(255*a)))
	case i < s.filled:
		p.paint(p.dot, at, p.palette.accent)
	default:
		p.paint(p.ring, at, p.palette.edge)
	}
}

// drawKey paints the key t, with its word where it has one. A key that is not pressed has a
// ground of its own only if it is a digit, or if all keys have an outline.
func (p *painter) drawKey(s *scene, t target, r image.Rectangle, word paragraph) {
	place, digit := t.place()
	col, line, ink := p.palette.key, p.palette.line, p.palette.muted
	if digit {
		ink = p.palette.text
	}
	switch {
	case s.checking():
		col, line, ink = p.palette.surface, p.palette.dimmed, p.palette.edge
	case s.pressed == t:
		col, ink = p.palette.pressed, p.palette.pressedText
	}
	if digit || s.pressed == t || p.palette.outline {
		p.drawKeyGround(r, col, line)
	}
	switch {
	case digit:
		p.centredInk(p.faces.digit, '0'+rune(s.order[place]), (r.Min.X+r.Max.X)/2, (r.Min.Y+r.Max.Y)/2, ink)
	case t == backspaceKey:
		p.paint(p.icon(backspaceIcon, p.l.px(20)), image.Pt((r.Min.X+r.Max.X)/2, (r.Min.Y+r.Max.Y)/2), ink)
	default:
		p.drawMiddle(word, r, ink)
	}
}

// drawKeyGround paints a key without its label, with an outline if the palette has one.
func (p *painter) drawKeyGround(r image.Rectangle, col, line colour) {
	if !p.palette.outline {
		p.rounded(r, p.corner, col)
		return
	}
	p.rounded(r, p.corner, line)
	p.rounded(r.Inset(p.l.px(outlineWidth)), p.inner, col)
}
