package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

const schedulesPath, holidaysPath = "/access_policies/schedules", "/access_policies/holiday_groups"

// week returns a week_schedule with the same part of each of some days.
func week(from, to string, days ...string) map[string][]spanObject {
	w := map[string][]spanObject{}
	for _, day := range days {
		w[day] = []spanObject{{from, to}}
	}
	return w
}

func TestASchedulesHoursAreThoseThatWereSent(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead, desk.ScopeManage)
	var made, is scheduleObject
	p.unifi("POST", schedulesPath, map[string]any{
		"name": " Office  hours ", "week_schedule": week("10:00:00", "17:00:59", "monday", "sunday"),
		"holiday_schedule": []spanObject{{"15:00:00", "19:00:00"}, {"03:15:00", "11:45:59"}}, "type": "access",
	}).into(t, &made)
	p.unifi("GET", schedulesPath+"/"+made.ID, nil).into(t, &is)
	if fmt.Sprint(made) != fmt.Sprint(is) {
		t.Errorf("%+v\nnot %+v", made, is)
	}
	want := "10:00:00-17:00:59 10:00:00-17:00:59 - - - - -, 03:15:00-11:45:59 15:00:00-18:59:59"
	if got := hoursOf(&is); got != want || is.Name != "Office hours" || is.Default || is.Type != "access" {
		t.Errorf("%s of %+v", got, is)
	}
	s, err := w.desk.FindSchedule(t.Context(), root, "Office hours")
	w.must(err)
	if got := desk.HoursLine(s.Hours).String(); got != "Mon 10:00-17:01, Sun 10:00-17:01, holidays 03:15-11:46 and 15:00-19:00" {
		t.Error(got)
	}

	// What is not sent stays.
	p.unifi("PUT", schedulesPath+"/"+made.ID, map[string]any{"name": "Visits"}).into(t, &is)
	if hoursOf(&is) != want || is.Name != "Visits" {
		t.Errorf("%+v", is)
	}
	p.unifi("PUT", schedulesPath+"/"+made.ID, map[string]any{"weekly": week("00:00:00", "23:59:59", "tuesday")}).into(t, &is)
	if got := hoursOf(&is); got != "- - 00:00:00-23:59:59 - - - -, 03:15:00-11:45:59 15:00:00-18:59:59" {
		t.Error(got)
	}
	p.unifi("PUT", schedulesPath+"/"+made.ID, map[string]any{"holiday_schedule": []string{}}).into(t, &is)
	if got := hoursOf(&is); got != "- - 00:00:00-23:59:59 - - - -, -" {
		t.Error(got)
	}

	var all []scheduleObject
	p.unifi("GET", schedulesPath, nil).into(t, &all)
	if len(all) != 2 || all[1].Name != "Visits" || !all[0].Default || len(all[0].Weekly["friday"]) != 1 {
		t.Errorf("%+v", all)
	}
	if a := p.unifi("DELETE", schedulesPath+"/"+made.ID, nil); a.code() != "200 SUCCESS" {
		t.Error(a.body)
	}
	if a := p.unifi("GET", schedulesPath+"/"+made.ID, nil); a.code() != "404 CODE_NOT_EXISTS" {
		t.Error(a.body)
	}
}

// hoursOf returns the hours of a schedule from Sunday to Saturday, and on holidays.
func hoursOf(s *scheduleObject) string {
	text := func(spans []spanObject) string {
		var parts []string
		for _, span := range spans {
			parts = append(parts, span.Start+"-"+span.End)
		}
		if parts == nil {
			return "-"
		}
		return strings.Join(parts, " ")
	}
	var days []string
	for _, day := range []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"} {
		days = append(days, text(s.Weekly[day]))
	}
	return strings.Join(days, " ") + ", " + text(s.Holiday)
}

