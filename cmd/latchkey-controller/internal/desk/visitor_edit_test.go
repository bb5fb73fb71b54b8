package desk

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAVisitThatIsEditedOpensItsNewDoorsForItsNewTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	before, after := w.visited(), w.visited()
	form := w.visit(before, time.Hour)
	form.Email, form.Limits = "ada@example.com", PINLimits{Uses: 3}
	id := w.invite(form)
	w.must(w.site.Update(ctx, func(tx *store.Tx) error { // what an edit of a visit does not show
		u, err := tx.User(id)
		if err != nil {
			return err
		}
		u.Extended, u.Employee = true, "42"
		return tx.SetUser(w.time.Unix(), u)
	}))
	w.must(w.EditVisit(ctx, as(Editor), id, func(f *VisitForm) {
		f.Last, f.Until, f.Doors = "Byron", w.time.Add(2*time.Hour).Format(time.RFC3339), []int64{after}
	}))
	if got, want := w.newest().Text.String(), "Limited Admin (Can Edit) changed Visitor 3: name from Visitor 3 to Visitor Byron"; !strings.HasPrefix(got, want) ||
		!strings.Contains(got, "end from 2026-11-23 13:30 UTC to 2026-11-23 14:30 UTC") || !strings.HasSuffix(got, "doors from Door of reader-1 to Door of reader-2") {
		t.Errorf("%s", got)
	}
	if r := w.refusal(w.readerOf(before), id); r != wire.ReasonGroup {
		t.Errorf("the old door is refused with %q", r)
	}
	w.time = w.time.Add(90 * time.Minute)
	if r := w.refusal(w.readerOf(after), id); r != "" {
		t.Errorf("the new door does not open: %s", r)
	}
	u, err := w.User(ctx, as(Owner), id)
	if err != nil || u.Email != "ada@example.com" || !u.Extended || u.Employee != "42" || u.Credentials[0].Limits != form.Limits || u.Visit == nil {
		t.Errorf("%+v, %v", u, err)
	}
	w.check()
}

func TestABadEditOfAVisitChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, owner := t.Context(), as(Owner)
	door, closed := w.visited(), w.look(w.reader()).DoorID
	id, over, user := w.invite(w.visit(door, time.Hour)), w.invite(w.visit(door, time.Hour)), w.user()
	w.must(w.EndInvitation(ctx, owner, over))
	hour := w.time.Add(time.Hour)
	for name, c := range map[string]struct {
		id    uint64
		edit  func(*VisitForm)
		field string
	}{
		"no name":       {id, func(f *VisitForm) { f.First, f.Last = "", "" }, "first"},
		"over":          {over, func(f *VisitForm) { f.First = "Eve" }, "until"},
		"no end":        {id, func(f *VisitForm) { f.Until = "" }, "until"},
		"too long":      {id, func(f *VisitForm) { f.Until = w.time.Add(MaxVisit + time.Hour).Format(time.RFC3339) }, "until"},
		"no door":       {id, func(f *VisitForm) { f.Doors = nil }, "doors"},
		"absent door":   {id, func(f *VisitForm) { f.Doors = append(f.Doors, 99) }, "doors"},
		"closed door":   {id, func(f *VisitForm) { f.Doors = []int64{closed} }, "doors"},
		"no such email": {id, func(f *VisitForm) { f.Email = "ada" }, "email"},
	} {
		if err := w.EditVisit(ctx, owner, c.id, c.edit); Fields(err)[c.field] == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.EditVisit(ctx, owner, user, func(f *VisitForm) { f.First = "Eve" }); !errors.Is(err, ErrNotFound) {
		t.Errorf("of a user: %v", err)
	}
	u, err := w.User(ctx, owner, id)
	if err != nil || u.First != "Visitor" || !u.Until.Equal(hour) || len(u.Visit.Doors) != 1 || u.Visit.Doors[0].ID != door {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestAnInvitationToADoorThatTakesNoVisitorsAnyMoreIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, owner := t.Context(), as(Owner)
	door := w.visited()
	id := w.invite(w.visit(door, time.Hour))
	w.must(w.TakeVisitors(ctx, owner, door, false))
	w.must(w.EditVisit(ctx, owner, id, func(f *VisitForm) { f.First = "Eve" }))
	w.must(w.site.View(ctx, func(tx *store.Tx) error {
		u, err := tx.User(id)
		if err == nil && !slices.Equal(site.VisitorDoors(u), []int64{door}) {
			t.Error(u.Groups)
		}
		return err
	}))
}

func TestVisitorsAreSkipped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	var ids []uint64
	for i := range 4 {
		ids = append(ids, w.invite(w.visit(door, time.Hour+time.Duration(i)*time.Minute)))
	}
	for _, q := range []VisitQuery{{Skip: 1, Limit: 2}, {Skip: 1, Limit: 2, Search: "visitor"}} {
		page, err := w.Visitors(t.Context(), as(Owner), q)
		w.must(err)
		var got []uint64
		for _, u := range page.Visitors {
			got = append(got, u.ID)
		}
		if !slices.Equal(got, ids[1:3]) || page.Found != 4 || page.Next == "" {
			t.Errorf("%+v: %v, %+v", q, got, page)
		}
		q.Skip = 9
		if page, err := w.Visitors(t.Context(), as(Owner), q); err != nil || len(page.Visitors) != 0 || page.Found != 4 {
			t.Errorf("%+v, %v", page, err)
		}
	}
}
