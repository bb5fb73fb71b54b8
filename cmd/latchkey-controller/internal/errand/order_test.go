package errand

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAnOrderOfAStandByIsCarriedOutByTheLeader(t *testing.T) {
	w := newWorld(t)
	c := w.standBy()
	var got store.Order
	var by, begun time.Duration
	var asked time.Time
	const long = patience * 3 / 4
	record := &wire.Record{Number: 7, Kind: wire.AccessGranted, Command: wire.CommandID{4}, Seconds: 5, Order: wire.Unlock, Who: "Grace"}
	f := &fake{order: func(ctx context.Context, o store.Order, _ func([]byte) (string, bool)) (link.OrderResult, error) {
		end, _ := ctx.Deadline()
		got, by, begun = o, o.By.Sub(asked), end.Sub(asked)
		return link.OrderResult{ID: o.ID, Done: true, Text: language.Data("opened for 5 s"), Record: record}, nil
	}}
	w.leads(f)
	for _, given := range []store.Order{
		{ID: wire.CommandID{4}, Reader: "front-door", Order: wire.Unlock, Who: "Grace", InLockdown: true, Note: store.UnlockNote{ActorID: "7", ActorName: "Ada", Extra: `{"a":"` + strings.Repeat("x", 20_000) + `"}`}},
		{Reader: "back-door", Order: wire.Identify, Who: "Bob"},
	} {
		asked = time.Now()
		if given.InLockdown {
			given.By = asked.Add(long)
		}
		ctx, cancel := context.WithDeadline(t.Context(), asked.Add(long))
		r, err := c.Order(ctx, given, nil)
		cancel()
		if err != nil || !r.Done || r.Text.String() != "opened for 5 s" || r.ID != got.ID || r.ID == (wire.CommandID{}) || r.Record == nil || r.Record.Number != 7 {
			t.Fatalf("%+v, %v", r, err)
		}
		if begun > long || begun < long/3 {
			t.Errorf("begun until %v", begun)
		}
		if !given.By.IsZero() && (by > long || by < long/3) || given.By.IsZero() != got.By.IsZero() {
			t.Errorf("carried out until %v", by)
		}
		got.By, given.By = time.Time{}, time.Time{}
		if given.ID == (wire.CommandID{}) {
			given.ID = got.ID
		}
		if got != given {
			t.Errorf("%+v, not %+v", got, given)
		}
	}
}

func TestWhatTheLeaderFailsAtIsToldAtTheStandBy(t *testing.T) {
	w := newWorld(t)
	c := w.standBy()
	var failed error
	w.leads(&fake{order: func(context.Context, store.Order, func([]byte) (string, bool)) (link.OrderResult, error) {
		return link.OrderResult{}, failed
	}})
	for _, failed = range []error{&store.UnavailableError{Reason: language.Data("it is away")}, &store.UnsureError{Database: "x"}, &store.FullError{Path: "/x"}, errors.New("it is odd\xff")} {
		if _, err := c.Order(t.Context(), unlock, nil); err == nil || err.Error() != strings.ToValidUTF8(failed.Error(), "") {
			t.Errorf("%v, not %v", err, failed)
		}
	}
	failed = context.DeadlineExceeded
	if _, err := c.Order(t.Context(), unlock, nil); err != error(errLate) {
		t.Errorf("%v", err)
	}
}

