package desk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A RowFate is what an import does with a row of its file.
type RowFate string

// The fates.
const (
	RowAdds    RowFate = "add"    // a user
	RowChanges RowFate = "change" // an existing one
	RowKeeps   RowFate = "keep"   // everything is so already
	RowWrong   RowFate = "wrong"  // and nothing is imported until it is put right
)

// An ImportRow says what an import would do with a row.
type ImportRow struct {
	Line  int // of the file, from 1
	Fate  RowFate
	User  uint64 // 0: a new one, or not known
	Name  string
	Tells []string // what changes, or of RowWrong why
}

// An ImportPreview says what an import would do.
type ImportPreview struct {
	Revision string // of the file and of the users that it is about
	Count    map[RowFate]int
	PINs     int // that it gives
	Cards    int
	Rows     []*ImportRow
}

// PreviewImport says what ImportUsers would do with a file, row by row. Field: "file".
func (d *Desk) PreviewImport(ctx context.Context, a Actor, file []byte) (*ImportPreview, error) {
	if err := d.check(ctx, a, ImportUsers, new(auditTarget)); err != nil {
		return nil, err
	}
	users, err := readUsersFile(file)
	if err != nil {
		return nil, err
	}
	var plan *importPlan
	err = d.site.View(ctx, func(tx *store.Tx) (err error) {
		plan, err = d.planImport(tx, a, users, file)
		return err
	})
	if err == nil && plan.clash != nil && a.Via == Console { // the preview tells that a card is somebody's: that counts
		err = d.act(ctx, a, ImportUsers, &auditTarget{typed: true}, func(tx *store.Tx, _ time.Time) error {
			if err := d.importLimit(tx, a); err != nil {
				return err
			}
			return plan.clash
		})
		if errors.Is(err, plan.clash) {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	return plan.preview(), nil
}

// A PINDelivery takes the PINs that an import makes to the administrator.
type PINDelivery struct {
	How string // for the audit: "in a file encrypted to age1…"
	// Give is called before the import is final: if it fails, nothing is imported. It owns the
	// PINs and wipes them. If the import fails after it, they are nobody's.
	Give  func([]*ImportedPIN) error
	Given bool // Give was called, and did not fail
}

// An ImportedPIN is a PIN that an import gives.
type ImportedPIN struct {
	User     uint64
	Name     string
	Employee string // number; "": none
	Digits   []byte
}

// ImportUsers does what PreviewImport said, all of it or nothing. revision is the preview's: if the
// file, or a user that it is about, has changed since, nothing is done. pins may be nil if no PIN
// is made. Fields: "file", "pins".
func (d *Desk) ImportUsers(ctx context.Context, a Actor, file []byte, revision string, pins *PINDelivery) (done *ImportPreview, err error) {
	target := &auditTarget{typed: a.Via == Console}
	if err := d.check(ctx, a, ImportUsers, target); err != nil {
		return nil, err
	}
	users, err := readUsersFile(file)
	if err != nil {
		return nil, err
	}
	var plan *importPlan
	err = d.site.View(ctx, func(tx *store.Tx) (err error) {
		plan, err = d.planImport(tx, a, users, file)
		return err
	})
	if err != nil {
		return nil, err
	}
	var made []*site.NewPIN
	given := false
	defer func() {
		for _, pin := range made {
			pin.Wipe()
			if !given {
				clear(pin.Digits)
			}
		}
	}()
	if plan.revision == revision && plan.count[RowWrong] == 0 { // otherwise it is refused below
		if plan.pins > 0 && pins == nil {
			return nil, wrong("pins", "The import makes %s: say where they go", count(plan.pins, "PIN"))
		}
		for range plan.pins {
			pin, err := d.site.GeneratedPIN(ctx)
			if err != nil {
				return nil, err
			}
			made = append(made, pin)
		}
	}
	err = d.act(ctx, a, ImportUsers, target, func(tx *store.Tx, now time.Time) error {
		if plan, err = d.planImport(tx, a, users, file); err != nil {
			return err
		}
		switch {
		case plan.clash != nil:
			return plan.clash
		case plan.revision != revision || plan.pins != len(made):
			e := wrong("file", "The file, or a user whom it is about, has changed since the preview: look at the preview again")
			e.err = ErrChanged
			return e
		case plan.count[RowWrong] > 0:
			return wrong("file", "%s of the file wrong: nothing is imported until all are right", isOrAre(plan.count[RowWrong], "row"))
		}
		list, err := d.applyImport(tx, now, a, plan, made)
		if err != nil {
			return err
		}
		target.text = plan.text()
		if len(list) > 0 {
			target.text += ", " + pins.How
			given = true
			err := pins.Give(list)
			pins.Given = err == nil
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return plan.preview(), nil
}

// isOrAre returns a number of things with its verb: "1 row is", "2 rows are".
func isOrAre(n int, thing string) string {
	if n == 1 {
		return count(n, thing) + " is"
	}
	return count(n, thing) + " are"
}

// text tells the audit what an import does.
func (p *importPlan) text() string {
	parts := []string{fmt.Sprintf("%d added, %d changed, %d as before", p.count[RowAdds], p.count[RowChanges], p.count[RowKeeps])}
	if p.cards > 0 {
		parts = append(parts, count(p.cards, "card"))
	}
	if p.pins > 0 {
		parts = append(parts, count(p.pins, "PIN"))
	}
	return strings.Join(parts, ", ")
}

// applyImport does what a plan says, and returns the PINs that it gave.
func (d *Desk) applyImport(tx *store.Tx, now time.Time, a Actor, plan *importPlan, made []*site.NewPIN) (list []*ImportedPIN, err error) {
	tx.KeepStatements()
	for _, r := range plan.rows {
		if r.Fate == RowKeeps {
			continue
		}
		var pin *site.NewPIN
		if r.pin {
			pin = made[len(list)]
		}
		if err := d.applyRow(tx, now, a, r, pin); err != nil {
			return nil, atLine(r.Line, err)
		}
		if r.pin {
			list = append(list, &ImportedPIN{User: r.wanted.ID, Name: r.wanted.Name, Employee: r.wanted.Employee, Digits: pin.Digits})
		}
	}
	return list, nil
}

func (d *Desk) applyRow(tx *store.Tx, now time.Time, a Actor, r *plannedRow, pin *site.NewPIN) error {
	if r.was == nil {
		return d.site.AddUser(tx, now, a.Name, r.wanted, pin, r.cards)
	}
	id := r.was.ID
	if err := site.SetUser(tx, now, r.wanted); err != nil {
		return err
	}
	if pin != nil {
		if err := d.site.SetPIN(tx, now, a.Name, id, pin); err != nil {
			return err
		}
	}
	for _, uid := range r.cards {
		if err := d.site.AddCard(tx, now, a.Name, id, uid); err != nil {
			return err
		}
	}
	return nil
}

// atLine says in which line of the file something failed. Field: "file".
func atLine(line int, err error) error {
	return &FieldError{"file", fmt.Sprintf("Line %d: %s", line, err), err}
}

// importLimit is clashLimit for the cards of a file. Field: "file".
func (d *Desk) importLimit(tx *store.Tx, a Actor) error {
	if a.Via != Console {
		return nil
	}
	err := d.clashLimit(tx, a, NoPIN, true)
	if says := Fields(err)["card"]; says != "" {
		return wrong("file", "%s; take the new cards out of the file", says)
	}
	return err
}
