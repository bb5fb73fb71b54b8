package keypad

import (
	"fmt"
	"image"
)

// A layout places the elements on a panel of one size. Everything scales with the unit,
// the width of the largest 3:4 panel that fits into it: a gap is 6 px on 240 x 320 and 8 px on
// 320 x 480.
type layout struct {
	bounds  image.Rectangle
	unit    int  // in pixels, standing for 240
	upright bool // portrait
	gap     int  // the usual space between things
	corner  int  // the radius of a key's corners

	// The start page: the icon and its caption are in icon, between (or, in landscape,
	// beside) the names and the status signs, which are in words above the PIN button.
	icon, words, button image.Rectangle

	// The PIN page: its heading, the eight dots, the bar where its time is limited, and the
	// keys as on a telephone: 1 to 9, cancel, 0, backspace.
	heading  image.Rectangle
	dots     [pinLen]image.Point // centres
	entryBar image.Rectangle
	keys     [12]image.Rectangle

	// A notice: its icon above its text in notice; or, in landscape, the icon in notice
	// and the text in noticeText beside it. The bar shows the time that is left.
	notice, noticeText, bar image.Rectangle
}

// entryLen is how many digits a PIN has.
const pinLen = 8

// The keys in layout.keys that are no digits.
const (
	cancelKey    = 9
	backspaceKey = 11
)

// measure lays out a panel of at least 240 x 320 pixels, portrait or landscape.
func measure(size image.Point) (*layout, error) {
	short, long := min(size.X, size.Y), max(size.X, size.Y)
	if short < 240 || long < 320 {
		return nil, fmt.Errorf("a panel of %v pixels is too small: 240x320 is the least", size)
	}
	l := &layout{bounds: image.Rectangle{Max: size}, unit: min(short, long*3/4), upright: size.Y >= size.X}
	l.gap, l.corner = l.px(6), l.px(10)
	l.start()
	l.pad()
	l.notices()
	return l, nil
}

// String is the size, as "240x320".
func (l *layout) String() string { return fmt.Sprintf("%dx%d", l.bounds.Dx(), l.bounds.Dy()) }

// barWidth returns how wide the bar on s is.
func (l *layout) barWidth(s *scene) int {
	switch {
	case s.page == entryPage:
		return l.entryBar.Dx()
	case s.view.looksLikeHome():
		return l.words.Dx()
	}
	return l.bar.Dx()
}

// px scales n pixels of a 240 x 320 panel to this one.
func (l *layout) px(n int) int { return (n*l.unit + 120) / 240 }

// start places the start page: in one column, or, in landscape, the icon left of the rest.
func (l *layout) start() {
	in := l.bounds.Inset(2 * l.gap)
	l.icon, l.words = in, in
	if !l.upright {
		l.words.Min.X = in.Min.X + in.Dx()*9/20
		l.icon.Max.X = l.words.Min.X - 2*l.gap
	}
	l.button = l.words
	l.button.Min.Y = l.button.Max.Y - l.px(56)
}

// notices places notices.
func (l *layout) notices() {
	g, low := l.gap, 6*l.gap
	if !l.upright {
		low = 4 * g
	}
	in := l.bounds.Inset(2 * g)
	bottom := l.bounds.Max.Y - low
	l.bar = image.Rect(4*g, bottom, l.bounds.Max.X-4*g, bottom+g)
	in.Max.Y = l.bar.Min.Y - g
	l.notice, l.noticeText = in, in
	if !l.upright {
		l.notice.Min.Y += g
		l.notice.Max.X = in.Min.X + in.Dx()*2/5
		l.noticeText.Min = image.Pt(l.notice.Max.X+g, l.notice.Min.Y)
	}
}

// pad places the PIN page: its heading above the keys, or, in landscape, left of them.
func (l *layout) pad() {
	size, g := l.bounds.Size(), l.gap
	head := image.Rect(0, 0, size.X, 14*g)
	area := image.Rect(g, head.Max.Y, size.X-g, size.Y-g)
	if !l.upright {
		head = image.Rect(0, 0, size.X/3, size.Y)
		// A narrower margin makes targets of 9 mm on glass of 2.4 inches.
		area = image.Rect(head.Max.X, g-l.px(1), size.X-g, size.Y-g+l.px(1))
	}
	k := image.Pt((area.Dx()-2*g)/3, (area.Dy()-3*g)/4)
	// The remainders of the divisions go to the edges.
	at := area.Min.Add(image.Pt((area.Dx()-2*g-3*k.X)/2, (area.Dy()-3*g-4*k.Y)/2))
	for i := range l.keys {
		p := at.Add(image.Pt(i%3*(k.X+g), i/3*(k.Y+g)))
		l.keys[i] = image.Rectangle{Min: p, Max: p.Add(k)}
	}
	pitch, rows := l.px(20), 1
	l.heading = image.Rect(g, 2*g, size.X-g, 7*g)
	middle := 10 * g
	l.entryBar = image.Rect(4*g, 12*g, size.X-4*g, 13*g)
	if !l.upright {
		rows = 2
		mid := size.Y / 2
		l.heading = image.Rect(2*g, mid-10*g, head.Max.X-g, mid-g)
		middle = mid + 3*g
		l.entryBar = image.Rect(l.heading.Min.X, middle+pitch+3*g, l.heading.Max.X, middle+pitch+4*g)
	}
	each := pinLen / rows
	for i := range l.dots {
		l.dots[i] = image.Pt(
			(head.Min.X+head.Max.X)/2+(2*(i%each)-each+1)*pitch/2,
			middle+i/each*pitch)
	}
}
