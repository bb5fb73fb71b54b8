package desk

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A GroupRow is a group in a list. A group exists while a user is in it or a reader's
// policy names it, and one that AddGroup has made until it is removed.
type GroupRow struct {
	Name    string
	Number  int64 // stays when the group is renamed, and is no other one's after it
	Members int   // of everyone: all users
	Doors   int   // that it may open, if only at times, of those in the actor's reach
}

// Everyone says whether it is the group of all users, whose members nobody edits.
func (g *GroupRow) Everyone() bool { return g.Name == wire.Everyone }

// A GroupQuery selects groups. Each word of Search must begin a word of the name.
type GroupQuery struct {
	Search string
	After  string // GroupPage.Next of the previous page; "": the first page
	Limit  int    // 0: 50; at most 1000
}

// A GroupPage is a page of groups by name, everyone first.
type GroupPage struct {
	Groups []*GroupRow
	Total  int    // groups of the site, with everyone
	Found  int    // that Search selects
	Next   string // "": this is the last page
}

// A Group is a group with everything to display about it, besides its members: these are
// a UserQuery.
type Group struct {
	GroupRow
	members []uint64      // their ids; none of everyone
	Access  []GroupAccess // by door and reader
	Removed []string      // readers that were removed, whose policies still name it
	opens   string        // the AccessRevision, of all Access, in reach or not
}

// A GroupAccess is what a reader's policy says of a group.
type GroupAccess struct {
	Reader, Door, Place string
	DoorID              int64 // 0: none
	Policy              *wire.Policy
	May                 bool           // it is on the list of who may open
	Hours               *wire.Schedule // when, if May; nil: always
	Schedule            string         // whose hours these are; "": of no schedule
	Everyone            bool           // everyone may open always: the group's own hours have no effect
	Exempt              bool           // it opens while the door is kept locked
	InLockdown          bool           // it opens in a lockdown
	First               bool           // the unlock schedule waits for one of it
}

// When returns when the group may open the door: "always", "Office hours (Mon 08:00-18:00)" of
// a schedule, "Mon 08:00-18:00", or "never".
func (at *GroupAccess) When() *language.Sentence {
	if at.Schedule != "" {
		return language.Say("%s (%s)", at.Schedule, HoursLine(at.Hours))
	}
	return HoursLine(at.Hours)
}

// How says with what the door opens to somebody who has both: as Access.How.
func (at *GroupAccess) How() *language.Sentence {
	return (&Access{Two: at.Policy.TwoProofs, Both: at.Policy.DemandsTwoIn(at.Hours), PIN: at.Policy.PIN, Card: true}).How()
}

// Revision identifies who is in the group and what it opens, for what changes both.
func (g *Group) Revision() string { return revision([]any{g.Name, g.members, g.AccessRevision()}) }

// AccessRevision identifies what the group opens, and when.
func (g *Group) AccessRevision() string { return g.opens }

func accessRevision(access []GroupAccess) string {
	var fields []any
	for _, at := range access {
		fields = append(fields, at.Reader, at.May, HoursLine(at.Hours).String(), at.Schedule, at.Exempt, at.InLockdown, at.First)
	}
	return revision(fields)
}

// see leaves out what of a group is out of reach.
func (r *reach) see(tx *store.Tx, g *Group) (err error) {
	if r.all {
		return nil
	}
	g.Access = slices.DeleteFunc(g.Access, func(at GroupAccess) bool { return !r.hasReader(at.Reader) })
	g.Removed = slices.DeleteFunc(g.Removed, func(id string) bool { return !r.hasReader(id) })
	doors := map[string]bool{}
	for _, at := range g.Access {
		if at.May {
			doors[doorKey(r.readers, at.Reader)] = true
		}
	}
	g.Doors = len(doors)
	if g.Everyone() {
		g.Members, err = tx.CountSeen(r.visitors())
	}
	return err
}

// Groups returns the names of the groups of users and of policies, sorted, without everyone.
func (d *Desk) Groups(ctx context.Context, a Actor) (groups []string, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		rows, err := groupRows(tx, r)
		for _, row := range rows {
			if !row.Everyone() {
				groups = append(groups, row.Name)
			}
		}
		return err
	})
	return groups, err
}

