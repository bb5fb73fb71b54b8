package site

import (
	"testing"

	"latchkey/sync/wire"
)

func TestAReaderRaisesNoPolicyButItsOwnAndNotBeyondAllBounds(t *testing.T) {
	s := withReader(t)
	adopt(t, s, noon, "back-door", newBoard(t), noEdit)
	revision := func(reader string) uint64 {
		t.Helper()
		return policyOf(t, s, reader).Revision
	}
	front, back := revision("front-door"), revision("back-door")
	for _, test := range []struct {
		above uint64
		want  bool
	}{{wire.MaxNumber, false}, {wire.MaxNumber/2 + 1, false}, {front, false}, {front - 1, false}, {front + 100, true}, {front + 100, false}} {
		if raised, err := s.RaisePolicy(t.Context(), noon, "front-door", test.above); raised != test.want || err != nil {
			t.Errorf("above %d: %v, %v", test.above, raised, err)
		}
	}
	if revision("front-door") != front+101 || revision("back-door") != back {
		t.Errorf("%d and %d", revision("front-door"), revision("back-door"))
	}
	if raised, err := s.RaisePolicy(t.Context(), noon, "nobody", 1<<40); raised || err != nil {
		t.Errorf("a reader that is none: %v, %v", raised, err)
	}
}
