package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An Admin is an administrator.
type Admin struct {
	ID       int64
	Name     string
	Role     Role
	Password bool   // is set; otherwise their one-time link is unused
	Issuer   string // where they sign in; "": here
	Created  time.Time
	Seen     time.Time // zero: never signed in
	Sessions int       // open ones

	Limited   bool    // they act at these locations only
	Locations []place // of one who is limited, by name
}

// Admins returns all administrators, by name.
func (d *Desk) Admins(ctx context.Context, a Actor) (admins []*Admin, err error) {
	err = d.view(ctx, a, ViewAdmins, func(tx *store.Tx) error {
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		open, err := tx.OpenSessions(now.Add(-SessionEnds), now.Add(-SessionIdle))
		if err != nil {
			return err
		}
		locations, err := tx.Places(store.Locations)
		if err != nil {
			return err
		}
		rows, err := tx.Admins()
		for _, row := range rows {
			admin := &Admin{
				ID: row.ID, Name: row.Name, Role: Role(row.Role), Password: len(row.Password) > 0, Issuer: row.Issuer,
				Created: moment(row.Created), Seen: moment(row.Seen), Sessions: open[row.ID], Limited: limited(row),
			}
			admins = append(admins, admin)
			if !admin.Limited {
				continue
			}
			ids, err := tx.AdminLocations(row.ID)
			if err != nil {
				return err
			}
			for _, l := range locations {
				if slices.Contains(ids, l.ID) {
					admin.Locations = append(admin.Locations, place(*l))
				}
			}
		}
		return err
	})
	return admins, err
}

// checkAdminName checks an administrator's name.
func checkAdminName(name string) error {
	if store.Fold(name) == "" {
		return wrong("name", "Enter a name with letters or digits")
	}
	return wrongField("name", wire.CheckLabel(name))
}

// addAdmin adds an administrator.
func addAdmin(tx *store.Tx, admin *store.Admin) error {
	err := tx.AddAdmin(admin)
	if errors.Is(err, store.ErrNameTaken) {
		return wrong("name", "Another administrator has this name; choose a different one")
	}
	return err
}

// AddAdmin adds an administrator, who acts at some locations only, nil: everywhere, and
// returns the token of the one-time link for setting their password. Fields: "name", "role",
// "locations".
func (d *Desk) AddAdmin(ctx context.Context, a Actor, name string, role Role, locations []int64) (id int64, token string, err error) {
	name = TidyName(name)
	target := &auditTarget{subject: cut(name, wire.MaxName), text: language.Say("was added as %s¦a role", role.Title())}
	err = d.act(ctx, a, AddAdmin, target, func(tx *store.Tx, now time.Time) error {
		if err := checkAdminName(name); err != nil {
			return err
		}
		if err := checkRole(role); err != nil {
			return err
		}
		admin := &store.Admin{Name: name, Role: string(role), Created: now.Unix()}
		if err := addAdmin(tx, admin); err != nil {
			return err
		}
		id = admin.ID
		if locations != nil {
			at, err := limitAdmin(tx, admin, locations)
			if err != nil {
				return err
			}
			target.text = language.Say("was added as %s at %s only¦a role, locations", role.Title(), at)
		}
		token, err = d.addOneTimeLink(tx, id)
		return err
	})
	return id, token, err
}

func checkRole(role Role) error {
	if !slices.Contains(Roles(), role) {
		return wrong("role", "Choose one of the roles: owner, super-admin, limited-edit or limited-view")
	}
	return nil
}

// editAdmin does EditAdmins to an administrator, who becomes the target's subject.
func (d *Desk) editAdmin(ctx context.Context, a Actor, id int64, target *auditTarget, edit func(*store.Tx, *store.Admin) error) error {
	return d.act(ctx, a, EditAdmins, target, func(tx *store.Tx, _ time.Time) error {
		admin, err := tx.Admin(id)
		if err != nil {
			return err
		}
		target.subject = admin.Name
		return edit(tx, admin)
	})
}

// lastOwner returns an error if no other Owner could sign in without this one. An
// Owner who can not does not count, unless this one can not either.
func lastOwner(tx *store.Tx, admin *store.Admin) error {
	if Role(admin.Role) != Owner {
		return nil
	}
	all, err := tx.Admins()
	if err != nil {
		return err
	}
	could, err := canSignIn(tx, admin)
	if err != nil {
		return err
	}
	for _, other := range all {
		if Role(other.Role) != Owner || other.ID == admin.ID {
			continue
		}
		if can, err := canSignIn(tx, other); can || err != nil || !could {
			return err
		}
	}
	return wrong("role", "%s is the only Owner who can sign in; first make somebody else an Owner and have them set a password or add a passkey", admin.Name)
}

