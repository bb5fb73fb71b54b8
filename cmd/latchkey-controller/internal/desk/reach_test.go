package desk

import (
	"fmt"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// limitedTo returns a new administrator, freshly signed in, who acts at some locations only.
func (w *world) limitedTo(role Role, locations ...int64) Actor {
	w.t.Helper()
	w.n++
	name := fmt.Sprint("Local ", w.n)
	id, _, err := w.AddAdmin(w.t.Context(), as(Owner), name, role, locations)
	w.must(err)
	var session *Session
	w.must(w.site.Update(w.t.Context(), func(tx *store.Tx) error {
		admin, err := tx.Admin(id)
		if err != nil {
			return err
		}
		session, err = w.begin(tx, admin, Client{Address: "192.0.2.1"})
		return err
	}))
	return session.Actor
}

// annex adds a location without doors.
func (w *world) annex() int64 {
	w.t.Helper()
	w.n++
	id, err := w.AddPlace(w.t.Context(), as(Owner), Locations, 0, fmt.Sprint("Annex ", w.n))
	w.must(err)
	return id
}

func TestEachActOfARoleSaysWhatItIsDoneTo(t *testing.T) {
	t.Parallel()
	for _, act := range Acts() {
		if rules[act].extent == 0 {
			t.Errorf("nobody has said what limited administrators may %s to", act)
		}
	}
}