// ListGroups returns a page of groups.
func (d *Desk) ListGroups(ctx context.Context, a Actor, q GroupQuery) (page *GroupPage, err error) {
	if q.After != "" && wire.CheckName(q.After) != nil {
		return nil, ErrNotFound // no page has such a cursor
	}
	limit := pageSize(q.Limit)
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		rows, err := groupRows(tx, r)
		page = &GroupPage{Total: len(rows)}
		words := strings.Fields(store.Fold(q.Search))
		rows = slices.DeleteFunc(rows, func(row *GroupRow) bool {
			return slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(" "+store.Fold(row.Name), " "+word) })
		})
		page.Found = len(rows)
		if q.After != "" {
			rows = slices.DeleteFunc(rows, func(row *GroupRow) bool { return compareGroups(row.Name, q.After) <= 0 })
		}
		if page.Groups = rows; len(rows) > limit {
			page.Groups, page.Next = rows[:limit], rows[limit-1].Name
		}
		return err
	})
	return page, err
}

// compareGroups orders groups by name, everyone first.
func compareGroups(a, b string) int {
	rank := func(name string) int {
		if name == wire.Everyone {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
}

// groupRows returns all groups, everyone first, with the doors in reach.
func groupRows(tx *store.Tx, r *reach) ([]*GroupRow, error) {
	members, err := tx.CountMembers()
	if err != nil {
		return nil, err
	}
	if members[wire.Everyone], err = tx.CountSeen(r.visitors()); err != nil {
		return nil, err
	}
	numbers, err := tx.GroupNumbers()
	if err != nil {
		return nil, err
	}
	return r.rowsOf(tx, members, numbers)
}

// rowsOf returns the groups of the site, with the doors in reach, and with those that have
// members as they were counted.
func (r *reach) rowsOf(tx *store.Tx, members map[string]int, numbers map[string]store.GroupNumber) ([]*GroupRow, error) {
	rows := map[string]*GroupRow{}
	row := func(name string) *GroupRow {
		if rows[name] == nil {
			rows[name] = &GroupRow{Name: name, Number: numbers[name].Number, Members: members[name]}
		}
		return rows[name]
	}
	for _, name := range ordinary(slices.Collect(maps.Keys(members))) {
		row(name)
	}
	for name, n := range numbers {
		if n.Made {
			row(name)
		}
	}
	places, err := tx.ReaderPlaces()
	if err != nil {
		return nil, err
	}
	type opened struct{ group, door string }
	counted := map[opened]bool{}
	err = eachPolicy(tx, func(p *wire.Policy, removed bool) error {
		for _, group := range groupsIn(p) {
			row(group)
		}
		for _, a := range p.Access {
			if site.IsVisitorGroup(a.Group) {
				continue
			}
			if at := (opened{a.Group, doorKey(places, p.Reader)}); !removed && r.hasReader(p.Reader) && !counted[at] {
				counted[at] = true
				row(a.Group).Doors++
			}
		}
		return nil
	})
	return slices.SortedFunc(maps.Values(rows), func(a, b *GroupRow) int { return compareGroups(a.Name, b.Name) }), err
}

// doorKey identifies a reader's door; a reader without one is its own.
func doorKey(places map[string]*store.ReaderPlace, reader string) string {
	if at := places[reader]; at != nil && at.Door != 0 {
		return fmt.Sprint(at.Door)
	}
	return "reader " + reader
}

// eachPolicy calls do with the policy of each reader, by id, and says whether the reader was
// removed.
func eachPolicy(tx *store.Tx, do func(p *wire.Policy, removed bool) error) error {
	readers, err := tx.Readers()
	if err != nil {
		return err
	}
	former, err := tx.Former()
	if err != nil {
		return err
	}
	for _, id := range readers {
		p, err := tx.Policy(id)
		if err != nil {
			return fmt.Errorf("policy of %s: %w", id, err)
		}
		if err := do(p, slices.Contains(former, id)); err != nil {
			return err
		}
	}
	return nil
}

// groupsIn returns the groups that a policy names, sorted, without those of visitors.
func groupsIn(p *wire.Policy) []string { return ordinary(store.PolicyGroups(p)) }

// Group returns a group, or ErrNotFound.
func (d *Desk) Group(ctx context.Context, a Actor, name string) (g *Group, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		if g, err = groupNamed(tx, name); err != nil {
			return err
		}
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		return r.see(tx, g)
	})
	return g, err
}

