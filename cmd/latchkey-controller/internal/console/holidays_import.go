package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// holidaysImportPage takes a calendar, and shows what it would do.
type holidaysImportPage struct {
	Form *form
	Rows []calendarRow // nil: no calendar yet
	Plan *desk.HolidayPlan
}

// A calendarRow is a holiday of a calendar. The form holds it, so that nothing is kept in between.
type calendarRow struct {
	Event  string           `json:"e"`
	Name   string           `json:"n"`
	First  string           `json:"f"`
	Last   string           `json:"l"`
	Yearly bool             `json:"y"`
	Fate   desk.HolidayFate `json:"t"`
	Tells  string           `json:"s"` // in the language of the page
}

func (row calendarRow) holiday() (h desk.Holiday, err error) {
	h = desk.Holiday{Name: row.Name, Yearly: row.Yearly, Event: row.Event}
	var err1, err2 error
	h.First, err1 = time.Parse(time.DateOnly, row.First)
	h.Last, err2 = time.Parse(time.DateOnly, row.Last)
	return h, errors.Join(err1, err2)
}

// Days returns its days as text.
func (row calendarRow) Days() *language.Sentence {
	h, err := row.holiday()
	if err != nil || h.Check() != nil {
		return nil
	}
	return desk.HolidayText(&h)
}

// leftOut says what a plan leaves out.
func leftOut(p *desk.HolidayPlan) *language.Sentence {
	return language.Say("Left out: %s.", language.Join(p.Left))
}

// Value is the row as the form holds it.
func (row calendarRow) Value() (string, error) {
	b, err := json.Marshal(row)
	return string(b), err
}

// Count returns how many rows have a fate.
func (p *holidaysImportPage) Count(fate desk.HolidayFate) (n int) {
	for _, row := range p.Rows {
		if row.Fate == fate {
			n++
		}
	}
	return n
}

// Does says whether an import could do anything.
func (p *holidaysImportPage) Does() bool {
	return p.Count(desk.HolidayAdds)+p.Count(desk.HolidayChanges) > 0
}

func (c *Console) showHolidaysImport(w http.ResponseWriter, r *http.Request, v *visit, status int, p *holidaysImportPage) error {
	c.show(w, r, status, "holidays-import", &view{visit: v, Title: language.Say("Import holidays"), Section: "schedules", Page: p})
	return nil
}

func (c *Console) showCalendarFile(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	if f == nil {
		f = newForm()
	}
	return c.showHolidaysImport(w, r, v, status, &holidaysImportPage{Form: f})
}

// planHolidays shows what a calendar would do.
func (c *Console) planHolidays(r *http.Request, v *visit, f *form) (answer, error) {
	plan, err := c.desk.PlanHolidays(r.Context(), v.Actor, f.file)
	if err != nil {
		return answer{}, err
	}
	p := &holidaysImportPage{Form: newForm(), Plan: plan, Rows: []calendarRow{}}
	for i := range plan.Holidays {
		h := &plan.Holidays[i]
		p.Rows = append(p.Rows, calendarRow{h.Event, h.Name, h.First.Format(time.DateOnly), h.Last.Format(time.DateOnly), h.Yearly, h.Fate, v.pages.language.Say(h.Tells)})
		if h.Fate != desk.HolidayKeeps {
			p.Form.Values.Add("take", fmt.Sprint(i))
		}
	}
	return answer{show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.showHolidaysImport(w, r, v, http.StatusOK, p)
	}}, nil
}

// showChosenHolidays shows a form again with what was chosen.
func (c *Console) showChosenHolidays(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	p := &holidaysImportPage{Form: f, Rows: []calendarRow{}}
	for _, text := range f.Values["row"] {
		var row calendarRow
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			return errBadForm
		}
		p.Rows = append(p.Rows, row)
	}
	return c.showHolidaysImport(w, r, v, status, p)
}

// takeHolidays takes what was chosen of a calendar.
func (c *Console) takeHolidays(r *http.Request, v *visit, f *form) (answer, error) {
	rows := f.Values["row"]
	var chosen []desk.Holiday
	for _, text := range f.Values["take"] {
		i, err := strconv.Atoi(text)
		var row calendarRow
		if err != nil || i < 0 || i >= len(rows) || json.Unmarshal([]byte(rows[i]), &row) != nil {
			return answer{}, errBadForm
		}
		h, err := row.holiday()
		if err != nil {
			return answer{}, errBadForm
		}
		chosen = append(chosen, h)
	}
	added, changed, err := c.desk.TakeHolidays(r.Context(), v.Actor, chosen)
	return answer{to: holidaysPath, notice: language.Count(added, "%d holiday was added, %d changed. The doors are told now.", "%d holidays were added, %d changed. The doors are told now.", changed)}, wholeHolidays(f, err)
}
