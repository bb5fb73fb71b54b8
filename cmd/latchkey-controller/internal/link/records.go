package link

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// batchSize is how many messages of records are stored in one transaction.
const batchSize = 32

// storeReports stores records and acknowledges them, and stores the newest states. Records
// that cannot be stored are not acknowledged, and come again.
func (l *Link) storeReports(ctx context.Context) error {
	rec := recorder{Link: l, delivered: map[string]delivered{}, raised: map[string]time.Time{}, renewed: map[string]time.Time{}, links: map[string]bool{}, unstored: map[string]*store.State{}}
	minute := time.Tick(time.Minute)
	for {
		var err error
		select {
		case <-ctx.Done():
			return l.storeLast(ctx, slices.Collect(maps.Values(rec.unstored)))
		case first := <-l.batches:
			err = rec.store(ctx, l.drain(first))
		case states := <-l.states:
			err = rec.takeStates(ctx, states)
		case a := <-l.ahead:
			err = rec.raisePolicy(ctx, a)
		case k := <-l.keyStates:
			err = errors.Join(l.o.Site.TakeHeld(ctx, k.peer, k.state), l.o.Site.TakeBudget(ctx, clock.Read(), k.peer, k.state))
		case reports := <-l.modes:
			err = rec.takeModes(ctx, reports)
		case peers := <-l.come:
			err = rec.takeSettled(ctx, peers)
		case links := <-l.links:
			err = rec.takeOutages(ctx, links)
		case <-minute:
			err = errors.Join(l.o.Site.AlarmGaps(ctx, clock.Read()), rec.takeOutages(ctx, nil), rec.takeStates(ctx, nil))
		}
		if ctx.Err() == nil {
			rec.logFailure(err)
		}
	}
}

// A recorder stores what readers report.
type recorder struct {
	*Link
	full      bool                 // the disk was full
	failed    string               // why something could not be stored last; "": it could
	delivered map[string]delivered // by reader
	raised    map[string]time.Time // by reader: when its policy was raised last

	renewed map[string]time.Time // by reader: when it got its policy in another form
	links   map[string]bool      // by reader: whether it is out of reach; could not be stored yet

	unstored map[string]*store.State // by reader: its newest state; it could not be stored yet
}

// takeStates stores readers' newest states. What cannot be stored is kept for another attempt: the tracker takes it to be
// stored, and hands on no state again that tells the same.
func (rec *recorder) takeStates(ctx context.Context, states []*store.State) error {
	for _, s := range states {
		rec.unstored[s.Reader] = s
	}
	if len(rec.unstored) == 0 {
		return nil
	}
	err := rec.o.Site.SetStates(ctx, slices.Collect(maps.Values(rec.unstored)))
	if err == nil {
		clear(rec.unstored)
	}
	return err
}

// delivered is the last record that answered an order before it was known to be stored.
type delivered struct {
	journal wire.JournalID
	number  uint64
}

// A policyAhead is a reader that has a newer policy than the site, which was restored from
// a backup.
type policyAhead struct {
	reader   string
	revision uint64
}

// A keyState is a state, which tells what keys a reader holds and what its TPM has counted.
type keyState struct {
	peer  *site.Peer
	state *wire.State
}

// raiseAgain is when a reader's policy may be raised again. Once should be enough.
const raiseAgain = time.Hour

// raisePolicy raises the revision of a reader's policy above the one that the reader has,
// so that the reader takes the site's policy.
func (rec *recorder) raisePolicy(ctx context.Context, r policyAhead) error {
	if at, ok := rec.raised[r.reader]; ok && time.Since(at) < raiseAgain {
		return nil
	}
	raised, err := rec.o.Site.RaisePolicy(ctx, rec.o.Site.Now(), r.reader, r.revision)
	if err != nil || !raised {
		return err
	}
	rec.raised[r.reader] = time.Now()
	rec.o.Log.Warn("a reader has a newer policy than this site, which was restored from an older state: it gets the policy that is stored here", "reader", r.reader, "revision", r.revision)
	return nil
}

// renewAgain is when a reader may say again that it understands something else than before,
// and get its policy in another form: it was updated, which takes longer. If it says so
// earlier, its next states do, which come every 30 s also if nothing changes.
const renewAgain = time.Minute

