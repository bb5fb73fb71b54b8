package store

import (
	"slices"
	"strings"

	"latchkey/sync/wire"
)

// A Message is a message of records of a reader's journal.
type Message struct {
	Reader  string
	Journal wire.JournalID
	First   uint64    // number of the oldest record that the reader still holds
	Records []*Record // decoded, in ascending order
}

// An Intake stores messages that came together. It has read what they touch, and Write writes what
// they change: the rows of each table at once, in the order in which they were added. The rest of
// the transaction does not see them before.
type Intake struct {
	t          *Tx
	day        int64
	journals   map[journalKey]*Journal
	hashes     map[recordKey][]wire.Hash // of all records with a number, also of those that were added
	highest    map[journalKey]uint64     // number that was added
	allowances map[string]*Allowance     // by reader
	readers    []string
	attempts   map[string]*countedAttempts // by reader; nil: not read yet
	limits     map[string]int              // by reader: Event.Tries
	acts       acts
	chains     map[*Journal]*chain

	records []*Record
	events  []*Event     // of records and alarms
	told    []*Journal   // that Journal has returned
	spent   []*Allowance // to be stored
}

type journalKey struct {
	reader string
	id     wire.JournalID
}

type recordKey struct {
	journalKey
	number uint64
}

// Intake returns an Intake for some messages on a day. No others can be added.
func (t *Tx) Intake(day int64, messages []*Message) (*Intake, error) {
	in := &Intake{
		t: t, day: day, journals: map[journalKey]*Journal{}, hashes: map[recordKey][]wire.Hash{}, highest: map[journalKey]uint64{},
		allowances: map[string]*Allowance{}, limits: map[string]int{}, chains: map[*Journal]*chain{},
	}
	for _, m := range messages {
		in.readers = append(in.readers, m.Reader)
		in.journals[m.key()] = &Journal{Reader: m.Reader, ID: m.Journal}
	}
	slices.Sort(in.readers)
	in.readers = slices.Compact(in.readers)
	if err := in.readJournals(); err != nil {
		return nil, err
	}
	if err := in.readHashes(messages); err != nil {
		return nil, err
	}
	if err := in.readActs(messages); err != nil {
		return nil, err
	}
	return in, in.readAllowances()
}

func (m *Message) key() journalKey { return journalKey{m.Reader, m.Journal} }

// termsAtOnce is how many journals, or runs of numbers, one query asks for.
const termsAtOnce = 64

// anyOf calls query with terms, which are joined by OR, and their arguments.
func anyOf(term string, args [][]any, query func(where string, args []any) error) error {
	for some := range slices.Chunk(args, termsAtOnce) {
		where := strings.Repeat(` OR `+term, len(some))[len(` OR `):]
		if err := query(where, slices.Concat(some...)); err != nil {
			return err
		}
	}
	return nil
}

func (in *Intake) readJournals() error {
	var keys [][]any
	for key := range in.journals {
		keys = append(keys, []any{key.reader, key.id[:]})
	}
	return anyOf(ofJournal, keys, func(where string, args []any) error {
		journals, err := in.t.journals(where, args...)
		for _, j := range journals {
			in.journals[journalKey{j.Reader, j.ID}] = j
		}
		return err
	})
}

// readHashes reads the hashes of the records with the numbers of the messages, and with those
// right before.
func (in *Intake) readHashes(messages []*Message) error {
	var runs [][]any
	for _, m := range messages {
		for i, r := range m.Records {
			if i > 0 && r.Number == m.Records[i-1].Number+1 {
				runs[len(runs)-1][3] = r.Number
				continue
			}
			runs = append(runs, []any{m.Reader, m.Journal[:], r.Number - 1, r.Number})
		}
	}
	return anyOf(`(reader_id = ? AND journal = ? AND number BETWEEN ? AND ?)`, runs, func(where string, args []any) error {
		return in.t.rows(`SELECT reader_id, journal, number, hash FROM records WHERE `+where, args, func(r scanner) error {
			var key recordKey
			var hash wire.Hash
			err := r.Scan(&key.reader, fixed(key.id[:]), &key.number, fixed(hash[:]))
			if !slices.Contains(in.hashes[key], hash) { // runs may overlap
				in.hashes[key] = append(in.hashes[key], hash)
			}
			return err
		})
	})
}

