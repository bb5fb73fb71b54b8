package site

import (
	"testing"

	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestABundleHasASnapshotThatWasMadeBeforeOnlyIfTheLogGoesOnFromIt(t *testing.T) {
	s, _ := newSite(t)
	addUser(t, s, "Ada", "", []byte{4, 1, 2, 3, 4, 5, 6})
	made, err := s.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var used *wire.Manifest
	adopted := func(snapshot *Contents) (a *Adoption) {
		t.Helper()
		err := s.Update(t.Context(), func(tx *store.Tx) error {
			p := wire.DefaultPolicy("front-door", "Front door")
			adopter := s.Adopter(tx, snapshot)
			a, _, err = adopter.Adopt(noon, boardtest.New(t).Signed, nil, &p)
			used = adopter.snapshot.manifest
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := adopted(made); a.Revision != 1 || a.Count != 1 {
		t.Errorf("%+v", a)
	}
	addUser(t, s, "Grace", "", []byte{4, 1, 2, 3, 4, 5, 7})
	if a := adopted(made); a.Revision != 1 || a.Count != 1 { // the reader gets the rest as a delta
		t.Errorf("after a change: %+v", a)
	}
	log, err := s.Log(t.Context(), made.manifest.Position())
	if err != nil || len(log.Deltas) != 1 {
		t.Errorf("%+v, %v", log, err)
	}
	if a := adopted(nil); a.Revision != 2 || a.Count != 2 {
		t.Errorf("without one: %+v", a)
	}
	if made, err = s.Contents(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { _, err := s.NewEpoch(tx, noon, 0); return err }); err != nil {
		t.Fatal(err)
	}
	if adopted(made); used.Epoch <= made.manifest.Epoch || used.Count != 2 {
		t.Errorf("after an epoch began: %+v", used)
	}
}
