package site

import (
	"slices"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAnOutageIsOneEventHoweverOftenItIsReported(t *testing.T) {
	s := withReader(t)
	for _, out := range []map[string]bool{
		{"front-door": false}, // it was never out
		{"front-door": true}, {"front-door": true, "nobody": true}, {"front-door": true},
		{"front-door": false}, {"front-door": false},
		{"front-door": true},
	} {
		if err := s.TakeOutages(t.Context(), store.HomeCell, at(noon), out); err != nil {
			t.Fatal(err)
		}
	}
	var told []string
	err := s.View(t.Context(), func(tx *store.Tx) error {
		events, err := tx.Activity(store.ActivityFilter{Oldest: true, Class: wire.ClassReader, Limit: 10})
		for _, e := range events {
			told = append(told, e.Kind)
			if e.Reader != "front-door" || e.At != noon.UnixMilli() {
				t.Errorf("%+v", e)
			}
		}
		return err
	})
	if err != nil || !slices.Equal(told, []string{store.ReaderOffline, store.ReaderOnline, store.ReaderOffline}) {
		t.Errorf("%q, %v", told, err)
	}
}
