package desk

import (
	"strings"
	"testing"
)

func TestNoCellIsTakenForAFormula(t *testing.T) {
	for _, text := range []string{"=1+1", "+1", "-1", "@x", " =1", "\u00a0=1", "\u200b=1", "\ufeff=1", "＝1", "\"=1", "|x", "%x"} {
		if got := Cell(text); !strings.HasPrefix(got, "'") {
			t.Errorf("%q stands there as %q", text, got)
		}
	}
	for _, text := range []string{"", "Ada Lovelace", "front-door", "O'Brien", "1", "\u4e2d\u6587", "2026-11-28T10:00:00Z"} {
		if got := Cell(text); got != text {
			t.Errorf("%q stands there as %q", text, got)
		}
	}
}

func TestWhatIsNotedOfAnActIsBounded(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("\u00fc", 20000)
	_, err := w.AddPlace(t.Context(), as(Owner), Locations, 0, long)
	if err == nil {
		t.Fatal("it is a location's name")
	}
	w.AddUser(t.Context(), as(Viewer), UserForm{First: long, Last: "\x1b[2J"}, PIN{}, nil)
	w.SwitchPIN(t.Context(), as(Owner), long, true)
	page, err := w.Activity(t.Context(), as(Owner), Query{Limit: 100})
	w.must(err)
	for _, e := range page.Events {
		if n := len(e.Text.String()); n > 4096 || strings.ContainsRune(e.Text.String(), 0x1b) {
			t.Errorf("%d bytes: %.80q", n, e.Text.String())
		}
	}
}
