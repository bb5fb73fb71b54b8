package desk

import (
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// An importState is all of the site that a plan depends on besides the limit of clashes: on two
// equal ones a file does the same.
type importState struct {
	Zone     string
	Groups   map[string]bool
	Users    []*store.User
	Visitors map[uint64]bool
	Owned    []store.Owned
	Epoch    uint64 // of the tags in Owned
}

func readImportState(tx *store.Tx) (*importState, error) {
	on := &importState{Groups: map[string]bool{}}
	groups, err := groupRows(tx, &reach{all: true})
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		on.Groups[g.Name] = true
	}
	epoch, err := tx.Epoch()
	if err != nil {
		return nil, err
	}
	on.Epoch = epoch.Number
	if on.Zone, err = tx.Zone(); err != nil {
		return nil, err
	}
	if on.Users, err = tx.Users(); err != nil {
		return nil, err
	}
	if on.Visitors, err = tx.AllVisitors(); err != nil {
		return nil, err
	}
	on.Owned, err = tx.AllOwned()
	return on, err
}

func (d *Desk) newImportPlanner(tx *store.Tx, file *usersFile) (*importPlanner, error) {
	on, err := readImportState(tx)
	if err != nil {
		return nil, err
	}
	p := &importPlanner{
		file: file, on: on, byID: map[uint64]*store.User{}, byEmployee: map[string][]*store.User{}, byEmail: map[string][]*store.User{}, havePIN: map[uint64]bool{},
		users: map[string]int{}, employees: map[string]int{}, emails: map[string]int{}, uids: map[string]int{},
	}
	if p.in, err = zone.Load(on.Zone); err != nil {
		return nil, err
	}
	for _, u := range on.Users {
		p.byID[u.ID] = u
		if u.Employee != "" {
			p.byEmployee[u.Employee] = append(p.byEmployee[u.Employee], u)
		}
		if u.Email != "" {
			email := strings.ToLower(u.Email)
			p.byEmail[email] = append(p.byEmail[email], u)
		}
	}
	for _, o := range on.Owned {
		if o.Kind == wire.PIN {
			p.havePIN[o.User] = true
		}
	}
	if at, has := file.columns["cards"]; has && slices.ContainsFunc(file.rows, func(r fileRow) bool { return strings.ContainsAny(r.cells[at], "….") }) {
		p.masked, err = d.maskedCards(tx)
	}
	return p, err
}

// maskedCards returns the masked UIDs of all users' cards.
func (d *Desk) maskedCards(tx *store.Tx) (map[uint64][]string, error) {
	credentials, err := tx.Credentials()
	if err != nil {
		return nil, err
	}
	uids, err := d.site.UIDs(credentials)
	if err != nil {
		return nil, err
	}
	masked := map[uint64][]string{}
	for _, c := range credentials {
		if c.Kind == wire.Card {
			masked[c.User] = append(masked[c.User], uids[c.ID])
		}
	}
	return masked, nil
}

// planCards takes from a plan the cards that users have already, and refuses those of others. In
// the console it tells of the first of these only. Field: "file".
func (d *Desk) planCards(tx *store.Tx, a Actor, plan *importPlan) error {
	var uids [][]byte
	for _, r := range plan.rows {
		uids = append(uids, r.cards...)
	}
	if plan.typed = len(uids) > 0; !plan.typed {
		return nil
	}
	if err := d.importLimit(tx, a); err != nil {
		return err
	}
	tags, err := d.site.CardTags(tx, uids)
	if err != nil {
		return err
	}
	owners := make(map[wire.Tag]uint64, len(plan.on.Owned))
	for _, o := range plan.on.Owned {
		owners[o.Tag] = o.User
	}
	for _, r := range plan.rows {
		var added [][]byte
		for _, uid := range r.cards {
			switch owner := owners[tags[string(uid)]]; {
			case owner == 0:
				added = append(added, uid)
			case r.was != nil && owner == r.was.ID:
			case plan.clash == nil || a.Via != Console:
				err := language.Say("the card %s is already assigned", site.MaskUID(uid)).Because(site.ErrCardTaken)
				r.refuse("cards", language.Say("the card %s is already assigned; remove it there first", site.MaskUID(uid)))
				plan.clash = atLine(r.Line, err)
			}
		}
		r.cards = added
	}
	return nil
}
