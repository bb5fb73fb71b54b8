package desk

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
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
	Tells []*language.Sentence // what changes, or of RowWrong why
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
	How *language.Sentence // for the audit: "in a file encrypted to age1…"
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
	if err := d.check(ctx, a, ImportUsers, &auditTarget{typed: a.Via == Console}); err != nil {
		return nil, err
	}
	p, err := d.prepareImport(ctx, a, file, revision, pins)
	if err != nil {
		return nil, err
	}
	defer p.wipe()
	if err := d.writeImport(ctx, a, p, pins); err != nil {
		return nil, err
	}
	return p.plan.preview(), nil
}

// A preparedImport is an import that can be written in a short transaction.
type preparedImport struct {
	raw      []byte
	file     *usersFile
	revision string // of the preview
	plan     *importPlan
	users    *site.PreparedUsers // nil: the plan cannot be carried out as it is
	made     []*site.NewPIN
	list     []*ImportedPIN // the same, with whose they are
	given    bool           // list was handed over
}

func (p *preparedImport) wipe() {
	for _, pin := range p.made {
		pin.Wipe()
		if !p.given {
			clear(pin.Digits)
		}
	}
}

// prepareImport plans an import and does what takes long about it, before others have to wait for
// it. The caller wipes what it returns. Fields: "file", "pins".
func (d *Desk) prepareImport(ctx context.Context, a Actor, raw []byte, revision string, pins *PINDelivery) (_ *preparedImport, err error) {
	p := &preparedImport{raw: raw, revision: revision}
	defer func() {
		if err != nil {
			p.wipe()
		}
	}()
	if p.file, err = readUsersFile(raw); err != nil {
		return nil, err
	}
	if err := d.planNow(ctx, a, p); err != nil {
		return p, err
	}
	if p.plan.refusal(revision) != nil { // in which case writeImport refuses it
		return p, nil
	}
	if p.plan.pins > 0 && pins == nil {
		return nil, wrongField("pins", language.Count(p.plan.pins, "The import makes %d PIN: say where it goes", "The import makes %d PINs: say where they go"))
	}
	var users []site.UserWrite
	for _, r := range p.plan.rows {
		if r.Fate == RowKeeps {
			continue
		}
		w := site.UserWrite{User: r.wanted, Was: r.was, Cards: r.cards}
		if r.pin {
			if w.PIN, err = d.site.GeneratedPIN(ctx); err != nil {
				return nil, err
			}
			p.made = append(p.made, w.PIN)
		}
		users = append(users, w)
	}
	if p.users, err = d.site.PrepareUsers(ctx, a.Name, users); err != nil {
		return nil, err
	}
	for _, w := range users { // they have their ids now
		if w.PIN != nil {
			p.list = append(p.list, &ImportedPIN{User: w.User.ID, Name: w.User.Name, Employee: w.User.Employee, Digits: w.PIN.Digits})
		}
	}
	return p, nil
}

// planNow plans an import for the site as it is now. What was prepared stays: writeImport uses it if
// the revision is still that of the preview.
func (d *Desk) planNow(ctx context.Context, a Actor, p *preparedImport) error {
	return d.site.View(ctx, func(tx *store.Tx) (err error) {
		p.plan, err = d.planImport(tx, a, p.file, p.raw)
		return err
	})
}

// importTries is how often writeImport plans an import and tries to write it.
const importTries = 5

// writeImport does what an import was prepared for, if that is still what its file does. Field:
// "file".
func (d *Desk) writeImport(ctx context.Context, a Actor, p *preparedImport, pins *PINDelivery) error {
	for try := 1; ; try++ {
		err := d.tryImport(ctx, a, p, pins, try == importTries)
		if !errors.Is(err, errPrepareAgain) {
			return err
		}
		if err := d.planNow(ctx, a, p); err != nil {
			return err
		}
	}
}

// tryImport is one try of writeImport. If anything has changed on which the plan depends, it does
// nothing and returns errPrepareAgain, or the last time an error for people: planning takes long,
// and in its transaction others would have to wait for it.
func (d *Desk) tryImport(ctx context.Context, a Actor, p *preparedImport, pins *PINDelivery, last bool) error {
	target := &auditTarget{typed: a.Via == Console}
	return d.act(ctx, a, ImportUsers, target, func(tx *store.Tx, now time.Time) error {
		if err := tx.Repeats(); err != nil {
			return err
		}
		on, err := readImportState(tx)
		if err != nil {
			return err
		}
		plan := p.plan
		switch {
		case reflect.DeepEqual(on, plan.on):
		case last:
			return wrong("file", "The site changes too often: nothing is imported. Try again")
		default:
			return errPrepareAgain
		}
		if plan.typed { // others may have been refused meanwhile
			if err := d.importLimit(tx, a); err != nil {
				return err
			}
		}
		if err := plan.refusal(p.revision); err != nil {
			return err
		}
		if p.users == nil { // what refused it is gone again
			return importChanged()
		}
		err = d.site.WriteUsers(tx, now, p.users)
		if errors.Is(err, site.ErrOutdated) || errors.As(err, new(*site.OldReaders)) {
			return wrongField("file", err)
		}
		if err != nil {
			return err
		}
		says := plan.text()
		target.text = language.Say("%s", says)
		if len(p.list) > 0 {
			target.text = language.Say("%s", append(says, pins.How))
			p.given = true
			err := pins.Give(p.list)
			pins.Given = err == nil
			return err
		}
		return nil
	})
}

// refusal says why a plan is not carried out for a preview with a revision; nil: it is. Field:
// "file".
func (p *importPlan) refusal(revision string) error {
	switch {
	case p.clash != nil:
		return p.clash
	case p.revision != revision:
		return importChanged()
	case p.count[RowWrong] > 0:
		return wrongField("file", language.Count(p.count[RowWrong], "%d row of the file is wrong: nothing is imported until all are right", "%d rows of the file are wrong: nothing is imported until all are right"))
	}
	return nil
}

func importChanged() error {
	e := wrong("file", "The file, or a user whom it is about, has changed since the preview: look at the preview again")
	e.err = ErrChanged
	return e
}

// text tells the audit what an import does.
func (p *importPlan) text() language.Series {
	says := language.Series{language.Say("%d added, %d changed, %d as before", p.count[RowAdds], p.count[RowChanges], p.count[RowKeeps])}
	if p.cards > 0 {
		says = append(says, language.Count(p.cards, "%d card", "%d cards"))
	}
	if p.pins > 0 {
		says = append(says, language.Count(p.pins, "%d PIN", "%d PINs"))
	}
	return says
}

// atLine says in which line of the file something failed. Field: "file".
func atLine(line int, err error) error {
	return &FieldError{Field: "file", Sentence: language.Say("Line %s: %s", strconv.Itoa(line), err), err: err}
}

// importLimit is clashLimit for the cards of a file. Field: "file".
func (d *Desk) importLimit(tx *store.Tx, a Actor) error {
	if a.Via != Console {
		return nil
	}
	err := d.clashLimit(tx, a, NoPIN, true)
	if says := Fields(err)["card"]; says != nil {
		return wrong("file", "%s; take the new cards out of the file", says)
	}
	return err
}
