package desk

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// inState returns the ids of the users in a state, sorted.
func (w *world) inState(state UserState) (ids []uint64) {
	w.t.Helper()
	page, err := w.Users(w.t.Context(), as(Viewer), UserQuery{State: state})
	w.must(err)
	for _, u := range page.Users {
		ids = append(ids, u.ID)
	}
	slices.Sort(ids)
	if len(ids) != page.Found {
		w.t.Errorf("%s: %d users, %d found", state, len(ids), page.Found)
	}
	if state != store.UnseenUsers {
		return ids
	}
	if page, err = w.Users(w.t.Context(), as(Viewer), UserQuery{Order: store.ByAdded, Limit: 1000}); err != nil {
		w.t.Fatal(err)
	}
	for _, u := range page.Users {
		if u.Unseen != slices.Contains(ids, u.ID) {
			w.t.Errorf("%d is marked: %v", u.ID, u.Unseen)
		}
	}
	return ids
}

func TestUsersAreNotSeenIfNoDoorOpenedToThemFor90Days(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	seen := func(kind wire.RecordKind, user uint64) {
		w.records(door, &wire.Record{Kind: kind, By: "card", User: user, Reason: wire.ReasonSchedule})
	}
	w.must(w.SetKeepDays(t.Context(), as(Owner), 365))
	never, early, late, denied := w.user(), w.user(), w.user(), w.user()
	seen(wire.AccessGranted, early)
	w.pass(day)
	seen(wire.AccessGranted, late)
	w.pass(88 * day)
	if ids := w.inState(store.UnseenUsers); len(ids) != 0 {
		t.Errorf("added %v days ago, and not seen: %v", 89, ids)
	}
	w.pass(36 * time.Hour)
	if ids := w.inState(store.UnseenUsers); !slices.Equal(ids, []uint64{never, early, denied}) {
		t.Errorf("%v", ids)
	}
	seen(wire.AccessDenied, denied)
	w.user()
	w.pass(day)
	seen(wire.AccessGranted, early)
	if ids := w.inState(store.UnseenUsers); !slices.Equal(ids, []uint64{never, late, denied}) {
		t.Errorf("%v", ids)
	}
}

func TestACopiedCardIsFoundByItsUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user()
	id, _ := w.card()
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.AddAlarm(&store.Alarm{Kind: store.CardCopied, User: id, At: 1}), tx.AddAlarm(&store.Alarm{Kind: store.CardCopied, At: 1}))
	}))
	if ids := w.inState(store.CopiedUsers); !slices.Equal(ids, []uint64{id}) {
		t.Errorf("%v", ids)
	}
}

func TestUsersWithExposedCredentialsAreFoundUntilThoseAreReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	reader := w.reader()
	id, other := w.withPIN(), w.withPIN()
	w.user()
	exposed := func(want bool, users ...uint64) {
		t.Helper()
		if ids := w.inState(store.ExposedUsers); !slices.Equal(ids, users) {
			t.Errorf("exposed are %v, not %v", ids, users)
		}
		if any, err := w.Exposed(ctx, as(Viewer)); err != nil || any != want {
			t.Errorf("any: %t, %v", any, err)
		}
	}
	exposed(false)
	_, err := w.RemoveReader(ctx, as(Super), reader, Lost)
	w.must(err)
	exposed(true, id, other)
	_, err = w.SetPIN(ctx, as(Super), id, PIN{Choice: Auto})
	w.must(err)
	exposed(true, other)
	w.must(w.RemoveUser(ctx, as(Super), other))
	exposed(false)
}

