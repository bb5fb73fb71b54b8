package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

const rolesInWords = "owner, super-admin, limited-edit (a Limited Admin that can edit) or limited-view (that can view)"

func adminListCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "admin list", "", "Shows all administrators of the console.")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	admins, err := d.Admins(ctx, d.actor)
	if err != nil {
		return err
	}
	in, err := d.Zone(ctx)
	if err != nil {
		return err
	}
	if o.json {
		type row struct {
			Name     string     `json:"name"`
			Role     desk.Role  `json:"role"`
			Password bool       `json:"password"` // set; otherwise a link waits to be used
			Created  time.Time  `json:"created"`
			Seen     *time.Time `json:"seen"`
			Sessions int        `json:"sessions"`
		}
		rows := make([]row, len(admins))
		for i, a := range admins {
			rows[i] = row{a.Name, a.Role, a.Password, a.Created.In(in), timeOrNil(a.Seen, in), a.Sessions}
		}
		return printJSON(c.out, rows)
	}
	if len(admins) == 0 {
		_, err := fmt.Fprintf(c.out, "no administrators yet; make the first Owner with: latchkey-controller console-link --dir %s\n", o.dir)
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "NAME\tROLE\tSIGNED IN (%s)\tSESSIONS\n", in)
	for _, a := range admins {
		seen := when(a.Seen, in)
		if !a.Password {
			seen = "has not set a password yet"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", a.Name, a.Role.Title(), seen, a.Sessions)
	}
	return w.Flush()
}

func adminAddCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "admin add", "NAME --role ROLE", "Adds an administrator of the console, and shows the link with which they set their password: once, and\nwithin a day.")
	role := o.String("role", "", "the `role`: "+rolesInWords)
	arguments, err := o.parse(args, 1, "role")
	if err != nil {
		return err
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	_, token, err := d.AddAdmin(ctx, d.actor, arguments[0], desk.Role(*role))
	if err != nil {
		return err
	}
	return printLink(c, o, arguments[0], token)
}

// printLink shows an administrator's one-time link.
func printLink(c console, o *options, name, token string) error {
	link := linkURL(o.dir, token)
	if o.json {
		return printJSON(c.out, map[string]string{"name": name, "link": link})
	}
	_, err := fmt.Fprintf(c.out, "%s sets a password at\n%s\n", name, link)
	return err
}

// onAdmin does a command's act on the administrator that its first argument
// names, and says what it did.
func onAdmin(ctx context.Context, c console, o *options, args []string, n int, act func(d *counter, id int64, arguments []string) error, done string) error {
	arguments, err := o.parse(args, n)
	if err != nil {
		return err
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	id, err := d.FindAdmin(ctx, d.actor, arguments[0])
	if err != nil {
		return err
	}
	if err := act(d, id, arguments); err != nil || done == "" {
		return err
	}
	if o.json {
		return printJSON(c.out, map[string]string{"name": arguments[0]})
	}
	_, err = fmt.Fprintf(c.out, "%s %s\n", arguments[0], done)
	return err
}

func adminRoleCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "admin role", "NAME ROLE", "Gives an administrator another role: "+rolesInWords+".")
	return onAdmin(ctx, c, o, args, 2, func(d *counter, id int64, arguments []string) error {
		return d.SetRole(ctx, d.actor, id, desk.Role(arguments[1]))
	}, "has another role")
}

func adminLinkCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "admin link", "NAME", "Makes a link with which an administrator sets a new password: once, and within a day.")
	return onAdmin(ctx, c, o, args, 1, func(d *counter, id int64, arguments []string) error {
		token, err := d.NewLink(ctx, d.actor, id)
		if err != nil {
			return err
		}
		return printLink(c, o, arguments[0], token)
	}, "")
}

func adminSignOutCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "admin sign-out", "NAME", "Ends an administrator's sessions. The password goes on: see admin link.")
	return onAdmin(ctx, c, o, args, 1, func(d *counter, id int64, _ []string) error {
		return d.SignOutAdmin(ctx, d.actor, id)
	}, "is signed out everywhere")
}

func adminRemoveCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "admin remove", "NAME", "Removes an administrator, and ends their sessions.")
	return onAdmin(ctx, c, o, args, 1, func(d *counter, id int64, _ []string) error {
		return d.RemoveAdmin(ctx, d.actor, id)
	}, "is removed")
}
