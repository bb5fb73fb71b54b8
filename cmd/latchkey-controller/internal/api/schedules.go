package api

import (
	"fmt"
	"net/http"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A scheduleObject is hours with a name.
type scheduleObject struct {
	ID       string                  `json:"id"`
	Name     string                  `json:"name"`
	Default  bool                    `json:"is_default"`
	Type     string                  `json:"type"`   // access
	Status   int                     `json:"status"` // 1
	Weekly   map[string][]spanObject `json:"weekly"` // by the days of the week, all of them
	Holidays string                  `json:"holiday_group_id"`
	Holiday  []spanObject            `json:"holiday_schedule"`
}

// A spanObject is part of a day.
type spanObject struct {
	Start string `json:"start_time"` // 10:00:00
	End   string `json:"end_time"`   // 17:00:59: its last second
}

// alwaysOpen is the number of the schedule that is always open, which no desk.Schedule is.
const alwaysOpen = 1<<62 - 1

// always is the schedule that is always open. Nobody changes it.
func always() *desk.Schedule {
	day := wire.Span{To: 24 * 60}
	s := &desk.Schedule{ID: alwaysOpen, Name: "Always", Hours: &wire.Schedule{Holiday: []wire.Span{day}}}
	for day.Day = range uint8(7) {
		s.Hours.Week = append(s.Hours.Week, day)
	}
	return s
}

// schedules answers GET /access_policies/schedules: all of them.
func (a *API) schedules(c *call) (any, error) {
	schedules, err := a.desk.Schedules(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	all := []*scheduleObject{a.scheduleObject(always())}
	for _, s := range schedules {
		all = append(all, a.scheduleObject(s))
	}
	return all, nil
}

// schedule answers GET /access_policies/schedules/{id}.
func (a *API) schedule(c *call) (any, error) {
	id, err := a.id(c, "id", kindSchedule)
	if err != nil {
		return nil, err
	}
	if id == alwaysOpen {
		if _, err := a.desk.Schedules(c.r.Context(), c.actor); err != nil { // whether the program may look
			return nil, err
		}
		return a.scheduleObject(always()), nil
	}
	s, err := a.desk.Schedule(c.r.Context(), c.actor, id)
	if err != nil {
		return nil, err
	}
	return a.scheduleObject(s), nil
}

func (a *API) scheduleObject(s *desk.Schedule) *scheduleObject {
	o := &scheduleObject{
		ID: a.ids.of(kindSchedule, s.ID), Name: s.Name, Default: s.ID == alwaysOpen, Type: "access", Status: 1,
		Weekly: map[string][]spanObject{}, Holidays: a.ids.of(kindHolidays, siteHolidays), Holiday: []spanObject{},
	}
	for _, d := range desk.Days() {
		spans := []spanObject{}
		for _, span := range d.Spans(s.Hours) {
			spans = append(spans, spanObject{clockText(span.From) + ":00", clockText(span.To-1) + ":59"})
		}
		if d.Key == "holiday" {
			o.Holiday = spans
		} else {
			o.Weekly[strings.ToLower(d.Name)] = spans
		}
	}
	return o
}

func clockText(minute uint16) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

// A scheduleRequest is a schedule that is to be added, or what is to be changed of one.
type scheduleRequest struct {
	Name     *string                 `json:"name"`
	Week     map[string][]spanObject `json:"week_schedule"`
	Weekly   map[string][]spanObject `json:"weekly"` // as answers call it, and some clients
	Holidays string                  `json:"holiday_group_id"`
	Holiday  *[]spanObject           `json:"holiday_schedule"`
}

// edit returns the edit that a request wants.
func (a *API) edit(body *scheduleRequest) (func(*desk.ScheduleForm), error) {
	if body.Holidays != "" && body.Holidays != a.ids.of(kindHolidays, siteHolidays) {
		return nil, badRequest("There is no such holiday_group_id: all schedules use the holidays of this site")
	}
	week := body.Week
	if week == nil {
		week = body.Weekly
	}
	texts := map[string]string{}
	for _, d := range desk.Days()[:7] {
		name := strings.ToLower(d.Name)
		text, err := hoursText(name, week[name])
		if err != nil {
			return nil, err
		}
		texts[d.Key] = text
		delete(week, name)
	}
	for name := range week {
		return nil, badRequest("week_schedule has a day %.20q: the days are sunday to saturday", name)
	}
	if body.Holiday != nil {
		text, err := hoursText("holiday_schedule", *body.Holiday)
		if err != nil {
			return nil, err
		}
		texts["holiday"] = text
	}
	hours, err := desk.ParseHours(texts)
	if err != nil {
		return nil, err
	}
	return func(form *desk.ScheduleForm) {
		if body.Name != nil {
			form.Name = *body.Name
		}
		edited := wire.Schedule{}
		if form.Hours != nil {
			edited = *form.Hours
		}
		if body.Week != nil || body.Weekly != nil {
			edited.Week = hours.Week
		}
		if body.Holiday != nil {
			edited.Holiday = hours.Holiday
		}
		form.Hours = &edited
	}, nil
}

// maxDaySpans bounds the spans of a day in a request.
const maxDaySpans = 64

// hoursText returns the spans of a day as desk.ParseHours reads them.
func hoursText(day string, spans []spanObject) (string, error) {
	if len(spans) > maxDaySpans {
		return "", badRequest("%s has %d parts: at most %d are possible", day, len(spans), maxDaySpans)
	}
	var parts []string
	for _, span := range spans {
		from, ok1 := minute(span.Start, 0)
		to, ok2 := minute(span.End, 59)
		if !ok1 || !ok2 {
			return "", badRequest("%s must have a start_time like 10:00:00 and an end_time like 17:00:59, or 17:00:00: whole minutes", day)
		}
		if from >= to {
			return "", badRequest("%s has a part that ends before it begins: give the next day what comes after midnight", day)
		}
		parts = append(parts, clockText(from)+"-"+clockText(to))
	}
	return strings.Join(parts, ", "), nil
}

// minute returns the minute of the day of a time like 10:00:00. With the second last, which is
// 0 or 59, it is the next minute.
func minute(text string, last int) (uint16, bool) {
	var h, m, s int
	n, err := fmt.Sscanf(text, "%2d:%2d:%2d", &h, &m, &s)
	if err != nil || n != 3 || fmt.Sprintf("%02d:%02d:%02d", h, m, s) != text || h < 0 || m < 0 || m > 59 {
		return 0, false
	}
	at := h*60 + m
	if s == 59 && last == 59 {
		at, s = at+1, 0
	}
	return uint16(at), s == 0 && at <= 24*60
}

// addSchedule answers POST /access_policies/schedules.
func (a *API) addSchedule(c *call) (any, error) {
	var body scheduleRequest
	if err := c.body(&body); err != nil {
		return nil, err
	}
	edit, err := a.edit(&body)
	if err != nil {
		return nil, err
	}
	var form desk.ScheduleForm
	edit(&form)
	id, err := a.desk.AddSchedule(c.r.Context(), c.actor, form)
	if err != nil {
		return nil, err
	}
	return a.edited(id, form), nil
}

// edited returns a schedule as it was just written. It is not looked up: that takes another
// scope.
func (a *API) edited(id int64, form desk.ScheduleForm) *scheduleObject {
	return a.scheduleObject(&desk.Schedule{ID: id, Name: desk.TidyName(form.Name), Hours: form.Hours})
}

// changeSchedule answers PUT /access_policies/schedules/{id}.
func (a *API) changeSchedule(c *call) (any, error) {
	id, err := a.ownSchedule(c)
	if err != nil {
		return nil, err
	}
	var body scheduleRequest
	if err := c.body(&body); err != nil {
		return nil, err
	}
	edit, err := a.edit(&body)
	if err != nil {
		return nil, err
	}
	var is desk.ScheduleForm
	err = a.desk.EditSchedule(c.r.Context(), c.actor, id, 0, func(form *desk.ScheduleForm) {
		edit(form)
		is = *form
	})
	if err != nil {
		return nil, err
	}
	return a.edited(id, is), nil
}

// removeSchedule answers DELETE /access_policies/schedules/{id}.
func (a *API) removeSchedule(c *call) (any, error) {
	id, err := a.ownSchedule(c)
	if err != nil {
		return nil, err
	}
	return "success", a.desk.RemoveSchedule(c.r.Context(), c.actor, id)
}

// ownSchedule returns the number of a schedule that can be changed.
func (a *API) ownSchedule(c *call) (int64, error) {
	id, err := a.id(c, "id", kindSchedule)
	if id == alwaysOpen {
		return 0, refuse(http.StatusForbidden, codeForbidden, "The schedule that is always open cannot be changed or removed: add another")
	}
	return id, err
}
