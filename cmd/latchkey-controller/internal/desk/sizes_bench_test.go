package desk

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/backup/backuptest"
	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// BenchmarkSizes measures what SIZES.md computes with, of a site in PostgreSQL. The flags -readers and
// -people say how many it has.
func BenchmarkSizes(b *testing.B) {
	b.Run("readers", sizeOfReaders)
	b.Run("people", sizeOfPeople)
}

func sizeOfReaders(b *testing.B) {
	s := newSizedSite(b)
	for b.Loop() {
		n := float64(*sizedReaders)
		before := s.bytes("readers|bundles|policies|states|journals|allowances|doors|hubs|locations")
		s.addReaders(*sizedReaders)
		everyone := s.states(0, *sizedReaders)
		s.states30(everyone)

		// A leader begins.
		var peers map[string]*site.Peer
		b.ReportMetric(1e6*s.quickest(func() (err error) { peers, _, err = s.site.Peers(b.Context()); return err })/n, "µs-signed/reader")
		b.ReportMetric(1e6*s.quickest(func() error { _, err := s.site.EpochKeys(b.Context(), slices.Collect(maps.Values(peers))); return err })/n, "µs-keys/reader")
		b.ReportMetric(1e6*s.quickest(func() (err error) { _, _, err = s.site.NewPeers(b.Context(), store.HomeCell, peers); return err })/n, "µs-unchanged/reader")
		// What each commit has each leader ask.
		b.ReportMetric(1e6*s.quickest(func() error {
			return s.site.View(b.Context(), func(tx *store.Tx) error { _, err := tx.Versions(); return err })
		})/n, "µs-asked/reader")
		b.ReportMetric(1e6*s.quickest(func() error {
			return s.site.View(b.Context(), func(tx *store.Tx) error { _, _, err := tx.Newest(); return err })
		})/n, "µs-newest/reader")

		// States: of a cell's readers a fifteenth reports in the two seconds between two writes.
		i := 0
		b.ReportMetric(1e6*s.quickest(func() error {
			i++
			return s.site.SetStates(b.Context(), s.states(i**sizedReaders/15, *sizedReaders/15))
		})/(n/15), "µs/state")
		b.ReportMetric(s.logged(func() {
			for range 5 {
				s.states30(everyone)
			}
		})/(5*n), "logged-B/state")

		// A page, and a lockdown of all doors.
		b.ReportMetric(1e6*s.seconds(func() error { _, err := s.desk.Readers(b.Context(), as(Viewer)); return err })/n, "µs-page/reader")
		b.ReportMetric(1e3*s.quickest(func() error { _, err := s.desk.Reader(b.Context(), as(Viewer), s.readers[0]); return err }), "ms-page/one")
		var lockdown []float64
		for range 3 {
			m := &store.Mode{Mode: wire.ModeLockdown, Level: "site", Who: "root", At: time.Now().UnixMilli()}
			lockdown = append(lockdown, s.seconds(func() error {
				return s.site.Update(b.Context(), func(tx *store.Tx) error { return site.AddMode(tx, time.Now(), m) })
			}))
			s.update(func(tx *store.Tx) error { return site.EndMode(tx, time.Now(), m, "root") })
		}
		b.ReportMetric(1e6*slices.Min(lockdown)/n, "µs-lockdown/reader")

		// Records: an opening at each door, as often as it takes for the tables to show what one costs.
		rounds := max(2, 40_000 / *sizedReaders)
		s.store(s.openings(s.readers, 0))
		b.ReportMetric((s.bytes("readers|bundles|policies|states|journals|allowances|doors|hubs|locations")-before)/n, "B/reader")
		at := s.bytes("records.*|activity|names|besides")
		var took float64
		logged := s.logged(func() {
			for i := range rounds {
				messages := s.openings(s.readers, 1+i)
				took += s.seconds(func() error { s.store(messages); return nil })
			}
		})
		openings := n * float64(rounds)
		b.ReportMetric(logged/openings, "logged-B/opening")
		b.ReportMetric((s.bytes("records.*|activity|names|besides")-at)/openings, "B/opening")
		b.ReportMetric(openings/took, "openings/s")
		b.ReportMetric(s.number(`SELECT count(*) FROM activity WHERE source = 1`)/(openings+n), "rows/opening")

		// Their end.
		s.server.Do("sized", `DELETE FROM ages`, `INSERT INTO ages (steady, activity, audit) SELECT 0, max(id), 0 FROM activity`)
		const batches = 10
		b.ReportMetric(batches*pruneBatch/s.seconds(func() error { return s.prune(batches) }), "pruned/s")
		b.ReportMetric(0, "ns/op")
	}
}

