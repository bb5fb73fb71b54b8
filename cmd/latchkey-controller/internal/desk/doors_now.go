package desk

import (
	"cmp"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
)

// DoorsNow says in short what UserAccess says of somebody's doors now. Each door is in one of its lists, but for Sending, Offline and Unsure.
type DoorsNow struct {
	Open      []string // doors that open to them
	Everybody []string // that do not, and are held open to everybody
	Later     []DoorsLater
	Shut      []DoorsShut
	Sending   []string // of the others, whose reader is being sent the newest changes
	Offline   []string // of the others, whose reader is offline
	Unsure    []string // of the others, whose reader was not heard from, or gets no changes before an update
}

// DoorsLater are doors that open again at the same time.
type DoorsLater struct {
	Doors []string
	At    time.Time
}

// DoorsShut are doors that do not open for the same reason: "PIN entry is paused".
type DoorsShut struct {
	Doors []string
	Why   *language.Sentence
}

// SumUp sums up the access of somebody, in the order of the doors there. Several readers of a door are one.
func SumUp(all []*Access) (n DoorsNow) {
	for _, door := range byDoor(all) {
		name := door[0].Door
		if slices.ContainsFunc(all, func(a *Access) bool { return a.Door == name && a.DoorID != door[0].DoorID }) {
			name += " (" + door[0].Place + ")"
		}
		open := slices.DeleteFunc(slices.Clone(door), func(a *Access) bool { return a.Never != nil || a.Not != nil })
		deciding := door
		switch again := firstAgain(door); {
		case len(open) > 0:
			n.Open, deciding = append(n.Open, name), open
		case slices.ContainsFunc(door, func(a *Access) bool { return a.Held }):
			n.Everybody = append(n.Everybody, name)
		case !again.IsZero():
			i := slices.IndexFunc(n.Later, func(l DoorsLater) bool { return l.At.Equal(again) })
			if i < 0 {
				i, n.Later = len(n.Later), append(n.Later, DoorsLater{At: again})
			}
			n.Later[i].Doors = append(n.Later[i].Doors, name)
		default:
			why := cmp.Or(door[0].Never, door[0].Not)
			i := slices.IndexFunc(n.Shut, func(s DoorsShut) bool { return s.Why.String() == why.String() })
			if i < 0 {
				i, n.Shut = len(n.Shut), append(n.Shut, DoorsShut{Why: why})
			}
			n.Shut[i].Doors = append(n.Shut[i].Doors, name)
		}
		switch {
		case slices.ContainsFunc(deciding, func(a *Access) bool { return a.Unsure == nil }):
		case slices.ContainsFunc(deciding, func(a *Access) bool { return a.Unsure == sendingChanges }):
			n.Sending = append(n.Sending, name)
		case slices.ContainsFunc(deciding, func(a *Access) bool { return a.Unsure == offline }):
			n.Offline = append(n.Offline, name)
		default:
			n.Unsure = append(n.Unsure, name)
		}
	}
	slices.SortStableFunc(n.Later, func(a, b DoorsLater) int { return a.At.Compare(b.At) })
	return n
}

// byDoor returns accesses by their doors, in the order of the first of each.
func byDoor(all []*Access) (doors [][]*Access) {
	at := map[int64]int{}
	for _, a := range all {
		i, known := at[a.DoorID]
		if !known {
			i, doors = len(doors), append(doors, nil)
			at[a.DoorID] = i
		}
		doors[i] = append(doors[i], a)
	}
	return doors
}

// firstAgain returns when the first of some readers opens the door; zero: none does.
func firstAgain(door []*Access) (first time.Time) {
	for _, a := range door {
		if !a.Opens.IsZero() && (first.IsZero() || a.Opens.Before(first)) {
			first = a.Opens
		}
	}
	return first
}
