package errand

import (
	"log/slog"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
)

func TestServingEndsWhenTheDatabaseIsClosed(t *testing.T) {
	w := newWorld(t)
	s, f := w.site(w.address), &fake{}
	ended := make(chan error, 1)
	go func() { ended <- Serve(t.Context(), s, store.HomeCell, f, f.beat, slog.New(slog.DiscardHandler)) }()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if come(t, ended, "the end of who leads") == nil {
		t.Error("without an error")
	}
}
