package desk

import (
	"testing"
	"time"
)

func TestADrawnPINMayBeGivenToAVisitorByWhoDrewIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	id := w.invite(w.visit(w.visited(), time.Hour))
	give := func(a Actor, digits []byte) error {
		_, err := w.SetPIN(ctx, a, id, chosen(string(digits)))
		return err
	}
	digits, err := w.DrawPIN(ctx, as(Owner))
	w.must(err)
	for name, err := range map[string]error{"another PIN": give(as(Owner), []byte("58310274")), "another actor": give(as(Editor), digits)} {
		if Fields(err)["pin"] == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.time = w.time.Add(drawnStays)
	if err := give(as(Owner), digits); Fields(err)["pin"] == nil {
		t.Errorf("late: %v", err)
	}
	w.time = w.time.Add(-time.Minute)
	w.must(give(as(Owner), digits))
}

func TestDrawnPINsAreBounded(t *testing.T) {
	t.Parallel()
	var p drawnPINs
	now := time.Now()
	for i := range maxDrawn + 5 {
		p.add(Actor{ID: int64(i)}, now, []byte{byte(i >> 8), byte(i)})
	}
	if len(p.drawn) != maxDrawn {
		t.Errorf("%d are remembered", len(p.drawn))
	}
	p.add(as(Owner), now.Add(2*drawnStays), []byte("late"))
	if len(p.drawn) != 1 {
		t.Errorf("%d are remembered after their time", len(p.drawn))
	}
}

func TestWhoDrawsManyPINsPushesOutNobodyElses(t *testing.T) {
	t.Parallel()
	var p drawnPINs
	now := time.Now()
	p.add(as(Editor), now, []byte("58310274"))
	for i := range maxDrawn + 5 {
		p.add(as(Owner), now.Add(time.Duration(i)), []byte{byte(i >> 8), byte(i)})
	}
	last := maxDrawn + 4
	if !p.has(as(Editor), now, []byte("58310274")) || !p.has(as(Owner), now, []byte{byte(last >> 8), byte(last)}) {
		t.Error("one that was drawn just now is forgotten")
	}
	if n := len(p.drawn); n > maxDrawn/5 {
		t.Errorf("%d are remembered of one actor", n)
	}
}
