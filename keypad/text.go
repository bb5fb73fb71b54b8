package keypad

import (
	"image"
	"strings"

	"golang.org/x/image/math/fixed"

	"latchkey/keypad/letters"
)

// legible gives what f can show of s.
func (f *face) legible(s string) string {
	shown, _ := letters.Shown(s, f.has)
	return shown
}

// wrap breaks s into at most n lines of at most width pixels: of two after a comma, which
// keeps a name together, or else as even in length as they come. What does not fit ends in
// an ellipsis. A word longer than a line is broken.
func (f *face) wrap(s string, width, n int) []string {
	full := fixed.I(width)
	lines := f.fold(s, full, n)
	if len(lines) < 2 || strings.HasSuffix(lines[len(lines)-1], "…") {
		return lines
	}
	if head, tail, comma := strings.Cut(s, ", "); comma && len(lines) == 2 && max(f.width(head+","), f.width(tail)) <= full {
		return []string{head + ",", tail}
	}
	// The narrowest measure that gives no more lines makes them even.
	lo, hi := full/2, full
	for hi-lo > fixed.I(2) {
		mid := (lo + hi) / 2
		if even := f.fold(s, mid, n+1); len(even) <= len(lines) && !f.splits(even, s) {
			lines, hi = even, mid
		} else {
			lo = mid
		}
	}
	return lines
}

// splits tells whether lines break a word of s.
func (f *face) splits(lines []string, s string) bool {
	return strings.Join(lines, " ") != s
}

func (f *face) fold(s string, width fixed.Int26_6, n int) []string {
	var lines []string
	for s != "" {
		cut := f.fits(s, width)
		if cut < len(s) && len(lines) == n-1 {
			return append(lines, f.ellipsis(s, width))
		}
		lines = append(lines, strings.TrimRight(s[:cut], " "))
		s = strings.TrimLeft(s[cut:], " ")
	}
	return lines
}

// fits gives how many bytes of s make a line: up to its last space within width, or its
// last hyphen, or as much of a long word as there is room for, but at least one letter.
func (f *face) fits(s string, width fixed.Int26_6) int {
	var w fixed.Int26_6
	space := 0
	for i, r := range s {
		if r == ' ' {
			space = i
		}
		w += f.advance(r)
		if w > width && r != ' ' && i > 0 {
			if space > 0 {
				return space
			}
			return i
		}
		if r == '-' || r == '–' || r == '/' {
			space = i + len(string(r))
		}
	}
	return len(s)
}

// ellipsis cuts s to width, its end replaced by an ellipsis.
func (f *face) ellipsis(s string, width fixed.Int26_6) string {
	room := width - f.advance('…')
	var w fixed.Int26_6
	for i, r := range s {
		if w += f.advance(r); w > room {
			s = s[:i]
			break
		}
	}
	return strings.TrimRight(s, " ,-–·") + "…"
}

// set is a text ready to be painted: a face and its lines.
type set struct {
	face  *face
	lines []string
	whole string // the text that the lines are of
	cut   bool   // something was left out, or a word broken
}

// A size is a face and how many lines of it there may be.
type size struct {
	face  *face
	lines int
}

// fit sets s, at most width pixels wide, in the first of the sizes in which nothing is cut
// off and no word broken, or else in the last one.
func fit(s string, width int, sizes ...size) set {
	var t set
	for _, z := range sizes {
		t = set{face: z.face, whole: z.face.legible(s)}
		t.lines = z.face.wrap(t.whole, width, z.lines)
		if t.cut = !unbroken(t.lines, t.whole); !t.cut {
			break
		}
	}
	return t
}

// unbroken tells whether lines are all of s, parted where s has a space, a hyphen or a
// stroke.
func unbroken(lines []string, s string) bool {
	for _, l := range lines {
		var ok bool
		if s, ok = strings.CutPrefix(s, l); !ok {
			return false
		}
		if s == "" {
			continue
		}
		after := strings.TrimLeft(s, " ")
		if after == s && !strings.HasSuffix(l, "-") && !strings.HasSuffix(l, "–") && !strings.HasSuffix(l, "/") {
			return false
		}
		s = after
	}
	return s == ""
}

// size is how much room the lines take.
func (s set) size() image.Point {
	if s.face == nil {
		return image.Point{}
	}
	var w fixed.Int26_6
	for _, l := range s.lines {
		w = max(w, s.face.width(l))
	}
	return image.Pt(w.Ceil(), len(s.lines)*s.face.leading)
}

// setCentred paints lines centred on x, the first line's box beginning at top.
func (c *canvas) setCentred(s set, x, top int, col colour) {
	for i, l := range s.lines {
		c.centred(s.face, l, x, top+i*s.face.leading+s.face.leading/2, col)
	}
}

// setMiddle paints lines in the middle of r.
func (c *canvas) setMiddle(s set, r image.Rectangle, col colour) {
	c.setCentred(s, (r.Min.X+r.Max.X)/2, (r.Min.Y+r.Max.Y)/2-s.size().Y/2, col)
}
