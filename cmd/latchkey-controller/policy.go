package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A policyField is a field of a policy that policy sets and shows under one name.
type policyField struct {
	name, usage string                 // usage "": it has no flag of its own
	of          func(*wire.Policy) any // a pointer to the field
	low, high   uint64                 // of a number
	unit        string                 // of a number
}

// policyFields are in the order in which show prints them.
func policyFields() []policyField {
	return []policyField{
		{name: "door", usage: "the door's `name` on the screen", of: func(p *wire.Policy) any { return &p.Door }},
		{name: "place", usage: "the `name` of the place where the door is", of: func(p *wire.Policy) any { return &p.Place }},
		{name: "greeting", usage: "`text` on the home screen", of: func(p *wire.Policy) any { return &p.Greeting }},
		{name: "time-zone", usage: "the door's time `zone`, like Europe/Berlin", of: func(p *wire.Policy) any { return &p.TimeZone }},
		{name: "language", usage: "the screens' language: a `tag` like de; empty: the reader's own", of: func(p *wire.Policy) any { return &p.Screen.Language }},
		{name: "large-text", usage: "the screens' text is larger", of: func(p *wire.Policy) any { return &p.Screen.LargeText }},
		{name: "high-contrast", usage: "the screens have more contrast", of: func(p *wire.Policy) any { return &p.Screen.HighContrast }},
		{name: "group", of: func(p *wire.Policy) any { return &p.Access }},
		{name: "exempt", of: func(p *wire.Policy) any { return &p.Exempt }},
		{name: "in-lockdown", of: func(p *wire.Policy) any { return &p.InLockdown }},
		{name: "opening", usage: "the unlock schedule, which holds the door open: `off` or the name of a schedule", of: func(p *wire.Policy) any { return &p.Opening }},
		{name: "two-proofs", usage: "a card and a PIN of the same person open together, and neither alone: `always|off` or the name of a schedule", of: func(p *wire.Policy) any { return &p.TwoProofs }},
		{name: "modes", of: func(p *wire.Policy) any { return &p.Modes }},
		{name: "pin", usage: "PINs are taken", of: func(p *wire.Policy) any { return &p.PIN }},
		{name: "shuffle", usage: "digits stand in a new order each time", of: func(p *wire.Policy) any { return &p.ShufflePIN }},
		{name: "limit", usage: "wrong PINs in a row until the lockout: a `number`", of: func(p *wire.Policy) any { return &p.Limit }, low: 1, high: 10},
		{name: "guess-limit", usage: "guesses, whoever's PIN comes between them, until the lockout: a `number`; 0: off", of: func(p *wire.Policy) any { return &p.GuessLimit }, high: 65535},
		{name: "unlock", usage: "how long the door opens: `seconds`", of: func(p *wire.Policy) any { return &p.Unlock }, low: 1, high: 60, unit: " s"},
		{name: "extended", usage: "how long for users who need longer: `seconds`", of: func(p *wire.Policy) any { return &p.Extended }, low: 1, high: 300, unit: " s"},
		{name: "held-after", usage: "how long a door may stand open: `seconds`; 0: for ever", of: func(p *wire.Policy) any { return &p.HeldAfter }, high: 65535, unit: " s"},
		{name: "release-on-open", usage: "the strike goes off when the door opens", of: func(p *wire.Policy) any { return &p.ReleaseOnOpen }},
		{name: "tamper-pauses", usage: "an opened housing locks PIN entry", of: func(p *wire.Policy) any { return &p.TamperPauses }},
		{name: "tamper-stops-card", usage: "an opened housing stops cards, while it lasts", of: func(p *wire.Policy) any { return &p.TamperStopsCard }},
		{name: "tamper-stops-exit", usage: "an opened housing stops the exit button, while it lasts", of: func(p *wire.Policy) any { return &p.TamperStopsExit }},
		{name: "cards-behind", usage: "cards open though the reader has lost newer changes", of: func(p *wire.Policy) any { return &p.CardsBehind }},
		{name: "cards-unstored", usage: "cards open though nothing can be recorded", of: func(p *wire.Policy) any { return &p.CardsUnstored }},
		{name: "exit-unstored", usage: "the exit button opens though nothing can be recorded", of: func(p *wire.Policy) any { return &p.ExitUnstored }},
		{name: "proven-opens", usage: "only cards that cannot be copied open", of: func(p *wire.Policy) any { return &p.ProvenOpens }},
		{name: "proven-ends", usage: "only cards that cannot be copied end a lockout", of: func(p *wire.Policy) any { return &p.ProvenEnds }},
		{name: "system-time", usage: "the reader's own clock is trusted when it starts", of: func(p *wire.Policy) any { return &p.SystemTime }},
	}
}

