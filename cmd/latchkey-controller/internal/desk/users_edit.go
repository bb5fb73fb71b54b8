package desk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// MaxSelected bounds the users that one act changes.
const MaxSelected = 10_000

// A Selection is users by their ids, or, if there are none, those that a query selects. Visitors
// are left out of it.
type Selection struct {
	Users []uint64
	Query UserQuery // its Order, After and Limit do not matter
}

// SelectedUsers are the users of a selection.
type SelectedUsers struct {
	Revision  string // of the users
	Count     int
	Names     []string // of some
	Visitors  int      // that are left out
	Suspended int      // of Count
	Groups    []string // in which any is, sorted
}

// More returns how many have no name in Names.
func (s *SelectedUsers) More() int { return s.Count - len(s.Names) }

// SelectUsers says who is in a selection. Fields: "users", "state".
func (d *Desk) SelectUsers(ctx context.Context, a Actor, selection Selection) (s *SelectedUsers, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		_, s, err = d.selected(tx, a, selection)
		return err
	})
	return s, err
}

// selected returns the users of a selection whom an actor sees.
func (d *Desk) selected(tx *store.Tx, a Actor, selection Selection) (users []*store.User, s *SelectedUsers, err error) {
	if len(selection.Users) > 0 {
		if len(selection.Users) <= MaxSelected {
			users, err = tx.UsersByID(selection.Users)
		}
	} else {
		choice, failed := d.userChoice(selection.Query)
		if failed != nil {
			return nil, nil, failed
		}
		if err := d.narrow(tx, a, &choice); err != nil {
			return nil, nil, err
		}
		users, _, err = tx.UsersAfter(choice, store.UserCursor{}, MaxSelected+1)
	}
	if err != nil {
		return nil, nil, err
	}
	if max(len(users), len(selection.Users)) > MaxSelected {
		return nil, nil, wrong("users", "More than 10,000 users are selected: choose fewer")
	}
	visitors, err := tx.AllVisitors()
	if err != nil {
		return nil, nil, err
	}
	r, err := a.reach(tx)
	if err != nil {
		return nil, nil, err
	}
	users = slices.DeleteFunc(users, func(u *store.User) bool {
		return visitors[u.ID] && !slices.ContainsFunc(site.VisitorDoors(u), func(door int64) bool { return r.has(Where{Doors, door}) }) && !r.all
	})
	s = &SelectedUsers{Visitors: len(users)}
	users = slices.DeleteFunc(users, func(u *store.User) bool { return visitors[u.ID] })
	s.Count = len(users)
	s.Visitors -= s.Count
	hash := sha256.New()
	for _, u := range users {
		fmt.Fprintf(hash, "%+v\n", *u)
		if len(s.Names) < maxToldNames {
			s.Names = append(s.Names, u.Name)
		}
		if u.Suspended {
			s.Suspended++
		}
		for _, group := range u.Groups {
			if at, is := slices.BinarySearch(s.Groups, group); !is {
				s.Groups = slices.Insert(s.Groups, at, group)
			}
		}
	}
	s.Revision = base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:16])
	return users, s, nil
}

// A UsersEdit is what to change of several users.
type UsersEdit struct {
	Add, Remove []string       // groups
	From, Until *string        // for ParseTime; "": no limit; nil: as it is
	Zone        *time.Location // of From and Until; nil: the site's
	Suspend     *bool          // nil: as it is
}

// text says what is changed, for the audit.
func (e UsersEdit) text() *language.Sentence {
	var parts language.Series
	for _, group := range e.Add {
		parts = append(parts, language.Say("into %s¦a group", group))
	}
	for _, group := range e.Remove {
		parts = append(parts, language.Say("out of %s¦a group", group))
	}
	switch {
	case e.From == nil:
	case *e.From == "":
		parts = append(parts, language.Say("no beginning"))
	default:
		parts = append(parts, language.Say("beginning %s¦a time", *e.From))
	}
	switch {
	case e.Until == nil:
	case *e.Until == "":
		parts = append(parts, language.Say("no end"))
	default:
		parts = append(parts, language.Say("end %s¦a time", *e.Until))
	}
	if e.Suspend != nil && *e.Suspend {
		parts = append(parts, language.Say("suspended"))
	} else if e.Suspend != nil {
		parts = append(parts, language.Say("suspension ended"))
	}
	return language.Say("%s", parts)
}

// A UsersPreview is what an edit would do.
type UsersPreview struct {
	*SelectedUsers
	Revision string // of the users and of what the edit makes of them
	Changed  int    // of Count; the others are so already
}

// PreviewUsersEdit says what EditUsers would do. Fields: as of that.
func (d *Desk) PreviewUsersEdit(ctx context.Context, a Actor, selection Selection, edit UsersEdit) (p *UsersPreview, err error) {
	err = d.view(ctx, a, ViewUsers, func(tx *store.Tx) error {
		plan, err := d.planUsersEdit(tx, a, selection, edit)
		if err == nil {
			p = &UsersPreview{plan.selected, plan.revision, len(plan.after)}
		}
		return err
	})
	return p, err
}

