package desk

import (
	"errors"
	"strings"
	"testing"
)

func TestPlacesAreOnTheReadersScreens(t *testing.T) {
	w := newWorld(t)
	id := w.reader()
	r := w.look(id)
	d, err := w.Door(t.Context(), as(Owner), r.DoorID)
	w.must(err)
	w.must(w.RenameDoor(t.Context(), as(Super), d.ID, "", " Garden door "))
	w.must(w.RenameLocation(t.Context(), as(Super), d.Location, "", "Villa"))
	if p := w.look(id).Policy; p.Door != "Garden door" || p.Place != "Villa" || p.Revision <= r.Policy.Revision {
		t.Errorf("%+v", p)
	}
	annex, err := w.AddLocation(t.Context(), as(Super), "Annex")
	w.must(err)
	hub, err := w.AddHub(t.Context(), as(Super), annex, "Hall")
	w.must(err)
	w.must(w.MoveDoor(t.Context(), as(Super), d.ID, hub))
	if got := w.look(id); got.Policy.Place != "Annex" || got.Place != "Annex" || got.Hub != "Hall" {
		t.Errorf("%+v", got)
	}
	other, err := w.AddDoor(t.Context(), as(Super), hub, "Side door")
	w.must(err)
	w.must(w.MoveReader(t.Context(), as(Super), id, "", other))
	if p := w.look(id).Policy; p.Door != "Side door" {
		t.Errorf("%+v", p)
	}
	before := w.look(id).Policy.Revision
	w.must(w.RenameHub(t.Context(), as(Super), hub, "", "Hall 2")) // no screen shows it
	if w.look(id).Policy.Revision != before {
		t.Error("a new policy for nothing")
	}
	for name, err := range map[string]error{
		"no name":        w.RenameDoor(t.Context(), as(Super), other, "", " "),
		"a long name":    w.RenameDoor(t.Context(), as(Super), other, "", strings.Repeat("a", 65)),
		"somebody's":     w.RenameDoor(t.Context(), as(Super), other, "", "Garden door"),
		"another's":      w.RenameLocation(t.Context(), as(Super), annex, "", "Villa"),
		"a full place":   w.RemoveLocation(t.Context(), as(Super), annex),
		"a door in use":  w.RemoveDoor(t.Context(), as(Super), other),
		"a control code": w.RenameHub(t.Context(), as(Super), hub, "", "a\x00"),
	} {
		if Fields(err)["name"] == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"door": w.RenameDoor(t.Context(), as(Super), 99, "", "x"), "hub": w.MoveDoor(t.Context(), as(Super), other, 99), "reader": w.MoveReader(t.Context(), as(Super), "nobody", "", other),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.must(w.RemoveDoor(t.Context(), as(Super), d.ID))
}
