package desk

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

var (
	sizedReaders = flag.Int("readers", 1000, "how many readers BenchmarkSizes has")
	sizedPeople  = flag.Int("people", 10_000, "how many people BenchmarkSizes has")
)

// A sizedSite is a site in a PostgreSQL server of its own, whose disks are waited for.
type sizedSite struct {
	b      *testing.B
	server *postgrestest.Own
	dir    string // the site's
	site   *site.Site
	desk   *Desk
	began  time.Time

	readers []string
	records map[string][][]byte // by reader, in one journal each
}

func newSizedSite(b *testing.B) *sizedSite {
	b.Helper()
	server := postgrestest.NewOwn(b, "fsync=on", "shared_buffers=256MB", "checkpoint_timeout=30min", "max_wal_size=8GB")
	dir := filepath.Join(b.TempDir(), "site")
	s, err := site.Create(b.Context(), dir, server.New("sized"), "home", "UTC", clock.Read())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return &sizedSite{b: b, server: server, dir: dir, site: s, desk: New(Options{Site: s}), began: time.Now(), records: map[string][][]byte{}}
}

// update is site.Update.
func (s *sizedSite) update(act func(*store.Tx) error) {
	s.b.Helper()
	if err := s.site.Update(s.b.Context(), act); err != nil {
		s.b.Fatal(err)
	}
}

// number returns what a query returns.
func (s *sizedSite) number(query string) float64 {
	s.b.Helper()
	n, err := strconv.ParseFloat(s.server.Ask("sized", `SELECT CAST((`+query+`) AS text)`), 64)
	if err != nil {
		s.b.Fatal(err)
	}
	return n
}

// bytes returns what some tables take on the server's disk, with their indexes.
func (s *sizedSite) bytes(tables string) float64 {
	s.b.Helper()
	return s.number(`SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind IN ('r', 'p') AND relname ~ '^(` + tables + `)$'`)
}

// logged returns how many bytes of write-ahead log an act makes, after a checkpoint: with the images
// of the pages that it is the first to change.
func (s *sizedSite) logged(act func()) float64 {
	s.b.Helper()
	s.server.Do("sized", `CHECKPOINT`)
	const end = `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')`
	before := s.number(end)
	act()
	return s.number(end) - before
}

// seconds returns how long an act takes.
func (s *sizedSite) seconds(act func() error) float64 {
	s.b.Helper()
	began := time.Now()
	if err := act(); err != nil {
		s.b.Fatal(err)
	}
	return time.Since(began).Seconds()
}

// quickest returns the least of five times of seconds: what else the machine does only adds.
func (s *sizedSite) quickest(act func() error) float64 {
	s.b.Helper()
	least := s.seconds(act)
	for range 4 {
		least = min(least, s.seconds(act))
	}
	return least
}

// addReaders adds rows of readers, whose boards have the same keys; of each place there are fifty.
func (s *sizedSite) addReaders(n int) {
	s.b.Helper()
	policy := wire.DefaultPolicy("reader-000000", "Door 000000")
	policy.Place, policy.Access = "Building 0", []wire.Access{{Group: wire.Everyone}}
	board := boardtest.New(s.b).Signed
	s.update(func(tx *store.Tx) error {
		_, _, err := s.site.Adopt(tx, time.Now(), board, []string{"ssl://broker-1.example:8883", "ssl://broker-2.example:8883"}, &policy)
		return err
	})
	s.readers = append(s.readers, policy.Reader)
	for len(s.readers) < n {
		s.update(func(tx *store.Tx) error {
			b, err := tx.BundleOf(s.readers[0])
			if err != nil {
				return err
			}
			for range min(1000, n-len(s.readers)) {
				i, p := len(s.readers), policy
				p.Reader, p.Door, p.Place, p.Revision = fmt.Sprintf("reader-%06d", i), fmt.Sprintf("Door %06d", i), fmt.Sprintf("Building %d", i/50), 0
				b.Reader, b.Serial = p.Reader, fmt.Sprintf("%s%06x", b.Serial[:24], i)
				if b.Number, err = tx.NextBundle(b.Created); err != nil {
					return err
				}
				for _, add := range []func() error{
					func() error { return tx.AddBundle(b, "") },
					func() error { return tx.PlaceReader(p.Reader, p.Place, p.Door) },
					func() error { return tx.SetReaderLevel(p.Reader, wire.Level) },
					func() error { return tx.SetPolicy(b.Created, &p) },
				} {
					if err := add(); err != nil {
						return err
					}
				}
				s.readers = append(s.readers, p.Reader)
			}
			return nil
		})
	}
	s.server.Do("sized", `ANALYZE`)
}

