package site

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin/tpm"
	"latchkey/sync/wire"
)

// A reader with a TPM checks PINs until its budget is spent. Its state tells how far it is;
// the controller raises the limit when less than half of the site's budget is left and the
// reader's records are here, by dailyGrants a day at most.
//
//	no index --nonce--> first grant --limit reported--> in use --less than half left--> refill
//	   ^                                                   |  ^                            |
//	   +---------- the TPM has lost its index -------------+  +----------------------------+
//
// A first grant starts a count at 0, for a new Ref. It is given at the adoption, once more
// by itself if the nonce of the adoption died before it was used, and otherwise only when
// an administrator says so (RenewBudget): each one is a whole budget more.

// newBudget adds a budget of a bundle, with a Ref of its own and keys wrapped for it, for the
// endorsement key of its TPM if that is certified.
// Without a nonce it gives no first grant: the index cannot exist, and the grant, a
// refill, does nothing.
func (s *Site) newBudget(tx *store.Tx, now time.Time, b *store.Bundle, nonce wire.TPMNonce, certified, automatic bool) error {
	settings, err := tx.GuessSettings()
	if err != nil {
		return err
	}
	grantKey, err := s.grantKey(tx)
	if err != nil {
		return err
	}
	budget := &store.Budget{Bundle: b.Number, Created: now.Unix(), Automatic: automatic, Granted: settings.Budget}
	rand.Read(budget.Ref[:])
	if budget.Keys, err = s.wrapped(tx, &grantKey.PublicKey, b, certified, budget.Ref); err != nil {
		return err
	}
	if nonce == (wire.TPMNonce{}) {
		budget.Keys.Grant, err = tpm.Refill(grantKey, budget.Ref, settings.Budget)
	} else {
		budget.Nonce = &nonce
		budget.Keys.Grant, err = tpm.FirstGrant(grantKey, budget.Ref, nonce, settings.Budget)
	}
	if err != nil {
		return err
	}
	if err := tx.AddBudget(budget); err != nil {
		return err
	}
	return tx.RaiseKeys(now.Unix(), b.Reader)
}

// refill raises the limit of a budget.
func (s *Site) refill(tx *store.Tx, now time.Time, reader string, b *store.Budget, limit uint32) error {
	grantKey, err := s.grantKey(tx)
	if err != nil {
		return err
	}
	if b.Keys.Grant, err = tpm.Refill(grantKey, b.Ref, limit); err != nil {
		return err
	}
	b.Granted = limit
	if err := tx.SetBudget(b); err != nil {
		return err
	}
	return tx.RaiseKeys(now.Unix(), reader)
}

// A budgetStep is what a reader's word on its TPM has the controller do.
type budgetStep struct {
	noted   bool   // Told has changed
	surplus uint64 // raise an alarm: so many more were spent than the records show; 0: none
	refill  uint32 // the new limit; 0: none
	first   bool   // give a first grant over the nonce
}

// budgetStepFor returns what to do when a reader reports t, of which a bundle's budgets are
// given, the newest last. caughtUp says that all records are here that the reader had
// then. It notes in the newest what the reader reports.
func budgetStepFor(budgets []*store.Budget, t *wire.TPMState, caughtUp bool, setting uint32) (do budgetStep) {
	b := budgets[len(budgets)-1]
	if t.Ref != b.Ref {
		return do // it has not got the newest keys yet, or another board's
	}
	if t.Budget.Limit == 0 {
		do.first = t.Nonce != (wire.TPMNonce{}) && MayGiveFirst(budgets)
		return do
	}
	do.noted = b.Told != t.Budget
	b.Told = t.Budget
	if over := uint64(t.Budget.Spent); caughtUp && over > b.Attempts && over-b.Attempts > b.Surplus {
		do.surplus = over - b.Attempts
		b.Surplus = do.surplus
	}
	if caughtUp && Left(b) < setting/2 {
		if limit := uint32(min(Used(b)+uint64(setting), math.MaxUint32)); limit > b.Granted {
			do.refill = limit
		}
	}
	return do
}

// MayGiveFirst says whether a first grant may be given by itself: once in a bundle, and
// only while its reader has never had a budget.
func MayGiveFirst(budgets []*store.Budget) bool {
	for _, b := range budgets {
		if b.Automatic || b.Told.Limit > 0 {
			return false
		}
	}
	return true
}

// Used returns how many PINs a reader's TPM has checked, as far as records show it: what
// the reader says beyond them does not count.
func Used(b *store.Budget) uint64 { return min(uint64(b.Told.Spent), b.Attempts) }

