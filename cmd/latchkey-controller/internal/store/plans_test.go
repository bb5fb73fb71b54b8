package store

import (
	"context"
	"flag"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/sync/wire"
)

var crowd = flag.Int("crowd", 10_000, "how many users the test of PostgreSQL's plans has, with ten times as many events; it prints how long both engines take from 100,000 on")

// recording is a database of PostgreSQL that keeps what it was asked.
type recording struct {
	*postgresEngine
	asked []condition
}

func (r *recording) statement(text string, args []any) (string, []any) {
	text, args = r.postgresEngine.statement(text, args)
	r.asked = append(r.asked, condition{text, args})
	return text, args
}

// fill fills a database with users and events. Both engines take the statements.
func fill(t *testing.T, s *Store, users int) {
	t.Helper()
	const numbers = `WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < CAST(? AS BIGINT)) `
	update(t, s, func(tx *Tx) error {
		for _, q := range []struct {
			text string
			n    int
		}{
			{numbers + `INSERT INTO users (name, valid_from, valid_until, extended, created, sort, words, credentials, invited, suspended, copyable)
				SELECT 'User ' || i, 0, CASE WHEN i % 50 = 0 THEN 1000 WHEN i % 60 = 0 THEN 4000 ELSE 0 END, 0, 1, CAST(1000000 + (i * 7919) % 1000000 AS TEXT), ' user ' || i || ' name' || i % 1000,
					CASE WHEN i % 100 = 0 THEN 0 ELSE 1 END, CASE WHEN i % 60 = 0 THEN 1 ELSE 0 END, CASE WHEN i % 70 = 0 THEN 1 ELSE 0 END, CASE WHEN i % 80 = 0 THEN 1 ELSE 0 END FROM n`, users},
			{numbers + `INSERT INTO user_groups (user_id, name) SELECT i, 'group ' || i % 50 FROM n`, users},
			{numbers + `INSERT INTO readers (id, created) SELECT 'reader-' || i, 0 FROM n`, 100},
			{numbers + `INSERT INTO names (name, words) SELECT 'User ' || i, ' user ' || i FROM n`, users / 10},
			{numbers + `INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received, part_of, subject, door, who, tries)
				SELECT 1, i, CASE WHEN i % 4 = 0 THEN 'denied' WHEN i % 1000 = 1 THEN 'alarm' WHEN i % 1000 = 2 THEN 'lockout' WHEN i % 10 = 3 THEN 'quiet' ELSE 'granted' END,
					CASE WHEN i % 1000 = 2 THEN 'lockout.started' ELSE 'access.granted' END, 'reader-' || (1 + i % 100), 1 + (i * 7919) % 8000, i * 1000, i * 1000, CASE WHEN i % 3 = 2 THEN i - 1 ELSE 0 END, 1 + i % 900, 1 + i % 90, 0, 0 FROM n`, 10 * users},
			{numbers + `INSERT INTO records (reader_id, journal, number, hash, record, kind, at, received)
				SELECT 'reader-' || (1 + i % 100), (SELECT id FROM site), i, (SELECT signing FROM site), (SELECT signing FROM site), 'access.granted', i * 1000, i * 1000 FROM n`, users},
			{numbers + `INSERT INTO ages (steady, activity, audit) SELECT i, i * 100, 0 FROM n`, 100},
			{`UPDATE users SET seen = coalesce((SELECT max(id) FROM activity WHERE user_id = users.id AND user_id <> 0 AND class = 'granted'), 0) WHERE id <= ?`, 100},
		} {
			if err := tx.exec(q.text, q.n); err != nil {
				return fmt.Errorf("%s: %w", q.text, err)
			}
		}
		return tx.exec(`ANALYZE`)
	})
}

