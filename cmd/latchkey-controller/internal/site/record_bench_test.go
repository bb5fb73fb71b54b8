package site

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// measuredReaders is how many readers BenchmarkRecords has: as many as there are messages in one
// transaction of the link.
const measuredReaders = 32

// A measuredSite is a site with measuredReaders readers and 1,000 users, whose database is open
// beside it.
type measuredSite struct {
	site    *Site
	diaries []*diary
	n       int // records so far
	beside  besideSite
}

// A besideSite is a connection to a site's database that knows nothing of the site.
type besideSite interface {
	rows(b *testing.B, query string) [][]any
	// write empties some tables, and adds rows to them and others, in one transaction, as fast as
	// the database can.
	write(b *testing.B, emptied []string, tables []tableRows)
}

// tableRows are rows of a table.
type tableRows struct {
	table   string
	columns []string
	rows    [][]any
}

func newMeasuredSite(b *testing.B, database string) *measuredSite {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "site")
	s, err := Create(b.Context(), dir, database, "home", "UTC", at(noon))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	m := &measuredSite{site: s}
	for i := range measuredReaders {
		id := fmt.Sprint("reader-", i)
		if _, _, err := tryAdopt(b.Context(), s, noon, id, boardtest.New(b).Signed, "", noEdit); err != nil {
			b.Fatal(err)
		}
		m.diaries = append(m.diaries, &diary{reader: id, journal: wire.JournalID{byte(i + 1)}})
	}
	err = s.Update(b.Context(), func(tx *store.Tx) error {
		for _, d := range m.diaries {
			if err := tx.PlaceReader(d.reader, "Main building", "Door of "+d.reader); err != nil {
				return err
			}
		}
		for i := range 1000 {
			if err := tx.AddUser(&store.User{Name: fmt.Sprint("Ada Lovelace ", i), Created: noon.Unix()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	if database == "" {
		m.beside = openBesideSQLite(b, filepath.Join(dir, store.File))
	} else {
		m.beside = openBesidePostgres(b, database)
	}
	return m
}

// messages returns the next records of some readers.
func (m *measuredSite) messages(readers, records int) (messages []*wire.Records) {
	for i := range readers {
		d := m.diaries[(m.n+i)%len(m.diaries)]
		from := uint64(len(d.records)) + 1
		for range records {
			m.n++
			r := wire.Record{Time: noon.UnixMilli() + int64(m.n)*100, Trusted: true, Running: uint64(m.n), Epoch: 1, Revision: 1}
			switch user := uint64(1 + m.n*7%1000); m.n % 4 {
			case 0:
				r.Kind, r.Seq = wire.AttemptStarted, uint64(m.n)
			case 1:
				r.Kind, r.By, r.Seq, r.User, r.Credential, r.Seconds = wire.AccessGranted, wire.ByPIN, uint64(m.n), user, user, 5
			case 2:
				r.Kind = wire.DoorOpened
			case 3:
				r.Kind = wire.DoorClosed
			}
			switch m.n % 50 {
			case 10:
				r.Kind, r.Wrong = wire.AttemptUnknown, 3
			case 30:
				r.Kind, r.Cause, r.Users = wire.LockoutStarted, "guessing", []uint64{1, 2, 3}
			}
			d.add(r)
		}
		messages = append(messages, d.message(1, from, uint64(len(d.records))))
	}
	return messages
}

// stored returns the rows that storing records has added since some ids, and the ids now.
func (m *measuredSite) stored(b *testing.B, after [3]int64) (tables []tableRows, last [3]int64) {
	b.Helper()
	for _, t := range []struct{ table, columns, where string }{
		{"names", "id, name, words", fmt.Sprint("id > ", after[0])},
		{"records", "id, reader_id, journal, number, hash, record, kind, at, received", fmt.Sprint("id > ", after[1])},
		{"activity", "id, source, row, class, kind, reader_id, user_id, at, received, subject, door, who, tries", fmt.Sprint("id > ", after[2])},
		{"besides", "activity, user_id, name", fmt.Sprint("activity > ", after[2])},
		{"journals", "reader_id, journal, number, hash, forked, restored, led, counts", "true"},
		{"allowances", "reader_id, day, spent, said, granted, grant_said", "true"},
	} {
		tables = append(tables, tableRows{t.table, strings.Split(t.columns, ", "), m.beside.rows(b, "SELECT "+t.columns+" FROM "+t.table+" WHERE "+t.where+" ORDER BY 1, 2")})
	}
	for i, table := range tables[:3] {
		last[i] = after[i]
		if n := len(table.rows); n > 0 {
			last[i] = table.rows[n-1][0].(int64)
		}
	}
	return tables, last
}

// BenchmarkRecords measures how fast records are stored, in batches as the link hands them over:
// one message, one of each of 32 readers, and 32 full ones; beside the same rows without anything
// else, by COPY, or by prepared statements in one transaction, into another database.
func BenchmarkRecords(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, batch := range []struct {
			name             string
			readers, records int
		}{{"one", 1, 1}, {"live", measuredReaders, 1}, {"backlog", measuredReaders, wire.MaxRecords}} {
			b.Run(engine+"/"+batch.name, func(b *testing.B) {
				address := func() string {
					if engine == "sqlite" {
						return ""
					}
					return postgrestest.Database(b)
				}
				m, alone := newMeasuredSite(b, address()), newMeasuredSite(b, address())
				// Both have a past.
				var last [3]int64
				var whole, bare []time.Duration
				for first := true; first || b.Loop(); {
					messages := m.messages(batch.readers, batch.records)
					if first {
						messages = m.messages(measuredReaders, wire.MaxRecords)
					}
					began := time.Now()
					stored, err := m.site.StoreRecords(b.Context(), at(noon), messages)
					took := time.Since(began)
					if err != nil {
						b.Fatal(err)
					}
					for i, s := range stored {
						if s.Refused || len(s.New) != len(messages[i].Records) || len(s.New) == 0 {
							b.Fatalf("%+v", s)
						}
					}
					var tables []tableRows
					tables, last = m.stored(b, last)
					began = time.Now()
					alone.beside.write(b, []string{"journals", "allowances"}, tables)
					if first {
						first = false
						continue
					}
					whole, bare = append(whole, took), append(bare, time.Since(began))
				}
				slices.Sort(whole)
				slices.Sort(bare)
				median := whole[len(whole)/2]
				b.ReportMetric(median.Seconds()/bare[len(bare)/2].Seconds(), "x-alone")
				b.ReportMetric(float64(batch.readers*batch.records)/median.Seconds(), "records/s")
				b.ReportMetric(median.Seconds()*1000, "ms-median")
			})
		}
	}
}

// besidePostgres is a connection to a PostgreSQL database.
type besidePostgres struct{ conn *pgx.Conn }

func openBesidePostgres(b *testing.B, address string) besidePostgres {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(context.WithoutCancel(b.Context())) })
	return besidePostgres{conn}
}

func (p besidePostgres) rows(b *testing.B, query string) (all [][]any) {
	b.Helper()
	rows, err := p.conn.Query(b.Context(), query)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, values)
	}
	return all
}

