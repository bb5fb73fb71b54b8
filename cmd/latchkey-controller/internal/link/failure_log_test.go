package link

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

func TestWhyReportsAreNotStoredIsLoggedOnceUnlessTheDatabaseIsAway(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		says string // "": nothing
	}{
		"in the site's directory": {&store.FullError{Path: "/x", Reserved: true}, "until there is room, and orders are noted in reserved space"},
		"at a server":             {&store.FullError{Path: "the database x"}, `until there is room"`},
		"away":                    {&store.UnavailableError{Reason: language.Data("it is away; nothing was done"), Outage: "it is away"}, ""},
		"odd":                     {errors.New("odd"), "err=odd"},
	} {
		var log strings.Builder
		rec := recorder{Link: &Link{o: Options{Log: slog.New(slog.NewTextHandler(&log, nil))}}}
		rec.logFailure(test.err)
		rec.logFailure(test.err)
		if said := log.String(); !strings.Contains(said, test.says) || (test.says == "") != (said == "") || strings.Count(said, "\n") > 1 {
			t.Errorf("%s: %q", name, said)
		}
	}
}
