package link

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/sync/wire"
)

func TestOfRefusedMessagesTenOfAKindAreLoggedInAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := newRefused(slog.New(slog.NewTextHandler(&log, nil)))
		for range 25 {
			r.log("front-door", wire.OnState, "why not")
		}
		r.log("front-door", wire.OnFetch, "why not")
		if n := strings.Count(log.String(), "message refused"); n != 11 {
			t.Errorf("%d lines", n)
		}
		time.Sleep(time.Minute)
		log.Reset()
		r.log("front-door", wire.OnFetch, "why not")
		if said := log.String(); strings.Count(said, "\n") != 2 || !strings.Contains(said, "kind=state count=15") || !strings.Contains(said, "kind=fetch") {
			t.Error(said)
		}
	})
}
