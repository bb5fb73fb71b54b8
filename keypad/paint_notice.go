package keypad

import "image"

// A notice is a screen with one thing to say.
type notice struct {
	icon     icon
	sign     colour
	ground   colour
	headline string // not empty
	detail   string // under the headline, as large as a title; may be empty
	todo     string
	fine     string // small; may be empty
}

// noticeOf says what s is about.
func (p *painter) noticeOf(s *scene) notice {
	v := &s.view
	can := p.fs.body.legible
	switch {
	case s.identifying():
		n := notice{icon: hereIcon, sign: accent, ground: ground, headline: "This reader", todo: v.Door}
		if id := can(v.ReaderID); id != "" {
			n.headline = id
		}
		if !s.blink {
			n.sign = edge
		}
		return n
	case v.Screen == Granted:
		n := notice{icon: checkIcon, sign: white, ground: granted, headline: "Welcome", todo: "The door is open"}
		if user := can(v.User); user != "" {
			n.headline += ", " + user
		}
		if door := can(v.Door); door != "" {
			n.todo = door + " is open"
		}
		return n
	case v.Screen == Denied:
		n := notice{icon: crossIcon, sign: white, ground: denied, headline: "Not accepted", todo: "Try again"}
		if reason := can(v.Reason); reason != "" {
			n.todo = reason
		}
		return n
	case v.Screen == Enrolled:
		return notice{icon: checkIcon, sign: good, ground: ground, headline: "Card read", todo: "The controller has it"}
	case v.Screen == Paused:
		return notice{icon: lockIcon, sign: warning, ground: ground, headline: "PIN entry is paused",
			todo: "Use your card or ask for the door to be opened"}
	case v.Screen == NotSetUp:
		return notice{icon: readerIcon, sign: accent, ground: ground, headline: "Not set up", detail: v.ReaderID,
			todo: "Add this reader at the controller", fine: v.Fingerprint}
	}
	return notice{icon: warningIcon, sign: warning, ground: ground, headline: "Out of order", todo: v.works()}
}

// notice is n with the time that runs down below it: sign and words below each other, or,
// lying, beside each other.
func (p *painter) notice(s *scene, n notice) []box {
	l := p.l
	sign, said := l.notice, l.said
	var boxes []box
	ink, small := text, muted
	if s.view.Screen.timed() {
		ink, small = white, white
	} else if signs := p.signs(&s.view, l.bounds.Dx()-4*l.gap); len(signs) > 0 {
		top := l.bounds.Max.Y - 2*l.gap - high(signs)
		boxes = stack(l.bounds, top, signs)
		sign.Max.Y = min(sign.Max.Y, top-l.gap)
		said.Max.Y = sign.Max.Y
	}
	if s.view.Screen == Granted {
		boxes = append(boxes, box{l.bar, func(r image.Rectangle) { p.drawBar(r, s.bar) }})
	}
	height := min(l.px(102), sign.Dx(), sign.Dy())
	if !l.upright {
		boxes = append(boxes, middle(sign, []block{p.sign(n.icon, height, n.sign)})...)
		return append(boxes, middle(said, p.saying(n, said.Size(), ink, small))...)
	}
	room := said.Size()
	room.Y -= l.px(36) + 3*l.gap // the least the sign needs
	words := p.saying(n, room, ink, small)
	words[0].space = 3 * l.gap
	height = min(height, sign.Dy()-high(words)-words[0].space)
	return append(boxes, middle(sign, append([]block{p.sign(n.icon, height, n.sign)}, words...))...)
}

// saying is the words of n, on fewer lines where they are higher than room.
func (p *painter) saying(n notice, room image.Point, ink, small colour) []block {
	fs, g, w := p.fs, p.l.gap, room.X
	for lines := 3; ; lines-- {
		words := shown(
			p.words(fit(n.headline, w, size{fs.headline, min(lines, 2)}, size{fs.title, lines}), 0, ink),
			p.words(fit(n.detail, w, size{fs.title, 1}, size{fs.body, min(lines, 2)}), g/2, ink),
			p.words(fit(n.todo, w, size{fs.body, lines}, size{fs.note, lines}), g/2, ink),
			p.words(fit(n.fine, w, size{fs.note, lines}), g, small),
		)
		if lines == 1 || high(words) <= room.Y {
			return words
		}
	}
}

// drawBar paints the time that runs down in r: n pixels of it are left.
func (p *painter) drawBar(r image.Rectangle, n int) {
	p.rounded(r, p.small, good)
	if n > 0 {
		r.Max.X = r.Min.X + max(n, r.Dy()) // never shorter than its round ends
		p.rounded(r, p.small, white)
	}
}
