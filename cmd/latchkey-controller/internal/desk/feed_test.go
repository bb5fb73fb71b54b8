package desk

import (
	"slices"
	"strings"
	"testing"

	"latchkey/sync/wire"
)

func TestAProgramSeesNothingOfDuress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader, ada := w.reader(), w.underDuress()
	duress := slices.IndexFunc(w.person(ada).Credentials, func(c Credential) bool { return c.Duress })
	w.records(reader, &wire.Record{Kind: wire.Duress, Seq: 1, Credential: w.person(ada).Credentials[duress].ID, User: ada})
	w.must(w.RemoveDuressPIN(t.Context(), as(Editor), ada))
	a, _ := w.acting(Editor, ScopeActivity, ScopeManage, ScopeRead)
	feed, err := w.EventsAfter(t.Context(), a, 0, 1000)
	w.must(err)
	page, err := w.Activity(t.Context(), a, Query{Limit: 1000})
	w.must(err)
	acts := 0
	for _, e := range append(feed.Events, page.Events...) {
		if strings.Contains(e.Kind+e.Text.String(), "uress") {
			t.Errorf("%s: %s", e.Kind, e.Text)
		}
		if e.Source == "admin" {
			acts++
		}
	}
	if acts < 4 || feed.Next != feed.Newest || feed.More {
		t.Errorf("%d acts, next %d of %d", acts, feed.Next, feed.Newest)
	}
	if feed.Doors[reader] != w.look(reader).DoorID {
		t.Errorf("%s is at door %d", reader, feed.Doors[reader])
	}
}

func TestTheOddsAtOneReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, other := w.reader(), w.reader()
	w.withPIN()
	o, err := w.OddsAt(t.Context(), as(Viewer), one)
	if err != nil || o.Readers != 1 || o.PINs != 1 || !slices.Equal(o.Bounded, []string{one}) {
		t.Errorf("%+v, %v", o, err)
	}
	both, err := w.Odds(t.Context(), as(Viewer), "", nil)
	if err != nil || both.PerDay != 2*o.PerDay {
		t.Errorf("%+v, %v; %s", both, err, other)
	}
	if _, err := w.OddsAt(t.Context(), as(Viewer), "nowhere"); err != ErrNotFound {
		t.Error(err)
	}
}
