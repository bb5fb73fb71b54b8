package keypad

import (
	"image"
	"strings"

	"golang.org/x/image/math/fixed"

	"latchkey/keypad/letters"
)

// legible returns s as f can show it.
func (f *face) legible(s string) string {
	shown, _ := letters.Shown(s, f.has)
	return shown
}

// wrap breaks s into at most n lines of at most width pixels: two lines after a comma, if
// that is possible, to keep a name together, or else into lines of about the same length.
// What does not fit ends in an ellipsis. A word longer than a line is broken.
func (f *face) wrap(s string, width, n int) []string {
	full := fixed.I(width)
	lines := f.breakLines(s, full, n)
	if len(lines) < 2 || strings.HasSuffix(lines[len(lines)-1], "…") {
		return lines
	}
	if head, tail, comma := strings.Cut(s, ", "); comma && len(lines) == 2 && max(f.width(head+","), f.width(tail)) <= full {
		return []string{head + ",", tail}
	}
	// The narrowest width that needs no more lines makes them even.
	lo, hi := full/2, full
	for hi-lo > fixed.I(2) {
		mid := (lo + hi) / 2
		if even := f.breakLines(s, mid, n+1); len(even) <= len(lines) && strings.Join(even, " ") == s { // no word is broken
			lines, hi = even, mid
		} else {
			lo = mid
		}
	}
	return lines
}

// breakLines breaks s into at most n lines, each as full as can be.
func (f *face) breakLines(s string, width fixed.Int26_6, n int) []string {
	var lines []string
	for s != "" {
		cut := f.lineEnd(s, width)
		if cut < len(s) && len(lines) == n-1 {
			return append(lines, f.ellipsis(s, width))
		}
		lines = append(lines, strings.TrimRight(s[:cut], " "))
		s = strings.TrimLeft(s[cut:], " ")
	}
	return lines
}

// lineEnd returns how many bytes of s make a line: up to the last space or hyphen within
// width, or as much of a long word as there is room for, but at least one letter.
func (f *face) lineEnd(s string, width fixed.Int26_6) int {
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

// ellipsis cuts s to width, with an ellipsis at the end.
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

// A paragraph is a text that is ready to be painted: a face and its lines.
type paragraph struct {
	face  *face
	lines []string
	whole string // the text, as far as it is legible
	cut   bool   // something was left out, or a word broken
}

// A textSize is a face and the most lines of it.
type textSize struct {
	face  *face
	lines int
}

// fit sets s, at most width pixels wide, in the first of the sizes in which nothing is cut
// off and no word is broken, or else in the last one.
func fit(s string, width int, sizes ...textSize) paragraph {
	var t paragraph
	for _, z := range sizes {
		t = paragraph{face: z.face, whole: z.face.legible(s)}
		t.lines = z.face.wrap(t.whole, width, z.lines)
		if t.cut = !intact(t.lines, t.whole); !t.cut {
			break
		}
	}
	return t
}

// intact reports whether lines are all of s, broken only at a space, a hyphen or a slash.
func intact(lines []string, s string) bool {
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

// size returns how much room the lines take.
func (s paragraph) size() image.Point {
	if s.face == nil {
		return image.Point{}
	}
	var w fixed.Int26_6
	for _, l := range s.lines {
		w = max(w, s.face.width(l))
	}
	return image.Pt(w.Ceil(), len(s.lines)*s.face.leading)
}

// drawCentred paints lines centred on x, the first of which begins at top.
func (c *canvas) drawCentred(s paragraph, x, top int, col colour) {
	for i, l := range s.lines {
		c.text(s.face, l, fixed.I(x)-s.face.width(l)/2, top+i*s.face.leading+s.face.leading/2, col)
	}
}

// drawMiddle paints lines in the middle of r.
func (c *canvas) drawMiddle(s paragraph, r image.Rectangle, col colour) {
	c.drawCentred(s, (r.Min.X+r.Max.X)/2, (r.Min.Y+r.Max.Y)/2-s.size().Y/2, col)
}
