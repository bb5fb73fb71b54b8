package desk

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// given returns what readers get of a user's credentials.
func (w *world) given(id uint64) (all []wire.Credential) {
	w.t.Helper()
	w.must(w.site.View(w.t.Context(), func(tx *store.Tx) error {
		u, err := tx.User(id)
		if err != nil {
			return err
		}
		credentials, err := tx.CredentialsOf(id)
		for _, c := range credentials {
			all = append(all, u.Wire(c))
		}
		return err
	}))
	return all
}

// refusal returns why a reader does not let a visitor in now.
func (w *world) refusal(reader string, id uint64) wire.Reason {
	w.t.Helper()
	credentials := w.given(id)
	if len(credentials) != 1 {
		return wire.ReasonNone
	}
	p, err := w.Policy(w.t.Context(), as(Owner), reader)
	w.must(err)
	return p.Refusal(&credentials[0], wire.Moment{Local: w.time, Trusted: true, Mode: wire.ModeNormal})
}

func TestAVisitorOpensTheDoorsOfTheInvitationForItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, other := w.visited(), w.visited()
	in, out := w.readerOf(door), w.readerOf(other)
	form := w.visit(door, 3*time.Hour)
	form.From = w.time.Add(time.Hour).Format(time.RFC3339)
	form.Limits = PINLimits{Uses: 2, Within: time.Hour}
	id, digits, err := w.Invite(t.Context(), as(Editor), form)
	w.must(err)
	if len(digits) != 8 {
		t.Errorf("%d digits", len(digits))
	}
	if e := w.newest(); e.Kind != "admin.visitor.invite" || e.User != id || e.Text.String() != "Limited Admin (Can Edit) invited Visitor 3 to Door of reader-1, from 23 Nov 2026, 13:30, until 23 Nov 2026, 15:30, with a PIN for 2 uses, for 1 hour from the first use" {
		t.Errorf("%s: %s", e.Kind, e.Text)
	}
	if c := w.given(id)[0]; c.Uses != 2 || c.Within != 3600 || c.Kind != wire.PIN {
		t.Errorf("%+v", c)
	}
	for _, at := range []struct {
		after     time.Duration
		in, other wire.Reason
	}{{0, wire.ReasonEarly, wire.ReasonEarly}, {time.Hour, "", wire.ReasonGroup}, {2 * time.Hour, wire.ReasonExpired, wire.ReasonExpired}} {
		w.pass(at.after)
		if got := [2]wire.Reason{w.refusal(in, id), w.refusal(out, id)}; got != [2]wire.Reason{at.in, at.other} {
			t.Errorf("%v later: %q", at.after, got)
		}
	}
	w.check()
}

// readerOf returns the reader of a door.
func (w *world) readerOf(door int64) string {
	w.t.Helper()
	d, err := w.Door(w.t.Context(), as(Owner), door)
	w.must(err)
	return d.Readers[0].ID
}

func TestAVisitorIsShownAsOneWithTheDoorsInPlaceOfTheirGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	id := w.invite(w.visit(door, time.Hour))
	u, err := w.User(t.Context(), as(Viewer), id)
	w.must(err)
	want := &Visit{Invited: moment(w.time.Unix()), By: "Owner", Doors: []VisitedDoor{{ID: door, Name: "Door of reader-1", Place: "Main building", Takes: true}}}
	if len(u.Groups) != 0 || !reflect.DeepEqual(u.Visit, want) {
		t.Errorf("in %q, %+v", u.Groups, u.Visit)
	}
	at, err := w.UserAccess(t.Context(), as(Viewer), []*Reader{w.look("reader-1")}, id)
	w.must(err)
	if len(at) != 1 || !slices.Equal(at[0].Groups, []string{"invited visitors"}) {
		t.Errorf("access: %+v", at)
	}
	groups, err := w.Groups(t.Context(), as(Owner))
	w.must(err)
	if len(groups) != 0 {
		t.Errorf("groups to choose from: %q", groups)
	}
	if u, err := w.User(t.Context(), as(Owner), w.user()); err != nil || u.Visit != nil {
		t.Errorf("a user who is no visitor: %+v, %v", u.Visit, err)
	}
	page, err := w.Users(t.Context(), as(Owner), UserQuery{State: store.InvitedUsers})
	w.must(err)
	if len(page.Users) != 1 || page.Users[0].ID != id || page.Found != 1 {
		t.Errorf("the list of users who are visitors: %+v", page)
	}
}

func TestAnInvitationIsRefusedThatCannotWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.visited()
	later := func(d time.Duration) string { return w.time.Add(d).Format(time.RFC3339) }
	doorOf := func(edit func(*wire.Policy)) int64 {
		door := w.visited()
		_, err := w.SetPolicy(t.Context(), as(Owner), w.readerOf(door), 0, edit)
		w.must(err)
		return door
	}
	both := doorOf(func(p *wire.Policy) { p.TwoProofs = &wire.TwoProofs{} })
	off := doorOf(func(p *wire.Policy) { p.PIN = false })
	closed := w.look(w.reader()).DoorID
	bare, err := w.AddPlace(t.Context(), as(Owner), Doors, w.look("reader-1").HubID, "Bare")
	w.must(err)
	w.must(w.TakeVisitors(t.Context(), as(Owner), bare, true))
	many := make([]int64, wire.MaxGroups+1)
	for i := range many {
		many[i] = int64(i + 1)
	}
	for name, try := range map[string]struct {
		edit  func(*VisitForm)
		field string
		says  string
	}{
		"nobody":            {func(f *VisitForm) { f.First, f.Last = "", " " }, "first", "A user needs a name: first, last, or both"},
		"no end":            {func(f *VisitForm) { f.Until = "" }, "until", "Enter when the visit ends"},
		"over":              {func(f *VisitForm) { f.Until = later(0) }, "until", "This time has passed; choose a later one"},
		"ends before":       {func(f *VisitForm) { f.From = later(2 * time.Hour) }, "until", "The end must be after the beginning"},
		"too long":          {func(f *VisitForm) { f.Until = later(MaxVisit + time.Second) }, "until", "A visit lasts at most 31 days; add a user for somebody who comes for longer"},
		"too long, later":   {func(f *VisitForm) { f.From, f.Until = later(time.Hour), later(MaxVisit+2*time.Hour) }, "until", "A visit lasts at most 31 days; add a user for somebody who comes for longer"},
		"long since":        {func(f *VisitForm) { f.From, f.Until = later(-time.Hour), later(MaxVisit+time.Minute) }, "until", "A visit lasts at most 31 days; add a user for somebody who comes for longer"},
		"no date":           {func(f *VisitForm) { f.From = "tomorrow" }, "from", "Write it like 2026-12-31 or 2026-12-31T18:00"},
		"no door":           {func(f *VisitForm) { f.Doors = nil }, "doors", "Choose at least one door"},
		"too many doors":    {func(f *VisitForm) { f.Doors = many }, "doors", "A visitor can be invited to at most 32 doors"},
		"a door of nowhere": {func(f *VisitForm) { f.Doors = []int64{good, 9999} }, "doors", "There is no door 9999 any more: choose another"},
		"door -1":           {func(f *VisitForm) { f.Doors = []int64{good, -1} }, "doors", "There is no door -1: choose another"},
		"takes none":        {func(f *VisitForm) { f.Doors = []int64{closed} }, "doors", "Visitors may not be invited to Door of reader-4: choose another door, or have that switched on under Settings of the door, in the console"},
		"card and PIN":      {func(f *VisitForm) { f.Doors = []int64{both} }, "doors", "A visitor cannot open Door of reader-2: the door demands card and PIN, and they have no card. Choose another door"},
		"PIN entry off":     {func(f *VisitForm) { f.Doors = []int64{good, off} }, "doors", "A visitor cannot open Door of reader-3: PIN entry is switched off. Choose another door"},
		"no reader":         {func(f *VisitForm) { f.Doors = []int64{bare} }, "doors", "Bare has no reader: choose another door"},
		"uses":              {func(f *VisitForm) { f.Limits.Uses = wire.MaxUses + 1 }, "uses", "Choose 1 to 100 uses, or leave it empty for no limit"},
		"within":            {func(f *VisitForm) { f.Limits.Within = time.Second }, "within", "Choose 1 minute to 31 days from the first use, or leave it empty for no limit"},
	} {
		form := w.visit(good, time.Hour)
		try.edit(&form)
		_, digits, err := w.Invite(t.Context(), as(Owner), form)
		if got := Fields(err); len(got) != 1 || got[try.field].String() != try.says {
			t.Errorf("%s: %v", name, err)
		}
		if digits != nil {
			t.Errorf("%s: a PIN all the same", name)
		}
	}
	if n := w.check().Users; n != 0 {
		t.Errorf("%d were added", n)
	}
}