// reads are what pages and programs ask for, without what counts all that there is.
func reads(users int) map[string]func(tx *Tx) error {
	events := int64(10 * users)
	all := map[string]func(tx *Tx) error{}
	choices := map[string]UserChoice{"all": {}, "visitors of a group": {Visitors: []string{"group 1"}}}
	for _, state := range []UserState{ValidUsers, ExpiredUsers, EarlyUsers, BareUsers, CopyableUsers, InvitedUsers, SuspendedUsers} {
		choices[string(state)] = UserChoice{State: state, Now: 2000}
	}
	choices["not seen"] = UserChoice{State: UnseenUsers, AddedBefore: 10, SeenSince: events / 2}
	choices["copied card"] = UserChoice{State: CopiedUsers}
	choices["exposed"] = UserChoice{State: ExposedUsers}
	for _, order := range orders() {
		choices["by "+string(order)] = UserChoice{Order: order}
		choices["valid by "+string(order)] = UserChoice{Order: order, State: ValidUsers, Now: 2000}
	}
	for name, c := range choices {
		all["users: "+name] = func(tx *Tx) error { _, _, err := tx.UsersAfter(c, UserCursor{}, 50); return err }
		all["users: "+name+", later"] = func(tx *Tx) error { _, _, err := tx.UsersAfter(c, UserCursor{Sort: "1500000", ID: 17}, 50); return err }
		all["users: "+name+", after a key"] = func(tx *Tx) error {
			_, _, err := tx.UsersAfter(c, UserCursor{Sort: "1500000", ID: 17, Key: 1000}, 50)
			return err
		}
	}
	for name, f := range map[string]ActivityFilter{
		"all": {}, "oldest": {Oldest: true, After: events / 2}, "a page": {Before: events / 2}, "a reader": {Readers: []string{"reader-7"}},
		"a user": {User: 77}, "granted to a user": {User: 77, Class: wire.ClassGranted}, "lockouts": {Class: wire.ClassLockout},
		"a kind": {Kind: "lockout.started"}, "readers": {Readers: []string{"reader-7", "reader-8", "reader-9"}},
		"alarms at readers": {Readers: []string{"reader-7", "reader-8"}, Class: wire.ClassAlarm},
		"an hour":           {Since: events * 500, Until: events*500 + 3_600_000, Short: true}, "an hour at a reader": {Since: events * 500, Until: events*500 + 3_600_000, Short: true, Readers: []string{"reader-7"}},
		"a name":   {Named: &NameMatch{Names: []int64{7, 8}, Users: []uint64{77}}},
		"at doors": {Classes: []wire.RecordClass{wire.ClassGranted, wire.ClassDoor}, Acts: []string{"admin.unlock"}, Heads: true},
		"heads":    {Heads: true}, "heads at readers": {Heads: true, Readers: []string{"reader-7", "reader-8"}}, "heads by actors": {Heads: true, Readers: []string{"reader-7"}, Actors: []Actor{{1, "User 7"}}},
		"heads of a name": {Heads: true, Named: &NameMatch{Names: []int64{7, 8}, Users: []uint64{77}}}, "heads of a user": {Heads: true, User: 77},
		"no class": {Class: "tamper"}, "of actors": {Readers: []string{"reader-7"}, Actors: []Actor{{1, "User 7"}}},
	} {
		f.Limit = 50
		all["events: "+name] = func(tx *Tx) error { _, err := tx.Activity(f); return err }
		if f.Named == nil {
			all["count of events: "+name] = func(tx *Tx) error { _, err := tx.CountActivity(f); return err }
		}
	}
	for name, read := range map[string]func(tx *Tx) error{
		"numbered users": func(tx *Tx) error {
			_, _, err := tx.NumberedUsers(NumberedUsers{IDs: []uint64{1, 2}}, 0, 10)
			return err
		},
		"user by name":      func(tx *Tx) error { _, err := tx.UsersNamed("User 77"); return err },
		"users by id":       func(tx *Tx) error { _, err := tx.UsersByID([]uint64{1, 2, 3}); return err },
		"credentials":       func(tx *Tx) error { _, err := tx.CredentialsOfAll([]uint64{1, 2, 3}); return err },
		"last granted":      func(tx *Tx) error { _, err := tx.LastGranted([]uint64{1, 2, 3}, nil); return err },
		"last granted here": func(tx *Tx) error { _, err := tx.LastGranted([]uint64{1, 2}, []string{"reader-7"}); return err },
		"last attempt":      func(tx *Tx) error { _, err := tx.LastAttempt("reader-7"); return err },
		"hours": func(tx *Tx) error {
			_, err := tx.Hours([]string{"reader-7"}, events*990, events*990+3_600_000)
			return err
		},
		"newest":         func(tx *Tx) error { _, _, err := tx.Newest(); return err },
		"parts":          func(tx *Tx) error { _, err := tx.PartsOf(ActivityFilter{}, []int64{3, 5, 7}, 20); return err },
		"count of parts": func(tx *Tx) error { _, err := tx.CountParts(ActivityFilter{}, 3, 100); return err },
		"parts of orders": func(tx *Tx) error {
			return (&Intake{t: tx, acts: acts{told: map[ofOrder]bool{}}}).readTold([]int64{3, 5, 7})
		},
		"notices":        func(tx *Tx) error { _, _, err := tx.Notices(events-100, []string{"lockout.started"}, 10); return err },
		"counts by kind": func(tx *Tx) error { _, err := tx.CountEvents(events-100, events); return err },
		"records":        func(tx *Tx) error { _, err := tx.RecordsOf([]int64{1, 2, 3}); return err },
		"alarms":         func(tx *Tx) error { _, err := tx.AlarmsOf([]int64{1, 2, 3}); return err },
		"attempts":       func(tx *Tx) error { _, err := tx.AttemptsSince("reader-7", 0); return err },
		"visits": func(tx *Tx) error {
			_, err := tx.Visitors(VisitChoice{At: Here, Now: 2000}, VisitCursor{}, 0, 50)
			return err
		},
		"members": func(tx *Tx) error { _, err := tx.MembersOf("group 7"); return err },
		"older":   func(tx *Tx) error { _, _, err := tx.OlderThan(clock.Steady(50)); return err },
	} {
		all[name] = read
	}
	return all
}

