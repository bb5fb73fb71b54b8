package keypad

import (
	"image"
	"strconv"
)

// A notice is a screen with one thing to say.
type notice struct {
	icon       icon
	iconColour colour
	ground     colour
	headline   string // not empty
	detail     string // below the headline; may be empty
	todo       string // what to do
	fine       string // small; may be empty
	far        bool   // to be read from some metres: the headline and the icon are larger
}

// noticeOf returns the notice that s is.
func (p *painter) noticeOf(s *scene) notice {
	v := &s.view
	legible := p.faces.body.legible
	switch {
	case s.identifying():
		n := notice{icon: identifyIcon, iconColour: p.palette.accent, ground: p.palette.ground, headline: p.say("This reader"), todo: v.Door}
		if id := legible(v.ReaderID); id != "" {
			n.headline = id
		}
		if !s.blink {
			n.iconColour = p.palette.edge
		}
		return n
	case v.Screen == Granted:
		n := notice{icon: checkIcon, iconColour: white, ground: p.palette.granted, headline: p.say("Welcome"), todo: p.say("The door is open")}
		if user := legible(v.User); user != "" {
			n.headline = p.language.sayTo("Welcome, {}", user)
		}
		if door := legible(v.Door); door != "" {
			n.todo = p.language.sayTo("{} is open", door)
		}
		return n
	case v.Screen == Denied:
		n := notice{icon: crossIcon, iconColour: white, ground: p.palette.denied, headline: p.say("Not accepted"), todo: p.say("Try again")}
		if reason := legible(p.say(v.Reason)); reason != "" {
			n.todo = reason
		}
		return n
	case v.Screen == Enrolled:
		return notice{icon: checkIcon, iconColour: p.palette.good, ground: p.palette.ground, headline: p.say("Card read"), todo: p.say("The controller has it")}
	case v.Screen == Keep:
		return notice{icon: cardIcon, iconColour: p.palette.accent, ground: p.palette.ground, headline: p.say("Keep the card here"), todo: p.say("Do not take it away yet")}
	case v.Screen == Written:
		return notice{icon: checkIcon, iconColour: p.palette.good, ground: p.palette.ground, headline: p.say("Done"), todo: p.say("You can take the card away")}
	case v.Screen == SecondCard:
		return notice{icon: cardIcon, iconColour: p.palette.accent, ground: p.palette.ground, headline: p.say("Now your card"), todo: p.say("Hold your card here")}
	case v.Screen == Paused:
		n := notice{icon: lockIcon, iconColour: p.palette.warning, ground: p.palette.ground, headline: p.say("PIN entry is paused"),
			todo: p.say("Use your card or ask for the door to be opened")}
		if v.CardOutOfOrder {
			n.todo = p.say("Ask for the door to be opened")
		}
		return n
	case v.Screen == Lockdown:
		return notice{icon: stopIcon, iconColour: p.palette.stop, ground: p.palette.ground, headline: p.say("Lockdown"),
			todo: p.say("This door stays locked"), far: true}
	case v.Screen == Evacuation:
		return notice{icon: exitIcon, iconColour: white, ground: p.palette.exit, headline: p.say("Evacuation"),
			todo: p.say("Leave by this door"), far: true}
	case v.Screen == NotSetUp:
		return notice{icon: readerIcon, iconColour: p.palette.accent, ground: p.palette.ground, headline: p.say("Not set up"), detail: v.ReaderID,
			todo: p.waiting(v), fine: v.Fingerprint}
	case v.Screen == Adopted:
		return notice{icon: checkIcon, iconColour: p.palette.good, ground: p.palette.ground, headline: p.language.sayTo("Adopted by {}", v.Site),
			todo: p.say("Compare this key with the console"), fine: v.Fingerprint}
	}
	return notice{icon: warningIcon, iconColour: p.palette.warning, ground: p.palette.ground, headline: p.say("Out of order"), todo: p.say(v.stillWorks())}
}

// waiting says what a reader that is not set up waits for.
func (p *painter) waiting(v *View) string {
	switch {
	case v.MoreSites > 0:
		return p.language.sayTo("Waiting at {} and {} more", v.Site, strconv.Itoa(int(v.MoreSites)))
	case v.Site != "":
		return p.language.sayTo("Waiting at {}", v.Site)
	case v.Looking:
		return p.say("Looking for a controller")
	}
	return p.say("Add this reader at the controller")
}