// states returns the newest states of some readers, as their link stores them.
func (s *sizedSite) states(from, n int) (states []*store.State) {
	for i := range n {
		reader := s.readers[(from+i)%len(s.readers)]
		state := wire.State{Reader: reader, Connection: uint64(s.began.Unix()), Counter: uint64(1000 + i), Nonce: wire.Nonce{1, byte(i)}, Version: "v1.2.3-45-g0123456", Level: wire.Level,
			Held: &wire.Position{Epoch: uint64(s.began.Unix()), Revision: 1_000_000, Hash: wire.Sum([]byte(reader))}, PolicyRevision: uint64(s.began.Unix()), Journal: journalOf(reader), First: 90_001, Last: 100_000,
			Condition: &wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed, ClockTrusted: true, Mode: &wire.ModeState{Mode: wire.ModeNormal}}}
		states = append(states, &store.State{Reader: reader, Bundle: uint64(s.began.Unix()), Connection: state.Connection, Counter: state.Counter, Payload: wire.Marshal(&state), Received: time.Now().UnixMilli()})
	}
	return states
}

func journalOf(reader string) (id wire.JournalID) {
	sum := wire.Sum([]byte(reader))
	return wire.JournalID(sum[:16])
}

// openings returns a message of some readers each: somebody enters a PIN, and goes through.
func (s *sizedSite) openings(readers []string, n int) (messages []*wire.Records) {
	for i, reader := range readers {
		user := uint64(1 + (n*7919+i*104_729)%*sizedPeople)
		now, all := uint64(time.Now().UnixMilli()), s.records[reader]
		first := len(all)
		for _, r := range []wire.Record{
			{Kind: wire.AttemptStarted}, {Kind: wire.AccessGranted, By: wire.ByPIN, User: user, Credential: user, Seconds: 5}, {Kind: wire.DoorOpened}, {Kind: wire.DoorClosed},
		} {
			r.Number, r.Time, r.Trusted, r.Running, r.Epoch, r.Revision = uint64(len(all))+1, int64(now), true, now-uint64(s.began.UnixMilli()), uint64(s.began.Unix()), 1_000_000
			if r.Kind != wire.DoorOpened && r.Kind != wire.DoorClosed {
				r.Seq = uint64(first) + 1
			}
			if len(all) > 0 {
				r.Before = wire.Sum(all[len(all)-1])
			}
			all = append(all, wire.Marshal(&r))
		}
		s.records[reader] = all
		messages = append(messages, &wire.Records{Reader: reader, Journal: journalOf(reader), First: uint64(first) + 1, Records: all[first:]})
	}
	return messages
}

// store stores messages as the link does, 32 in a transaction.
func (s *sizedSite) store(messages []*wire.Records) {
	s.b.Helper()
	for len(messages) > 0 {
		n := min(32, len(messages))
		stored, err := s.site.StoreRecords(s.b.Context(), clock.Read(), messages[:n])
		if err != nil {
			s.b.Fatal(err)
		}
		for i, r := range stored {
			if r.Refused || len(r.New) != len(messages[i].Records) {
				s.b.Fatalf("%+v", r)
			}
		}
		messages = messages[n:]
	}
}

// addPeople adds people with a card each, ten thousand in a transaction, as an import does.
func (s *sizedSite) addPeople(n int) {
	s.b.Helper()
	for from := 0; from < n; from += 10_000 {
		var writes []site.UserWrite
		for i := from; i < min(n, from+10_000); i++ {
			uid := binary.BigEndian.AppendUint64(nil, uint64(i))
			uid[1] = 4
			u := &store.User{First: fmt.Sprint("First", i%997), Last: fmt.Sprint("Lastname", i%9973), Groups: []string{fmt.Sprint("team-", i%1000)}, Email: fmt.Sprintf("user%d@example.com", i), Employee: fmt.Sprintf("%07d", i)}
			u.Name = u.First + " " + u.Last
			writes = append(writes, site.UserWrite{User: u, Cards: [][]byte{uid[1:]}})
		}
		p, err := s.site.PrepareUsers(s.b.Context(), "root", writes)
		if err != nil {
			s.b.Fatal(err)
		}
		s.update(func(tx *store.Tx) error { return s.site.WriteUsers(tx, time.Now(), p) })
	}
	s.server.Do("sized", `ANALYZE`)
}

// heap returns the most memory that an act has in use beyond what was before, in bytes.
func heap(act func()) float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, m.HeapAlloc
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			time.Sleep(50 * time.Millisecond)
		}
	}()
	act()
	stop()
	<-ended
	return float64(most - before)
}

// A counted counts what is written to it.
type counted int64

func (c *counted) Write(b []byte) (int, error) {
	*c += counted(len(b))
	return len(b), nil
}

// size returns the bytes of a file.
func size(b *testing.B, path string) float64 {
	b.Helper()
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return float64(info.Size())
}
