package site

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device"
	"latchkey/sync/wire"
)

// A pad is a reader's own state machine, which writes its journal, with what a TPM counts.
type pad struct {
	*tpmReader
	brain device.Reader
	start device.Start
	disk  device.Durable // the fold of the diary
	now   device.Now
	sent  int // how many records of the diary were

	chip  wire.TPMState // zero: the keys are in a file
	said  wire.TPMState // in its newest state
	asked device.Identify
	full  bool // the disk stores nothing
	slow  bool // the disk answers when it is asked to

	pin *wire.Credential // that is entered; nil: an ordinary one

	waiting []uint64 // batches that it has not answered
	unsure  int      // attempts for which no TPM was asked, though nothing tells that
}

// newPad starts a reader on a new board, a week ago by its clock, which is trusted or never
// is, with an edited policy.
func newPad(t *testing.T, s *Site, b *boardtest.Board, trusted bool, edits ...func(*wire.Policy)) *pad {
	t.Helper()
	p := &pad{tpmReader: &tpmReader{t: t, site: s, board: b}, now: device.Now{Wall: noon.Add(-7 * 24 * time.Hour), Trusted: trusted}}
	policy := wire.DefaultPolicy("front-door", "Front door")
	policy.Revision, policy.Access, policy.GuessLimit, policy.TamperPauses = 1, []wire.Access{{Group: wire.Everyone}}, 0, true
	for _, edit := range edits {
		edit(&policy)
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signed, err := policy.Sign(s.ID, key)
	if err != nil {
		t.Fatal(err)
	}
	verified, err := wire.OpenPolicy(s.ID, signed, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	p.start = device.Start{Reader: "front-door", Counted: true, NewJournal: true}
	if p.start.Policy, err = device.LoadPolicy(verified); err != nil {
		t.Fatal(err)
	}
	p.newJournal()
	p.begin()
	return p
}

func (p *pad) newJournal() {
	p.disk, p.sent, p.diary = device.Durable{}, 0, diary{reader: "front-door"}
	rand.Read(p.diary.journal[:])
}

func (p *pad) begin() {
	p.now.Monotonic = time.Minute
	p.full, p.slow, p.waiting, p.said = false, false, nil, wire.TPMState{}
	var actions []device.Action
	p.brain, actions = device.New(p.disk, p.start, p.now)
	p.start.NewJournal, p.start.JournalFault = false, ""
	p.take(actions)
	p.do(device.Input{Name: device.InputTamper})
}

// restart takes the power away. The TPM is read later: see tell.
func (p *pad) restart() { p.begin() }

// lose damages the journal, and an administrator's card ends the lockout.
func (p *pad) lose() {
	p.newJournal()
	p.start.JournalFault = "damaged"
	p.begin()
	p.card()
}

func (p *pad) card() {
	p.do(device.Presented{Kind: wire.Card})
	p.do(device.Identified{Kind: wire.Card, Seq: p.asked.Seq, Outcome: device.Known, Credential: &wire.Credential{ID: 2, User: 2, Kind: wire.Card}})
}

func (p *pad) do(e device.Event) { p.take(p.brain.Step(p.now, e)) }

func (p *pad) take(actions []device.Action) {
	for _, action := range actions {
		switch a := action.(type) {
		case device.Append:
			if !p.full {
				for _, r := range a.Records {
					p.disk.Apply(r)
					p.diary.add(r)
				}
			}
			p.waiting = append(p.waiting, a.Batch)
		case device.Identify:
			p.asked = a
		case device.Report:
			p.said = a.State.TPM
		}
	}
	if !p.slow {
		p.answer()
	}
}

// answer has the disk answer.
func (p *pad) answer() {
	for len(p.waiting) > 0 {
		stored := device.Stored{Batch: p.waiting[0]}
		p.waiting = p.waiting[1:]
		if p.full {
			stored.Fault = "full"
		}
		p.take(p.brain.Step(p.now, stored))
	}
}

// tell tells the reader what its TPM has counted.
func (p *pad) tell() {
	p.do(device.Health{Subject: wire.SubjectKey, Condition: device.Good, TPM: p.chip})
}

// A trouble comes between the charge of a PIN and its answer.
type trouble func(p *pad)

// enter enters a PIN of this outcome, with troubles while its charge is being stored.
func (p *pad) enter(outcome device.Outcome, troubles ...trouble) {
	p.slow = true
	p.do(device.Presented{Kind: wire.PIN})
	seq := p.brain.Durable().Pending
	for _, trouble := range troubles {
		trouble(p)
	}
	p.slow = false
	p.answer()
	if seq != 0 && p.brain.Durable().Pending == seq {
		p.found(seq, outcome)
	}
	p.do(device.Input{Name: device.InputTamper})
	p.now.Monotonic += 20 * time.Second
	p.do(device.Tick{})
}

// found has the worker answer.
func (p *pad) found(seq uint64, outcome device.Outcome) {
	counts := p.chip.Budget.Left() > 0
	if p.chip.Budget.Limit > 0 && !counts {
		outcome = device.KeyFailed
	}
	if counts {
		p.chip.Budget.Spent++
	}
	identified := device.Identified{Kind: wire.PIN, Seq: seq, Outcome: outcome}
	if outcome == device.Known {
		identified.Credential = cmp.Or(p.pin, &wire.Credential{ID: 1, User: 1, Kind: wire.PIN})
	}
	p.do(identified)
	p.tell()
}

// notReached is an answer of a TPM that was not reached, for a reason that it may have
// answered for.
func (p *pad) notReached() {
	p.do(device.Presented{Kind: wire.PIN})
	if seq := p.brain.Durable().Pending; seq != 0 {
		p.unsure++
		p.do(device.Identified{Kind: wire.PIN, Seq: seq, Outcome: device.KeyFailed})
	}
	p.now.Monotonic += 20 * time.Second
	p.do(device.Tick{})
}

func opened(p *pad)  { p.do(device.Input{Name: device.InputTamper, Active: true}) }
func noRoom(p *pad)  { p.full = true }
func hasRoom(p *pad) { p.full = false; p.now.Monotonic += 10 * time.Second; p.do(device.Tick{}) }

func (p *pad) enterMany(n int) {
	for range n {
		p.enter(device.Known)
	}
}

// adopt has the board adopted with its TPM, on New Year's Day by a trusted clock.
func (p *pad) adopt() {
	p.t.Helper()
	if p.now.Trusted {
		p.now.Wall = noon.Add(time.Hour)
	}
	p.bundle = adoptTPM(p.t, p.site, p.board).bundle
}

// use has the TPM take the keys that the reader was given.
func (p *pad) use() {
	p.chip = wire.TPMState{Ref: p.bundle.Keys.TPM.Ref, Budget: wire.Budget{Limit: p.bundle.Keys.TPM.Grant.Limit}}
}

// send sends at most n records.
func (p *pad) send(n int) {
	p.t.Helper()
	for end := min(p.sent+n, len(p.diary.records)); p.sent < end; {
		to := min(p.sent+100, end)
		storeRecord(p.t, p.site, p.diary.message(1, uint64(p.sent+1), uint64(to)))
		p.sent = to
	}
}

const all = 1 << 30

// report sends all records and a state, and takes the grant that comes of it.
func (p *pad) report() {
	p.t.Helper()
	p.send(all)
	p.sayState()
}

func (p *pad) sayState() {
	p.t.Helper()
	p.says(p.said)
	if grant := p.keys().TPM.Grant.Limit; p.chip.Ref == p.budget().Ref && grant > p.chip.Budget.Limit {
		p.chip.Budget.Limit = grant
		p.tell()
	}
}

// guess has a thief try PINs on the chip.
func (p *pad) guess(n uint32) {
	p.chip.Budget.Spent += n
	p.tell()
}

// wants checks the attempts that count, and the guesses that alarms tell of.
func (p *pad) wants(attempts uint64, surplus uint64, granted uint32) {
	p.t.Helper()
	b := p.budget()
	if b.Attempts != attempts || b.Surplus != surplus || (len(surplusAlarms(p.t, p.site)) > 0) != (surplus > 0) || b.Granted != granted {
		p.t.Errorf("%d attempts of %d spent, a surplus of %d, %d granted; want %d, %d and %d", b.Attempts, p.chip.Budget.Spent, b.Surplus, b.Granted, attempts, surplus, granted)
	}
}

// withClocks runs a test with a clock that is trusted, and with one that never is.
func withClocks(t *testing.T, test func(t *testing.T, s *Site, trusted bool)) {
	for name, trusted := range map[string]bool{"trusted clock": true, "clock not trusted": false} {
		t.Run(name, func(t *testing.T) {
			s, _ := newSite(t)
			test(t, s, trusted)
		})
	}
}

// moved is a reader with 430 PINs entered by the key in its file, which was adopted with its
// TPM before the last 30. None of its records has come.
func moved(t *testing.T, s *Site, trusted bool) *pad {
	t.Helper()
	p := newPad(t, s, boardtest.New(t), trusted)
	if _, _, err := tryAdopt(t.Context(), s, noon.Add(-8*24*time.Hour), "front-door", p.board.Signed, "", noEdit); err != nil {
		t.Fatal(err)
	}
	p.tell()
	p.enterMany(400)
	p.board.GetTPM(t, nonceOne)
	p.adopt()
	p.enterMany(30) // it has not got its keys yet
	return p
}

func TestAttemptsOfBeforeABudgetDoNotCountForIt(t *testing.T) {
	withClocks(t, func(t *testing.T, s *Site, trusted bool) {
		for name, running := range map[string]bool{"taken while it runs": true, "taken at a start": false} {
			t.Run(name, func(t *testing.T) {
				p := moved(t, s, trusted)
				p.use()
				if !running {
					p.restart()
				}
				p.tell()
				p.sayState() // before its records
				p.report()
				p.wants(0, 0, 500)
				p.enterMany(300)
				p.report()
				p.wants(300, 0, 800)
			})
		}
		t.Run("and hide no guess", func(t *testing.T) {
			p := moved(t, s, trusted)
			p.use()
			p.tell()
			p.sayState()
			p.guess(400)
			p.report()
			p.wants(0, 400, 500)
		})
	})
}

// A budget that is not in use stays as it was.
func TestAttemptsOfAReaderWithoutATPMCountForNoBudget(t *testing.T) {
	for name, after := range map[string]func(s *Site) error{
		"adopted without": func(s *Site) error {
			_, _, err := tryAdopt(t.Context(), s, noon, "front-door", boardtest.New(t).Signed, "", noEdit)
			return err
		},
		"removed": func(s *Site) error {
			return s.Update(t.Context(), func(tx *store.Tx) error { _, err := s.RemoveReader(tx, noon, "front-door", false); return err })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newSite(t)
			r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
			r.attempts(3)
			if err := after(s); err != nil {
				t.Fatal(err)
			}
			r.attempts(4)
			r.diary.add(wire.Record{Kind: wire.BudgetGranted, Count: 500})
			storeRecord(t, s, r.diary.message(1, 8, 8))
			if n := r.budget().Attempts; n != 3 {
				t.Errorf("%d count", n)
			}
		})
	}
}

// Records without any word on a budget are those of a reader that had none.
func TestAttemptsInAJournalWithoutABudgetDoNotCountUnlessATrustedClockSaysSo(t *testing.T) {
	created := noon.UnixMilli()
	for name, test := range map[string]struct {
		record wire.Record
		counts uint64
	}{
		"older":                  {wire.Record{Time: created - 1, Trusted: true}, 0},
		"later":                  {wire.Record{Time: created, Trusted: true}, 1},
		"later, but who knows":   {wire.Record{Time: created}, 0},
		"later, and taken back":  {wire.Record{Time: created, Trusted: true, Reason: wire.ReasonTamper}, 0},
		"before all times":       {wire.Record{Time: -1, Trusted: true}, 0},
		"older, and taken back":  {wire.Record{Time: created - 1, Trusted: true, Reason: wire.ReasonTamper}, 0},
		"by no clock taken back": {wire.Record{Reason: wire.ReasonTamper}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newSite(t)
			r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
			started, taken := test.record, test.record
			started.Kind, taken.Kind, started.Reason = wire.AttemptStarted, wire.AttemptTakenBack, ""
			r.diary.add(started)
			if test.record.Reason != "" {
				r.diary.add(taken)
			}
			storeRecord(t, s, r.diary.message(1, 1, uint64(len(r.diary.records))))
			if n := r.budget().Attempts; n != test.counts {
				t.Errorf("%d count, not %d", n, test.counts)
			}
		})
	}
}

