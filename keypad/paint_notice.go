package keypad

import "image"

// A notice is a screen with one thing to say.
type notice struct {
	icon     icon
	sign     colour
	ground   colour
	headline string
	detail   string // under the headline, as large as a title; may be empty
	todo     string
	fine     string // small; may be empty
}

// noticeOf says what v is about.
func noticeOf(s *scene) notice {
	v := &s.view
	switch {
	case s.identifying():
		n := notice{icon: hereIcon, sign: accent, ground: ground, headline: v.ReaderID, todo: v.Door}
		if !s.blink {
			n.sign = edge
		}
		return n
	case v.Screen == Granted:
		n := notice{icon: checkIcon, sign: white, ground: granted, headline: "Welcome", todo: "The door is open"}
		if v.User != "" {
			n.headline += ", " + v.User
		}
		if v.Door != "" {
			n.todo = v.Door + " is open"
		}
		return n
	case v.Screen == Denied:
		n := notice{icon: crossIcon, sign: white, ground: denied, headline: "Not accepted", todo: "Try again"}
		if v.Reason != "" {
			n.todo = v.Reason
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
	w := said.Dx()
	words := shown(
		p.words(fit(n.headline, w, size{p.fs.headline, 2}, size{p.fs.title, 3}), 3*l.gap, ink),
		p.words(fit(n.detail, w, size{p.fs.title, 1}, size{p.fs.body, 2}), l.gap/2, ink),
		p.words(fit(n.todo, w, size{p.fs.body, 3}, size{p.fs.note, 3}), l.gap/2, ink),
		p.words(fit(n.fine, w, size{p.fs.note, 3}), l.gap, small),
	)
	height := min(l.px(102), sign.Dx(), sign.Dy())
	if l.upright {
		height = min(height, sign.Dy()-high(words)-words[0].space)
		return append(boxes, middle(sign, append([]block{p.sign(n.icon, height, n.sign)}, words...))...)
	}
	boxes = append(boxes, middle(sign, []block{p.sign(n.icon, height, n.sign)})...)
	return append(boxes, middle(said, words)...)
}

// drawBar paints the time that runs down in r: n pixels of it are left.
func (p *painter) drawBar(r image.Rectangle, n int) {
	p.rounded(r, p.small, good)
	if n > 0 {
		r.Max.X = r.Min.X + max(n, r.Dy()) // never shorter than its round ends
		p.rounded(r, p.small, white)
	}
}