// GroupNumbers returns the numbers of groups by name, also of those that are no more.
func (d *Desk) GroupNumbers(ctx context.Context, a Actor) (numbers map[string]int64, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		all, err := tx.GroupNumbers()
		numbers = make(map[string]int64, len(all))
		for name, n := range all {
			numbers[name] = n.Number
		}
		return err
	})
	return numbers, err
}

// GroupNumbered returns the group with a number, or ErrNotFound.
func (d *Desk) GroupNumbered(ctx context.Context, a Actor, number int64) (g *Group, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		if g, err = groupNumbered(tx, number); err != nil {
			return err
		}
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		return r.see(tx, g)
	})
	return g, err
}

func groupNumbered(tx *store.Tx, number int64) (*Group, error) {
	name, err := tx.GroupNumbered(number)
	if err != nil {
		return nil, err
	}
	return groupNamed(tx, name)
}

// groupNamed returns a group; the error says so if there is none.
func groupNamed(tx *store.Tx, name string) (g *Group, err error) {
	g = &Group{GroupRow: GroupRow{Name: name}}
	if site.IsVisitorGroup(name) {
		return nil, noGroup(name)
	}
	if g.Everyone() {
		g.Members, err = tx.CountUsers()
	} else {
		g.members, err = tx.MembersOf(name)
		g.Members = len(g.members)
	}
	if err != nil {
		return nil, err
	}
	places, err := tx.ReaderPlaces()
	if err != nil {
		return nil, err
	}
	doors := map[string]bool{}
	err = eachPolicy(tx, func(p *wire.Policy, removed bool) error {
		if !slices.Contains(groupsIn(p), name) {
			return nil
		}
		if removed {
			g.Removed = append(g.Removed, p.Reader)
			return nil
		}
		at := groupAt(p, name)
		named, err := tx.ScheduleNames(p.Reader)
		if err != nil {
			return err
		}
		at.Schedule = named[HoursUse{What: AccessHours, Group: name}]
		if at.Door = doorName(places, p.Reader); places[p.Reader] != nil {
			at.DoorID, at.Place = places[p.Reader].Door, places[p.Reader].Place
		}
		if at.May {
			doors[doorKey(places, p.Reader)] = true
		}
		g.Access = append(g.Access, at)
		return nil
	})
	if err != nil {
		return nil, err
	}
	g.Doors = len(doors)
	keys := map[string]string{} // a sort key is not made for each comparison
	for _, at := range g.Access {
		keys[at.Place], keys[at.Door] = store.SortKey(at.Place), store.SortKey(at.Door)
	}
	slices.SortStableFunc(g.Access, func(a, b GroupAccess) int {
		return cmp.Or(cmp.Compare(keys[a.Place], keys[b.Place]), cmp.Compare(keys[a.Door], keys[b.Door]))
	})
	g.opens = accessRevision(g.Access)
	n, err := tx.GroupNumber(name)
	if err != nil {
		return nil, err
	}
	g.Number = n.Number
	if g.Members == 0 && len(g.Access)+len(g.Removed) == 0 && !g.Everyone() && !n.Made {
		return nil, noGroup(name)
	}
	return g, nil
}

func noGroup(name string) error {
	return language.Say(`there is no group "%s"`, Clean(cut(name, 40))).Because(ErrNotFound)
}

// groupAt returns what a policy says of a group.
func groupAt(p *wire.Policy, group string) GroupAccess {
	at := GroupAccess{Reader: p.Reader, Policy: p, Exempt: slices.Contains(p.Exempt, group), InLockdown: slices.Contains(p.InLockdown, group)}
	at.First = p.Opening != nil && p.Opening.First == group
	only := &wire.Policy{}
	for _, a := range p.Access {
		if a.Group == group {
			only.Access, at.May = append(only.Access, a), true
		}
		at.Everyone = at.Everyone || a.Group == wire.Everyone && a.Schedule == nil && group != wire.Everyone
	}
	at.Hours = only.Hours(&wire.Credential{Groups: []string{group}})
	return at
}
