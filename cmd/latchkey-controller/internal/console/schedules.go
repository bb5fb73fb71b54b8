package console

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// schedulesPage lists the schedules.
type schedulesPage struct {
	Search    string
	Page      int // from 1
	Pages     int
	Found     int // that Search selects
	Schedules []*desk.Schedule
	Weeks     map[int64]*week // by the schedules' ids
}

// schedulesShown is how many schedules a page shows.
const schedulesShown = 50

// Link returns the URL of another page of the list.
func (p *schedulesPage) Link(page int) string {
	if page == 1 {
		return "/schedules" + query("q", p.Search)
	}
	return "/schedules" + query("q", p.Search, "page", strconv.Itoa(page))
}

func (c *Console) schedules(w http.ResponseWriter, r *http.Request, v *visit) (err error) {
	q := r.URL.Query()
	p := &schedulesPage{Search: truncate(strings.TrimSpace(q.Get("q")), 100), Weeks: map[int64]*week{}}
	all, err := c.desk.FindSchedules(r.Context(), v.Actor, p.Search)
	if err != nil {
		return err
	}
	p.Found, p.Pages = len(all), max(1, (len(all)+schedulesShown-1)/schedulesShown)
	p.Page, _ = strconv.Atoi(q.Get("page"))
	p.Page = min(max(p.Page, 1), p.Pages)
	first := (p.Page - 1) * schedulesShown
	p.Schedules = all[first:min(first+schedulesShown, len(all))]
	for _, s := range p.Schedules {
		p.Weeks[s.ID] = newWeek(wire.Access{Schedule: s.Hours})
	}
	if byScript(r) && !live(r) && r.Header.Get("HX-Target") == "schedule-list" {
		w.Header().Set("HX-Replace-Url", p.Link(p.Page))
	}
	c.show(w, r, http.StatusOK, "schedules", &view{visit: v, Title: language.Say("Schedules"), Section: "schedules", Page: p})
	return nil
}

// schedulePage is one schedule, or a new one.
type schedulePage struct {
	Schedule *desk.Schedule // nil: a new one
	Form     *form
	Week     *week // as it is saved; of a new one closed
	Ask      string
}

// maxUses bounds the uses that are shown of a schedule.
const maxUses = 100

// Uses returns where the schedule is used, as far as it is shown.
func (p *schedulePage) Uses() []desk.ScheduleUse {
	return p.Schedule.Uses[:min(len(p.Schedule.Uses), maxUses)]
}

// MoreUses is how many uses are not shown.
func (p *schedulePage) MoreUses() int { return len(p.Schedule.Uses) - len(p.Uses()) }

// showNewSchedule shows the form of a new schedule; nil: an empty one.
func (c *Console) showNewSchedule(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showScheduleForm(w, r, v, status, &schedulePage{Form: f})
}

// showSchedule shows a schedule with a form; nil: what is saved.
func (c *Console) showSchedule(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) (err error) {
	p := &schedulePage{Form: f, Ask: r.URL.Query().Get("ask")}
	if p.Schedule, err = c.desk.Schedule(r.Context(), v.Actor, v.id); err != nil {
		return err
	}
	v.beyond(v.reach.Schedule(p.Schedule), desk.EditSchedules)
	return c.showScheduleForm(w, r, v, status, p)
}

func (c *Console) showScheduleForm(w http.ResponseWriter, r *http.Request, v *visit, status int, p *schedulePage) error {
	saved, title := newForm(), language.Say("New schedule")
	p.Week = newWeek(wire.Access{})
	if s := p.Schedule; s != nil {
		p.Week, title = newWeek(wire.Access{Schedule: s.Hours}), language.Data(s.Name)
		fillWeek(saved, p.Week)
		saved.Values.Set("name", s.Name)
		saved.Values.Set("revision", fmt.Sprint(s.Revision))
	}
	if p.Form == nil {
		p.Form = saved
	}
	p.Form.warn("schedule", saved.Get("revision"))
	c.show(w, r, status, "schedule", &view{visit: v, Title: title, Section: "schedules", Page: p})
	return nil
}

// readSchedule reads the form of a schedule. It marks what is wrong.
func readSchedule(f *form) (desk.ScheduleForm, error) {
	read := desk.ScheduleForm{Name: f.Trim("name"), Hours: readDays(f)}
	if len(f.Wrong) > 0 {
		return read, errWrong
	}
	return read, nil
}

func (c *Console) addSchedule(r *http.Request, v *visit, f *form) (answer, error) {
	read, err := readSchedule(f)
	if err != nil {
		return answer{}, cmp.Or(v.refusal(desk.EditSchedules), err)
	}
	id, err := c.desk.AddSchedule(r.Context(), v.Actor, read)
	return answer{to: fmt.Sprintf("/schedules/%d", id), notice: andNights(language.Say("%s was added. Doors use it when you choose it there.", read.Name), f)}, err
}

func (c *Console) editSchedule(r *http.Request, v *visit, f *form) (answer, error) {
	read, err := readSchedule(f)
	if err != nil {
		return answer{}, cmp.Or(v.refusal(desk.EditSchedules), err)
	}
	was, _ := strconv.ParseInt(f.Get("revision"), 10, 64)
	err = c.desk.EditSchedule(r.Context(), v.Actor, v.id, was, func(s *desk.ScheduleForm) { *s = read })
	return answer{to: fmt.Sprintf("/schedules/%d", v.id), notice: andNights(language.Say("Saved. The readers that use it are told now."), f)}, err
}

func (c *Console) removeSchedule(r *http.Request, v *visit, _ *form) (answer, error) {
	return removed(c.desk.RemoveSchedule(r.Context(), v.Actor, v.id), "/schedules", language.Say("The schedule was removed."), language.Say("It was already removed."))
}
