package desk

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

func TestOnlyTPMsOfTheSitesAuthoritiesAreAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	maker, other := boardtest.NewTPMMaker(t, "Maker", nil, nil), boardtest.NewTPMMaker(t, "Other", nil, nil)
	certified, foreign, none := boardtest.NewWithTPM(t, wire.TPMNonce{1}), boardtest.NewWithTPM(t, wire.TPMNonce{1}), boardtest.NewWithTPM(t, wire.TPMNonce{1})
	certified.Endorse(t, maker)
	foreign.Endorse(t, other)
	adopt := func(id string, b *boardtest.Board) error {
		_, err := w.Adopt(ctx, as(Super), AdoptForm{Reader: id, Request: b.Signed, Fingerprint: b.Fingerprint(), Access: []wire.Access{}}, func([]byte) error { return nil })
		return err
	}
	read := func(b *boardtest.Board, certifiedBy, sorry string) {
		t.Helper()
		r, err := w.ReadRequest(ctx, as(Super), b.Signed)
		if sorry != "" {
			if text := Fields(err)["request"]; !strings.Contains(text.String(), sorry) {
				t.Errorf("%v", err)
			}
			if err := adopt("refused", b); !strings.Contains(Fields(err)[""].String(), sorry) {
				t.Errorf("adopted: %v", err)
			}
		} else if err != nil || !r.TPM || r.Certified != certifiedBy {
			t.Errorf("%+v, %v", r, err)
		}
	}
	read(certified, "", "") // nobody is trusted yet: each is taken at its word
	w.must(adopt("before", certified))
	if theft, err := w.Theft(ctx, as(Viewer)); err != nil || !slices.Equal(theft.AtWord, []string{"before"}) {
		t.Errorf("%+v, %v", theft, err)
	}

	added, err := w.AddTPMAuthorities(ctx, as(Owner), maker.PEM())
	if err != nil || len(added) != 1 || added[0].Name != "Maker" || added[0].Fingerprint != wire.Fingerprint(maker.Authority.Raw) {
		t.Errorf("%+v, %v", added, err)
	}
	if e := w.newest(); !strings.Contains(string(e.Text.String()), "changed whose TPMs") || !strings.Contains(e.Text.String(), "Maker, too") {
		t.Errorf("%s", e.Text)
	}
	read(certified, "Maker", "")
	read(foreign, "", "CN=Other")
	read(none, "", "no certificate of its maker")
	w.must(adopt("before", certified)) // anew: now it was checked
	if e := w.newest(); !strings.Contains(e.Text.String(), "certified by Maker") {
		t.Errorf("%s", e.Text)
	}
	if theft, err := w.Theft(ctx, as(Viewer)); err != nil || len(theft.AtWord) > 0 || !w.look("before").Budget.Certified {
		t.Errorf("%+v, %v", theft, err)
	}

	list, err := w.TPMAuthorities(ctx, as(Viewer))
	if err != nil || len(list) != 1 || list[0].Subject != "CN=Maker" || !list[0].Until.Equal(maker.Authority.NotAfter) {
		t.Errorf("%+v, %v", list, err)
	}
	w.must(w.RemoveTPMAuthority(ctx, as(Owner), list[0].Fingerprint))
	if e := w.newest(); !strings.Contains(e.Text.String(), "Maker no more: each is taken at its word") {
		t.Errorf("%s", e.Text)
	}
	read(none, "", "")
	if err := w.RemoveTPMAuthority(ctx, as(Owner), list[0].Fingerprint); Fields(err)["authority"] == nil {
		t.Error(err)
	}
}

func TestAFileThatIsNoAuthorityChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	leaf := boardtest.NewTPMMaker(t, "Leaf", nil, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, 0 })
	root := boardtest.NewTPMMaker(t, "Root", nil, nil)
	for _, file := range [][]byte{nil, []byte("?"), leaf.PEM(), append(root.PEM(), leaf.PEM()...)} {
		if _, err := w.AddTPMAuthorities(ctx, as(Owner), file); Fields(err)["authority"] == nil {
			t.Error(err)
		}
	}
	var many bytes.Buffer
	for i := range maxTPMAuthorities {
		many.Write(boardtest.NewTPMMaker(t, fmt.Sprint(i), nil, nil).PEM())
	}
	if _, err := w.AddTPMAuthorities(ctx, as(Owner), append(many.Bytes(), root.PEM()...)); !strings.Contains(Fields(err)["authority"].String(), "at most 100") {
		t.Error(err)
	}
	if list, err := w.TPMAuthorities(ctx, as(Owner)); err != nil || len(list) > 0 {
		t.Errorf("%d, %v", len(list), err)
	}
	if _, err := w.AddTPMAuthorities(ctx, as(Owner), many.Bytes()); err != nil {
		t.Error(err)
	}
}