func TestCardsAreTakenAndKeyedAtTheStandBy(t *testing.T) {
	w := newWorld(t)
	c := w.standBy()
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	shown := &wire.CardToKey{UID: uid, Version: bytes.Repeat([]byte{7}, 28), Generations: []byte{1, 0, 0}}
	w.leads(&fake{
		order: func(_ context.Context, _ store.Order, take func([]byte) (string, bool)) (link.OrderResult, error) {
			text, ok := take(uid)
			return link.OrderResult{Done: ok, Text: language.Data(text)}, nil
		},
		personalise: func(_ context.Context, o store.Order, keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
			if o.Order != wire.Personalise {
				t.Errorf("%+v", o)
			}
			sets, err := keys(shown)
			if err != nil {
				return link.OrderResult{Text: language.Data(err.Error())}, nil
			}
			if !bytes.Equal(sets.UID, uid) || sets.To.Generation != 2 || !bytes.Equal(sets.To.Keys, bytes.Repeat([]byte{9}, 48)) || len(sets.From) != 1 {
				t.Errorf("%+v", sets)
			}
			return link.OrderResult{Done: true, Text: language.Data("the card has its keys")}, nil
		},
	})
	for _, ok := range []bool{true, false} {
		var got, kept []byte
		r, err := c.Order(t.Context(), store.Order{Reader: "front-door", Order: wire.Enrol, Who: "Grace"}, func(b []byte) (string, bool) {
			got, kept = bytes.Clone(b), b
			return "the card was read", ok
		})
		if err != nil || r.Done != ok || r.Text.String() != "the card was read" || !bytes.Equal(got, uid) || !bytes.Equal(kept, make([]byte, 7)) {
			t.Errorf("%+v, %v, %x, %x", r, err, got, kept)
		}
	}
	keys := bytes.Repeat([]byte{9}, 48)
	r, err := c.Personalise(t.Context(), store.Order{Reader: "front-door", Who: "Grace"}, func(card *wire.CardToKey) (*wire.CardKeySets, error) {
		if !bytes.Equal(card.UID, uid) || !bytes.Equal(card.Version, shown.Version) || !bytes.Equal(card.Generations, shown.Generations) {
			t.Errorf("%+v", card)
		}
		return &wire.CardKeySets{UID: bytes.Clone(card.UID), Chip: wire.DESFireEV2, To: wire.KeySet{Generation: 2, Keys: keys}, From: []wire.KeySet{{}}}, nil
	})
	if err != nil || !r.Done || r.Text.String() != "the card has its keys" || !bytes.Equal(keys, make([]byte, 48)) {
		t.Errorf("%+v, %v, %x", r, err, keys)
	}
	r, err = c.Personalise(t.Context(), store.Order{Reader: "front-door", Who: "Grace"}, func(*wire.CardToKey) (*wire.CardKeySets, error) {
		return nil, errors.New("it is Bob's")
	})
	if err != nil || r.Done || r.Text.String() != "it is Bob's" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWithoutALeaderNothingIsDoneAndThatIsSaid(t *testing.T) {
	w := newWorld(t)
	c, tap := w.standBy(), w.listens(toLeader(store.HomeCell))
	c.limits.answer, c.limits.keep = 5*time.Second, patience
	_, err := c.Order(t.Context(), unlock, nil)
	var away *store.UnavailableError
	if !errors.As(err, &away) || !strings.Contains(err.Error(), "no controller leads this site now") || !strings.Contains(err.Error(), "nothing was done") {
		t.Errorf("%v", err)
	}
	tap.next()
	for range 3 { // a page asks several times
		if _, err := c.Readers(t.Context()); err != error(errNobody) {
			t.Errorf("%v", err)
		}
		if _, err := c.Brokers(t.Context()); err != error(errNobody) {
			t.Errorf("%v", err)
		}
	}
	if n := len(tap.heard); n != 1 {
		t.Errorf("a leader was looked for %d times", n)
	}
	f := &fake{}
	w.leads(f) // nothing of what was asked before is done now
	c.forget()
	c.limits = patient()
	if _, err := c.Readers(t.Context()); err != nil || f.orders.Load() != 0 {
		t.Errorf("%v, %d orders", err, f.orders.Load())
	}
	idle := NewClient(w.site(w.address), store.HomeCell) // it does not run yet
	began := time.Now()
	if _, err := idle.Readers(t.Context()); err != error(errNobody) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took < 1900*time.Millisecond || took > patience {
		t.Errorf("after %v", took)
	}
}

func TestALeaderThatDiesLeavesADoubtOnlyAfterItsChallenge(t *testing.T) {
	w := newWorld(t)
	c, h := w.standBy(), w.listens(toLeader(store.HomeCell))
	type ended struct {
		r   link.OrderResult
		err error
	}
	give := func() chan ended {
		done := make(chan ended, 1)
		go func() {
			r, err := c.Order(t.Context(), unlock, nil)
			done <- ended{r, err}
		}()
		return done
	}
	c.limits.answer = 5 * time.Second
	before := give()
	h.next() // the ask
	if e := come(t, before, "an end without a challenge"); e.err != error(errNobody) {
		t.Errorf("before the challenge: %+v", e)
	}
	c.limits = patient()
	c.limits.alive = usual().alive
	for _, goesOn := range []bool{false, true} {
		after := give()
		e := h.answers(&message{Kind: challenge})
		h.next()    // the order
		if goesOn { // whoever repeats what it said keeps nobody waiting
			said := e.seal(&message{Kind: alive})
			repeating, stop := context.WithTimeout(t.Context(), 6*c.limits.alive)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for h.site.Post(repeating, e.channel, said...) == nil {
					time.Sleep(time.Second)
				}
			}()
			defer func() { stop(); <-ended }()
		}
		began := time.Now()
		if got := come(t, after, "a doubt"); got.err != nil || got.r.Done || got.r.Unsent || got.r.Record != nil || got.r.Text != doubtful || got.r.ID == (wire.CommandID{}) {
			t.Errorf("after the challenge: %+v", got)
		}
		if took := time.Since(began); took > 4*c.limits.alive {
			t.Errorf("it was waited for %v", took)
		}
	}
}

