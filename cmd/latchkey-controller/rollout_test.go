package main

import (
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestARolloutIsOverWhenAllReadersThatAreOnlineHaveTheNewest(t *testing.T) {
	reader := func(bundle uint64, online, current bool, revision uint64) *desk.Reader {
		return &desk.Reader{Bundle: bundle, Live: desk.ReaderStatus{Known: true, Online: online, Current: current, Revision: revision, Newest: 7}}
	}
	has, offline, removed := reader(1, true, true, 7), reader(1, false, false, 6), reader(0, false, true, 7)
	for name, c := range map[string]struct {
		online  *desk.Reader
		text    string
		awaited bool
	}{
		"has it":                          {reader(1, true, true, 7), ": 2 of 3 readers confirmed it", false},
		"was told, and has not confirmed": {reader(1, true, false, 6), ": 1 of 3 readers confirmed it", true},
		"is to be told":                   {reader(1, true, true, 6), ": 1 of 3 readers confirmed it", true},
	} {
		s, awaited := newRollout([]*desk.Reader{has, offline, c.online, removed}, true)
		if s.text() != c.text || awaited != c.awaited {
			t.Errorf("%s: %q, awaited %t", name, s.text(), awaited)
		}
	}
	if s, awaited := newRollout([]*desk.Reader{removed}, false); s.text() != "" || awaited {
		t.Errorf("no reader has a board: %q, awaited %t", s.text(), awaited)
	}
}
