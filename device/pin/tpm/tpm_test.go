package tpm

import (
	"bytes"
	"errors"
	"testing"

	"latchkey/sync/wire"
)

func TestABudgetAnswersUpToItsLimitAndRefillsRaiseIt(t *testing.T) {
	_, c, tpm, keys := ready(t, 3)
	ctx := t.Context()
	check := func(want wire.Budget) {
		t.Helper()
		if got, err := tpm.Budget(ctx); err != nil || got != want {
			t.Errorf("budget %v, %v; want %v", got, err, want)
		}
	}
	check(wire.Budget{Spent: 0, Limit: 3})
	for n := range byte(3) {
		tag, err := tpm.Tag(ctx, wire.PIN, material(n))
		if err != nil || !bytes.Equal(tag[:], mac(&c.pin, 1, material(n))[:16]) {
			t.Fatalf("%x, %v", tag, err)
		}
	}
	check(wire.Budget{Spent: 3, Limit: 3})
	if tag, err := tpm.Tag(ctx, wire.PIN, material(9)); !errors.Is(err, ErrSpent) || tag != (wire.Tag{}) {
		t.Errorf("%x, %v", tag, err)
	}
	check(wire.Budget{Spent: 3, Limit: 3})
	uid := []byte{1, 2, 3, 4}
	if tag, err := tpm.Tag(ctx, wire.Card, uid); err != nil || !bytes.Equal(tag[:], mac(&c.card, 2, uid)[:16]) {
		t.Errorf("card: %x, %v", tag, err)
	}
	if key, err := tpm.WrappingKey(ctx, uid); err != nil || !bytes.Equal(key[:], mac(&c.card, 3, uid)) {
		t.Errorf("wrapping key: %x, %v", key, err)
	}
	for _, limit := range []uint32{5, 4, 5} {
		if err := tpm.Use(ctx, c.refill(keys, limit)); err != nil {
			t.Fatal(err)
		}
		check(wire.Budget{Spent: 3, Limit: 5})
	}
	if _, err := tpm.Tag(ctx, wire.PIN, material(9)); err != nil {
		t.Error(err)
	}
	check(wire.Budget{Spent: 4, Limit: 5})
}
