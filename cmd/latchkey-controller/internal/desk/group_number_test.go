package desk

import (
	"errors"
	"testing"

	"latchkey/sync/wire"
)

// numbered returns the name of the group with a number; "": there is none.
func (w *world) numbered(number int64) string {
	w.t.Helper()
	g, err := w.GroupNumbered(w.t.Context(), as(Viewer), number)
	if errors.Is(err, ErrNotFound) {
		return ""
	}
	w.must(err)
	if g.Number != number {
		w.t.Errorf("%s has the number %d, and is found by %d", g.Name, g.Number, number)
	}
	return g.Name
}

func TestAGroupIsFoundByItsNumberWhateverItIsCalled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner, ctx := as(Owner), t.Context()
	id := w.user()
	w.member(id, "crew")
	page, err := w.ListGroups(ctx, owner, GroupQuery{})
	w.must(err)
	everyone, crew := page.Groups[0].Number, page.Groups[1].Number
	if w.numbered(everyone) != wire.Everyone || w.numbered(crew) != "crew" || w.numbered(crew+1) != "" {
		t.Fatalf("%d, %d", everyone, crew)
	}
	w.must(w.RenameGroup(ctx, owner, "crew", "", "staff"))
	if is := w.numbered(crew); is != "staff" {
		t.Errorf("renamed, and number %d is %q", crew, is)
	}
	w.must(w.EditMembers(ctx, owner, "staff", false, nil, []uint64{id}))
	if is := w.numbered(crew); is != "" {
		t.Errorf("nobody is in it, and it is %q", is)
	}
	w.member(id, "staff")
	if is := w.numbered(crew); is != "staff" {
		t.Errorf("somebody is in it again, and number %d is %q", crew, is)
	}
	w.must(w.RemoveGroup(ctx, owner, "staff", ""))
	w.member(id, "staff")
	if is := w.numbered(crew); is != "" {
		t.Errorf("removed, and number %d is %q", crew, is)
	}
}

func TestAGroupThatWasMadeIsThereUntilItIsRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner, ctx := as(Owner), t.Context()
	number, err := w.AddGroup(ctx, owner, "crew")
	w.must(err)
	if _, err := w.AddGroup(ctx, owner, "crew"); Fields(err)["group"] == nil {
		t.Errorf("made twice: %v", err)
	}
	for _, name := range []string{wire.Everyone, "Night Shift", "", "visitors-of-door-1"} {
		if _, err := w.AddGroup(ctx, owner, name); Fields(err)["group"] == nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if names, err := w.Groups(ctx, owner); err != nil || len(names) != 1 || w.numbered(number) != "crew" {
		t.Errorf("%q, %v; number %d is %q", names, err, number, w.numbered(number))
	}
	id := w.user()
	w.must(w.EditMembers(ctx, owner, "crew", false, []uint64{id}, nil))
	w.must(w.EditMembers(ctx, owner, "crew", false, nil, []uint64{id}))
	w.must(w.RenameGroup(ctx, owner, "crew", "", "staff"))
	if is := w.numbered(number); is != "staff" {
		t.Errorf("number %d is %q", number, is)
	}
	w.must(w.RemoveGroup(ctx, owner, "staff", ""))
	if is := w.numbered(number); is != "" {
		t.Errorf("removed, and number %d is %q", number, is)
	}
}
