package keypad

import "image"

// A remark is one of the small signs with its words.
type remark struct {
	icon  icon
	words string
}

// signs is what is not as it should be, each a small sign with its words, in rows at most
// w pixels wide. It is the same on every screen that waits.
func (p *painter) signs(v *View, w int) []block {
	var rs []remark
	if v.PINOutOfOrder && v.Screen == Home && !v.PIN {
		rs = append(rs, remark{warningIcon, "Cards only"})
	}
	if words := p.fs.note.legible(v.Notes); words != "" {
		// One that is too long is cut.
		if room := w - p.width([]remark{{}}); p.fs.note.width(words).Ceil() > room {
			words = p.fs.note.wrap(words, room, 1)[0]
		}
		rs = append(rs, remark{warningIcon, words})
	}
	if v.LinkLost {
		rs = append(rs, remark{linkIcon, "No link"})
	}
	if v.ClockUntrusted {
		rs = append(rs, remark{clockIcon, "Clock not set"})
	}
	var rows []block
	for len(rs) > 0 {
		n := 1
		for n < len(rs) && p.width(rs[:n+1]) <= w {
			n++
		}
		row := rs[:n]
		rows = append(rows, block{
			size:  image.Pt(p.width(row), p.l.px(20)),
			paint: func(r image.Rectangle) { p.drawRow(row, r) },
		})
		rs = rs[n:]
	}
	return rows
}

// width is how wide a row of remarks is.
func (p *painter) width(rs []remark) int {
	w := 2 * p.l.gap * (len(rs) - 1)
	for _, r := range rs {
		w += p.l.px(16) + p.l.gap + p.fs.note.width(r.words).Ceil()
	}
	return w
}

func (p *painter) drawRow(rs []remark, in image.Rectangle) {
	f := p.fs.note
	x, y := in.Min.X, (in.Min.Y+in.Max.Y)/2
	for _, r := range rs {
		p.paint(p.icon(r.icon, p.l.px(16)), image.Pt(x+p.l.px(8), y), warning)
		x += p.l.px(16) + p.l.gap
		p.left(f, r.words, x, y, muted)
		x += f.width(r.words).Ceil() + 2*p.l.gap
	}
}
