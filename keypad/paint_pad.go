package keypad

import (
	"image"
	"math"
)

// breaths is how many pictures there are of one breath of the dots on Checking.
const breaths = 24

// pad is the PIN page, or the same with dimmed keys while an entry is looked up.
func (p *painter) pad(s *scene) []box {
	words := "Enter your PIN"
	if s.checking() {
		words = "Checking"
	}
	in := p.l.heading
	heading := []block{p.words(fit(words, in.Dx(), size{p.fs.title, 2}), 0, text)}
	boxes := middle(in, heading)
	if !p.l.upright {
		boxes = stack(in, in.Max.Y-high(heading), heading)
	}
	for i, at := range p.l.dots {
		at = at.Sub(p.dot.size.Div(2))
		boxes = append(boxes, box{image.Rectangle{Min: at, Max: at.Add(p.dot.size)},
			func(r image.Rectangle) { p.drawDot(s, i, r.Min) }})
	}
	for i, r := range p.l.keys {
		boxes = append(boxes, box{r, func(r image.Rectangle) { p.drawKey(s, target(i), r) }})
	}
	return boxes
}

func (p *painter) drawDot(s *scene, i int, at image.Point) {
	switch {
	case s.checking():
		// A breath passes through the dots from left to right.
		turn := float64(s.phase)/breaths - float64(i)/16
		a := 0.6 + 0.4*math.Cos(2*math.Pi*turn)
		p.paint(p.dot, at, accent.over(ground, int(255*a)))
	case i < s.filled:
		p.paint(p.dot, at, accent)
	default:
		p.paint(p.ring, at, edge)
	}
}

func (p *painter) drawKey(s *scene, t target, r image.Rectangle) {
	place, digit := t.place()
	ink, word := text, muted
	switch {
	case s.checking():
		ink, word = edge, edge
		if digit {
			p.rounded(r, p.corner, surface)
		}
	case s.pressed == t:
		word = text
		p.rounded(r, p.corner, pressed)
	case digit:
		p.rounded(r, p.corner, key)
	}
	x, y := (r.Min.X+r.Max.X)/2, (r.Min.Y+r.Max.Y)/2
	switch {
	case digit:
		p.ink(p.fs.digit, '0'+rune(s.order[place]), x, y, ink)
	case t == cancelKey:
		p.centred(p.fs.label, "Cancel", x, y, word)
	case t == backspaceKey:
		p.paint(p.icon(backspaceIcon, p.l.px(20)), image.Pt(x, y), word)
	}
}
