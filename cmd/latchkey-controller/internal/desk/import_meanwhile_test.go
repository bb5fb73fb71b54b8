package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// prepared prepares an import of a file as the Owner, and returns what writes it.
func (w *world) prepared(file string) (write func() error) {
	w.t.Helper()
	pins := &PINDelivery{How: language.Data("nowhere"), Give: func(pins []*ImportedPIN) error { WipePINs(pins); return nil }}
	ready, err := w.prepareImport(w.t.Context(), as(Owner), []byte(file), w.preview(file).Revision, pins)
	w.must(err)
	w.t.Cleanup(ready.wipe)
	return func() error { return w.writeImport(w.t.Context(), as(Owner), ready, pins) }
}

func TestOthersWriteWhileAnImportIsPrepared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, other, bare := w.reader(), w.user(), w.user()
	changed, _ := w.card()
	groups := w.group(changed).Name
	var file strings.Builder
	fmt.Fprintf(&file, "id,first_name,last_name,employee_number,groups,enabled,cards,pin\n%d,New,Name,7,,,%s,auto\n%d,Bare,,8,,,%s,\n", changed, w.uid(), bare, w.uid())
	for n := range 300 {
		fmt.Fprintf(&file, ",First%d,Last,E%d,%s,%s,%s,\n", n, n, groups, []string{"yes", "no"}[n%2], w.uid())
	}
	write := w.prepared(file.String())
	before := w.check()
	w.records(door, &wire.Record{Kind: wire.AccessGranted, By: "card", User: changed, Reason: wire.ReasonSchedule})
	w.must(w.EditUser(t.Context(), as(Super), other, "", nil, func(f *UserForm) { f.Email = "other@example.com" }))
	added, _, err := w.AddUser(t.Context(), as(Super), UserForm{First: "Meanwhile"}, PIN{Choice: Auto}, []string{w.uid()})
	w.must(err)
	if n := w.check().Users; n != before.Users+1 {
		t.Errorf("%d users, before %d", n, before.Users)
	}
	w.must(write())
	w.check() // the log is what the users' credentials are
	u, err := w.User(t.Context(), as(Viewer), changed)
	w.must(err)
	if u.Name != "New Name" || !u.PIN || u.Cards != 2 || len(u.Groups) != 0 || u.Seen == nil {
		t.Errorf("%+v", u.UserRow)
	}
	if ids := w.inState(store.BareUsers); !slices.Equal(ids, []uint64{other}) {
		t.Errorf("without credentials are %v", ids)
	}
	page, err := w.Users(t.Context(), as(Viewer), UserQuery{Search: "last", Group: groups, Limit: 1000})
	w.must(err)
	if len(page.Users) != 300 {
		t.Fatalf("%d users are added", len(page.Users))
	}
	for _, u := range page.Users {
		if u.Cards != 1 || u.Copyable != 1 || u.Suspended != strings.ContainsAny(u.Employee[len(u.Employee)-1:], "13579") || u.ID == added {
			t.Errorf("%+v", u)
		}
	}
	// Ids go on behind what was reserved.
	if next := w.user(); slices.ContainsFunc(page.Users, func(u *UserRow) bool { return u.ID >= next }) || next <= added {
		t.Errorf("the next is %d", next)
	}
}

func TestAnImportIsRefusedIfItsPlanChangesMeanwhile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		meanwhile func(w *world, of, other uint64, group, uid, new string)
		is        error
	}{
		"edited": {func(w *world, of, _ uint64, _, _, _ string) {
			w.must(w.EditUser(w.t.Context(), as(Super), of, "", nil, func(f *UserForm) { f.Email = "x@example.com" }))
		}, ErrChanged},
		"suspended": {func(w *world, of, _ uint64, _, _, _ string) {
			w.must(w.SuspendUser(w.t.Context(), as(Super), of, true))
		}, ErrChanged},
		"removed": {func(w *world, of, _ uint64, _, _, _ string) { w.must(w.RemoveUser(w.t.Context(), as(Super), of)) }, ErrChanged},
		"has a PIN": {func(w *world, of, _ uint64, _, _, _ string) {
			_, err := w.SetPIN(w.t.Context(), as(Super), of, PIN{Choice: Auto})
			w.must(err)
		}, ErrChanged},
		"lost a card": {func(w *world, of, _ uint64, _, uid, _ string) {
			w.must(w.RemoveCardUID(w.t.Context(), as(Super), of, uid))
		}, ErrChanged},
		"same number": {func(w *world, _, other uint64, _, _, _ string) {
			w.must(w.EditUser(w.t.Context(), as(Super), other, "", nil, func(f *UserForm) { f.Employee = "8" }))
		}, ErrChanged},
		"card given": {func(w *world, _, other uint64, _, _, new string) {
			w.must(w.AddCard(w.t.Context(), as(Super), other, new))
		}, site.ErrCardTaken},
		"group gone": {func(w *world, _, _ uint64, group, _, _ string) {
			w.must(w.RenameGroup(w.t.Context(), as(Super), group, w.grouped(group).Revision(), "other"))
		}, ErrChanged},
		"zone": {func(w *world, _, _ uint64, _, _, _ string) {
			w.setZone("Asia/Tokyo")
		}, ErrChanged},
		"new keys": {func(w *world, _, _ uint64, _, _, _ string) {
			_, err := w.NewEpoch(w.t.Context(), as(Owner))
			w.must(err)
		}, site.ErrOutdated},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			of, other, uid, new := w.user(), w.user(), w.uid(), w.uid()
			w.must(w.AddCard(t.Context(), as(Owner), of, uid))
			group := w.group(other).Name
			write := w.prepared(fmt.Sprintf("id,first_name,employee_number,groups,valid_until,cards,pin\n%d,Ada,7,%s,2030-12-31,%s,auto\n,Bob,8,,2030-12-31,%s,\n", of, group, uid, new))
			test.meanwhile(w, of, other, group, uid, new)
			before, users := w.check(), w.export()
			if err := write(); !errors.Is(err, test.is) || Fields(err)["file"] == nil {
				t.Errorf("%v", err)
			}
			if after := w.check(); after.Users != before.Users || after.Revision != before.Revision || w.export() != users {
				t.Errorf("something changed: %+v, before %+v", after, before)
			}
		})
	}
}

func TestAnImportGivesWayToOthersAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	for changes, done := range map[int]bool{importTries - 1: true, importTries: false} {
		w := newWorld(t)
		other, tries, changing := w.user(), 0, false
		write, before := w.prepared("first_name\nAda\n"), w.check().Users
		w.read = func() clock.Reading { // which a try does before its transaction
			if !changing && tries < changes {
				tries, changing = tries+1, true
				w.must(w.EditUser(t.Context(), as(Super), other, "", nil, func(f *UserForm) { f.Email = fmt.Sprint(tries, "@example.com") }))
				changing = false
			}
			return w.clock()
		}
		err := write()
		switch {
		case done && (err != nil || w.check().Users != before+1):
			t.Errorf("after %d changes: %v", changes, err)
		case !done && (!strings.Contains(Fields(err)["file"].String(), "changes too often") || w.check().Users != before):
			t.Errorf("after %d changes: %v", changes, err)
		}
		page, err := w.Activity(t.Context(), as(Owner), Query{Kind: "admin." + string(ImportUsers)})
		w.must(err)
		if len(page.Events) != 1 || (page.Events[0].Result == Changed) != done || tries != changes {
			t.Errorf("after %d changes of %d the audit has %d imports", tries, changes, len(page.Events))
		}
	}
}