// SetRole changes an administrator's role. At least one Owner must remain. Field:
// "role".
func (d *Desk) SetRole(ctx context.Context, a Actor, id int64, role Role) error {
	target := &auditTarget{}
	return d.editAdmin(ctx, a, id, target, func(tx *store.Tx, admin *store.Admin) error {
		target.text = language.Say("is %s now, was %s¦roles", role.Title(), Role(admin.Role).Title())
		if target.same = role == Role(admin.Role); role == Owner && limited(admin) {
			target.text = language.Say("is %s now, was %s, and acts at all locations¦roles", role.Title(), Role(admin.Role).Title())
		}
		if err := checkRole(role); err != nil || target.same {
			return err
		}
		if admin.Issuer != "" {
			return wrongField("role", ErrAtProvider)
		}
		if err := lastOwner(tx, admin); err != nil {
			return err
		}
		return tx.SetRole(id, string(role))
	})
}

// LimitRevision identifies where the administrator acts, for a form that edits it.
func (a *Admin) LimitRevision() string {
	ids := []int64{}
	for _, l := range a.Locations {
		ids = append(ids, l.ID)
	}
	slices.Sort(ids)
	return limitRevision(a.Limited, ids)
}

func limitRevision(limited bool, ids []int64) string {
	if !limited || ids == nil {
		ids = []int64{}
	}
	return revision([]any{limited, ids})
}

// SetLimit has an administrator act at some locations only, or, if they are nil, everywhere.
// An Owner acts everywhere. was is the LimitRevision that was edited; if it has changed since,
// the act is refused; "": do not check. Fields: "locations", and "administrator" for such a
// refusal.
func (d *Desk) SetLimit(ctx context.Context, a Actor, id int64, was string, locations []int64) error {
	target := &auditTarget{}
	return d.editAdmin(ctx, a, id, target, func(tx *store.Tx, admin *store.Admin) error {
		ids, err := tx.AdminLocations(id)
		if err != nil {
			return err
		}
		if was != "" && was != limitRevision(limited(admin), ids) {
			return changedMeanwhile("administrator")
		}
		if target.same = limitRevision(limited(admin), ids) == limitRevision(locations != nil, slices.Sorted(slices.Values(locations))); target.same {
			return nil
		}
		if locations == nil {
			target.text = language.Say("acts at all locations now")
			return tx.LimitAdmin(id, false, nil)
		}
		at, err := limitAdmin(tx, admin, locations)
		target.text = language.Say("acts at %s only now¦locations", at)
		return err
	})
}

// limitAdmin limits an administrator to locations, which it names.
func limitAdmin(tx *store.Tx, admin *store.Admin, locations []int64) (at *language.Sentence, err error) {
	if Role(admin.Role) == Owner {
		return nil, wrong("locations", "An Owner acts at all locations: choose another role first")
	}
	if len(locations) == 0 {
		return nil, wrong("locations", "Choose at least one location, or all of them")
	}
	rows, err := tx.Places(store.Locations)
	if err != nil {
		return nil, err
	}
	var names []string
	var ids []int64
	for _, row := range rows {
		if slices.Contains(locations, row.ID) {
			names, ids = append(names, row.Name), append(ids, row.ID)
		}
	}
	for _, id := range locations {
		if !slices.Contains(ids, id) {
			return nil, wrong("locations", "There is no location %s any more: choose others", strconv.FormatInt(id, 10))
		}
	}
	return namesTold(names), tx.LimitAdmin(admin.ID, true, ids)
}

// RemoveAdmin removes an administrator and ends their sessions. At least one Owner
// must remain. Field: "role".
func (d *Desk) RemoveAdmin(ctx context.Context, a Actor, id int64) error {
	return d.editAdmin(ctx, a, id, &auditTarget{text: language.Say("was removed")}, func(tx *store.Tx, admin *store.Admin) error {
		if err := lastOwner(tx, admin); err != nil {
			return err
		}
		return tx.RemoveAdmin(id)
	})
}

// SignOutAdmin ends all sessions of an administrator. Their password stays valid.
func (d *Desk) SignOutAdmin(ctx context.Context, a Actor, id int64) error {
	return d.editAdmin(ctx, a, id, &auditTarget{text: language.Say("was signed out everywhere")}, func(tx *store.Tx, _ *store.Admin) error {
		return tx.EndSessions(id, wire.Hash{})
	})
}

// NewOneTimeLink returns the token of a new one-time link for setting an
// administrator's password. The old password stays valid until then.
func (d *Desk) NewOneTimeLink(ctx context.Context, a Actor, id int64) (token string, err error) {
	err = d.editAdmin(ctx, a, id, &auditTarget{text: language.Say("was given a new one-time link")}, func(tx *store.Tx, admin *store.Admin) error {
		if admin.Issuer != "" {
			return wrongField("role", ErrAtProvider)
		}
		token, err = d.addOneTimeLink(tx, id)
		return err
	})
	return token, err
}

// FindAdmin returns the id of the administrator with a name, ignoring case and
// accents.
func (d *Desk) FindAdmin(ctx context.Context, a Actor, name string) (id int64, err error) {
	err = d.view(ctx, a, ViewAdmins, func(tx *store.Tx) error {
		admin, err := tx.AdminNamed(name)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("there is no administrator %q; latchkey-controller admin list shows all of them", name)
		}
		id = admin.ID
		return err
	})
	return id, err
}
