package store

import (
	"context"
	"database/sql"
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

// watch begins a watch; stop ends it, and waits until it has ended.
func watch(t *testing.T, s *Store) (heard chan struct{}, stop func()) {
	heard = make(chan struct{}, 8)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Watch(ctx, func() error { heard <- struct{}{}; return nil }) }()
	return heard, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
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
		commit := func() {
			t.Helper()
			if err := other.Update(t.Context(), func(tx *Tx) error { return tx.AddAlarm(&Alarm{Kind: ClockDoubted}) }); err != nil {
				t.Fatal(err)
			}
		}
		first, stopFirst := watch(t, s)
		<-first
		time.Sleep(pollEvery / 3)
		second, stopSecond := watch(t, s)
		<-second
		for range 3 {
			commit()
			time.Sleep(3 * pollEvery)
			if len(first) != 1 || len(second) != 1 {
				t.Fatalf("heard %d and %d times of one commit", len(first), len(second))
			}
			<-first
			<-second
		}
		s.engine.(*sqliteEngine).db.SetMaxIdleConns(-1) // what is disconnected is another one afterwards
		version := &s.engine.(*sqliteEngine).version
		drop := func() int64 {
			version.turn <- struct{}{}
			defer func() { <-version.turn }()
			version.disconnect()
			return version.version
		}
		drop()
		time.Sleep(3 * pollEvery)
		for len(first)+len(second) > 0 { // there may have been a commit
			select {
			case <-first:
			case <-second:
			}
		}
		before := drop()
		commit()
		time.Sleep(3 * pollEvery)
		if after := drop(); len(first) != 1 || len(second) != 1 || after != before {
			t.Fatalf("heard %d and %d times of a commit while there was no connection; its version was %d, then %d", len(first), len(second), before, after)
		}
		<-first
		<-second
		stopFirst() // whoever asked, the other goes on
		commit()
		time.Sleep(3 * pollEvery)
		if len(second) == 0 {
			t.Error("with one watch less, a commit is not heard of")
		}
		stopSecond()
	})
}

func TestAWatchLeavesWhileAQuestionGoesOn(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	synctest.Test(t, func(t *testing.T) {
		s, err := Create(t.Context(), t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		db := s.engine.(*sqliteEngine).db
		db.SetMaxOpenConns(1)
		hold := func() *sql.Conn { // the only connection: whoever asks waits for it
			t.Helper()
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		only, had := hold(), db.Stats().WaitCount
		_, stopFirst := watch(t, s) // it asks
		synctest.Wait()
		second, stopSecond := watch(t, s)
		_, stopThird := watch(t, s)
		synctest.Wait()
		stopThird() // it waits for the first one's question
		stopFirst()
		synctest.Wait()
		only.Close()
		<-second
		if n := db.Stats().WaitCount - had; n != 1 {
			t.Errorf("%d questions, not the one of who has left", n)
		}
		stopSecond()
		only = hold()
		_, stopLast := watch(t, s)
		synctest.Wait()
		stopLast() // and its question ends
		if n := db.Stats().InUse; n != 1 {
			t.Errorf("%d connections", n)
		}
		only.Close()
		if conn := hold(); conn.Close() != nil {
			t.Error("the connection was not given back")
		}
	})
}