// Left returns how many more PINs a reader's TPM may check at most, with every grant that
// was given.
func Left(b *store.Budget) uint32 {
	if b.Nonce == nil {
		return 0 // it has no index
	}
	limit := uint64(max(b.Granted, b.Told.Limit))
	return uint32(limit - min(Used(b), limit))
}

// Stealable returns how many PINs whoever steals a reader's TPM may check with it: what is
// left, and a first grant that would be given by itself.
func Stealable(budgets []*store.Budget, setting uint32) uint64 {
	guesses := uint64(Left(budgets[len(budgets)-1]))
	if MayGiveFirst(budgets) {
		guesses += uint64(setting)
	}
	return guesses
}

// TakeBudget handles what a reader's newest state says about its TPM: it notes it, raises
// an alarm, and gives a grant, as is due.
func (s *Site) TakeBudget(ctx context.Context, at clock.Reading, p *Peer, state *wire.State) error {
	if state.Condition == nil || state.Condition.TPM == nil {
		return nil
	}
	var due bool
	err := s.View(ctx, func(tx *store.Tx) error {
		_, do, err := s.budgetStep(tx, p, state)
		due = do != budgetStep{}
		return err
	})
	if err != nil || !due {
		return err
	}
	return s.Update(ctx, func(tx *store.Tx) error {
		budget, do, err := s.budgetStep(tx, p, state)
		if err != nil || do == (budgetStep{}) {
			return err
		}
		if err := tx.SetBudget(budget); err != nil {
			return err
		}
		if do.surplus > 0 {
			if err := tx.AddAlarm(store.NewAlarm(p.Reader, store.BudgetUnrecorded, at.Wall.UnixMilli(), language.Say(
				"its TPM has checked %d PINs, %d more than its records show. Somebody may be trying PINs on its chip: if the reader is not where it should be, remove it as lost. "+
					"After records were lost, or this site was restored from a backup, it is expected. The reader gets no guesses for what its records do not show; adopt it anew to give it a new budget",
				state.Condition.TPM.Budget.Spent, do.surplus))); err != nil {
				return err
			}
		}
		switch {
		case do.refill > 0:
			settings, err := tx.GuessSettings()
			if err != nil {
				return err
			}
			may, err := mayGrant(tx, at, p.Reader, do.refill-budget.Granted, settings.Budget)
			if err != nil || !may {
				return err
			}
			return s.refill(tx, at.Wall, p.Reader, budget, do.refill)
		case do.first:
			b, err := inForce(tx, p)
			if err != nil {
				return err
			}
			if err := tx.AddAlarm(store.NewAlarm(p.Reader, store.BudgetAgain, at.Wall.UnixMilli(), language.Say("its TPM says that it has not used the budget of its adoption, and was given another, once. "+
				"That is expected after an adoption that was interrupted, or of a reader that did not run. If the reader is not where it should be, remove it as lost"))); err != nil {
				return err
			}
			return s.newBudget(tx, at.Wall, b, state.Condition.TPM.Nonce, budget.Certified(), true)
		}
		return nil
	})
}

// budgetStep returns what to do about a state, and the budget in use as it is then.
func (s *Site) budgetStep(tx *store.Tx, p *Peer, state *wire.State) (*store.Budget, budgetStep, error) {
	if _, err := inForce(tx, p); errors.Is(err, store.ErrNotFound) {
		return nil, budgetStep{}, nil // removed or adopted anew meanwhile
	} else if err != nil {
		return nil, budgetStep{}, err
	}
	budgets, err := tx.Budgets(p.Bundle)
	if err != nil || len(budgets) == 0 {
		return nil, budgetStep{}, err // it was adopted without a TPM
	}
	settings, err := tx.GuessSettings()
	if err != nil {
		return nil, budgetStep{}, err
	}
	journal, err := tx.Journal(p.Reader, state.Journal)
	if err != nil {
		return nil, budgetStep{}, err
	}
	do := budgetStepFor(budgets, state.Condition.TPM, journal.Number >= state.Last, settings.Budget)
	return budgets[len(budgets)-1], do, nil
}

// inForce returns a peer's bundle, or ErrNotFound if it is not in force.
func inForce(tx *store.Tx, p *Peer) (*store.Bundle, error) {
	b, err := tx.BundleOf(p.Reader)
	if err == nil && b.Number != p.Bundle {
		err = store.ErrNotFound
	}
	return b, err
}

// A Refusal says why the site does not do what an administrator asks for, and what to do.
type Refusal struct{ why *language.Sentence }

