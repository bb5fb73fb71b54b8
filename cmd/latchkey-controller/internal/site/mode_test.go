package site

import (
	"errors"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/backup/backuptest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// at a door of a location.
func door(place, name string) func(*wire.Policy) {
	return func(p *wire.Policy) { p.Place, p.Door = place, name }
}

// do changes a site in one transaction.
func do(t testing.TB, s *Site, act func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), act); err != nil {
		t.Fatal(err)
	}
}

// want adds a mode.
func want(t testing.TB, s *Site, now time.Time, mode wire.Mode, level string, place, until int64) *store.Mode {
	t.Helper()
	m := &store.Mode{Mode: mode, Level: level, Place: place, Until: until, Who: "Ada", At: now.UnixMilli()}
	do(t, s, func(tx *store.Tx) error { return AddMode(tx, now, m) })
	return m
}

// endMode ends a mode.
func endMode(t testing.TB, s *Site, now time.Time, m *store.Mode) {
	t.Helper()
	do(t, s, func(tx *store.Tx) error { return EndMode(tx, now, m, "Grace") })
}

// modesOf returns the modes in a reader's policy as text: "locked, lockdown".
func modesOf(t *testing.T, s *Site, reader string) (text string) {
	t.Helper()
	for _, m := range policyOf(t, s, reader).Modes {
		text += " " + string(m.Mode)
	}
	return text
}

func carried(t testing.TB, s *Site, reader string) (all []*store.ModeReader) {
	t.Helper()
	if err := s.View(t.Context(), func(tx *store.Tx) (err error) { all, err = tx.ModesCarried(reader); return err }); err != nil {
		t.Fatal(err)
	}
	return all
}

