package desk

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A readerJournal is what a reader has written.
type readerJournal struct {
	w      *world
	reader string
	id     wire.JournalID
	last   uint64
	before wire.Hash
}

func (w *world) journal(reader string) *readerJournal {
	w.n++
	return &readerJournal{w: w, reader: reader, id: wire.JournalID{byte(w.n), 1}}
}

// sends has the controller get the reader's next records, in one message.
func (j *readerJournal) sends(records ...wire.Record) {
	j.w.t.Helper()
	m := &wire.Records{Reader: j.reader, Journal: j.id, First: 1}
	for _, r := range records {
		j.last++
		r.Number, r.Before, r.Trusted, r.Time = j.last, j.before, true, j.w.time.UnixMilli()
		encoded := wire.Marshal(r)
		j.before, m.Records = wire.Sum(encoded), append(m.Records, encoded)
	}
	_, err := j.w.site.StoreRecords(j.w.t.Context(), j.w.clock(), []*wire.Records{m})
	j.w.must(err)
}

// lines returns the lines after an event, the oldest first, each with its parts.
func (w *world) lines(a Actor, q Query) (all []string) {
	w.t.Helper()
	q.Lines = true
	page, err := w.Activity(w.t.Context(), a, q)
	w.must(err)
	for _, e := range slices.Backward(page.Events) {
		line := e.Word.String() + ": " + e.Text.String()
		for _, p := range e.Parts {
			line += " / " + p.Brief.String()
		}
		if e.More != 0 {
			line += fmt.Sprint(" / and ", e.More)
		}
		all = append(all, line)
	}
	return all
}

