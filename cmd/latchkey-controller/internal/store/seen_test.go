package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/sync/wire"
)

// seenByActivity returns each user's newest event that granted access, from the activity itself.
func seenByActivity(tx *Tx) (map[uint64]int64, error) {
	seen := map[uint64]int64{}
	err := tx.rows(`SELECT u.id, (SELECT max(a.id) FROM activity a WHERE a.user_id = u.id AND a.class = 'granted') FROM users u`, nil, func(r scanner) error {
		var id uint64
		var event *int64
		err := r.Scan(&id, &event)
		if event != nil {
			seen[id] = *event
		}
		return err
	})
	return seen, err
}

// checkSeen compares what users have of when they were seen with the activity.
func checkSeen(tx *Tx, since int64) error {
	want, err := seenByActivity(tx)
	if err != nil {
		return err
	}
	users, err := tx.Users()
	if err != nil {
		return err
	}
	var ids, unseen []uint64
	for _, u := range users {
		if ids = append(ids, u.ID); want[u.ID] <= since {
			unseen = append(unseen, u.ID)
		}
	}
	last, err := tx.LastGranted(ids, nil)
	if err != nil {
		return err
	}
	got := map[uint64]int64{}
	for user, e := range last {
		got[user] = e.ID
	}
	if !maps.Equal(got, want) {
		return fmt.Errorf("seen at %v, want %v", got, want)
	}
	page, err := tx.FindUsers(UserChoice{State: UnseenUsers, AddedBefore: noon, SeenSince: since}, UserCursor{}, len(users)+1)
	if err != nil {
		return err
	}
	var is []uint64
	for _, u := range page.Users {
		is = append(is, u.ID)
	}
	if slices.Sort(is); !slices.Equal(is, unseen) || page.Found != len(unseen) {
		return fmt.Errorf("since %d not seen: %v (%d), want %v", since, is, page.Found, unseen)
	}
	return nil
}

func TestWhoIsSeenIsWhatTheActivitySays(t *testing.T) {
	s, over := newStore(t), errors.New("over")
	rapid.Check(t, func(r *rapid.T) {
		now := clock.Steady(noon)
		var users []uint64
		var events int64
		steps := map[string]func(*Tx) error{
			"add": func(tx *Tx) error {
				u := &User{Name: fmt.Sprint("User ", len(users)), Created: noon}
				err := tx.AddUser(u)
				users = append(users, u.ID)
				return err
			},
			"edit": func(tx *Tx) error {
				u, err := tx.User(rapid.SampledFrom(append(users, 0)).Draw(r, "edited"))
				if errors.Is(err, ErrNotFound) {
					return nil
				}
				u.Email = rapid.SampledFrom([]string{"", "a@example.com"}).Draw(r, "email")
				return tx.SetUser(noon, u)
			},
			"remove": func(tx *Tx) error { return tx.RemoveUser(rapid.SampledFrom(append(users, 0)).Draw(r, "removed")) },
			"prune": func(tx *Tx) error {
				before := now - clock.Steady(rapid.IntRange(0, 4*ageInterval).Draw(r, "before"))
				_, err := tx.PruneActivity(before, before, rapid.IntRange(1, 5).Draw(r, "limit"))
				return err
			},
			"time": func(tx *Tx) error { now += ageInterval; return tx.MarkAge(now) },
		}
		for _, class := range []wire.RecordClass{wire.ClassGranted, wire.ClassDenied, ClassAdmin} {
			steps[string(class)] = func(tx *Tx) error {
				events++
				source := FromRecords
				if class == ClassAdmin {
					source = FromAudit
				}
				return tx.addEvent(&Event{Source: source, Row: events, Class: class, Kind: "x", Reader: "front", User: rapid.SampledFrom(append(users, 0)).Draw(r, "user"), At: 1, Received: 1})
			}
		}
		names := slices.Sorted(maps.Keys(steps))
		err := s.Update(t.Context(), func(tx *Tx) error {
			for range 40 {
				name := rapid.SampledFrom(names).Draw(r, "step")
				if err := steps[name](tx); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if err := checkSeen(tx, rapid.Int64Range(0, events+1).Draw(r, "since")); err != nil {
					return fmt.Errorf("after %s: %w", name, err)
				}
			}
			return over // so that nothing of it is there the next time
		})
		if !errors.Is(err, over) {
			r.Fatal(err)
		}
	})
}

func TestASiteOfBeforeKnowsWhoWasSeen(t *testing.T) {
	statements := []string{`INSERT INTO users (id, name, first, sort, words, valid_from, valid_until, extended, created) VALUES (1, 'Ada', 'Ada', '01', ' ada', 0, 0, 0, 1), (2, 'Bob', 'Bob', '02', ' bob', 0, 0, 0, 1), (3, 'Cy', 'Cy', '03', ' cy', 0, 0, 0, 1)`}
	for i, event := range []string{`'granted', 1`, `'granted', 2`, `'denied', 1`, `'granted', 1`, `'granted', 0`, `'denied', 3`} {
		statements = append(statements, fmt.Sprintf(`INSERT INTO activity (id, source, row, class, user_id, kind, reader_id, at, received) VALUES (%d, 1, %d, %s, 'x', 'front', 1, 1)`, i+1, i+1, event))
	}
	s, err := Open(t.Context(), older(t, 23, statements...))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for since := range int64(6) {
		update(t, s, func(tx *Tx) error { return checkSeen(tx, since) })
	}
}