func TestAVisitLastsUpTo31DaysFromItsBeginning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	for _, begins := range []time.Duration{0, 90 * 24 * time.Hour} {
		form := w.visit(door, begins+MaxVisit)
		if begins != 0 {
			form.From = w.time.Add(begins).Format(time.RFC3339)
		}
		w.invite(form)
	}
}

func TestAVisitorKeepsTheirDoorsWhenTheyAreEdited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	reader := w.readerOf(door)
	id := w.invite(w.visit(door, time.Hour))
	edit := func(change func(*UserForm)) error {
		return w.EditUser(t.Context(), as(Owner), id, "", time.UTC, change)
	}
	w.must(edit(func(f *UserForm) { f.First, f.Until = "Grace", w.time.Add(48*time.Hour).Format(time.RFC3339) }))
	w.pass(24 * time.Hour)
	if got := w.refusal(reader, id); got != "" {
		t.Errorf("refused: %q", got)
	}
	for field, change := range map[string]func(*UserForm){
		"groups": func(f *UserForm) { f.Groups = []string{"staff"} },
		"until":  func(f *UserForm) { f.Until = "" },
	} {
		if err := edit(change); Fields(err)[field] == nil {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := edit(func(f *UserForm) { f.Until = w.time.Add(MaxVisit + time.Minute).Format(time.RFC3339) }); Fields(err)["until"] == nil {
		t.Errorf("too long: %v", err)
	}
	w.pass(25 * time.Hour) // it is over, and the name may still be put right
	w.must(edit(func(f *UserForm) { f.Last = "Hopper" }))
}

func TestThePINOfAVisitorIsGenerated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.invite(w.visit(w.visited(), time.Hour))
	before := w.given(id)
	if _, err := w.SetPIN(t.Context(), as(Owner), id, chosen("27485913")); Fields(err)["pin"] == nil {
		t.Errorf("a chosen one: %v", err)
	}
	if !reflect.DeepEqual(w.given(id), before) {
		t.Error("the PIN has changed")
	}
	_, err := w.SetPIN(t.Context(), as(Owner), id, PIN{Choice: Auto, Limits: PINLimits{Uses: 1}})
	w.must(err)
	if after := w.given(id); len(after) != 1 || after[0].ID == before[0].ID || after[0].Uses != 1 || after[0].Until != before[0].Until {
		t.Errorf("%+v", after)
	}
}

func TestAVisitThatIsEndedTakesThePINAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	coming := w.visit(door, 3*time.Hour)
	coming.From = w.time.Add(time.Hour).Format(time.RFC3339)
	for i, id := range []uint64{w.invite(w.visit(door, time.Hour)), w.invite(coming)} {
		w.must(w.AddCard(t.Context(), as(Owner), id, w.uid()))
		w.must(w.EndInvitation(t.Context(), as(Editor), id))
		if e := w.newest(); e.Kind != "admin.visitor.end" || e.User != id {
			t.Errorf("%+v", e)
		}
		if left := w.given(id); len(left) != 0 {
			t.Errorf("%d: left are %+v", i, left)
		}
		u, err := w.User(t.Context(), as(Owner), id)
		w.must(err)
		if u.Validity != Expired || len(u.Visit.Doors) != 1 {
			t.Errorf("%d: %+v", i, u.UserRow)
		}
		if err := w.EndInvitation(t.Context(), as(Editor), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%d: again: %v", i, err)
		}
	}
	user := w.withPIN()
	w.must(w.EditUser(t.Context(), as(Owner), user, "", time.UTC, func(f *UserForm) { f.Until = w.time.Add(time.Hour).Format(time.RFC3339) }))
	if err := w.EndInvitation(t.Context(), as(Owner), user); !errors.Is(err, ErrNotFound) || len(w.given(user)) != 1 {
		t.Errorf("of a user: %v", err)
	}
	w.check()
}

