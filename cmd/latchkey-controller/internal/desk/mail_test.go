package desk

import (
	"slices"
	"testing"
)

func TestDuressIsToldByMailOnlyIfItIsChosen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, err := w.Mail(t.Context(), as(Owner))
	w.must(err)
	if len(s.Notices) != len(Notices())-1 || slices.Contains(s.Notices, NoticeDuress) {
		t.Errorf("chosen beforehand: %q", s.Notices)
	}
}
