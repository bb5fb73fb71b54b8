package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/sync/wire"
)

const noon = 1767268800

func newStore(t *testing.T) *Store {
	t.Helper()
	s, err := Create(t.Context(), t.TempDir(), newDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	update(t, s, func(tx *Tx) error {
		return tx.AddEpoch(&Epoch{Number: noon, Created: noon, Key: []byte("sealed")})
	})
	return s
}

func update(t *testing.T, s *Store, act func(*Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), act); err != nil {
		t.Fatal(err)
	}
}

func newTag(first byte) wire.Tag { return wire.Tag{first} }

func seal(id uint64) []byte { return []byte{byte(id)} }

func TestADatabaseIsDurableAndCarefulWithWhatItDeletes(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	s := newStore(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1", "busy_timeout": "10000", "temp_store": "2"} {
		var got string
		if err := s.engine.(*sqliteEngine).db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, not %s; %v", pragma, got, want, err)
		}
	}
}

func TestADirectoryNameMayHoldAnything(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	dir := filepath.Join(t.TempDir(), "50%?_pragma=x#y z")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Create(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if info, err := os.Stat(filepath.Join(dir, File)); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestOpeningMakesNoDatabase(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(t.Context(), dir); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("%v, %v", files, err)
	}
}

func TestANewerOrForeignDatabaseIsLeftAlone(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	for statement, want := range map[string]string{
		"PRAGMA user_version = 1000":  "newer latchkey-controller",
		"PRAGMA application_id = 17":  "another program",
		"PRAGMA application_id = 0":   "another program",
		"PRAGMA user_version = 99999": "newer latchkey-controller",
	} {
		dir := t.TempDir()
		s, err := Create(t.Context(), dir, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.engine.(*sqliteEngine).db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if _, err := Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestSeveralMayCreateADatabaseAtOnce(t *testing.T) {
	dir, address := t.TempDir(), postgrestest.Address(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			s, err := Create(context.Background(), dir, address)
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	group.Wait()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := os.Stat(filepath.Join(dir, File)); (address == "") != (err == nil) {
		t.Error(err)
	}
	steps, err := sqliteSteps()
	if err != nil {
		t.Fatal(err)
	}
	if at := schemaVersion(t, s); at != len(steps) {
		t.Errorf("schema %d, not %d", at, len(steps))
	}
}

// schemaVersion returns the version of a database's schema.
func schemaVersion(t *testing.T, s *Store) (at int) {
	t.Helper()
	err := s.View(t.Context(), func(tx *Tx) error {
		if _, is := s.engine.(*postgresEngine); is {
			return tx.row(`SELECT version FROM schema_version`, nil, &at)
		}
		return tx.row(`PRAGMA user_version`, nil, &at)
	})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestAnActThatFailsNeverHappened(t *testing.T) {
	s := newStore(t)
	failed := errors.New("failed")
	err := s.Update(t.Context(), func(tx *Tx) error {
		u := &User{Name: "Ada"}
		if err := tx.AddUser(u); err != nil {
			return err
		}
		if err := tx.AddCredential(noon, u, &Credential{Kind: wire.PIN, Tag: newTag(1)}, seal); err != nil {
			return err
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error {
		users, err := tx.Users()
		if err != nil || len(users) != 0 {
			t.Errorf("users %v, %v", users, err)
		}
		if head, err := tx.Head(); err != nil || head.Revision != 0 || head.Hash != wire.Start(noon) {
			t.Errorf("head %+v, %v", head, err)
		}
		return err
	})
}

func TestEachChangeOfACredentialExtendsTheLog(t *testing.T) {
	s := newStore(t)
	u := &User{Name: "Ada", Groups: []string{"a", "b"}, From: 5, Until: 9, Extended: true}
	first := &Credential{Kind: wire.PIN, Tag: newTag(1)}
	second := &Credential{Kind: wire.Card, Tag: newTag(2)}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.AddUser(u), tx.AddCredential(noon, u, first, seal), tx.AddCredential(noon, u, second, seal), tx.RemoveCredential(noon, first))
	})
	sent := u.Wire(first)
	toldSecond := u.Wire(second)
	want := []wire.Change{{Tag: newTag(1), Credential: &sent}, {Tag: newTag(2), Credential: &toldSecond}, {Tag: newTag(1)}}
	h := wire.Start(noon)
	var got int
	update(t, s, func(tx *Tx) error {
		return tx.Changes(noon, 0, 100, func(revision uint64, change []byte, hash wire.Hash) error {
			h = h.Extend(want[got])
			if revision != uint64(got+1) || string(change) != string(wire.Marshal(want[got])) || hash != h {
				t.Errorf("change %d: %x, %v", revision, change, hash)
			}
			got++
			return nil
		})
	})
	if got != len(want) {
		t.Errorf("%d changes", got)
	}
	update(t, s, func(tx *Tx) error {
		left, err := tx.CredentialsOf(u.ID)
		if err != nil || len(left) != 1 || left[0].ID != second.ID || string(left[0].Material) != string(seal(second.ID)) {
			t.Errorf("%+v, %v", left, err)
		}
		read, err := tx.User(u.ID)
		if err != nil || !slices.Equal(read.Groups, u.Groups) || read.From != 5 || read.Until != 9 || !read.Extended {
			t.Errorf("%+v, %v", read, err)
		}
		return err
	})
}

func TestATagIsTakenOnce(t *testing.T) {
	s := newStore(t)
	u := &User{Name: "Ada"}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.AddUser(u), tx.AddCredential(noon, u, &Credential{Kind: wire.PIN, Tag: newTag(1)}, seal))
	})
	err := s.Update(t.Context(), func(tx *Tx) error {
		return tx.AddCredential(noon, u, &Credential{Kind: wire.PIN, Tag: newTag(1)}, seal)
	})
	if !errors.Is(err, ErrTagTaken) {
		t.Error(err)
	}
}

func TestAnIDIsNeverUsedAgain(t *testing.T) {
	s := newStore(t)
	var users, credentials []uint64
	for range 3 {
		u, c := &User{Name: "Ada"}, &Credential{Kind: wire.PIN, Tag: newTag(1)}
		update(t, s, func(tx *Tx) error {
			return errors.Join(tx.AddUser(u), tx.AddCredential(noon, u, c, seal))
		})
		users, credentials = append(users, u.ID), append(credentials, c.ID)
		update(t, s, func(tx *Tx) error {
			return errors.Join(tx.RemoveCredential(noon, c), tx.RemoveUser(u.ID))
		})
	}
	if want := []uint64{1, 2, 3}; !slices.Equal(users, want) || !slices.Equal(credentials, want) {
		t.Errorf("users %v, credentials %v", users, credentials)
	}
}

func TestAUserIsNotRemovedWithCredentials(t *testing.T) {
	s := newStore(t)
	u := &User{Name: "Ada"}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.AddUser(u), tx.AddCredential(noon, u, &Credential{Kind: wire.PIN, Tag: newTag(1)}, seal))
	})
	if err := s.Update(t.Context(), func(tx *Tx) error { return tx.RemoveUser(u.ID) }); err == nil {
		t.Error("the user is gone, the log does not know")
	}
}