// notice is n, with the status signs or the bar below, if there are any: the icon above the
// text, or, in landscape, beside it.
func (p *painter) notice(s *scene, n notice) []box {
	l := p.l
	icon, text := l.notice, l.noticeText
	var boxes []box
	ink, small := p.palette.text, p.palette.muted
	if s.view.Screen == Keep {
		boxes = append(boxes, p.barBox(s, l.bar))
		text.Max.Y = min(text.Max.Y, l.bar.Min.Y-l.gap)
		icon.Max.Y = min(icon.Max.Y, l.bar.Min.Y-l.gap)
	} else if s.view.Screen.timed() {
		ink, small = white, white
	} else if s.view.Screen == Evacuation {
		ink, small = white, white
		icon.Max.Y = l.bounds.Max.Y - 2*l.gap // nothing is below
		text.Max.Y = icon.Max.Y
	} else if status := p.statusSigns(&s.view, l.bounds.Dx()-4*l.gap); len(status) > 0 {
		top := l.bounds.Max.Y - 2*l.gap - totalHeight(status)
		boxes = stack(l.bounds, top, status)
		icon.Max.Y = min(icon.Max.Y, top-l.gap)
		text.Max.Y = icon.Max.Y
	}
	if s.runsDown() {
		boxes = append(boxes, p.barBox(s, l.bar))
	}
	w, h := n.icon.field()
	most := l.px(102)
	if n.far {
		most = l.px(150)
	}
	height := min(most, int(float64(icon.Dx())*h/w), icon.Dy())
	if !l.upright {
		boxes = append(boxes, stackMiddle(icon, []box{p.iconBox(n.icon, height, n.iconColour)})...)
		return append(boxes, stackMiddle(text, p.noticeTexts(n, text.Size(), ink, small))...)
	}
	room := text.Size()
	room.Y -= l.px(36) + 3*l.gap // the least that the icon needs
	words := p.noticeTexts(n, room, ink, small)
	words[0].space = 3 * l.gap
	height = min(height, icon.Dy()-totalHeight(words)-words[0].space)
	return append(boxes, stackMiddle(icon, append([]box{p.iconBox(n.icon, height, n.iconColour)}, words...))...)
}

// noticeTexts sets the texts of n: as large as they fit into room uncut, or else as many lines
// as there is room for.
func (p *painter) noticeTexts(n notice, room image.Point, ink, small colour) []box {
	fs, g, w := p.faces, p.l.gap, room.X
	set := func(head, detail, body textSize) (boxes []box, whole bool) {
		headline, what, todo := fit(n.headline, w, head), fit(n.detail, w, detail), fit(n.todo, w, body)
		fine := fit(n.fine, w, textSize{fs.note, max(body.lines, fineLines)}, textSize{fs.fine, max(body.lines, fineLines)})
		boxes = nonEmpty(p.textBox(headline, 0, ink), p.textBox(what, g/2, ink), p.textBox(todo, g/2, ink), p.textBox(fine, g, small))
		return boxes, totalHeight(boxes) <= room.Y && !headline.cut && !what.cut && !todo.cut && !fine.cut
	}
	sizes := [][3]textSize{
		{{fs.headline, 2}, {fs.title, 1}, {fs.body, 3}},
		{{fs.title, 3}, {fs.body, 2}, {fs.body, 3}},
		{{fs.title, 3}, {fs.body, 2}, {fs.note, 4}},
		{{fs.body, 3}, {fs.note, 2}, {fs.note, 4}},
		{{fs.note, 3}, {fs.fine, 2}, {fs.fine, 4}},
	}
	if n.far {
		sizes = append([][3]textSize{
			{{fs.far, 2}, {fs.title, 1}, {fs.headline, 2}},
			{{fs.far, 2}, {fs.title, 1}, {fs.title, 3}},
			{{p.faceSets[0].far, 2}, {fs.title, 1}, {fs.title, 3}}, // where large text is too large
			{{fs.headline, 2}, {fs.title, 1}, {fs.title, 3}},
		}, sizes...)
	}
	for _, z := range sizes {
		if boxes, whole := set(z[0], z[1], z[2]); whole {
			return boxes
		}
	}
	for lines := 3; lines > 0; lines-- {
		if boxes, _ := set(textSize{fs.title, lines}, textSize{fs.body, min(lines, 2)}, textSize{fs.note, lines}); totalHeight(boxes) <= room.Y {
			return boxes
		}
	}
	boxes, _ := set(textSize{fs.fine, 1}, textSize{fs.fine, 1}, textSize{fs.fine, 1})
	return boxes
}

// fineLines is how many lines a fingerprint may need: of all texts it is never cut, whatever a
// site is called.
const fineLines = 3

// barBox makes a box with the bar of s in it.
func (p *painter) barBox(s *scene, at image.Rectangle) box {
	track, col := p.palette.barTrack, white
	if s.view.Screen.asksForSecond() { // nothing is granted yet: no green
		track, col = p.palette.waitTrack, p.palette.accent
	}
	return box{Rectangle: at, paint: func(r image.Rectangle) {
		p.rounded(r, p.small, track)
		if s.bar > 0 {
			r.Max.X = r.Min.X + max(s.bar, r.Dy()) // never shorter than its round ends
			p.rounded(r, p.small, col)
		}
	}}
}
