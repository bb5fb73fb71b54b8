package keypad

// An icon can be drawn at any size.
type icon uint8

const (
	cardIcon       icon = iota // a card that sends waves
	checkIcon                  // granted
	crossIcon                  // denied
	lockIcon                   // paused
	openDoorIcon               // open to everybody
	lockedDoorIcon             // kept locked
	stopIcon                   // lockdown
	exitIcon                   // evacuation: somebody runs out of a door
	readerIcon                 // not set up
	warningIcon                // out of order; also small
	identifyIcon               // this reader, identified
	padIcon                    // enter a PIN
	linkIcon                   // small: no link
	clockIcon                  // small: the clock is not trusted
	backspaceIcon              // on its key
	crosshairIcon              // the cross of a calibration
)

// field is the size of the field that an icon is drawn in, in the units of its layers.
func (i icon) field() (w, h float64) {
	switch i {
	case cardIcon:
		return 112, 76
	case linkIcon, clockIcon:
		return 16, 16
	case backspaceIcon:
		return 28, 20
	case crosshairIcon:
		return 33, 33
	}
	return 100, 100
}

func (i icon) layers() []layer {
	solid := func(shapes ...shape) []layer { return []layer{{union(shapes...), 1}} }
	const pen = 7
	switch i {
	case cardIcon:
		const pen = 5
		wave := func(r float64) shape { return stroke(pen, arc(59, 38, r, -43, 43)) }
		return []layer{
			{union(stroke(pen, rect(3, 17, 61, 59, 6)), stroke(pen, line(4, 31, 60, 31))), 1},
			{wave(20), 1}, {wave(35), 0.65}, {wave(50), 0.35},
		}
	case checkIcon:
		return solid(stroke(pen, circle(50, 50, 46)), stroke(pen+1, line(31, 51, 44.5, 64.5, 69.5, 37)))
	case crossIcon:
		return solid(stroke(pen, circle(50, 50, 46)), stroke(pen+1, line(36, 36, 64, 64)), stroke(pen+1, line(64, 36, 36, 64)))
	case lockIcon:
		return solid(stroke(pen, rect(17.5, 43.5, 82.5, 92.5, 8)),
			stroke(pen, arc(50, 28, 20, 180, 360)), stroke(pen, line(30, 28, 30, 44)), stroke(pen, line(70, 28, 70, 44)),
			stroke(pen+1, line(50, 62, 50, 75)))
	case openDoorIcon:
		return solid(stroke(pen, line(26, 10, 58, 22, 58, 94, 26, 82, 26, 10)),
			stroke(pen, line(26, 10, 80, 10, 80, 82, 58, 82)), circle(47, 57, 5))
	case lockedDoorIcon:
		body := rect(50, 66, 92, 96, 5)
		lock := union(without(body, stroke(6, line(71, 77, 71, 85)), 0),
			stroke(6, arc(71, 59, 11, 180, 360)), stroke(6, line(60, 59, 60, 68)), stroke(6, line(82, 59, 82, 68)))
		door := union(stroke(pen, line(22, 90, 22, 8, 72, 8, 72, 90, 22, 90)), circle(36, 50, 5))
		return solid(lock, without(door, union(body, circle(71, 59, 14), rect(57, 59, 85, 66, 0)), 5))
	case stopIcon:
		return solid(without(octagon(50, 50, 48), rect(22, 41, 78, 59, 3), 0))
	case exitIcon:
		// As on the exit signs of ISO 7010: light on dark outside the door, dark on light in it.
		runner := union(circle(66, 17, 9), stroke(15, line(57, 34, 49, 56)),
			stroke(8, line(57, 33, 40, 36, 30, 49)), stroke(8, line(59, 34, 70, 47, 84, 44)),
			stroke(10, line(51, 58, 70, 67, 68, 88)), stroke(10, line(48, 57, 39, 74, 17, 78)))
		door := rect(44, 2, 98, 98, 0)
		return solid(without(runner, door, 0), without(door, runner, 0))
	case readerIcon:
		return solid(stroke(pen, rect(23.5, 3.5, 76.5, 96.5, 12)),
			stroke(pen, line(50, 36, 50, 64)), stroke(pen, line(36, 50, 64, 50)))
	case warningIcon:
		return solid(stroke(pen+1, line(50, 12, 93, 86, 7, 86, 50, 12)), stroke(pen+1, line(50, 38, 50, 60)), circle(50, 73, 5))
	case identifyIcon:
		return []layer{{circle(50, 50, 13), 1}, {stroke(pen, circle(50, 50, 28)), 0.65}, {stroke(pen, circle(50, 50, 46)), 0.35}}
	case padIcon:
		dots := []shape{circle(50, 90, 7)}
		for i := range 9 {
			dots = append(dots, circle(float64(24+i%3*26), float64(12+i/3*26), 7))
		}
		return solid(dots...)
	case linkIcon:
		const pen = 1.6
		slash := stroke(pen, line(2.5, 2, 13.5, 13))
		return solid(slash, without(union(circle(8, 12.5, 1.5),
			stroke(pen, arc(8, 13, 5, 222, 318)), stroke(pen, arc(8, 13, 9.2, 222, 318))), slash, 1))
	case clockIcon:
		const pen = 1.6
		return solid(stroke(pen, circle(8, 8, 6.7)), stroke(pen, line(8, 4.4, 8, 8.3, 10.6, 9.9)))
	case backspaceIcon:
		const pen = 2
		return solid(stroke(pen, line(9, 2, 25, 2, 26, 3, 26, 17, 25, 18, 9, 18, 2, 10, 9, 2)),
			stroke(pen, line(13, 6.5, 20, 13.5)), stroke(pen, line(20, 6.5, 13, 13.5)))
	case crosshairIcon:
		const pen = 2
		return solid(stroke(pen, line(16.5, 1.5, 16.5, 31.5)), stroke(pen, line(1.5, 16.5, 31.5, 16.5)), stroke(pen, circle(16.5, 16.5, 9)))
	}
	return nil
}

type iconKey struct {
	icon   icon
	height int
}

// icon returns a mask that is height pixels high, with its origin in the middle.
func (p *painter) icon(i icon, height int) *mask {
	k := iconKey{i, height}
	m, ok := p.icons[k]
	if !ok {
		w, h := i.field()
		m = rasterise(w, h, float64(height)/h, i.layers()...)
		m.org = m.size.Div(-2)
		p.icons[k] = m
	}
	return m
}
