package keypad

import (
	"fmt"
	"image"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// A face is one font at one size. It keeps each glyph that it has drawn, at four offsets
// within a pixel, so that letters are evenly spaced.
type face struct {
	font    *sfnt.Font
	face    font.Face
	px      int // the font's size: an em in pixels
	leading int // from one line to the next, in pixels
	capital fixed.Int26_6
	buf     sfnt.Buffer
	glyphs  map[glyphKey]*mask
	widths  map[rune]fixed.Int26_6
}

type glyphKey struct {
	r       rune
	quarter uint8
}

// faces are those that the screens use.
type faces struct {
	digit    *face // keys
	far      *face // what is read from some metres
	headline *face // an outcome
	title    *face
	body     *face // what to do
	note     *face
	label    *face // on keys
	fine     *face // what fits in no larger one
}

// newFaces opens the fonts with their sizes times num/den.
func newFaces(num, den int) (*faces, error) {
	var fs faces
	for _, f := range []struct {
		to  **face
		ttf []byte
		px  int
	}{
		{&fs.digit, gomedium.TTF, 30},
		{&fs.far, gobold.TTF, 34},
		{&fs.headline, gobold.TTF, 24},
		{&fs.title, gomedium.TTF, 20},
		{&fs.body, goregular.TTF, 16},
		{&fs.note, goregular.TTF, 14},
		{&fs.label, gomedium.TTF, 15},
		{&fs.fine, goregular.TTF, 12},
	} {
		ft, err := opentype.Parse(f.ttf)
		if err != nil {
			return nil, fmt.Errorf("parse font: %w", err)
		}
		if *f.to, err = newFace(ft, (f.px*num+den/2)/den); err != nil {
			return nil, err
		}
	}
	return &fs, nil
}

func newFace(f *sfnt.Font, px int) (*face, error) {
	// Hinting would only round the metrics; unrounded ones look better when smoothed.
	ff, err := opentype.NewFace(f, &opentype.FaceOptions{Size: float64(px), DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return nil, fmt.Errorf("open font at %d px: %w", px, err)
	}
	return &face{
		font:    f,
		face:    ff,
		px:      px,
		leading: px * 11 / 8,
		capital: ff.Metrics().CapHeight,
		glyphs:  make(map[glyphKey]*mask),
		widths:  make(map[rune]fixed.Int26_6),
	}, nil
}

// has reports whether the font has a glyph for r.
func (f *face) has(r rune) bool {
	i, err := f.font.GlyphIndex(&f.buf, r)
	return err == nil && i != 0
}

// width returns the width of s. The Go fonts have no kerning.
func (f *face) width(s string) fixed.Int26_6 {
	var w fixed.Int26_6
	for _, r := range s {
		w += f.advance(r)
	}
	return w
}

func (f *face) advance(r rune) fixed.Int26_6 {
	w, ok := f.widths[r]
	if !ok {
		w, _ = f.face.GlyphAdvance(r)
		f.widths[r] = w
	}
	return w
}

// glyph returns the mask of r, quarter/4 of a pixel to the right.
func (f *face) glyph(r rune, quarter uint8) *mask {
	k := glyphKey{r, quarter}
	if m, ok := f.glyphs[k]; ok {
		return m
	}
	m := &mask{}
	dr, src, sp, _, ok := f.face.Glyph(fixed.Point26_6{X: fixed.Int26_6(quarter) * 16}, r)
	if a, is := src.(*image.Alpha); ok && is {
		m.org, m.size = dr.Min, dr.Size()
		m.a = make([]uint8, 0, m.size.X*m.size.Y)
		for y := range m.size.Y {
			m.a = append(m.a, a.Pix[a.PixOffset(sp.X, sp.Y+y):][:m.size.X]...)
		}
	}
	f.glyphs[k] = m
	return m
}

// text paints one line that begins at x, its capitals centred on y.
func (c *canvas) text(f *face, s string, x fixed.Int26_6, y int, col colour) {
	base := f.baseline(y)
	for _, r := range s {
		at := x + 8 // to the nearest quarter
		c.paint(f.glyph(r, uint8(at&63/16)), image.Pt(at.Floor(), base), col)
		x += f.advance(r)
	}
}

// baseline returns the baseline of capitals that are centred on y.
func (f *face) baseline(y int) int { return (fixed.I(y) + f.capital/2).Round() }

// centredInk paints one letter with its ink, not its advance, centred on x, and its capital
// centred on y: for digits on keys.
func (c *canvas) centredInk(f *face, r rune, x, y int, col colour) {
	m := f.glyph(r, 0)
	c.paint(m, image.Pt(x-m.org.X-m.size.X/2, f.baseline(y)), col)
}