// prune deletes so many batches of events, as Desk.Prune does.
func (s *sizedSite) prune(batches int) error {
	for range batches {
		err := s.site.Update(s.b.Context(), func(tx *store.Tx) error {
			n, err := tx.PruneActivity(clock.Steady(1), 0, pruneBatch)
			if err == nil && n != pruneBatch {
				err = fmt.Errorf("%d events deleted", n)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// states30 stores states, a fifteenth in each transaction.
func (s *sizedSite) states30(states []*store.State) {
	s.b.Helper()
	for from, each := 0, len(states)/15+1; from < len(states); from += each {
		if err := s.site.SetStates(s.b.Context(), states[from:min(len(states), from+each)]); err != nil {
			s.b.Fatal(err)
		}
	}
}

func sizeOfPeople(b *testing.B) {
	s := newSizedSite(b)
	for b.Loop() {
		n := float64(*sizedPeople)
		const tables = "users|user_groups|credentials|changes|deltas|groups"
		before := s.bytes(tables)
		var took float64
		b.ReportMetric(s.logged(func() { took = s.seconds(func() error { s.addPeople(*sizedPeople); return nil }) })/n, "logged-B/person")
		b.ReportMetric(1e6*took/n, "µs-added/person")
		b.ReportMetric((s.bytes(tables)-before)/n, "B/person")

		// What readers without the newest log get.
		b.ReportMetric(heap(func() {
			took = s.seconds(func() error {
				_, err := s.site.Reply(b.Context(), time.Now(), &wire.Fetch{Number: 1, Want: wire.WantSnapshot}, true, nil)
				return err
			})
		})/n, "B-heap/person")
		b.ReportMetric(1e6*took/n, "µs-snapshot/person")
		files, err := filepath.Glob(filepath.Join(s.dir, "snapshots", "*.cbor"))
		if err != nil || len(files) != 1 {
			b.Fatal(files, err)
		}
		b.ReportMetric(size(b, files[0])/n, "B-snapshot/person")

		// One change of the log for them.
		var log *site.Log
		s.update(func(tx *store.Tx) error {
			return s.site.AddCard(tx, time.Now(), "root", 1, []byte{4, 9, 9, 9, 9, 9, 9})
		})
		if log, err = s.site.Log(b.Context(), wire.Position{}); err == nil {
			log, err = s.site.Log(b.Context(), wire.Position{Epoch: log.Position.Epoch, Revision: log.Position.Revision - 1})
		}
		if err != nil || len(log.Deltas) != 1 {
			b.Fatal(log, err)
		}
		b.ReportMetric(float64(len(log.Deltas[0])), "B/delta")
		b.ReportMetric(float64(len(log.Head)), "B/head")

		// An epoch: others wait.
		b.ReportMetric(1e6*s.seconds(func() error {
			return s.site.Update(b.Context(), func(tx *store.Tx) error { _, err := s.site.NewEpoch(tx, time.Now(), 0); return err })
		})/n, "µs-epoch/person")

		// Backups.
		var image counted
		b.ReportMetric(1e6*s.seconds(func() error { return s.site.Backup(b.Context(), time.Now(), backuptest.Recipients(b), &image) })/n, "µs-backup/person")
		b.ReportMetric(float64(image)/n, "B-backup/person")
		dump := filepath.Join(s.server.Dir, "dump")
		run := func(program string, args ...string) float64 {
			return 1e6 * s.seconds(func() error {
				return s.server.Command(program, append(args, "-h", s.server.Dir, "-U", "postgres", "-p", strconv.Itoa(s.server.Port))...).Run()
			}) / n
		}
		b.ReportMetric(run("pg_dump", "-Fc", "-f", dump, "sized"), "µs-dump/person")
		b.ReportMetric(size(b, dump)/n, "B-dump/person")
		s.server.New("restored")
		b.ReportMetric(run("pg_restore", "-d", "restored", dump), "µs-undump/person")
		b.ReportMetric(0, "ns/op")
	}
}
