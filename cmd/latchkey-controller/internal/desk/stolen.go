package desk

import (
	"context"
	"math"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// A KeyPlace is where a reader has the PIN key of the site.
type KeyPlace string

// The places.
const (
	KeyInTPM    KeyPlace = "tpm"
	KeyInFile   KeyPlace = "file"
	KeyWithheld KeyPlace = "none" // the site gives it only to readers with a TPM
)

// A Budget is how many PINs a reader's TPM may still check.
type Budget struct {
	Left   uint32  // at most, with every grant that was given
	Limit  uint32  // the count at which it stops
	Spent  uint32  // as the reader says
	PerDay float64 // how many PINs are entered there

	Certified bool // an authority has certified the TPM; otherwise it is taken at its word

	Most uint64  // what a thief gets: Left, and a first grant that would come by itself
	Odds float64 // of finding somebody's PIN with Most guesses
	Need Need
}

// Days returns for how many days Left lasts at PerDay; 0: nobody enters PINs.
func (b *Budget) Days() float64 {
	if b.PerDay == 0 {
		return 0
	}
	return float64(b.Left) / b.PerDay
}

// Said describes the budget.
func (b *Budget) Said() *language.Sentence {
	left := int(b.Left)
	switch days := b.Days(); {
	case b.PerDay == 0:
		return language.Count(left, "%d guess left; no PIN was entered lately", "%d guesses left; no PIN was entered lately")
	case days < 1:
		return language.Count(left, "%d guess left, for less than a day at its use", "%d guesses left, for less than a day at its use")
	default:
		return language.Count(left, "%d guess left, for %s at its use", "%d guesses left, for %s at its use", span(days/365.25))
	}
}

func (b *Budget) String() string { return b.Said().String() }

// A Need is what a reader's TPM lacks.
type Need string

// The needs.
const (
	NeedsNothing    Need = ""
	NeedsFirstGrant Need = "first-grant"    // it gets one by itself
	NeedsRenewal    Need = "renewal"        // it had a budget, and has none now: an administrator must renew it
	NeedsGrant      Need = "grant"          // its budget is spent; the next grant is on its way
	NeedsAdoption   Need = "adoption"       // its budget is spent, beyond what its records show
	NeedsTPM        Need = "tpm"            // the TPM does not answer, has lost its keys, or is another one
	NeedsConnection Need = "not-heard-from" // it has not said yet that it has a budget
)

// needs describe what a reader's TPM lacks, and what to do.
var needs = map[Need]*language.Sentence{
	NeedsFirstGrant: language.Say("Its TPM needs a first grant, which is on its way. Cards work."),
	NeedsRenewal:    language.Say("Its TPM has lost its budget, and needs a first grant: if the reader is where it should be, renew its budget, or have it adopted anew. Until then it takes no PINs; cards work."),
	NeedsGrant:      language.Say("Its budget is spent: it takes no PINs until the next grant reaches it, once its records are here. Cards work."),
	NeedsAdoption:   language.Say("Its budget is spent, and its records do not show by whom: it takes no PINs. If the reader is where it should be, have it adopted anew; if not, remove it as lost."),
	NeedsTPM:        language.Say("Its TPM checks no PINs. If it does not answer, see to it; if its keys are for another TPM, or it was cleared, have the reader adopted anew."),
	NeedsConnection: language.Say("It has not said yet that its TPM has taken its keys."),
}

// Text describes the need, and what to do; nil: none.
func (n Need) Text() *language.Sentence { return needs[n] }

// Needy says whether somebody should look after it.
func (n Need) Needy() bool { return n != NeedsNothing && n != NeedsConnection }

// needOf returns what the TPM of a reader lacks.
func needOf(all []*store.Budget, live ReaderStatus) Need {
	b := all[len(all)-1]
	t := live.TPM
	if t == nil || t.Ref != b.Ref { // not heard from since its newest keys
		if b.Told.Limit == 0 {
			return NeedsConnection
		}
		return NeedsNothing
	}
	switch {
	case t.Budget.Limit == 0 && t.Nonce != (wire.TPMNonce{}):
		if site.MayGiveFirst(all) {
			return NeedsFirstGrant
		}
		return NeedsRenewal
	case t.Budget.Limit == 0:
		return NeedsTPM
	case t.Budget.Left() > 0:
		return NeedsNothing
	case uint64(t.Budget.Spent) > b.Attempts && live.Waiting == 0:
		return NeedsAdoption
	}
	return NeedsGrant
}

// recently is the time over which the use of a reader is measured.
const recently = 30 * 24 * time.Hour

// fillBudget fills in where a reader has the PIN key and, if it has a TPM, its budget.
func fillBudget(tx *store.Tx, r *Reader, now time.Time, settings store.GuessSettings, pins int) error {
	all, err := tx.Budgets(r.Bundle)
	if err != nil {
		return err
	}
	epoch, err := tx.PINEpoch(r.ID)
	if err != nil {
		return err
	}
	r.OldKey = epoch != 0 && (len(all) > 0 || settings.OnlyTPM)
	if r.Key = keyPlace(all, settings); r.Key != KeyInTPM {
		return nil
	}
	b := all[len(all)-1]
	most := site.Stealable(all, settings.Budget)
	since := now.Add(-recently)
	if since.Before(r.Adopted) {
		since = r.Adopted
	}
	attempts, err := tx.AttemptsSince(r.ID, since.UnixMilli())
	if err != nil {
		return err
	}
	days := max(now.Sub(since).Hours()/24, 1)
	r.Budget = &Budget{Left: site.Left(b), Most: most, Limit: max(b.Granted, b.Told.Limit), Spent: b.Told.Spent, PerDay: float64(attempts) / days,
		Certified: b.Certified(), Need: needOf(all, r.Live)}
	r.Budget.Odds = stolenOdds(pins, most)
	return nil
}

// keyPlace returns where a reader with these budgets has the PIN key.
func keyPlace(budgets []*store.Budget, settings store.GuessSettings) KeyPlace {
	switch {
	case len(budgets) > 0:
		return KeyInTPM
	case settings.OnlyTPM:
		return KeyWithheld
	}
	return KeyInFile
}

// stolenOdds returns the odds of finding one of some generated PINs with so many guesses.
func stolenOdds(pins int, guesses uint64) float64 {
	return -math.Expm1(math.Log1p(-min(1, float64(pins)/pin.Strong)) * float64(guesses))
}

// A Theft is what a thief gets who steals a reader today.
type Theft struct {
	PINs    int      // users who have one
	Files   []string // readers with the PIN key in a file
	OldKeys []string // readers that have not said yet that the PIN key that they had in a file is gone
	Without []string // readers that have no PIN key
	Counted []string // readers with a TPM that counts
	AtWord  []string // those of Counted whose TPM nobody has certified

	Guesses uint64  // most of one reader
	Odds    float64 // of finding a PIN with them
	All     uint64  // of all readers together
	AllOdds float64

	OnlyTPM bool   // the setting
	Budget  uint32 // the setting
}

// theftOf returns what is there to be stolen at some readers.
func theftOf(pins int, settings store.GuessSettings, readers []*Reader) *Theft {
	t := &Theft{PINs: pins, OnlyTPM: settings.OnlyTPM, Budget: settings.Budget}
	for _, r := range readers {
		if r.OldKey {
			t.OldKeys = append(t.OldKeys, r.ID)
		}
		switch r.Key {
		case KeyInFile:
			t.Files = append(t.Files, r.ID)
		case KeyWithheld:
			t.Without = append(t.Without, r.ID)
		case KeyInTPM:
			t.Counted = append(t.Counted, r.ID)
			if !r.Budget.Certified {
				t.AtWord = append(t.AtWord, r.ID)
			}
			t.Guesses = max(t.Guesses, r.Budget.Most)
			t.All += r.Budget.Most
		}
	}
	t.Odds, t.AllOdds = stolenOdds(pins, t.Guesses), stolenOdds(pins, t.All)
	return t
}

// Theft returns what a thief gets who steals a reader today.
func (d *Desk) Theft(ctx context.Context, a Actor) (*Theft, error) {
	readers, err := d.Readers(ctx, a)
	if err != nil {
		return nil, err
	}
	var t *Theft
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		pins, err := tx.PINs(a.May(ViewDuress), r.visitors())
		if err != nil {
			return err
		}
		settings, err := tx.GuessSettings()
		t = theftOf(pins, settings, readers)
		return err
	})
	return t, err
}

