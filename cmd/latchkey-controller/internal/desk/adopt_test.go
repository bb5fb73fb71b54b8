package desk

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAdoptionTakesTwoSteps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	signed, fingerprint := w.board()
	r, err := w.ReadRequest(t.Context(), as(Super), signed)
	if err != nil || r.Fingerprint != fingerprint || r.Reader != "" {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := w.ReadRequest(t.Context(), as(Super), []byte("junk")); Fields(err)["request"] == nil {
		t.Error(err)
	}
	save := func([]byte) error { return nil }
	nobody := []wire.Access{}
	for field, form := range map[string]AdoptForm{
		"access":      {Reader: "front", Request: signed, Fingerprint: fingerprint},
		"reader":      {Reader: "Front Door", Request: signed, Fingerprint: fingerprint},
		"request":     {Reader: "front", Request: []byte("junk"), Fingerprint: fingerprint},
		"fingerprint": {Reader: "front", Request: signed, Fingerprint: "0000"},
		"time-zone":   {Reader: "front", Request: signed, Fingerprint: fingerprint, TimeZone: "Mars/Olympus"},
		"broker":      {Reader: "front", Request: signed, Fingerprint: fingerprint, Broker: "tcp://broker.example:1883"},
	} {
		if field != "access" {
			form.Access = nobody
		}
		if _, err := w.Adopt(t.Context(), as(Super), form, save); len(Fields(err)) != 1 || Fields(err)[field] == nil {
			t.Errorf("%s: %v", field, err)
		}
	}
	form := AdoptForm{Reader: "front", Request: signed, Fingerprint: fingerprint, Door: "Front door", Place: "Main building", Broker: "ssl://broker.example:8883", Access: nobody}
	full := errors.New("the disk is full")
	if _, err := w.Adopt(t.Context(), as(Super), form, func([]byte) error { return full }); !errors.Is(err, full) {
		t.Error(err)
	}
	if readers, err := w.Readers(t.Context(), as(Viewer)); err != nil || len(readers) != 0 {
		t.Errorf("%d readers, though the bundle was not saved; %v", len(readers), err)
	}
	var bundle []byte
	adoption, err := w.Adopt(t.Context(), as(Super), form, func(b []byte) error { bundle = bytes.Clone(b); return nil })
	if err != nil || wire.Fingerprint(bundle) != adoption.Bundle || adoption.Revoked != 0 {
		t.Fatalf("%+v, %v", adoption, err)
	}
	got := w.look("front")
	if got.Board != fingerprint || got.Door != "Front door" || got.Place != "Main building" || got.Hub != "Front door" || !got.PIN() {
		t.Errorf("%+v", got)
	}
	if r, err := w.ReadRequest(t.Context(), as(Super), signed); err != nil || r.Reader != "front" {
		t.Errorf("%+v, %v", r, err)
	}
	for _, broker := range []struct{ given, is string }{{"", "ssl://broker.example:8883"}, {" ssl://192.0.2.7 ", "ssl://192.0.2.7:8883"}, {"", "ssl://192.0.2.7:8883"}} {
		form.Broker = broker.given
		_, err := w.Adopt(t.Context(), as(Super), form, func([]byte) error { return nil })
		w.must(err)
		w.must(w.site.View(t.Context(), func(tx *store.Tx) error {
			if is, err := tx.BrokersOf("front"); err != nil || strings.Join(is, " ") != broker.is {
				t.Errorf("given %q, the reader finds the controller at %q, not %q; %v", broker.given, is, broker.is, err)
			}
			return nil
		}))
	}
}

func TestWhoMayOpenANewReadersDoorIsAskedForAndKeptFromThenOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setZone("Europe/Zurich")
	hours := &wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 1080}}}
	save := func([]byte) error { return nil }
	for id, c := range map[string]struct {
		access []wire.Access
		text   string
	}{
		"nobody":   {[]wire.Access{}, "nobody"},
		"everyone": {[]wire.Access{{Group: wire.Everyone}}, "everyone always"},
		"some":     {[]wire.Access{{Group: "lab"}, {Group: "staff", Schedule: hours}}, "lab always; staff Mon 08:00-18:00"},
	} {
		form := w.form(id)
		form.Access = nil
		if _, err := w.Adopt(t.Context(), as(Super), form, save); Fields(err)["access"] == nil {
			t.Errorf("%s: nobody said who may open: %v", id, err)
		}
		if readers, err := w.Readers(t.Context(), as(Viewer)); err != nil || slices.ContainsFunc(readers, func(r *Reader) bool { return r.ID == id }) {
			t.Errorf("%s is there all the same, %v", id, err)
		}
		form.Access = c.access
		_, err := w.Adopt(t.Context(), as(Super), form, save)
		w.must(err)
		if got, want := w.newest().Text.String(), "Super Admin adopted Door of "+id+" with the board "+form.Fingerprint+", open to "+c.text; got != want {
			t.Errorf("%q, not %q", got, want)
		}
		// A second board replaces it, and a third one after a loss.
		for range 2 {
			form = w.form(id)
			form.Access = nil
			_, err = w.Adopt(t.Context(), as(Super), form, save)
			w.must(err)
			if p := w.look(id).Policy; accessText(p.Access).String() != c.text || p.TimeZone != "Europe/Zurich" {
				t.Errorf("%s: %s in %s", id, accessText(p.Access), p.TimeZone)
			}
			_, err = w.RemoveReader(t.Context(), as(Super), id, Lost)
			w.must(err)
		}
		for want, access := range map[string][]wire.Access{"night always": {{Group: "night"}}, "nobody": {}} {
			form = w.form(id)
			form.Access = access
			_, err = w.Adopt(t.Context(), as(Super), form, save)
			w.must(err)
			if p := w.look(id).Policy; accessText(p.Access).String() != want {
				t.Errorf("%s: %s, not %s", id, accessText(p.Access), want)
			}
		}
	}
}

