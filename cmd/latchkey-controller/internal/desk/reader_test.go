package desk

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

func TestThePINSwitchIsTheReadersWhereverItIsSeen(t *testing.T) {
	w := newWorld(t)
	id := w.reader()
	see := func() (reader, door, hub, location bool) {
		t.Helper()
		r := w.look(id)
		d, err := w.Door(t.Context(), as(Viewer), r.DoorID)
		w.must(err)
		h, err := w.Hub(t.Context(), as(Viewer), r.HubID)
		w.must(err)
		places, err := w.Places(t.Context(), as(Viewer))
		w.must(err)
		return r.PIN(), d.Readers[0].PIN(), h.Doors[0].Readers[0].PIN(), places[0].Doors[0].Readers[0].PIN()
	}
	for _, on := range []bool{false, true} {
		before := w.look(id).Policy.Revision
		w.must(w.SwitchPIN(t.Context(), as(Editor), id, on))
		r, d, h, l := see()
		if r != on || d != on || h != on || l != on {
			t.Errorf("%v %v %v %v, not %v", r, d, h, l, on)
		}
		after := w.look(id)
		if after.Policy.Revision <= before || after.PolicyIs.Taken() {
			t.Errorf("revision %d, before %d; taken: %t", after.Policy.Revision, before, after.PolicyIs.Taken())
		}
		w.live.states = []link.Reader{{ID: id, State: &wire.State{PolicyRevision: after.Policy.Revision}}}
		if !w.look(id).PolicyIs.Taken() {
			t.Error("the reader has confirmed it")
		}
	}
	if err := w.SwitchPIN(t.Context(), as(Editor), "nobody", true); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestAPolicyIsCheckedFieldByFieldAndNotOverwrittenUnseen(t *testing.T) {
	w := newWorld(t)
	id := w.reader()
	for field, edit := range map[string]func(*wire.Policy){
		"limit":     func(p *wire.Policy) { p.Limit = 11 },
		"unlock":    func(p *wire.Policy) { p.Unlock = 0 },
		"extended":  func(p *wire.Policy) { p.Extended = 301 },
		"greeting":  func(p *wire.Policy) { p.Greeting = strings.Repeat("a", 65) },
		"door":      func(p *wire.Policy) { p.Door = "a\nb" },
		"time-zone": func(p *wire.Policy) { p.TimeZone = "Mars/Olympus" },
		"access":    func(p *wire.Policy) { p.Access = []wire.Access{{Group: "The Staff"}} },
		"holidays":  func(p *wire.Policy) { p.Holidays = []wire.Holiday{{Month: 13, Day: 1}} },
	} {
		before := w.look(id).Policy.Revision
		_, err := w.SetPolicy(t.Context(), as(Super), id, 0, edit)
		if fields := Fields(err); len(fields) != 1 || fields[field] == "" {
			t.Errorf("%s: %v", field, err)
		}
		if w.look(id).Policy.Revision != before {
			t.Errorf("%s: changed", field)
		}
	}
	seen := w.look(id).Policy.Revision
	p, err := w.SetPolicy(t.Context(), as(Super), id, seen, func(p *wire.Policy) { p.Limit, p.Reader, p.Revision = 3, "other", 1 })
	if err != nil || p.Limit != 3 || p.Reader != id || p.Revision <= seen {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, err := w.SetPolicy(t.Context(), as(Super), id, seen, func(p *wire.Policy) { p.Limit = 5 }); Fields(err)["policy"] == "" || w.look(id).Policy.Limit != 3 {
		t.Error("somebody else's change is overwritten:", err)
	}
}

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
		peers, err := w.site.Peers(t.Context())
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

func TestAnOrderIsNotedWithWhatCameOfIt(t *testing.T) {
	w := newWorld(t)
	id := w.reader()
	outcome, err := w.Order(t.Context(), as(Editor), id, wire.Unlock, 0)
	if err != nil || !outcome.Done {
		t.Fatalf("%+v, %v", outcome, err)
	}
	if e := w.newest(); e.Text.String() != "Limited Admin (Can Edit) unlocked Door of "+id+": done" || e.Tone != Changed || e.Reader != id {
		t.Errorf("%+v", e)
	}
	w.live.refuse = "not sent: it is not connected"
	outcome, err = w.Order(t.Context(), as(Editor), id, wire.Hold, 60)
	if err != nil || outcome.Done || outcome.Text != w.live.refuse {
		t.Fatalf("%+v, %v", outcome, err)
	}
	if e := w.newest(); e.Text.String() != "Limited Admin (Can Edit) could not hold open Door of "+id+": not sent: it is not connected" || e.Tone != Refused {
		t.Errorf("%+v", e)
	}
	if o := w.live.orders[1]; o.Who != "Limited Admin (Can Edit)" || o.Seconds != 60 || o.Reader != id {
		t.Errorf("%+v", o)
	}
	if _, err := w.Order(t.Context(), as(Owner), id, wire.Enrol, 0); err == nil {
		t.Error("an enrol for nobody")
	}
	without := New(Options{Site: w.site})
	if _, err := without.Order(t.Context(), as(Owner), id, wire.Unlock, 0); !errors.Is(err, errNoController) {
		t.Error(err)
	}
}

func TestACardThatWasReadIsTheUsersOnceItsLastDigitsAreConfirmed(t *testing.T) {
	w := newWorld(t)
	door, ada := w.reader(), w.user()
	w.live.card = []byte{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0x80}
	read := func() *Enrolment {
		t.Helper()
		e, err := w.Enrol(t.Context(), as(Editor), ada, door)
		w.must(err)
		return e
	}
	e := read()
	if e.LastFour != "E580" || e.UID != "04 A1 B2 … E5 80" || e.Name != "User 2" {
		t.Errorf("%+v", e)
	}
	if len(w.person(ada).Credentials) != 0 {
		t.Error("given before it was confirmed")
	}
	other := as(Super)
	for _, try := range []struct {
		a             Actor
		id, last, why string
	}{
		{as(Editor), e.ID, "E581", "other digits"}, {as(Editor), "unknown", "E580", "another id"}, {other, e.ID, "E580", "somebody else"},
	} {
		if err := w.ConfirmCard(t.Context(), try.a, try.id, try.last); Fields(err)["last-four"] == "" {
			t.Errorf("%s: %v", try.why, err)
		}
	}
	w.must(w.ConfirmCard(t.Context(), as(Editor), e.ID, " e5 80"))
	if c := w.person(ada).Credentials; len(c) != 1 || c[0].UID != "04 A1 B2 … E5 80" || c[0].Kind != "card" {
		t.Errorf("%+v", c)
	}
	if err := w.ConfirmCard(t.Context(), as(Editor), e.ID, "E580"); Fields(err)["last-four"] == "" {
		t.Error("confirmed twice:", err)
	}
	if err := w.ConfirmCard(t.Context(), as(Editor), read().ID, "E580"); Fields(err)["card"] == "" {
		t.Error("it is Ada's already:", err)
	}
	late := read()
	w.time = w.time.Add(enrolEnds + time.Second)
	if err := w.ConfirmCard(t.Context(), as(Editor), late.ID, "E580"); Fields(err)["last-four"] == "" {
		t.Error("too late:", err)
	}
	dropped := read()
	w.must(w.DropCard(t.Context(), as(Editor), dropped.ID))
	if err := w.ConfirmCard(t.Context(), as(Editor), dropped.ID, "E580"); Fields(err)["last-four"] == "" {
		t.Error("dropped:", err)
	}
	for name, card := range map[string][]byte{"random": {0x08, 1, 2, 3}, "none": nil} {
		w.live.card = card
		if _, err := w.Enrol(t.Context(), as(Editor), ada, door); err == nil {
			t.Errorf("%s: a card was read", name)
		}
	}
	if e := w.newest(); e.Kind != "admin.card.enrol" || e.Tone != Refused || e.User != ada {
		t.Errorf("%+v", e)
	}
	if _, err := w.Enrol(t.Context(), as(Editor), 99, door); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestTheOddsOfGuessingFollowFromPINsReadersAndLimits(t *testing.T) {
	policy := func(reader string, limit uint16, pin bool) *wire.Policy {
		p := wire.DefaultPolicy(reader, reader)
		p.GuessLimit, p.PIN = limit, pin
		return &p
	}
	o := odds(1000, []*wire.Policy{policy("a", 60, true), policy("b", 60, true), policy("c", 60, false)})
	if o.PerDay != 2*(60+288) || o.Readers != 2 {
		t.Errorf("%+v", o)
	}
	// 696 guesses at a chance of 1 in 100,000 each.
	if want := 1 - math.Pow(1-1e-5, 696); math.Abs(o.Chance-want) > 1e-12 {
		t.Errorf("%g, not %g", o.Chance, want)
	}
	if missed := math.Pow(1-1e-5, 696*o.Years*365.25); math.Abs(missed-0.5) > 1e-9 {
		t.Errorf("after %g years the chance of having missed is %g", o.Years, missed)
	}
	if got := o.String(); got != "1000 PINs at 2 readers. Guessing all day, at most 696 times, hits one with a chance of 1 in 144 a day; after 3 months it is more likely than not." {
		t.Error(got)
	}
	if o := odds(1, []*wire.Policy{policy("a", 0, true)}); !slices.Equal(o.Unbounded, []string{"a"}) || o.PerDay != 0 || !math.IsInf(o.Years, 1) {
		t.Errorf("%+v", o)
	}
	for _, o := range []*Odds{odds(0, []*wire.Policy{policy("a", 60, true)}), odds(5, nil)} {
		if o.Chance != 0 || !strings.HasPrefix(o.String(), "No PIN can be guessed") {
			t.Errorf("%+v", o)
		}
	}
	if o := odds(200_000_000, []*wire.Policy{policy("a", 60, true)}); o.Chance != 1 || math.IsNaN(o.Years) {
		t.Errorf("%+v", o)
	}
}

func TestPlacesAreOnTheReadersScreens(t *testing.T) {
	w := newWorld(t)
	id := w.reader()
	r := w.look(id)
	d, err := w.Door(t.Context(), as(Owner), r.DoorID)
	w.must(err)
	w.must(w.RenameDoor(t.Context(), as(Super), d.ID, " Garden door "))
	w.must(w.RenameLocation(t.Context(), as(Super), d.Location, "Villa"))
	if p := w.look(id).Policy; p.Door != "Garden door" || p.Place != "Villa" || p.Revision <= r.Policy.Revision {
		t.Errorf("%+v", p)
	}
	annex, err := w.AddLocation(t.Context(), as(Super), "Annex")
	w.must(err)
	hub, err := w.AddHub(t.Context(), as(Super), annex, "Hall")
	w.must(err)
	w.must(w.MoveDoor(t.Context(), as(Super), d.ID, hub))
	if got := w.look(id); got.Policy.Place != "Annex" || got.Place != "Annex" || got.Hub != "Hall" {
		t.Errorf("%+v", got)
	}
	other, err := w.AddDoor(t.Context(), as(Super), hub, "Side door")
	w.must(err)
	w.must(w.MoveReader(t.Context(), as(Super), id, other))
	if p := w.look(id).Policy; p.Door != "Side door" {
		t.Errorf("%+v", p)
	}
	before := w.look(id).Policy.Revision
	w.must(w.RenameHub(t.Context(), as(Super), hub, "Hall 2")) // no screen shows it
	if w.look(id).Policy.Revision != before {
		t.Error("a new policy for nothing")
	}
	for name, err := range map[string]error{
		"no name":        w.RenameDoor(t.Context(), as(Super), other, " "),
		"a long name":    w.RenameDoor(t.Context(), as(Super), other, strings.Repeat("a", 65)),
		"somebody's":     w.RenameDoor(t.Context(), as(Super), other, "Garden door"),
		"another's":      w.RenameLocation(t.Context(), as(Super), annex, "Villa"),
		"a full place":   w.RemoveLocation(t.Context(), as(Super), annex),
		"a door in use":  w.RemoveDoor(t.Context(), as(Super), other),
		"a control code": w.RenameHub(t.Context(), as(Super), hub, "a\x00"),
	} {
		if Fields(err)["name"] == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"door": w.RenameDoor(t.Context(), as(Super), 99, "x"), "hub": w.MoveDoor(t.Context(), as(Super), other, 99), "reader": w.MoveReader(t.Context(), as(Super), "nobody", other),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.must(w.RemoveDoor(t.Context(), as(Super), d.ID))
}

func TestABackupInOneFileOpensTheSite(t *testing.T) {
	w := newWorld(t)
	w.card()
	var buffer bytes.Buffer
	w.must(w.WriteBackup(t.Context(), as(Owner), &buffer))
	dir := t.TempDir()
	archive := tar.NewReader(&buffer)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		w.must(err)
		path := filepath.Join(dir, filepath.FromSlash(header.Name))
		if header.Typeflag == tar.TypeDir {
			w.must(os.MkdirAll(path, header.FileInfo().Mode().Perm()))
			continue
		}
		b, err := io.ReadAll(archive)
		w.must(err)
		w.must(os.WriteFile(path, b, header.FileInfo().Mode().Perm()))
	}
	s, err := site.Open(t.Context(), filepath.Join(dir, "home-20261123-123000"))
	w.must(err)
	defer s.Close()
	if report, err := s.Check(t.Context()); err != nil || report.Credentials != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	left, err := filepath.Glob(filepath.Join(w.dir, "aside-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v lies beside the site, with its keys; %v", left, err)
	}
	if err := w.WriteBackup(t.Context(), as(Owner), failing{}); err == nil || w.newest().Tone != Refused {
		t.Error("a download that broke off is noted as done:", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, fmt.Errorf("connection reset") }
