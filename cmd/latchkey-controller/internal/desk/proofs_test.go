package desk

import (
	"strings"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// demands has a reader demand card and PIN, or no longer.
func (w *world) demands(reader string, two *wire.TwoProofs) error {
	w.t.Helper()
	_, err := w.SetPolicy(w.t.Context(), as(Super), reader, w.look(reader).Policy.Revision, func(p *wire.Policy) { p.TwoProofs = two })
	return err
}

func TestCardAndPINAreDemandedOnlyWhereBothCanBeGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.reader()
	always := new(wire.TwoProofs)
	if err := w.demands(id, &wire.TwoProofs{Schedule: new(wire.Schedule)}); Fields(err)["two-proofs"] == nil {
		t.Errorf("a schedule that never demands them: %v", err)
	}
	w.must(w.SwitchPIN(t.Context(), as(Editor), id, false))
	if err := w.demands(id, always); !strings.Contains(Fields(err)["two-proofs"].String(), "switch it on first") {
		t.Errorf("without PIN entry: %v", err)
	}
	w.must(w.SwitchPIN(t.Context(), as(Editor), id, true))
	w.saysOf(id, wire.LevelModes, nil, true)
	if err := w.demands(id, always); !strings.Contains(Fields(err)["two-proofs"].String(), "update it first") {
		t.Errorf("of an older reader: %v", err)
	}
	w.pass(time.Hour)
	w.says(id, wire.ModeState{Mode: wire.ModeNormal})
	w.must(w.demands(id, always))
	if err := w.SwitchPIN(t.Context(), as(Editor), id, false); !strings.Contains(Fields(err)["pin"].String(), "end that first") || !w.look(id).PIN() {
		t.Errorf("PIN entry is switched off: %v", err)
	}
	if _, err := w.SetPolicy(t.Context(), as(Super), id, 0, func(p *wire.Policy) { p.PIN = false }); Fields(err)["two-proofs"] == nil {
		t.Errorf("PIN entry is edited off: %v", err)
	}
	if text := w.look(id).NobodyOpens(); text != nil {
		t.Errorf("it can be opened: %s", text)
	}
	for reason, condition := range map[string]wire.Condition{
		"it takes no cards: the card reader is out of order":               {Card: wire.ReasonNFC},
		"it takes no PINs: the display is out of order":                    {PIN: wire.ReasonPanel},
		"it has no touchscreen":                                            {PIN: wire.ReasonNone},
		"it takes no PINs: the site takes PINs only at readers with a TPM": {PIN: wire.ReasonWithheld},
		"": {PIN: wire.ReasonLockout},
	} {
		*w.live.states[0].State.Condition = condition
		if text := w.look(id).NobodyOpens(); text.String() != reason {
			t.Errorf("%q, not %q", text, reason)
		}
	}
	w.pass(time.Hour)
	w.saysOf(id, wire.LevelModes, nil, true) // it is downgraded
	if text := w.look(id).NobodyOpens(); !strings.Contains(text.String(), "lets nobody in") {
		t.Errorf("%q", text)
	}
	_, err := w.SetPolicy(t.Context(), as(Super), id, 0, func(p *wire.Policy) { p.Limit = 3 }) // and can be edited
	w.must(err)
	w.must(w.demands(id, nil))
	if text := w.look(id).NobodyOpens(); text != nil {
		t.Errorf("it demands nothing: %s", text)
	}
}

func TestAReaderThatIsTooOldForAPINIsNamedAsCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, current := w.reader(), w.reader()
	ada, bob := w.withPIN(), w.withPIN()
	w.says(old, wire.ModeState{Mode: wire.ModeNormal})
	_, err := w.SetDuressPIN(t.Context(), as(Editor), ada, PIN{Choice: Auto})
	w.must(err)
	w.pass(time.Hour)
	w.saysOf(old, wire.LevelModes, nil, true)
	sees := func(role Role, id string) bool {
		r, err := w.Reader(t.Context(), as(role), id)
		w.must(err)
		return r.CutOff
	}
	if !sees(Editor, old) || sees(Editor, current) {
		t.Error("the older reader, and no other, gets no credentials")
	}
	if sees(Viewer, old) {
		t.Error("who may only look learns that somebody has a PIN for duress")
	}
	_, err = w.SetPIN(t.Context(), as(Editor), bob, PIN{Choice: Auto, Limits: PINLimits{Uses: 1}})
	if text := Fields(err)["pin"]; !strings.Contains(text.String(), old) || !strings.Contains(text.String(), "update it first") {
		t.Errorf("another such PIN: %v", err)
	}
	if _, _, err := w.AddUser(t.Context(), as(Editor), UserForm{First: "Eve"}, PIN{Choice: Auto, Limits: PINLimits{Uses: 1}}, nil); Fields(err)["pin"] == nil {
		t.Errorf("a user with such a PIN: %v", err)
	}
	w.must(w.RemoveDuressPIN(t.Context(), as(Editor), ada))
	if sees(Owner, old) {
		t.Error("there is no such PIN any more")
	}
}

