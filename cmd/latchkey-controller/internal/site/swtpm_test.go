package site

import (
	"errors"
	"os"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin/tpm"
	"latchkey/device/pin/tpm/swtpm"
	"latchkey/sync/wire"
)

// A real TPM, in software, takes what the site makes: keys, first grants, refills, epochs.
func TestATPMTakesTheKeysAndGrantsOfASite(t *testing.T) {
	t.Run("at its word", func(t *testing.T) { takesAll(t, swtpm.New(t).Path, nil) })
	t.Run("certified", func(t *testing.T) {
		maker := swtpm.NewMaker(t)
		chip := maker.New()
		published, err := os.ReadFile(maker.Authority())
		if err != nil {
			t.Fatal(err)
		}
		takesAll(t, chip.Path, published)
	})
}

// takesAll adopts a TPM; if its maker has published an authority, as one that this has
// certified.
func takesAll(t *testing.T, path string, published []byte) {
	s, _ := newSite(t)
	ctx := t.Context()
	if published != nil {
		authorities, err := ParseTPMAuthorities(published, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		trust(t, s, authorities...)
	}
	chip := tpm.Open(path)
	defer func() { chip.Close() }()
	b := boardtest.NewWithTPM(t, nonceOne)
	ask := func() {
		t.Helper()
		signing := b.Request.TPM.Signing
		var err error
		if b.Request.TPM, err = chip.Request(ctx); err != nil {
			t.Fatal(err)
		}
		b.Request.TPM.Signing = signing
		b.Ask(t, b.Request.TPM.Nonce)
	}
	only := func(n uint32) {
		t.Helper()
		err := s.Update(ctx, func(tx *store.Tx) error { return tx.SetGuessSettings(store.GuessSettings{Budget: n}) })
		if err != nil {
			t.Fatal(err)
		}
	}
	only(10)
	ask()
	r := adoptTPMAt(t, s, time.Now(), b)
	if (r.bundle.Keys.TPM.Activation == nil) != (published == nil) {
		t.Errorf("its activation is %v", r.bundle.Keys.TPM.Activation)
	}
	if err := chip.Use(ctx, r.bundle.Keys.TPM); err != nil {
		t.Fatal(err)
	}
	ada := addUser(t, s, "Ada", "58310274", uid(1))
	p, err := s.ChosenPIN(ctx, []byte("58310274"))
	if err != nil {
		t.Fatal(err)
	}
	finds := func() {
		t.Helper()
		for kind, material := range map[wire.CredentialKind][]byte{wire.PIN: p.material, wire.Card: uid(1)} {
			tag, err := chip.Tag(ctx, kind, material)
			if err != nil {
				t.Fatal(err)
			}
			err = s.View(ctx, func(tx *store.Tx) error {
				c, err := tx.CredentialTagged(tag)
				if err == nil && c.User != ada.ID {
					t.Errorf("the %v is that of user %d", kind, c.User)
				}
				return err
			})
			if err != nil {
				t.Errorf("%v: %v", kind, err)
			}
		}
		r.attempts(1)
	}
	says := func() wire.Budget {
		t.Helper()
		budget, err := chip.Budget(ctx)
		if err != nil {
			t.Fatal(err)
		}
		r.spent(budget.Spent, budget.Limit)
		if err := chip.Use(ctx, r.keys().TPM); err != nil {
			t.Fatal(err)
		}
		if budget, err = chip.Budget(ctx); err != nil {
			t.Fatal(err)
		}
		return budget
	}
	for range 6 {
		finds()
	}
	if budget := says(); budget != (wire.Budget{Spent: 6, Limit: 16}) {
		t.Errorf("%+v", budget)
	}
	newEpoch(t, s, noon, 0)
	if budget := says(); budget != (wire.Budget{Spent: 6, Limit: 16}) {
		t.Errorf("after an epoch began: %+v", budget)
	}
	for range 10 {
		finds()
	}
	if _, err := chip.Tag(ctx, wire.PIN, p.material); !errors.Is(err, tpm.ErrSpent) {
		t.Errorf("the eleventh: %v", err)
	}
	if _, err := chip.Tag(ctx, wire.Card, uid(1)); err != nil {
		t.Error(err)
	}
	if budget := says(); budget != (wire.Budget{Spent: 16, Limit: 26}) {
		t.Errorf("%+v", budget)
	}
	finds()
	if alarms := surplusAlarms(t, s); len(alarms) != 0 {
		t.Errorf("%q", alarms)
	}

	// Adopted anew, after a start: the nonce of the request dies with the program.
	ask()
	r = adoptTPMAt(t, s, time.Now(), b)
	chip.Close()
	chip = tpm.Open(path)
	if err := chip.Use(ctx, r.bundle.Keys.TPM); !errors.Is(err, tpm.ErrNoBudget) {
		t.Fatalf("a first grant without its nonce: %v", err)
	}
	request, err := chip.Request(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r.says(wire.TPMState{Ref: r.bundle.Keys.TPM.Ref, Nonce: request.Nonce})
	if err := chip.Use(ctx, r.keys().TPM); err != nil {
		t.Fatal(err)
	}
	finds()
	if budget := says(); budget != (wire.Budget{Spent: 1, Limit: 10}) {
		t.Errorf("%+v", budget)
	}
}
