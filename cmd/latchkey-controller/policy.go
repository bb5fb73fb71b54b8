package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func policy(c *invocation) action {
	c.details = "set changes what is given. Schedules and holidays are changed in a file: what show --json prints, given\nback with --file."
	var edits []func(*wire.Policy)
	edit := func(name, usage string, parse func(string) (func(*wire.Policy), error)) {
		c.Func(name, usage, func(text string) error {
			e, err := parse(text)
			edits = append(edits, e)
			return err
		})
	}
	text := func(name, usage string, field func(*wire.Policy) *string) {
		edit(name, usage, func(text string) (func(*wire.Policy), error) {
			return func(p *wire.Policy) { *field(p) = text }, nil
		})
	}
	toggle := func(name, usage string, field func(*wire.Policy) *bool) {
		edit(name, "`on|off`: "+usage, func(text string) (func(*wire.Policy), error) {
			if text != "on" && text != "off" {
				return nil, errors.New("write on or off")
			}
			return func(p *wire.Policy) { *field(p) = text == "on" }, nil
		})
	}
	number := func(name, usage string, low, high uint64, set func(*wire.Policy, uint16)) {
		edit(name, fmt.Sprintf("%s, %d to %d", usage, low, high), func(text string) (func(*wire.Policy), error) {
			n, err := strconv.ParseUint(text, 10, 16)
			if err != nil || n < low || n > high {
				return nil, fmt.Errorf("write %d to %d", low, high)
			}
			return func(p *wire.Policy) { set(p, uint16(n)) }, nil
		})
	}
	file := c.String("file", "", "take the whole policy from this JSON `file`")
	text("door", "the door's `name` on the screen", func(p *wire.Policy) *string { return &p.Door })
	text("place", "the `name` of the place where the door is", func(p *wire.Policy) *string { return &p.Place })
	text("greeting", "`text` on the home screen", func(p *wire.Policy) *string { return &p.Greeting })
	text("time-zone", "the door's time `zone`, like Europe/Berlin", func(p *wire.Policy) *string { return &p.TimeZone })
	text("language", "the screens' language: a `tag` like de; empty: the reader's own", func(p *wire.Policy) *string { return &p.Screen.Language })
	toggle("large-text", "the screens' text is larger", func(p *wire.Policy) *bool { return &p.Screen.LargeText })
	toggle("high-contrast", "the screens have more contrast", func(p *wire.Policy) *bool { return &p.Screen.HighContrast })
	toggle("pin", "PINs are taken", func(p *wire.Policy) *bool { return &p.PIN })
	toggle("shuffle", "digits stand in a new order each time", func(p *wire.Policy) *bool { return &p.ShufflePIN })
	number("limit", "wrong PINs in a row until the lockout: a `number`", 1, 10, func(p *wire.Policy, n uint16) { p.Limit = uint8(n) })
	number("guess-limit", "guesses, whoever's PIN comes between them, until the lockout: a `number`; 0: off", 0, 65535, func(p *wire.Policy, n uint16) { p.GuessLimit = n })
	number("unlock", "how long the door opens: `seconds`", 1, 60, func(p *wire.Policy, n uint16) { p.Unlock = n })
	number("extended", "how long for users who need longer: `seconds`", 1, 300, func(p *wire.Policy, n uint16) { p.Extended = n })
	number("held-after", "how long a door may stand open: `seconds`; 0: for ever", 0, 65535, func(p *wire.Policy, n uint16) { p.HeldAfter = n })
	toggle("release-on-open", "the strike goes off when the door opens", func(p *wire.Policy) *bool { return &p.ReleaseOnOpen })
	toggle("tamper-pauses", "an opened housing locks PIN entry", func(p *wire.Policy) *bool { return &p.TamperPauses })
	toggle("tamper-stops-card", "an opened housing stops cards, while it lasts", func(p *wire.Policy) *bool { return &p.TamperStopsCard })
	toggle("tamper-stops-exit", "an opened housing stops the exit button, while it lasts", func(p *wire.Policy) *bool { return &p.TamperStopsExit })
	toggle("cards-behind", "cards open though the reader has lost newer changes", func(p *wire.Policy) *bool { return &p.CardsBehind })
	toggle("cards-unstored", "cards open though nothing can be recorded", func(p *wire.Policy) *bool { return &p.CardsUnstored })
	toggle("exit-unstored", "the exit button opens though nothing can be recorded", func(p *wire.Policy) *bool { return &p.ExitUnstored })
	toggle("system-time", "the reader's own clock is trusted when it starts", func(p *wire.Policy) *bool { return &p.SystemTime })
	groups := accessFlag(c, "a `group` that may open, always, in place of all that may now; may be repeated; none: nobody")
	return func(ctx context.Context, args []string) error {
		changes := 0
		c.Visit(func(f *flag.Flag) {
			if f.Name != "dir" && f.Name != "json" {
				changes++
			}
		})
		reader, action := args[0], args[1]
		switch {
		case action != "show" && action != "set":
			return usagef("latchkey-controller policy: %q is neither show nor set", action)
		case action == "show" && changes > 0:
			return usagef("latchkey-controller policy show: changes nothing; use set")
		case action == "set" && changes == 0:
			return usagef("latchkey-controller policy set: says nothing to change; see latchkey-controller policy --help")
		}
		var whole *wire.Policy
		var err error
		if *file != "" {
			if whole, err = readPolicy(*file); err != nil {
				return err
			}
		}
		var p *wire.Policy
		if action == "show" {
			p, err = c.desk.Policy(ctx, c.actor, reader)
		} else {
			p, err = c.desk.SetPolicy(ctx, c.actor, reader, 0, func(p *wire.Policy) {
				if whole != nil {
					*p = *whole
				}
				for _, edit := range edits {
					edit(p)
				}
				if *groups != nil {
					p.Access = *groups
				}
			})
		}
		if err != nil {
			return err
		}
		odds, err := c.desk.Odds(ctx, c.actor, "", nil)
		if err != nil {
			return err
		}
		if action == "set" {
			warnMissingLetters(c, p.Greeting, desk.NoText)
		}
		return printPolicy(c, p, odds)
	}
}

