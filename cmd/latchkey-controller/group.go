package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A groupRow is a group as JSON.
type groupRow struct {
	Group   string `json:"group"`
	Members int    `json:"members"`
	Doors   int    `json:"doors"`
}

func groupList(c *invocation) action {
	search := c.String("search", "", "those whose name has `words` that begin so")
	return func(ctx context.Context, _ []string) error {
		rows, lines := []groupRow{}, []string{}
		for q := (desk.GroupQuery{Search: *search, Limit: 1000}); ; {
			page, err := c.desk.ListGroups(ctx, c.actor, q)
			if err != nil {
				return err
			}
			for _, g := range page.Groups {
				rows = append(rows, groupRow{g.Name, g.Members, g.Doors})
				lines = append(lines, fmt.Sprintf("%s\t%d\t%d", g.Name, g.Members, g.Doors))
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		return c.printTable(rows, "no group is called like that; latchkey-controller group list --dir "+c.dir+" shows all of them", "GROUP\tMEMBERS\tDOORS\n", lines)
	}
}

// A groupAccessRow is what a group opens at a reader, as JSON.
type groupAccessRow struct {
	Reader     string         `json:"reader"`
	Door       string         `json:"door"`
	Place      string         `json:"place"`
	May        bool           `json:"may"`             // open, always or at hours
	Hours      *wire.Schedule `json:"hours,omitempty"` // none: always, if it may
	Exempt     bool           `json:"exempt"`          // opens while the door is kept locked
	InLockdown bool           `json:"in-lockdown"`     // opens in a lockdown
	First      bool           `json:"first"`           // the unlock schedule waits for its first person
}

// text returns when the group opens, and what else the policy says of it.
func (row *groupAccessRow) text(when string) string {
	var parts []string
	if row.May {
		parts = append(parts, when)
	}
	for _, part := range []struct {
		is   bool
		text string
	}{{row.Exempt, "while kept locked"}, {row.InLockdown, "in a lockdown"}, {row.First, "first person"}} {
		if part.is {
			parts = append(parts, part.text)
		}
	}
	return strings.Join(parts, "; ")
}

func groupShow(c *invocation) action {
	return func(ctx context.Context, args []string) error {
		g, err := c.desk.Group(ctx, c.actor, args[0])
		if err != nil {
			return groupError(err)
		}
		users, err := allUsers(ctx, c, desk.UserQuery{Group: g.Name, Limit: 1000})
		if err != nil {
			return err
		}
		shown := struct {
			Group   string           `json:"group"`
			Members []userRow        `json:"members"`
			Access  []groupAccessRow `json:"access"`
			Removed []string         `json:"removed-readers,omitempty"` // whose policies still name it
		}{g.Name, []userRow{}, []groupAccessRow{}, g.Removed}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		var lines []string
		line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
		line("group\t%s", g.Name)
		for _, u := range users {
			shown.Members = append(shown.Members, rowOf(u, in))
			line("member\t%d\t%s", u.ID, u.Name)
		}
		for _, at := range g.Access {
			row := groupAccessRow{at.Reader, at.Door, at.Place, at.May, at.Hours, at.Exempt, at.InLockdown, at.First}
			if !at.May {
				row.Hours = nil
			}
			shown.Access = append(shown.Access, row)
			line("door\t%s\t%s\t%s\t%s", at.Reader, at.Door, at.Place, row.text(at.When().String()))
		}
		for _, id := range g.Removed {
			line("removed reader\t%s", id)
		}
		if c.json {
			return printJSON(c.out, shown)
		}
		return c.printTable(nil, "", "", lines)
	}
}

func groupMembers(c *invocation) action {
	c.details = "A group that begins here is there while somebody is in it or a door opens to it. One that a program made by the API\nis there until it is removed."
	var users []string
	c.Func("user", "a `user`; may be repeated", func(user string) error {
		users = append(users, user)
		return nil
	})
	begins := c.Bool("new", false, "add to a group that is not there yet")
	c.check = func(args []string) error {
		switch {
		case len(users) == 0:
			return c.wrongUse("needs --user")
		case *begins && args[1] == "remove":
			return c.wrongUse("nobody is in a new group")
		}
		return nil
	}
	return func(ctx context.Context, args []string) error {
		var add, remove []uint64
		for _, user := range users {
			u, err := c.desk.FindUser(ctx, c.actor, user)
			if err != nil {
				return err
			}
			if args[1] == "add" {
				add = append(add, u.ID)
			} else {
				remove = append(remove, u.ID)
			}
		}
		err := c.desk.EditMembers(ctx, c.actor, args[0], *begins, add, remove)
		if errors.Is(err, desk.ErrNotFound) && args[1] == "add" {
			return fmt.Errorf("there is no group %q; --new begins it, and latchkey-controller group list shows all there are", args[0])
		}
		if err != nil {
			return groupError(err)
		}
		g, err := c.desk.Group(ctx, c.actor, args[0])
		if errors.Is(err, desk.ErrNotFound) { // the last member has left, and no door opens to it
			return c.report(groupRow{Group: args[0]}, "group %s is no more: nobody is in it, and it opens no door\n", args[0])
		}
		return c.reportGroup(g, err)
	}
}

func groupAccess(c *invocation) action {
	c.details = "give is always, at the hours of a schedule, or at those in a file: as policy show --json prints them.\nThey take the place of those that the group has there. A group that is not there yet begins with group\nmembers GROUP add --new."
	where := whereFlags(c)
	file := ""
	c.Func("file", "the hours, from this JSON `file`", func(name string) error {
		if file = name; name == "" {
			return errors.New("write the name of a file")
		}
		return nil
	})
	schedule := ""
	c.Func("schedule", "the hours of the schedule with this `name`", func(name string) error {
		if schedule = name; name == "" {
			return errors.New("write the name of a schedule")
		}
		return nil
	})
	c.check = func(args []string) error {
		switch {
		case args[1] == "take" && file+schedule != "":
			return c.wrongUse("take needs no hours: it takes all of them")
		case file != "" && schedule != "":
			return c.wrongUse("--file and --schedule are two ways to say the same; give one of them")
		}
		return where.check()
	}
	return func(ctx context.Context, args []string) error {
		at, err := where.find(ctx)
		if err != nil {
			return err
		}
		if args[1] == "take" {
			err = c.desk.TakeAccess(ctx, c.actor, args[0], "", []desk.Where{at})
		} else {
			var hours *wire.Schedule
			if file != "" {
				hours = new(wire.Schedule)
				if err := readJSON(file, hours); err != nil {
					return fmt.Errorf("read the hours: %w", err)
				}
			}
			err = c.desk.GiveAccess(ctx, c.actor, args[0], "", []desk.Where{at}, hours, desk.UseSchedule{Schedule: schedule})
		}
		if err != nil {
			return groupError(err)
		}
		g, err := c.desk.Group(ctx, c.actor, args[0])
		if errors.Is(err, desk.ErrNotFound) {
			return c.report(groupRow{Group: args[0]}, "group %s is no more: nobody is in it, and it opens no door\n", args[0])
		}
		return c.reportGroup(g, err)
	}
}

func groupRename(c *invocation) action {
	return func(ctx context.Context, args []string) error {
		if err := c.desk.RenameGroup(ctx, c.actor, args[0], "", args[1]); err != nil {
			return groupError(err)
		}
		g, err := c.desk.Group(ctx, c.actor, args[1])
		return c.reportGroup(g, err)
	}
}

func groupRemove(c *invocation) action {
	return func(ctx context.Context, args []string) error {
		if err := c.desk.RemoveGroup(ctx, c.actor, args[0], ""); err != nil {
			return groupError(err)
		}
		return c.report(groupRow{Group: args[0]}, "group %s is removed\n", args[0])
	}
}

// reportGroup prints a group, unless reading it failed.
func (c *invocation) reportGroup(g *desk.Group, err error) error {
	if err != nil {
		return err
	}
	return c.report(groupRow{g.Name, g.Members, g.Doors}, "group %s: members %d, doors %d\n", g.Name, g.Members, g.Doors)
}

// groupError says which command lists the groups, or the schedules, that there are.
func groupError(err error) error {
	if desk.Fields(err) == nil {
		return absence(err, "group list shows all groups")
	}
	return usedScheduleError(err)
}
