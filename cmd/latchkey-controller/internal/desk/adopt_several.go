package desk

import (
	"context"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// MaxAdopted is how many boards are adopted at once, at most: while they are, nobody else
// writes.
const MaxAdopted = 100

// An AdoptError says which of several adoptions failed.
type AdoptError struct {
	Reader string
	Err    error
}

func (e *AdoptError) Error() string { return fmt.Sprintf("%s: %v", e.Reader, e.Err) }
func (e *AdoptError) Unwrap() error { return e.Err }

// CheckAdoptions returns what is wrong with forms, whatever the site holds: an *AdoptError
// for each that cannot be adopted so, and for each reader or board that is there twice.
func (d *Desk) CheckAdoptions(ctx context.Context, a Actor, forms []AdoptForm) (wrongs []error, err error) {
	if err := d.check(ctx, a, AdoptReader, new(auditTarget)); err != nil {
		return nil, err
	}
	readers, boards := map[string]bool{}, map[string]string{}
	for i := range forms {
		f := &forms[i]
		id := TidyName(f.Reader)
		err := f.check(id)
		switch {
		case err != nil:
		case readers[id]:
			err = wrong("reader", "This reader is there twice: remove one of the two")
		case boards[f.Fingerprint] != "":
			err = wrong("request", "This is the request of %s, too, and a board can be only one reader: choose the file that this reader wrote", boards[f.Fingerprint])
		}
		if err != nil {
			wrongs = append(wrongs, &AdoptError{f.Reader, err})
		}
		readers[id], boards[f.Fingerprint] = true, id
	}
	return wrongs, nil
}

// AdoptSeveral adopts up to MaxAdopted boards in one transaction: all of them or none. It
// passes the sealed bundle of each to save; if that fails, nothing has changed. Each has an
// audit entry. If one fails, only that one has, and the error is an *AdoptError.
func (d *Desk) AdoptSeveral(ctx context.Context, a Actor, forms []AdoptForm, save func(i int, bundle []byte) error) ([]*site.Adoption, error) {
	if len(forms) > MaxAdopted {
		return nil, fmt.Errorf("%d boards at once, at most %d", len(forms), MaxAdopted)
	}
	if wrongs, err := d.CheckAdoptions(ctx, a, forms); err != nil {
		return nil, err
	} else if len(wrongs) > 0 {
		return nil, wrongs[0]
	}
	snapshot, err := d.site.Contents(ctx)
	if err != nil {
		return nil, err
	}
	var adopter *site.Adopter
	all, deeds := make([]adopting, len(forms)), make([]deed, len(forms))
	failed := ""
	for i := range forms {
		one := &all[i]
		*one = adopting{form: &forms[i], id: TidyName(forms[i].Reader), save: func(bundle []byte) error { return save(i, bundle) }}
		deeds[i] = deed{AdoptReader, one.auditTarget(), func(tx *store.Tx, now time.Time) error {
			if i == 0 {
				adopter = d.site.Adopter(tx, snapshot)
			}
			failed = one.id
			return one.run(adopter, tx, now)
		}}
	}
	if err := d.together(ctx, a, deeds...); err != nil {
		if failed != "" {
			err = &AdoptError{failed, err}
		}
		return nil, err
	}
	adoptions := make([]*site.Adoption, len(all))
	for i := range all {
		adoptions[i] = all[i].adoption
	}
	return adoptions, nil
}