func TestAScheduleThatIsAlwaysOpenIsThereAndStaysSo(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead, desk.ScopeManage)
	path := schedulesPath + "/" + w.api.ids.of(kindSchedule, alwaysOpen)
	var s scheduleObject
	p.unifi("GET", path, nil).into(t, &s)
	if want := strings.Repeat("00:00:00-23:59:59 ", 6) + "00:00:00-23:59:59, 00:00:00-23:59:59"; hoursOf(&s) != want || !s.Default {
		t.Errorf("%+v", s)
	}
	for _, method := range []string{"PUT", "DELETE"} {
		if a := p.unifi(method, path, map[string]any{"name": "Never"}); a.code() != "403 CODE_OPERATION_FORBIDDEN" {
			t.Errorf("%s: %s", method, a.body)
		}
	}
	if a := w.program(desk.ScopeManage).unifi("GET", path, nil); a.code() != "403 CODE_UNAUTHORIZED" {
		t.Error(a.body)
	}
}

func TestBadSchedulesAreRefusedWithASentence(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead, desk.ScopeManage)
	var made scheduleObject
	p.unifi("POST", schedulesPath, map[string]any{"name": "Night", "week_schedule": week("22:00:00", "23:59:59", "monday")}).into(t, &made)
	reader, _ := w.reader()
	_, err := w.desk.SetPolicy(t.Context(), root, reader, 0, func(*wire.Policy) {}, desk.UseSchedule{HoursUse: desk.HoursUse{What: desk.AccessHours, Group: "staff"}, Schedule: "Night"})
	w.must(err)
	many := make([]spanObject, maxDaySpans+1)
	for i := range many {
		many[i] = spanObject{fmt.Sprintf("%02d:%02d:00", i/6, i%6*10), fmt.Sprintf("%02d:%02d:59", i/6, i%6*10)}
	}
	good, own := week("10:00:00", "17:00:59", "monday"), schedulesPath+"/"+made.ID
	for _, c := range []struct {
		method, path string
		body         any
		want, says   string
	}{
		{"POST", schedulesPath, nil, "400 CODE_PARAMS_INVALID", "Enter a name"},
		{"POST", schedulesPath, "{", "400 CODE_PARAMS_INVALID", "not JSON"},
		{"POST", schedulesPath, map[string]any{"week_schedule": good}, "400 CODE_PARAMS_INVALID", "Enter a name"},
		{"POST", schedulesPath, map[string]any{"name": "A"}, "400 CODE_PARAMS_INVALID", "would never be open"},
		{"POST", schedulesPath, map[string]any{"name": "A", "week_schedule": map[string]any{}}, "400 CODE_PARAMS_INVALID", "would never be open"},
		{"POST", schedulesPath, map[string]any{"name": 1, "week_schedule": good}, "400 CODE_PARAMS_INVALID", "name must be a string"},
		{"POST", schedulesPath, map[string]any{"name": "A", "week_schedule": []int{1}}, "400 CODE_PARAMS_INVALID", "week_schedule must be an object"},
		{"POST", schedulesPath, map[string]any{"name": "A", "week_schedule": map[string]any{"monday": "all"}}, "400 CODE_PARAMS_INVALID", "must be a list"},
		{"POST", schedulesPath, map[string]any{"name": "A", "week_schedule": week("10:00:00", "17:00:59", "mondy")}, "400 CODE_PARAMS_INVALID", `"mondy"`},
		{"POST", schedulesPath, map[string]any{"name": "A", "week_schedule": week("10:00:30", "17:00:59", "monday")}, "400 CODE_PARAMS_INVALID", "whole minutes"},
		{"POST", schedulesPath, map[string]any{"name": "A", "week_schedule": week("10:00:00", "17:00:30", "monday")}, "400 CODE_PARAMS_INVALID", "whole minutes"},
		{"POST", schedulesPath, map[string]any{"name": "A", "week_schedule": week("10:00", "17:00", "monday")}, "400 CODE_PARAMS_INVALID", "whole minutes"},
		{"POST", schedulesPath, map[string]any{"name": "A", "week_schedule": week("-1:00:00", "17:00:59", "monday")}, "400 CODE_PARAMS_INVALID", "whole minutes"},
		{"POST", schedulesPath, map[string]any{"name": "A", "week_schedule": week("10:00:00", "24:00:59", "monday")}, "400 CODE_PARAMS_INVALID", "whole minutes"},
		{"POST", schedulesPath, map[string]any{"name": "A", "week_schedule": week("22:00:00", "05:59:59", "monday")}, "400 CODE_PARAMS_INVALID", "ends before it begins"},
		{"POST", schedulesPath, map[string]any{"name": "A", "week_schedule": map[string]any{"monday": many}}, "400 CODE_PARAMS_INVALID", "at most 64"},
		{"POST", schedulesPath, map[string]any{"name": "A", "week_schedule": map[string]any{"monday": []spanObject{{"08:00:00", "11:59:59"}, {"11:00:00", "12:59:59"}}}}, "400 CODE_PARAMS_INVALID", "overlaps"},
		{"POST", schedulesPath, map[string]any{"name": "A", "week_schedule": good, "holiday_group_id": "x"}, "400 CODE_PARAMS_INVALID", "holiday_group_id"},
		{"POST", schedulesPath, map[string]any{"name": "night", "week_schedule": good}, "400 CODE_PARAMS_INVALID", "There already is"},
		{"POST", schedulesPath, map[string]any{"name": strings.Repeat("x", 200), "week_schedule": good}, "400 CODE_PARAMS_INVALID", ""},
		{"POST", schedulesPath, `{"name": "` + strings.Repeat("x", maxBody) + `"}`, "413 CODE_PARAMS_INVALID", "too large"},
		{"GET", schedulesPath + "/x", nil, "404 CODE_NOT_EXISTS", ""},
		{"GET", schedulesPath + "/" + w.api.ids.of(kindSchedule, 99), nil, "404 CODE_NOT_EXISTS", ""},
		{"GET", schedulesPath + "/" + w.api.ids.of(kindDoor, 1), nil, "404 CODE_NOT_EXISTS", ""},
		{"PUT", schedulesPath + "/x", map[string]any{}, "404 CODE_NOT_EXISTS", ""},
		{"PUT", schedulesPath + "/" + w.api.ids.of(kindSchedule, 99), map[string]any{"name": "A"}, "404 CODE_NOT_EXISTS", ""},
		{"PUT", own, map[string]any{"name": ""}, "400 CODE_PARAMS_INVALID", "Enter a name"},
		{"PUT", own, map[string]any{"week_schedule": map[string]any{}}, "400 CODE_PARAMS_INVALID", "would never be open"},
		{"PUT", own, map[string]any{"holiday_schedule": 1}, "400 CODE_PARAMS_INVALID", "holiday_schedule must be a list"},
		{"DELETE", schedulesPath + "/x", nil, "404 CODE_NOT_EXISTS", ""},
		{"DELETE", schedulesPath + "/" + w.api.ids.of(kindSchedule, 99), nil, "404 CODE_NOT_EXISTS", ""},
		{"DELETE", own, nil, "400 CODE_PARAMS_INVALID", "is in use at"},
	} {
		if a := p.unifi(c.method, c.path, c.body); a.code() != c.want || !strings.Contains(a.body, strings.ReplaceAll(c.says, `"`, `\"`)) {
			t.Errorf("%s %s %.200v: %d %.300s\nnot %s: %s", c.method, c.path, c.body, a.status, a.body, c.want, c.says)
		}
	}
	var is scheduleObject
	p.unifi("GET", own, nil).into(t, &is)
	if fmt.Sprint(is) != fmt.Sprint(made) {
		t.Errorf("a refused request changed it: %+v", is)
	}
	w.wrongScope("POST", schedulesPath, map[string]any{"name": "A", "week_schedule": good}, desk.ScopeManage)
	w.wrongScope("PUT", own, map[string]any{"name": "A"}, desk.ScopeManage)
	w.wrongScope("DELETE", own, nil, desk.ScopeManage)
	w.wrongScope("GET", own, nil, desk.ScopeRead)
	w.wrongScope("GET", schedulesPath, nil, desk.ScopeRead)
}