// accessFlag adds the flag of the groups that may open a door.
func accessFlag(c *invocation, usage string) *[]wire.Access {
	access := new([]wire.Access)
	c.Func("group", usage, func(group string) error {
		if group == "none" {
			*access = []wire.Access{}
			return nil
		}
		*access = append(*access, wire.Access{Group: group})
		return wire.CheckName(group)
	})
	return access
}

// accessText names the groups that may open a door.
func accessText(access []wire.Access) string {
	if len(access) == 0 {
		return "nobody"
	}
	groups := make([]string, len(access))
	for i, a := range access {
		if groups[i] = a.Group; a.Schedule != nil {
			groups[i] += " (by schedule)"
		}
	}
	return strings.Join(groups, ", ")
}

func readPolicy(path string) (*wire.Policy, error) {
	b, err := readFile(path, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	p := new(wire.Policy)
	if err := decoder.Decode(p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func printPolicy(c *invocation, p *wire.Policy, odds *desk.GuessOdds) error {
	if c.json {
		return printJSON(c.out, p)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	onOff := func(on bool) string {
		if on {
			return "on"
		}
		return "off"
	}
	orOff := func(n uint16, unit string) string {
		if n == 0 {
			return "off"
		}
		return fmt.Sprint(n, unit)
	}
	for _, row := range [][2]string{
		{"reader", p.Reader}, {"revision", fmt.Sprint(p.Revision)},
		{"door", p.Door}, {"place", orDash(p.Place)}, {"greeting", orDash(p.Greeting)}, {"time-zone", p.TimeZone},
		{"language", orDash(p.Screen.Language)}, {"large-text", onOff(p.Screen.LargeText)}, {"high-contrast", onOff(p.Screen.HighContrast)},
		{"group", accessText(p.Access)},
		{"pin", onOff(p.PIN)}, {"shuffle", onOff(p.ShufflePIN)}, {"limit", fmt.Sprint(p.Limit)}, {"guess-limit", orOff(p.GuessLimit, "")},
		{"unlock", fmt.Sprint(p.Unlock, " s")}, {"extended", fmt.Sprint(p.Extended, " s")}, {"held-after", orOff(p.HeldAfter, " s")},
		{"release-on-open", onOff(p.ReleaseOnOpen)}, {"tamper-pauses", onOff(p.TamperPauses)},
		{"tamper-stops-card", onOff(p.TamperStopsCard)}, {"tamper-stops-exit", onOff(p.TamperStopsExit)},
		{"cards-behind", onOff(p.CardsBehind)}, {"cards-unstored", onOff(p.CardsUnstored)}, {"exit-unstored", onOff(p.ExitUnstored)},
		{"system-time", onOff(p.SystemTime)}, {"holidays", fmt.Sprint(len(p.Holidays))},
		{"guessing", odds.String()},
	} {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	return w.Flush()
}