func (p besidePostgres) write(b *testing.B, emptied []string, tables []tableRows) {
	b.Helper()
	err := pgx.BeginFunc(b.Context(), p.conn, func(tx pgx.Tx) error {
		for _, table := range emptied {
			if _, err := tx.Exec(b.Context(), "DELETE FROM "+table); err != nil {
				return err
			}
		}
		for _, t := range tables {
			if len(t.rows) == 0 {
				continue
			}
			if _, err := tx.CopyFrom(b.Context(), pgx.Identifier{t.table}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
				return fmt.Errorf("%s: %w", t.table, err)
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// besideSQLite is an open SQLite database.
type besideSQLite struct{ db *sql.DB }

func openBesideSQLite(b *testing.B, path string) besideSQLite {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return besideSQLite{db}
}

func (s besideSQLite) rows(b *testing.B, query string) (all [][]any) {
	b.Helper()
	rows, err := s.db.QueryContext(b.Context(), query)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		columns, err := rows.Columns()
		if err != nil {
			b.Fatal(err)
		}
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			b.Fatal(err)
		}
		all = append(all, values)
	}
	return all
}

func (s besideSQLite) write(b *testing.B, emptied []string, tables []tableRows) {
	b.Helper()
	tx, err := s.db.BeginTx(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer tx.Rollback()
	for _, table := range emptied {
		if _, err := tx.ExecContext(b.Context(), "DELETE FROM "+table); err != nil {
			b.Fatal(err)
		}
	}
	for _, t := range tables {
		if len(t.rows) == 0 {
			continue
		}
		insert, err := tx.PrepareContext(b.Context(), "INSERT INTO "+t.table+" ("+strings.Join(t.columns, ", ")+") VALUES (?"+strings.Repeat(", ?", len(t.columns)-1)+")")
		if err != nil {
			b.Fatal(err)
		}
		for _, row := range t.rows {
			if _, err := insert.ExecContext(b.Context(), row...); err != nil {
				b.Fatal(t.table, err)
			}
		}
		insert.Close()
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}