func TestAReaderThatLeavesIsRefusedAndWhatItHeldIsWorthNothing(t *testing.T) {
	t.Parallel()
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
		// The lost reader does not have credentials assigned from now on.
		_, err = w.SetPIN(t.Context(), as(Editor), id, PIN{Choice: Auto})
		w.must(err)
		if u := w.person(id); u.Exposed != exposed/2 {
			t.Errorf("%s: %d are exposed after a new PIN", how, u.Exposed)
		}
		// Its door can be removed first, and exists again after the reader is re-adopted.
		w.must(w.RemovePlace(t.Context(), as(Super), Doors, readers[1].DoorID))
		_, err = w.Adopt(t.Context(), as(Super), w.form(gone), func([]byte) error { return nil })
		w.must(err)
		if r := w.look(gone); r.Removed != "" || r.Board == "" || r.DoorID == 0 || r.Place != "Main building" {
			t.Errorf("%s: %+v", how, r)
		}
	}
	if _, err := newWorld(t).RemoveReader(t.Context(), as(Owner), "front", "sold"); Fields(err)["how"] == nil {
		t.Error(err)
	}
}

func TestSeveralBoardsAreAdoptedTogetherOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var forms []AdoptForm
	for _, id := range []string{"front", "back", "side"} {
		signed, fingerprint := w.board()
		forms = append(forms, AdoptForm{Reader: id, Request: signed, Fingerprint: fingerprint, Access: []wire.Access{{Group: wire.Everyone}}})
	}
	adopted := func(want ...string) {
		t.Helper()
		readers, err := w.Readers(t.Context(), as(Viewer))
		var ids []string
		for _, r := range readers {
			ids = append(ids, r.ID)
		}
		if err != nil || !slices.Equal(slices.Sorted(slices.Values(ids)), want) {
			t.Errorf("readers %v, not %v; %v", ids, want, err)
		}
	}
	full := errors.New("the disk is full")
	_, err := w.AdoptSeveral(t.Context(), as(Super), forms, func(i int, _ []byte) error {
		if i == 2 {
			return full
		}
		return nil
	})
	if which := new(AdoptError); !errors.Is(err, full) || !errors.As(err, &which) || which.Reader != "side" {
		t.Error(err)
	}
	adopted()
	twice := append(slices.Clone(forms), forms[0])
	if wrongs, err := w.CheckAdoptions(t.Context(), as(Super), twice); err != nil || len(wrongs) != 1 || Fields(wrongs[0])["reader"] == nil {
		t.Error(wrongs, err)
	}
	if _, err := w.AdoptSeveral(t.Context(), as(Viewer), forms, func(int, []byte) error { return nil }); !errors.Is(err, ErrNotAllowed) {
		t.Error(err)
	}
	if _, err := w.AdoptSeveral(t.Context(), as(Super), make([]AdoptForm, MaxAdopted+1), nil); err == nil {
		t.Error("too many are adopted at once")
	}
	// The board of front becomes another reader within the batch, and each bundle is its own.
	moved := forms[0]
	moved.Reader = "gate"
	got := map[int]string{}
	adoptions, err := w.AdoptSeveral(t.Context(), as(Super), forms, func(i int, bundle []byte) error { got[i] = wire.Fingerprint(bundle); return nil })
	w.must(err)
	for i, a := range adoptions {
		if a.Bundle != got[i] || a.Reader != forms[i].Reader || a.Moved != "" || a.Revoked != 0 {
			t.Errorf("%+v", a)
		}
	}
	adopted("back", "front", "side")
	again, err := w.AdoptSeveral(t.Context(), as(Super), []AdoptForm{forms[1], moved}, func(int, []byte) error { return nil })
	w.must(err)
	if again[0].Revoked != adoptions[1].Number || again[1].Moved != "front" {
		t.Errorf("%+v, %+v", again[0], again[1])
	}
}