// Void says whether some reader gives all PINs to whoever steals it.
func (t *Theft) Void() bool { return len(t.Files) > 0 || len(t.OldKeys) > 0 }

// Said says which case holds, and what to do about it.
func (t *Theft) Said() *language.Sentence {
	switch {
	case len(t.OldKeys) > 0:
		old := language.Count(len(t.OldKeys), "%d reader has not said yet that the PIN key that it had in a file is gone: %s. If it was stolen, the thief has all PINs: remove it as lost, and give out new ones.",
			"%d readers have not said yet that the PIN key that they had in a file is gone: %s. If one of them was stolen, the thief has all PINs: remove it as lost, and give out new ones.", language.Several(t.OldKeys))
		rest := *t
		rest.OldKeys = nil
		return after(old, rest.Said())
	case len(t.Files) > 0:
		return language.Count(len(t.Files), "%d reader keeps the PIN key in a file: %s. Whoever steals it has all PINs within hours, whatever the other readers do. Have it adopted with a TPM, or give PINs only to readers with a TPM.",
			"%d readers keep the PIN key in a file: %s. Whoever steals one of them has all PINs within hours, whatever the other readers do. Have them adopted with a TPM, or give PINs only to readers with a TPM.", language.Several(t.Files))
	case len(t.Counted) == 0 && len(t.Without) == 0:
		return language.Say("There are no readers that could be stolen.")
	case len(t.Counted) == 0:
		return language.Say("A stolen reader gives no PIN away: no reader has the PIN key.")
	}
	text := t.worth()
	if len(t.Counted) > 1 {
		text = after(text, language.Say("All %d readers with a TPM together: %s, %s.", len(t.Counted), language.Count(whole(t.All), "%d guess", "%d guesses"), Percent(t.AllOdds)))
	}
	switch len(t.AtWord) {
	case 0:
		return after(text, language.Say("That holds for generated PINs."))
	case 1:
		return after(text, language.Say("That holds for generated PINs, and takes the TPM of %s at its word.", t.AtWord[0]))
	}
	return after(text, language.Say("That holds for generated PINs, and takes %d TPMs at their word: %s.", len(t.AtWord), language.Several(t.AtWord)))
}

