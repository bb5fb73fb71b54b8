package cluster

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-bench/internal/fleet"
	"latchkey/sync/wire"
)

// A check compares what readers and administrators have seen with what the database holds.
type check struct {
	ctx    context.Context
	conn   *pgx.Conn
	wrong  []string
	counts *Counts
	epoch  uint64 // the only one
}

func (k *check) note(format string, args ...any) {
	k.wrong = append(k.wrong, fmt.Sprintf(format, args...))
}

// settle waits until nothing is under way any more, and returns all that is wrong then.
func (r *run) settle(ctx context.Context) ([]string, error) {
	c, f, l, counts := r.c, r.f, r.l, r.counts
	conn, err := c.connect(ctx, "home")
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	k := &check{ctx: ctx, conn: conn, counts: counts}
	if err := r.cells(ctx, k); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, backWithin, fmt.Errorf("not after %v", backWithin))
	defer cancel()
	began := time.Now()
	if err := f.AwaitRecords(ctx); err != nil {
		k.note("have no records waiting: %v", err)
	}
	counts.Waited[0] = time.Since(began)
	changes, err := k.log()
	if err != nil {
		return nil, err
	}
	if _, err := f.AwaitRevision(ctx, uint64(len(changes)), time.Now()); err != nil {
		k.note("hold revision %d: %v", len(changes), err)
	}
	counts.Waited[1] = time.Since(began)
	policies, err := k.policies()
	if err != nil {
		return nil, err
	}
	err = await(ctx, "each reader has its newest policy", func() bool {
		return !slices.ContainsFunc(f.Seen(), func(s fleet.Seen) bool { return s.Policy < newest(policies[s.Reader]) })
	})
	if err != nil {
		k.note("%v", err)
	}
	counts.Waited[2] = time.Since(began)
	seen := f.Seen()
	for _, s := range seen {
		for _, wrong := range s.Wrong {
			k.note("%s saw %s", s.Reader, wrong)
		}
		k.cache(s, changes)
		k.policiesOf(s, policies[s.Reader])
	}
	for _, check := range []func() error{
		func() error { return k.records(seen) },
		func() error { return k.terms() },
		func() error { return k.orders(seen, l) },
		func() error { return k.changes(l) },
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if out, err := c.RunIn(k.ctx, c.Home(), "check"); err != nil {
		k.note("%v %s", err, out)
	}
	w := r.watched
	w.mu.Lock()
	k.wrong = append(k.wrong, w.wrong...)
	counts.Acks, counts.Unlooked = w.acks-w.unlooked, w.unlooked
	w.mu.Unlock()
	k.wrong = append(k.wrong, l.wrong...)
	counts.Refused = int(f.Counts().Refused)
	for _, controller := range c.controllers() {
		counts.Ends += controller.ends
	}
	return k.wrong, nil
}