// help returns the usage of the field's flag.
func (f *policyField) help() string {
	switch f.of(new(wire.Policy)).(type) {
	case *bool:
		return "`on|off`: " + f.usage
	case *uint8, *uint16:
		return fmt.Sprintf("%s, %d to %d", f.usage, f.low, f.high)
	}
	return f.usage
}

// use returns where the hours of the field stand, if they can be those of a schedule.
func (f *policyField) use() (use desk.HoursUse, ok bool) {
	switch f.name {
	case "opening":
		return desk.HoursUse{What: desk.OpeningHours}, true
	case "two-proofs":
		return desk.HoursUse{What: desk.TwoProofsHours}, true
	}
	return use, false
}

// set sets the field to what is written. It leaves to the desk what is the name of a schedule.
func (f *policyField) set(p *wire.Policy, text string) (err error) {
	n, wrong := strconv.ParseUint(text, 10, 16)
	if wrong != nil || n < f.low || n > f.high {
		wrong = fmt.Errorf("write %d to %d", f.low, f.high)
	}
	switch field := f.of(p).(type) {
	case *string:
		*field = text
	case *bool:
		*field, err = parseOnOff(text)
	case **wire.TwoProofs:
		switch text {
		case "always":
			*field = new(wire.TwoProofs)
		case "off":
			*field = nil
		case "on", "":
			err = errors.New("write always, off or the name of a schedule")
		}
	case **wire.Opening:
		switch text {
		case "off":
			*field = nil
		case "on", "always", "":
			err = errors.New("write off or the name of a schedule")
		}
	case *uint8:
		*field, err = uint8(n), wrong
	case *uint16:
		*field, err = uint16(n), wrong
	}
	return err
}

// text returns what show prints of the field. named are the schedules that the policy uses.
func (f *policyField) text(p *wire.Policy, named map[desk.HoursUse]string) string {
	switch field := f.of(p).(type) {
	case *string:
		return orDash(*field)
	case *bool:
		return onOff(*field)
	case *[]wire.Access:
		return accessText(*field, named)
	case *[]string:
		return cmp.Or(strings.Join(*field, ", "), "nobody")
	case **wire.Opening:
		return openingText(*field, named[desk.HoursUse{What: desk.OpeningHours}])
	case **wire.TwoProofs:
		return proofsText(*field, named[desk.HoursUse{What: desk.TwoProofsHours}])
	case *[]wire.WantedMode:
		return modesText(*field)
	case *uint8:
		return fmt.Sprint(*field)
	case *uint16:
		if *field != 0 {
			return fmt.Sprint(*field, f.unit)
		}
	}
	return "off"
}

func policy(c *invocation) action {
	c.details = "set changes what is given. Hours are those of schedules, which have names: schedule list shows\nthem. Hours and holidays of the door's own are changed in a file: what show --json prints, given\nback with --file. The site's holidays (holiday list) are among them, and stay whatever the file has. Modes are not changed here, but with mode set."
	var edits []func(*wire.Policy)
	var uses []desk.UseSchedule
	for _, f := range policyFields() {
		if f.usage != "" {
			c.Func(f.name, f.help(), func(text string) error {
				edits = append(edits, func(p *wire.Policy) { f.set(p, text) })
				if use, ok := f.use(); ok {
					uses = slices.DeleteFunc(uses, func(u desk.UseSchedule) bool { return u.HoursUse == use }) // the last flag counts
					if text != "off" && text != "always" {                                                     // set refuses other words
						uses = append(uses, desk.UseSchedule{HoursUse: use, Schedule: text})
					}
				}
				return f.set(new(wire.Policy), text)
			})
		}
	}
	file := c.String("file", "", "take the whole policy from this JSON `file`")
	groups, hours := accessFlag(c, "a `group` that may open, always, or with group=NAME as the schedule of that name says, in place of all that may now; may be repeated; none: nobody")
	exempt := modeGroupsFlag(c, "exempt", "a `group` that opens while the door is kept locked, in place of all that do now; may be repeated; none: nobody")
	inLockdown := modeGroupsFlag(c, "in-lockdown", "a `group` that opens in a lockdown, by card, in place of all that do now; may be repeated; none: nobody")
	c.check = func(args []string) error {
		switch changes := len(edits) > 0 || *file != "" || *groups != nil || *exempt != nil || *inLockdown != nil; {
		case args[1] == "show" && changes:
			return c.wrongUse("show changes nothing; use set")
		case args[1] == "set" && !changes:
			return c.wrongUse("set says nothing to change")
		}
		return nil
	}
	return func(ctx context.Context, args []string) (err error) {
		var whole *wire.Policy
		if *file != "" {
			if whole, err = readPolicy(*file); err != nil {
				return err
			}
		}
		var p *wire.Policy
		if args[1] == "show" {
			p, err = c.desk.Policy(ctx, c.actor, args[0])
		} else {
			p, err = c.desk.SetPolicy(ctx, c.actor, args[0], 0, func(p *wire.Policy) {
				if whole != nil {
					*p = *whole
					p.Access = slices.DeleteFunc(slices.Clone(p.Access), func(a wire.Access) bool { return desk.IsVisitors(a.Group) }) // perhaps of another door
				}
				for _, edit := range edits {
					edit(p)
				}
				if *groups != nil {
					p.Access = *groups
				}
				if *exempt != nil {
					p.Exempt = *exempt
				}
				if *inLockdown != nil {
					p.InLockdown = *inLockdown
				}
			}, append(uses, *hours...)...)
		}
		if err != nil {
			return usedScheduleError(err)
		}
		reader, err := c.desk.Reader(ctx, c.actor, args[0])
		if err != nil {
			return err
		}
		odds, err := c.desk.Odds(ctx, c.actor, "", nil)
		if err != nil {
			return err
		}
		if args[1] == "set" {
			warnMissingLetters(c, p.Greeting, desk.NoText)
		}
		lines := []string{"reader\t" + p.Reader, fmt.Sprint("revision\t", p.Revision)}
		for _, f := range policyFields() {
			lines = append(lines, f.name+"\t"+f.text(p, reader.Named))
		}
		return c.printTable(p, "", "", append(lines, fmt.Sprint("holidays\t", len(p.Holidays)), "guessing\t"+odds.String()))
	}
}