// wrongScope checks that a request is refused without a scope, whatever the others.
func (w *world) wrongScope(method, path string, body any, needed desk.Scope) {
	w.t.Helper()
	var others []desk.Scope
	for _, scope := range desk.Scopes() {
		if scope != needed {
			others = append(others, scope)
		}
	}
	if a := w.program(others...).unifi(method, path, body); a.code() != "403 CODE_UNAUTHORIZED" {
		w.t.Errorf("%s %s without %s: %d %s", method, path, needed, a.status, a.body)
	}
}

func TestHolidaysAreThoseOfAllDoors(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead, desk.ScopeManage)
	group := holidaysPath + "/" + w.api.ids.of(kindHolidays, siteHolidays)
	christmas := map[string]any{"name": "Christmas", "repeat": true, "start_time": "2026-12-25T00:00:00z", "end_time": "2026-12-27 00:00:00z"}
	front, _ := w.reader()
	back, _ := w.reader()
	var g, again holidayGroup
	p.unifi("PUT", group, map[string]any{"name": "Holidays", "holidays": []any{
		map[string]any{"start_time": "2027-01-06T00:00:00Z", "end_time": "2027-01-06T23:59:59Z"}, christmas,
		map[string]any{"start_time": "2027-01-06T00:00:00Z"},
	}}).into(t, &g)
	var days []string
	for _, h := range g.Holidays {
		days = append(days, fmt.Sprint(h.Name, " ", h.Repeat, " ", h.Start, " ", h.End))
	}
	want := "Christmas true 2026-12-25T00:00:00Z 2026-12-27T00:00:00Z, 6 January 2027 false 2027-01-06T00:00:00Z 2027-01-07T00:00:00Z"
	if got := strings.Join(days, ", "); got != want || g.Count != 2 || g.Description != "" {
		t.Errorf("%s\nnot %s: %+v", got, want, g)
	}
	p.unifi("GET", group, nil).into(t, &again)
	if fmt.Sprint(again) != fmt.Sprint(g) {
		t.Errorf("%+v\nnot %+v", again, g)
	}
	for _, reader := range []string{front, back} {
		policy, err := w.desk.Policy(t.Context(), root, reader)
		w.must(err)
		if got := fmt.Sprint(policy.Holidays); got != "[{{} 0 12 25} {{} 0 12 26} {{} 2027 1 6}]" {
			t.Errorf("%s: %s", reader, got)
		}
	}
	_, err := w.desk.SetPolicy(t.Context(), root, back, 0, func(p *wire.Policy) { p.Holidays = append(p.Holidays[1:], wire.Holiday{Year: 2028, Month: 1, Day: 6}) })
	w.must(err)
	var all []holidayGroup
	p.unifi("GET", holidaysPath, nil).into(t, &all)
	if len(all) != 1 || len(all[0].Holidays) != 2 || !strings.Contains(all[0].Description, "1, such as Door of "+back) {
		t.Errorf("%+v", all)
	}
	p.unifi("PUT", group, map[string]any{"holidays": []any{}}).into(t, &g)
	p.unifi("GET", group, nil).into(t, &again)
	if len(again.Holidays) != 0 || !strings.Contains(again.Description, back) || again.Holidays == nil {
		t.Errorf("%+v", again)
	}
}

