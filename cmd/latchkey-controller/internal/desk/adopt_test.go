package desk

import (
	"bytes"
	"errors"
	"testing"

	"latchkey/sync/wire"
)

func TestAdoptionTakesTwoSteps(t *testing.T) {
	w := newWorld(t)
	signed, fingerprint := w.board()
	r, err := w.ReadRequest(t.Context(), as(Super), signed)
	if err != nil || r.Fingerprint != fingerprint || r.Reader != "" {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := w.ReadRequest(t.Context(), as(Super), []byte("junk")); Fields(err)["request"] == "" {
		t.Error(err)
	}
	save := func([]byte) error { return nil }
	for field, form := range map[string]AdoptForm{
		"reader":      {Reader: "Front Door", Request: signed, Fingerprint: fingerprint},
		"request":     {Reader: "front", Request: []byte("junk"), Fingerprint: fingerprint},
		"fingerprint": {Reader: "front", Request: signed, Fingerprint: "0000"},
		"time-zone":   {Reader: "front", Request: signed, Fingerprint: fingerprint, TimeZone: "Mars/Olympus"},
		"broker":      {Reader: "front", Request: signed, Fingerprint: fingerprint, Broker: "tcp://broker.example:1883"},
	} {
		if _, err := w.Adopt(t.Context(), as(Super), form, save); len(Fields(err)) != 1 || Fields(err)[field] == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	form := AdoptForm{Reader: "front", Request: signed, Fingerprint: fingerprint, Door: "Front door", Place: "Main building", Broker: "ssl://broker.example:8883"}
	full := errors.New("the disk is full")
	if _, err := w.Adopt(t.Context(), as(Super), form, func([]byte) error { return full }); !errors.Is(err, full) {
		t.Error(err)
	}
	if readers, err := w.Readers(t.Context(), as(Viewer)); err != nil || len(readers) != 0 {
		t.Errorf("%d readers, though the bundle was not saved; %v", len(readers), err)
	}
	var bundle []byte
	adoption, err := w.Adopt(t.Context(), as(Super), form, func(b []byte) error { bundle = bytes.Clone(b); return nil })
	if err != nil || wire.Fingerprint(bundle) != adoption.Bundle {
		t.Fatal(err)
	}
	got := w.look("front")
	if got.Board != fingerprint || got.Door != "Front door" || got.Place != "Main building" || got.Hub != "Front door" || !got.PIN() {
		t.Errorf("%+v", got)
	}
	if r, err := w.ReadRequest(t.Context(), as(Super), signed); err != nil || r.Reader != "front" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAReaderThatLeavesIsRefusedAndWhatItHeldIsWorthNothing(t *testing.T) {
	for _, how := range []Removal{Returned, Lost} {
		w := newWorld(t)
		gone, stays := w.reader(), w.reader()
		id, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: "Ada"}, PIN{Choice: Auto}, []string{w.uid()})
		w.must(err)
		before := w.check()
		epoch, err := w.RemoveReader(t.Context(), as(Super), gone, how)
		if err != nil || epoch <= before.Epoch || w.check().Epoch != epoch {
			t.Errorf("%s: epoch %d after %d, %v", how, epoch, before.Epoch, err)
		}
		peers, _, err := w.site.Peers(t.Context())
		if err != nil || peers[gone] != nil || peers[stays] == nil {
			t.Errorf("%s: %v, %v", how, peers, err)
		}
		exposed := map[Removal]int{Returned: 0, Lost: 2}[how]
		if u := w.person(id); u.Exposed != exposed {
			t.Errorf("%s: %d are exposed, not %d", how, u.Exposed, exposed)
		}
		readers, err := w.Readers(t.Context(), as(Viewer))
		w.must(err)
		if r := readers[1]; r.ID != gone || r.Removed != how || r.Board != "" {
			t.Errorf("%s: %+v", how, r)
		}
		if _, err := w.RemoveReader(t.Context(), as(Super), gone, how); !errors.Is(err, ErrNotFound) {
			t.Error("removed twice:", err)
		}
		// What is given from now on, no lost reader has.
		_, err = w.SetPIN(t.Context(), as(Editor), id, PIN{Choice: Auto})
		w.must(err)
		if u := w.person(id); u.Exposed != exposed/2 {
			t.Errorf("%s: %d are exposed after a new PIN", how, u.Exposed)
		}
		// Its door can go before it, and is there again when it comes back.
		w.must(w.RemoveDoor(t.Context(), as(Super), readers[1].DoorID))
		_, err = w.Adopt(t.Context(), as(Super), w.form(gone), func([]byte) error { return nil })
		w.must(err)
		if r := w.look(gone); r.Removed != "" || r.Board == "" || r.DoorID == 0 || r.Place != "Main building" {
			t.Errorf("%s: %+v", how, r)
		}
	}
	if _, err := newWorld(t).RemoveReader(t.Context(), as(Owner), "front", "sold"); Fields(err)["how"] == "" {
		t.Error(err)
	}
}