func (t *Theft) String() string { return t.Said().String() }

// worth says what a stolen reader with a TPM is worth.
func (t *Theft) worth() *language.Sentence {
	switch n := whole(t.Guesses); t.PINs {
	case 0:
		return language.Count(n, "A stolen reader is worth at most %d guess: %s to find a PIN, once there is one.", "A stolen reader is worth at most %d guesses: %s to find a PIN, once there is one.", Percent(t.Odds))
	case 1:
		return language.Count(n, "A stolen reader is worth at most %d guess: %s to find the only PIN.", "A stolen reader is worth at most %d guesses: %s to find the only PIN.", Percent(t.Odds))
	default:
		return language.Count(n, "A stolen reader is worth at most %d guess: %s to find one of %d PINs.", "A stolen reader is worth at most %d guesses: %s to find one of %d PINs.", Percent(t.Odds), t.PINs)
	}
}

// after returns two sentences, one after the other.
func after(first, second *language.Sentence) *language.Sentence {
	return language.Say("%s %s", first, second)
}

func whole(n uint64) int { return int(min(n, math.MaxInt)) }

// Percent returns odds as text, with two significant digits.
func Percent(odds float64) *language.Sentence {
	p := odds * 100
	switch {
	case p == 0:
		return language.Say("%d %%", 0)
	case p < 0.001:
		return language.Say("less than %s %%", language.Decimal{Number: 0.001, Digits: 3})
	case p > 99.9:
		return language.Say("more than %s %%", language.Decimal{Number: 99.9, Digits: 1})
	}
	return language.Say("%s %%", language.Decimal{Number: p, Digits: max(0, 1-int(math.Floor(math.Log10(p))))})
}
