package site

import (
	"context"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
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
	decoded, err := decode(at, messages)
	if err != nil {
		return nil, err
	}
	var stored []Stored
	err = s.store.Keep(ctx, func(tx *store.Tx) error {
		stored = make([]Stored, len(messages))
		mark, err := tx.Clock(at)
		if err != nil {
			return err
		}
		now := arrival{s.Time(at).UnixMilli(), mark.Time()}
		in, err := tx.Intake(int64(now.steady)/daySeconds, decoded)
		if err != nil {
			return err
		}
		for i, m := range decoded {
			if err := s.storeWithin(tx, in, now, m, &stored[i]); err != nil {
				return fmt.Errorf("records of %s: %w", m.Reader, err)
			}
		}
		return in.Write()
	})
	return stored, err
}

// decode decodes messages that arrive.
func decode(at clock.Reading, messages []*wire.Records) ([]*store.Message, error) {
	all := make([]*store.Message, len(messages))
	for i, m := range messages {
		all[i] = &store.Message{Reader: m.Reader, Journal: m.Journal, First: m.First}
		for _, encoded := range m.Records {
			record, err := wire.ParseRecord(encoded)
			if err != nil {
				return nil, fmt.Errorf("records of %s: %w", m.Reader, err)
			}
			all[i].Records = append(all[i].Records, &store.Record{
				Reader: m.Reader, Journal: m.Journal, Number: record.Number, Hash: wire.Sum(encoded), Encoded: encoded,
				Kind: record.Kind, At: record.Time, Received: at.Wall.UnixMilli(), Decoded: record,
			})
		}
	}
	return all, nil
}

// An arrival is the time at which messages arrived.
type arrival struct {
	wall   int64 // Unix milliseconds
	steady clock.Steady
}

// storeWithin stores a message unless its reader's daily allowance is used up.
func (s *Site) storeWithin(tx *store.Tx, in *store.Intake, now arrival, m *store.Message, stored *Stored) error {
	a := in.Allowance(m)
	if stored.Refused = a.Used >= dailyAllowance; stored.Refused {
		return refuseRecords(in, now.wall, a)
	}
	cost, err := s.storeRecords(tx, in, now, m, stored)
	if err != nil || cost == 0 {
		return err
	}
	a.Used += cost
	in.SetAllowance(a)
	return nil
}

// storeRecords stores a message and returns its cost against the allowance.
func (s *Site) storeRecords(tx *store.Tx, in *store.Intake, now arrival, m *store.Message, stored *Stored) (cost int64, err error) {
	j, err := in.Journal(m)
	if err != nil {
		return 0, err
	}
	if j.Number == 0 {
		cost += breakCost
	}
	stored.Ack = wire.Ack{Reader: m.Reader, Journal: m.Journal}
	for _, r := range m.Records {
		added, err := in.Add(r)
		if err != nil {
			return 0, err
		}
		if !added {
			continue
		}
		stored.New = append(stored.New, r.Decoded)
		cost += recordCost + int64(len(r.Encoded))
		if err := countAttempts(in, j, r.Decoded); err != nil {
			return 0, err
		}
		if err := countUse(tx, time.UnixMilli(now.wall), m.Reader, r.Decoded); err != nil {
			return 0, err
		}
		if raised, err := s.alarmCopy(tx, in, now.wall, m.Reader, r.Decoded); err != nil {
			return 0, err
		} else if raised {
			cost += recordCost
		}
		if forks(in, m, r.Decoded) {
			j.Forked = true
			cost += breakCost
			if err := in.AddAlarm(store.NewAlarm(m.Reader, store.JournalForked, now.wall, language.Say(
				"journal %s: record %s differs from the stored one, or does not follow from it; somebody has copied this reader's storage, or restored an older state of it", m.Journal.String(), fmt.Sprint(r.Number)))); err != nil {
				return 0, err
			}
		}
	}
	first, last := m.Records[0], m.Records[len(m.Records)-1]
	if rewinds(now.steady, j, m, first.Number) {
		stored.Ack.Number, stored.Ack.Hash = j.Number, j.Hash
		return cost, nil
	}
	if j.Number+1 < first.Number {
		cost += breakCost
		if err := tx.AddGap(store.Gap{Reader: m.Reader, Journal: m.Journal, First: j.Number + 1, Last: first.Number - 1}, now.steady); err != nil {
			return 0, err
		}
	}
	if last.Number > j.Number {
		j.Number, j.Hash, j.RewindSince = last.Number, last.Hash, 0
		if j.Restored {
			if j.Restored, err = in.HasRecordsAbove(j, j.Number); err != nil {
				return 0, err
			}
		}
	} else if j.Forked {
		stored.Ack.Number, stored.Ack.Hash = last.Number, last.Hash
		return cost, nil
	}
	stored.Ack.Number, stored.Ack.Hash = j.Number, j.Hash
	return cost, nil
}

// rewinds says whether to acknowledge only what is stored below a message that begins
// at number first. A restore may have lost the records between, and the reader, which
// goes back to the acknowledged number, still has them. Acknowledgements may be lost,
// so this repeats until the reader goes back; if it has not after gapPatience, it
// cannot.
func rewinds(now clock.Steady, j *store.Journal, m *store.Message, first uint64) bool {
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
func forks(in *store.Intake, m *store.Message, r *wire.Record) bool {
	before := in.Hashes(m, r.Number-1)
	if len(before) > 1 {
		return false
	}
	return len(in.Hashes(m, r.Number)) > 1 || len(before) == 1 && before[0] != r.Before
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
			if err := tx.AddAlarm(store.NewAlarm(gap.Reader, store.JournalGap, at.Wall.UnixMilli(), language.Say(
				"journal %s: records %s to %s are missing, and the reader did not report that it dropped them", gap.Journal.String(), fmt.Sprint(gap.First), fmt.Sprint(gap.Last)))); err != nil {
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