func bundleOf(reader, board, serial string, number uint64) *Bundle {
	return &Bundle{Number: number, Reader: reader, Created: noon, Request: []byte(board), Certificate: []byte("certificate"), Serial: serial, Epoch: noon}
}

func TestANewerBundleRevokesTheOneBefore(t *testing.T) {
	s := newStore(t)
	inForce := func() string {
		var text []string
		update(t, s, func(tx *Tx) error {
			bundles, err := tx.Bundles()
			for _, b := range bundles {
				text = append(text, b.Reader+":"+b.Serial)
			}
			return err
		})
		return strings.Join(text, " ")
	}
	for _, step := range []struct {
		bundle *Bundle
		moved  string
		want   string
	}{
		{bundleOf("front", "board 1", "a", 1), "", "front:a"},
		{bundleOf("back", "board 2", "b", 2), "", "back:b front:a"},
		{bundleOf("front", "board 3", "c", 3), "", "back:b front:c"},
		{bundleOf("front", "board 2", "d", 4), "back", "front:d"}, // the board of back
	} {
		update(t, s, func(tx *Tx) error { return tx.AddBundle(step.bundle, step.moved) })
		if got := inForce(); got != step.want {
			t.Errorf("after bundle %d: %s, want %s", step.bundle.Number, got, step.want)
		}
	}
	update(t, s, func(tx *Tx) error {
		readers, err := tx.Readers()
		if !slices.Equal(readers, []string{"back", "front"}) {
			t.Errorf("readers %v", readers)
		}
		return err
	})
}

func TestNumbersRiseThoughTheClockDoesNot(t *testing.T) {
	s := newStore(t)
	update(t, s, func(tx *Tx) error {
		for _, step := range []struct {
			now  int64
			want uint64
		}{{noon, noon}, {noon, noon + 1}, {0, noon + 2}, {noon + 100, noon + 100}} {
			number, err := tx.NextBundle(step.now)
			if err != nil || number != step.want {
				t.Errorf("bundle at %d: %d, %v", step.now, number, err)
			}
			if err := tx.AddBundle(bundleOf("front", "board", string(rune('a'+number%16)), number), ""); err != nil {
				return err
			}
			policy := wire.DefaultPolicy("front", "Front")
			if err := tx.SetPolicy(step.now, &policy); err != nil || policy.Revision != step.want {
				t.Errorf("policy at %d: %d, %v", step.now, policy.Revision, err)
			}
			if read, err := tx.Policy("front"); err != nil || read.Revision != step.want {
				t.Errorf("policy read: %v, %v", read, err)
			}
		}
		next, err := tx.NextEpoch(0)
		if next != noon+1 {
			t.Errorf("epoch %d", next)
		}
		return err
	})
}

func TestAPolicyThatReadersWouldRefuseIsNotKept(t *testing.T) {
	s := newStore(t)
	err := s.Update(t.Context(), func(tx *Tx) error {
		policy := wire.DefaultPolicy("front", "Front")
		policy.Limit = 11
		return errors.Join(tx.AddBundle(bundleOf("front", "board", "a", 1), ""), tx.SetPolicy(noon, &policy))
	})
	if err == nil {
		t.Error("it is kept")
	}
	err = s.View(t.Context(), func(tx *Tx) error {
		_, err := tx.Policy("front")
		return err
	})
	if !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestAViewGoesOnBesideAnUpdateAndSeesWhatWasBefore(t *testing.T) {
	s := newStore(t)
	update(t, s, func(tx *Tx) error {
		if err := tx.AddUser(&User{Name: "Ada"}); err != nil {
			return err
		}
		return s.View(t.Context(), func(view *Tx) error {
			users, err := view.Users()
			if len(users) != 0 {
				t.Error("a view sees what is not committed")
			}
			return err
		})
	})
}

func TestATransactionThatEndsWithItsContextSaysSo(t *testing.T) {
	s := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Update(ctx, func(tx *Tx) error {
		cancel()
		var late error
		for !errors.Is(late, sql.ErrTxDone) { // which is when it has been undone
			_, late = tx.tx.Exec(`DELETE FROM epochs`)
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, sql.ErrTxDone) {
		t.Error(err)
	}
}
