package store

import (
	"errors"
	"fmt"
	"testing"

	"latchkey/sync/wire"
)

// number returns the number of a group; 0: there never was one of this name.
func number(t *testing.T, s *Store, name string) (n GroupNumber) {
	t.Helper()
	if err := s.View(t.Context(), func(tx *Tx) (err error) { n, err = tx.GroupNumber(name); return err }); err != nil {
		t.Fatal(err)
	}
	return n
}

// policyOf returns a policy in which groups open the door.
func policyOf(reader string, groups ...string) *wire.Policy {
	p := wire.DefaultPolicy(reader, reader)
	p.TimeZone, p.Revision = "UTC", 1
	for _, group := range groups {
		p.Access = append(p.Access, wire.Access{Group: group})
	}
	return &p
}

func TestAGroupsNumberStaysAndIsNoOtherGroups(t *testing.T) {
	s := newStore(t)
	ada := &User{Name: "Ada", Groups: []string{"crew"}}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.AddUser(ada), tx.exec(`INSERT INTO readers (id, created) VALUES (?, 1)`, "front"), tx.SetPolicy(noon, policyOf("front", "lab", wire.Everyone)))
	})
	crew, lab, everyone := number(t, s, "crew"), number(t, s, "lab"), number(t, s, wire.Everyone)
	if crew.Number == 0 || lab.Number == 0 || everyone.Number != 1 || crew == lab || crew.Made {
		t.Fatalf("crew %+v, lab %+v, everyone %+v", crew, lab, everyone)
	}
	update(t, s, func(tx *Tx) error { ada.Groups = nil; return tx.SetUser(noon, ada) })
	if is := number(t, s, "crew"); is != crew {
		t.Errorf("with nobody in it: %+v, was %+v", is, crew)
	}
	update(t, s, func(tx *Tx) error { ada.Groups = []string{"crew", "old"}; return tx.SetUser(noon, ada) })
	old := number(t, s, "old")
	update(t, s, func(tx *Tx) error { ada.Groups = []string{"crew"}; return tx.SetUser(noon, ada) })
	update(t, s, func(tx *Tx) error { _, err := tx.ReplaceGroup(noon, "crew", "old"); return err })
	if is := number(t, s, "old"); is != crew || number(t, s, "crew").Number != 0 {
		t.Errorf("renamed to the name of a group that was: %+v, was %+v; %+v", is, crew, number(t, s, "crew"))
	}
	if err := s.View(t.Context(), func(tx *Tx) error { _, err := tx.GroupNumbered(old.Number); return err }); !errors.Is(err, ErrNotFound) {
		t.Errorf("the group that was: %v", err)
	}
	update(t, s, func(tx *Tx) error { _, err := tx.ReplaceGroup(noon, "old", ""); return err })
	update(t, s, func(tx *Tx) error { ada.Groups = []string{"old"}; return tx.SetUser(noon, ada) })
	if is := number(t, s, "old"); is.Number <= old.Number || is == crew {
		t.Errorf("removed, and another one of this name has a number of before: %+v", is)
	}
	update(t, s, func(tx *Tx) error { return tx.SkipIDs() })
	update(t, s, func(tx *Tx) error { _, err := tx.MakeGroup("new"); return err })
	if is := number(t, s, "new"); !is.Made || is.Number <= old.Number+skippedIDs {
		t.Errorf("after a restore: %+v", is)
	}
}

func TestGroupsOfASiteOfBeforeGetNumbers(t *testing.T) {
	dir := older(t, 16,
		`INSERT INTO users (id, name, first, sort, words, valid_from, valid_until, extended, created) VALUES (1, 'Ada', 'Ada', '01', ' ada', 0, 0, 0, 1)`,
		`INSERT INTO user_groups (user_id, name) VALUES (1, 'crew'), (1, 'lab')`,
		`INSERT INTO readers (id, created) VALUES ('front', 1), ('none', 1)`,
		fmt.Sprintf(`INSERT INTO policies (reader_id, revision, policy, changed) VALUES ('front', 1, %s, 1)`, literal(policyOf("front", "lab", "staff"))))
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	seen := map[int64]string{}
	for _, name := range []string{wire.Everyone, "crew", "lab", "staff"} {
		n := number(t, s, name).Number
		if n == 0 || seen[n] != "" {
			t.Errorf("%s has number %d, as has %q", name, n, seen[n])
		}
		seen[n] = name
	}
}
