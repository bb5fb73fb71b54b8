package keypad

import (
	"image"
	"math"
)

// breaths is how many pictures there are of one breath of the dots on Checking.
const breaths = 24

// pad is the PIN page, or the same with dimmed keys while an entry is looked up.
func (p *painter) pad(s *scene) []box {
	fs, words := p.fs, "Enter your PIN"
	if s.checking() {
		words = "Checking"
	}
	in := p.l.heading
	sizes := []size{{fs.title, 1}, {fs.body, 1}, {fs.note, 1}, {fs.fine, 1}}
	if !p.l.upright {
		sizes = []size{{fs.title, 2}, {fs.body, 3}, {fs.note, 3}, {fs.fine, 3}}
	}
	heading := []block{p.words(fit(p.say(words), in.Dx(), sizes...), 0, p.ink.text)}
	boxes := middle(in, heading)
	if !p.l.upright {
		boxes = stack(in, in.Max.Y-high(heading), heading)
	}
	for i, at := range p.l.dots {
		at = at.Sub(p.dot.size.Div(2))
		boxes = append(boxes, box{image.Rectangle{Min: at, Max: at.Add(p.dot.size)},
			func(r image.Rectangle) { p.drawDot(s, i, r.Min) }, nil})
	}
	for i, r := range p.l.keys {
		var word set
		if i == cancelKey {
			word = fit(p.say("Cancel"), r.Dx()-4*p.l.px(outline), size{fs.label, 1}, size{fs.note, 1}, size{fs.fine, 1}, size{p.types[0].note, 1})
		}
		boxes = append(boxes, box{r, func(r image.Rectangle) { p.drawKey(s, target(i), r, word) }, []set{word}})
	}
	return boxes
}

func (p *painter) drawDot(s *scene, i int, at image.Point) {
	switch {
	case s.checking():
		// A breath passes through the dots from left to right.
		turn := float64(s.phase)/breaths - float64(i)/16
		a := 0.6 + 0.4*math.Cos(2*math.Pi*turn)
		p.paint(p.dot, at, p.ink.accent.over(p.ink.ground, int(255*a)))
	case i < s.filled:
		p.paint(p.dot, at, p.ink.accent)
	default:
		p.paint(p.ring, at, p.ink.edge)
	}
}

// drawKey paints the key t, with its word where it has one. Only digits stand on a ground
// while they are not pressed, unless all keys have an outline.
func (p *painter) drawKey(s *scene, t target, r image.Rectangle, word set) {
	place, digit := t.place()
	col, line, ink := p.ink.key, p.ink.line, p.ink.muted
	if digit {
		ink = p.ink.text
	}
	switch {
	case s.checking():
		col, line, ink = p.ink.surface, p.ink.dimmed, p.ink.edge
	case s.pressed == t:
		col, ink = p.ink.pressed, p.ink.caught
	}
	if digit || s.pressed == t || p.ink.outline {
		p.drawKeyGround(r, col, line)
	}
	switch {
	case digit:
		p.centredInk(p.fs.digit, '0'+rune(s.order[place]), (r.Min.X+r.Max.X)/2, (r.Min.Y+r.Max.Y)/2, ink)
	case t == backspaceKey:
		p.paint(p.icon(backspaceIcon, p.l.px(20)), image.Pt((r.Min.X+r.Max.X)/2, (r.Min.Y+r.Max.Y)/2), ink)
	default:
		p.setMiddle(word, r, ink)
	}
}