func (w *world) isShown(a Actor, q Query, want ...string) {
	w.t.Helper()
	if got := w.lines(a, q); !slices.Equal(got, want) {
		w.t.Errorf("%+v:\n%s\nnot\n%s", q, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAnUnlockIsOneLineWithWhatTheReaderMadeOfIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, other := w.reader(), w.reader()
	after := w.newest().ID
	_, err := w.Order(t.Context(), as(Editor), door, wire.Unlock)
	w.must(err)
	command, who := w.live.orders[0].ID, as(Editor).Name
	granted := wire.Record{Kind: wire.AccessGranted, By: wire.ByRemote, Command: command, Who: who, Seconds: 5, Running: 1000}
	j := w.journal(door)
	j.sends(granted, wire.Record{Kind: wire.LockoutCleared, By: wire.ByRemote, Command: command, Who: who, Running: 1000})
	w.journal(other).sends(granted) // it was not asked of this one
	j.sends(wire.Record{Kind: wire.DoorOpened, Running: 3000})
	j.sends(wire.Record{Kind: wire.DoorClosed, Running: 9000})
	at, there := "Door of "+door, "Unlocked: "+who+" unlocked Door of "+other
	w.isShown(as(Owner), Query{After: after}, "Unlocked: "+who+" unlocked "+at+" / unlocked for 5 seconds / PIN entry resumed / opened / closed", there)
	w.isShown(as(Owner), Query{After: after, Kind: AtTheDoors}, "Unlocked: "+who+" unlocked "+at+" / unlocked for 5 seconds / PIN entry resumed / opened / closed", there)
	w.isShown(as(Owner), Query{After: after, Kind: "granted"}, "Unlocked: "+who+" unlocked "+at+" / PIN entry resumed / opened / closed", there)
	w.isShown(as(Owner), Query{After: after, Kind: "lockout"}, "PIN resumed: PIN entry at "+at+" resumed: unlocked by "+who)
	w.isShown(as(Owner), Query{After: after, Kind: "admin"}, "Unlocked: "+who+" unlocked "+at+" / unlocked for 5 seconds / PIN entry resumed / opened / closed")
	if got := w.told(Query{After: after}); len(got) != 6 {
		t.Errorf("not each by itself: %q", got)
	}
	if page, err := w.Activity(t.Context(), as(Owner), Query{After: after, Lines: true}); err != nil || page.Events[1].Result != Granted {
		t.Errorf("%+v, %v", page, err)
	}

	// Nobody knew that it was done when the order was given up.
	w.live.results = map[string]link.OrderResult{door: {Text: language.Data("no answer")}}
	after = w.newest().ID
	_, err = w.Order(t.Context(), as(Editor), door, wire.Unlock)
	w.must(err)
	w.isShown(as(Owner), Query{After: after}, "Failed: "+who+" could not unlock "+at+": no answer")
	granted.Command, granted.Running = w.live.orders[len(w.live.orders)-1].ID, 20_000
	j.sends(granted)
	w.isShown(as(Owner), Query{After: after}, "Unlocked: "+who+" unlocked "+at+" / unlocked for 5 seconds")
}

// applied are the records of a reader that applies the policy that it has now, which puts another mode in force.
func (w *world) applied(reader string, running uint64, mode wire.Mode) []wire.Record {
	w.t.Helper()
	r := w.look(reader)
	return []wire.Record{
		{Kind: wire.PolicyApplied, PolicyRevision: r.Policy.Revision, Running: running},
		{Kind: wire.ModeChanged, PolicyRevision: r.Policy.Revision, Mode: mode, Subject: string(wire.CauseWanted), Who: "Owner", Running: running},
	}
}

func TestAModeIsOneLineWithTheDoorsThatFollow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front, back := w.reader(), w.reader()
	f, b := w.journal(front), w.journal(back)
	after := w.newest().ID
	id, err := w.SetMode(t.Context(), as(Owner), Where{}, wire.ModeLockdown, 0)
	w.must(err)
	f.sends(w.applied(front, 1, wire.ModeLockdown)...)
	b.sends(w.applied(back, 1, wire.ModeLockdown)...)
	inForce := func(reader string) string {
		return "Door of " + reader + " is locked down"
	}
	act := "Lockdown: Owner locked down the whole site from now until somebody ends it"
	w.isShown(as(Owner), Query{After: after}, act+" / "+inForce(front)+" / "+inForce(back))
	w.isShown(as(Owner), Query{After: after, Kind: AtTheDoors}, act+" / "+inForce(front)+" / "+inForce(back))
	w.isShown(as(Owner), Query{After: after, Reader: back}, "Lockdown: Door of "+back+" is locked down, as Owner wants it")

	// What a reader reports of a policy that is not the newest any more, or without having applied one, is its own affair.
	after = w.newest().ID
	old := w.applied(front, 2, wire.ModeNormal)
	w.must(w.EndMode(t.Context(), as(Owner), id))
	f.sends(old...)
	b.sends(w.applied(back, 2, wire.ModeNormal)[1])
	got := w.lines(as(Owner), Query{After: after})
	if len(got) != 3 || !strings.HasPrefix(got[0], "Ended: Owner took back a lockdown") || strings.Contains(got[0], " / ") {
		t.Errorf("%q", got)
	}
	f.sends(w.applied(front, 3, wire.ModeNormal)...)
	if got = w.lines(as(Owner), Query{After: after}); len(got) != 3 || !strings.Contains(got[0], " / Door of "+front+" works as normal") {
		t.Errorf("%q", got)
	}
}

// A reader applies only the newest of the policies that it was not there for.
func TestAModeIsNoPartOfAnActThatSetNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	after := w.newest().ID
	_, err := w.SetMode(t.Context(), as(Owner), Where{}, wire.ModeUnlocked, w.time.Add(time.Hour).Unix())
	w.must(err)
	w.must(w.SwitchPIN(t.Context(), as(Owner), door, false))
	w.journal(door).sends(w.applied(door, 1, wire.ModeUnlocked)...)
	at := "Door of " + door
	w.isShown(as(Owner), Query{After: after},
		"Changed: Owner set the mode of the whole site to unlocked until 23 Nov 2026, 13:30",
		"Changed: Owner switched PIN entry at "+at+" off / in force at "+at,
		"Unlocked: "+at+" is unlocked, as Owner wants it")
	for act := range rules {
		if strings.HasPrefix(string(act), store.ModeActs) != (act != Unlock && slices.Contains(doorActs, act)) {
			t.Errorf("%s: is it of a mode?", act)
		}
	}
}

