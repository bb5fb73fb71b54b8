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
		n := notice{icon: hereIcon, sign: p.ink.accent, ground: p.ink.ground, headline: p.say("This reader"), todo: v.Door}
		if id := can(v.ReaderID); id != "" {
			n.headline = id
		}
		if !s.blink {
			n.sign = p.ink.edge
		}
		return n
	case v.Screen == Granted:
		n := notice{icon: checkIcon, sign: white, ground: p.ink.granted, headline: p.say("Welcome"), todo: p.say("The door is open")}
		if user := can(v.User); user != "" {
			n.headline = p.language.sayTo("Welcome, {}", user)
		}
		if door := can(v.Door); door != "" {
			n.todo = p.language.sayTo("{} is open", door)
		}
		return n
	case v.Screen == Denied:
		n := notice{icon: crossIcon, sign: white, ground: p.ink.denied, headline: p.say("Not accepted"), todo: p.say("Try again")}
		if reason := can(p.say(v.Reason)); reason != "" {
			n.todo = reason
		}
		return n
	case v.Screen == Enrolled:
		return notice{icon: checkIcon, sign: p.ink.good, ground: p.ink.ground, headline: p.say("Card read"), todo: p.say("The controller has it")}
	case v.Screen == Paused:
		n := notice{icon: lockIcon, sign: p.ink.warning, ground: p.ink.ground, headline: p.say("PIN entry is paused"),
			todo: p.say("Use your card or ask for the door to be opened")}
		if v.CardOutOfOrder {
			n.todo = p.say("Ask for the door to be opened")
		}
		return n
	case v.Screen == NotSetUp:
		return notice{icon: readerIcon, sign: p.ink.accent, ground: p.ink.ground, headline: p.say("Not set up"), detail: v.ReaderID,
			todo: p.say("Add this reader at the controller"), fine: v.Fingerprint}
	}
	return notice{icon: warningIcon, sign: p.ink.warning, ground: p.ink.ground, headline: p.say("Out of order"), todo: p.say(v.works())}
}

// notice is n with the time that runs down below it: sign and words below each other, or,
// lying, beside each other.
func (p *painter) notice(s *scene, n notice) []box {
	l := p.l
	sign, said := l.notice, l.said
	var boxes []box
	ink, small := p.ink.text, p.ink.muted
	if s.view.Screen.timed() {
		ink, small = white, white
	} else if signs := p.signs(&s.view, l.bounds.Dx()-4*l.gap); len(signs) > 0 {
		top := l.bounds.Max.Y - 2*l.gap - high(signs)
		boxes = stack(l.bounds, top, signs)
		sign.Max.Y = min(sign.Max.Y, top-l.gap)
		said.Max.Y = sign.Max.Y
	}
	if s.view.Screen == Granted {
		boxes = append(boxes, box{l.bar, func(r image.Rectangle) { p.drawBar(r, s.bar) }, nil})
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

// saying is the words of n: the largest that fit into room with nothing cut off, or else as
// many lines of them as there is room for.
func (p *painter) saying(n notice, room image.Point, ink, small colour) []block {
	fs, g, w := p.fs, p.l.gap, room.X
	set := func(head, detail, body size) (blocks []block, whole bool) {
		headline, what, todo := fit(n.headline, w, head), fit(n.detail, w, detail), fit(n.todo, w, body)
		fine := fit(n.fine, w, size{fs.note, body.lines}, size{fs.fine, body.lines})
		blocks = shown(p.words(headline, 0, ink), p.words(what, g/2, ink), p.words(todo, g/2, ink), p.words(fine, g, small))
		return blocks, high(blocks) <= room.Y && !headline.cut && !what.cut && !todo.cut && !fine.cut
	}
	for _, z := range [][3]size{
		{{fs.headline, 2}, {fs.title, 1}, {fs.body, 3}},
		{{fs.title, 3}, {fs.body, 2}, {fs.body, 3}},
		{{fs.title, 3}, {fs.body, 2}, {fs.note, 4}},
		{{fs.body, 3}, {fs.note, 2}, {fs.note, 4}},
		{{fs.note, 3}, {fs.fine, 2}, {fs.fine, 4}},
	} {
		if blocks, whole := set(z[0], z[1], z[2]); whole {
			return blocks
		}
	}
	for lines := 3; ; lines-- {
		blocks, _ := set(size{fs.title, lines}, size{fs.body, min(lines, 2)}, size{fs.note, lines})
		if lines == 1 || high(blocks) <= room.Y {
			return blocks
		}
	}
}

// drawBar paints the time that runs down in r: n pixels of it are left.
func (p *painter) drawBar(r image.Rectangle, n int) {
	p.rounded(r, p.small, p.ink.spent)
	if n > 0 {
		r.Max.X = r.Min.X + max(n, r.Dy()) // never shorter than its round ends
		p.rounded(r, p.small, white)
	}
}
