package keypad

import (
	"fmt"
	"image"
)

// cross is a cross to be touched, or, where there is none, the end of a calibration.
func (p *painter) cross(s *scene) []box {
	l, fs := p.l, p.faces
	words := fit(p.say(s.prompt), l.bounds.Dx()-8*l.gap, textSize{fs.title, 1}, textSize{fs.body, 2}, textSize{fs.note, 2})
	if s.cross == (image.Point{}) {
		return stackMiddle(l.bounds.Inset(2*l.gap), []box{
			p.iconBox(checkIcon, l.px(102), p.palette.good), p.textBox(words, 3*l.gap, p.palette.text),
		})
	}
	col := p.palette.accent
	if s.crossTaken {
		col = p.palette.good
	}
	aim := p.icon(crosshairIcon, l.px(33))
	at := s.cross.Add(aim.org)
	boxes := []box{{
		Rectangle: image.Rectangle{Min: at, Max: at.Add(aim.size)},
		paint:     func(image.Rectangle) { p.paint(aim, s.cross, col) },
	}}
	// The text keeps clear of all crosses: it is between the first and the second.
	in := l.bounds
	in.Min.Y, in.Max.Y = in.Max.Y/5, in.Max.Y/2-l.px(17)
	count := fit(fmt.Sprintf("%d / %d", s.crossNumber, crossRounds*crossPlaces), in.Dx(), textSize{fs.note, 1})
	return append(boxes, stackMiddle(in, []box{p.textBox(words, 0, p.palette.text), p.textBox(count, 0, p.palette.muted)})...)
}