// SQLite is told which index to use; PostgreSQL finds out.
func TestNoListOfPostgreSQLReadsAWholeTable(t *testing.T) {
	took := map[string][]time.Duration{}
	for _, engine := range []string{"PostgreSQL", "SQLite"} {
		address := ""
		if engine == "PostgreSQL" {
			address = newPostgres(t)
		} else if *crowd < 100_000 {
			break
		}
		s, err := Create(t.Context(), t.TempDir(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		update(t, s, func(tx *Tx) error {
			return tx.AddSite(&Site{Signing: make([]byte, 32), Authority: []byte{}, Root: []byte{}, CardMaster: []byte{}, GrantKey: []byte{}})
		})
		fill(t, s, *crowd)
		if address != "" { // which autovacuum does elsewhere
			db := s.engine.(*postgresEngine).db
			if _, err := db.Exec(`VACUUM`); err != nil {
				t.Fatal(err)
			}
		}
		for name, read := range reads(*crowd) {
			began := time.Now()
			if err := s.View(t.Context(), read); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			took[name] = append(took[name], time.Since(began))
			if address == "" {
				continue
			}
			e := &recording{postgresEngine: s.engine.(*postgresEngine)}
			asks := &Store{engine: e}
			if err := asks.View(t.Context(), read); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, asked := range e.asked {
				if plan := explain(t, e.postgresEngine, asked); scans(plan) {
					t.Errorf("%s: %s\n%v\n%s", name, asked.where, asked.args, plan)
				}
			}
		}
	}
	if *crowd >= 100_000 {
		for name, times := range took {
			t.Logf("%-40s PostgreSQL %v, SQLite %v", name, times[0].Round(10*time.Microsecond), times[1].Round(10*time.Microsecond))
		}
	}
}

// wholeTable matches how many rows a plan reads of a table in its own order, and how many it passes over.
var wholeTable = regexp.MustCompile(`Seq Scan on (\w+).*actual rows=(\d+) loops=(?:[^\n]*\n(?:[^\n>]*\n)??[^\n>]*Rows Removed by Filter: (\d+))?`)

// scans says whether a plan reads more than some hundred rows of a table, those of the first page, say,
// in the table's own order.
func scans(plan string) bool {
	for _, found := range wholeTable.FindAllStringSubmatch(plan, -1) {
		rows, _ := strconv.Atoi(found[2])
		passed, _ := strconv.Atoi(found[3])
		if rows+passed > 500 {
			return true
		}
	}
	return false
}

func explain(t *testing.T, e *postgresEngine, asked condition) string {
	t.Helper()
	rows, err := e.db.QueryContext(context.Background(), `EXPLAIN (ANALYZE, TIMING OFF) `+asked.where, asked.args...)
	if err != nil {
		t.Fatalf("%s: %v", asked.where, err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
