package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// A holidayRow is a holiday of the site as JSON.
type holidayRow struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	First  string `json:"first"` // day
	Last   string `json:"last"`  // day: the same, or later
	Yearly bool   `json:"yearly"`
}

func newHolidayRow(h *desk.Holiday) holidayRow {
	return holidayRow{h.ID, h.Name, h.First.Format(time.DateOnly), h.Last.Format(time.DateOnly), h.Yearly}
}

func holidayList(c *invocation) action {
	c.details = "All doors have the holidays of the site; some may have further ones of their own (policy)."
	return func(ctx context.Context, _ []string) error { return c.printHolidays(ctx) }
}

func (c *invocation) printHolidays(ctx context.Context) error {
	h, err := c.desk.Holidays(ctx, c.actor)
	if err != nil {
		return err
	}
	rows, lines := []holidayRow{}, []string{}
	for _, one := range h.All {
		rows = append(rows, newHolidayRow(one))
		lines = append(lines, fmt.Sprintf("%d\t%s\t%s", one.ID, desk.Clean(one.Name), desk.HolidayText(one)))
	}
	return c.printTable(rows, "no holidays yet; add one with: latchkey-controller holiday add --dir "+c.dir+" NAME --on 2026-12-25 --yearly", "NUMBER\tHOLIDAY\tDAYS\n", lines)
}

// holidayFlags adds the flags of a holiday's days. They are set in a form that has other days.
func holidayFlags(c *invocation) (given func() bool, edit func(*desk.HolidayForm)) {
	first := c.String("on", "", "the `day`, or the first of several: 2026-12-25")
	last := c.String("until", "", "the last `day` of several; unless given it is one day")
	yearly := c.Bool("yearly", false, "on these days of each year")
	once := c.Bool("once", false, "on these days of their year only")
	c.check = func([]string) error {
		if *yearly && *once {
			return c.wrongUse("--yearly or --once")
		}
		if *last != "" && *first == "" {
			return c.wrongUse("--until goes with --on")
		}
		return nil
	}
	return func() bool { return *first != "" || *yearly || *once }, func(f *desk.HolidayForm) {
		if *first != "" {
			f.First, f.Last = *first, *last
		}
		if *yearly || *once {
			f.Yearly = *yearly
		}
	}
}

func holidayAdd(c *invocation) action {
	_, edit := holidayFlags(c)
	return func(ctx context.Context, args []string) error {
		form := desk.HolidayForm{Name: args[0]}
		edit(&form)
		if _, err := c.desk.AddHoliday(ctx, c.actor, form); err != nil {
			return err
		}
		return c.printHolidays(ctx)
	}
}

func holidayEdit(c *invocation) action {
	c.details = "What is not given stays as it is. holiday list shows the numbers."
	given, edit := holidayFlags(c)
	name := c.String("name", "", "the new `name`")
	days := c.check
	c.check = func(args []string) error {
		if !given() && *name == "" {
			return c.wrongUse("says nothing to change")
		}
		return days(args)
	}
	return func(ctx context.Context, args []string) error {
		h, err := c.holiday(ctx, args[0])
		if err != nil {
			return err
		}
		form := desk.HolidayForm{Name: h.Name, First: h.First.Format(time.DateOnly), Last: h.Last.Format(time.DateOnly), Yearly: h.Yearly}
		if *name != "" {
			form.Name = *name
		}
		edit(&form)
		if err := c.desk.EditHoliday(ctx, c.actor, h.ID, h.Revision, form); err != nil {
			return err
		}
		return c.printHolidays(ctx)
	}
}

func holidayRemove(c *invocation) action {
	c.details = "holiday list shows the numbers."
	return func(ctx context.Context, args []string) error {
		h, err := c.holiday(ctx, args[0])
		if err != nil {
			return err
		}
		if err := c.desk.RemoveHoliday(ctx, c.actor, h.ID); err != nil {
			return err
		}
		return c.report(newHolidayRow(h), "the holiday %s (%s) is removed\n", desk.Clean(h.Name), desk.HolidayText(h))
	}
}

func holidayRemovePast(c *invocation) action {
	return func(ctx context.Context, _ []string) error {
		n, err := c.desk.RemovePastHolidays(ctx, c.actor)
		if err != nil {
			return err
		}
		return c.report(map[string]any{"removed": n}, "%s removed\n", counted(n, "holiday"))
	}
}

// holiday returns the holiday with a number.
func (c *invocation) holiday(ctx context.Context, number string) (*desk.Holiday, error) {
	all, err := c.desk.Holidays(ctx, c.actor)
	if err != nil {
		return nil, err
	}
	id, _ := strconv.ParseInt(number, 10, 64)
	for _, h := range all.All {
		if h.ID == id {
			return h, nil
		}
	}
	return nil, fmt.Errorf("there is no holiday with the number %.20q; latchkey-controller holiday list shows all of them", number)
}

// A plannedRow is what an import does with a holiday, as JSON.
type plannedRow struct {
	Fate   string `json:"fate"` // "add", "change", "keep"
	Name   string `json:"name"`
	First  string `json:"first"`
	Last   string `json:"last"`
	Yearly bool   `json:"yearly"`
	Tells  string `json:"tells,omitempty"` // what changes
}

// A plannedHolidays is an import as JSON.
type plannedHolidays struct {
	Done     bool                 `json:"done"`
	Holidays []plannedRow         `json:"holidays"`
	Left     []*language.Sentence `json:"left"` // out, and why
}

func holidayImport(c *invocation) action {
	c.details = `FILE is an iCalendar file (.ics) with whole days: a country's holidays, or a school's. Without --apply
nothing is changed: it shows what would be. What is imported again gets the names and days that the
file has now, and is not there twice. What the file has no longer stays.`
	apply := c.Bool("apply", false, "does what it shows otherwise")
	return func(ctx context.Context, args []string) error {
		file, err := readFile(args[0], desk.MaxCalendar)
		if err != nil {
			return err
		}
		plan, err := c.desk.PlanHolidays(ctx, c.actor, file)
		if err != nil {
			return err
		}
		out := plannedHolidays{*apply, []plannedRow{}, append([]*language.Sentence{}, plan.Left...)}
		var lines []string
		var chosen []desk.Holiday
		for i := range plan.Holidays {
			h := &plan.Holidays[i]
			row := newHolidayRow(&h.Holiday)
			out.Holidays = append(out.Holidays, plannedRow{string(h.Fate), row.Name, row.First, row.Last, row.Yearly, h.Tells.String()})
			lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s", h.Fate, desk.Clean(h.Name), desk.HolidayText(&h.Holiday), desk.Clean(h.Tells.String())))
			if h.Fate != desk.HolidayKeeps {
				chosen = append(chosen, h.Holiday)
			}
		}
		if *apply {
			if _, _, err := c.desk.TakeHolidays(ctx, c.actor, chosen); err != nil {
				return err
			}
		}
		for _, left := range plan.Left {
			lines = append(lines, "left out\t"+left.String())
		}
		return c.printTable(out, "the file has no holidays from "+fmt.Sprint(plan.From, " to ", plan.To), "FATE\tHOLIDAY\tDAYS\tBEFORE\n", lines)
	}
}