func (in *Intake) readAllowances() error {
	for _, reader := range in.readers {
		in.allowances[reader] = &Allowance{Reader: reader, Day: in.day}
	}
	return in.t.rows(`SELECT reader_id, spent, said, granted, grant_said FROM allowances WHERE day = ? AND reader_id IN `+listed, []any{in.day, list(in.readers)}, func(r scanner) error {
		a := Allowance{Day: in.day}
		err := r.Scan(&a.Reader, &a.Used, &a.AlarmRaised, &a.Granted, &a.GrantAlarmRaised)
		in.allowances[a.Reader] = &a
		return err
	})
}

// Allowance returns the allowance of a message's reader. SetAllowance stores it.
func (in *Intake) Allowance(m *Message) *Allowance { return in.allowances[m.Reader] }

// SetAllowance stores an allowance that Allowance has returned.
func (in *Intake) SetAllowance(a *Allowance) {
	if !slices.Contains(in.spent, a) {
		in.spent = append(in.spent, a)
	}
}

// Journal returns how much of a message's journal is stored here. What the caller changes in it is
// stored. Of one that begins it is what Tx.Journal says.
func (in *Intake) Journal(m *Message) (*Journal, error) {
	j := in.journals[m.key()]
	if slices.Contains(in.told, j) {
		return j, nil
	}
	if j.Number == 0 {
		if err := in.t.beginJournal(j); err != nil {
			return nil, err
		}
		for _, other := range in.told {
			j.Counts = j.Counts || other.ID == j.ID && other.Counts
		}
	}
	in.told = append(in.told, j)
	return j, nil
}

// Add adds a record and its event, and says whether it was new.
func (in *Intake) Add(r *Record) (added bool, err error) {
	key := recordKey{journalKey{r.Reader, r.Journal}, r.Number}
	if slices.Contains(in.hashes[key], r.Hash) {
		return false, nil
	}
	in.hashes[key] = append(in.hashes[key], r.Hash)
	in.highest[key.journalKey] = max(in.highest[key.journalKey], r.Number)
	event := recordEvent(r, r.Decoded)
	if r.Decoded.Wrong > 0 {
		limit, known := in.limits[r.Reader]
		if !known {
			if p, err := in.t.Policy(r.Reader); err == nil { // otherwise Tries stays unknown
				limit = int(p.Limit)
			}
			in.limits[r.Reader] = limit
		}
		event.Tries = limit
	}
	in.link(in.journals[key.journalKey], r.Decoded, event)
	in.records, in.events = append(in.records, r), append(in.events, event)
	return true, nil
}

// Hashes returns the hashes of all records received with a number of a message, or with the one
// before, of its journal.
func (in *Intake) Hashes(m *Message, number uint64) []wire.Hash {
	return in.hashes[recordKey{m.key(), number}]
}

// HasRecordsAbove says whether records of a journal with numbers above number are stored.
func (in *Intake) HasRecordsAbove(j *Journal, number uint64) (beyond bool, err error) {
	if in.highest[journalKey{j.Reader, j.ID}] > number {
		return true, nil
	}
	err = in.t.row(`SELECT EXISTS (SELECT 1 FROM records WHERE reader_id = ? AND journal = ? AND number > ?)`, []any{j.Reader, j.ID[:], number}, &beyond)
	return beyond, err
}

// AddAlarm adds an alarm and its event, and fills in its ID.
func (in *Intake) AddAlarm(a *Alarm) error {
	if err := in.t.insertAlarm(a); err != nil {
		return err
	}
	event := a.event()
	if a.Kind == CardCopied { // the record that was added last says so
		event.partOf = in.events[len(in.events)-1]
	}
	in.events = append(in.events, event)
	return nil
}

// Write writes what was added and changed.
func (in *Intake) Write() error {
	if err := in.t.insertRecords(in.records); err != nil {
		return err
	}
	written := in.records
	for _, e := range in.events {
		if e.Source == FromRecords { // one for each record, in order
			e.Row, written = written[0].ID, written[1:]
		}
	}
	if err := in.t.addEvents(in.events); err != nil {
		return err
	}
	in.keepChains()
	if err := in.t.setJournals(in.told); err != nil {
		return err
	}
	if err := in.t.setAllowances(in.spent); err != nil {
		return err
	}
	return in.t.setAttempts(in.attempts)
}
