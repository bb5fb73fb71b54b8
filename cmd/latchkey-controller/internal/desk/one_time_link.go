package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A OneTimeLink describes a one-time link on the page that it opens.
type OneTimeLink struct {
	First bool   // it creates the first Owner, who chooses a name
	Name  string // of the administrator whose password it sets; "" if First
	Role  Role
	Ends  time.Time

	Limited   bool     // to Locations
	Locations []string // their names; none: all of them were removed
}

// addOneTimeLink adds a one-time link for an administrator, 0: for the first Owner,
// and returns its token. It replaces an administrator's previous one.
func (d *Desk) addOneTimeLink(tx *store.Tx, admin int64) (token string, err error) {
	now, err := d.steady(tx)
	if err != nil {
		return "", err
	}
	token, hash := newToken()
	return token, tx.AddOneTimeLink(&store.OneTimeLink{Hash: hash, Admin: admin, Ends: now.Add(OneTimeLinkEnds)})
}

// FirstOwnerLink returns the token of a new one-time link that creates the first
// Owner; "": there already is an Owner. Those that other controllers have printed work, too.
func (d *Desk) FirstOwnerLink(ctx context.Context) (token string, err error) {
	err = d.site.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.CountRole(string(Owner))
		if err != nil || n > 0 {
			return err
		}
		token, err = d.addOneTimeLink(tx, 0)
		return err
	})
	return token, err
}

// OwnerLink returns the token of a new one-time link for setting the password of the
// named Owner, or else of the first; without an Owner, the link creates the first. Only
// the command line may do this: whoever has the directory owns the site. Using the link
// also ends the wait after wrong passwords.
func (d *Desk) OwnerLink(ctx context.Context, a Actor, name string) (token string, err error) {
	if a.Via != CommandLine {
		return "", ErrNotAllowed
	}
	err = d.site.Update(ctx, func(tx *store.Tx) error {
		admins, err := tx.Admins()
		if err != nil {
			return err
		}
		target := &auditTarget{subject: firstOwner}
		id := int64(0)
		for _, admin := range admins {
			if Role(admin.Role) == Owner && admin.Issuer == "" && (name == "" || store.Fold(name) == store.Fold(admin.Name)) && (id == 0 || admin.ID < id) {
				id, target.subject = admin.ID, admin.Name
			}
		}
		if name != "" && id == 0 {
			return fmt.Errorf("there is no Owner called %q; latchkey-controller admin list shows all administrators", name)
		}
		if token, err = d.addOneTimeLink(tx, id); err != nil {
			return err
		}
		return tx.AddAudit(target.audit(d.now(), a, actOwnerLink, store.Done, auditText{}))
	})
	return token, err
}

// openLink returns the link with a token, and its administrator; nil: the first Owner
// to be.
func (d *Desk) openLink(tx *store.Tx, token string) (*OneTimeLink, *store.Admin, error) {
	row, err := tx.OneTimeLink(hashToken(token))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, ErrLinkUsed
	}
	if err != nil {
		return nil, nil, err
	}
	now, err := d.steady(tx)
	if err != nil {
		return nil, nil, err
	}
	if now >= row.Ends {
		return nil, nil, ErrLinkUsed
	}
	l := &OneTimeLink{First: row.Admin == 0, Role: Owner, Ends: d.now().Add(row.Ends.Sub(now))}
	if l.First {
		if n, err := tx.CountRole(string(Owner)); err != nil || n > 0 {
			return nil, nil, errors.Join(ErrLinkUsed, err)
		}
		return l, nil, nil
	}
	admin, err := tx.Admin(row.Admin)
	if err != nil {
		return nil, nil, err
	}
	l.Name, l.Role, l.Limited = admin.Name, Role(admin.Role), limited(admin)
	if l.Limited {
		ids, err1 := tx.AdminLocations(admin.ID)
		locations, err2 := tx.Places(store.Locations)
		for _, at := range locations {
			if slices.Contains(ids, at.ID) {
				l.Locations = append(l.Locations, at.Name)
			}
		}
		if err := errors.Join(err1, err2); err != nil {
			return nil, nil, err
		}
	}
	return l, admin, nil
}

// OneTimeLink returns a link without using it, or ErrLinkUsed.
func (d *Desk) OneTimeLink(ctx context.Context, token string) (l *OneTimeLink, err error) {
	err = d.site.View(ctx, func(tx *store.Tx) error {
		l, _, err = d.openLink(tx, token)
		return err
	})
	return l, err
}

// UseOneTimeLink sets the password, which it wipes, ends existing sessions and signs
// in. The link is used up. Fields: "name" (only if First), "password".
func (d *Desk) UseOneTimeLink(ctx context.Context, token, name string, password []byte, from Client) (*Session, error) {
	defer clear(password)
	l, err := d.OneTimeLink(ctx, token)
	if err != nil {
		return nil, err
	}
	if name = TidyName(name); !l.First {
		name = l.Name
	} else if err := checkAdminName(name); err != nil {
		return nil, err
	}
	if err := checkNewPassword("password", name, password); err != nil {
		return nil, err
	}
	check, err := d.newPassword(ctx, password)
	if err != nil {
		return nil, err
	}
	var session *Session
	err = d.site.Update(ctx, func(tx *store.Tx) error {
		_, admin, err := d.openLink(tx, token)
		if err != nil {
			return err
		}
		act := actUseLink
		if admin == nil {
			act = actFirstOwner
			admin = &store.Admin{Name: name, Role: string(Owner), Created: d.now().Unix()}
			if err := addAdmin(tx, admin); err != nil {
				return err
			}
		}
		admin.Password = d.site.Seal(sealedPassword, admin.ID, check)
		if err := errors.Join(
			tx.RemoveOneTimeLink(hashToken(token)),
			tx.SetPassword(admin.ID, admin.Password),
			tx.EndSessions(admin.ID, wire.Hash{}),
			tx.ForgetBrowsers(admin.ID, wire.Hash{}),
			tx.SetThrottle(&store.Throttle{What: forAccount(admin.Name).what}),
		); err != nil {
			return err
		}
		if session, err = d.begin(tx, admin, from); err != nil {
			return err
		}
		return tx.AddAudit((&auditTarget{subject: admin.Name}).audit(d.now(), session.Actor, act, store.Done, auditOf(language.Say("from %s¦an address", from.Address))))
	})
	return session, err
}
