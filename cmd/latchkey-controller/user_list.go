package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A userRow is a user as JSON.
type userRow struct {
	User     uint64     `json:"user"`
	Name     string     `json:"name"`
	PIN      bool       `json:"pin"`
	Cards    int        `json:"cards"`
	Copyable int        `json:"copyable"` // of the cards, how many can be copied
	Groups   []string   `json:"groups"`
	From     *time.Time `json:"from"`
	Until    *time.Time `json:"until"`
	Extended bool       `json:"extended"`
	Exposed  int        `json:"exposed,omitempty"` // how many of PIN and cards a lost reader may have given away
	Visitor  bool       `json:"visitor,omitempty"`

	Email     string `json:"email,omitempty"`
	Employee  string `json:"employee,omitempty"`
	Suspended bool   `json:"suspended,omitempty"`

	Seen   *time.Time `json:"seen,omitempty"` // when a door let them in last
	SeenAt string     `json:"seen-at,omitempty"`
}

func rowOf(u *desk.UserRow, in *time.Location) userRow {
	row := userRow{User: u.ID, Name: u.Name, PIN: u.PIN, Cards: u.Cards, Copyable: u.Copyable, Groups: append([]string{}, u.Groups...), From: timeOrNil(u.From, in), Until: timeOrNil(u.Until, in),
		Extended: u.Extended, Exposed: u.Exposed, Visitor: u.Visit != nil, Email: u.Email, Employee: u.Employee, Suspended: u.Suspended}
	if u.Seen != nil {
		row.Seen, row.SeenAt = timeOrNil(u.Seen.At, in), u.Seen.Door
	}
	return row
}

// stateFlag adds the flag of the state that users are in.
func stateFlag(c *invocation) *string {
	var states []string
	for _, s := range desk.UserStates()[1:] { // the first is any
		states = append(states, string(s))
	}
	return c.oneOf("state", "those who are valid, expired or not-yet-valid now, have no-credentials, a copyable-card or a copied-card, are exposed (a lost reader may have disclosed a PIN or card), a visitor or suspended, or not-seen for 90 days: a `state`", states...)
}

func userList(c *invocation) action {
	search := c.String("search", "", "those whose name, groups, email or employee number have `words` that begin so")
	group := c.String("group", "", "those in this `group`")
	state := stateFlag(c)
	var orders []string
	for _, o := range desk.UserOrders() {
		orders = append(orders, string(o))
	}
	order := c.oneOf("sort", "by `name`, until (the end of their validity), seen (when a door let them in last) or added; with - before it the other way round", orders...)
	return func(ctx context.Context, _ []string) error {
		if err := c.checkGroup(ctx, *group); err != nil {
			return err
		}
		users, err := allUsers(ctx, c, desk.UserQuery{Search: *search, State: desk.UserState(*state), Group: *group, Order: desk.UserOrder(*order), Limit: 1000})
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		none := "no users yet; add one with: latchkey-controller user add --dir " + c.dir + " --name NAME --pin auto"
		if *state != "" {
			none = "no user is like that now; latchkey-controller user list --dir " + c.dir + " shows all of them"
		} else if *group != "" {
			none = "no user is in this group; latchkey-controller group list --dir " + c.dir + " shows all groups"
		} else if *search != "" {
			none = "no user is called like that; latchkey-controller user list --dir " + c.dir + " shows all of them"
		}
		rows, lines := []userRow{}, []string{}
		for _, u := range users {
			rows = append(rows, rowOf(u, in))
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
			if u.Suspended {
				until += " (suspended)"
			}
			lines = append(lines, fmt.Sprintf("%d\t%s\t%s\t%d\t%s\t%s\t%s", u.ID, u.Name, pin, u.Cards, orDash(groupsText(u)), shortTime(u.From, in), until))
		}
		return c.printTable(rows, none, fmt.Sprintf("USER\tNAME\tPIN\tCARDS\tGROUPS\tFROM (%[1]s)\tUNTIL (%[1]s)\n", in), lines)
	}
}

// checkGroup says whether a group that a flag names is there; "": none is named.
func (c *invocation) checkGroup(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	_, err := c.desk.Group(ctx, c.actor, name)
	return groupError(err)
}

// groupsText names the groups of a user, or says that they are a visitor.
func groupsText(u *desk.UserRow) string {
	if u.Visit != nil {
		return "(visitor)"
	}
	return strings.Join(u.Groups, " ")
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
