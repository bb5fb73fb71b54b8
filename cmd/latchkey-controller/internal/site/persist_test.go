package site

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

func TestWhatFailsIsTriedAgainAndAnOutageNotLogged(t *testing.T) {
	var log strings.Builder
	fails := []error{&store.UnavailableError{Reason: language.Data("it is away; nothing was done"), Outage: "it is away"}, errors.New("odd"), errors.New("odd"), nil}
	Persist(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), "cannot look", time.Millisecond, func() error {
		err := fails[0]
		fails = fails[1:]
		return err
	})
	if said := log.String(); len(fails) > 0 || strings.Count(said, "\n") != 1 || !strings.Contains(said, `msg="cannot look; will retry" err=odd`) {
		t.Errorf("%d attempts are left: %s", len(fails), said)
	}
}
