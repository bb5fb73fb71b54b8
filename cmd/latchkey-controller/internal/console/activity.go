package console

import (
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// activityPage lists events by day.
type activityPage struct {
	Days    []activityDay
	Newest  int64
	Older   int64
	Filter  *form
	Person  *language.Sentence // name of the user in the filter; nil: all
	Doors   []*desk.Door
	Readers []*desk.Reader
	Kinds   []desk.Kind
	Chart   *chart       // of the door in the filter
	Query   template.URL // the filter, for links: encoded
	First   bool         // the first page, which updates itself
	Tab     string       // of the kind in the filter: desk.AtTheDoors, "admin", or "" for all
	Narrow  bool         // the filter restricts more than its tab
	Audit   bool
}

// An activityDay holds the events of one day.
type activityDay struct {
	Name   *language.Sentence
	date   string
	Events []*desk.Event
}

// filterFields are the fields of the filter in a URL.
var filterFields = []string{"door", "reader", "user", "person", "kind", "from", "until"}

// filter reads a filter from a URL. It marks fields that it cannot read and ignores
// them.
func (c *Console) filter(r *http.Request, v *visit) (q desk.Query, f *form, person *language.Sentence) {
	f = newForm()
	for _, name := range filterFields {
		if value := desk.Clean(truncate(strings.TrimSpace(r.URL.Query().Get(name)), 100)); value != "" {
			f.Values.Set(name, value)
		}
	}
	q.Reader, q.Kind = f.Get("reader"), f.Get("kind")
	number := func(name string, without *language.Sentence) uint64 {
		n, err := strconv.ParseUint(f.Get(name), 10, 63)
		if f.Get(name) != "" && (err != nil || n == 0) {
			f.Wrong[""] = without
		}
		return n
	}
	q.Door, q.User = int64(number("door", language.Say("There is no such door: a door has a number."))), number("user", language.Say("There is no such user: a user has a number."))
	if q.Reader != "" && wire.CheckName(q.Reader) != nil {
		f.Wrong[""] = language.Say("There is no such reader: its id has lower-case letters, digits and hyphens.")
	}
	q.Name = f.Get("person")
	if q.User != 0 {
		if u, err := c.desk.User(r.Context(), v.Actor, q.User); err == nil {
			person = language.Data(u.Name)
		} else {
			person = language.Say("user %s¦by number", fmt.Sprint(q.User))
		}
	}
	read := func(name string, days int) (t time.Time) {
		if text := f.Get(name); text != "" {
			var err error
			if t, err = desk.ParseTime(text, days, v.zone()); err != nil {
				f.Wrong[name] = language.Of(err).Alone()
			}
		}
		return t
	}
	q.Since, q.Until = read("from", 0), read("until", 1)
	return q, f, person
}

func (c *Console) activity(w http.ResponseWriter, r *http.Request, v *visit) error {
	q, f, person := c.filter(r, v)
	p := &activityPage{Filter: f, Person: person, Query: encoded(f.Values), Tab: desk.KindTab(q.Kind)}
	p.Kinds, p.Narrow = kindsOf(p.Tab), p.Query != "" && p.Query != encoded(url.Values{"kind": {p.Tab}})
	q.Lines = true
	if err := c.readActivity(r, v, p, q); err != nil {
		return err
	}
	locations, err := c.desk.Places(r.Context(), v.Actor)
	if err != nil {
		return err
	}
	for _, l := range locations {
		p.Doors = append(p.Doors, l.Doors...)
	}
	if q.Door != 0 && f.Wrong[""] == nil {
		hours, err := c.desk.Hours(r.Context(), v.Actor, q.Door, 24)
		if err != nil {
			return err
		}
		p.Chart = newChart(hours, v.zone())
	}
	if byScript(r) && !live(r) {
		w.Header().Set("HX-Replace-Url", strings.TrimSuffix("/activity?"+string(p.Query), "?"))
	}
	c.show(w, r, http.StatusOK, "activity", &view{visit: v, Title: language.Say("Activity"), Section: "activity", Page: p})
	return nil
}

// An activityTab is one of the tabs above the activity.
type activityTab struct {
	Key   string
	Title *language.Sentence
	Query template.URL
}

// Tabs returns the tabs, of which each keeps the rest of the filter.
func (p *activityPage) Tabs() []activityTab {
	tabs := []activityTab{{Key: desk.AtTheDoors, Title: language.Say("At the doors")}, {Key: "admin", Title: language.Say("Administration")}, {Title: language.Say("All")}}
	for i := range tabs {
		q := maps.Clone(p.Filter.Values)
		if q.Del("kind"); tabs[i].Key != "" {
			q.Set("kind", tabs[i].Key)
		}
		tabs[i].Query = encoded(q)
	}
	return tabs
}

// encoded returns values for links: html/template would encode them once more.
func encoded(values url.Values) template.URL { return template.URL(values.Encode()) }

// kindsOf returns the choices of kind within a tab, first all that is in it.
func kindsOf(tab string) []desk.Kind {
	kinds := []desk.Kind{{Key: tab, Title: language.Say("Everything")}}
	for _, kind := range desk.Kinds() {
		if of := desk.KindTab(kind.Key); of == desk.AtTheDoors || of == tab {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// Of what is part of a line it shows the first few.
const shownParts = 6

// lineParts is what else a line tells.
type lineParts struct {
	Parts []desk.Part
	More  int // how many there are besides
}

func partsOf(e *desk.Event) lineParts {
	parts := slices.DeleteFunc(slices.Clone(e.Parts), func(p desk.Part) bool { return p.Brief == nil })
	n := min(len(parts), shownParts)
	return lineParts{parts[:n], len(parts) - n + e.More}
}

// readActivity fills in a page of the events that a query selects.
func (c *Console) readActivity(r *http.Request, v *visit, p *activityPage, q desk.Query) error {
	q.Before, _ = strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	p.First = q.Before == 0
	page := &desk.Page{}
	if len(p.Filter.Wrong) == 0 {
		var err error
		if page, err = c.desk.Activity(r.Context(), v.Actor, q); p.Filter.refused(err) {
			page = &desk.Page{}
		} else if err != nil {
			return err
		}
	}
	p.Days, p.Older = byDay(page.Events, c.desk.Now().In(v.zone())), page.Older
	if len(page.Events) > 0 {
		p.Newest = page.Events[0].ID
	}
	return nil
}

// byDay groups events, newest first, by their day in the zone of the time now.
func byDay(entries []*desk.Event, today time.Time) (days []activityDay) {
	for _, e := range entries {
		at := e.At.In(today.Location())
		name, date := language.Say("%s", language.Day(at)), at.Format(time.DateOnly)
		switch date {
		case today.Format(time.DateOnly):
			name = language.Say("Today")
		case today.AddDate(0, 0, -1).Format(time.DateOnly):
			name = language.Say("Yesterday")
		}
		if n := len(days); n == 0 || days[n-1].date != date {
			days = append(days, activityDay{Name: name, date: date})
		}
		last := &days[len(days)-1]
		last.Events = append(last.Events, e)
	}
	return days
}

// export sends all events that a filter selects as a file.
func (c *Console) export(r *http.Request, v *visit, f *form) (answer, error) {
	q, filter, _ := c.filter(r, v)
	if len(filter.Wrong) > 0 {
		return answer{}, errWrong
	}
	format, kind := desk.CSV, "text/csv; charset=utf-8"
	if f.Get("format") == "json" {
		format, kind = desk.JSON, "application/json"
	}
	name := fmt.Sprintf("%s-activity-%s.%s", c.site, time.Now().In(v.zone()).Format(time.DateOnly), format)
	return answer{show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.download(w, r, kind, name, func(to http.ResponseWriter) error {
			return c.desk.Export(r.Context(), v.Actor, q, format, to)
		})
	}}, nil
}

// showFilter sends the browser to the page that shows what is wrong with a filter.
func (c *Console) showFilter(w http.ResponseWriter, r *http.Request, v *visit, _ int, _ *form) error {
	_, filter, _ := c.filter(r, v)
	http.Redirect(w, r, "/activity?"+filter.Values.Encode(), http.StatusSeeOther)
	return nil
}
