package console

import (
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// A chart shows access events per hour, as bars with refused ones on top. Its units
// are those of its viewBox.
type chart struct {
	Width, Height int
	Bars          []bar
	Lines         []line
	Label         *language.Sentence // alternative text
	Granted       int                // total
	Refused       int
}

// A bar is one hour of a chart.
type bar struct {
	X, W            int
	GrantedY, Tall  int // of the granted
	DeniedY, Denied int // of the refused
	Title           *language.Sentence
	Tick            string // label below; "": none
	TickX           int
}

// A line is a horizontal grid line with its number.
type line struct {
	Y, TextY int
	Text     string
}

// Sizes of a chart, in its units.
const (
	chartWidth, chartHeight = 640, 180
	chartLeft, chartTop     = 34, 10
	chartBottom             = 24 // for the labels of the hours
)

// newChart draws hours, oldest first, from left to right.
func newChart(hours []desk.Hour, zone *time.Location) *chart {
	c := &chart{Width: chartWidth, Height: chartHeight}
	if len(hours) == 0 {
		return c
	}
	most, busiest := 0, 0
	for i, h := range hours {
		c.Granted, c.Refused = c.Granted+h.Granted, c.Refused+h.Denied
		if n := h.Granted + h.Denied; n > most {
			most, busiest = n, i
		}
	}
	top := ceiling(most)
	room := chartHeight - chartTop - chartBottom
	for _, n := range []int{0, top / 2, top} {
		y := chartTop + room - room*n/top
		c.Lines = append(c.Lines, line{y, y + 4, fmt.Sprint(n)})
	}
	step := float64(chartWidth-chartLeft) / float64(len(hours))
	for i, h := range hours {
		b := bar{X: chartLeft + int(float64(i)*step) + 2, W: max(int(step)-4, 2)}
		b.Tall, b.Denied = room*h.Granted/top, room*h.Denied/top
		if h.Denied > 0 {
			b.Denied = max(b.Denied, 2)
		}
		b.GrantedY = chartTop + room - b.Tall
		b.DeniedY = b.GrantedY - b.Denied
		begins := h.Begins.In(zone)
		b.Title = language.Say("%s to %s: %s, %s¦o'clock, and how many", language.Clock(begins), language.Clock(begins.Add(time.Hour)), entries(h.Granted), refusals(h.Denied))
		if begins.Hour()%3 == 0 {
			b.Tick, b.TickX = begins.Format("15"), b.X+b.W/2
		}
		c.Bars = append(c.Bars, b)
	}
	c.Label = language.Count(len(hours), "%[2]s and %[3]s in %[1]d hour", "%[2]s and %[3]s in %[1]d hours", entries(c.Granted), refusals(c.Refused))
	if most > 0 {
		from := language.Clock(hours[busiest].Begins.In(zone))
		c.Label = language.Count(len(hours), "%[2]s and %[3]s in %[1]d hour, most of them from %[4]s", "%[2]s and %[3]s in %[1]d hours, most of them from %[4]s", entries(c.Granted), refusals(c.Refused), from)
	}
	return c
}

func entries(n int) *language.Sentence { return language.Count(n, "%d entry", "%d entries") }

func refusals(n int) *language.Sentence { return language.Count(n, "%d refused", "%d refused") }

// ceiling returns the number at the top of a chart: at least n, and even.
func ceiling(n int) int {
	for size := 1; ; size *= 10 {
		for _, step := range []int{2, 4, 6, 10} {
			if step*size >= n {
				return step * size
			}
		}
	}
}