func TestAReaderThatWasOfflineForWeeksRaisesNoAlarmAndGetsItsGrant(t *testing.T) {
	withClocks(t, func(t *testing.T, s *Site, trusted bool) {
		p := newPad(t, s, boardtest.NewWithTPM(t, nonceOne), trusted)
		p.adopt()
		p.use()
		p.enter(device.Known) // before the TPM is read: it waits for that
		p.chip.Budget.Spent = 0
		p.restart()
		p.tell()
		p.enterMany(200)
		p.restart()
		p.tell()
		p.enterMany(150)
		p.restart()
		p.tell()
		for p.sayState(); p.sent+100 < len(p.diary.records); p.sayState() {
			p.send(100)
			p.wants(p.budget().Attempts, 0, 500)
		}
		p.report()
		p.wants(350, 0, 850)
		p.enterMany(251)
		p.report()
		p.wants(601, 0, 1101)
		p.guess(1)
		p.report()
		p.wants(601, 1, 1101)
	})
}

func TestAJournalThatBeganAnewCountsOn(t *testing.T) {
	withClocks(t, func(t *testing.T, s *Site, trusted bool) {
		p := newPad(t, s, boardtest.NewWithTPM(t, nonceOne), trusted)
		p.adopt()
		p.use()
		p.tell()
		p.enterMany(100)
		p.report()
		p.lose()
		p.tell()
		p.enterMany(10)
		p.report()
		p.wants(110, 0, 500)
		// A PIN that is pending while the TPM is read.
		p.lose()
		p.enter(device.Known, (*pad).tell)
		p.report()
		p.wants(111, 0, 500)
		// Guesses do not become attempts when the journal is deleted.
		p.guess(40)
		p.lose()
		p.tell()
		p.enterMany(200)
		p.report()
		if b := p.budget(); b.Surplus < 39 || Used(b) > 312 {
			t.Errorf("%+v", b)
		}
	})
}

