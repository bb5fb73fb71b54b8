package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// holidaysPath is the page of the site's holidays.
const holidaysPath = "/schedules/holidays"

// holidaysPage lists the site's holidays.
type holidaysPage struct {
	*desk.Holidays
	Coming, Past []holidayRow // those that come, the next one first; and the others, the last one first
	Ask          string
	Form         *form // of the removal of past ones
}

// A holidayRow is a holiday in the list.
type holidayRow struct {
	*desk.Holiday
	Days *language.Sentence
	Next *language.Sentence // when it comes next, with the day of the week; of one that is past: when it was
}

// showHolidays shows the list; with a form, the question whether to remove past ones, too.
func (c *Console) showHolidays(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	all, err := c.desk.Holidays(r.Context(), v.Actor)
	if err != nil {
		return err
	}
	p, now := &holidaysPage{Holidays: all, Ask: r.URL.Query().Get("ask"), Form: f}, c.desk.Now().In(v.zone())
	if f == nil {
		p.Form = newForm()
	} else {
		p.Ask = "remove-past"
	}
	for _, h := range all.All {
		next := desk.NextHoliday(h, now)
		row := holidayRow{h, desk.HolidayText(h), language.Say("%s, %s", language.ShortWeekday(next.Weekday()), language.Date(next))}
		if desk.IsPast(h, now) {
			p.Past = append(p.Past, row)
		} else {
			p.Coming = append(p.Coming, row)
		}
	}
	slices.SortStableFunc(p.Coming, func(a, b holidayRow) int {
		return desk.NextHoliday(a.Holiday, now).Compare(desk.NextHoliday(b.Holiday, now))
	})
	slices.Reverse(p.Past)
	c.show(w, r, status, "holidays", &view{visit: v, Title: language.Say("Holidays"), Section: "schedules", Page: p})
	return nil
}

// holidayPage is one holiday, or a new one.
type holidayPage struct {
	Holiday *desk.Holiday // nil: a new one
	Days    *language.Sentence
	Form    *form
	Ask     string
}

func (c *Console) showNewHoliday(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	if f == nil {
		f = newForm()
	}
	c.show(w, r, status, "holiday", &view{visit: v, Title: language.Say("New holiday"), Section: "schedules", Page: &holidayPage{Form: f}})
	return nil
}

// showHoliday shows a holiday with a form; nil: what is saved.
func (c *Console) showHoliday(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	all, err := c.desk.Holidays(r.Context(), v.Actor)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all.All, func(h *desk.Holiday) bool { return h.ID == v.id })
	if i < 0 {
		return desk.ErrNotFound
	}
	h := all.All[i]
	if f == nil {
		f = newForm("name", h.Name, "first", h.First.Format(time.DateOnly), "revision", fmt.Sprint(h.Revision))
		if h.Last != h.First {
			f.Values.Set("last", h.Last.Format(time.DateOnly))
		}
		tick(f, "yearly", h.Yearly)
	}
	f.warn("holiday", fmt.Sprint(h.Revision))
	c.show(w, r, status, "holiday", &view{visit: v, Title: language.Data(h.Name), Section: "schedules", Page: &holidayPage{h, desk.HolidayText(h), f, r.URL.Query().Get("ask")}})
	return nil
}

func readHoliday(f *form) desk.HolidayForm {
	return desk.HolidayForm{Name: f.Trim("name"), First: f.Trim("first"), Last: f.Trim("last"), Yearly: f.Has("yearly", "on")}
}

func (c *Console) addHoliday(r *http.Request, v *visit, f *form) (answer, error) {
	_, err := c.desk.AddHoliday(r.Context(), v.Actor, readHoliday(f))
	return answer{to: holidaysPath, notice: language.Say("Added. The doors are told now.")}, wholeHolidays(f, err)
}

func (c *Console) editHoliday(r *http.Request, v *visit, f *form) (answer, error) {
	was, _ := strconv.ParseInt(f.Get("revision"), 10, 64)
	err := c.desk.EditHoliday(r.Context(), v.Actor, v.id, was, readHoliday(f))
	return answer{to: holidaysPath, notice: language.Say("Saved. The doors are told now.")}, wholeHolidays(f, err)
}

func (c *Console) removeHoliday(r *http.Request, v *visit, f *form) (answer, error) {
	return removed(wholeHolidays(f, c.desk.RemoveHoliday(r.Context(), v.Actor, v.id)), holidaysPath, language.Say("The holiday was removed."), language.Say("It was already removed."))
}

func (c *Console) removePastHolidays(r *http.Request, v *visit, f *form) (answer, error) {
	n, err := c.desk.RemovePastHolidays(r.Context(), v.Actor)
	return answer{to: holidaysPath, notice: language.Count(n, "%d past holiday was removed.", "%d past holidays were removed.")}, wholeHolidays(f, err)
}

// wholeHolidays shows at the head of a form what is wrong with no field of it.
func wholeHolidays(f *form, err error) error {
	for _, field := range []string{"holidays", "where", "holiday"} {
		if says := desk.Fields(err)[field]; says != nil {
			f.says("", says)
		}
	}
	return err
}
