package main

import (
	"slices"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestAPINWithLimitsIsShownWithWhereItWasUsed(t *testing.T) {
	first := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	k := &desk.Credential{
		Kind: "pin", Given: first, Limits: desk.PINLimits{Uses: 3, Within: 8 * time.Hour}, Ends: first.Add(8 * time.Hour),
		Used: []desk.PINUse{{Reader: "front", Door: "Front door", Uses: 2, First: first}},
	}
	want := []string{
		"PIN\tgiven, for 3 uses, for 8 hours from the first use, until 2026-01-01 20:00",
		"used\t2 at Front door, first on 2026-01-01 12:00",
	}
	if got := pinLines(k, "given", time.UTC); !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	p := pinOf(k, time.UTC)
	if p.Uses != 3 || p.Within != 8*3600 || len(p.Used) != 1 || p.Used[0].Uses != 2 || p.Used[0].Reader != "front" || !p.Ends.Equal(first.Add(8*time.Hour)) {
		t.Errorf("%+v", p)
	}
}