func TestABudgetInPlaceOfAnotherBeginsAtNothing(t *testing.T) {
	withClocks(t, func(t *testing.T, s *Site, trusted bool) {
		p := newPad(t, s, boardtest.NewWithTPM(t, nonceOne), trusted)
		p.adopt()
		p.use()
		p.tell()
		p.enterMany(100)
		p.report()
		p.enterMany(50) // their records have not come
		p.adopt()
		p.use()
		p.restart()
		p.tell()
		p.report()
		p.wants(0, 0, 500)
		p.adopt() // with nothing that the journal could tell
		p.use()
		p.restart()
		p.tell()
		p.enterMany(7)
		p.report()
		p.wants(7, 0, 500)
	})
}

func TestNoGrantIsGivenBeforeTheRecordsAreHereThatMayTellAttemptsToBeOlder(t *testing.T) {
	withClocks(t, func(t *testing.T, s *Site, trusted bool) {
		p := newPad(t, s, boardtest.NewWithTPM(t, nonceOne), trusted)
		p.adopt()
		p.use()
		p.tell()
		p.report()
		p.enterMany(400)
		last := len(p.diary.records)
		p.adopt()
		p.use()
		p.restart()
		p.tell()
		p.guess(400)
		p.send(last - p.sent)
		p.sayState()
		p.wants(400, 0, 500)
		p.report()
		p.wants(0, 400, 500)
	})
}

