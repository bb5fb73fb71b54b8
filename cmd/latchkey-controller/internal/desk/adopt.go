package desk

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// A Request describes an uploaded adoption request of a board.
type Request struct {
	Fingerprint string // as on the reader's screen
	Reader      string // the current reader of this board; "": none
	Was         *FormerReader
	TPM         bool   // its keys are to be in a TPM
	Certified   string // name of the site's authority that has certified the TPM; "": it is taken at its word
	NoPIN       bool   // it would take no PINs: it has no TPM, and the site gives the PIN key only to those
}

// A FormerReader is what a board was that is no reader now; nil: it never was one.
type FormerReader struct {
	ID    string
	Until time.Time
	Lost  bool // it was removed as lost: who had it meanwhile may have changed the board
}

// formerReader returns what a board was.
func formerReader(b *store.FormerBundle) *FormerReader {
	if b == nil {
		return nil
	}
	return &FormerReader{ID: b.Reader, Until: time.Unix(b.Revoked, 0), Lost: b.Lost}
}

// MaxRequest is the largest size of a request, in bytes.
const MaxRequest = 64 << 10

// ReadRequest parses a request, so that a person can compare the fingerprint. Field:
// "request".
func (d *Desk) ReadRequest(ctx context.Context, a Actor, signed []byte) (r *Request, err error) {
	err = d.view(ctx, a, AdoptReader, func(tx *store.Tx) error {
		request, fingerprint, err := parseRequest(signed)
		if err != nil {
			return err
		}
		r = &Request{Fingerprint: fingerprint, TPM: request.TPM != nil}
		authority, err := site.CheckTPM(tx, d.now(), request)
		if err != nil {
			return refusedIn("request", err)
		}
		if authority != nil {
			r.Certified = site.AuthorityName(authority)
		}
		if r.Reader, err = site.BoardOf(tx, request); err != nil {
			return err
		}
		if r.Reader == "" {
			was, err := site.FormerBoards(tx)
			if err != nil {
				return err
			}
			r.Was = formerReader(was(request))
		}
		settings, err := tx.GuessSettings()
		r.NoPIN = settings.OnlyTPM && !r.TPM
		return err
	})
	return r, err
}

func parseRequest(signed []byte) (*wire.Request, string, error) {
	request, fingerprint, err := wire.ParseRequest(signed)
	if err != nil {
		return nil, "", &FieldError{Field: "request", Sentence: language.Say("This file is not a reader's request (latchkeyd identity writes one)"), err: err}
	}
	return request, fingerprint, nil
}

// An AdoptForm is the second step of an adoption. Its fields in errors are "reader",
// "door", "place", "time-zone", "access", "schedule", "broker", "cell", "fingerprint".
type AdoptForm struct {
	Reader      string        // id
	Request     []byte        // as uploaded
	Fingerprint string        // as compared by the person; must be the request's
	Door        string        // "": unchanged; for a new reader its id
	Place       string        // "": unchanged; for a new reader the first location
	TimeZone    string        // "": unchanged; for a new reader the site's
	Access      []wire.Access // who may open; empty: nobody yet; nil: unchanged, not for a new reader
	Uses        []UseSchedule // whose hours in Access become those of schedules
	Broker      string        // URLs of brokers, in order, with spaces between; "": those of the cell; if it has none, unchanged
	Cell        string        // name; "": unchanged; for a new reader the only one, or that with the fewest readers
}

// Adopt makes a board a reader and passes the sealed bundle to save; if save fails,
// nothing has changed. The new bundle revokes the reader's previous one.
func (d *Desk) Adopt(ctx context.Context, a Actor, form AdoptForm, save func(bundle []byte) error) (*site.Adoption, error) {
	one := adopting{form: &form, id: TidyName(form.Reader), save: save}
	if err := d.check(ctx, a, AdoptReader, one.auditTarget()); err != nil {
		return nil, err
	}
	if err := form.check(one.id); err != nil {
		return nil, err
	}
	snapshot, err := d.site.Contents(ctx)
	if err != nil {
		return nil, err
	}
	err = d.act(ctx, a, AdoptReader, one.target, func(tx *store.Tx, now time.Time) error {
		return one.run(d.site.Adopter(tx, snapshot), tx, now)
	})
	return one.adoption, err
}

// adopting is one adoption.
type adopting struct {
	form     *AdoptForm
	id       string // the reader's
	address  string // of the board, if it has handed itself over by the network; "": it has not
	save     func(bundle []byte) error
	target   *auditTarget
	adoption *site.Adoption // once it is done
}

func (one *adopting) auditTarget() *auditTarget {
	one.target = &auditTarget{subject: one.id}
	if wire.CheckName(one.id) == nil {
		one.target.reader = one.id
	}
	return one.target
}

