package store

import (
	"fmt"

	"latchkey/sync/wire"
)

// A Budget is an index in a reader's TPM that counts the PINs it checks, up to a limit.
type Budget struct {
	ID        int64
	Ref       wire.TPMRef
	Bundle    uint64         // number
	Created   int64          // Unix seconds
	Nonce     *wire.TPMNonce // of its first grant; nil: none was given, and the index cannot exist
	Automatic bool           // the first grant was given without an administrator
	Granted   uint32         // the highest limit given
	Attempts  uint64         // for which the TPM may have been asked, by the records that have come
	Told      wire.Budget    // as the reader has reported it last; zero: it has not
	Surplus   uint64         // the most of Told.Spent over Attempts that an alarm tells of
	Keys      *wire.TPMKeys  // of the newest epoch, with the newest grant
}

// Certified says whether its keys are only for a TPM that an authority of the site has
// certified.
func (b *Budget) Certified() bool { return b.Keys.Activation != nil }

// AddBudget adds the budget in use of a bundle, and fills in its ID. It fails if there was
// ever one with the same Ref.
func (t *Tx) AddBudget(b *Budget) error {
	nonce := []byte{}
	if b.Nonce != nil {
		nonce = b.Nonce[:]
	}
	return t.row(`INSERT INTO budgets (ref, bundle, created, nonce, automatic, granted, keys) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		[]any{b.Ref[:], b.Bundle, b.Created, nonce, b.Automatic, b.Granted, wire.Marshal(b.Keys)}, &b.ID)
}

// SetBudget updates what changes of a budget.
func (t *Tx) SetBudget(b *Budget) error {
	return t.exec(`UPDATE budgets SET granted = ?, spent = ?, top = ?, surplus = ?, keys = ? WHERE id = ?`,
		b.Granted, b.Told.Spent, b.Told.Limit, b.Surplus, wire.Marshal(b.Keys), b.ID)
}

// Budget returns a bundle's budget in use, or ErrNotFound if its reader has no TPM.
func (t *Tx) Budget(bundle uint64) (*Budget, error) {
	budgets, err := t.budgets(`bundle = ? ORDER BY id DESC LIMIT 1`, bundle)
	if err == nil && len(budgets) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return budgets[0], nil
}

// BudgetsOf returns the budgets in use of some bundles, by bundle; those without any are missing.
func (t *Tx) BudgetsOf(bundles []uint64) (map[uint64]*Budget, error) {
	ids := make([]int64, len(bundles))
	for i, number := range bundles {
		ids[i] = int64(number)
	}
	budgets, err := t.budgets(`bundle IN `+listedIDs+` ORDER BY id`, list(ids))
	inUse := map[uint64]*Budget{}
	for _, b := range budgets {
		inUse[b.Bundle] = b
	}
	return inUse, err
}

// Budgets returns all budgets that a bundle has had, the oldest first.
func (t *Tx) Budgets(bundle uint64) ([]*Budget, error) {
	return t.budgets(`bundle = ? ORDER BY id`, bundle)
}

// BudgetsInUse returns the budgets in use of all bundles in force, by reader.
func (t *Tx) BudgetsInUse() (map[string]*Budget, error) {
	readers := map[uint64]string{}
	err := t.rows(`SELECT number, reader_id FROM bundles WHERE revoked = 0`, nil, func(r scanner) error {
		var number uint64
		var reader string
		err := r.Scan(&number, &reader)
		readers[number] = reader
		return err
	})
	if err != nil {
		return nil, err
	}
	budgets, err := t.budgets(`bundle IN (SELECT number FROM bundles WHERE revoked = 0) ORDER BY id`)
	inUse := map[string]*Budget{}
	for _, b := range budgets {
		inUse[readers[b.Bundle]] = b
	}
	return inUse, err
}

func (t *Tx) budgets(where string, args ...any) (budgets []*Budget, err error) {
	err = t.rows(`SELECT id, ref, bundle, created, nonce, automatic, granted, attempts, spent, top, surplus, keys FROM budgets WHERE `+where, args, func(r scanner) error {
		var b Budget
		var nonce, keys []byte
		budgets = append(budgets, &b)
		if err := r.Scan(&b.ID, fixed(b.Ref[:]), &b.Bundle, &b.Created, &nonce, &b.Automatic, &b.Granted, &b.Attempts, &b.Told.Spent, &b.Told.Limit, &b.Surplus, &keys); err != nil {
			return err
		}
		if len(nonce) > 0 {
			b.Nonce = (*wire.TPMNonce)(nonce)
		}
		b.Keys = new(wire.TPMKeys)
		if err := wire.Unmarshal(keys, wire.MaxEpochKeys, b.Keys); err != nil {
			return fmt.Errorf("keys of bundle %d: %w", b.Bundle, err)
		}
		return nil
	})
	return budgets, err
}

// countedAttempts is Attempts of a reader's budget in use.
type countedAttempts struct {
	budget  int64
	created int64 // Unix seconds
	n       int64
	changed bool
}

// attemptsOf returns Attempts of those of some readers that have a budget in use.
func (t *Tx) attemptsOf(readers []string) (attempts map[string]*countedAttempts, err error) {
	attempts = map[string]*countedAttempts{}
	err = t.rows(`SELECT u.reader_id, b.id, b.created, b.attempts FROM bundles u JOIN budgets b ON b.bundle = u.number WHERE u.revoked = 0 AND u.reader_id IN `+listed+` ORDER BY b.id`, []any{list(readers)}, func(r scanner) error {
		var reader string
		var a countedAttempts
		err := r.Scan(&reader, &a.budget, &a.created, &a.n)
		attempts[reader] = &a
		return err
	})
	return attempts, err
}

// setAttempts stores those of attempts that were changed.
func (t *Tx) setAttempts(attempts map[string]*countedAttempts) error {
	for _, a := range attempts {
		if !a.changed {
			continue
		}
		if err := t.exec(`UPDATE budgets SET attempts = ? WHERE id = ?`, a.n, a.budget); err != nil {
			return err
		}
	}
	return nil
}

// attemptsAt returns Attempts of a reader's budget in use; nil: it has none.
func (in *Intake) attemptsAt(reader string) (_ *countedAttempts, err error) {
	if in.attempts == nil {
		in.attempts, err = in.t.attemptsOf(in.readers)
	}
	return in.attempts[reader], err
}

// CountAttempts adds n, which may be negative, to Attempts of a reader's budget in use,
// unless it was created later than at, in Unix milliseconds.
func (in *Intake) CountAttempts(reader string, n, at int64) error {
	a, err := in.attemptsAt(reader)
	if a != nil && a.created <= at/1000 {
		a.n, a.changed = max(a.n+n, 0), true
	}
	return err
}

// LimitAttempts lowers Attempts of a reader's budget in use to most, if it is above.
func (in *Intake) LimitAttempts(reader string, most uint32) error {
	a, err := in.attemptsAt(reader)
	if a != nil {
		a.n, a.changed = min(a.n, int64(most)), true
	}
	return err
}

// AttemptsSince returns how many attempt.started records of a reader have come since a
// time, in Unix milliseconds.
func (t *Tx) AttemptsSince(reader string, since int64) (n int, err error) {
	err = t.row(`SELECT count(*) FROM records INDEXED BY attempts WHERE reader_id = ? AND received >= ? AND kind = 'attempt.started'`, []any{reader, since}, &n)
	return n, err
}

// Keys returns the numbers of the newest keys that some readers get, by reader.
func (t *Tx) Keys(readers ...string) (numbers map[string]uint64, err error) {
	numbers = make(map[string]uint64, len(readers))
	return numbers, t.rows(`SELECT id, keys FROM readers WHERE id IN `+listed, []any{list(readers)}, func(r scanner) error {
		var reader string
		var number uint64
		err := r.Scan(&reader, &number)
		numbers[reader] = number
		return err
	})
}

// RaiseKeys notes that a reader gets other keys: their number rises to max(last + 1, now),
// now in Unix seconds.
func (t *Tx) RaiseKeys(now int64, reader string) error {
	return t.exec(`UPDATE readers SET keys = CASE WHEN keys < ?1 THEN ?1 ELSE keys + 1 END WHERE id = ?2`, now, reader)
}

// NotePINKeys notes that all readers without a TPM get the PIN key of the newest epoch.
func (t *Tx) NotePINKeys() error {
	return t.exec(`UPDATE readers SET pin_epoch = (SELECT max(number) FROM epochs)
		WHERE id IN (SELECT reader_id FROM bundles WHERE revoked = 0 AND number NOT IN (SELECT bundle FROM budgets))`)
}

// NotePINKey notes that one reader does.
func (t *Tx) NotePINKey(reader string) error {
	return t.exec(`UPDATE readers SET pin_epoch = (SELECT max(number) FROM epochs) WHERE id = ?`, reader)
}

// NoteHeld notes that a reader holds an epoch: it has deleted the keys of earlier ones.
func (t *Tx) NoteHeld(reader string, epoch uint64) error {
	return t.exec(`UPDATE readers SET pin_epoch = 0 WHERE id = ? AND pin_epoch < ?`, reader, epoch)
}

// PINEpoch returns the newest epoch whose PIN key a reader got in the clear and, as far as
// it has said, still has; 0: none.
func (t *Tx) PINEpoch(reader string) (epoch uint64, err error) {
	err = t.rowIfAny(`SELECT pin_epoch FROM readers WHERE id = ?`, []any{reader}, &epoch)
	return epoch, err
}

// SetPINEpoch sets that.
func (t *Tx) SetPINEpoch(reader string, epoch uint64) error {
	return t.exec(`UPDATE readers SET pin_epoch = ? WHERE id = ?`, epoch, reader)
}

// GuessSettings say who gets the PIN key, and how many PINs a stolen reader may try.
type GuessSettings struct {
	OnlyTPM bool   // readers without a TPM do not get it
	Budget  uint32 // how many PINs a TPM checks beyond those that were entered
}

// GuessSettings returns the site's GuessSettings.
func (t *Tx) GuessSettings() (g GuessSettings, err error) {
	err = t.row(`SELECT pin_tpm_only, guess_budget FROM site`, nil, &g.OnlyTPM, &g.Budget)
	return g, err
}

// SetGuessSettings sets them.
func (t *Tx) SetGuessSettings(g GuessSettings) error {
	return t.exec(`UPDATE site SET pin_tpm_only = ?, guess_budget = ?`, g.OnlyTPM, g.Budget)
}

// SetGrantKey stores the sealed grant key.
func (t *Tx) SetGrantKey(sealed []byte) error { return t.exec(`UPDATE site SET grant_key = ?`, sealed) }
