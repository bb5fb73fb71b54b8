package desk

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// BenchmarkReach measures what an administrator sees who is limited to one of a hundred locations,
// with 100,000 users and a million events, a hundredth of them there, and as many users.
func BenchmarkReach(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "site")
	d := crowdedIn(b, dir)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, store.File)+"?_pragma=busy_timeout(10000)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) `
	now := time.Now().UnixMilli()
	for _, q := range []struct {
		text string
		args []any
	}{
		{numbers + `INSERT INTO locations (id, name) SELECT i, 'Location ' || i FROM n`, []any{100}},
		{numbers + `INSERT INTO hubs (id, location_id, name) SELECT i, i, 'Hub ' || i FROM n`, []any{100}},
		{numbers + `INSERT INTO doors (id, hub_id, name) SELECT i, i, 'Door ' || i FROM n`, []any{100}},
		{numbers + `INSERT INTO readers (id, created, door_id) SELECT 'reader-' || i, 0, i FROM n`, []any{100}},
		{numbers + `INSERT INTO names (name, words) SELECT 'Door ' || i, ' door ' || i FROM n`, []any{100}},
		{`INSERT INTO names (name, words) VALUES ('Other', ' other')`, nil},
		// Each twentieth is an act of somebody else, about no reader; users open doors everywhere.
		{numbers + `INSERT INTO audit (id, at, admin_id, who, via, act, outcome, reader_id, user_id, subject, text)
			SELECT i, ?2, 99, 'Other', 'console', 'user.edit', 'done', '', 0, '', '' FROM n`, []any{50_000, now}},
		{numbers + `INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received, subject, door, who, tries)
			SELECT CASE WHEN i % 20 = 0 THEN 2 ELSE 1 END, CASE WHEN i % 20 = 0 THEN i / 20 ELSE i END,
				CASE WHEN i % 20 = 0 THEN 'admin' WHEN i % 9973 = 0 THEN 'lockout' WHEN i % 4 = 0 THEN 'denied' ELSE 'granted' END,
				CASE WHEN i % 20 = 0 THEN 'admin.user.edit' WHEN i % 9973 = 0 THEN 'lockout.started' ELSE 'access.granted' END,
				CASE WHEN i % 20 = 0 THEN '' ELSE 'reader-' || (1 + (i / 7) % 100) END, CASE WHEN i % 20 = 0 THEN 0 ELSE 1 + (i * 7919) % 3000 END,
				?2 - (?1 - i) * 1000, ?2, 0, CASE WHEN i % 20 = 0 THEN 0 ELSE (SELECT id FROM names WHERE name = 'Door ' || (1 + (i / 7) % 100)) END,
				CASE WHEN i % 20 = 0 THEN (SELECT id FROM names WHERE name = 'Other') ELSE 0 END, 0 FROM n`, []any{1_000_000, now}},
	} {
		if _, err := db.Exec(q.text, q.args...); err != nil {
			b.Fatal(q.text, err)
		}
	}
	err = d.site.Update(b.Context(), func(tx *store.Tx) error {
		for i := range 100 {
			id := fmt.Sprint("reader-", i+1)
			p := wire.DefaultPolicy(id, id)
			if err := tx.SetPolicy(now/1000, &p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	actor := func(locations ...int64) (a Actor) {
		id, _, err := d.AddAdmin(b.Context(), as(Owner), map[bool]string{true: "One", false: "Half"}[len(locations) == 1], Super, locations)
		if err == nil {
			err = d.site.Update(b.Context(), func(tx *store.Tx) error {
				admin, err := tx.Admin(id)
				if err != nil {
					return err
				}
				s, err := d.begin(tx, admin, Client{Address: "192.0.2.1"})
				if err == nil {
					a = s.Actor
				}
				return err
			})
		}
		if err != nil {
			b.Fatal(err)
		}
		return a
	}
	var half []int64
	for i := range int64(50) {
		half = append(half, i+1)
	}
	for who, a := range map[string]Actor{"one": actor(42), "half": actor(half...), "all": as(Super)} {
		for what, see := range map[string]func() error{
			"page":     func() error { _, err := d.Activity(b.Context(), a, Query{}); return err },
			"old page": func() error { _, err := d.Activity(b.Context(), a, Query{Before: 1000}); return err },
			"lockouts": func() error { _, err := d.Activity(b.Context(), a, Query{Kind: "lockout"}); return err },
			"acts":     func() error { _, err := d.Activity(b.Context(), a, Query{Kind: "admin"}); return err },
			"week":     func() error { _, err := d.Activity(b.Context(), a, Query{Since: time.Now().Add(-6 * day)}); return err },
			"hour": func() error {
				_, err := d.Activity(b.Context(), a, Query{Since: time.Now().Add(-time.Hour)})
				return err
			},
			"user":      func() error { _, err := d.Activity(b.Context(), a, Query{User: 7}); return err },
			"door name": func() error { _, err := d.Activity(b.Context(), a, Query{Name: "door 7"}); return err },
			"log":       func() error { _, _, err := d.LogPage(b.Context(), a, Query{}, nil, 0, 50); return err },
			"feed":      func() error { _, err := d.EventsAfter(b.Context(), a, 0, 100); return err },
			"feed tail": func() error { _, err := d.EventsAfter(b.Context(), a, 999_990, 100); return err },
			"users":     func() error { _, err := d.Users(b.Context(), a, UserQuery{}); return err },
			"1000 users": func() error {
				_, err := d.Users(b.Context(), a, UserQuery{Limit: 1000})
				return err
			},
			"not seen": func() error { _, err := d.Users(b.Context(), a, UserQuery{State: store.UnseenUsers}); return err },
		} {
			b.Run(what+"/"+who, func(b *testing.B) {
				var took []time.Duration
				for b.Loop() {
					began := time.Now()
					if err := see(); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(began))
				}
				slices.Sort(took)
				b.ReportMetric(milliseconds(took[len(took)/2]), "ms-median")
			})
		}
	}
}
