package desk

import (
	"context"
	"math"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// GuessOdds are the odds of guessing anybody's PIN.
type GuessOdds struct {
	PINs      int      // that there are, of those that the actor may see
	Readers   int      // with PIN entry switched on
	PerDay    int      // most guesses per day, over all of Bounded
	Chance    float64  // that at least one of a day's guesses is right
	Years     float64  // until a right guess is more likely than not; +Inf: never
	Bounded   []string // readers with a guess limit
	Unbounded []string // readers without one: whoever can end lockouts may go on guessing there
}

// guessEvery is how long it takes a reader to allow one more guess.
const guessEvery = 5 * time.Minute

// odds computes the odds under some policies. A reader allows GuessLimit guesses at
// once, and one more every guessEvery.
func odds(known int, policies []*wire.Policy) *GuessOdds {
	o := &GuessOdds{PINs: known, Years: math.Inf(1)}
	for _, p := range policies {
		if !p.PIN {
			continue
		}
		o.Readers++
		if p.GuessLimit == 0 {
			o.Unbounded = append(o.Unbounded, p.Reader)
			continue
		}
		o.Bounded = append(o.Bounded, p.Reader)
		o.PerDay += int(p.GuessLimit) + int(24*time.Hour/guessEvery)
	}
	miss := math.Log1p(-min(1, float64(known)/pin.Strong)) * float64(o.PerDay) // ln of the chance that all of a day's guesses miss
	if miss < 0 {
		o.Chance, o.Years = -math.Expm1(miss), math.Ln2/-miss/365.25
	}
	return o
}

// OddsAt returns the odds of guessing at one reader alone, or ErrNotFound.
func (d *Desk) OddsAt(ctx context.Context, a Actor, reader string) (o *GuessOdds, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		known, err := tx.PINs(a.May(ViewDuress), r.visitors())
		if err != nil {
			return err
		}
		policies, err := r.policies(tx)
		if err != nil {
			return err
		}
		for _, p := range policies {
			if p.Reader == reader {
				o = odds(known, []*wire.Policy{p})
				return nil
			}
		}
		return ErrNotFound
	})
	return o, err
}

// Odds returns the odds of guessing at the readers in the actor's reach; if edit is not nil, with
// the reader's policy edited by it.
func (d *Desk) Odds(ctx context.Context, a Actor, reader string, edit func(*wire.Policy)) (o *GuessOdds, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		known, err := tx.PINs(a.May(ViewDuress), r.visitors())
		if err != nil {
			return err
		}
		policies, err := r.policies(tx)
		if err != nil {
			return err
		}
		for _, p := range policies {
			if p.Reader == reader && edit != nil {
				edit(p)
			}
		}
		o = odds(known, policies)
		return nil
	})
	return o, err
}

// Said describes the odds.
func (o *GuessOdds) Said() *language.Sentence {
	if o.PINs == 0 || o.Readers == 0 {
		return language.Say("No PIN can be guessed: nobody has one, or no reader takes PINs.")
	}
	text := language.Say("%s at %s.", language.Count(o.PINs, "%d PIN", "%d PINs"), language.Count(o.Readers, "%d reader¦at how many", "%d readers¦at how many"))
	if len(o.Bounded) > 0 {
		text = after(text, language.Say("Guessing all day, at most %d times, finds one with a chance of 1 in %s per day; after %s that is more likely than not.",
			o.PerDay, language.Decimal{Number: 1 / o.Chance}, span(o.Years)))
	}
	if len(o.Unbounded) > 0 {
		text = after(text, language.Say("There is no guess limit at %s: only lockouts stop guessing there.", language.List(o.Unbounded)))
	}
	return text
}

func (o *GuessOdds) String() string { return o.Said().String() }

// span returns years as text.
func span(years float64) *language.Sentence {
	switch days := years * 365.25; {
	case days < 60:
		return language.Count(int(max(math.Ceil(days), 1)), "%d day", "%d days")
	case years < 3:
		return language.Count(int(math.Round(years*12)), "%d month", "%d months")
	case years > 10_000:
		return language.Say("more than %d years", 10_000)
	}
	return language.Count(int(math.Round(years)), "%d year", "%d years")
}