// EditUsers changes the users of a selection, all of them or none, and returns for how many this
// was a change. was is the revision of a preview, or of the selection for who is shown no preview:
// if it is another now, the act is refused. Fields: "users", "state", "groups", "from", "until",
// "edit".
func (d *Desk) EditUsers(ctx context.Context, a Actor, selection Selection, was string, edit UsersEdit) (changed int, err error) {
	target := new(auditTarget)
	err = d.act(ctx, a, EditUsers, target, func(tx *store.Tx, now time.Time) error {
		if err := tx.Repeats(); err != nil {
			return err
		}
		plan, err := d.planUsersEdit(tx, a, selection, edit)
		if err != nil {
			return err
		}
		if was != plan.revision && was != plan.selected.Revision {
			e := wrong("users", "The selection or the change is not what was previewed: look again")
			e.err = ErrChanged
			return e
		}
		if plan.selected.Count == 0 {
			return wrong("users", "Choose at least one user")
		}
		if err := site.SetUsers(tx, now, plan.before, plan.after); err != nil {
			return err
		}
		var names []string
		for _, u := range plan.before {
			names = append(names, u.Name)
		}
		changed = len(names)
		target.text = edit.text()
		if changed > 0 {
			target.text = joined(target.text, language.Count(changed, "%d user: %s", "%d users: %s", namesTold(names)))
		}
		return nil
	})
	return changed, err
}

// A usersPlan is what an edit does.
type usersPlan struct {
	selected      *SelectedUsers
	revision      string        // of selected, and of what becomes of them
	before, after []*store.User // those who change
}

// planUsersEdit checks an edit of the users of a selection.
func (d *Desk) planUsersEdit(tx *store.Tx, a Actor, selection Selection, edit UsersEdit) (*usersPlan, error) {
	users, s, err := d.selected(tx, a, selection)
	if err != nil {
		return nil, err
	}
	change, err := d.usersEditor(tx, edit)
	if err != nil {
		return nil, err
	}
	r, err := a.reach(tx)
	if err != nil {
		return nil, err
	}
	if err := r.load(tx); err != nil {
		return nil, err
	}
	plan := &usersPlan{selected: s}
	hash := sha256.New()
	fmt.Fprintf(hash, "%s %q\n", s.Revision, edit.text())
	for _, u := range users {
		wanted, err := change(u)
		if err != nil {
			return nil, err
		}
		if err := cmp.Or(r.checkUser(u), r.checkUser(wanted)); err != nil {
			return nil, err
		}
		now, then := fmt.Sprint(*u), fmt.Sprint(*wanted)
		fmt.Fprintf(hash, "%q\n", then)
		if now != then {
			plan.before, plan.after = append(plan.before, u), append(plan.after, wanted)
		}
	}
	plan.revision = base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:16])
	return plan, nil
}

// usersEditor checks an edit, and returns what changes one user. Fields: "groups", "from",
// "until", "edit".
func (d *Desk) usersEditor(tx *store.Tx, edit UsersEdit) (func(*store.User) (*store.User, error), error) {
	if edit.text().String() == "" {
		return nil, wrong("edit", "Choose what to change")
	}
	var wrongs FieldErrors
	there, err := groupRows(tx, &reach{all: true})
	if err != nil {
		return nil, err
	}
	named := slices.Concat(edit.Add, edit.Remove)
	slices.Sort(named)
	for _, group := range slices.Compact(named) {
		switch {
		case group == wire.Everyone:
			wrongs.add(wrong("groups", "All users are in the group everyone: nobody is put into it, or taken out of it"))
		case !slices.ContainsFunc(there, func(g *GroupRow) bool { return g.Name == group }):
			wrongs.add(wrong("groups", "There is no group %s in which users can be put: choose another", cut(group, 40)))
		case slices.Contains(edit.Add, group) && slices.Contains(edit.Remove, group):
			wrongs.add(wrong("groups", "Put them into %s, or take them out of it, not both", group))
		}
	}
	in := edit.Zone
	if in == nil {
		if in, err = siteZone(tx); err != nil {
			return nil, err
		}
	}
	times := func(field string, text *string, days int) (t int64) {
		if text != nil {
			t = UserForm{Zone: in}.time(&wrongs, field, *text, days)
		}
		return t
	}
	from, until := times("from", edit.From, 0), times("until", edit.Until, 1)
	return func(u *store.User) (*store.User, error) {
		wanted := *u
		wanted.Groups = slices.Clone(u.Groups)
		for _, group := range edit.Add {
			if at, is := slices.BinarySearch(wanted.Groups, group); !is {
				wanted.Groups = slices.Insert(wanted.Groups, at, group)
			}
		}
		wanted.Groups = slices.DeleteFunc(wanted.Groups, func(group string) bool { return slices.Contains(edit.Remove, group) })
		if edit.From != nil {
			wanted.From = from
		}
		if edit.Until != nil {
			wanted.Until = until
		}
		if edit.Suspend != nil {
			wanted.Suspended = *edit.Suspend
		}
		switch {
		case len(wanted.Groups) > wire.MaxGroups:
			return nil, wrong("groups", "%s would be in %d groups, and nobody can be in more than %d: take them out of one first", u.Name, len(wanted.Groups), wire.MaxGroups)
		case wanted.Until != 0 && wanted.Until <= wanted.From:
			return nil, wrong("until", "For %s the end would not be after the beginning: choose a later end", u.Name)
		}
		return &wanted, nil
	}, wrongs.err()
}
