package keypad

import "image"

// A remark is one of the small signs with its words, on one line.
type remark struct {
	icon  icon
	words set
}

// signs is what is not as it should be, each a small sign with its words, in rows at most
// w pixels wide. It is the same on every screen that waits.
func (p *painter) signs(v *View, w int) []block {
	var rs []remark
	remarks := func(i icon, words string) {
		room := w - p.width([]remark{{}})
		t := fit(p.say(words), room, size{p.fs.note, 1}, size{p.fs.fine, 1})
		if len(t.lines) > 0 {
			rs = append(rs, remark{i, t})
		}
	}
	remarks(warningIcon, v.Notes)
	if v.LinkLost {
		remarks(linkIcon, "No link")
	}
	if v.ClockUntrusted {
		remarks(clockIcon, "Clock not set")
	}
	var rows []block
	for len(rs) > 0 {
		n := 1
		for n < len(rs) && p.width(rs[:n+1]) <= w {
			n++
		}
		row := rs[:n]
		rows = append(rows, block{
			size:  image.Pt(p.width(row), p.signHeight()*5/4),
			paint: func(r image.Rectangle) { p.drawRow(row, r) },
		})
		for _, r := range row {
			rows[len(rows)-1].said = append(rows[len(rows)-1].said, r.words)
		}
		rs = rs[n:]
	}
	return rows
}

// signHeight is how large a small sign is, in pixels: a little more than its words.
func (p *painter) signHeight() int { return (p.fs.note.px*8 + 6) / 7 }

// width is how wide a row of remarks is.
func (p *painter) width(rs []remark) int {
	w := 2 * p.l.gap * (len(rs) - 1)
	for _, r := range rs {
		w += p.signHeight() + p.l.gap + r.words.size().X
	}
	return w
}

func (p *painter) drawRow(rs []remark, in image.Rectangle) {
	x, y := in.Min.X, (in.Min.Y+in.Max.Y)/2
	for _, r := range rs {
		p.paint(p.icon(r.icon, p.signHeight()), image.Pt(x+p.signHeight()/2, y), p.ink.warning)
		x += p.signHeight() + p.l.gap
		p.left(r.words.face, r.words.lines[0], x, y, p.ink.muted)
		x += r.words.size().X + 2*p.l.gap
	}
}
