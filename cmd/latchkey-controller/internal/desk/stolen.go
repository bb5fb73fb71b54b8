package desk

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

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

// String describes the budget.
func (b *Budget) String() string {
	text := guesses(uint64(b.Left)) + " left"
	switch days := b.Days(); {
	case b.PerDay == 0:
		return text + "; no PIN was entered lately"
	case days < 1:
		return text + ", for less than a day at its use"
	default:
		return text + fmt.Sprintf(", for %s at its use", span(days/365.25))
	}
}

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
var needs = map[Need]string{
	NeedsFirstGrant: "Its TPM needs a first grant, which is on its way. Cards work.",
	NeedsRenewal:    "Its TPM has lost its budget, and needs a first grant: if the reader is where it should be, renew its budget, or have it adopted anew. Until then it takes no PINs; cards work.",
	NeedsGrant:      "Its budget is spent: it takes no PINs until the next grant reaches it, once its records are here. Cards work.",
	NeedsAdoption:   "Its budget is spent, and its records do not show by whom: it takes no PINs. If the reader is where it should be, have it adopted anew; if not, remove it as lost.",
	NeedsTPM:        "Its TPM checks no PINs. If it does not answer, see to it; if its keys are for another TPM, or it was cleared, have the reader adopted anew.",
	NeedsConnection: "It has not said yet that its TPM has taken its keys.",
}

// Text describes the need, and what to do; "": none.
func (n Need) Text() string { return needs[n] }

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

// maxNamed is how many readers a sentence names.
const maxNamed = 5

// someOf names readers.
func someOf(readers []string) string {
	named := strings.Join(readers[:min(len(readers), maxNamed)], ", ")
	if len(readers) > maxNamed {
		named += ", …"
	}
	return named
}

// String says which case holds, and what to do about it.
func (t *Theft) String() string {
	switch {
	case len(t.OldKeys) > 0:
		old := "1 reader has not said yet that the PIN key that it had in a file is gone: " + t.OldKeys[0] + ". If it was stolen, the thief has"
		if len(t.OldKeys) > 1 {
			old = fmt.Sprintf("%d readers have not said yet that the PIN key that they had in a file is gone: %s. If one of them was stolen, the thief has", len(t.OldKeys), someOf(t.OldKeys))
		}
		rest := *t
		rest.OldKeys = nil
		return old + " all PINs: remove it as lost, and give out new ones. " + rest.String()
	case len(t.Files) > 0:
		keep, steals, them := "keeps", "it", "it"
		if len(t.Files) > 1 {
			keep, steals, them = "keep", "one of them", "them"
		}
		return fmt.Sprintf("%s %s the PIN key in a file: %s. Whoever steals %s has all PINs within hours, whatever the other readers do. "+
			"Have %s adopted with a TPM, or give PINs only to readers with a TPM.", count(len(t.Files), "reader"), keep, someOf(t.Files), steals, them)
	case len(t.Counted) == 0 && len(t.Without) == 0:
		return "There are no readers that could be stolen."
	case len(t.Counted) == 0:
		return "A stolen reader gives no PIN away: no reader has the PIN key."
	}
	text := fmt.Sprintf("A stolen reader is worth at most %s: %s to find %s.", guesses(t.Guesses), Percent(t.Odds), ofPINs(t.PINs))
	if len(t.Counted) > 1 {
		text += fmt.Sprintf(" All %d readers with a TPM together: %s, %s.", len(t.Counted), guesses(t.All), Percent(t.AllOdds))
	}
	text += " That holds for generated PINs"
	switch len(t.AtWord) {
	case 0:
		return text + "."
	case 1:
		return text + ", and takes the TPM of " + t.AtWord[0] + " at its word."
	}
	return text + fmt.Sprintf(", and takes %d TPMs at their word: %s.", len(t.AtWord), someOf(t.AtWord))
}

func ofPINs(n int) string {
	switch n {
	case 0:
		return "a PIN, once there is one"
	case 1:
		return "the only PIN"
	}
	return "one of " + thousands(uint64(n)) + " PINs"
}

func guesses(n uint64) string {
	if n == 1 {
		return "1 guess"
	}
	return thousands(n) + " guesses"
}

// thousands returns a number with a comma before each three digits.
func thousands(n uint64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Percent returns odds as text, with two significant digits.
func Percent(odds float64) string {
	p := odds * 100
	switch {
	case p == 0:
		return "0 %"
	case p < 0.001:
		return "less than 0.001 %"
	case p > 99.9:
		return "more than 99.9 %"
	}
	digits := max(0, 1-int(math.Floor(math.Log10(p))))
	return fmt.Sprintf("%.*f %%", digits, p)
}