// placed returns where a reader is.
func placed(t testing.TB, s *Site, reader string) (at *store.ReaderPlace) {
	t.Helper()
	err := s.View(t.Context(), func(tx *store.Tx) error {
		places, err := tx.ReaderPlaces()
		at = places[reader]
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestEndingAModeRestoresWhatElseIsWanted(t *testing.T) {
	s, _ := newSite(t)
	adopt(t, s, noon, "lab", newBoard(t), door("Annex", "Lab"))
	adopt(t, s, noon, "front", newBoard(t), door("Main", "Front"))
	lab := placed(t, s, "lab")
	before := policyOf(t, s, "front").Revision

	own := want(t, s, noon, wire.ModeUnlocked, "door", lab.Door, noon.Unix()+3600)
	if got := policyOf(t, s, "front").Revision; got != before {
		t.Error("a mode of another door is a new policy")
	}
	annex := want(t, s, noon, wire.ModeLocked, "location", lab.Location, 0)
	all := want(t, s, noon, wire.ModeLockdown, "site", 0, 0)
	if got := modesOf(t, s, "lab"); got != " unlocked locked lockdown" {
		t.Error(got)
	}
	if got := modesOf(t, s, "front"); got != " lockdown" {
		t.Error(got)
	}
	endMode(t, s, noon, all)
	if got := modesOf(t, s, "lab"); got != " unlocked locked" {
		t.Error(got)
	}
	if got := modesOf(t, s, "front"); got != "" {
		t.Error(got)
	}
	endMode(t, s, noon, own)
	if got := modesOf(t, s, "lab"); got != " locked" {
		t.Error(got)
	}
	endMode(t, s, noon, annex)
	if got := modesOf(t, s, "lab"); got != "" {
		t.Error(got)
	}
}

func TestOfEqualModesTheOneThatLastsLongestIsInThePolicyAndOfThoseTheNewest(t *testing.T) {
	s, _ := newSite(t)
	adopt(t, s, noon, "lab", newBoard(t), noEdit)
	for i, test := range []struct {
		until int64
		who   string
		want  int64
		by    string
	}{
		{noon.Unix() + 60, "A", noon.Unix() + 60, "A"},
		{noon.Unix() + 50, "B", noon.Unix() + 60, "A"},
		{noon.Unix() + 60, "C", noon.Unix() + 60, "C"},
		{0, "D", 0, "D"},
		{noon.Unix() + 900, "E", 0, "D"},
		{0, "F", 0, "F"},
	} {
		do(t, s, func(tx *store.Tx) error {
			return AddMode(tx, noon, &store.Mode{Mode: wire.ModeLocked, Level: "site", Until: test.until, Who: test.who, At: noon.UnixMilli()})
		})
		if got := policyOf(t, s, "lab").Modes; len(got) != 1 || got[0] != (wire.WantedMode{Mode: wire.ModeLocked, Until: test.want, By: test.by}) {
			t.Errorf("%d: %+v", i, got)
		}
	}
}

// Whatever is wanted, ended, adopted and moved in whatever order: each policy has what is
// wanted where its reader is then.
func TestEachPolicyHasWhatIsWantedWhereItsReaderIs(t *testing.T) {
	s, _ := newSite(t)
	board := newBoard(t)
	undo := errors.New("as before")
	rapid.Check(t, func(r *rapid.T) {
		err := s.Update(t.Context(), func(tx *store.Tx) error {
			places := placesModel{r: r, tx: tx, now: noon, readers: []string{"one", "two"}}
			for i, id := range places.readers {
				places.must(tx.AddBundle(&store.Bundle{Number: uint64(i + 1), Reader: id, Serial: id, Request: board.signed, Certificate: []byte{1}, Epoch: uint64(noon.Unix())}, ""))
				places.move(id)
			}
			for range rapid.IntRange(5, 20).Draw(r, "steps") {
				places.step()
				places.check()
			}
			return undo
		})
		if err != undo {
			r.Fatal(err)
		}
	})
}

// A placesModel changes modes and places, and knows what is wanted where.
type placesModel struct {
	r       *rapid.T
	tx      *store.Tx
	now     time.Time
	readers []string
	modes   []*store.Mode // not ended by anybody
}

func (m *placesModel) must(err error) {
	if err != nil {
		m.r.Fatal(err)
	}
}

func (m *placesModel) at(reader string) *store.ReaderPlace {
	places, err := m.tx.ReaderPlaces()
	m.must(err)
	return places[reader]
}

// move sets a reader's policy, with another place; it may be its first one.
func (m *placesModel) move(reader string) {
	p, _, err := PolicyOrNew(m.tx, reader)
	m.must(err)
	p.Place, p.Door = rapid.SampledFrom([]string{"Annex", "Main"}).Draw(m.r, "location"), rapid.SampledFrom([]string{"A", "B"}).Draw(m.r, "door")
	m.must(SetPolicy(m.tx, m.now, p))
}

func (m *placesModel) step() {
	m.now = m.now.Add(time.Duration(rapid.IntRange(0, 20).Draw(m.r, "wait")) * time.Second)
	switch rapid.SampledFrom([]string{"want", "want", "end", "move", "over"}).Draw(m.r, "act") {
	case "want":
		mode := &store.Mode{Mode: rapid.SampledFrom(wire.Modes()[1:]).Draw(m.r, "mode"), Who: "Ada", At: m.now.UnixMilli()}
		if mode.Mode != wire.ModeEvacuation && (mode.Mode == wire.ModeUnlocked || rapid.Bool().Draw(m.r, "has an end")) {
			mode.Until = m.now.Unix() + int64(rapid.IntRange(1, 60).Draw(m.r, "lasts"))
		}
		at := m.at(rapid.SampledFrom(m.readers).Draw(m.r, "where"))
		mode.Level = rapid.SampledFrom([]string{"site", "location", "door"}).Draw(m.r, "level")
		mode.Place = map[string]int64{"location": at.Location, "door": at.Door}[mode.Level]
		m.must(AddMode(m.tx, m.now, mode))
		m.modes = append(m.modes, mode)
	case "end":
		if len(m.modes) > 0 {
			i := rapid.IntRange(0, len(m.modes)-1).Draw(m.r, "which")
			m.must(EndMode(m.tx, m.now, m.modes[i], "Grace"))
			m.modes = slices.Delete(m.modes, i, i+1)
		}
	case "move":
		m.move(rapid.SampledFrom(m.readers).Draw(m.r, "reader"))
	case "over":
		m.must(endModesOver(m.tx, m.now))
	}
}

// check compares policies, and what they are noted to carry, with what is wanted. A policy
// may have what is over: its reader knows the end.
func (m *placesModel) check() {
	lasts := func(until int64) int64 {
		if until == 0 {
			return wire.MaxTime
		}
		return until
	}
	for _, id := range m.readers {
		at := m.at(id)
		wanted, covering := map[wire.Mode]int64{}, map[int64]bool{}
		for _, mode := range m.modes {
			here := mode.Level == "site" || mode.Level == "location" && mode.Place == at.Location || mode.Level == "door" && mode.Place == at.Door
			if here && lasts(mode.Until) > m.now.Unix() {
				covering[mode.ID] = true
				wanted[mode.Mode] = max(wanted[mode.Mode], lasts(mode.Until))
			}
		}
		p, err := m.tx.Policy(id)
		m.must(err)
		got := map[wire.Mode]int64{}
		for _, mode := range p.Modes {
			if lasts(mode.Until) > m.now.Unix() {
				got[mode.Mode] = lasts(mode.Until)
			}
		}
		if !maps.Equal(got, wanted) {
			m.r.Fatalf("the policy of %s has %v, not %v", id, got, wanted)
		}
		carried, err := m.tx.ModesCarried(id)
		m.must(err)
		for _, c := range carried {
			delete(covering, c.Mode)
		}
		if len(covering) > 0 {
			m.r.Fatalf("%s is not noted to carry %v", id, covering)
		}
	}
}

// policyIn returns the policy in a bundle.
func policyIn(t *testing.T, bundle *wire.Bundle) *wire.Policy {
	t.Helper()
	verified, err := wire.OpenPolicy(bundle.Site, bundle.Policy, bundle.Controller[:])
	if err != nil {
		t.Fatal(err)
	}
	return verified.Policy()
}

func TestANewReaderOfASiteThatIsLockedDownIsLockedDownWithItsFirstState(t *testing.T) {
	s, _ := newSite(t)
	lockdown := want(t, s, noon, wire.ModeLockdown, "site", 0, 0)
	exempt := func(p *wire.Policy) {
		p.Access, p.Exempt, p.InLockdown = []wire.Access{{Group: "staff"}}, []string{"staff"}, []string{"staff"}
	}
	board := newBoard(t)
	_, bundle := adopt(t, s, noon, "lab", board, exempt)
	first := policyIn(t, bundle)
	if len(first.Modes)+len(first.Exempt)+len(first.InLockdown) != 0 {
		t.Errorf("an older board would refuse its bundle: %+v", first)
	}
	if got := report(t, s, "lab", 1, wire.ModeNormal, noon); !slices.Equal(got, []string{"lab"}) {
		t.Errorf("%q get their policies anew", got)
	}
	if p := signedFor(t, s, "lab"); p.Revision <= first.Revision || len(p.Modes) != 1 || p.Modes[0].Mode != wire.ModeLockdown || len(p.Exempt) != 1 || len(p.InLockdown) != 1 {
		t.Errorf("%+v", p)
	}
	report(t, s, "lab", 1, wire.ModeLockdown, noon.Add(time.Second))
	if c := carried(t, s, "lab"); c[0].Confirmed == 0 {
		t.Fatalf("%+v", c[0])
	}

	_, bundle = adopt(t, s, noon.Add(time.Minute), "lab", board, exempt)
	if p := policyIn(t, bundle); len(p.Modes) != 1 || len(p.Exempt) != 1 {
		t.Errorf("a board that is known is not locked down by its bundle: %+v", p)
	}
	_, bundle = adopt(t, s, noon.Add(time.Minute), "lab", newBoard(t), exempt)
	if p := policyIn(t, bundle); len(p.Modes)+len(p.Exempt) != 0 {
		t.Errorf("another board, which may be older, gets what the one before understood: %+v", p)
	}
	if c := carried(t, s, "lab"); len(c) != 1 || c[0].Mode != lockdown.ID || c[0].Confirmed != 0 {
		t.Errorf("another board has confirmed what the one before has: %+v", c[0])
	}
}

func TestPeopleCannotWriteModesIntoAPolicy(t *testing.T) {
	s, _ := newSite(t)
	adopt(t, s, noon, "lab", newBoard(t), noEdit)
	edit := func(modes []wire.WantedMode) {
		do(t, s, func(tx *store.Tx) error {
			p, err := Policy(tx, "lab")
			if err != nil {
				return err
			}
			p.Modes, p.Limit = modes, p.Limit-1
			return SetPolicy(tx, noon, p)
		})
	}
	edit([]wire.WantedMode{{Mode: wire.ModeEvacuation, By: "Eve"}})
	if got := modesOf(t, s, "lab"); got != "" {
		t.Error(got)
	}
	want(t, s, noon, wire.ModeLockdown, "site", 0, 0)
	edit(nil)
	if got := modesOf(t, s, "lab"); got != " lockdown" {
		t.Error(got)
	}
}

// report has a reader report a mode in force with its newest policy.
func report(t *testing.T, s *Site, reader string, level int, mode wire.Mode, at time.Time) (renewed []string) {
	t.Helper()
	return reportOf(t, s, reader, level, mode, policyOf(t, s, reader).Revision, at)
}

func reportOf(t *testing.T, s *Site, reader string, level int, mode wire.Mode, revision uint64, at time.Time) (renewed []string) {
	t.Helper()
	peers, _, err := s.Peers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	renewed, err = s.TakeModes(t.Context(), []ModeReport{{Reader: reader, Bundle: peers[reader].Bundle, At: at, Level: level, Revision: revision, Mode: mode}})
	if err != nil {
		t.Fatal(err)
	}
	return renewed
}

func TestAReaderConfirmsAModeByWorkingSoWithThePolicyThatCarriesIt(t *testing.T) {
	s, _ := newSite(t)
	adopt(t, s, noon, "lab", newBoard(t), noEdit)
	older := policyOf(t, s, "lab").Revision
	want(t, s, noon, wire.ModeLocked, "site", 0, 0)
	after := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	confirmed := func() int64 { return carried(t, s, "lab")[0].Confirmed }
	newest := policyOf(t, s, "lab").Revision
	for name, r := range map[string]struct {
		revision uint64
		mode     wire.Mode
	}{
		"an older policy": {older, wire.ModeLocked}, "a lower mode": {newest, wire.ModeUnlocked}, "no mode": {newest, ""},
	} {
		if reportOf(t, s, "lab", 1, r.mode, r.revision, after(1)); confirmed() != 0 {
			t.Errorf("%s confirms it", name)
		}
	}
	if _, err := s.TakeModes(t.Context(), []ModeReport{{Reader: "lab", Bundle: 1, At: after(1), Level: 1, Revision: newest, Mode: wire.ModeLocked}, {Reader: "nobody"}}); err != nil || confirmed() != 0 {
		t.Errorf("a board that was replaced confirms it, %v", err)
	}
	report(t, s, "lab", 1, wire.ModeLockdown, after(2)) // a higher one
	if got := confirmed(); got != after(2).UnixMilli() {
		t.Errorf("confirmed at %d", got)
	}
	if report(t, s, "lab", 1, wire.ModeLocked, after(3)); confirmed() != after(2).UnixMilli() {
		t.Error("confirmed twice")
	}
	// The same again adds nothing that the reader would have to be told.
	revision := policyOf(t, s, "lab").Revision
	want(t, s, after(60), wire.ModeLocked, "site", 0, after(90).Unix())
	if c := carried(t, s, "lab"); policyOf(t, s, "lab").Revision != revision || len(c) != 2 || c[1].Confirmed == 0 {
		t.Errorf("%+v", c)
	}
}

// signedFor returns the policy that the controller sends to a reader.
func signedFor(t *testing.T, s *Site, reader string) *wire.Policy {
	t.Helper()
	peers, _, err := s.Peers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	verified, err := wire.OpenPolicy(s.ID, peers[reader].Policy, s.Key())
	if err != nil {
		t.Fatal(err)
	}
	return verified.Policy()
}

func TestAnOlderReaderGetsWhatItUnderstandsUntilItIsUpdated(t *testing.T) {
	s, _ := newSite(t)
	adopt(t, s, noon, "old", newBoard(t), func(p *wire.Policy) {
		p.Access, p.Exempt = []wire.Access{{Group: "staff"}}, []string{"staff"}
	})
	want(t, s, noon, wire.ModeLockdown, "site", 0, 0)
	first := signedFor(t, s, "old")
	if len(first.Modes)+len(first.Exempt) != 0 {
		t.Errorf("a reader that was not heard of gets what an older one refuses: %+v", first)
	}
	if got := report(t, s, "old", 0, "", noon); len(got) != 0 {
		t.Errorf("%q get the same policies anew", got)
	}
	second := signedFor(t, s, "old")
	if report(t, s, "old", 0, "", noon); carried(t, s, "old")[0].Confirmed != 0 || signedFor(t, s, "old").Revision != second.Revision {
		t.Error("it takes part, or is told again")
	}
	if modesOf(t, s, "old") != " lockdown" {
		t.Error("what is wanted is forgotten")
	}
	report(t, s, "old", 1, wire.ModeNormal, noon)
	third := signedFor(t, s, "old")
	if len(third.Modes) != 1 || len(third.Exempt) != 1 || third.Revision <= second.Revision {
		t.Errorf("%+v", third)
	}
	if report(t, s, "old", 1, wire.ModeLockdown, noon); carried(t, s, "old")[0].Confirmed == 0 {
		t.Error("it has not confirmed the lockdown")
	}
	// Where the policy is the same in either form, it is not sent again.
	adopt(t, s, noon, "plain", newBoard(t), noEdit)
	do(t, s, func(tx *store.Tx) error {
		modes, err := tx.Modes(noon.Unix())
		if err != nil {
			return err
		}
		return EndMode(tx, noon, modes[0], "Ada")
	})
	revision := policyOf(t, s, "plain").Revision
	if report(t, s, "plain", 0, "", noon); policyOf(t, s, "plain").Revision != revision {
		t.Error("a policy that is the same is sent again")
	}
}

func TestAModeWhoseTimeIsOverIsTakenFromThePolicies(t *testing.T) {
	s, _ := newSite(t)
	adopt(t, s, noon, "lab", newBoard(t), noEdit)
	m := want(t, s, noon, wire.ModeLocked, "site", 0, noon.Unix()+60)
	over := func(after time.Duration) {
		t.Helper()
		if err := s.EndModesOver(t.Context(), noon.Add(after)); err != nil {
			t.Fatal(err)
		}
	}
	if over(59 * time.Second); modesOf(t, s, "lab") != " locked" {
		t.Error("too early")
	}
	if over(time.Minute); modesOf(t, s, "lab") != "" || len(carried(t, s, "lab")) != 0 {
		t.Error("too late")
	}
	do(t, s, func(tx *store.Tx) error {
		is, err := tx.Mode(m.ID)
		if err == nil && (is.Ended != m.Until*1000 || is.EndedBy != "") {
			t.Errorf("%+v", is)
		}
		return err
	})
}

func TestARestoreKeepsWhatIsWantedAndAsksForItAnew(t *testing.T) {
	s, _ := newSite(t)
	adopt(t, s, noon, "lab", newBoard(t), noEdit)
	want(t, s, noon, wire.ModeLockdown, "site", 0, 0)
	want(t, s, noon, wire.ModeLocked, "site", 0, noon.Unix()+60)
	report(t, s, "lab", 1, wire.ModeLockdown, noon)
	before := policyOf(t, s, "lab")
	path, dir := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	backUp(t, s, path)
	if _, err := Restore(t.Context(), at(noon.Add(time.Hour)), path, backuptest.Identities(t), dir, ""); err != nil {
		t.Fatal(err)
	}
	restored, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	p := policyOf(t, restored, "lab")
	if p.Revision <= before.Revision || !reflect.DeepEqual(p.Modes, before.Modes[1:]) {
		t.Errorf("%+v", p)
	}
	if c := carried(t, restored, "lab"); len(c) != 1 || c[0].Confirmed != 0 || c[0].Revision != p.Revision {
		t.Errorf("%+v", c[0])
	}
}

func TestARestoredSiteHoldsNoDoorOpen(t *testing.T) {
	s, _ := newSite(t)
	adopt(t, s, noon, "lab", newBoard(t), noEdit)
	now := noon.Add(time.Hour)
	over := want(t, s, noon, wire.ModeUnlocked, "site", 0, now.Unix())
	open := []*store.Mode{
		want(t, s, noon, wire.ModeUnlocked, "door", placed(t, s, "lab").Door, now.Unix()+60),
		want(t, s, noon, wire.ModeEvacuation, "site", 0, 0),
	}
	want(t, s, noon, wire.ModeLocked, "site", 0, 0)
	want(t, s, noon, wire.ModeLockdown, "site", 0, now.Unix()+60)
	path, dir := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	backUp(t, s, path)
	got, err := Restore(t.Context(), at(now), path, backuptest.Identities(t), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got.Ended, map[wire.Mode]int{wire.ModeUnlocked: 1, wire.ModeEvacuation: 1}) || !maps.Equal(got.Wanted, map[wire.Mode]int{wire.ModeLocked: 1, wire.ModeLockdown: 1}) {
		t.Errorf("it says that it ended %v and that %v are wanted", got.Ended, got.Wanted)
	}
	restored, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	if got := modesOf(t, restored, "lab"); got != " locked lockdown" {
		t.Error(got)
	}
	do(t, restored, func(tx *store.Tx) error {
		for _, m := range open {
			if is, err := tx.Mode(m.ID); err != nil || is.Ended != now.UnixMilli() || is.EndedBy != "restore" {
				t.Errorf("%+v, %v", is, err)
			}
		}
		is, err := tx.Mode(over.ID)
		if err == nil && (is.Ended != over.Until*1000 || is.EndedBy != "") {
			t.Errorf("what was over is ended again: %+v", is)
		}
		return err
	})
}

func TestModesAreBounded(t *testing.T) {
	s, _ := newSite(t)
	do(t, s, func(tx *store.Tx) error {
		fill := func(n int) error {
			for range n {
				if err := tx.AddMode(&store.Mode{Mode: wire.ModeLocked, Level: "site"}); err != nil {
					return err
				}
			}
			return nil
		}
		if err := fill(maxKept); err != nil {
			return err
		}
		for mode, room := range map[wire.Mode]bool{wire.ModeLocked: false, wire.ModeUnlocked: false, wire.ModeEvacuation: true, wire.ModeLockdown: true} {
			if err := AddMode(tx, noon, &store.Mode{Mode: mode, Level: "site", Until: noon.Unix() + 60}); (err == nil) != room {
				t.Errorf("%s beside %d modes: %v", mode, maxKept, err)
			}
		}
		if err := fill(maxPlaced - maxKept); err != nil {
			return err
		}
		for level, room := range map[string]bool{"location": false, "door": false, "site": true} {
			if err := AddMode(tx, noon, &store.Mode{Mode: wire.ModeLockdown, Level: level, Place: 1, Until: noon.Unix() + 60}); (err == nil) != room {
				t.Errorf("a lockdown of a %s beside %d modes: %v", level, maxPlaced, err)
			}
		}
		if err := fill(maxModes - maxPlaced); err != nil {
			return err
		}
		if err := AddMode(tx, noon, &store.Mode{Mode: wire.ModeLockdown, Level: "site"}); err == nil {
			t.Error("one more is taken")
		}
		return nil
	})
}