func TestVisitorsAreRemovedADayAfterTheirEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	user := w.user()
	w.must(w.EditUser(t.Context(), as(Owner), user, "", time.UTC, func(f *UserForm) { f.Until = w.time.Add(time.Hour).Format(time.RFC3339) }))
	id, later := w.invite(w.visit(door, time.Hour)), w.invite(w.visit(door, 2*time.Hour))
	name := fmt.Sprint("Visitor ", w.n-1)
	still := func(want ...uint64) {
		t.Helper()
		w.must(w.maintain(t.Context()))
		for _, id := range []uint64{user, id, later} {
			_, err := w.User(t.Context(), as(Owner), id)
			if is := err == nil; is != slices.Contains(want, id) {
				t.Errorf("at %s: user %d is there: %t, %v", w.time, id, is, err)
			}
		}
	}
	w.pass(25*time.Hour - time.Second)
	still(user, id, later)
	w.pass(time.Second)
	still(user, later)
	e := w.newest()
	if e.Kind != "admin.visitor.remove" || e.User != id || e.Text.String() != "Latchkey removed the visitor "+name+": the visit ended a day ago" {
		t.Errorf("%+v: %s", e, e.Text)
	}
	w.put = 48 * time.Hour // the wall clock is wrong: it is in doubt
	still(user, later)
	w.put = 0
	w.check()
}

func TestManyVisitorsAreRemovedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		for i := range 2*visitorsAtOnce + 1 {
			u := &store.User{Name: fmt.Sprint("Visitor ", i), Groups: []string{site.VisitorGroup(door)}, Until: w.time.Unix() + 60}
			if err := tx.AddUser(u); err != nil {
				return err
			}
			if err := tx.SetInvitation(u.ID, store.Invitation{At: 1}); err != nil {
				return err
			}
		}
		return nil
	}))
	w.pass(25 * time.Hour)
	w.must(w.removeVisitors(t.Context()))
	if n := w.check().Users; n != 0 {
		t.Errorf("%d are left", n)
	}
}

func TestVisitorsAreListedByTheirTimePageByPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.visited()
	w.user()
	invited := 0
	rapid.Check(t, func(t *rapid.T) {
		// Each run adds to those of before.
		now := w.time.Unix()
		w.must(w.site.Update(w.t.Context(), func(tx *store.Tx) error {
			for range rapid.IntRange(0, 4).Draw(t, "visitors") {
				invited++
				u := &store.User{Name: "Visitor", Groups: []string{site.VisitorGroup(door)}}
				u.Until = now + rapid.Int64Range(-2, 4).Draw(t, "until")
				u.From = max(0, u.Until-rapid.SampledFrom([]int64{1, 2, 3, 1 << 40}).Draw(t, "long"))
				if err := tx.AddUser(u); err != nil {
					return err
				}
				if err := tx.SetInvitation(u.ID, store.Invitation{At: now, By: "Ada"}); err != nil {
					return err
				}
			}
			return nil
		}))
		all := map[VisitTime][]uint64{}
		for _, at := range VisitTimes() {
			q := VisitQuery{At: at, Limit: rapid.IntRange(1, 7).Draw(t, "limit")}
			if invited > 30 { // whose pages are many
				q.Limit *= 5
			}
			found, before := -1, int64(0)
			for {
				page, err := w.Visitors(w.t.Context(), as(Viewer), q)
				w.must(err)
				for _, u := range page.Visitors {
					if u.Until.Unix() < before {
						t.Fatalf("%s: %d ends before the one before it", at, u.ID)
					}
					before = u.Until.Unix()
					is := store.Here
					switch {
					case u.Until.Unix() <= now:
						is = store.Over
					case u.From.Unix() > now:
						is = store.Coming
					}
					if at != store.AnyVisit && is != at {
						t.Fatalf("%d is among %s, and is %s", u.ID, at, is)
					}
					all[at] = append(all[at], u.ID)
				}
				found = page.Found
				if q.After = page.Next; q.After == "" {
					break
				}
			}
			if found != len(all[at]) {
				t.Fatalf("%s: %d found, %d listed", at, found, len(all[at]))
			}
		}
		times := slices.Concat(all[store.Here], all[store.Coming], all[store.Over])
		slices.Sort(times)
		whole := slices.Sorted(slices.Values(all[store.AnyVisit]))
		if !slices.Equal(times, whole) || len(slices.Compact(times)) != len(whole) {
			t.Fatalf("%v and %v", times, whole)
		}
	})
}