func TestAModeThatADoorFollowsLateIsALineByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	soon, late := w.reader(), w.reader()
	after := w.newest().ID
	_, err := w.SetMode(t.Context(), as(Owner), Where{}, wire.ModeLockdown, 0)
	w.must(err)
	w.pass(5 * time.Minute)
	w.journal(soon).sends(w.applied(soon, 1, wire.ModeLockdown)...)
	w.pass(time.Minute)
	w.journal(late).sends(w.applied(late, 1, wire.ModeLockdown)...)
	w.isShown(as(Owner), Query{After: after},
		"Lockdown: Owner locked down the whole site from now until somebody ends it / Door of "+soon+" is locked down / in force at Door of "+late,
		"Lockdown: Door of "+late+" is locked down, as Owner wants it")
}

func TestASwitchSaysSinceWhenItIsInForce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	after := w.newest().ID
	w.must(w.SwitchPIN(t.Context(), as(Owner), door, false))
	w.journal(door).sends(w.applied(door, 1, "")[0])
	w.isShown(as(Owner), Query{After: after}, "Changed: Owner switched PIN entry at Door of "+door+" off / in force at Door of "+door)
	w.isShown(as(Owner), Query{After: after, Kind: AtTheDoors})
}

func TestAnEntryIsOneLineWithTheDoorThatWasOpenedForIt(t *testing.T) {
	t.Parallel()
	for _, together := range []bool{false, true} {
		w := newWorld(t)
		door := w.reader()
		ada := w.user()
		j := w.journal(door)
		after := w.newest().ID
		all := []wire.Record{
			{Kind: wire.AccessGranted, By: wire.ByPIN, User: ada, Seconds: 5, Running: 1000},
			{Kind: wire.DoorOpened, Running: 8900},
			{Kind: wire.DoorClosed, Running: 20_000},
			{Kind: wire.AccessGranted, By: wire.ByCard, User: ada, Seconds: 5, Running: 30_000},
			{Kind: wire.FirstPerson, User: ada, Running: 30_000},
			{Kind: wire.ModeChanged, Mode: wire.ModeUnlocked, Subject: "schedule", Running: 30_000},
			{Kind: wire.DoorOpened, Running: 39_000}, // too late
			{Kind: wire.DoorHeld, Seconds: 60, Running: 99_000},
			{Kind: wire.DoorClosed, Running: 120_000},
			{Kind: wire.DoorClosed, Running: 120_001},
			{Kind: wire.ExitPressed, Seconds: 5, Running: 130_000},
			{Kind: wire.DoorOpened, Running: 131_000},
			{Kind: wire.DoorClosed, Running: 132_000},
			{Kind: wire.ExitPressed, Reason: wire.ReasonTamper, Running: 140_000},
			{Kind: wire.DoorOpened, Running: 141_000},
			{Kind: wire.DoorForced, Running: 141_000},
			{Kind: wire.DoorClosed, Running: 142_000},
			{Kind: wire.LockoutStarted, Cause: wire.CauseAttempts, Running: 150_000},
			{Kind: wire.AttemptUnknown, Wrong: 10, Running: 150_000},
			{Kind: wire.AttemptUnknown, Seq: 30, Wrong: 3, Running: 160_000},
			{Kind: wire.AccessDenied, By: wire.ByCard, Reason: wire.ReasonSecond, User: ada, Seq: 30, Wrong: 3, Running: 160_000},
			{Kind: wire.AttemptUnknown, Seq: 31, Wrong: 4, Running: 170_000}, // by a reader that names no attempt
			{Kind: wire.AccessDenied, By: wire.ByCard, Reason: wire.ReasonSecond, User: ada, Running: 170_000},
		}
		if together {
			j.sends(all...)
		} else { // a reader sends what is of one turn together
			for len(all) > 0 {
				n := 1
				for n < len(all) && all[n].Running == all[0].Running {
					n++
				}
				j.sends(all[:n]...)
				all = all[n:]
			}
		}
		at := "Door of " + door
		w.isShown(as(Viewer), Query{After: after, Kind: AtTheDoors},
			"Entered: User 2 at "+at+" by PIN / opened / closed",
			"Entered: User 2 at "+at+" by card / first person: the schedule unlocks it / "+at+" is unlocked",
			"Opened: "+at+" was opened",
			"Held open: "+at+" has been open for longer than 1 minute / closed",
			"Closed: "+at+" was closed",
			"Exit: Exit button at "+at+" / opened / closed",
			"Refused: Exit button at "+at+" did not open: the reader's housing is open",
			"Forced: "+at+" was forced open / opened / closed",
			"PIN paused: PIN entry at "+at+" is paused: too many wrong PINs in a row / Unknown PIN at "+at+", attempt 10 of 10",
			"Refused: User 2 showed a card at "+at+", but the PIN was wrong, attempt 3 of 10 / Unknown PIN at "+at+", attempt 3 of 10",
			"Refused: Unknown PIN at "+at+", attempt 4 of 10",
			"Refused: User 2 at "+at+" by card may not open now: it needs card and PIN, and one did not come or could not be given",
		)
		w.isShown(as(Viewer), Query{After: after, User: ada, Kind: string(wire.AccessGranted)},
			"Entered: User 2 at "+at+" by PIN / opened / closed",
			"Entered: User 2 at "+at+" by card / first person: the schedule unlocks it / "+at+" is unlocked")
	}
}