// The journal told of a budget when the board was another reader, with the same limit.
func TestABoardThatWasAnotherReaderCountsOn(t *testing.T) {
	s, _ := newSite(t)
	p := newPad(t, s, boardtest.NewWithTPM(t, nonceOne), false)
	if _, _, err := tryAdopt(t.Context(), s, noon, "back-door", p.board.Signed, "", noEdit); err != nil {
		t.Fatal(err)
	}
	p.chip = wire.TPMState{Ref: wire.TPMRef{1}, Budget: wire.Budget{Limit: 500}}
	p.tell()
	p.diary.reader = "back-door"
	p.send(all)
	p.diary.reader = "front-door"
	p.adopt()
	p.use()
	p.restart()
	p.tell()
	p.enterMany(7)
	p.report()
	p.wants(7, 0, 500)
}

func TestAttemptsThatWereTakenBackBeforeTheTPMWasAskedDoNotCount(t *testing.T) {
	withClocks(t, func(t *testing.T, s *Site, trusted bool) {
		p := newPad(t, s, boardtest.NewWithTPM(t, nonceOne), trusted)
		p.adopt()
		p.use()
		p.tell()
		p.enterMany(10)
		for range 30 {
			p.enter(device.Known, opened)
			p.card() // ends the lockout
		}
		p.full = true
		p.enter(device.Known) // nor is its charge there
		hasRoom(p)
		p.report()
		p.wants(10, 0, 500)
		p.enter(device.Damaged)
		p.enter(device.EpochChanged)
		p.report()
		p.wants(12, 0, 500)
		p.notReached() // nobody knows, until the count is read
		p.report()
		p.wants(13, 0, 500)
		p.restart()
		p.tell()
		p.report()
		p.wants(12, 0, 500)
		p.guess(5)
		p.report()
		p.wants(12, 5, 500)
	})
}

