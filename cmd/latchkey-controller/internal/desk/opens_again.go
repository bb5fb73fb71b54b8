package desk

import (
	"slices"
	"time"

	"latchkey/sync/wire"
)

// lookAhead is for how many days it is looked when a door opens again. Holidays are shorter.
const lookAhead = 15

// again returns when the door opens next to somebody with credentials, if all but the time stays as it is now; zero: not
// within lookAhead days. A door opens where hours or dates begin, a mode ends, card and PIN begin or cease to be demanded, or
// clocks are put forward or back.
func (w *doorway) again(a *Access, credentials []wire.Credential) time.Time {
	now := w.at.Local
	begin := now
	if a.From.After(now) {
		begin = a.From.In(now.Location())
	}
	moments := []time.Time{begin}
	for _, m := range w.policy.Modes {
		moments = append(moments, time.Unix(m.Until, 0))
	}
	var minutes []int // of a day
	if a.Hours != nil {
		for _, span := range slices.Concat(a.Hours.Week, a.Hours.Holiday) {
			minutes = append(minutes, int(span.From))
		}
	}
	if a.Two != nil && a.Two.Schedule != nil {
		for _, span := range slices.Concat(a.Two.Schedule.Week, a.Two.Schedule.Holiday) {
			minutes = append(minutes, int(span.From), int(span.To))
		}
	}
	slices.Sort(minutes)
	year, month, day := begin.Date()
	for d := range lookAhead {
		for _, minute := range slices.Compact(minutes) {
			t := time.Date(year, month, day+d, 0, minute, 0, 0, now.Location())
			moments = append(moments, t)
			if change, _ := t.Add(-12 * time.Hour).ZoneBounds(); !change.IsZero() && t.Sub(change) < 24*time.Hour {
				moments = append(moments, t.Add(-time.Hour), t.Add(time.Hour))
			}
		}
	}
	if _, change := begin.ZoneBounds(); !change.IsZero() && change.Before(begin.AddDate(0, 0, lookAhead)) {
		moments = append(moments, change)
	}
	slices.SortFunc(moments, time.Time.Compare)
	for _, t := range moments {
		if t.After(now) && !t.Before(begin) && w.later(t).opens(a, credentials) {
			return t
		}
	}
	return time.Time{}
}

// later returns the doorway as it will be at a time, by the modes that are wanted then.
func (w *doorway) later(t time.Time) *doorway {
	v := *w
	v.at.Local, v.at.Mode = t.In(w.at.Local.Location()), wire.ModeNormal
	if wanted := v.policy.Wanted(v.at); wanted != nil {
		v.at.Mode = wanted.Mode
	}
	return &v
}

// opens says whether the door opens to somebody in some way.
func (w *doorway) opens(a *Access, credentials []wire.Credential) bool {
	return slices.ContainsFunc(w.waysOf(a, credentials), func(way Way) bool { return way.Why == "" })
}

// waysOf returns the ways of somebody, without those that the reader never takes.
func (w *doorway) waysOf(a *Access, credentials []wire.Credential) []Way {
	return slices.DeleteFunc(w.ways(credentials), func(way Way) bool {
		return way.Means == wire.ByPIN && !a.PIN || way.Means == wire.ByCard && !a.Card
	})
}