func (r *Refusal) Error() string { return r.why.String() }

// Said returns the sentence.
func (r *Refusal) Said() *language.Sentence { return r.why }

func refuse(english string, values ...any) error { return &Refusal{language.Say(english, values...)} }

// RenewBudget gives a reader a new budget over the nonce that its newest state asks with:
// its TPM has lost the one that it had, or never got it. The error may be a
// *Refusal.
func (s *Site) RenewBudget(tx *store.Tx, now time.Time, reader string) error {
	b, err := tx.BundleOf(reader)
	if errors.Is(err, store.ErrNotFound) {
		return noReader(reader)
	}
	if err != nil {
		return err
	}
	budget, err := tx.Budget(b.Number)
	if errors.Is(err, store.ErrNotFound) {
		return refuse("the reader %s was adopted without a TPM, and has no budget: to give it one, have it adopted anew with a TPM", reader)
	} else if err != nil {
		return err
	}
	t, err := lastTPMState(tx, b)
	if err != nil {
		return err
	}
	if t == nil || t.Nonce == (wire.TPMNonce{}) {
		return refuse("the reader %s does not ask for a new budget: renew it when the reader is connected and says that it needs a first grant, or have the reader adopted anew", reader)
	}
	budgets, err := tx.Budgets(b.Number)
	if err != nil {
		return err
	}
	for _, given := range budgets {
		if given.Nonce != nil && *given.Nonce == t.Nonce {
			return refuse("the reader %s was given a new budget already and will take it when it is connected; if it asks again after a restart, renew it then", reader)
		}
	}
	return s.newBudget(tx, now, b, t.Nonce, budget.Certified(), false)
}

// lastTPMState returns what the newest state of a bundle's reader says about its TPM; nil:
// nothing.
func lastTPMState(tx *store.Tx, b *store.Bundle) (*wire.TPMState, error) {
	states, err := tx.States()
	if err != nil {
		return nil, err
	}
	for _, kept := range states {
		if kept.Reader != b.Reader || kept.Bundle != b.Number || len(kept.Payload) == 0 {
			continue
		}
		state, err := wire.ParseState(kept.Payload)
		if err != nil || state.Condition == nil {
			return nil, nil // damaged: the reader reports a new one
		}
		return state.Condition.TPM, nil
	}
	return nil, nil
}

// Grant returns a message that raises a reader's limit to spent and the site's budget, for
// a reader that the link does not reach; it is a file there. spent is how many PINs the
// reader says that it has checked; nil: as far as the controller knows. The limit never
// falls.
func (s *Site) Grant(tx *store.Tx, now time.Time, reader string, spent *uint32) (signed []byte, limit uint32, err error) {
	b, err := tx.BundleOf(reader)
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, noReader(reader)
	}
	if err != nil {
		return nil, 0, err
	}
	budget, err := tx.Budget(b.Number)
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, fmt.Errorf("the reader %s was adopted without a TPM, and needs no grant; to give it a budget, have it adopted anew with a TPM", reader)
	}
	if err != nil {
		return nil, 0, err
	}
	if budget.Nonce == nil {
		return nil, 0, fmt.Errorf("the TPM of %s has no budget yet that could be raised: connect the reader, or have it adopted anew while it runs", reader)
	}
	settings, err := tx.GuessSettings()
	if err != nil {
		return nil, 0, err
	}
	used := Used(budget)
	if spent != nil {
		used = uint64(*spent)
		if most := max(budget.Granted, budget.Told.Limit); *spent > most {
			return nil, 0, refuse("the TPM of %s cannot have checked %d PINs: it was granted %d. Compare with latchkeyd status at the reader; if the site was restored from a backup, have the reader adopted anew", reader, *spent, most)
		}
	}
	if limit := min(used+uint64(settings.Budget), math.MaxUint32); limit > uint64(budget.Granted) {
		if err := s.refill(tx, now, reader, budget, uint32(limit)); err != nil {
			return nil, 0, err
		}
	}
	var request wire.Request
	if err := wire.Unmarshal(b.Request, wire.MaxMessage, &request); err != nil {
		return nil, 0, err
	}
	p := &Peer{Reader: reader, Bundle: b.Number}
	if p.sealing, err = ecdh.X25519().NewPublicKey(request.Sealing[:]); err != nil {
		return nil, 0, err
	}
	keys := map[string][]byte{}
	err = s.epochKeys(tx, []*Peer{p}, keys)
	return keys[reader], budget.Granted, err
}