// accessFlag adds the flag of the groups that may open a door, and of the schedules that say
// when: group=NAME.
func accessFlag(c *invocation, usage string) (*[]wire.Access, *[]desk.UseSchedule) {
	access, uses := new([]wire.Access), new([]desk.UseSchedule)
	c.Func("group", usage, func(text string) error {
		if text == "none" {
			*access, *uses = []wire.Access{}, nil
			return nil
		}
		group, schedule, named := strings.Cut(text, "=")
		if slices.ContainsFunc(*access, func(a wire.Access) bool { return a.Group == group }) {
			return fmt.Errorf("%s is given twice; for hours of two kinds make one schedule of both", group)
		}
		*access = append(*access, wire.Access{Group: group})
		if named {
			if schedule == "" {
				return errors.New("write the name of a schedule behind =")
			}
			*uses = append(*uses, desk.UseSchedule{HoursUse: desk.HoursUse{What: desk.AccessHours, Group: group}, Schedule: schedule})
		}
		return wire.CheckName(group)
	})
	return access, uses
}

// modeGroupsFlag adds a flag that may be repeated; the groups are sorted, nil unless given.
func modeGroupsFlag(c *invocation, name, usage string) *[]string {
	groups := new([]string)
	c.Func(name, usage, func(group string) error {
		if *groups == nil {
			*groups = []string{}
		}
		if group == "none" {
			*groups = []string{}
			return nil
		}
		*groups = append(*groups, group)
		slices.Sort(*groups)
		*groups = slices.Compact(*groups)
		return wire.CheckName(group)
	})
	return groups
}

// openingText says how a schedule unlocks a door; it is named, or "".
func openingText(o *wire.Opening, named string) string {
	if o == nil {
		return "off"
	}
	text := cmp.Or(named, "by schedule")
	if o.First != "" {
		text += ", once somebody of " + o.First + " has come"
	}
	if o.After != 0 {
		text += ", not before " + time.Unix(o.After, 0).UTC().Format("2006-01-02 15:04 UTC")
	}
	return text
}

// proofsText says when a card and a PIN are demanded together, by a schedule that is named, or "".
func proofsText(two *wire.TwoProofs, named string) string {
	switch {
	case two == nil:
		return "off"
	case two.Schedule != nil:
		return cmp.Or(named, "by schedule")
	}
	return "always"
}

// modesText names the modes that are wanted at a door.
func modesText(modes []wire.WantedMode) string {
	names := make([]string, len(modes))
	for i, m := range modes {
		names[i] = string(m.Mode)
	}
	return orDash(strings.Join(names, ", "))
}

// accessText names the groups that may open a door, and the schedules that say when.
func accessText(access []wire.Access, named map[desk.HoursUse]string) string {
	if len(access) == 0 {
		return "nobody"
	}
	groups := make([]string, len(access))
	for i, a := range access {
		groups[i] = a.Group
		switch {
		case desk.IsVisitors(a.Group):
			groups[i] = "invited visitors"
		case a.Schedule != nil:
			groups[i] += " (" + cmp.Or(named[desk.HoursUse{What: desk.AccessHours, Group: a.Group}], "by schedule") + ")"
		}
	}
	return strings.Join(groups, ", ")
}

func readPolicy(path string) (*wire.Policy, error) {
	p := new(wire.Policy)
	if err := readJSON(path, p); err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	return p, nil
}

// readJSON reads a file of JSON with no other fields than into has.
func readJSON(path string, into any) error {
	b, err := readFile(path, 1<<20)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
