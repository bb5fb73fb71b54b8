package keypad

import (
	"fmt"
	"image"
)

// crossed is a cross to be touched, or, where there is none, what came of it.
func (p *painter) crossed(s *scene) []box {
	l, fs := p.l, p.fs
	words := fit(p.say(s.said), l.bounds.Dx()-8*l.gap, size{fs.title, 1}, size{fs.body, 2}, size{fs.note, 2})
	if s.cross == (image.Point{}) {
		return middle(l.bounds.Inset(2*l.gap), []block{
			p.sign(checkIcon, l.px(102), p.ink.good), p.words(words, 3*l.gap, p.ink.text),
		})
	}
	col := p.ink.accent
	if s.taken {
		col = p.ink.good
	}
	aim := p.icon(aimIcon, l.px(33))
	at := s.cross.Add(aim.org)
	boxes := []box{{
		Rectangle: image.Rectangle{Min: at, Max: at.Add(aim.size)},
		paint:     func(image.Rectangle) { p.paint(aim, s.cross, col) },
	}}
	// The words keep clear of all crosses: between the first and the second.
	in := l.bounds
	in.Min.Y, in.Max.Y = in.Max.Y/5, in.Max.Y/2-l.px(17)
	count := fit(fmt.Sprintf("%d / %d", s.nth, crossRounds*crossPlaces), in.Dx(), size{fs.note, 1})
	return append(boxes, middle(in, []block{p.words(words, 0, p.ink.text), p.words(count, 0, p.ink.muted)})...)
}
