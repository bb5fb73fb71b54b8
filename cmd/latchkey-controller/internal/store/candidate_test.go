package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// standBy stands by for anybody.
func standBy(*ServedError) error { return nil }

// leadOf returns a lead that is closed when the test ends.
func leadOf(t *testing.T, s *Store) *Lead {
	t.Helper()
	lead, err := s.Lead(t.Context(), HomeCell, standBy)
	must(t, err)
	t.Cleanup(lead.Close)
	return lead
}

// patient has one whose clock is wrong leave the lead to others for as long as they take on a busy machine.
func patient(s *Store) {
	limit(s, func(l *limits) { l.leave = time.Minute })
}

func TestALeadIsGivenBackOnceAndAnotherOneIsNotDisturbed(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	s, other := openAt(t, address), openAt(t, address)
	lead := leadOf(t, s)
	var closing sync.WaitGroup
	for range 4 {
		closing.Go(lead.Close)
	}
	closing.Wait()
	must(t, lead.Wait(t.Context()))
	release, err := other.Alone(t.Context()) // at once, as after systemctl stop
	must(t, err)
	release()
	again := leadOf(t, s)
	lead.Close() // it is the former
	must(t, s.Update(t.Context(), func(tx *Tx) error { return tx.SetZone("UTC") }))
	e := s.engine.(*postgresEngine)
	if e.leading.Load().term != again.Term() {
		t.Errorf("term %d, not %d", e.leading.Load().term, again.Term())
	}
	again.Close()
	third := leadOf(t, other)
	again.Close()
	if third.Term() <= again.Term() || again.Term() <= lead.Term() {
		t.Errorf("terms %d, %d and %d", lead.Term(), again.Term(), third.Term())
	}
	time.Sleep(3 * beatEvery)
	select {
	case <-third.ended:
		t.Error(third.Wait(t.Context()))
	default:
	}
}

func TestALostLeadSaysSoToAllWhoWaitAndIsTakenAgain(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	s := openAt(t, server.New("site"))
	lead := leadOf(t, s)
	server.Stop(syscall.SIGINT)
	for range 2 {
		if err := lead.Wait(t.Context()); !errors.As(err, new(*LostLeadError)) {
			t.Error(err)
		}
	}
	closed := time.Now()
	lead.Close()
	if took := time.Since(closed); took > 20*time.Second {
		t.Errorf("a lost lead is closed after %v", took)
	}
	server.Start()
	back := time.Now()
	if again := leadOf(t, s); again.Term() <= lead.Term() {
		t.Errorf("term %d after %d", again.Term(), lead.Term())
	}
	t.Logf("it leads again %v after the server is back", time.Since(back))
}

// A database that hangs keeps nobody from standing by, nor from ending.
func TestWithADatabaseThatHangsALeadEndsAndATryToo(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	address := server.New("site")
	s, other, third := openAt(t, address), openAt(t, address), openAt(t, address)
	lead := leadOf(t, s)
	ctx, stop := context.WithCancel(t.Context())
	stands, ended := make(chan bool, 9), make(chan error, 1)
	go func() {
		_, err := other.Lead(ctx, HomeCell, func(*ServedError) error { stands <- true; return nil })
		ended <- err
	}()
	come(t, stands, "that it stands by")
	thaw := server.Freeze()
	began := time.Now()
	stop()
	if err := come(t, ended, "the end of the try"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	t.Logf("a try ends after %v", time.Since(began))
	began = time.Now()
	lead.Close()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("a lead is closed after %v", took)
	} else {
		t.Logf("a lead is closed after %v", took)
	}
	thaw()
	after := leadOf(t, third)
	if after.Term() <= lead.Term() {
		t.Errorf("term %d after %d", after.Term(), lead.Term())
	}
}

