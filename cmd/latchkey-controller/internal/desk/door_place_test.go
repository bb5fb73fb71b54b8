package desk

import (
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
)

func (w *world) locationsNow() []*Location {
	w.t.Helper()
	all, err := w.Places(w.t.Context(), as(Owner))
	w.must(err)
	return all
}

// Who has no use for hubs never meets one, whatever they do with doors.
func TestADoorTakesItsOwnHubAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reader()
	owner, ctx := as(Owner), t.Context()
	unused := func(after string) {
		t.Helper()
		if UsesHubs(w.locationsNow()) {
			t.Errorf("%s: hubs are used", after)
		}
	}
	unused("an adoption")
	home := w.locationsNow()[0].ID
	garden, err := w.AddDoor(ctx, owner, home, " Garden door ")
	w.must(err)
	unused("a new door")
	if _, err := w.AddDoor(ctx, owner, home, "Garden door"); Fields(err)["name"] == nil {
		t.Errorf("the same name: %v", err)
	}
	if _, err := w.AddDoor(ctx, owner, home, " "); Fields(err)["name"] == nil {
		t.Errorf("no name: %v", err)
	}
	annex, err := w.AddPlace(ctx, owner, Locations, 0, "Annex")
	w.must(err)
	front := w.look(id).DoorID
	w.must(w.EditPlace(ctx, owner, Doors, front, "", func(p *PlaceForm) { p.Name, p.Location = "Gate", annex }))
	if r := w.look(id); r.Place != "Annex" || r.Hub != "Gate" || r.Policy.Place != "Annex" || r.Policy.Door != "Gate" {
		t.Errorf("moved and renamed: %+v", r)
	}
	if e := w.newest(); e.Text.String() != "Owner changed places: Door of "+id+" is called Gate now and was moved from "+w.locationsNow()[1].Name+" to Annex" {
		t.Errorf("%s", e.Text)
	}
	unused("a move")
	w.must(w.EditPlace(ctx, owner, Doors, garden, "", renamed("Back door")))
	unused("another name")
	w.must(w.RemovePlace(ctx, owner, Doors, garden))
	unused("a removal")
	w.must(w.RemovePlace(ctx, owner, Locations, home))
	w.must(w.site.Update(ctx, func(tx *store.Tx) error { return tx.PlaceReader(id, "Annex", "Main gate") }))
	unused("an adoption under another name")
	if err := w.EditPlace(ctx, owner, Doors, front, "", func(p *PlaceForm) { p.Location = 99 }); err == nil {
		t.Error("moved to nowhere")
	}
	if err := w.EditPlace(ctx, owner, Doors, front, "", func(p *PlaceForm) { p.Name, p.Location = " ", 99 }); Fields(err)["name"] == nil {
		t.Errorf("moved without a name: %v", err)
	}
}

func TestAHubThatSomebodyMadeStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner, ctx := as(Owner), t.Context()
	home, err := w.AddPlace(ctx, owner, Locations, 0, "Home")
	w.must(err)
	hall, err := w.AddPlace(ctx, owner, Hubs, home, "Hall")
	w.must(err)
	if !UsesHubs(w.locationsNow()) {
		t.Error("an empty hub is not shown")
	}
	door, err := w.AddPlace(ctx, owner, Doors, hall, "Side door")
	w.must(err)
	w.must(w.EditPlace(ctx, owner, Doors, door, "", renamed("Hall"))) // by chance the hub's name
	other, err := w.AddDoor(ctx, owner, home, "Hall 2")
	w.must(err)
	w.must(w.EditPlace(ctx, owner, Doors, other, "", movedTo(hall)))
	for _, l := range w.locationsNow() {
		if len(l.Hubs) != 1 {
			t.Errorf("the door has left its own hub: %+v", l.Hubs)
		}
	}
	w.must(w.EditPlace(ctx, owner, Doors, door, "", renamed("Cellar"))) // of two doors
	h, err := w.Hub(ctx, owner, hall)
	w.must(err)
	if h.Name != "Hall" || len(h.Doors) != 2 || !UsesHubs(w.locationsNow()) {
		t.Errorf("%+v", h)
	}
	w.must(w.RemovePlace(ctx, owner, Doors, door))
	w.must(w.RemovePlace(ctx, owner, Doors, other))
	if _, err := w.Hub(ctx, owner, hall); err != nil {
		t.Errorf("it went with its doors: %v", err)
	}
}
