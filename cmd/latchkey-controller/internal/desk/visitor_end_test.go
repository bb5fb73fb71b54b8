package desk

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestADoorThatTookVisitorsIsRemovedAndTheSiteIsSound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	reader := w.readerOf(door)
	_, err := w.RemoveReader(t.Context(), as(Owner), reader, Returned)
	w.must(err)
	w.must(w.RemovePlace(t.Context(), as(Owner), Doors, door))
	if _, err := w.site.Check(t.Context()); err != nil {
		t.Error(err)
	}
	p, err := w.Policy(t.Context(), as(Owner), reader)
	w.must(err)
	for _, a := range p.Access {
		if IsVisitors(a.Group) {
			t.Errorf("its policy has %s", a.Group)
		}
	}
}

func TestAVisitorComesIntoNoGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.invite(w.visit(w.visited(), time.Hour))
	w.must(w.EditMembers(t.Context(), as(Editor), "staff", true, []uint64{w.user()}, nil))
	before := w.person(id).Groups
	for _, begins := range []bool{true, false} {
		group := map[bool]string{true: "crew", false: "staff"}[begins]
		err := w.EditMembers(t.Context(), as(Owner), group, begins, []uint64{id}, nil)
		if says := Fields(err)["users"]; !strings.HasSuffix(says.String(), "is a visitor, and in no group: invite them to the doors, or add a user") {
			t.Errorf("%s: %v", group, err)
		}
	}
	if after := w.person(id).Groups; strings.Join(after, " ") != strings.Join(before, " ") {
		t.Errorf("%q, before %q", after, before)
	}
	for _, group := range before {
		if _, err := w.Users(t.Context(), as(Viewer), UserQuery{Group: group}); !errors.Is(err, ErrNotFound) {
			t.Errorf("the users of %s: %v", group, err)
		}
		if page, err := w.Users(t.Context(), as(Viewer), UserQuery{Search: group}); err != nil || page.Found != 0 {
			t.Errorf("searched %s: %+v, %v", group, page, err)
		}
	}
}

func TestAfterAVisitThereIsNoNewPIN(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	form := w.visit(door, 48*time.Hour)
	form.From = w.time.Add(24 * time.Hour).Format(time.RFC3339)
	id := w.invite(form)
	w.must(w.EndInvitation(t.Context(), as(Editor), id))
	_, err := w.SetPIN(t.Context(), as(Editor), id, PIN{Choice: Auto})
	if says := Fields(err)["pin"]; !strings.Contains(says.String(), "is over: change its end first, or invite them anew") {
		t.Error(err)
	}
	u, err := w.User(t.Context(), as(Owner), id)
	w.must(err)
	if len(u.Credentials) != 0 {
		t.Errorf("%+v", u.Credentials)
	}
	w.must(w.EditUser(t.Context(), as(Owner), id, "", nil, func(f *UserForm) { f.Last = "Z" })) // it had not begun
}

func TestAVisitLastsAMonthAtMostHoweverOftenItIsEdited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.invite(w.visit(w.visited(), 24*time.Hour))
	w.pass(20 * time.Hour)
	until := func(d time.Duration) error {
		return w.EditUser(t.Context(), as(Editor), id, "", nil, func(f *UserForm) { f.Until = w.time.Add(d).Format(time.RFC3339) })
	}
	w.must(until(30 * 24 * time.Hour))
	w.pass(24 * time.Hour)
	w.must(until(29 * 24 * time.Hour))
	if says := Fields(until(31 * 24 * time.Hour))["until"].String(); says == "" {
		t.Error("the visit is longer than a month")
	}
}
