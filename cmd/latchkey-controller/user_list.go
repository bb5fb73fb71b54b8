package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A userRow is a user as JSON.
type userRow struct {
	User     uint64     `json:"user"`
	Name     string     `json:"name"`
	PIN      bool       `json:"pin"`
	Cards    int        `json:"cards"`
	Groups   []string   `json:"groups"`
	From     *time.Time `json:"from"`
	Until    *time.Time `json:"until"`
	Extended bool       `json:"extended"`
	Exposed  int        `json:"exposed,omitempty"` // how many of PIN and cards a lost reader may have given away
}

func userList(c *invocation) action {
	search := c.String("search", "", "those whose name or groups have `words` that begin so")
	state := c.String("state", "", "those who are valid, expired or not-yet-valid now, or have no-credentials: a `state`")
	return func(ctx context.Context, _ []string) error {
		if !slices.Contains(desk.UserStates(), desk.UserState(*state)) {
			return usagef("latchkey-controller user list: --state is valid, expired, not-yet-valid or no-credentials")
		}
		users, err := allUsers(ctx, c, desk.UserQuery{Search: *search, State: desk.UserState(*state), Limit: 1000})
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		if c.json {
			rows := make([]userRow, len(users))
			for i, u := range users {
				rows[i] = userRow{u.ID, u.Name, u.PIN, u.Cards, append([]string{}, u.Groups...), timeOrNil(u.From, in), timeOrNil(u.Until, in), u.Extended, u.Exposed}
			}
			return printJSON(c.out, rows)
		}
		if len(users) == 0 {
			none := "no users yet; add one with: latchkey-controller user add --dir %s --name NAME --pin auto\n"
			if *state != "" {
				none = "no user is like that now; latchkey-controller user list --dir %s shows all of them\n"
			} else if *search != "" {
				none = "no user is called like that; latchkey-controller user list --dir %s shows all of them\n"
			}
			_, err := fmt.Fprintf(c.out, none, c.dir)
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
			until := shortTime(u.Until, in)
			if u.Validity != desk.Valid {
				until += fmt.Sprintf(" (%s)", u.Validity)
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\t%s\n", u.ID, u.Name, pin, u.Cards, orDash(strings.Join(u.Groups, " ")), shortTime(u.From, in), until)
		}
		return w.Flush()
	}
}

// allUsers returns the users that a query chooses, page after page.
func allUsers(ctx context.Context, c *invocation, q desk.UserQuery) ([]*desk.UserRow, error) {
	var users []*desk.UserRow
	for {
		page, err := c.desk.Users(ctx, c.actor, q)
		if err != nil {
			return nil, err
		}
		users = append(users, page.Users...)
		if q.After = page.Next; q.After == "" {
			return users, nil
		}
	}
}
