package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

const hoursOfDays = "Hours are written like 08:00-12:00,13:00-18:00. What ends before it begins, like 22:00-06:00, goes on after\nmidnight. closed: no hours."

// hoursFlags adds the flags of a schedule's days. It returns what is given, by day, and a
// function that puts that in place of other hours.
func hoursFlags(c *invocation) (given map[string]string, edit func(*wire.Schedule) (*wire.Schedule, error)) {
	given = map[string]string{}
	days := desk.Days()
	flag := func(name, usage string, days []desk.Day) {
		c.Func(name, usage, func(text string) error {
			if text == "closed" {
				text = ""
			}
			for _, d := range days {
				given[d.Key] = text
			}
			return nil
		})
	}
	for i, d := range days {
		name := "on " + d.Name
		if i == len(days)-1 {
			name = "on the holidays of a door"
		}
		flag(d.Key, "the `hours` "+name, days[i:i+1])
	}
	flag("mon-fri", "the same `hours` on Monday to Friday", days[:5])
	flag("mon-sun", "the same `hours` on all days of the week", days[:7])
	return given, func(s *wire.Schedule) (*wire.Schedule, error) {
		if len(given) == 0 {
			return s, nil
		}
		texts := desk.HoursText(s)
		for key, text := range given {
			texts[key] = text
		}
		edited, err := desk.ParseHours(texts)
		var wrong []string
		for _, d := range days {
			if says := desk.Fields(err)[d.Key]; says != nil {
				wrong = append(wrong, d.Name+": "+says.String())
			}
		}
		if len(wrong) > 0 {
			return nil, errors.New(strings.Join(wrong, "\n"))
		}
		return edited, err
	}
}

func scheduleAdd(c *invocation) action {
	c.details = hoursOfDays + " Days that are not given are closed."
	_, hours := hoursFlags(c)
	return func(ctx context.Context, args []string) error {
		s, err := hours(new(wire.Schedule))
		if err != nil {
			return err
		}
		if _, err := c.desk.AddSchedule(ctx, c.actor, desk.ScheduleForm{Name: args[0], Hours: s}); err != nil {
			return err
		}
		return c.printSchedule(ctx, args[0])
	}
}

func scheduleEdit(c *invocation) action {
	c.details = hoursOfDays + " Days that are not given stay as they are. The doors that\nuse the schedule are told."
	given, hours := hoursFlags(c)
	c.check = func([]string) error {
		if len(given) == 0 {
			return c.wrongUse("says nothing to change")
		}
		return nil
	}
	return func(ctx context.Context, args []string) error {
		s, err := c.desk.FindSchedule(ctx, c.actor, args[0])
		if err != nil {
			return scheduleError(err)
		}
		edited, err := hours(s.Hours)
		if err != nil {
			return err
		}
		if err := c.desk.EditSchedule(ctx, c.actor, s.ID, s.Revision, func(f *desk.ScheduleForm) { f.Hours = edited }); err != nil {
			return err
		}
		return c.printSchedule(ctx, s.Name)
	}
}

func scheduleRename(c *invocation) action {
	return func(ctx context.Context, args []string) error {
		s, err := c.desk.FindSchedule(ctx, c.actor, args[0])
		if err != nil {
			return scheduleError(err)
		}
		if err := c.desk.EditSchedule(ctx, c.actor, s.ID, s.Revision, func(f *desk.ScheduleForm) { f.Name = args[1] }); err != nil {
			return err
		}
		return c.printSchedule(ctx, args[1])
	}
}

func scheduleRemove(c *invocation) action {
	c.details = "One that doors use is not removed: they get other hours first."
	return func(ctx context.Context, args []string) error {
		s, err := c.desk.FindSchedule(ctx, c.actor, args[0])
		if err != nil {
			return scheduleError(err)
		}
		if err := c.desk.RemoveSchedule(ctx, c.actor, s.ID); err != nil {
			return err
		}
		return c.report(map[string]any{"id": s.ID}, "the schedule %s is removed\n", desk.Clean(s.Name))
	}
}

func scheduleList(c *invocation) action {
	return func(ctx context.Context, _ []string) error {
		schedules, err := c.desk.Schedules(ctx, c.actor)
		if err != nil {
			return err
		}
		rows, lines := []scheduleRow{}, []string{}
		for _, s := range schedules {
			row := newScheduleRow(s)
			rows = append(rows, row)
			var days []string
			for _, d := range desk.Days() {
				if hours := row.Hours[d.Key]; hours != "" {
					days = append(days, d.Key+" "+hours)
				}
			}
			lines = append(lines, fmt.Sprintf("%s\t%d\t%s", desk.Clean(s.Name), s.Doors, strings.Join(days, "; ")))
		}
		return c.printTable(rows, "no schedules yet; add one with: latchkey-controller schedule add --dir "+c.dir+" NAME --mon-fri 08:00-18:00", "SCHEDULE\tDOORS\tHOURS\n", lines)
	}
}

func scheduleShow(c *invocation) action {
	return func(ctx context.Context, args []string) error { return c.printSchedule(ctx, args[0]) }
}

// printSchedule prints the schedule of a name, and where it is used.
func (c *invocation) printSchedule(ctx context.Context, name string) error {
	s, err := c.desk.FindSchedule(ctx, c.actor, name)
	if err != nil {
		return scheduleError(err)
	}
	row := newScheduleRow(s)
	lines := []string{"schedule\t" + desk.Clean(s.Name)}
	for _, d := range desk.Days() {
		lines = append(lines, d.Key+"\t"+orDash(row.Hours[d.Key]))
	}
	for _, u := range s.Uses {
		lines = append(lines, fmt.Sprintf("used at\t%s (%s): %s", desk.Clean(u.Door), u.Reader, u.Text()))
	}
	return c.printTable(row, "", "", lines)
}

// scheduleError says which command lists the schedules that there are.
func scheduleError(err error) error { return absence(err, "schedule list shows all of them") }

// usedScheduleError is scheduleError of what refers to a schedule by its name.
func usedScheduleError(err error) error {
	if desk.Fields(err)["schedule"] == nil {
		return err
	}
	return scheduleError(err)
}

// A scheduleRow is a schedule as JSON.
type scheduleRow struct {
	ID    int64             `json:"id"`
	Name  string            `json:"name"`
	Hours map[string]string `json:"hours"` // by day: "mon" to "sun", "holiday"; "": closed
	Uses  []useRow          `json:"uses"`
}

// A useRow is a use of a schedule, as JSON.
type useRow struct {
	Reader string `json:"reader"`
	Door   string `json:"door"`
	What   string `json:"what"`            // "access", "opening" or "two-proofs"
	Group  string `json:"group,omitempty"` // whose access
}

func newScheduleRow(s *desk.Schedule) scheduleRow {
	row := scheduleRow{ID: s.ID, Name: s.Name, Hours: desk.HoursText(s.Hours), Uses: []useRow{}}
	for _, u := range s.Uses {
		row.Uses = append(row.Uses, useRow{u.Reader, u.Door, u.What, u.Group})
	}
	return row
}
