package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

const rolesInWords = "owner, super-admin, limited-edit (a Limited Admin that can edit) or limited-view (that can view)"

func adminList(c *invocation) action {
	return func(ctx context.Context, _ []string) error {
		admins, err := c.desk.Admins(ctx, c.actor)
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		type row struct {
			Name     string     `json:"name"`
			Role     desk.Role  `json:"role"`
			Password bool       `json:"password"` // has set one; otherwise a link waits to be used
			Created  time.Time  `json:"created"`
			Seen     *time.Time `json:"seen"`
			Sessions int        `json:"sessions"`
			At       []string   `json:"locations"` // where they act only; null: at all
		}
		rows, lines := []row{}, []string{}
		for _, a := range admins {
			var at []string
			if a.Limited {
				at = []string{}
				for _, l := range a.Locations {
					at = append(at, l.Name)
				}
			}
			rows = append(rows, row{a.Name, a.Role, a.Password, a.Created.In(in), timeOrNil(a.Seen, in), a.Sessions, at})
			where := "all"
			if a.Limited {
				where = cmp.Or(strings.Join(at, ", "), "none any more")
			}
			seen := shortTime(a.Seen, in)
			if !a.Password {
				seen = "has not set a password yet"
			}
			lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s\t%d", a.Name, a.Role.Title(), where, seen, a.Sessions))
		}
		return c.printTable(rows, "no administrators yet; make the first Owner with: latchkey-controller console-link --dir "+c.dir,
			fmt.Sprintf("NAME\tROLE\tLOCATIONS\tSIGNED IN (%s)\tSESSIONS\n", in), lines)
	}
}

func adminAdd(c *invocation) action {
	c.details = "Shows the link with which they set their password: once, and within a day.\n" + limitSays
	locations := locationFlag(c, "At all of them unless given")
	role := c.String("role", "", "the `role`: "+rolesInWords)
	return func(ctx context.Context, args []string) error {
		at, err := c.locationsNamed(ctx, *locations)
		if err != nil {
			return err
		}
		_, token, err := c.desk.AddAdmin(ctx, c.actor, args[0], desk.Role(*role), at)
		if err != nil {
			return err
		}
		return c.printLink(args[0], token)
	}
}

func adminRole(c *invocation) action {
	c.details = "ROLE is " + rolesInWords + "."
	return onAdmin(c, func(ctx context.Context, id int64, args []string) (string, error) {
		role := desk.Role(args[1])
		all, err := c.desk.Admins(ctx, c.actor)
		if err != nil {
			return "", err
		}
		done := "is " + role.Title().String() + " from now on"
		if slices.ContainsFunc(all, func(a *desk.Admin) bool { return a.ID == id && a.Limited }) && role == desk.Owner {
			done += ", and acts at all locations"
		}
		return done, c.desk.SetRole(ctx, c.actor, id, role)
	})
}

const limitSays = "Who is limited to locations sees and changes what is there only, and users who open no door elsewhere. An\nOwner acts at all locations."

func adminLimit(c *invocation) action {
	c.details = limitSays + " The locations that are given replace those before. It counts at once, also for\ntokens that the administrator made."
	locations := locationFlag(c, "At no others from now on")
	all := c.Bool("all-locations", false, "they act at all locations again")
	c.check = func([]string) error {
		switch {
		case *all && len(*locations) > 0:
			return c.wrongUse("give --location or --all-locations, not both")
		case !*all && len(*locations) == 0:
			return c.wrongUse("needs --location or --all-locations")
		}
		return nil
	}
	return onAdmin(c, func(ctx context.Context, id int64, _ []string) (string, error) {
		at, err := c.locationsNamed(ctx, *locations)
		if err != nil {
			return "", err
		}
		done := "acts there and nowhere else from now on"
		if *all {
			done = "acts at all locations from now on"
		}
		return done, c.desk.SetLimit(ctx, c.actor, id, "", at)
	})
}

// locationFlag is the flag of the locations at which an administrator acts.
func locationFlag(c *invocation, more string) *[]string {
	var names []string
	c.Func("location", "a location at which they act: its `name`, or the number that place list shows; may be repeated.\n"+more, func(text string) error {
		if names = append(names, text); text == "" {
			return errors.New("write the name of a location")
		}
		return nil
	})
	return &names
}

// locationsNamed returns the numbers of locations; nil: none is named.
func (c *invocation) locationsNamed(ctx context.Context, names []string) (ids []int64, err error) {
	for _, name := range names {
		found, err := c.findPlace(ctx, desk.Locations, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, found.ID)
	}
	return ids, nil
}

func adminSignOut(c *invocation) action {
	c.details = "The password stays: see admin link."
	return onAdmin(c, func(ctx context.Context, id int64, _ []string) (string, error) {
		return "is signed out everywhere", c.desk.SignOutAdmin(ctx, c.actor, id)
	})
}

func adminRemove(c *invocation) action {
	return onAdmin(c, func(ctx context.Context, id int64, _ []string) (string, error) {
		return "is removed", c.desk.RemoveAdmin(ctx, c.actor, id)
	})
}

// onAdmin acts on the administrator that the first argument names, and prints
// what was done.
func onAdmin(c *invocation, act func(ctx context.Context, id int64, args []string) (done string, err error)) action {
	return func(ctx context.Context, args []string) error {
		id, err := c.desk.FindAdmin(ctx, c.actor, args[0])
		if err != nil {
			return err
		}
		done, err := act(ctx, id, args)
		if err != nil {
			return err
		}
		return c.report(map[string]string{"name": args[0]}, "%s %s\n", args[0], done)
	}
}

func adminLink(c *invocation) action {
	c.details = "It works once, and for a day."
	return func(ctx context.Context, args []string) error {
		id, err := c.desk.FindAdmin(ctx, c.actor, args[0])
		if err != nil {
			return err
		}
		token, err := c.desk.NewOneTimeLink(ctx, c.actor, id)
		if err != nil {
			return err
		}
		return c.printLink(args[0], token)
	}
}

func consoleLink(c *invocation) action {
	c.details = "An Owner sets a new password with it; if there is no Owner yet, it makes the first. It works once and\nfor a day; an older one of the same Owner ends. So whoever has this directory can always sign in again."
	owner := c.String("owner", "", "the Owner's `name`; the first one unless given")
	return func(ctx context.Context, _ []string) error {
		token, err := c.desk.OwnerLink(ctx, c.actor, *owner)
		if err != nil {
			return err
		}
		link := linkURL(c.dir, token)
		return c.report(map[string]string{"link": link}, "%s\n", link)
	}
}

// printLink shows an administrator's one-time link.
func (c *invocation) printLink(name, token string) error {
	link := linkURL(c.dir, token)
	return c.report(map[string]string{"name": name, "link": link}, "%s sets a password at\n%s\n", name, link)
}

// linkURL is the address of a one-time link, at the console that runs or, if none
// does, at the default address.
func linkURL(dir, token string) string {
	address := "https://" + defaultConsole
	if b, err := os.ReadFile(filepath.Join(dir, consoleAddress)); err == nil {
		address = strings.TrimSpace(string(b))
	}
	return fmt.Sprintf("%s/link/%s", address, token)
}
