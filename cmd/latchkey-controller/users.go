package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// A userRow is a user for programs.
type userRow struct {
	User     uint64     `json:"user"`
	Name     string     `json:"name"`
	PIN      bool       `json:"pin"`
	Cards    int        `json:"cards"`
	Groups   []string   `json:"groups"`
	From     *time.Time `json:"from"`
	Until    *time.Time `json:"until"`
	Extended bool       `json:"extended"`
	Exposed  int        `json:"exposed,omitempty"` // of PIN and cards: how many a lost reader may have given away
}

func userListCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "user list", "[--search WORDS] [--state STATE]", "Shows users, by name.")
	search := o.String("search", "", "those whose name or groups have `words` that begin so")
	state := o.String("state", "", "those who are valid, expired or not-yet-valid now, or have no-credentials")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	if !slices.Contains(desk.UserStates(), desk.UserState(*state)) {
		return usagef("latchkey-controller user list: --state is valid, expired, not-yet-valid or no-credentials")
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	users := []*desk.UserRow{}
	for q := (desk.UserQuery{Search: *search, State: desk.UserState(*state), Limit: 1000}); ; {
		page, err := d.Users(ctx, d.actor, q)
		if err != nil {
			return err
		}
		users = append(users, page.Users...)
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	in, err := d.Zone(ctx)
	if err != nil {
		return err
	}
	if o.json {
		rows := make([]userRow, len(users))
		for i, u := range users {
			rows[i] = userRow{u.ID, u.Name, u.PIN, u.Cards, append([]string{}, u.Groups...), timeOrNil(u.From, in), timeOrNil(u.Until, in), u.Extended, u.Exposed}
		}
		return printJSON(c.out, rows)
	}
	if len(users) == 0 {
		if *state != "" {
			_, err := fmt.Fprintf(c.out, "no user is like that now; latchkey-controller user list --dir %s shows all of them\n", o.dir)
			return err
		}
		if *search != "" {
			_, err := fmt.Fprintf(c.out, "no user is called like that; latchkey-controller user list --dir %s shows all of them\n", o.dir)
			return err
		}
		_, err := fmt.Fprintf(c.out, "no users yet; add one with: latchkey-controller user add --dir %s --name NAME --pin auto\n", o.dir)
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "USER\tNAME\tPIN\tCARDS\tGROUPS\tFROM (%[1]s)\tUNTIL (%[1]s)\n", in)
	for _, u := range users {
		pin := "no"
		if u.PIN {
			pin = "yes"
		}
		if u.Exposed > 0 {
			pin += " (exposed)"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\t%s\n", u.ID, u.Name, pin, u.Cards, orDash(strings.Join(u.Groups, " ")), when(u.From, in), marked(when(u.Until, in), u.Validity))
	}
	return w.Flush()
}

func userCardCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "user card", "USER add|remove UID | USER enrol READER [--by NAME]", "Gives a user a card, or takes it away. The UID is written in hexadecimal, like 04:A1:B2:C3:D4:E5:80;\nenrol takes the card that is shown next to a reader, which opens nothing with it, and asks for its last\nfour digits, or reads them from standard input.")
	by := byFlag(o)
	arguments, err := o.parse(args, 3)
	if err != nil {
		return err
	}
	action := arguments[1]
	if action != "add" && action != "remove" && action != "enrol" {
		return usagef("latchkey-controller user card: %q is neither add nor remove nor enrol", action)
	}
	if action != "enrol" {
		if _, err := site.ParseUID(arguments[2]); err != nil {
			return usagef("latchkey-controller user card: %v", err)
		}
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	if action == "enrol" {
		return enrol(ctx, c, o, d, arguments[0], arguments[2], by())
	}
	u, err := d.FindUser(ctx, d.actor, arguments[0])
	if err != nil {
		return err
	}
	if action == "add" {
		err = d.AddCard(ctx, d.actor, u.ID, arguments[2])
	} else {
		err = d.RemoveCardUID(ctx, d.actor, u.ID, arguments[2])
	}
	if err != nil {
		return err
	}
	return printUser(c, o, u.ID, u.Name, nil)
}

// when shows a time in a zone, with its offset where clocks there show it twice.
func when(t time.Time, in *time.Location) string {
	if t.IsZero() {
		return "-"
	}
	if t = t.In(in); zone.Twice(t) {
		return t.Format("2006-01-02 15:04 -07:00")
	}
	return t.Format("2006-01-02 15:04")
}

func timeOrNil(t time.Time, in *time.Location) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.In(in)
	if t.Year() > 9999 { // kept before it was refused: JSON has no such year
		t = time.Unix(wire.MaxTime, 0).UTC()
	}
	return &t
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// marked says beside a user's dates that they are over, or to come.
func marked(until string, validity desk.Validity) string {
	if validity == desk.Valid {
		return until
	}
	return fmt.Sprintf("%s (%s)", until, validity)
}
