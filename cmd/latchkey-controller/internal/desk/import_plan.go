package desk

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An importPlan is what an import would do.
type importPlan struct {
	rows        []*plannedRow
	count       map[RowFate]int
	pins, cards int    // that it gives
	revision    string // of the file, and of what there is of the users that it is about
	clash       error  // the first card of the file that is somebody else's; nil: none is
	typed       bool   // the file has UIDs of cards
	on          *importState
}

// A plannedRow is a row with what becomes of its user.
type plannedRow struct {
	ImportRow
	was    *store.User // nil: it is a new one
	wanted *store.User // nil if the row is wrong
	cards  [][]byte    // new ones, by their UIDs
	pin    bool        // it gets one
}

func (p *importPlan) preview() *ImportPreview {
	preview := &ImportPreview{Revision: p.revision, Count: p.count, PINs: p.pins, Cards: p.cards}
	for _, r := range p.rows {
		preview.Rows = append(preview.Rows, &r.ImportRow)
	}
	return preview
}

// refuse marks a row as wrong.
func (r *plannedRow) refuse(column string, why *language.Sentence) {
	r.Fate, r.wanted = RowWrong, nil
	r.Tells = append(r.Tells, language.Say("%s: %s", column, why.Capital()))
}

// An importPlanner compares the rows of a file with the users that there are.
type importPlanner struct {
	file       *usersFile
	in         *time.Location
	on         *importState
	byID       map[uint64]*store.User
	byEmployee map[string][]*store.User
	byEmail    map[string][]*store.User // in lower case
	havePIN    map[uint64]bool
	masked     map[uint64][]string // the masked UIDs of users' cards

	// What earlier rows were about, with their lines.
	users, employees, emails, uids map[string]int
}

// planImport says what an import of a file would do. Field: "file".
func (d *Desk) planImport(tx *store.Tx, a Actor, file *usersFile, raw []byte) (*importPlan, error) {
	p, err := d.newImportPlanner(tx, file)
	if err != nil {
		return nil, err
	}
	plan := &importPlan{count: map[RowFate]int{}}
	plan.on = p.on
	for _, row := range file.rows {
		plan.rows = append(plan.rows, p.row(row))
	}
	if err := d.planCards(tx, a, plan); err != nil {
		return nil, err
	}
	hash := sha256.New()
	hash.Write(raw)
	for _, r := range plan.rows {
		r.settle(p.in)
		plan.count[r.Fate]++
		plan.cards += len(r.cards)
		if r.pin {
			plan.pins++
		}
		fmt.Fprintf(hash, "\n%s %t %x %q", r.Fate, r.pin, r.cards, r.Tells)
		if r.was != nil {
			fmt.Fprintf(hash, " %+v", *r.was)
		}
		if r.wanted != nil {
			fmt.Fprintf(hash, " %+v", *r.wanted)
		}
	}
	if plan.pins > maxImportPINs {
		return nil, wrong("file", "The file asks for %d PINs; one import makes at most %d: divide it", plan.pins, maxImportPINs)
	}
	plan.revision = base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:16])
	return plan, nil
}

// row plans a row, without saying yet what changes.
func (p *importPlanner) row(row fileRow) *plannedRow {
	r := &plannedRow{ImportRow: ImportRow{Line: row.line}}
	p.match(r, row)
	if r.Fate == RowWrong {
		return r
	}
	form, suspended := UserForm{}, false
	if r.was != nil {
		form, suspended = formOf(r.was, p.in), r.was.Suspended
		form.keep(form, r.was)
		r.User, r.Name = r.was.ID, r.was.Name
	}
	form.Zone = p.in
	for column, into := range map[string]*string{"first_name": &form.First, "last_name": &form.Last, "email": &form.Email, "employee_number": &form.Employee, "valid_from": &form.From, "valid_until": &form.Until} {
		if text, has := p.file.cell(row, column); has {
			*into = text
		}
	}
	if text, has := p.file.cell(row, "groups"); has {
		form.Groups = splitCell(text)
	}
	p.yesNo(r, row, "extended", &form.Extended, false)
	p.yesNo(r, row, "enabled", &suspended, true)
	wanted, wrongs := form.user()
	for _, e := range wrongs {
		r.refuse(importColumns[e.Field], e.Sentence)
	}
	for _, group := range wanted.Groups {
		if !p.on.Groups[group] {
			r.refuse("groups", language.Say("There is no group %s: make it first, or write it as it is called", group))
		}
	}
	wanted.Suspended = suspended
	if r.was != nil {
		wanted.ID, wanted.Created = r.was.ID, r.was.Created
	}
	if r.Name == "" {
		r.Name = cut(wanted.Name, wire.MaxName)
	}
	was := store.User{}
	if r.was != nil {
		was = *r.was
	}
	p.once(r, p.employees, "employee_number", was.Employee, wanted.Employee)
	p.once(r, p.emails, "email", strings.ToLower(was.Email), strings.ToLower(wanted.Email))
	p.credentials(r, row)
	if r.Fate != RowWrong {
		r.wanted = wanted
	}
	return r
}

