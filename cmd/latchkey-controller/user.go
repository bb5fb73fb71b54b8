package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func userAddCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "user add", "--name NAME [--pin auto|-] [--card UID]… [--group NAME]… [--from T] [--until T] [--extended]",
		"Adds a user. T is a day (2026-12-31, the last one included) or a time (2026-12-31T18:00), by this\ncomputer's clock, or a time with its zone (2026-12-31T18:00:00+01:00).")
	var u store.User
	var choice site.PIN
	var cards [][]byte
	o.StringVar(&u.Name, "name", "", "the user's `name`, as screens greet: up to 64 bytes")
	pin := o.String("pin", "", "auto makes a `PIN` and shows it, this once; - asks for one, or reads it from standard input")
	o.Func("card", "a card's `UID` in hexadecimal; may be repeated", func(text string) error {
		uid, err := site.ParseUID(text)
		cards = append(cards, uid)
		return err
	})
	o.Func("group", "a `group` the user is in, besides everyone; may be repeated", func(group string) error {
		u.Groups = append(u.Groups, group)
		return wire.CheckName(group)
	})
	o.Func("from", "the `time` from which doors open", func(text string) (err error) {
		u.From, err = parseTime(text, 0, time.Local)
		return err
	})
	o.Func("until", "the `time` until which doors open", func(text string) (err error) {
		u.Until, err = parseTime(text, 1, time.Local)
		return err
	})
	o.BoolVar(&u.Extended, "extended", false, "doors stay open longer for this user")
	if _, err := o.parse(args, 0, "name"); err != nil {
		return err
	}
	if *pin != "" && *pin != "auto" && *pin != "-" {
		return usageError("latchkey-controller user add: --pin is auto or -: a PIN in an argument could be read by others")
	}
	s, err := site.Open(ctx, o.dir)
	if err != nil {
		return err
	}
	defer s.Close()
	switch *pin {
	case "auto":
		choice.Choice = site.Auto
	case "-":
		choice.Choice = site.Chosen
		if choice.Digits, err = askPIN(ctx, c); err != nil {
			return err
		}
		defer clear(choice.Digits)
	}
	chosen, err := s.AddUser(ctx, time.Now(), &u, choice, cards)
	if err != nil {
		return err
	}
	return printUser(c, o, u.ID, u.Name, chosen)
}

// parseTime reads a time as an administrator writes it, in Unix seconds. A day
// stands for its beginning, days later.
func parseTime(text string, days int, zone *time.Location) (int64, error) {
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return t.AddDate(0, 0, days).Unix(), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t.Unix(), nil
		}
	}
	return 0, errors.New("write it like 2026-12-31 or 2026-12-31T18:00")
}

func userListCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "user list", "", "Shows all users.")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	s, err := site.Open(ctx, o.dir)
	if err != nil {
		return err
	}
	defer s.Close()
	users, err := s.Users(ctx)
	if err != nil {
		return err
	}
	if o.json {
		type row struct {
			User     uint64     `json:"user"`
			Name     string     `json:"name"`
			PIN      bool       `json:"pin"`
			Cards    int        `json:"cards"`
			Groups   []string   `json:"groups"`
			From     *time.Time `json:"from"`
			Until    *time.Time `json:"until"`
			Extended bool       `json:"extended"`
		}
		rows := make([]row, len(users))
		for i, u := range users {
			rows[i] = row{u.ID, u.Name, u.Count(wire.PIN) > 0, u.Count(wire.Card), append([]string{}, u.Groups...), atOrNil(u.From), atOrNil(u.Until), u.Extended}
		}
		return printJSON(c.out, rows)
	}
	if len(users) == 0 {
		_, err := fmt.Fprintf(c.out, "no users yet; add one with: latchkey-controller user add --dir %s --name NAME --pin auto\n", o.dir)
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "USER\tNAME\tPIN\tCARDS\tGROUPS\tFROM\tUNTIL")
	for _, u := range users {
		pin := "no"
		if u.Count(wire.PIN) > 0 {
			pin = "yes"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\t%s\n", u.ID, u.Name, pin, u.Count(wire.Card), orDash(strings.Join(u.Groups, " ")), at(u.From), at(u.Until))
	}
	return w.Flush()
}

func userRemoveCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "user remove", "USER", "Removes a user, with PIN and cards.")
	arguments, err := o.parse(args, 1)
	if err != nil {
		return err
	}
	s, err := site.Open(ctx, o.dir)
	if err != nil {
		return err
	}
	defer s.Close()
	u, err := s.FindUser(ctx, arguments[0])
	if err != nil {
		return err
	}
	if err := s.RemoveUser(ctx, time.Now(), u.ID); err != nil {
		return err
	}
	return printUser(c, o, u.ID, u.Name, nil)
}

func userCardCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "user card", "USER add|remove UID | USER enrol READER [--by NAME]", "Gives a user a card, or takes it away. The UID is written in hexadecimal, like 04:A1:B2:C3:D4:E5:80;\nenrol takes the card that is shown next to a reader, which opens nothing with it.")
	by := byFlag(o)
	arguments, err := o.parse(args, 3)
	if err != nil {
		return err
	}
	action := arguments[1]
	if action != "add" && action != "remove" && action != "enrol" {
		return usagef("latchkey-controller user card: %q is neither add nor remove nor enrol", action)
	}
	var uid []byte
	if action != "enrol" {
		if uid, err = site.ParseUID(arguments[2]); err != nil {
			return usagef("latchkey-controller user card: %v", err)
		}
	}
	s, err := site.Open(ctx, o.dir)
	if err != nil {
		return err
	}
	defer s.Close()
	if action == "enrol" {
		return enrol(ctx, c, o, s, arguments[0], arguments[2], by())
	}
	u, err := s.FindUser(ctx, arguments[0])
	if err != nil {
		return err
	}
	if action == "add" {
		err = s.AddCard(ctx, time.Now(), u.ID, uid)
	} else {
		err = s.RemoveCard(ctx, time.Now(), u.ID, uid)
	}
	if err != nil {
		return err
	}
	return printUser(c, o, u.ID, u.Name, nil)
}

// at shows a time, by this computer's clock.
func at(seconds int64) string {
	if seconds == 0 {
		return "-"
	}
	return time.Unix(seconds, 0).Format("2006-01-02 15:04")
}

func atOrNil(seconds int64) *time.Time {
	if seconds == 0 {
		return nil
	}
	t := time.Unix(seconds, 0)
	return &t
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