func TestAMessageThatIsMissedLosesNoOther(t *testing.T) {
	w := newWorld(t)
	s := w.site(w.address)
	says, hears := &end{site: s, cell: store.HomeCell, me: leader, them: standBy, challenge: newID()}, &end{site: s, cell: store.HomeCell, me: standBy, them: leader, limit: 4 * partSize}
	take := func(parts ...[]byte) (whole []*message) {
		for _, p := range parts {
			head, sealed, ok := parse(p)
			if !ok {
				t.Fatal("no part")
			}
			if m := hears.take(head, sealed); m != nil {
				whole = append(whole, m)
			}
		}
		return whole
	}
	long := func(n int) [][]byte {
		parts := says.seal(&message{Kind: status, Status: make([]byte, n*partSize-50)})
		if len(parts) != n {
			t.Fatalf("%d parts", len(parts))
		}
		return parts
	}
	says.seal(&message{Kind: alive}) // missed
	if all := take(long(3)...); len(all) != 1 || len(all[0].Status) != 3*partSize-50 {
		t.Errorf("%d", len(all))
	}
	for missed := range 3 {
		parts := long(3)
		if all := take(slices.Delete(parts, missed, missed+1)...); len(all) != 0 {
			t.Errorf("whole without part %d", missed)
		}
	}
	if all := take(long(5)...); len(all) != 0 {
		t.Error("more than the limit")
	}
	if take(long(9)[:8]...); len(hears.message) > hears.limit {
		t.Errorf("%d bytes are kept of more than the limit", len(hears.message))
	}
	if parts := long(4); len(take(parts[0], parts[2])) != 0 || len(hears.message) != 0 {
		t.Errorf("%d bytes are kept of what is not whole", len(hears.message))
	}
	one, two := long(2), long(2)
	if all := take(one[0], two[0], one[1], two[1]); len(all) != 1 {
		t.Errorf("%d of a mix", len(all))
	}
	if all := take(append(long(4), says.seal(&message{Kind: alive})...)...); len(all) != 2 || all[1].Kind != alive {
		t.Errorf("%d", len(all))
	}
}

func TestALeaderThatEndsSaysWhatCameOfOrders(t *testing.T) {
	w := newWorld(t)
	c := w.standBy()
	begun := make(chan struct{})
	f := &fake{order: func(ctx context.Context, o store.Order, take func([]byte) (string, bool)) (link.OrderResult, error) {
		close(begun)
		<-ctx.Done() // of the link
		text, _ := take([]byte{1, 2, 3, 4})
		return link.OrderResult{Text: language.Data("the controller ended; " + text)}, nil
	}}
	stop := w.leads(f)
	done := make(chan link.OrderResult, 1)
	go func() {
		r, err := c.Order(t.Context(), unlock, nil)
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	come(t, begun, "the order at the link")
	stop()
	if r := come(t, done, "what came of the order"); r.Text.String() != "the controller ended; "+unanswered {
		t.Errorf("%+v", r)
	}
}

func TestWhoAskedAndLeavesIsHeardByTheLeader(t *testing.T) {
	w := newWorld(t)
	c := w.standBy()
	begun := make(chan struct{})
	w.leads(&fake{order: func(ctx context.Context, _ store.Order, _ func([]byte) (string, bool)) (link.OrderResult, error) {
		close(begun)
		<-ctx.Done()
		return link.OrderResult{}, ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := c.Order(ctx, unlock, nil)
		done <- err
	}()
	come(t, begun, "the order at the link")
	cancel()
	if err := come(t, done, "the end of the order"); err != context.Canceled {
		t.Error(err)
	}
}