// run adopts. The form was checked.
func (one *adopting) run(adopter *site.Adopter, tx *store.Tx, now time.Time) error {
	form, target := one.form, one.target
	var says language.Series
	brokers, err := parseBrokers(form.Broker)
	if err != nil {
		return wrongField("broker", err)
	}
	policy, isNew, err := site.PolicyOrNew(tx, one.id)
	if err != nil {
		return err
	}
	if isNew && form.Access == nil {
		return wrong("access", "Choose who may open the door of this new reader: everyone, some groups, or nobody yet")
	}
	cells, err := tx.Cells()
	if err != nil {
		return err
	}
	cell, brokers, err := cellFor(tx, cells, one.id, isNew, form.Cell, brokers)
	if err != nil {
		return err
	}
	form.edit(policy)
	if err := takeHours(tx, policy, form.Uses); err != nil {
		return err
	}
	if one.address != "" {
		says = append(says, language.Say("which had handed itself over from %s¦a board, an address", one.address))
	} else if err := tx.RemoveWaitingBoard(form.Fingerprint); err != nil { // if it waits, too: it does so no longer
		return err
	}
	if form.Access != nil {
		says = append(says, language.Say("open to %s¦a new reader", accessText(policy.Access)))
	}
	if err := checkModeGroups(policy); err != nil {
		return wrong("access", "%s", language.Of(err))
	}
	adoption, bundle, err := adopter.Adopt(now, form.Request, brokers, policy)
	if err != nil {
		return refusedIn("", err)
	}
	if err := errors.Join(tx.SetCellOf(one.id, store.ReaderCell{Cell: cell.ID}), noteUses(tx, one.id, form.Uses)); err != nil {
		return err
	}
	if len(cells) > 1 {
		adoption.Cell = cell.Name
	}
	board := language.Say("with the board %s", form.Fingerprint)
	if adoption.TPM {
		board = language.Say("with the board and TPM %s", form.Fingerprint)
	}
	if adoption.Certified != "" {
		says = append(says, language.Say("certified by %s¦a TPM", adoption.Certified))
	}
	target.text = language.Say("%s", slices.Insert(says, 0, board))
	one.adoption = adoption
	return one.save(bundle)
}

// check checks all fields that do not depend on the site.
func (f *AdoptForm) check(id string) error {
	var wrongs FieldErrors
	wrongs.add(wrongField("reader", wire.CheckName(id)))
	_, fingerprint, err := parseRequest(f.Request)
	if err == nil && f.Fingerprint != fingerprint {
		err = wrong("fingerprint", "The fingerprint does not match this request; compare it with the reader's screen again")
	}
	wrongs.add(err)
	_, err = parseBrokers(f.Broker)
	wrongs.add(wrongField("broker", err))
	policy := wire.DefaultPolicy("", "")
	f.edit(&policy)
	_, err = keepVisitors(nil, policy.Access)
	wrongs.add(err)
	wrongs.add(refuseNever(nil, policy.Access))
	wrongs.add(checkPolicy(&policy))
	return wrongs.err()
}

// edit applies the form to a policy.
func (f *AdoptForm) edit(p *wire.Policy) {
	for _, set := range []struct {
		to   *string
		text string
	}{{&p.Door, f.Door}, {&p.Place, f.Place}, {&p.TimeZone, f.TimeZone}} {
		if text := TidyName(set.text); text != "" {
			*set.to = text
		}
	}
	if f.TimeZone != "" {
		p.TimeZone = zone.Named(p.TimeZone)
	}
	if f.Access != nil {
		p.Access = slices.Clone(f.Access) // which several forms may share, and hours of schedules are put into
	}
}

// A Removal is how a reader was removed.
type Removal string

// The removals.
const (
	Returned Removal = "returned" // still under the site's control
	Lost     Removal = "lost"     // somebody may extract its data: PINs and cards count as exposed
)

// RemoveReader revokes a reader's certificate and signatures, clears its retained
// topics, and begins a new epoch. Lost marks all PINs and cards of the site as exposed: that is not
// for those who are limited to locations.
func (d *Desk) RemoveReader(ctx context.Context, a Actor, reader string, how Removal) (epoch uint64, err error) {
	if how != Returned && how != Lost {
		return 0, wrong("how", "Say whether the reader was returned or lost")
	}
	removed := language.Say("as returned¦a removed reader")
	if how == Lost {
		removed = language.Say("as lost¦a removed reader")
	}
	err = d.act(ctx, a, RemoveReader, &auditTarget{reader: reader, subject: reader, text: removed}, func(tx *store.Tx, now time.Time) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		if how == Lost && !r.all {
			return notAllowed(language.Say("a lost reader exposes PINs and cards of the whole site, and you are limited to some locations: ask an administrator of the whole site to remove it as lost"))
		}
		epoch, err = d.site.RemoveReader(tx, now, reader, how == Lost)
		return err
	})
	return epoch, err
}