// A reader in wrong hands could hide wrong PINs below denials of another kind.
func TestAWrongPINIsBelowTheDenialOfACardThatLacksASecondProofOnly(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*wire.Record){
		"by PIN":             func(r *wire.Record) { r.By = wire.ByPIN },
		"by card and PIN":    func(r *wire.Record) { r.By = wire.ByBoth },
		"for another reason": func(r *wire.Record) { r.Reason = wire.ReasonSchedule },
		"of nobody":          func(r *wire.Record) { r.User = 0 },
		"in another turn":    func(r *wire.Record) { r.Running++ },
		"of another attempt": func(r *wire.Record) { r.Seq++ },
		"of no attempt":      func(r *wire.Record) { r.Seq = 0 },
		"":                   func(*wire.Record) {},
	} {
		w := newWorld(t)
		door, ada := w.reader(), w.user()
		after := w.newest().ID
		denied := wire.Record{Kind: wire.AccessDenied, By: wire.ByCard, Reason: wire.ReasonSecond, User: ada, Seq: 30, Wrong: 3, Running: 1000}
		change(&denied)
		w.journal(door).sends(wire.Record{Kind: wire.AttemptUnknown, Seq: 30, Wrong: 3, Running: 1000}, denied)
		want := 2
		if what == "" {
			want = 1
		}
		if got := w.lines(as(Viewer), Query{After: after, Kind: AtTheDoors}); len(got) != want {
			t.Errorf("a denial %s: %q", what, got)
		}
	}
}

func TestWhatFollowsAGapInAJournalIsPartOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	j := w.journal(door)
	after := w.newest().ID
	j.sends(wire.Record{Kind: wire.AccessGranted, By: wire.ByCard, User: w.user(), Seconds: 5, Running: 1000})
	j.last++ // somebody else was let in
	j.sends(wire.Record{Kind: wire.DoorOpened, Running: 2000})
	j.last++
	j.sends(wire.Record{Kind: wire.DoorClosed, Running: 3000})
	if got := w.lines(as(Viewer), Query{After: after, Kind: AtTheDoors}); len(got) != 3 {
		t.Errorf("%q", got)
	}
}

func TestACardThatWasReadAndGivenIsOneLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, ada := w.reader(), w.user()
	w.live.card = []byte{4, 1, 2, 3, 4, 5, 6}
	after := w.newest().ID
	read, err := w.Enrol(t.Context(), as(Owner), ada, door)
	w.must(err)
	w.isShown(as(Owner), Query{After: after}, "Card read: Owner had a card read for User 2: read … 05 06")
	w.journal(door).sends(wire.Record{Kind: wire.CommandDone, Order: wire.Enrol, Command: w.live.orders[0].ID, Who: "Owner"})
	_, err = w.ConfirmCard(t.Context(), as(Owner), read.ID, read.LastFour)
	w.must(err)
	w.isShown(as(Owner), Query{After: after}, "Changed: Owner gave User 2 a card: … 05 06 / done at Door of "+door+" / ")
}

// A reader in wrong hands could name an order of long ago in anything.
func TestAnOldOrderHidesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	_, err := w.Order(t.Context(), as(Editor), door, wire.Unlock)
	w.must(err)
	command, j := w.live.orders[0].ID, w.journal(door)
	granted := wire.Record{Kind: wire.AccessGranted, By: wire.ByRemote, Command: command, Who: "editor", Seconds: 5, Running: 1000}
	j.sends(granted)
	after := w.newest().ID
	for i, r := range []wire.Record{
		granted,
		{Kind: wire.DoorForced}, {Kind: wire.TamperStarted}, {Kind: wire.DoorHeld}, {Kind: wire.ModeChanged, Mode: wire.ModeUnlocked},
		{Kind: wire.AttemptUnknown, Wrong: 3}, {Kind: wire.AccessDenied, By: wire.ByCard}, {Kind: wire.ExitPressed}, {Kind: wire.DoorOpened},
		{Kind: wire.LockoutStarted}, {Kind: wire.HealthChanged},
	} {
		r.Command, r.Running = command, uint64(100_000*(i+1))
		for _, together := range []bool{false, true} {
			before := len(w.lines(as(Owner), Query{After: after}))
			sent := []wire.Record{r}
			if together {
				r.Running++
				other := r
				other.Running += 10_000
				sent = []wire.Record{r, other}
			}
			j.sends(sent...)
			if got := w.lines(as(Owner), Query{After: after}); len(got) != before+len(sent) {
				t.Errorf("%s, in one message: %t: %d lines more, not %d: %q", r.Kind, together, len(got)-before, len(sent), got)
			}
		}
	}
	// What the reader says of the order besides is still part of it.
	before := w.newest().ID
	j.sends(wire.Record{Kind: wire.CommandDone, Order: wire.Unlock, Command: command, Running: 9_000_000}, wire.Record{Kind: wire.CommandDone, Order: wire.Unlock, Command: command, Running: 9_001_000})
	if got := w.lines(as(Owner), Query{After: before}); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestOfManyPartsALineHasSome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	after := w.newest().ID
	all := []wire.Record{{Kind: wire.AccessGranted, By: wire.ByPIN, User: w.user(), Seconds: 5}}
	for range maxParts + 3 {
		all = append(all, wire.Record{Kind: wire.FirstPerson})
	}
	w.journal(door).sends(all...)
	got := w.lines(as(Owner), Query{After: after, Kind: AtTheDoors})
	if len(got) != 1 || strings.Count(got[0], "first person: ") != maxParts || !strings.HasSuffix(got[0], " / and 3") {
		t.Errorf("%q", got)
	}
}

func TestOfManyDoorsALineCountsEachOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var doors []string
	for range maxParts + 3 {
		doors = append(doors, w.reader())
	}
	after := w.newest().ID
	_, err := w.SetMode(t.Context(), as(Owner), Where{}, wire.ModeLockdown, 0)
	w.must(err)
	for _, door := range doors {
		w.journal(door).sends(w.applied(door, 1, wire.ModeLockdown)...)
	}
	got := w.lines(as(Owner), Query{After: after})
	if len(got) != 1 || strings.Count(got[0], " is locked down") != maxParts || !strings.HasSuffix(got[0], " / and 3") {
		t.Errorf("%q", got)
	}
}

func TestPagesOfLinesHoldEachEventOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, ada := w.reader(), w.user()
	j := w.journal(door)
	for i := range uint64(9) {
		at := 100_000 * i
		j.sends(wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, User: ada, Seconds: 5, Running: at}, wire.Record{Kind: wire.DoorOpened, Running: at + 1})
		if i%2 == 0 {
			_, err := w.Order(t.Context(), as(Owner), door, wire.Unlock)
			w.must(err)
		}
		j.sends(wire.Record{Kind: wire.DoorClosed, Running: at + 2}, wire.Record{Kind: wire.LinkUp, Running: at + 3})
	}
	for _, q := range []Query{{}, {Kind: AtTheDoors}, {Reader: door}, {Kind: "door"}, {Name: "owner"}, {Since: w.time.Add(-time.Hour)}} {
		unfolded, err := w.Activity(t.Context(), as(Owner), q)
		w.must(err)
		q.Lines, q.Limit = true, 2
		seen := map[int64]bool{}
		for {
			page, err := w.Activity(t.Context(), as(Owner), q)
			w.must(err)
			for _, e := range page.Events {
				ids := []int64{e.ID}
				for _, p := range e.Parts {
					ids = append(ids, p.ID)
				}
				for _, id := range ids {
					if seen[id] {
						t.Errorf("%+v: event %d is there twice", q, id)
					}
					seen[id] = true
				}
			}
			if q.Before = page.Older; q.Before == 0 {
				break
			}
		}
		for _, e := range unfolded.Events {
			if !seen[e.ID] {
				t.Errorf("%+v: event %d, %s, is missing", q, e.ID, e.Text)
			}
		}
	}
}

func TestOfACopiedCardOneLineTellsAndItIsAnAlarm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	after := w.newest().ID
	w.journal(door).sends(wire.Record{Kind: wire.AccessDenied, By: wire.ByCard, Credential: 99, User: 99, Reason: wire.ReasonNotGenuine})
	got := w.lines(as(Viewer), Query{After: after})
	if len(got) != 1 || !strings.HasPrefix(got[0], "Copied card: ") {
		t.Errorf("%q", got)
	}
	page, err := w.Activity(t.Context(), as(Viewer), Query{Kind: "alarm", Limit: 1, Lines: true})
	w.must(err)
	if len(page.Events) != 1 || page.Events[0].Kind != store.CardCopied {
		t.Errorf("%+v", page.Events)
	}
}

// How long a reader was off nobody knows.
func TestADoorThatOpensAfterARestartIsNobodysEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	ada, j := w.user(), w.journal(door)
	after := w.newest().ID
	j.sends(wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, User: ada, Seconds: 5, Running: 1000}, wire.Record{Kind: wire.ReaderStarted, Running: 1500})
	j.sends(wire.Record{Kind: wire.DoorOpened, Running: 2000}, wire.Record{Kind: wire.ReaderStarted, Running: 2500}, wire.Record{Kind: wire.DoorClosed, Running: 3000})
	at := "Door of " + door
	w.isShown(as(Viewer), Query{After: after, Kind: AtTheDoors}, "Entered: User 2 at "+at+" by PIN", "Opened: "+at+" was opened", "Closed: "+at+" was closed")
}

// Programs of the version before do not know of happenings, and leave what they do not know as it was.
func TestWhatAnOlderProgramStoredMeanwhileIsPartOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	j := w.journal(door)
	after := w.newest().ID
	j.sends(wire.Record{Kind: wire.AccessGranted, By: wire.ByCard, User: w.user(), Seconds: 5, Running: 1000})
	sitetest.Execute(t, w.dir, `UPDATE journals SET told = told - 1`) // it has stored the last one
	j.sends(wire.Record{Kind: wire.DoorOpened, Running: 2000})
	if got := w.lines(as(Viewer), Query{After: after, Kind: AtTheDoors}); len(got) != 2 {
		t.Errorf("%q", got)
	}
	after = w.newest().ID
	w.must(w.SwitchPIN(t.Context(), as(Owner), door, false))
	sitetest.Execute(t, w.dir, `UPDATE policies SET act_revision = act_revision - 1`) // it has set the last one
	j.sends(w.applied(door, 3000, "")[0])
	w.isShown(as(Owner), Query{After: after}, "Changed: Owner switched PIN entry at Door of "+door+" off")
}
