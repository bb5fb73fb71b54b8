package main

import (
	"context"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A shownUser is a user with their cards as JSON.
type shownUser struct {
	userRow
	Each []shownCard `json:"each-card"`
	PINs []shownPIN  `json:"each-pin"`

	Visit *visitRow `json:"visit,omitempty"` // of a visitor
}

type shownPIN struct {
	Duress  bool       `json:"duress,omitempty"`
	Uses    int        `json:"uses,omitempty"`           // how often it may be used; none: no limit
	Within  int        `json:"within-seconds,omitempty"` // from its first use; none: no limit
	Used    []shownUse `json:"used,omitempty"`
	Ends    *time.Time `json:"ends,omitempty"` // when Within from its first use is over
	Given   *time.Time `json:"given"`
	By      string     `json:"by,omitempty"`
	Exposed bool       `json:"exposed,omitempty"`
}

// A shownUse is how often a PIN was used at a reader.
type shownUse struct {
	Reader string     `json:"reader"`
	Door   string     `json:"door"`
	Uses   int        `json:"uses"`
	First  *time.Time `json:"first"`
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
	c.details = "A card that can be copied only has a number: anybody can copy it who has held it. To replace it: user card\nUSER new READER. The number of a card is what user card takes for CARD. Of a visitor it is shown who\ninvited them, and to which doors."
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
		shown := shownUser{rowOf(&u.UserRow, in), []shownCard{}, []shownPIN{}, nil}
		lines := []string{fmt.Sprintf("user\t%d\t%s", u.ID, u.Name), "groups\t" + orDash(groupsText(&u.UserRow)),
			"from\t" + shortTime(u.From, in), "until\t" + shortTime(u.Until, in)}
		if u.Validity != desk.Valid {
			lines = append(lines, "now\t"+string(u.Validity))
		}
		if u.Suspended {
			lines = append(lines, "now\tsuspended: readers have neither PIN nor cards, which the user keeps")
		}
		if u.Email != "" {
			lines = append(lines, "email\t"+u.Email)
		}
		if u.Employee != "" {
			lines = append(lines, "employee\t"+u.Employee)
		}
		if u.Visit != nil {
			visit := visitOf(u.Visit, in)
			shown.Visit = &visit
			lines = append(lines, fmt.Sprintf("invited\ton %s by %s", shortTime(u.Visit.Invited, in), desk.Clean(u.Visit.By)))
			for _, d := range visit.Doors {
				lines = append(lines, fmt.Sprintf("door\t%d\t%s\t%s", d.Door, d.text(), d.Place))
			}
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
				shown.PINs = append(shown.PINs, pinOf(k, in))
				lines = append(lines, pinLines(k, given, in)...)
				continue
			}
			shown.Each = append(shown.Each, shownCard{k.ID, k.UID, k.Copyable(), k.Chip, k.Generation, timeOrNil(k.Given, in), k.By, k.Exposed})
			lines = append(lines, fmt.Sprintf("card %d\t%s\t%s\t%s", k.ID, k.UID, copyText(k), given))
		}
		return c.printTable(shown, "", "", lines)
	}
}

// pinOf returns a PIN as JSON.
func pinOf(k *desk.Credential, in *time.Location) shownPIN {
	p := shownPIN{k.Duress, k.Limits.Uses, int(k.Limits.Within / time.Second), nil, timeOrNil(k.Ends, in), timeOrNil(k.Given, in), k.By, k.Exposed}
	for _, u := range k.Used {
		p.Used = append(p.Used, shownUse{u.Reader, u.Door, u.Uses, timeOrNil(u.First, in)})
	}
	return p
}

// pinLines returns the lines about a PIN, and where it was used.
func pinLines(k *desk.Credential, given string, in *time.Location) []string {
	line := "PIN\t" + given
	if k.Duress {
		line = "PIN for duress\t" + given
	}
	if limits := k.Limits.String(); limits != "" {
		line += ", " + limits
	}
	if !k.Ends.IsZero() {
		line += ", until " + shortTime(k.Ends, in)
	}
	lines := []string{line}
	for _, u := range k.Used {
		lines = append(lines, fmt.Sprintf("used\t%d at %s, first on %s", u.Uses, u.Door, shortTime(u.First, in)))
	}
	return lines
}

// copyText says whether a card can be copied.
func copyText(k *desk.Credential) string {
	if k.Copyable() {
		return "can be copied"
	}
	return fmt.Sprintf("cannot be copied: %s, keys no. %d", k.Chip, k.Generation)
}