func TestLimitsOfAPINAreCheckedAndShownWithWhatIsUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader, id := w.reader(), w.user()
	for field, limits := range map[string]PINLimits{"uses": {Uses: wire.MaxUses + 1}, "within": {Within: time.Second}} {
		for _, limits := range []PINLimits{limits, {-limits.Uses, -limits.Within}} {
			if _, err := w.SetPIN(t.Context(), as(Editor), id, PIN{Choice: Auto, Limits: limits}); len(Fields(err)) != 1 || Fields(err)[field] == nil {
				t.Errorf("%+v: %v", limits, err)
			}
			if _, _, err := w.AddUser(t.Context(), as(Editor), UserForm{First: "Eve"}, PIN{Choice: Auto, Limits: limits}, nil); Fields(err)[field] == nil {
				t.Errorf("a user with %+v: %v", limits, err)
			}
		}
	}
	limits := PINLimits{Uses: 3, Within: 8 * time.Hour}
	_, err := w.SetPIN(t.Context(), as(Editor), id, PIN{Choice: Auto, Limits: limits})
	w.must(err)
	c := w.person(id).Credentials[0]
	if c.Limits != limits || len(c.Used) != 0 || !c.Ends.IsZero() {
		t.Errorf("%+v", c)
	}
	made := w.time
	w.pass(time.Hour)
	first := w.time
	w.records(reader, &wire.Record{Kind: wire.UseCounted, Seq: 1, Credential: c.ID, User: id, Count: 2, From: made.UnixMilli()})
	c = w.person(id).Credentials[0]
	if len(c.Used) != 1 || c.Used[0].Door != "Door of "+reader || c.Used[0].Uses != 2 || !c.Used[0].First.Equal(first) || !c.Ends.Equal(first.Add(8*time.Hour)) {
		t.Errorf("%+v", c)
	}
	w.records(reader, &wire.Record{Kind: wire.UseCounted, Seq: 2, Credential: c.ID, User: id, Count: 3, From: made.UnixMilli()})
	if left := w.person(id).Credentials; len(left) != 0 {
		t.Errorf("it is used up: %+v", left)
	}
}

func TestASecondPINForDuressTakesThePlaceOfTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.user()
	if _, err := w.SetDuressPIN(t.Context(), as(Editor), id, PIN{Choice: Auto}); !strings.Contains(Fields(err)["pin"].String(), "give them a PIN first") {
		t.Errorf("without a PIN: %v", err)
	}
	_, err := w.SetPIN(t.Context(), as(Editor), id, chosen("27485913"))
	w.must(err)
	if _, err := w.SetDuressPIN(t.Context(), as(Editor), id, chosen("27485913")); Fields(err)["pin"] == nil {
		t.Errorf("the same PIN: %v", err)
	}
	for _, digits := range []string{"58310274", "91374826"} {
		_, err := w.SetDuressPIN(t.Context(), as(Editor), id, chosen(digits))
		w.must(err)
	}
	_, err = w.SetPIN(t.Context(), as(Editor), id, chosen("36915248")) // leaves it
	w.must(err)
	if all := w.person(id).Credentials; len(all) != 2 || !all[0].Duress || all[1].Duress {
		t.Errorf("%+v", all)
	}
	w.must(w.RemovePIN(t.Context(), as(Editor), id))
	if all := w.person(id).Credentials; len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

func TestWhatReadersTellOfCardAndPINIsToldAsAPersonWould(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader, ada := w.reader(), w.user()
	for _, c := range []struct {
		record wire.Record
		want   string
	}{
		{wire.Record{Kind: wire.AccessGranted, By: wire.ByBoth}, "User 2 at Door of reader-1 by card and PIN"},
		{wire.Record{Kind: wire.AccessDenied, By: wire.ByCard, Reason: wire.ReasonSecond}, "User 2 at Door of reader-1 by card may not open now: it needs card and PIN, and one did not come or could not be given"},
		{wire.Record{Kind: wire.AccessDenied, By: wire.ByPIN, Reason: wire.ReasonSecond}, "User 2 at Door of reader-1 by PIN may not open now: it needs card and PIN, and one did not come or could not be given"},
		{wire.Record{Kind: wire.AccessDenied, By: wire.ByPIN, Reason: wire.ReasonSecond, Seq: 7, Wrong: 3}, "User 2 at Door of reader-1 by PIN may not open now: it needs card and PIN, and one did not come or could not be given"},
		{wire.Record{Kind: wire.AccessDenied, By: wire.ByCard, Reason: wire.ReasonAnother}, "User 2 at Door of reader-1 by card may not open now: it is another person's than the PIN before it"},
		{wire.Record{Kind: wire.AttemptTakenBack, Seq: 1, Credential: 1, Reason: wire.ReasonUsedUp}, "User 2 at Door of reader-1 may not open now: the PIN is used up"},
		{wire.Record{Kind: wire.AttemptTakenBack, Seq: 1, Credential: 1, Reason: wire.ReasonForgotten}, "User 2 at Door of reader-1 may not open now: the reader no longer knows how often the PIN was used; give another one"},
	} {
		c.record.User = ada
		w.records(reader, &c.record)
		if e := w.newest(); e.Text.String() != c.want {
			t.Errorf("%q\nnot %q", e.Text, c.want)
		}
	}
	w.records(reader, &wire.Record{Kind: wire.ProofGiven, By: wire.ByCard, User: ada}, &wire.Record{Kind: wire.UseCounted, User: ada, Count: 2})
	for kind, want := range map[wire.RecordKind]string{
		wire.ProofGiven: "Door of reader-1: took the first of card and PIN (User 2, card)",
		wire.UseCounted: "Door of reader-1: counted the use of a PIN with limits (User 2, count 2)",
	} {
		page, err := w.Activity(t.Context(), as(Viewer), Query{Kind: string(kind)})
		if w.must(err); len(page.Events) != 1 || page.Events[0].Text.String() != want {
			t.Errorf("%+v, not %q", page.Events, want)
		}
	}
}
