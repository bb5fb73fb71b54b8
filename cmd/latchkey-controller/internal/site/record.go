package site

import (
	"context"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Stored is the result of storing a message of records.
type Stored struct {
	Refused bool           // the reader's daily allowance is used up; the rest is empty
	Ack     wire.Ack       // Number 0: none
	New     []*wire.Record // those not stored before, in order
}

// StoreRecords stores messages of records in one transaction, each record once, and
// returns the acknowledgements: the highest number up to which the journal is stored,
// or after a fork the message's last number.
func (s *Site) StoreRecords(ctx context.Context, at clock.Reading, messages []*wire.Records) ([]Stored, error) {
	var stored []Stored
	err := s.store.Keep(ctx, func(tx *store.Tx) error {
		stored = make([]Stored, len(messages))
		mark, err := tx.Clock(at)
		if err != nil {
			return err
		}
		now := arrival{at.Wall.UnixMilli(), mark.Time()}
		for i, m := range messages {
			if err := s.storeWithin(tx, now, m, &stored[i]); err != nil {
				return fmt.Errorf("records of %s: %w", m.Reader, err)
			}
		}
		return nil
	})
	return stored, err
}

// An arrival is the time at which messages arrived.
type arrival struct {
	wall   int64 // Unix milliseconds
	steady clock.Steady
}

// storeWithin stores a message unless its reader's daily allowance is used up.
func (s *Site) storeWithin(tx *store.Tx, now arrival, m *wire.Records, stored *Stored) error {
	a, err := tx.Allowance(m.Reader, int64(now.steady)/daySeconds)
	if err != nil {
		return err
	}
	if stored.Refused = a.Used >= dailyAllowance; stored.Refused {
		return refuseRecords(tx, now.wall, a)
	}
	cost, err := s.storeRecords(tx, now, m, stored)
	if err != nil || cost == 0 {
		return err
	}
	a.Used += cost
	return tx.SetAllowance(a)
}

// storeRecords stores a message and returns its cost against the allowance.
func (s *Site) storeRecords(tx *store.Tx, now arrival, m *wire.Records, stored *Stored) (cost int64, err error) {
	j, err := tx.Journal(m.Reader, m.Journal)
	if err != nil {
		return 0, err
	}
	if j.Number == 0 {
		cost += breakCost
	}
	stored.Ack = wire.Ack{Reader: m.Reader, Journal: m.Journal}
	var first, last *wire.Record
	var lastHash wire.Hash
	for _, encoded := range m.Records {
		record, err := wire.ParseRecord(encoded)
		if err != nil {
			return 0, err
		}
		if first == nil {
			first = record
		}
		last, lastHash = record, wire.Sum(encoded)
		added, err := tx.AddRecord(&store.Record{Reader: m.Reader, Journal: m.Journal, Number: record.Number, Hash: lastHash, Encoded: encoded, Kind: record.Kind, At: record.Time, Received: now.wall})
		if err != nil {
			return 0, err
		}
		if !added {
			continue
		}
		stored.New = append(stored.New, record)
		cost += recordCost + int64(len(encoded))
		if err := countAttempts(tx, j, record); err != nil {
			return 0, err
		}
		if err := countUse(tx, time.UnixMilli(now.wall), m.Reader, record); err != nil {
			return 0, err
		}
		if raised, err := s.alarmCopy(tx, now.wall, m.Reader, record); err != nil {
			return 0, err
		} else if raised {
			cost += recordCost
		}
		if forks, err := forks(tx, m, record); err != nil {
			return 0, err
		} else if forks {
			j.Forked = true
			cost += breakCost
			if err := tx.AddAlarm(&store.Alarm{Reader: m.Reader, Kind: store.JournalForked, At: now.wall, Text: fmt.Sprintf(
				"journal %s: record %d differs from the stored one, or does not follow from it; somebody has copied this reader's storage, or restored an older state of it", m.Journal, record.Number)}); err != nil {
				return 0, err
			}
		}
	}
	if rewinds(now.steady, j, m, first.Number) {
		stored.Ack.Number, stored.Ack.Hash = j.Number, j.Hash
		return cost, tx.SetJournal(j)
	}
	if j.Number+1 < first.Number {
		cost += breakCost
		if err := tx.AddGap(store.Gap{Reader: m.Reader, Journal: m.Journal, First: j.Number + 1, Last: first.Number - 1}, now.steady); err != nil {
			return 0, err
		}
	}
	if last.Number > j.Number {
		j.Number, j.Hash, j.RewindSince = last.Number, lastHash, 0
		if j.Restored {
			if j.Restored, err = tx.HasRecordsAbove(m.Reader, m.Journal, j.Number); err != nil {
				return 0, err
			}
		}
	} else if j.Forked {
		stored.Ack.Number, stored.Ack.Hash = last.Number, lastHash
		return cost, tx.SetJournal(j)
	}
	stored.Ack.Number, stored.Ack.Hash = j.Number, j.Hash
	return cost, tx.SetJournal(j)
}

// rewinds says whether to acknowledge only what is stored below a message that begins
// at number first. A restore may have lost the records between, and the reader, which
// goes back to the acknowledged number, still has them. Acknowledgements may be lost,
// so this repeats until the reader goes back; if it has not after gapPatience, it
// cannot.
func rewinds(now clock.Steady, j *store.Journal, m *wire.Records, first uint64) bool {
	if !j.Restored || j.Number == 0 || first <= max(j.Number+1, m.First) {
		return false
	}
	if j.RewindSince == 0 {
		j.RewindSince = now
	}
	return now.Sub(j.RewindSince) < gapPatience
}

// forks says whether a record that was just added is where a journal forks: its
// number is stored with another hash, or it does not follow from its predecessor,
// which is stored only once.
func forks(tx *store.Tx, m *wire.Records, r *wire.Record) (bool, error) {
	same, err := tx.RecordHashes(m.Reader, m.Journal, r.Number)
	if err != nil {
		return false, err
	}
	before, err := tx.RecordHashes(m.Reader, m.Journal, r.Number-1)
	if err != nil || len(before) > 1 {
		return false, err
	}
	return len(same) > 1 || len(before) == 1 && before[0] != r.Before, nil
}

// gapPatience is how long a journal has to explain a gap: the record that does so
// comes last.
const gapPatience = 10 * time.Minute

// AlarmGaps raises an alarm for each gap that its journal has not explained in time.
// Call it regularly.
func (s *Site) AlarmGaps(ctx context.Context, at clock.Reading) error {
	return s.store.Keep(ctx, func(tx *store.Tx) error {
		m, err := tx.Clock(at)
		if err != nil {
			return err
		}
		gaps, err := tx.TakeGaps(m.Time().Add(-gapPatience))
		if err != nil {
			return err
		}
		for _, gap := range gaps {
			whole, err := tx.GapFilled(gap)
			if err != nil {
				return err
			}
			ranges, err := tx.Dropped(gap.Reader, gap.Journal)
			if err != nil {
				return err
			}
			if whole || covered(gap, ranges) {
				continue
			}
			if err := tx.AddAlarm(&store.Alarm{Reader: gap.Reader, Kind: store.JournalGap, At: at.Wall.UnixMilli(), Text: fmt.Sprintf(
				"journal %s: records %d to %d are missing, and the reader did not report that it dropped them", gap.Journal, gap.First, gap.Last)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// covered says whether ranges, in any order, cover a gap.
func covered(gap store.Gap, ranges [][2]uint64) bool {
	next := gap.First
	for changed := true; changed; {
		changed = false
		for _, r := range ranges {
			if r[0] > next || r[1] < next {
				continue
			}
			if r[1] >= gap.Last {
				return true
			}
			next, changed = r[1]+1, true
		}
	}
	return false
}