// The server did what was asked, and its answer was lost.
func TestALeadThatWasTakenUnheardIsTakenAgain(t *testing.T) {
	t.Parallel()
	s := openAt(t, postgrestest.Database(t))
	e := s.engine.(*postgresEngine)
	must(t, s.Update(t.Context(), func(tx *Tx) error { return tx.exec(`UPDATE lead SET term = 5000000000, holder = ?`, e.self) }))
	began := time.Now()
	if lead := leadOf(t, s); lead.Term() != 5000000001 {
		t.Errorf("term %d", lead.Term())
	}
	if took := time.Since(began); took >= takeLead {
		t.Errorf("taken after %v", took)
	}
}

func TestWhoseClockIsWrongLeadsOnlyIfNobodyElseDoes(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	right, wrong := openAt(t, address), openAt(t, address)
	wrong.engine.(*postgresEngine).now = func() time.Time { return time.Now().Add(-time.Hour) }
	doubts, err := wrong.Doubts(t.Context())
	must(t, err)
	if !strings.Contains(strings.Join(doubts, "\n"), " behind that of the server of the database") {
		t.Errorf("%q", doubts)
	}
	if doubts, err = right.Doubts(t.Context()); err != nil || strings.Contains(strings.Join(doubts, "\n"), "this machine's clock") {
		t.Errorf("%q, %v", doubts, err)
	}
	alone := leadOf(t, wrong)
	if off := alone.Off(); off > -59*time.Minute || off < -61*time.Minute {
		t.Errorf("off by %v", off)
	}
	patient(wrong)
	for range 3 { // each time both want it
		leads := make(chan *Store, 2)
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		var done sync.WaitGroup
		for _, s := range []*Store{wrong, right} {
			done.Go(func() {
				lead, err := s.Lead(ctx, HomeCell, standBy)
				if err == nil {
					leads <- s
					stop()
					lead.Close()
				}
			})
		}
		time.Sleep(lookEvery)
		alone.Close()
		done.Wait()
		if come(t, leads, "that one leads") != right {
			t.Error("the one whose clock is wrong leads")
		}
		stop()
		if alone, err = right.Lead(t.Context(), HomeCell, standBy); err != nil {
			t.Fatal(err)
		}
	}
	alone.Close()
}

func TestALeaderWhoseClockIsWrongLeavesTheLeadToOneThatIsRight(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	right, wrong, also := openAt(t, address), openAt(t, address), openAt(t, address)
	for _, s := range []*Store{wrong, also} {
		s.engine.(*postgresEngine).now = func() time.Time { return time.Now().Add(24 * time.Hour) }
	}
	lead := leadOf(t, wrong)
	time.Sleep(clockEvery + 2*beatEvery)
	select {
	case <-lead.ended:
		t.Fatal("it leaves the lead to nobody", lead.Wait(t.Context()))
	default:
	}
	patient(also)
	leads := make(chan *Lead, 2)
	for _, s := range []*Store{also, right} {
		go func() {
			if lead, err := s.Lead(t.Context(), HomeCell, standBy); err == nil {
				leads <- lead
			}
		}()
	}
	if err := lead.Wait(t.Context()); !errors.As(err, new(*LostLeadError)) || !strings.Contains(err.Error(), "so another one whose clock is right may lead") {
		t.Error(err)
	}
	lead.Close()
	next := come(t, leads, "the lead")
	defer next.Close()
	if next.Term() != right.engine.(*postgresEngine).leading.Load().term {
		t.Error("the one whose clock is right does not lead")
	}
}