func TestBadHolidaysAreRefusedWithASentence(t *testing.T) {
	w := newWorld(t)
	w.reader()
	p := w.program(desk.ScopeRead, desk.ScopeManage)
	group, none := holidaysPath+"/"+w.api.ids.of(kindHolidays, siteHolidays), holidaysPath+"/"+w.api.ids.of(kindHolidays, 2)
	one := func(start, end any) any {
		return map[string]any{"holidays": []any{map[string]any{"start_time": start, "end_time": end}}}
	}
	good := one("2026-12-25T00:00:00Z", "2026-12-26T00:00:00Z")
	for _, c := range []struct {
		method, path string
		body         any
		want, says   string
	}{
		{"PUT", group, "[]", "400 CODE_PARAMS_INVALID", "must be an object"},
		{"PUT", group, map[string]any{"holidays": 1}, "400 CODE_PARAMS_INVALID", "holidays must be a list"},
		{"PUT", group, map[string]any{"name": "Feast days"}, "400 CODE_PARAMS_INVALID", "cannot be renamed"},
		{"PUT", group, one("", ""), "400 CODE_PARAMS_INVALID", "needs a start_time"},
		{"PUT", group, one(1, ""), "400 CODE_PARAMS_INVALID", "start_time must be a string"},
		{"PUT", group, one("2026-12-25", "2026-12-26"), "400 CODE_PARAMS_INVALID", "needs a start_time"},
		{"PUT", group, one("2026-12-25T01:00:00Z", ""), "400 CODE_PARAMS_INVALID", "whole days"},
		{"PUT", group, one("2026-12-25T00:00:00+01:00", ""), "400 CODE_PARAMS_INVALID", "whole days"},
		{"PUT", group, one("2026-02-29T00:00:00Z", ""), "400 CODE_PARAMS_INVALID", "needs a start_time"},
		{"PUT", group, one("0000-12-25T00:00:00Z", ""), "400 CODE_PARAMS_INVALID", "needs a start_time"},
		{"PUT", group, one("2026-12-26T00:00:00Z", "2026-12-26T00:00:00Z"), "400 CODE_PARAMS_INVALID", "must end after it begins"},
		{"PUT", group, one("2000-01-01T00:00:00Z", "2002-01-01T00:00:00Z"), "400 CODE_PARAMS_INVALID", "at most 100"},
		{"PUT", group, map[string]any{"holidays": slices.Repeat([]any{map[string]any{"start_time": "2026-12-25T00:00:00Z"}}, 1001)}, "400 CODE_PARAMS_INVALID", "more than 1000"},
		{"PUT", group, map[string]any{"holidays": sixYears()}, "400 CODE_PARAMS_INVALID", "at most 512"},
		{"PUT", none, good, "404 CODE_NOT_EXISTS", ""},
		{"GET", none, nil, "404 CODE_NOT_EXISTS", ""},
		{"DELETE", none, nil, "404 CODE_NOT_EXISTS", ""},
		{"DELETE", group, nil, "403 CODE_OPERATION_FORBIDDEN", "empty list"},
		{"POST", holidaysPath, map[string]any{"name": "A"}, "400 CODE_DEVICE_API_NOT_SUPPORTED", "There are no other holiday groups"},
	} {
		if a := p.unifi(c.method, c.path, c.body); a.code() != c.want || !strings.Contains(a.body, c.says) {
			t.Errorf("%s %s %.200v: %d %.300s\nnot %s: %s", c.method, c.path, c.body, a.status, a.body, c.want, c.says)
		}
	}
	if h, err := w.desk.Holidays(t.Context(), root); err != nil || len(h.Days) != 0 || len(h.More) != 0 {
		t.Errorf("a refused request changed it: %+v, %v", h, err)
	}
	w.wrongScope("PUT", group, good, desk.ScopeManage)
	w.wrongScope("PUT", group, map[string]any{"name": siteHolidaysName}, desk.ScopeManage)
	w.wrongScope("GET", group, nil, desk.ScopeRead)
	w.wrongScope("GET", holidaysPath, nil, desk.ScopeRead)
}

// sixYears are more holidays than a door keeps.
func sixYears() (all []any) {
	for day := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC); len(all) < 550; day = day.AddDate(0, 0, 4) {
		all = append(all, map[string]any{"start_time": day.Format(time.RFC3339)})
	}
	return all
}
