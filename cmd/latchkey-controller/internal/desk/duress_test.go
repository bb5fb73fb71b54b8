package desk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// all returns everything that an administrator of a role may read about readers, users and
// what has happened, as text.
func (w *world) all(role Role) string {
	w.t.Helper()
	ctx, a := w.t.Context(), as(role)
	var b bytes.Buffer
	put := func(what any, err error) {
		w.must(err)
		text, err := json.Marshal(what)
		w.must(err)
		b.Write(append(text, '\n'))
	}
	kinds := []string{"", string(wire.Duress), string(wire.UseCounted), string(wire.ProofGiven), string(wire.AttemptStarted)}
	for _, kind := range Kinds() {
		if kind.Key != "admin" {
			kinds = append(kinds, kind.Key)
		}
	}
	users, err := w.Users(ctx, a, UserQuery{})
	put(users, err)
	for _, u := range users.Users {
		put(w.User(ctx, a, u.ID))
		put(w.FindUser(ctx, a, fmt.Sprint(u.ID)))
	}
	put(w.Readers(ctx, a))
	places, err := w.Places(ctx, a)
	put(places, err)
	put(w.Hours(ctx, a, places[0].Doors[0].ID, 24))
	put(w.Odds(ctx, a, "", nil))
	put(w.Theft(ctx, a))
	records, alarms, err := w.Records(ctx, a, store.Filter{}, 0, time.UTC)
	put(records, err)
	put(alarms, nil)
	for _, kind := range kinds {
		for _, q := range []Query{{}, {User: users.Users[0].ID}, {Name: "User"}, {Reader: "reader-1"}, {Since: w.time.Add(-time.Hour)}, {Door: places[0].Doors[0].ID}, {Limit: 1}} {
			q.Kind = kind
			page, err := w.Activity(ctx, a, q)
			put(page.Events, err)
		}
	}
	if a.May(ExportActivity) {
		w.must(w.Export(ctx, a, Query{}, JSON, &b))
	}
	return b.String()
}

func TestWhoMayOnlyLookSeesNothingOfDuress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader, ada := w.reader(), w.withPIN()
	before := w.all(Viewer)
	_, err := w.SetDuressPIN(t.Context(), as(Editor), ada, PIN{Choice: Auto})
	w.must(err)
	if after := w.all(Viewer); after != before {
		t.Errorf("a PIN for duress was given, and a viewer sees\n%s\nand before it\n%s", after, before)
	}
	u := w.person(ada)
	if len(u.Credentials) != 2 || !u.Credentials[1].Duress {
		t.Fatalf("an owner sees %+v", u.Credentials)
	}
	duress := u.Credentials[1].ID
	w.records(reader, &wire.Record{Kind: wire.Duress, Seq: 1, Credential: duress, User: ada})
	if after := w.all(Viewer); after != before {
		t.Errorf("it was used, and a viewer sees\n%s\nand before it\n%s", after, before)
	}
	for _, role := range []Role{Owner, Super, Editor} {
		if text := w.all(role); strings.Count(text, "entered their PIN for duress at") < 4 {
			t.Errorf("%s does not see it", role.Title())
		}
		page, err := w.Activity(t.Context(), as(role), Query{Kind: "alarm"})
		if w.must(err); len(page.Events) != 1 || page.Events[0].Result != Alarm || page.Events[0].Text.String() != "Duress: User 2 entered their PIN for duress at Door of reader-1" {
			t.Errorf("%s sees %+v", role.Title(), page.Events)
		}
	}
	// What follows at the door looks as ever.
	w.records(reader, &wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, Seq: 1, Credential: duress, User: ada, Seconds: 5})
	page, err := w.Activity(t.Context(), as(Viewer), Query{})
	if w.must(err); len(page.Events) != 1 || page.Events[0].Text.String() != "User 2 at Door of reader-1 by PIN" {
		t.Errorf("%+v", page.Events)
	}
}