// importColumns are the columns of the fields of a UserForm.
var importColumns = map[string]string{
	"first": "first_name", "last": "last_name", "email": "email", "employee": "employee_number", "groups": "groups", "from": "valid_from", "until": "valid_until",
}

// match finds the user of a row: by id, otherwise by employee number, otherwise by email.
func (p *importPlanner) match(r *plannedRow, row fileRow) {
	id, _ := p.file.cell(row, "id")
	employee, _ := p.file.cell(row, "employee_number")
	email, _ := p.file.cell(row, "email")
	employee, email = TidyName(employee), strings.ToLower(TidyName(email))
	same := func(column string, users []*store.User) {
		if len(users) > 1 {
			r.refuse(column, language.Say("%d users have this one: give the id of the one you mean", len(users)))
		} else {
			r.was = users[0]
		}
	}
	switch {
	case id != "":
		n, err := strconv.ParseUint(id, 10, 63)
		if r.was = p.byID[n]; err != nil || r.was == nil {
			r.refuse("id", language.Say("There is no user %s: leave the id of a new user empty", cut(id, 20)))
		}
	case employee != "" && p.byEmployee[employee] != nil:
		same("employee_number", p.byEmployee[employee])
	case email != "" && p.byEmail[email] != nil:
		same("email", p.byEmail[email])
	}
	if r.was == nil {
		return
	}
	r.User, r.Name = r.was.ID, r.was.Name
	if p.on.Visitors[r.was.ID] {
		r.refuse("id", language.Say("%s is a visitor: change the invitation", r.was.Name))
	}
	p.once(r, p.users, "id", "", strconv.FormatUint(r.was.ID, 10))
}

// once refuses a new value that an earlier row has, too. What users have already stays: it need
// not be unique.
func (p *importPlanner) once(r *plannedRow, seen map[string]int, column, was, value string) {
	switch line := seen[value]; {
	case value == "":
	case line == 0:
		seen[value] = r.Line
	case value != was:
		r.refuse(column, language.Say("Line %s is about the same user, or has the same one", strconv.Itoa(line)))
	}
}

// yesNo reads a cell that says yes or no; an empty one changes nothing.
func (p *importPlanner) yesNo(r *plannedRow, row fileRow, column string, into *bool, not bool) {
	text, _ := p.file.cell(row, column)
	switch strings.ToLower(text) {
	case "":
	case "yes", "true", "1":
		*into = !not
	case "no", "false", "0":
		*into = not
	default:
		r.refuse(column, language.Say("Write yes or no"))
	}
}

// credentials reads which cards and whether a PIN a row gives.
func (p *importPlanner) credentials(r *plannedRow, row fileRow) {
	if text, _ := p.file.cell(row, "cards"); text != "" {
		for _, card := range splitCell(text) {
			p.card(r, card)
		}
	}
	switch text, _ := p.file.cell(row, "pin"); strings.ToLower(text) {
	case "":
	case "auto":
		r.pin = r.was == nil || !p.havePIN[r.was.ID]
	default: // it may be a PIN, and is not repeated
		r.refuse("pin", language.Say("Write auto, or leave it empty: a PIN does not belong in a file"))
	}
}

func (p *importPlanner) card(r *plannedRow, text string) {
	digits := strings.TrimLeft(text, "….")
	if digits != text { // as export masks them
		if r.was == nil || !slices.Contains(p.masked[r.was.ID], "… "+strings.ToUpper(strings.TrimSpace(digits))) {
			r.refuse("cards", language.Say("They have no card %s: write all digits of a new one", cut(text, 20)))
		}
		return
	}
	uid, err := site.ParseNewUID(text)
	if err != nil {
		r.refuse("cards", language.Of(err))
		return
	}
	if line := p.uids[string(uid)]; line != 0 {
		r.refuse("cards", language.Say("The card %s is in line %s, too", site.MaskUID(uid), strconv.Itoa(line)))
		return
	}
	p.uids[string(uid)] = r.Line
	r.cards = append(r.cards, uid)
}

// splitCell returns the values of a cell that are separated by semicolons.
func splitCell(text string) (values []string) {
	for value := range strings.SplitSeq(text, ";") {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}
