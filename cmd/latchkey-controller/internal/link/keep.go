package link

import (
	"context"
	"time"

	"latchkey/sync/wire"
)

// together is how many messages of records are stored in one transaction.
const together = 32

// keep stores records and acknowledges them, and keeps newest states. What
// cannot be stored is not acknowledged, and comes again.
func (l *Link) keep(ctx context.Context) error {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case first := <-l.batches:
			err = l.store(ctx, l.drain(first))
		case states := <-l.states:
			err = l.o.Site.SetStates(ctx, states)
		case now := <-minute.C:
			err = l.o.Site.AlarmGaps(ctx, now)
		}
		if err != nil && ctx.Err() == nil {
			l.o.Log.Error("keep what readers report; they will send it again", "err", err)
		}
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

func (l *Link) store(ctx context.Context, batch []*wire.Records) error {
	stored, err := l.o.Site.StoreRecords(ctx, time.Now(), batch)
	if err != nil {
		return err
	}
	for i, s := range stored {
		if s.Refused {
			l.refused.note(batch[i].Reader, wire.OnRecords, "more than is kept of one reader in a day")
			continue
		}
		a := answers{reader: batch[i].Reader}
		for _, r := range s.New {
			if r.Command != (wire.CommandID{}) {
				a.records = append(a.records, r)
			}
		}
		if len(a.records) > 0 {
			select {
			case l.answers <- a:
			case <-ctx.Done():
				return nil
			}
		}
		signed, err := l.o.Site.Sign(wire.KindAck, &s.Ack)
		if err != nil {
			return err
		}
		if err := l.edge.publish(wire.OnAck, a.reader, signed); err != nil {
			l.o.Log.Debug("not acknowledged", "reader", a.reader, "err", err)
		}
	}
	return nil
}
