package api

import (
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

// readerIn adopts a new reader in a building, whose names all begin alike.
func (w *world) readerIn(name string) (id string, door int64) {
	w.t.Helper()
	b := boardtest.New(w.t)
	_, err := w.desk.Adopt(w.t.Context(), root, desk.AdoptForm{
		Reader: "reader-" + name, Request: b.Signed, Fingerprint: b.Fingerprint(), Door: name + " door", Place: name + " building", Access: []wire.Access{{Group: wire.Everyone}},
	}, func([]byte) error { return nil })
	w.must(err)
	r, err := w.desk.Reader(w.t.Context(), root, "reader-"+name)
	w.must(err)
	return r.ID, r.DoorID
}

// location returns the id of a building of readerIn.
func (w *world) location(name string) int64 {
	w.t.Helper()
	all, err := w.desk.Places(w.t.Context(), root)
	w.must(err)
	for _, l := range all {
		if l.Name == name+" building" {
			return l.ID
		}
	}
	w.t.Fatal("no such building")
	return 0
}

// limited returns a program whose token a new administrator limited to locations has made.
func (w *world) limited(scopes []desk.Scope, locations ...int64) (p *program, maker int64) {
	w.t.Helper()
	maker, _, err := w.desk.AddAdmin(w.t.Context(), root, "Local", desk.Super, locations)
	w.must(err)
	_, text, err := w.desk.MakeToken(w.t.Context(), desk.Actor{ID: maker, Name: "Local", Role: desk.Super, FreshSignIn: true, Via: desk.Console}, desk.TokenForm{Name: "Local", Scopes: scopes, Days: 30})
	w.must(err)
	return &program{w, text}, maker
}

func TestATokenLimitedToALocationHearsOnlyOfIt(t *testing.T) {
	w := newWorld(t)
	here, _ := w.readerIn("heim")
	there, door := w.readerIn("zorn")
	ada := w.user("Ada", "Lovelace")
	p, maker := w.limited([]desk.Scope{desk.ScopeRead, desk.ScopeActivity, desk.ScopeOperate}, w.location("heim"))
	l, all := p.listen(), w.program(desk.ScopeRead, desk.ScopeActivity).listen()
	happen := func() {
		for _, id := range []string{there, here} {
			ajar := sound
			ajar.Door = wire.DoorIsOpen
			w.live.say(id, ajar)
			w.happens(id, wire.Record{Kind: wire.AccessGranted, By: wire.ByRemote, Who: "root", User: ada, Seconds: 5})
			w.live.say(id, sound)
		}
	}
	// heard returns what is heard until all of some texts were, in any order: what happened and how
	// the doors are may be told of in one go.
	heard := func(l *listener, until ...string) (text string) {
		for {
			event, data := l.next()
			text += event + string(data) + "\n"
			if !slices.ContainsFunc(until, func(u string) bool { return !strings.Contains(text, u) }) {
				return text
			}
		}
	}
	happen()
	w.must(w.desk.SetLockRule(t.Context(), root, door, desk.KeepLocked, 0))
	_, err := w.desk.SetMode(t.Context(), root, desk.Where{}, wire.ModeEvacuation, 0)
	w.must(err)
	const evacuation = `"software":"evacuation"`
	if text := heard(all, evacuation, "heim door", "zorn door"); !strings.Contains(text, "heim door") || !strings.Contains(text, "zorn door") {
		t.Errorf("who is not limited hears %s", text)
	}
	switch text := heard(l, evacuation, "access.logs.insights.add"); {
	case strings.Contains(text, "zorn"), strings.Contains(text, w.doorID(door)):
		t.Errorf("who is limited hears %s", text)
	case !strings.Contains(text, "access.logs.insights.add"), !strings.Contains(text, "heim door"):
		t.Errorf("who is limited hears nothing: %s", text)
	}
	// What comes to be at the location is told of at once, without waiting for the token to be
	// looked at again.
	hub, err := w.desk.AddPlace(t.Context(), root, desk.Hubs, w.location("heim"), "moved")
	w.must(err)
	w.must(w.desk.EditPlace(t.Context(), root, desk.Doors, door, "", func(f *desk.PlaceForm) { f.In = hub }))
	heard(l, w.doorID(door))
	// Nor is anything told of it after the limit has changed.
	w.api.followers.stale = 0
	w.must(w.desk.SetLimit(t.Context(), root, maker, "", []int64{w.location("zorn")}))
	happen()
	_, err = w.desk.SetMode(t.Context(), root, desk.Where{}, wire.ModeLockdown, 0)
	w.must(err)
	heard(l, `"lockdown":true`)
}

func TestMetricsOfALimitedTokenAreThoseOfItsLocations(t *testing.T) {
	w := newWorld(t)
	here, _ := w.readerIn("heim")
	there, _ := w.readerIn("zorn")
	p, maker := w.limited([]desk.Scope{desk.ScopeRead}, w.location("heim"))
	all := w.program(desk.ScopeRead)
	p.samples()
	all.samples()
	for _, id := range []string{here, there, there} {
		w.records(id, &wire.Record{Kind: wire.AttemptUnknown, Seq: 1, Wrong: 1})
	}
	of := func(name string) string {
		return `latchkey_controller_attempts_total{door="` + name + ` door",outcome="denied",reader="reader-` + name + `"}`
	}
	local, whole := p.samples(), all.samples()
	if local[of("heim")] != "1" || whole[of("heim")] != "1" || whole[of("zorn")] != "2" {
		t.Errorf("%q, %q and %q", local[of("heim")], whole[of("heim")], whole[of("zorn")])
	}
	for name := range local {
		if strings.Contains(name, "zorn") {
			t.Error(name)
		}
	}
	w.must(w.desk.SetLimit(t.Context(), root, maker, "", nil))
	if is := p.samples()[of("zorn")]; is != "2" {
		t.Errorf("%q after the limit was taken away", is)
	}
}

func TestAScrapeWhileALimitIsSetLeavesTheCountersOfTheSiteAlone(t *testing.T) {
	w := newWorld(t)
	w.readerIn("heim")
	there, _ := w.readerIn("zorn")
	p, maker := w.limited([]desk.Scope{desk.ScopeRead}, w.location("heim"))
	heim := []int64{w.location("heim")}
	all := w.program(desk.ScopeRead)
	for i, limits := range [][2][]int64{{nil, heim}, {heim, nil}} {
		w.must(w.desk.SetLimit(t.Context(), root, maker, "", limits[0]))
		all.samples()
		w.records(there, &wire.Record{Kind: wire.AttemptUnknown, Seq: 1, Wrong: 1})
		before, err := w.desk.TokenActor(t.Context(), p.token, "192.0.2.1")
		w.must(err)
		w.must(w.desk.SetLimit(t.Context(), root, maker, "", limits[1]))
		found, m, err := w.api.measure(t.Context(), before)
		if w.must(err); found.Limited != m.local || found.Limited != (limits[1] != nil) {
			t.Errorf("from %v to %v: limited: %t, and so are the counters: %t", limits[0], limits[1], found.Limited, m.local)
		}
		const name = `latchkey_controller_attempts_total{door="zorn door",outcome="denied",reader="reader-zorn"}`
		if is, want := all.samples()[name], []string{"1", "2"}[i]; is != want {
			t.Errorf("from %v to %v: the site's counter is %q, not %s", limits[0], limits[1], is, want)
		}
	}
}
