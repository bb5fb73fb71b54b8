package store

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

func TestAWatchThatIsOverBeforeItBeginsIsNoFailure(t *testing.T) {
	s, err := Create(t.Context(), t.TempDir(), newDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Watch(ctx, func() error { return nil }); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Watch(t.Context(), func() error { return nil }) == nil {
		t.Error("a database that is closed can be watched")
	}
}

func TestACommitOfThisProcessWakesAWatchBeforeItsNextQuestion(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	synctest.Test(t, func(t *testing.T) { // the clock moves only while all wait
		s, err := Create(t.Context(), t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		began, heard := time.Now(), make(chan time.Duration, 8)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- s.Watch(ctx, func() error { heard <- time.Since(began); return nil })
		}()
		if at := <-heard; at != 0 {
			t.Errorf("the first call came after %v", at)
		}
		time.Sleep(wakeGap)
		for range 3 { // all are one change
			if err := s.Update(ctx, func(tx *Tx) error { return tx.AddAlarm(&Alarm{Kind: ClockDoubted}) }); err != nil {
				t.Fatal(err)
			}
		}
		if at := <-heard; at < wakeGap || at > 2*wakeGap {
			t.Errorf("a commit was heard of after %v", at)
		}
		time.Sleep(pollEvery)
		if err := s.View(ctx, func(tx *Tx) error { _, _, err := tx.Newest(); return err }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pollEvery)
		if n := len(heard); n > 1 { // the second and third commit
			t.Errorf("%d more calls", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.wakes.wake() // nobody is there any more
	})
}

func TestEveryWatchHearsOfACommitOfAnotherProcessOnce(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s, err := Create(t.Context(), dir, "")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		other, err := Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		watch := func() (heard chan struct{}, stop func()) {
			heard = make(chan struct{}, 8)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Watch(ctx, func() error { heard <- struct{}{}; return nil }) }()
			<-heard
			return heard, func() {
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		}
		commit := func() {
			t.Helper()
			if err := other.Update(t.Context(), func(tx *Tx) error { return tx.AddAlarm(&Alarm{Kind: ClockDoubted}) }); err != nil {
				t.Fatal(err)
			}
		}
		first, stopFirst := watch()
		time.Sleep(pollEvery / 3)
		second, stopSecond := watch()
		for range 3 {
			commit()
			time.Sleep(3 * pollEvery)
			if len(first) != 1 || len(second) != 1 {
				t.Fatalf("heard %d and %d times of one commit", len(first), len(second))
			}
			<-first
			<-second
		}
		stopFirst() // whoever asked, the other goes on
		commit()
		time.Sleep(3 * pollEvery)
		if len(second) == 0 {
			t.Error("with one watch less, a commit is not heard of")
		}
		stopSecond()
	})
}
