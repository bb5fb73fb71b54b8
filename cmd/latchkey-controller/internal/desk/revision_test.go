package desk

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

func TestWhatNobodyTouchedStaysToTheSecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.user()
	berlin, err := time.LoadLocation("Europe/Berlin")
	w.must(err)
	w.must(w.EditUser(t.Context(), AtCommandLine("root"), id, "", berlin, func(f *UserForm) {
		// 2:30 comes twice that night: half a minute after the second one.
		f.From, f.Until = "2026-10-25T02:30:17+01:00", "2026-10-25T02:30:47+01:00"
	}))
	before := w.person(id)
	shown := before.Form(berlin)
	w.must(w.EditUser(t.Context(), as(Editor), id, shown.Revision(), berlin, func(f *UserForm) {
		*f = shown
		f.Last = "Lovelace"
	}))
	if after := w.person(id); after.Last != "Lovelace" || !after.From.Equal(before.From) || !after.Until.Equal(before.Until) {
		t.Errorf("%+v, before %+v", after.UserRow, before.UserRow)
	}
}

func TestAFormThatWasFilledInForSomethingElseWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front, back := w.reader(), w.reader()
	w.must(w.EditPlace(t.Context(), as(Super), Hubs, w.look(front).HubID, "", renamed("Cabinet"))) // not renamed with its door
	r := w.look(front)
	id, elsewhere := w.user(), w.look(back).DoorID
	door, err := w.Door(t.Context(), as(Owner), r.DoorID)
	w.must(err)
	hub, err := w.Hub(t.Context(), as(Owner), r.HubID)
	w.must(err)
	shown := w.person(id).Form(time.UTC)
	location := place{Name: hub.Place}.Revision()
	n := 0
	for what, send := range map[string]func(was string) error{
		"user": func(was string) error {
			return w.EditUser(t.Context(), as(Editor), id, was, time.UTC, func(f *UserForm) { f.First = fmt.Sprint("Eve ", n) })
		},
		"door": func(was string) error {
			return w.EditPlace(t.Context(), as(Super), Doors, door.ID, was, renamed(fmt.Sprint("Door ", n)))
		},
		"hub": func(was string) error {
			return w.EditPlace(t.Context(), as(Super), Hubs, hub.ID, was, renamed(fmt.Sprint("Hub ", n)))
		},
		"location": func(was string) error {
			return w.EditPlace(t.Context(), as(Super), Locations, hub.Parent, was, renamed(fmt.Sprint("Place ", n)))
		},
		"reader": func(was string) error { return w.MoveReader(t.Context(), as(Super), front, was, elsewhere) },
	} {
		was := map[string]string{"user": shown.Revision(), "door": door.Revision(), "hub": hub.Revision(), "location": location, "reader": r.PlaceRevision()}[what]
		n++
		w.must(send(was)) // the first of two that edit the same state
		n++
		if err := send(was); Fields(err)[what].String() != "Somebody else has changed this "+what+"; check it again" {
			t.Errorf("%s: %v", what, err)
		}
		w.must(send(""))
	}
}

func TestAnEditThinksInItsOwnTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.user()
	errs := make(chan error)
	const n = 8
	for i := range n {
		go func() {
			errs <- w.EditUser(t.Context(), AtCommandLine("root"), id, "", time.UTC, func(f *UserForm) { f.Groups = append(f.Groups, fmt.Sprint("g", i)) })
		}()
	}
	for range n {
		w.must(<-errs)
	}
	if u := w.person(id); len(u.Groups) != n {
		t.Errorf("of %d edits %d are there: %v", n, len(u.Groups), u.Groups)
	}
	err := w.EditUser(t.Context(), as(Editor), 99, "x", time.UTC, func(*UserForm) {})
	if !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}