// Each of two that cannot lead leaves the lead to the other one once, and no more for a while.
func TestALeaderThatIsUnfitLeavesTheLeadToAnotherOneOnce(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	s, other := openAt(t, address), openAt(t, address)
	unfit := &UnfitError{"it can do nothing"}
	lead := leadOf(t, s)
	lead.Unfit(unfit)
	stays := func(l *Lead) {
		t.Helper()
		time.Sleep(clockEvery + 2*beatEvery)
		select {
		case <-l.ended:
			t.Fatal("it leaves the lead", l.Wait(t.Context()))
		default:
		}
	}
	stays(lead) // to whom
	next := func(s *Store) chan *Lead {
		leads := make(chan *Lead, 1)
		go func() {
			if lead, err := s.Lead(t.Context(), HomeCell, standBy); err == nil {
				leads <- lead
			}
		}()
		return leads
	}
	second := next(other)
	if err := lead.Wait(t.Context()); !errors.Is(err, unfit) {
		t.Error(err)
	}
	lead.Close()
	lead = come(t, second, "the lead")
	if lead.After() != "" {
		t.Errorf("it was taken over from %q", lead.After())
	}
	for s, wait := range map[*Store]time.Duration{s: leaveLead, other: 0} { // who has left it waits its turn
		if got := (&candidate{engine: s.engine.(*postgresEngine)}).patience(leadRow{}); got != wait {
			t.Errorf("%v, not %v", got, wait)
		}
	}
	third := next(s)
	lead.Unfit(unfit)
	if err := lead.Wait(t.Context()); !errors.Is(err, unfit) {
		t.Error(err)
	}
	lead.Close()
	lead = come(t, third, "the lead")
	defer lead.Close()
	next(other)
	lead.Unfit(unfit)
	stays(lead)
	lead.Unfit(nil)
	s.engine.(*postgresEngine).leftUnfit = time.Time{}
	stays(lead)
}

// A command that has the database for itself does so also against a leader whose connection has just broken.
func TestWhileACommandWorksAloneNobodyLeadsNorStoresAsALeader(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	server.New("site")
	cut := postgrestest.NewCut(t, server)
	s, other, third := openAt(t, cut.Address("site")), openAt(t, server.Address("site", "postgres")), openAt(t, server.Address("site", "postgres"))
	lead := leadOf(t, s)
	_, err := other.Alone(t.Context())
	if busy := (*ServedError)(nil); !errors.As(err, &busy) || busy.Alone {
		t.Fatal(err)
	}
	cut.Close()                                                                                               // what is connected stays so
	server.Do("postgres", `SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE l.locktype = 'advisory'`) // that of its lead
	release, err := other.Alone(t.Context())
	for end := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		release, err = other.Alone(t.Context()) // the session was still ending
	}
	must(t, err)
	if err := s.Update(t.Context(), func(tx *Tx) error { return tx.SetZone("UTC") }); !errors.As(err, new(*UnavailableError)) {
		t.Errorf("a leader stores: %v", err)
	}
	if err := lead.Wait(t.Context()); !errors.As(err, new(*LostLeadError)) {
		t.Error(err)
	}
	lead.Close()
	waits, leads := make(chan *ServedError, 9), make(chan error, 1)
	go func() {
		lead, err := third.Lead(t.Context(), HomeCell, func(other *ServedError) error { waits <- other; return nil })
		if err == nil {
			lead.Close()
		}
		leads <- err
	}()
	if other := come(t, waits, "that it waits"); !other.Alone || !strings.Contains(other.Error(), " works alone on the site in ") {
		t.Error(other)
	}
	select {
	case err := <-leads:
		t.Errorf("it leads: %v", err)
	case <-time.After(time.Second):
	}
	release()
	must(t, come(t, leads, "the lead"))
}

func TestTheTermOfASQLiteSiteRisesWithEachLead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Create(t.Context(), dir, "")
	must(t, err)
	last := uint64(time.Now().Unix()) - 1
	for range 3 {
		lead := leadOf(t, s)
		if lead.Term() <= last {
			t.Errorf("term %d after %d", lead.Term(), last)
		}
		last = lead.Term()
		lead.Close()
		lead.Close()
		must(t, lead.Wait(t.Context()))
		must(t, s.Close())
		s, err = Open(t.Context(), dir)
		must(t, err)
	}
	must(t, s.Close())
}
