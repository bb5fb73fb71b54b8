package store

import (
	"context"
	"testing"
)

func TestAWatchThatIsOverBeforeItBeginsIsNoFailure(t *testing.T) {
	s, err := Create(t.Context(), t.TempDir())
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