// each calls scan for each row of a query.
func (k *check) each(query string, scan func(row pgx.Rows) error) error {
	rows, err := k.conn.Query(k.ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A change is one of the log.
type change struct {
	wire.Change
	hash wire.Hash
}

// log returns the log. It is of one epoch, each revision is in it once, and leads to the next.
func (k *check) log() (all []change, err error) {
	var epochs int
	if err := k.conn.QueryRow(k.ctx, `SELECT count(*), max(number) FROM epochs`).Scan(&epochs, &k.epoch); err != nil {
		return nil, err
	}
	if epochs != 1 {
		k.note("%d epochs, though nobody has begun another one", epochs)
	}
	hash := wire.Start(k.epoch)
	err = k.each(`SELECT epoch, revision, change, hash FROM changes ORDER BY epoch, revision`, func(row pgx.Rows) error {
		var epoch, revision uint64
		var encoded, stored []byte
		if err := row.Scan(&epoch, &revision, &encoded, &stored); err != nil {
			return err
		}
		c := change{}
		if err := wire.Unmarshal(encoded, len(encoded), &c.Change); err != nil {
			return err
		}
		hash = hash.ExtendEncoded(encoded)
		if epoch != k.epoch || revision != uint64(len(all)+1) || wire.Hash(stored) != hash {
			k.note("the log has revision %d of epoch %d in place %d, or another hash", revision, epoch, len(all)+1)
		}
		c.hash = hash
		all = append(all, c)
		return nil
	})
	k.counts.Log = len(all)
	return all, err
}

// cache compares what a reader holds, and has held, with the log.
func (k *check) cache(s fleet.Seen, log []change) {
	for _, at := range s.Held {
		if at.Epoch != k.epoch || at.Revision > uint64(len(log)) || at.Revision > 0 && log[at.Revision-1].hash != at.Hash {
			k.note("%s has held %+v, which is not in the log", s.Reader, at)
		}
	}
	if n := len(s.Held); n == 0 || s.Held[n-1].Revision != uint64(len(log)) {
		k.note("%s does not hold the end of the log, %d", s.Reader, len(log))
	}
	content := map[wire.Tag]wire.Hash{}
	for _, c := range log {
		if c.Credential == nil {
			delete(content, c.Tag)
		} else {
			content[c.Tag] = wire.Sum(wire.Marshal(c.Credential))
		}
	}
	if !maps.Equal(content, s.Content) {
		k.note("%s holds %d credentials, the log leads to %d, or others", s.Reader, len(s.Content), len(content))
	}
}

// policies returns all policies that there have been: of each reader, by their revisions.
func (k *check) policies() (map[string]map[uint64]wire.Hash, error) {
	all := map[string]map[uint64]wire.Hash{}
	return all, k.each(`SELECT reader, revision, policy FROM watch.policies ORDER BY at`, func(row pgx.Rows) error {
		var reader string
		var revision uint64
		var policy []byte
		if err := row.Scan(&reader, &revision, &policy); err != nil {
			return err
		}
		if all[reader] == nil {
			all[reader] = map[uint64]wire.Hash{}
		}
		if known, ok := all[reader][revision]; ok && known != wire.Sum(policy) {
			k.note("%s has two policies of revision %d in the database", reader, revision)
		}
		all[reader][revision] = wire.Sum(policy)
		return nil
	})
}

// policiesOf compares the policies that a reader has got with those that there have been.
func (k *check) policiesOf(s fleet.Seen, stored map[uint64]wire.Hash) {
	for revision, hash := range s.Policies {
		k.counts.Policies++
		if known, ok := stored[revision]; !ok || known != hash {
			k.note("%s has got a policy of revision %d that is not in the database", s.Reader, revision)
		}
	}
	if s.Policy != newest(stored) {
		k.note("%s has the policy of revision %d, not %d", s.Reader, s.Policy, newest(stored))
	}
}

// newest returns the highest revision of policies.
func newest(policies map[uint64]wire.Hash) (revision uint64) {
	for r := range policies {
		revision = max(revision, r)
	}
	return revision
}

// records compares all records that readers have made with those in the database, byte by byte.
func (k *check) records(seen []fleet.Seen) error {
	type key struct {
		reader  string
		journal wire.JournalID
	}
	stored := map[key][]wire.StoredRecord{}
	err := k.each(`SELECT reader_id, journal, number, hash, record FROM records ORDER BY reader_id, journal, number, id`, func(row pgx.Rows) error {
		var reader string
		var journal, hash, encoded []byte
		var number uint64
		if err := row.Scan(&reader, &journal, &number, &hash, &encoded); err != nil {
			return err
		}
		of := key{reader, wire.JournalID(journal)}
		stored[of] = append(stored[of], wire.StoredRecord{Number: number, Hash: wire.Hash(hash), Encoded: encoded})
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range seen {
		for _, j := range s.Journals {
			of := key{s.Reader, j.ID}
			k.counts.Records += len(j.Records)
			same := func(a, b wire.StoredRecord) bool {
				return a.Number == b.Number && a.Hash == b.Hash && bytes.Equal(a.Encoded, b.Encoded)
			}
			if !slices.EqualFunc(j.Records, stored[of], same) {
				k.note("%s has made %d records and was told that %d are stored; %d are, or others", s.Reader, len(j.Records), j.Acked, len(stored[of]))
			}
			var before wire.Hash
			for _, r := range stored[of] {
				if parsed, err := wire.ParseRecord(r.Encoded); err != nil || parsed.Before != before || r.Hash != wire.Sum(r.Encoded) {
					k.note("%s: the chain of the stored records breaks at %d", s.Reader, r.Number)
				}
				before = r.Hash
			}
			delete(stored, of)
		}
	}
	for of, records := range stored {
		k.note("%s: %d records of a journal that it never had", of.reader, len(records))
	}
	return k.each(`SELECT reader_id, kind, text FROM alarms`, func(row pgx.Rows) error {
		var reader, kind, text string
		if err := row.Scan(&reader, &kind, &text); err != nil {
			return err
		}
		if kind != "lead.taken-over" { // a leader was killed
			k.note("an alarm: %s %s %s", reader, kind, text)
		}
		return nil
	})
}

// terms looks whether each lead of a cell had a higher term than the one before.
func (k *check) terms() error {
	newest := map[int64]uint64{}
	return k.each(`SELECT cell, before, term, holder FROM watch.terms ORDER BY at`, func(row pgx.Rows) error {
		var cell int64
		var before, term uint64
		var holder string
		if err := row.Scan(&cell, &before, &term, &holder); err != nil {
			return err
		}
		last, known := newest[cell]
		if !known {
			last = before
		}
		if term <= last || before > last {
			k.note("term %d of %s after term %d in cell %d", term, holder, last, cell)
		}
		newest[cell] = term
		k.counts.Terms++
		return nil
	})
}

// startWithin is how long after it was asked for an order may be carried out (desk's startWithin), and startSlack how
// long the command that asks for it may take to begin.
const startWithin, startSlack = 4 * time.Second, 2 * time.Second

// orders compares what people asked for with what readers did.
func (k *check) orders(seen []fleet.Seen, l *load) error {
	type order struct{ reader, who, outcome string }
	stored := map[wire.CommandID]order{}
	err := k.each(`SELECT id, reader_id, who, outcome FROM orders`, func(row pgx.Rows) error {
		var id []byte
		var o order
		if err := row.Scan(&id, &o.reader, &o.who, &o.outcome); err != nil {
			return err
		}
		stored[wire.CommandID(id)] = o
		return nil
	})
	if err != nil {
		return err
	}
	carried := map[string][]fleet.CarriedTime{}
	for _, s := range seen {
		for who, orders := range s.Orders {
			for _, o := range orders {
				if known, ok := stored[o.Command]; !ok || known.who != who || known.reader != s.Reader {
					k.note("%s carried out an order of %s that is not in the database", s.Reader, who)
				}
			}
			carried[who] = append(carried[who], orders...)
		}
	}
	for _, u := range l.unlocks {
		did := carried[u.who]
		delete(carried, u.who)
		if k.counts.Orders += len(did); u.done {
			k.counts.Unlocks++
		}
		if len(did) > 1 || u.done && len(did) == 0 {
			k.note("what %s asked for once (done: %v %s) was carried out %d times", u.who, u.done, u.text, len(did))
		}
		for _, d := range did {
			after := d.At.Sub(u.began)
			k.counts.Latest = max(k.counts.Latest, after)
			if after > startWithin+startSlack && d.At.After(u.ended) {
				k.note("what %s asked for was carried out after %v, when %s had ended for %v (%s)", u.who, after, u.at.Name, d.At.Sub(u.ended), u.text)
			}
		}
	}
	for who := range carried {
		k.note("nobody asked for what %s is said to have", who)
	}
	return nil
}

// changes compares what commands said with what there is.
func (k *check) changes(l *load) error {
	k.counts.Changes, k.counts.Doubtful = l.done, l.failed
	users := map[string]int{}
	err := k.each(`SELECT name FROM users`, func(row pgx.Rows) error {
		var name string
		if err := row.Scan(&name); err != nil {
			return err
		}
		users[name]++
		return nil
	})
	if err != nil {
		return err
	}
	for name, fate := range l.users {
		if n := users[name]; n > 1 || fate == done && n == 0 {
			k.note("%s was added once (done: %v), and is there %d times", name, fate == done, n)
		}
		delete(users, name)
	}
	for name := range users {
		k.note("nobody has added %s", name)
	}
	return k.each(`SELECT reader_id, policy FROM policies`, func(row pgx.Rows) error {
		var reader string
		var encoded []byte
		if err := row.Scan(&reader, &encoded); err != nil {
			return err
		}
		policy, err := wire.ParsePolicy(encoded)
		if err != nil {
			return err
		}
		if may := l.greetings[reader]; may != nil && !slices.Contains(may, policy.Greeting) {
			k.note("%s greets with %q, not %q", reader, policy.Greeting, may)
		}
		return nil
	})
}