func TestSeveralUsersAreChangedAtOnceOrNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	group := w.group(w.user()).Name
	a, b, other := w.withPIN(), w.withPIN(), w.user()
	visitor := w.invite(w.visit(w.visited(), time.Hour))
	these := Selection{Users: []uint64{a, b, visitor}}
	look := func(s Selection) *SelectedUsers {
		t.Helper()
		selected, err := w.SelectUsers(t.Context(), as(Viewer), s)
		w.must(err)
		return selected
	}
	s := look(these)
	if s.Count != 2 || s.Visitors != 1 || s.More() != 0 {
		t.Errorf("%+v", s)
	}
	before, revision := w.newest().ID, w.check().Revision
	n, err := w.EditUsers(t.Context(), as(Editor), these, s.Revision, UsersEdit{Add: []string{group}, Until: new("2027-01-01"), Suspend: new(true), Zone: time.UTC})
	if err != nil || n != 2 {
		t.Fatal(n, err)
	}
	page, err := w.Activity(t.Context(), as(Owner), Query{After: before})
	w.must(err)
	if len(page.Events) != 1 || !strings.Contains(page.Events[0].Text.String(), "changed several users: into "+group+", end 2027-01-01, suspended; 2 users: User") {
		t.Errorf("%d rows: %s", len(page.Events), page.Events[0].Text)
	}
	if w.check().Revision == revision {
		t.Error("readers are not told")
	}
	for _, id := range []uint64{a, b} {
		u, err := w.User(t.Context(), as(Owner), id)
		w.must(err)
		if !u.Suspended || u.Until.UTC() != time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC) || !slices.Equal(u.Groups, []string{group}) || !u.PIN {
			t.Errorf("%+v", u.UserRow)
		}
	}
	suspended := Selection{Query: UserQuery{State: store.SuspendedUsers}}
	s = look(suspended)
	if s.Count != 2 || s.Suspended != 2 || !slices.Equal(s.Groups, []string{group}) {
		t.Errorf("%+v", s)
	}
	// Another one is in the state now.
	w.must(w.SuspendUser(t.Context(), as(Owner), other, true))
	back := UsersEdit{Remove: []string{group}, Until: new(""), Suspend: new(false)}
	if _, err := w.EditUsers(t.Context(), as(Editor), suspended, s.Revision, back); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	n, err = w.EditUsers(t.Context(), as(Editor), suspended, look(suspended).Revision, back)
	if err != nil || n != 3 || len(w.inState(store.SuspendedUsers)) != 0 {
		t.Error(n, err)
	}
	// One of them cannot be changed, so none is.
	w.must(w.EditUser(t.Context(), as(Owner), b, "", time.UTC, func(f *UserForm) { f.From = "2028-01-01" }))
	for field, edit := range map[string]UsersEdit{
		"until": {Until: new("2027-01-01")}, "groups": {Add: []string{"nowhere"}}, "edit": {}, "from": {From: new("soon")},
	} {
		if _, err := w.EditUsers(t.Context(), as(Editor), these, look(these).Revision, edit); Fields(err)[field] == nil {
			t.Errorf("%s: %v", field, err)
		}
	}
	if u, err := w.User(t.Context(), as(Owner), a); err != nil || !u.Until.IsZero() {
		t.Errorf("%+v, %v", u, err)
	}
	for field, s := range map[string]Selection{"users": {Users: make([]uint64, MaxSelected+1)}, "state": {Query: UserQuery{State: "over"}}} {
		if _, err := w.SelectUsers(t.Context(), as(Viewer), s); Fields(err)[field] == nil {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := w.EditUsers(t.Context(), as(Editor), Selection{Users: []uint64{visitor}}, look(Selection{Users: []uint64{visitor}}).Revision, back); Fields(err)["users"] == nil {
		t.Error(err)
	}
}

// BenchmarkUnseen measures the filter of users not seen, with 100,000 users and a million events,
// and an edit of 10,000 users.
func BenchmarkUnseen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "site")
	d := crowdedIn(b, dir)
	now := time.Now()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, store.File)+"?_pragma=busy_timeout(10000)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	// Nine of ten users were seen, most of them lately.
	_, err = db.Exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
		INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received, subject, door, who, tries)
		SELECT 1, i, CASE i % 4 WHEN 0 THEN 'denied' ELSE 'granted' END, 'access.granted', 'front-door', 1 + (i * 7919) % 90000, ?, ?, 0, 0, 0, 0 FROM n`, now.UnixMilli(), now.UnixMilli())
	if err == nil {
		_, err = db.Exec(`UPDATE users SET created = ? WHERE id % 20 <> 0`, now.Add(-200*day).Unix())
	}
	if err == nil {
		_, err = db.Exec(`UPDATE users SET seen = coalesce((SELECT max(id) FROM activity WHERE user_id = users.id AND user_id <> 0 AND class = 'granted'), 0)`)
	}
	if err == nil {
		_, err = db.Exec(`INSERT INTO ages (steady, activity, audit) VALUES (?, 300000, 0)`, -int64(200*day/time.Second))
	}
	if err != nil {
		b.Fatal(err)
	}
	for name, q := range map[string]UserQuery{"first": {State: store.UnseenUsers}, "search": {State: store.UnseenUsers, Search: "ba"}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				page, err := d.Users(b.Context(), as(Viewer), q)
				if err != nil || len(page.Users) == 0 {
					b.Fatal(page, err)
				}
				b.ReportMetric(float64(page.Found), "found")
			}
		})
	}
	b.Run("edit", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			these := Selection{}
			for id := range MaxSelected {
				these.Users = append(these.Users, uint64(1+id*10))
			}
			s, err := d.SelectUsers(b.Context(), as(Owner), these)
			if err == nil {
				_, err = d.EditUsers(b.Context(), as(Owner), these, s.Revision, UsersEdit{Suspend: new(n%2 == 0)})
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
