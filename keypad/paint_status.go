package keypad

import (
	"image"

	"golang.org/x/image/math/fixed"
)

// A statusSign is a small icon with its text, on one line.
type statusSign struct {
	icon  icon
	words paragraph
}

// statusSigns is what is not as it should be, in rows at most w pixels wide. It is the same
// on every screen that waits.
func (p *painter) statusSigns(v *View, w int) []box {
	var rs []statusSign
	add := func(i icon, words string) {
		room := w - p.statusWidth([]statusSign{{}})
		t := fit(p.say(words), room, textSize{p.faces.note, 1}, textSize{p.faces.fine, 1})
		if len(t.lines) > 0 {
			rs = append(rs, statusSign{i, t})
		}
	}
	add(warningIcon, v.Notes)
	if v.LinkLost {
		add(linkIcon, "No link")
	}
	if v.ClockUntrusted {
		add(clockIcon, "Clock not set")
	}
	var rows []box
	for len(rs) > 0 {
		n := 1
		for n < len(rs) && p.statusWidth(rs[:n+1]) <= w {
			n++
		}
		row := rs[:n]
		b := box{paint: func(r image.Rectangle) { p.drawStatusRow(row, r) }}
		b.Max = image.Pt(p.statusWidth(row), p.signHeight()*5/4)
		for _, r := range row {
			b.texts = append(b.texts, r.words)
		}
		rows = append(rows, b)
		rs = rs[n:]
	}
	return rows
}

// signHeight is the height of a small icon, in pixels: a little more than its text.
func (p *painter) signHeight() int { return (p.faces.note.px*8 + 6) / 7 }

// statusWidth returns how wide a row is.
func (p *painter) statusWidth(rs []statusSign) int {
	w := 2 * p.l.gap * (len(rs) - 1)
	for _, r := range rs {
		w += p.signHeight() + p.l.gap + r.words.size().X
	}
	return w
}

func (p *painter) drawStatusRow(rs []statusSign, in image.Rectangle) {
	x, y := in.Min.X, (in.Min.Y+in.Max.Y)/2
	for _, r := range rs {
		p.paint(p.icon(r.icon, p.signHeight()), image.Pt(x+p.signHeight()/2, y), p.palette.warning)
		x += p.signHeight() + p.l.gap
		p.text(r.words.face, r.words.lines[0], fixed.I(x), y, p.palette.muted)
		x += r.words.size().X + 2*p.l.gap
	}
}
