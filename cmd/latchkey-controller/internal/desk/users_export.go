package desk

import (
	"context"
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// ExportUsers writes the users that a query selects, by name and without visitors, as a file that ImportUsers
// reads: cards are masked, and PINs are not in it. An import of it changes nothing. Field: "state".
func (d *Desk) ExportUsers(ctx context.Context, a Actor, q UserQuery, w io.Writer) error {
	if err := d.check(ctx, a, ExportUsers, new(auditTarget)); err != nil {
		return err
	}
	choice, err := d.userChoice(q)
	if err != nil {
		return err
	}
	return d.actOutside(ctx, a, ExportUsers, new(auditTarget), func() (*language.Sentence, error) {
		n, err := d.exportUsers(ctx, a, choice, w)
		return language.Count(n, "for %d user", "for %d users"), err
	})
}

func (d *Desk) exportUsers(ctx context.Context, a Actor, choice store.UserChoice, w io.Writer) (n int, err error) {
	if _, err := io.WriteString(w, byteOrderMark); err != nil {
		return 0, err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true // as RFC 4180 has it
	out.Write(userColumns)
	var after store.UserCursor
	for more := true; more; {
		var rows [][]string
		err := d.site.View(ctx, func(tx *store.Tx) error {
			if err := d.narrow(tx, a, &choice); err != nil {
				return err
			}
			users, next, err := tx.UsersAfter(choice, after, exportBatch)
			if err != nil {
				return err
			}
			after, more = next, next != (store.UserCursor{})
			rows, err = d.userCells(tx, users)
			return err
		})
		if err != nil {
			return n, err
		}
		for _, row := range rows {
			if err := out.Write(row); err != nil {
				return n, err
			}
		}
		n += len(rows)
	}
	out.Flush()
	return n, out.Error()
}

// userCells returns the rows of some users in a file of users.
func (d *Desk) userCells(tx *store.Tx, users []*store.User) (rows [][]string, err error) {
	ids := make([]uint64, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	invited, err := tx.Invitations(ids)
	if err != nil {
		return nil, err
	}
	credentials, err := tx.CredentialsOfAll(ids)
	if err != nil {
		return nil, err
	}
	in, err := siteZone(tx)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if _, is := invited[u.ID]; is {
			continue
		}
		uids, err := d.site.UIDs(credentials[u.ID])
		if err != nil {
			return nil, err
		}
		var cards []string
		for _, c := range credentials[u.ID] {
			if c.Kind == wire.Card {
				cards = append(cards, uids[c.ID])
			}
		}
		row := []string{
			strconv.FormatUint(u.ID, 10), u.First, u.Last, u.Email, u.Employee, strings.Join(ordinary(u.Groups), ";"),
			timeText(u.From, time.RFC3339, in), timeText(u.Until, time.RFC3339, in), yesOrNo(u.Extended), yesOrNo(!u.Suspended), strings.Join(cards, ";"), "",
		}
		for i := range row {
			row[i] = Cell(row[i])
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func yesOrNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
