package site

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAMoveEndsOnlyAsItWasSeen(t *testing.T) {
	s := withReader(t)
	adopt(t, s, noon, "back-door", newBoard(t), noEdit)
	set := func(reader string, c store.ReaderCell) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.SetCellOf(reader, c) }); err != nil {
			t.Fatal(err)
		}
	}
	south, west := &store.Cell{Name: "south"}, &store.Cell{Name: "west"}
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.AddCell(south); err != nil {
			return err
		}
		return tx.AddCell(west)
	})
	if err != nil {
		t.Fatal(err)
	}
	coming := store.ReaderCell{Cell: south.ID, From: store.HomeCell}
	set("front-door", coming)
	seen := func() *Peer {
		t.Helper()
		peers, _, err := s.NewPeers(t.Context(), south.ID, nil)
		if err != nil || len(peers) != 1 {
			t.Fatal(len(peers), err)
		}
		return peers["front-door"]
	}
	peer := seen()
	settle := func(what string, want store.ReaderCell, peers ...*Peer) {
		t.Helper()
		settled, err := s.Settle(t.Context(), south.ID, peers)
		if err != nil {
			t.Fatal(err)
		}
		var is store.ReaderCell
		if err := s.View(t.Context(), func(tx *store.Tx) (err error) {
			is, err = tx.CellOf("front-door")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if is != want || (len(settled) == 1) != (want == store.ReaderCell{Cell: south.ID}) {
			t.Errorf("%s: %+v, settled %q", what, is, settled)
		}
	}
	for _, c := range []store.ReaderCell{{Cell: store.HomeCell, From: south.ID}, {Cell: west.ID, From: south.ID}, {Cell: south.ID, From: west.ID}} {
		set("front-door", c)
		settle("moved again", c, peer)
	}
	set("front-door", coming)
	adopt(t, s, noon, "front-door", newBoard(t), noEdit)
	settle("adopted anew", coming, peer)
	settle("it, and one that is not there", store.ReaderCell{Cell: south.ID}, &Peer{Reader: "nobody", Cell: coming}, seen())
	if settled, err := s.Settle(t.Context(), south.ID, []*Peer{peer, {Reader: "back-door", Cell: coming}}); err != nil || len(settled) != 0 {
		t.Errorf("%q, %v", settled, err)
	}
}

func TestOnlyTheCellOfAReaderHasItsOutageNoted(t *testing.T) {
	s := withReader(t)
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		cell := &store.Cell{Name: "south"}
		if err := tx.AddCell(cell); err != nil {
			return err
		}
		return tx.SetCellOf("front-door", store.ReaderCell{Cell: cell.ID, From: store.HomeCell})
	})
	if err != nil {
		t.Fatal(err)
	}
	out := func() (is bool) {
		t.Helper()
		if err := s.View(t.Context(), func(tx *store.Tx) (err error) {
			is, err = tx.Out("front-door")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return is
	}
	for cell, want := range []bool{1: false, 2: true} {
		if cell == 0 {
			continue
		}
		if err := s.TakeOutages(t.Context(), int64(cell), at(noon), map[string]bool{"front-door": true}); err != nil || out() != want {
			t.Errorf("cell %d: %t, %v", cell, out(), err)
		}
	}
}

func TestABrokersCertificateNamesItsCell(t *testing.T) {
	s := withReader(t)
	for cell, want := range map[int64]int64{store.HomeCell: store.HomeCell, 2: 2, 12345678: 12345678} {
		made, err := s.BrokerCertificate([]string{"localhost"}, cell)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(made.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := BrokerCell(c); err != nil || got != want || (len(c.Subject.OrganizationalUnit) == 0) != (want == store.HomeCell) {
			t.Errorf("%d: %d, %q, %v", cell, got, c.Subject.OrganizationalUnit, err)
		}
	}
	for _, units := range [][]string{{"cell 1"}, {"cell 0"}, {"cell -2"}, {"cell 2", "cell 3"}, {"sales"}, {"cell x"}, {"cell "}, {""}} {
		if cell, err := BrokerCell(&x509.Certificate{Subject: pkix.Name{OrganizationalUnit: slices.Clone(units)}}); err == nil {
			t.Errorf("%q is cell %d", units, cell)
		}
	}
}

func TestAReaderIsTakenInIfItHasAnotherPolicyAndSaysSoNow(t *testing.T) {
	s := withReader(t)
	b := newBoard(t)
	adopt(t, s, noon, "front-door", b, noEdit)
	south, west := &store.Cell{Name: "south"}, &store.Cell{Name: "west"}
	there := store.ReaderCell{}
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.AddCell(south); err != nil {
			return err
		}
		if err := tx.AddCell(west); err != nil {
			return err
		}
		b, err := tx.BundleOf("front-door")
		if err != nil {
			return err
		}
		there = store.ReaderCell{Cell: south.ID}
		return tx.SetStates(&store.State{Reader: "front-door", Bundle: b.Number, Connection: 5, Counter: 3})
	})
	if err != nil {
		t.Fatal(err)
	}
	revision := policyOf(t, s, "front-door").Revision
	for name, c := range map[string]struct {
		reader string
		says   wire.State
		by     *board
		is     store.ReaderCell
		taken  bool
	}{
		"an older policy":         {"front-door", wire.State{Reader: "front-door", Connection: 6, Counter: 1, PolicyRevision: revision - 1}, b, there, true},
		"a newer policy":          {"front-door", wire.State{Reader: "front-door", Connection: 6, Counter: 1, PolicyRevision: revision + 1}, b, there, true},
		"the policy":              {"front-door", wire.State{Reader: "front-door", Connection: 6, Counter: 1, PolicyRevision: revision}, b, there, false},
		"a connection before":     {"front-door", wire.State{Reader: "front-door", Connection: 5, Counter: 9, PolicyRevision: 1}, b, there, false},
		"its end":                 {"front-door", wire.State{Reader: "front-door", Connection: 6}, b, there, false},
		"another board":           {"front-door", wire.State{Reader: "front-door", Connection: 6, Counter: 1, PolicyRevision: 1}, newBoard(t), there, false},
		"another name":            {"front-door", wire.State{Reader: "back-door", Connection: 6, Counter: 1, PolicyRevision: 1}, b, there, false},
		"no reader":               {"nobody", wire.State{Reader: "nobody", Connection: 6, Counter: 1, PolicyRevision: 1}, b, there, false},
		"one of this cell":        {"front-door", wire.State{Reader: "front-door", Connection: 6, Counter: 1, PolicyRevision: 1}, b, store.ReaderCell{Cell: west.ID}, false},
		"one that is being moved": {"front-door", wire.State{Reader: "front-door", Connection: 6, Counter: 1, PolicyRevision: 1}, b, store.ReaderCell{Cell: south.ID, From: store.HomeCell}, false},
	} {
		if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.SetCellOf("front-door", c.is) }); err != nil {
			t.Fatal(err)
		}
		if c.says.Counter != 0 {
			c.says.Version = "test"
			c.says.Nonce, c.says.Journal, c.says.First = wire.Nonce{1}, wire.JournalID{1}, 1
			c.says.Condition = &wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed}
		}
		signed, err := c.says.Sign(s.ID, c.by.signing)
		if err != nil {
			t.Fatal(err)
		}
		want := c.is
		if c.taken {
			want.From = west.ID
		}
		taken, err := s.TakeIn(t.Context(), west.ID, c.reader, signed)
		var is store.ReaderCell
		if err == nil {
			err = s.View(t.Context(), func(tx *store.Tx) (err error) {
				is, err = tx.CellOf("front-door")
				return err
			})
		}
		if err != nil || taken != c.taken || is != want {
			t.Errorf("%s: taken in: %t, %+v, %v", name, taken, is, err)
		}
	}
	if taken, err := s.TakeIn(t.Context(), west.ID, "front-door", []byte("nothing")); taken || err != nil {
		t.Errorf("%t, %v", taken, err)
	}
}
