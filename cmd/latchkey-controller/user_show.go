package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A shownUser is a user with their cards as JSON.
type shownUser struct {
	userRow
	Each []shownCard `json:"each-card"`
}

type shownCard struct {
	Card     uint64     `json:"card"` // its number
	UID      string     `json:"uid"`  // masked: "… E5 80"
	Copyable bool       `json:"copyable"`
	Chip     string     `json:"chip,omitempty"` // of one that cannot be copied
	Keys     uint8      `json:"keys,omitempty"` // generation of its keys, from 1
	Given    *time.Time `json:"given"`
	By       string     `json:"by,omitempty"`
	Exposed  bool       `json:"exposed,omitempty"`
}

func userShow(c *invocation) action {
	c.details = "A card that can be copied only has a number: anybody can copy it who has held it. To replace it: user card\nUSER new. The number of a card is what user card takes for CARD."
	return func(ctx context.Context, args []string) error {
		row, err := c.desk.FindUser(ctx, c.actor, args[0])
		if err != nil {
			return err
		}
		u, err := c.desk.User(ctx, c.actor, row.ID)
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		shown := shownUser{rowOf(&u.UserRow, in), []shownCard{}}
		lines := []string{fmt.Sprintf("user\t%d\t%s", u.ID, u.Name), "groups\t" + orDash(strings.Join(u.Groups, " ")),
			"from\t" + shortTime(u.From, in), "until\t" + shortTime(u.Until, in)}
		if u.Validity != desk.Valid {
			lines = append(lines, "now\t"+string(u.Validity))
		}
		for i := range u.Credentials {
			k := &u.Credentials[i]
			given := "given on " + shortTime(k.Given, in)
			if k.By != "" {
				given += " by " + k.By
			}
			if k.Exposed {
				given += " (exposed)"
			}
			if k.UID == "" {
				lines = append(lines, "PIN\t"+given)
				continue
			}
			shown.Each = append(shown.Each, shownCard{k.ID, k.UID, k.Copyable(), k.Chip, k.Generation, timeOrNil(k.Given, in), k.By, k.Exposed})
			lines = append(lines, fmt.Sprintf("card %d\t%s\t%s\t%s", k.ID, k.UID, copyText(k), given))
		}
		return c.printTable(shown, "", "", lines)
	}
}

// copyText says whether a card can be copied.
func copyText(k *desk.Credential) string {
	if k.Copyable() {
		return "can be copied"
	}
	return fmt.Sprintf("cannot be copied: %s, keys no. %d", k.Chip, k.Generation)
}
