package store

import (
	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/sync/wire"
)

// A Journal is how much of one of a reader's journals is stored here.
type Journal struct {
	Reader      string
	ID          wire.JournalID
	Number      uint64       // the highest stored; 0: none
	Hash        wire.Hash    // of that record
	Forked      bool         // two different records had the same number
	Restored    bool         // after a restore: the reader may believe that more is stored here
	RewindSince clock.Steady // since when the reader is asked to go back to Number; 0: it is not
	Counts      bool         // it has told of a budget of the reader's TPM

	passage passage
}

// Journal returns how much of a journal is stored here. One that begins may have been told
// in part as another reader's, which its board was: Counts says so of that part, too.
func (t *Tx) Journal(reader string, id wire.JournalID) (*Journal, error) {
	journals, err := t.journals(ofJournal, reader, id[:])
	if err != nil {
		return nil, err
	}
	j := &Journal{Reader: reader, ID: id}
	if len(journals) > 0 {
		j = journals[0]
	}
	return j, t.beginJournal(j)
}

// beginJournal fills in Counts of a journal that begins.
func (t *Tx) beginJournal(j *Journal) error {
	if j.Number != 0 {
		return nil
	}
	return t.row(`SELECT coalesce(max(counts), 0) FROM journals WHERE journal = ?`, []any{j.ID[:]}, &j.Counts)
}

const ofJournal = `(reader_id = ? AND journal = ?)`

func (t *Tx) journals(where string, args ...any) (journals []*Journal, err error) {
	err = t.rows(`SELECT reader_id, journal, number, hash, forked, restored, led, counts, opener, opens_until, opening, told FROM journals WHERE `+where, args, func(r scanner) error {
		var j Journal
		journals = append(journals, &j)
		return r.Scan(&j.Reader, fixed(j.ID[:]), &j.Number, fixed(j.Hash[:]), &j.Forked, &j.Restored, &j.RewindSince, &j.Counts, &j.passage.opener, &j.passage.until, &j.passage.opening, &j.passage.told)
	})
	return journals, err
}

// setJournals stores Journals.
func (t *Tx) setJournals(journals []*Journal) error {
	rows := make([][]any, len(journals))
	for i, j := range journals {
		rows[i] = []any{j.Reader, j.ID[:], j.Number, j.Hash[:], j.Forked, j.Restored, int64(j.RewindSince), j.Counts, j.passage.opener, j.passage.until, j.passage.opening, j.passage.told}
	}
	return t.insert(`INSERT INTO journals (reader_id, journal, number, hash, forked, restored, led, counts, opener, opens_until, opening, told) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (reader_id, journal) DO UPDATE SET number = excluded.number, hash = excluded.hash, forked = excluded.forked, restored = excluded.restored, led = excluded.led, counts = excluded.counts,
			opener = excluded.opener, opens_until = excluded.opens_until, opening = excluded.opening, told = excluded.told`, rows)
}

// MarkRestored sets Restored in all journals.
func (t *Tx) MarkRestored() error { return t.exec(`UPDATE journals SET restored = 1, led = 0`) }

// A Gap is a range of missing record numbers in a journal.
type Gap struct {
	Reader      string
	Journal     wire.JournalID
	First, Last uint64
}

// AddGap adds a gap.
func (t *Tx) AddGap(g Gap, at clock.Steady) error {
	return t.exec(`INSERT INTO gaps (reader_id, journal, first, last, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, g.Reader, g.Journal[:], g.First, g.Last, at)
}

// TakeGaps deletes and returns the gaps found before a time.
func (t *Tx) TakeGaps(before clock.Steady) (gaps []Gap, err error) {
	err = t.rows(`DELETE FROM gaps WHERE at < ? RETURNING reader_id, journal, first, last`, []any{before}, func(r scanner) error {
		var g Gap
		err := r.Scan(&g.Reader, fixed(g.Journal[:]), &g.First, &g.Last)
		gaps = append(gaps, g)
		return err
	})
	return gaps, err
}

// GapFilled says whether all records of a gap have arrived since.
func (t *Tx) GapFilled(g Gap) (bool, error) {
	var n uint64
	err := t.row(`SELECT count(DISTINCT number) FROM records WHERE reader_id = ? AND journal = ? AND number BETWEEN ? AND ?`, []any{g.Reader, g.Journal[:], g.First, g.Last}, &n)
	return n == g.Last-g.First+1, err
}

// An Allowance is what a reader has used on a day: storage, and PINs granted to its TPM.
type Allowance struct {
	Reader      string
	Day         int64 // number of the day, by the site's steady time
	Used        int64 // bytes, approximate
	AlarmRaised bool  // for exceeding the limit, once a day

	Granted          uint32 // PINs
	GrantAlarmRaised bool   // for exceeding the limit of those, once a day
}

// Allowance returns a reader's allowance for a day, empty if there is none.
func (t *Tx) Allowance(reader string, day int64) (*Allowance, error) {
	a := Allowance{Reader: reader, Day: day}
	return &a, t.rowIfAny(`SELECT spent, said, granted, grant_said FROM allowances WHERE reader_id = ? AND day = ?`, []any{reader, day},
		&a.Used, &a.AlarmRaised, &a.Granted, &a.GrantAlarmRaised)
}

// SetAllowance replaces a reader's allowance.
func (t *Tx) SetAllowance(a *Allowance) error { return t.setAllowances([]*Allowance{a}) }

// setAllowances replaces the allowances of some readers.
func (t *Tx) setAllowances(allowances []*Allowance) error {
	rows := make([][]any, len(allowances))
	for i, a := range allowances {
		rows[i] = []any{a.Reader, a.Day, a.Used, a.AlarmRaised, a.Granted, a.GrantAlarmRaised}
	}
	return t.insert(`INSERT INTO allowances (reader_id, day, spent, said, granted, grant_said) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (reader_id) DO UPDATE SET day = excluded.day, spent = excluded.spent, said = excluded.said, granted = excluded.granted, grant_said = excluded.grant_said`, rows)
}
