package api

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A holidayGroup is holidays with a name. A site has one: its list.
type holidayGroup struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Default     bool            `json:"is_default"`
	Description string          `json:"description"` // says so where doors have others besides
	Template    string          `json:"template_name"`
	Count       int             `json:"count"`
	Holidays    []holidayObject `json:"holidays"`
}

// A holidayObject is one or several days.
type holidayObject struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Repeat      bool   `json:"repeat"` // it is one each year
	Template    bool   `json:"is_template"`
	Start       string `json:"start_time"` // 2026-12-25T00:00:00Z, whatever the doors' time zones
	End         string `json:"end_time"`   // the day after the last
}

// siteHolidays is the number of the holiday group, and siteHolidaysName its name.
const (
	siteHolidays     = 1
	siteHolidaysName = "Holidays"
)

// holidayGroups answers GET /access_policies/holiday_groups.
func (a *API) holidayGroups(c *call) (any, error) {
	h, err := a.desk.Holidays(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	return []*holidayGroup{a.holidayGroupOf(h)}, nil
}

// holidayGroup answers GET /access_policies/holiday_groups/{id}.
func (a *API) holidayGroup(c *call) (any, error) {
	if err := a.isHolidayGroup(c); err != nil {
		return nil, err
	}
	h, err := a.desk.Holidays(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	return a.holidayGroupOf(h), nil
}

// isHolidayGroup returns desk.ErrNotFound unless the path names the holiday group.
func (a *API) isHolidayGroup(c *call) error {
	id, err := a.id(c, "id", kindHolidays)
	if err == nil && id != siteHolidays {
		err = desk.ErrNotFound
	}
	return err
}

func (a *API) holidayGroupOf(h *desk.Holidays) *holidayGroup {
	g := &holidayGroup{
		ID: a.ids.of(kindHolidays, siteHolidays), Name: siteHolidaysName, Default: true, Count: len(h.All), Holidays: []holidayObject{},
	}
	if n := len(h.More); n > 0 {
		g.Description = fmt.Sprintf("Doors with other holidays besides: %d, such as %s", n, h.More[0])
	}
	for _, d := range h.All {
		g.Holidays = append(g.Holidays, holidayObject{
			ID: a.ids.of(kindHolidays, 1<<32|d.ID), Name: d.Name, Repeat: d.Yearly,
			Start: d.First.Format(time.RFC3339), End: d.Last.AddDate(0, 0, 1).Format(time.RFC3339),
		})
	}
	return g
}

// A holidayRequest is a holiday group as it is to be.
type holidayRequest struct {
	Name     *string `json:"name"`
	Holidays *[]struct {
		Name   string `json:"name"`
		Repeat bool   `json:"repeat"`
		Start  string `json:"start_time"`
		End    string `json:"end_time"`
	} `json:"holidays"`
}

// maxHolidays bounds the holidays of a request. A site has fewer.
const maxHolidays = 1000

// list returns the holidays of a request.
func (body *holidayRequest) list() (all []desk.Holiday, err error) {
	if len(*body.Holidays) > maxHolidays {
		return nil, badRequest("These are more than %d holidays", maxHolidays)
	}
	for _, h := range *body.Holidays {
		from, ok1 := midnight(h.Start)
		until, ok2 := from.AddDate(0, 0, 1), true
		if h.End != "" {
			until, ok2 = midnight(h.End)
		}
		switch {
		case !ok1 || !ok2:
			return nil, badRequest("A holiday needs a start_time like 2026-12-25T00:00:00Z and an end_time like 2026-12-26T00:00:00Z: here, holidays are whole days")
		case !from.Before(until):
			return nil, badRequest("A holiday must end after it begins")
		}
		all = append(all, desk.Holiday{Name: h.Name, First: from, Last: until.AddDate(0, 0, -1), Yearly: h.Repeat})
	}
	return all, nil
}

// midnight parses the midnight at which a day begins, or the last second before it.
func midnight(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, strings.Replace(strings.ToUpper(text), " ", "T", 1))
	if t = t.UTC(); t.Format(time.TimeOnly) == "23:59:59" {
		t = t.Add(time.Second)
	}
	return t, err == nil && t.Equal(t.Truncate(24*time.Hour)) && t.Year() >= 1 && t.Year() <= 9999
}

// changeHolidayGroup answers PUT /access_policies/holiday_groups/{id}: these are the holidays
// of the site then, which all doors have.
func (a *API) changeHolidayGroup(c *call) (any, error) {
	if err := a.isHolidayGroup(c); err != nil {
		return nil, err
	}
	var body holidayRequest
	if err := c.body(&body); err != nil {
		return nil, err
	}
	if err := c.actor.Refusal(desk.EditHolidays); err != nil { // also if nothing is to be changed
		return nil, err
	}
	if body.Name != nil && *body.Name != siteHolidaysName {
		return nil, badRequest("The holidays of this site are called %s, and cannot be renamed", siteHolidaysName)
	}
	if body.Holidays == nil {
		return a.holidayGroup(c)
	}
	all, err := body.list()
	if err != nil {
		return nil, err
	}
	if err := a.desk.SetHolidays(c.r.Context(), c.actor, all); err != nil {
		return nil, err
	}
	return a.holidayGroup(c)
}

// removeHolidayGroup answers DELETE /access_policies/holiday_groups/{id}.
func (a *API) removeHolidayGroup(c *call) (any, error) {
	if err := a.isHolidayGroup(c); err != nil {
		return nil, err
	}
	return nil, refuse(http.StatusForbidden, codeForbidden, "The holidays of this site cannot be removed: send an empty list of holidays instead")
}
