package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// errWaitsNoLonger is an ErrNotFound.
var errWaitsNoLonger = language.Say("this board waits no longer: it was adopted or refused meanwhile, or has not been heard for an hour").Because(ErrNotFound)

// waitingRow returns the row of a board that waits for an administrator.
func (d *Desk) waitingRow(tx *store.Tx, id int64) (*store.WaitingReader, error) {
	now, err := d.steady(tx)
	if err != nil {
		return nil, err
	}
	row, err := tx.WaitingReader(now, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && !row.Waits() {
		return nil, errWaitsNoLonger
	}
	return row, err
}

// AdoptWaiting makes a board that waits a reader. form.Request is not looked at, and form.Fingerprint must be the
// board's. form.Reader must be the id that its config names: the person has seen it, and it was not changed behind
// their back. If it names none, "" is the reader that the board is now, or that the door had before, or else an id that is free,
// after the door's name. If the id is disputed, form.Reader must say which it is. ErrNotFound: it waits no longer.
func (d *Desk) AdoptWaiting(ctx context.Context, a Actor, id int64, form AdoptForm) (*site.Adoption, error) {
	one := adopting{form: &form}
	if err := d.check(ctx, a, AdoptReader, new(auditTarget)); err != nil {
		return nil, err
	}
	err := d.site.View(ctx, func(tx *store.Tx) error { return d.fillIn(tx, &one, id) })
	if err != nil {
		return nil, err
	}
	if err := form.check(one.id); err != nil {
		return nil, err
	}
	snapshot, err := d.site.Contents(ctx)
	if err != nil {
		return nil, err
	}
	err = d.act(ctx, a, AdoptReader, one.auditTarget(), func(tx *store.Tx, now time.Time) error {
		row, err := d.waitingRow(tx, id)
		if err != nil {
			return err
		}
		was := one.id
		if err := d.fillIn(tx, &one, id); err != nil {
			return err
		}
		if one.id != was {
			return changedMeanwhile("reader")
		}
		steady, err := d.steady(tx)
		if err != nil {
			return err
		}
		one.save = func(bundle []byte) error {
			row.Reader, row.Number, row.Until = one.id, one.adoption.Number, steady.Add(adoptionEnds)
			row.Revoked, row.Moved = one.adoption.Revoked != 0, one.adoption.Moved
			return errors.Join(
				tx.SetReaderLevel(one.id, store.LevelUnknown), // even of the board that it was: it has not been heard with this bundle
				tx.SetWaitingReader(row), tx.SetWaitingBundle(id, bundle),
			)
		}
		return one.run(d.site.Adopter(tx, snapshot), tx, now)
	})
	return one.adoption, err
}

// fillIn fills in what an adoption takes from a board that waits, and the reader's id.
func (d *Desk) fillIn(tx *store.Tx, one *adopting, id int64) error {
	row, err := d.waitingRow(tx, id)
	if err != nil {
		return err
	}
	one.form.Request, one.address = row.Request, row.Address
	one.id = TidyName(one.form.Reader)
	switch {
	case row.Disputed && one.id == "":
		return wrong("reader", "This board's request came under different ids, which anybody can do who has seen it: say the one that is in its config, or any if it has none there")
	case !row.Disputed && row.Named != "" && one.id != row.Named:
		return wrong("reader", "The config of this board names the reader %s, so it takes no other id: say %[1]s if that is right, or change the id in its config first", row.Named)
	case one.id != "":
		return nil
	}
	request, _, err := parseRequest(row.Request)
	if err != nil {
		return err
	}
	if one.id, err = site.BoardOf(tx, request); err != nil || one.id != "" {
		return err
	}
	one.id, err = readerIDFor(tx, TidyName(one.form.Door), TidyName(one.form.Place))
	return err
}

// readerIDFor returns the id for the reader of a door with a name, in a location; "": in any. It is that of a reader that the
// door had before, whose policy is the door's, or else one that is free.
func readerIDFor(tx *store.Tx, door, location string) (string, error) {
	if door == "" {
		return "", wrong("door", "Say at which door the reader is")
	}
	former, err := tx.Former()
	if err != nil {
		return "", err
	}
	places, err := tx.ReaderPlaces()
	if err != nil {
		return "", err
	}
	for _, id := range former {
		if at := places[id]; at.DoorName == door && (location == "" || location == at.Place) {
			return id, nil
		}
	}
	name := idFrom(door)
	for n := 1; ; n++ {
		id := name
		if n > 1 {
			end := fmt.Sprint("-", n)
			id = strings.Trim(cut(name, maxID-len(end)), "-") + end
		}
		if places[id] == nil {
			return id, nil
		}
	}
}

// maxID is the most bytes of an id that passes wire.CheckName.
const maxID = 32

// idFrom returns an id after a name: "Küche, 2. Stock" becomes "kuche-2-stock".
func idFrom(name string) string {
	var b strings.Builder
	for _, word := range strings.Fields(store.Fold(name)) {
		plain := strings.Map(func(r rune) rune {
			if r < 'a' && (r < '0' || r > '9') || r > 'z' {
				return -1
			}
			return r
		}, strings.ReplaceAll(word, "ß", "ss"))
		if plain != "" && b.Len() > 0 {
			b.WriteByte('-')
		}
		b.WriteString(plain)
	}
	return cmp.Or(strings.Trim(cut(b.String(), maxID), "-"), "reader")
}

// RefuseWaiting sends a board that waits away: for an hour it is told so, and is not shown; with all, also the others that were
// heard last from the address from which it was.
func (d *Desk) RefuseWaiting(ctx context.Context, a Actor, id int64, all bool) error {
	target := new(auditTarget)
	return d.act(ctx, a, RefuseReader, target, func(tx *store.Tx, _ time.Time) error {
		row, err := d.waitingRow(tx, id)
		if err != nil {
			return err
		}
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		target.subject, target.text = row.Board, language.Say("from %s¦an address", row.Address)
		if row.Named != "" {
			target.text = language.Say("from %s, which calls itself %s¦an address, a board", row.Address, row.Named)
		}
		refused := []*store.WaitingReader{row}
		if all {
			rows, err := tx.WaitingReaders(now)
			if err != nil {
				return err
			}
			others := beside(rows, row)
			if refused = append(refused, others...); len(others) > 0 {
				target.text = language.Count(len(others), "from %[2]s, and %[1]d other board from there", "from %[2]s, and %[1]d other boards from there", row.Address)
			}
		}
		for _, one := range refused {
			one.Refused, one.Until = true, now.Add(refusalEnds)
			if err := tx.SetWaitingReader(one); err != nil {
				return err
			}
		}
		return nil
	})
}

// TakeBackAdoption removes the reader that a board was made. If its bundle was not fetched, nothing was given
// away: the board waits again, and boards that its adoption has shut out stay so. If it has, the reader is removed as lost. fetched says which of the two is meant; if it is the other
// one by now, the error is an ErrChanged of the field "". ErrNotFound: there is nothing to take back any more.
func (d *Desk) TakeBackAdoption(ctx context.Context, a Actor, id int64, fetched bool) error {
	if err := d.check(ctx, a, TakeBackReader, new(auditTarget)); err != nil {
		return err
	}
	var row *store.WaitingReader
	adopted := func(tx *store.Tx) error {
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		if row, err = tx.WaitingReader(now, id); err != nil {
			return err
		}
		if is, err := bundleInForce(tx, row); err != nil || !is {
			return errors.Join(err, ErrNotFound)
		}
		return nil
	}
	if err := d.site.View(ctx, adopted); err != nil {
		return err
	}
	target := &auditTarget{reader: row.Reader, subject: row.Reader}
	return d.act(ctx, a, TakeBackReader, target, func(tx *store.Tx, now time.Time) error {
		if err := adopted(tx); err != nil {
			return err
		}
		if row.Reader != target.reader {
			return ErrNotFound
		}
		if fetched != (row.Fetched != 0) {
			return &FieldError{Sentence: language.Say("Its keys and settings were fetched meanwhile, or the reader adopted anew: read again what taking it back means"), err: ErrChanged}
		}
		target.text = language.Say("its bundle was not fetched yet")
		if fetched {
			target.text = language.Say("its bundle was fetched, so the reader counts as lost")
		}
		if _, err := d.site.RemoveReader(tx, now, row.Reader, fetched); err != nil || fetched {
			return errors.Join(err, tx.RemoveWaitingReader(id))
		}
		steady, err := d.steady(tx)
		if err != nil {
			return err
		}
		row.NotAdopted()
		row.Until = steady.Add(waitingEnds)
		return errors.Join(tx.SetWaitingReader(row), tx.SetWaitingBundle(id, nil))
	})
}