func TestOnlyReasonsThatCannotBeATPMsTakeAnAttemptBack(t *testing.T) {
	for _, test := range []struct {
		reason     wire.Reason
		credential uint64
		counts     uint64
	}{
		{wire.ReasonTamper, 0, 0}, {wire.ReasonLockout, 0, 0}, {wire.ReasonSpent, 0, 0}, {wire.ReasonPanel, 0, 0}, {wire.ReasonBehind, 0, 0},
		{wire.ReasonOff, 0, 0}, {wire.ReasonNone, 0, 0}, {wire.ReasonNotSetUp, 0, 0}, {wire.ReasonWithheld, 0, 0},
		{wire.ReasonTamper, 3, 1}, {wire.ReasonGroup, 3, 1}, {wire.ReasonKey, 0, 1}, {wire.ReasonEpoch, 0, 1}, {wire.ReasonDamaged, 0, 1},
		{wire.ReasonUnstored, 0, 1}, {"a newer one", 0, 1}, {"", 0, 1},
	} {
		s, _ := newSite(t)
		r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
		r.diary.add(wire.Record{Kind: wire.BudgetGranted, Count: 500})
		r.diary.add(wire.Record{Kind: wire.AttemptStarted, Seq: 1})
		r.diary.add(wire.Record{Kind: wire.AttemptTakenBack, Seq: 1, Reason: test.reason, Credential: test.credential})
		storeRecord(t, s, r.diary.message(1, 1, 3))
		if n := r.budget().Attempts; n != test.counts {
			t.Errorf("%q: %d count", test.reason, n)
		}
	}
}

func TestACheckpointTellsOfABudgetIfTheRecordThatDidIsLost(t *testing.T) {
	for _, kind := range []wire.RecordKind{wire.Checkpoint, wire.JournalResumed} {
		for name, test := range map[string]struct {
			state  []byte
			counts uint64
		}{
			"a budget":     {device.Durable{Budget: wire.Budget{Spent: 3, Limit: 500}}.Encode(), 1},
			"none":         {device.Durable{Budget: wire.Budget{Spent: 3}}.Encode(), 0},
			"not readable": {[]byte{0xff}, 0},
		} {
			s, _ := newSite(t)
			r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
			for range 40 {
				r.diary.add(wire.Record{Kind: wire.ExitPressed}) // dropped
			}
			r.diary.add(wire.Record{Kind: kind, State: test.state})
			r.diary.add(wire.Record{Kind: wire.AttemptStarted, Seq: 4})
			storeRecord(t, s, r.diary.message(41, 41, 42))
			if n := r.budget().Attempts; n != test.counts {
				t.Errorf("%s with %s: %d count", kind, name, n)
			}
		}
	}
}

func TestACountThatComesAfterLaterAttemptsTakesNothingFromThem(t *testing.T) {
	for _, kind := range []wire.RecordKind{wire.BudgetCounted, wire.BudgetGranted} {
		s, _ := newSite(t)
		r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
		r.diary.add(wire.Record{Kind: wire.ReaderStarted})
		r.diary.add(wire.Record{Kind: kind})
		for range 3 {
			r.diary.add(wire.Record{Kind: wire.AttemptStarted, Time: noon.UnixMilli(), Trusted: true})
		}
		storeRecord(t, s, r.diary.message(1, 3, 5))
		storeRecord(t, s, r.diary.message(1, 1, 2))
		r.diary.add(wire.Record{Kind: wire.AttemptStarted})
		storeRecord(t, s, r.diary.message(1, 6, 6))
		if n := r.budget().Attempts; n != 4 {
			t.Errorf("%s: %d count", kind, n)
		}
	}
}

func TestNoRecordBringsMoreThanItsAttempt(t *testing.T) {
	s, _ := newSite(t)
	r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
	r.diary.add(wire.Record{Kind: wire.BudgetGranted, Count: wire.MaxNumber})
	for range 3 {
		r.diary.add(wire.Record{Kind: wire.BudgetCounted, Count: wire.MaxNumber})
		r.diary.add(wire.Record{Kind: wire.AttemptTakenBack, Reason: wire.ReasonTamper})
	}
	r.diary.add(wire.Record{Kind: wire.AttemptStarted})
	r.diary.add(wire.Record{Kind: wire.BudgetCounted, Count: wire.MaxNumber})
	if stored := storeRecord(t, s, r.diary.message(1, 1, 9)); stored.Ack.Number != 9 {
		t.Errorf("%+v", stored)
	}
	if n := r.budget().Attempts; n != 1 {
		t.Errorf("%d count", n)
	}
}