// takeModes notes what readers say of modes.
func (rec *recorder) takeModes(ctx context.Context, reports []site.ModeReport) error {
	for i := range reports {
		r := &reports[i]
		if at, ok := rec.renewed[r.Reader]; ok && r.At.Sub(at) < renewAgain {
			r.Level = store.LevelUnknown
		}
	}
	renewed, err := rec.o.Site.TakeModes(ctx, reports)
	for _, reader := range renewed {
		rec.renewed[reader] = rec.o.Site.Now()
	}
	return err
}

// logFailure logs that something could not be stored; each reason once.
func (rec *recorder) logFailure(err error) {
	full := (*store.FullError)(nil)
	switch was := rec.full; {
	case errors.As(err, &full):
		if rec.full = true; !was {
			text := "what readers report cannot be stored; they keep it until there is room"
			if full.Reserved {
				text += ", and orders are noted in reserved space"
			}
			rec.o.Log.Error(text, "err", err)
		}
	case err != nil:
		if err.Error() != rec.failed {
			if rec.failed = err.Error(); store.Outage(err) != "" {
				break // it is logged elsewhere
			}
			rec.o.Log.Error("store what readers report; they send it again", "err", err)
		}
	case was:
		rec.full = false
		rec.o.Log.Info("there is room on the disk again")
	}
	if err == nil {
		rec.failed = ""
	}
}

// A reported is a message of records, with the term that its ack names.
type reported struct {
	*wire.Records
	term uint64
}

// drain returns a message and those that wait behind it.
func (l *Link) drain(first reported) []reported {
	batch := []reported{first}
	for len(batch) < batchSize {
		select {
		case next := <-l.batches:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// answers are records of one reader that answer orders.
type answers struct {
	reader  string
	records []*wire.Record
}

// store stores records in one transaction, gives those that answer orders to the tracker,
// and acknowledges all.
func (rec *recorder) store(ctx context.Context, batch []reported) error {
	messages := make([]*wire.Records, len(batch))
	for i, r := range batch {
		messages[i] = r.Records
	}
	stored, err := rec.o.Site.StoreRecords(ctx, clock.Read(), messages)
	full, unsure := (*store.FullError)(nil), (*store.UnsureError)(nil)
	if errors.As(err, &full) || errors.As(err, &unsure) { // what is stored after all is not new when it comes again
		return errors.Join(err, rec.deliver(ctx, messages))
	}
	if err != nil {
		return err
	}
	for i, s := range stored {
		if s.Refused {
			rec.refused.log(messages[i].Reader, wire.OnRecords, "more than is kept of one reader in a day")
			continue
		}
		if !rec.answer(ctx, rec.answersIn(messages[i], s.New)) {
			return nil
		}
		s.Ack.Term = batch[i].term
		signed, err := rec.o.Site.Sign(wire.KindAck, &s.Ack)
		if err != nil {
			return err
		}
		rec.send(wire.OnAck, messages[i].Reader, signed)
	}
	return nil
}

// deliver gives records that are not stored, for all that is known, to the orders that they answer:
// orders work with a full disk, too.
func (rec *recorder) deliver(ctx context.Context, batch []*wire.Records) error {
	for _, m := range batch {
		records := make([]*wire.Record, len(m.Records))
		for i, encoded := range m.Records {
			var err error
			if records[i], err = wire.ParseRecord(encoded); err != nil {
				return err
			}
		}
		a := rec.answersIn(m, records)
		if n := len(a.records); n > 0 {
			rec.delivered[m.Reader] = delivered{m.Journal, a.records[n-1].Number}
		}
		if !rec.answer(ctx, a) {
			return nil
		}
	}
	return nil
}

// answersIn returns those of a message's records that answer orders, without what was
// delivered already.
func (rec *recorder) answersIn(m *wire.Records, records []*wire.Record) answers {
	a, d := answers{reader: m.Reader}, rec.delivered[m.Reader]
	for _, r := range records {
		if r.Command != (wire.CommandID{}) && (d.journal != m.Journal || r.Number > d.number) {
			a.records = append(a.records, r)
		}
	}
	return a
}

// answer gives answers to the tracker; false: ctx has ended.
func (rec *recorder) answer(ctx context.Context, a answers) bool {
	if len(a.records) == 0 {
		return true
	}
	select {
	case rec.answers <- a:
		return true
	case <-ctx.Done():
		return false
	}
}
