package desk

import (
	"errors"
	"strings"
	"testing"
)

func TestPlacesAreOnTheReadersScreens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reader()
	r := w.look(id)
	d, err := w.Door(t.Context(), as(Owner), r.DoorID)
	w.must(err)
	h, err := w.Hub(t.Context(), as(Owner), d.Parent)
	w.must(err)
	w.must(w.EditPlace(t.Context(), as(Super), Doors, d.ID, "", renamed(" Garden door ")))
	w.must(w.EditPlace(t.Context(), as(Super), Locations, h.Parent, "", renamed("Villa")))
	if p := w.look(id).Policy; p.Door != "Garden door" || p.Place != "Villa" || p.Revision <= r.Policy.Revision {
		t.Errorf("%+v", p)
	}
	annex, err := w.AddPlace(t.Context(), as(Super), Locations, 0, "Annex")
	w.must(err)
	hub, err := w.AddPlace(t.Context(), as(Super), Hubs, annex, "Hall")
	w.must(err)
	w.must(w.EditPlace(t.Context(), as(Super), Doors, d.ID, "", movedTo(hub)))
	if got := w.look(id); got.Policy.Place != "Annex" || got.Place != "Annex" || got.Hub != "Hall" {
		t.Errorf("%+v", got)
	}
	other, err := w.AddPlace(t.Context(), as(Super), Doors, hub, "Side door")
	w.must(err)
	w.must(w.MoveReader(t.Context(), as(Super), id, "", other))
	if p := w.look(id).Policy; p.Door != "Side door" {
		t.Errorf("%+v", p)
	}
	before := w.look(id).Policy.Revision
	w.must(w.EditPlace(t.Context(), as(Super), Hubs, hub, "", renamed("Hall 2"))) // screens do not show it
	if w.look(id).Policy.Revision != before {
		t.Error("a new policy for nothing")
	}
	for name, err := range map[string]error{
		"no name":        w.EditPlace(t.Context(), as(Super), Doors, other, "", renamed(" ")),
		"a long name":    w.EditPlace(t.Context(), as(Super), Doors, other, "", renamed(strings.Repeat("a", 65))),
		"somebody's":     w.EditPlace(t.Context(), as(Super), Doors, other, "", renamed("Garden door")),
		"another's":      w.EditPlace(t.Context(), as(Super), Locations, annex, "", renamed("Villa")),
		"a full place":   w.RemovePlace(t.Context(), as(Super), Locations, annex),
		"a door in use":  w.RemovePlace(t.Context(), as(Super), Doors, other),
		"a control code": w.EditPlace(t.Context(), as(Super), Hubs, hub, "", renamed("a\x00")),
	} {
		if Fields(err)["name"] == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"door": w.EditPlace(t.Context(), as(Super), Doors, 99, "", renamed("x")), "hub": w.EditPlace(t.Context(), as(Super), Doors, other, "", movedTo(99)), "reader": w.MoveReader(t.Context(), as(Super), "nobody", "", other),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.must(w.RemovePlace(t.Context(), as(Super), Doors, d.ID))
}