// Whatever an honest reader does, no alarm is raised, and it gets its grants; and whoever
// tries more PINs on its chip than it has left in doubt is noticed.
func TestAnHonestReaderIsNeverTakenForAThiefsAndAThiefsIs(t *testing.T) {
	s, _ := newSite(t)
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.SetGuessSettings(store.GuessSettings{Budget: 20}) }); err != nil {
		t.Fatal(err)
	}
	known := 0 // alarms
	rapid.Check(t, func(r *rapid.T) {
		both := rapid.Bool().Draw(r, "card and PIN")
		p := newPad(t, s, boardtest.New(t), rapid.Bool().Draw(r, "trusted"), func(p *wire.Policy) {
			if both {
				p.TwoProofs = new(wire.TwoProofs)
			}
		})
		if _, _, err := tryAdopt(t.Context(), s, noon.Add(-8*24*time.Hour), "front-door", p.board.Signed, "", noEdit); err != nil {
			t.Fatal(err)
		}
		p.tell()
		for range rapid.IntRange(0, 12).Draw(r, "PINs before") {
			p.enter(device.Known)
		}
		adopt := func() {
			p.adopt()
			p.send(rapid.IntRange(0, 20).Draw(r, "records before it is taken"))
			p.use()
			if rapid.Bool().Draw(r, "restarts") {
				p.restart()
			}
			p.unsure++ // the attempt that may be pending
			p.tell()
		}
		p.board.GetTPM(t, nonceOne)
		adopt()
		outcomes := []device.Outcome{device.Known, device.Known, device.Known, device.Unknown, device.Damaged, device.EpochChanged}
		made := p.now.Wall.Unix()
		pins := []*wire.Credential{
			nil, {ID: 3, User: 2, Kind: wire.PIN}, {ID: 4, User: 2, Kind: wire.PIN, Duress: true},
			{ID: 5, User: 1, Kind: wire.PIN, Uses: 1, Made: made + 1}, {ID: 6, User: 2, Kind: wire.PIN, Uses: 3, Within: 60, Made: made + 1},
		}
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"PIN", "PIN", "PIN", "opened", "not stored", "said not to be stored", "not reached", "restart", "restart, PIN first", "lost", "send", "say", "report", "again"}), 5, 40).Draw(r, "steps")
		for _, step := range steps {
			switch step {
			case "PIN":
				p.pin = rapid.SampledFrom(pins).Draw(r, "whose")
				p.enter(rapid.SampledFrom(outcomes).Draw(r, "outcome"))
			case "opened":
				p.enter(device.Known, opened)
			case "not stored":
				p.full = true
				p.enter(device.Known)
				hasRoom(p)
			case "said not to be stored":
				p.unsure++
				p.enter(device.Known, noRoom)
				hasRoom(p)
			case "not reached":
				p.notReached()
			case "restart":
				p.restart()
				p.tell()
			case "restart, PIN first":
				p.restart()
				p.enter(device.Known, (*pad).tell)
			case "lost":
				p.send(all)
				p.unsure++
				p.lose()
				if rapid.Bool().Draw(r, "PIN first") {
					p.enter(device.Known, (*pad).tell)
				}
				p.tell()
			case "send":
				p.send(rapid.IntRange(1, 10).Draw(r, "records"))
			case "say":
				p.sayState()
			case "report":
				p.report()
			case "again":
				adopt()
			}
			p.pin = nil
			p.card() // ends a lockout
		}
		p.report()
		p.report()
		if alarms := surplusAlarms(t, s); len(alarms) != known {
			r.Fatalf("an honest reader: %q", alarms[known:])
		}
		b := p.budget()
		if left := p.chip.Budget.Left(); left < 10 {
			r.Fatalf("an honest reader has %d left of %+v: %+v", left, p.chip.Budget, b)
		}
		if free := int(b.Attempts) - int(p.chip.Budget.Spent); free > p.unsure {
			r.Fatalf("%d attempts for %d that the TPM has counted; %d are in doubt", b.Attempts, p.chip.Budget.Spent, p.unsure)
		}
		p.guess(uint32(p.unsure) + 1)
		p.report()
		if alarms := surplusAlarms(t, s); len(alarms) != known+1 {
			r.Fatalf("%d guesses, and no alarm", p.unsure+1)
		}
		known++
	})
}
