package link

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// together is how many messages of records are stored in one transaction.
const together = 32

// keep stores records and acknowledges them, and keeps newest states. What
// cannot be stored is not acknowledged, and comes again.
func (l *Link) keep(ctx context.Context) error {
	k := keeper{Link: l, told: map[string]told{}, raised: map[string]time.Time{}}
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case first := <-l.batches:
			err = k.store(ctx, l.drain(first))
		case states := <-l.states:
			err = l.o.Site.SetStates(ctx, states)
		case r := <-l.raises:
			err = k.raise(ctx, r)
		case <-minute.C:
			err = l.o.Site.AlarmGaps(ctx, clock.Read())
		}
		if ctx.Err() == nil {
			k.report(err)
		}
	}
}

// A keeper stores what readers report.
type keeper struct {
	*Link
	full bool            // the disk was
	told map[string]told // by reader: the last record that answered an order without being stored

	raised map[string]time.Time // by reader: when its policy was raised last
}

// A raise is a reader that has taken over a policy beyond the one that is kept
// for it.
type raise struct {
	reader   string
	revision uint64
}

// raiseAgain is when a reader's policy may be raised again: once is enough.
const raiseAgain = time.Hour

// raise puts a reader's policy beyond what the reader says that it has.
func (k *keeper) raise(ctx context.Context, r raise) error {
	if at, ok := k.raised[r.reader]; ok && time.Since(at) < raiseAgain {
		return nil
	}
	raised, err := k.o.Site.RaisePolicy(ctx, time.Now(), r.reader, r.revision)
	if err != nil || !raised {
		return err
	}
	k.raised[r.reader] = time.Now()
	k.o.Log.Warn("a reader has a newer policy than this site knows of, which was put back to an older state: it is given the one that is kept here", "reader", r.reader, "revision", r.revision)
	return nil
}

type told struct {
	journal wire.JournalID
	number  uint64
}

// report logs that something could not be stored; of a full disk once.
func (k *keeper) report(err error) {
	full := (*store.FullError)(nil)
	switch was := k.full; {
	case errors.As(err, &full):
		if k.full = true; !was {
			k.o.Log.Error("what readers report is not kept; they keep it until there is room, and orders are noted from space kept for them", "err", err)
		}
	case err != nil:
		k.o.Log.Error("keep what readers report; they will send it again", "err", err)
	case was:
		k.full = false
		k.o.Log.Info("there is room on the disk again")
	}
}

// drain returns a message with those that wait behind it.
func (l *Link) drain(first *wire.Records) []*wire.Records {
	batch := []*wire.Records{first}
	for len(batch) < together {
		select {
		case next := <-l.batches:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// answers are records of a reader that answer orders.
type answers struct {
	reader  string
	records []*wire.Record
}

func (k *keeper) store(ctx context.Context, batch []*wire.Records) error {
	stored, err := k.o.Site.StoreRecords(ctx, clock.Read(), batch)
	if full := (*store.FullError)(nil); errors.As(err, &full) {
		return errors.Join(err, k.tell(ctx, batch))
	}
	if err != nil {
		return err
	}
	for i, s := range stored {
		if s.Refused {
			k.refused.note(batch[i].Reader, wire.OnRecords, "more than is kept of one reader in a day")
			continue
		}
		a := answers{reader: batch[i].Reader}
		for _, r := range s.New {
			if r.Command != (wire.CommandID{}) && !k.knows(batch[i], r) {
				a.records = append(a.records, r)
			}
		}
		if !k.answer(ctx, a) {
			return nil
		}
		signed, err := k.o.Site.Sign(wire.KindAck, &s.Ack)
		if err != nil {
			return err
		}
		if err := k.edge.publish(wire.OnAck, a.reader, signed); err != nil {
			k.o.Log.Debug("not acknowledged", "reader", a.reader, "err", err)
		}
	}
	return nil
}

// tell takes records that are not stored to the orders that they answer: orders
// are carried out and noted on a full disk, too.
func (k *keeper) tell(ctx context.Context, batch []*wire.Records) error {
	for _, m := range batch {
		a := answers{reader: m.Reader}
		for _, encoded := range m.Records {
			r, err := wire.ParseRecord(encoded)
			if err != nil {
				return err
			}
			if r.Command != (wire.CommandID{}) && !k.knows(m, r) {
				a.records = append(a.records, r)
				k.told[m.Reader] = told{m.Journal, r.Number}
			}
		}
		if !k.answer(ctx, a) {
			return nil
		}
	}
	return nil
}

// knows says whether a record was told without being stored.
func (k *keeper) knows(m *wire.Records, r *wire.Record) bool {
	t := k.told[m.Reader]
	return t.journal == m.Journal && r.Number <= t.number
}

// answer hands answers on; false: ctx has ended.
func (k *keeper) answer(ctx context.Context, a answers) bool {
	if len(a.records) == 0 {
		return true
	}
	select {
	case k.answers <- a:
		return true
	case <-ctx.Done():
		return false
	}
}
