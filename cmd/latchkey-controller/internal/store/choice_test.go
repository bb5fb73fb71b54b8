package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/sync/wire"
)

func TestUsersAreChosenByTheirStateFromAnIndexThatHasAllOfIt(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	s := newStore(t)
	update(t, s, func(tx *Tx) error {
		for _, test := range []struct {
			c     UserChoice
			index string
		}{
			{UserChoice{}, "users_sorted"},
			{UserChoice{Order: ByNameDown}, "users_sorted"},
			{UserChoice{Groups: []string{"staff"}}, "users_sorted"},
			{UserChoice{State: ValidUsers}, "users_sorted"},
			{UserChoice{State: ExpiredUsers}, "users_until (valid_until<?)"},
			{UserChoice{State: EarlyUsers}, "users_from (valid_from>?)"},
			{UserChoice{State: BareUsers}, "users_bare"},
			{UserChoice{State: CopyableUsers}, "users_copyable"},
			{UserChoice{State: InvitedUsers}, "users_invited"},
			{UserChoice{State: SuspendedUsers}, "users_suspended"},
			{UserChoice{State: UnseenUsers}, "users_sorted"},
		} {
			c, index := test.c, test.index
			for _, c.Search = range []string{"", "ada"} {
				clause, args := c.from()
				page, of := c.pageQuery(c.runs()[0], nil)
				for statement, all := range map[string][]any{`SELECT count(*) FROM ` + clause: args, page: append(of, 50)} {
					got, err := planOf(tx, statement, all)
					if err != nil {
						return err
					}
					if !strings.Contains(got, "USING COVERING INDEX "+index) {
						t.Errorf("%+v: %s", c, got)
					}
					// Where the index is in the order of the list, a page reads no more than it shows.
					if !strings.Contains(index, "<") && !strings.Contains(index, ">") && strings.Contains(got, "ORDER BY") {
						t.Errorf("%+v sorts: %s", c, got)
					}
				}
			}
		}
		return nil
	})
}

// planOf returns how SQLite carries out a statement.
func planOf(tx *Tx, statement string, args []any) (string, error) {
	var plan []string
	err := tx.rows(`EXPLAIN QUERY PLAN `+statement, args, func(r scanner) error {
		var id, parent, unused int
		var step string
		err := r.Scan(&id, &parent, &unused, &step)
		plan = append(plan, step)
		return err
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", statement, err)
	}
	return strings.Join(plan, "; "), err
}

func TestASiteOfBeforeKnowsWhoHasNoCredentials(t *testing.T) {
	dir := older(t, 6, `INSERT INTO users (id, name, first, sort, words, valid_from, valid_until, extended, created) VALUES (1, 'Ada', 'Ada', '01', ' ada', 0, 0, 0, 1), (2, 'Bob', 'Bob', '02', ' bob', 0, 0, 0, 1)`,
		`INSERT INTO credentials (user_id, kind, tag, material, created) VALUES (1, 2, zeroblob(16), x'00', 1)`)
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := chosen(t, s, BareUsers); !slices.Equal(got, []string{"Bob"}) {
		t.Errorf("%q", got)
	}
}

// chosen returns the names of the users in a state that does not depend on the time.
func chosen(t *testing.T, s *Store, state UserState) (names []string) {
	t.Helper()
	err := s.View(t.Context(), func(tx *Tx) error {
		page, err := tx.FindUsers(UserChoice{State: state}, UserCursor{}, 10)
		if err != nil {
			return err
		}
		for _, u := range page.Users {
			names = append(names, u.Name)
		}
		if page.Found != len(page.Users) {
			t.Errorf("%d are found, and are %d", len(page.Users), page.Found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestWhoIsGivenACredentialHasOneUntilItIsTakenAway(t *testing.T) {
	s := newStore(t)
	ada := &User{Name: "Ada"}
	credentials := []*Credential{{Kind: wire.PIN, Tag: newTag(1)}, {Kind: wire.Card, Tag: newTag(2)}}
	update(t, s, func(tx *Tx) error { return tx.AddUser(ada) })
	for i, step := range []func(*Tx) error{
		func(tx *Tx) error { return nil },
		func(tx *Tx) error { return tx.AddCredential(noon, ada, credentials[0], seal) },
		func(tx *Tx) error { return tx.AddCredential(noon, ada, credentials[1], seal) },
		func(tx *Tx) error { return tx.RemoveCredential(noon, credentials[0]) },
		func(tx *Tx) error { return tx.RemoveCredential(noon, credentials[1]) },
	} {
		update(t, s, step)
		if got := chosen(t, s, BareUsers); (len(got) == 1) != (i == 0 || i == 4) {
			t.Errorf("step %d: %q", i, got)
		}
	}
}

func TestWhoHasACardThatCanBeCopiedIsFoundUntilItHasKeysOrIsRemoved(t *testing.T) {
	s := newStore(t)
	ada := &User{Name: "Ada"}
	pin, first, second, keyed := &Credential{Kind: wire.PIN, Tag: newTag(1)}, &Credential{Kind: wire.Card, Tag: newTag(2)}, &Credential{Kind: wire.Card, Tag: newTag(3)},
		&Credential{Kind: wire.Card, Tag: newTag(4), Chip: wire.DESFireEV2, Generation: 1, CardKey: make([]byte, 45)}
	update(t, s, func(tx *Tx) error { return tx.AddUser(ada) })
	for i, step := range []struct {
		do    func(*Tx) error
		found bool
	}{
		{func(tx *Tx) error { return tx.AddCredential(noon, ada, pin, seal) }, false},
		{func(tx *Tx) error { return tx.AddCredential(noon, ada, keyed, seal) }, false},
		{func(tx *Tx) error { return tx.AddCredential(noon, ada, first, seal) }, true},
		{func(tx *Tx) error { return tx.AddCredential(noon, ada, second, seal) }, true},
		{func(tx *Tx) error { return tx.RemoveCredential(noon, pin) }, true},
		{func(tx *Tx) error { return tx.RemoveCredential(noon, first) }, true},
		{func(tx *Tx) error {
			second.Chip, second.Generation, second.CardKey = wire.NTAG424, 1, make([]byte, 45)
			return tx.SetCardKey(noon, ada, second)
		}, false},
		{func(tx *Tx) error { second.Generation++; return tx.SetCardKey(noon, ada, second) }, false},
		{func(tx *Tx) error { return tx.RemoveCredential(noon, second) }, false},
	} {
		update(t, s, step.do)
		if got := chosen(t, s, CopyableUsers); (len(got) == 1) != step.found {
			t.Errorf("step %d: %q", i, got)
		}
	}
}
