package console

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// adoptChoices are the form of an adoption, and what it chooses from.
type adoptChoices struct {
	Form         *form
	Locations    []*desk.Location
	Groups       []string // existing ones, without everyone
	Days         []day    // for hours
	Schedules    []*desk.Schedule
	MaySchedules bool            // add one
	Cells        []desk.CellName // to choose from
	MayKeep      bool            // who may open the door may stay as it is
	Zone         desk.ChosenZone
}

// adoptChoices reads what there is to choose from.
func (c *Console) adoptChoices(r *http.Request, v *visit, f *form) (p adoptChoices, err error) {
	p = adoptChoices{Form: f, Days: newWeek(wire.Access{}).Days, MaySchedules: v.May(string(desk.EditSchedules))}
	if p.Locations, err = c.desk.Places(r.Context(), v.Actor); err != nil {
		return p, err
	}
	if p.Groups, err = c.desk.Groups(r.Context(), v.Actor); err != nil {
		return p, err
	}
	if p.Zone, err = c.desk.ChosenZone(r.Context(), v.Actor); err != nil {
		return p, err
	}
	if p.Cells, err = c.desk.CellNames(r.Context(), v.Actor); err != nil {
		return p, err
	}
	p.Schedules, err = c.desk.Schedules(r.Context(), v.Actor)
	return p, err
}

// BrokerHint says what to enter as a reader's brokers, and which it gets if the form names none.
func (p *adoptChoices) BrokerHint() *language.Sentence {
	if slices.ContainsFunc(p.Cells, func(c desk.CellName) bool { return c.Brokers }) {
		return language.Say("The broker's address, as the reader can reach it; of several, up to four, in order, with spaces between. Empty: those of its cell.")
	}
	return language.Say("The broker's address, as the reader can reach it; of several, up to four, in order, with spaces between. Empty: unchanged.")
}

// zoneHint says what to enter as a door's time zone, and which it gets if that is left empty: that which it has, or else the
// site's. typed says that the id is typed, which may be that of a reader that is here.
func zoneHint(has, site string, typed bool) *language.Sentence {
	hint := language.Say("The door’s hours are in this zone. Type a city, like Berlin. Left empty, it is the site’s, %s.", site)
	if has != "" {
		hint = language.Say("The door’s hours are in this zone. Type a city, like Berlin. Left empty, it stays %s.", has)
	}
	if !typed {
		return hint
	}
	return language.Say("%s %s", hint, language.Say("A reader that is already here keeps its own."))
}

// proposeBroker fills in where a reader finds the controller, unless its cell says it.
func (c *Console) proposeBroker(r *http.Request, v *visit, f *form) error {
	cells, err := c.desk.CellNames(r.Context(), v.Actor)
	if err == nil && !slices.ContainsFunc(cells, func(c desk.CellName) bool { return c.Brokers }) {
		f.Values.Set("broker", c.broker(r))
	}
	return err
}

// broker returns the broker's URL to propose; if its host is not configured, with the
// host of the request.
func (c *Console) broker(r *http.Request) string {
	port, ok := strings.CutPrefix(c.brokerURL, "ssl://:")
	if !ok {
		return c.brokerURL
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return "ssl://" + net.JoinHostPort(host, port)
}

// otherBroker says whether the broker is a separate program, which must be configured
// with the readers.
func (c *Console) otherBroker() bool { return !strings.HasPrefix(c.brokerURL, "ssl://:") }

// adoptForm returns what a form says, all but the request.
func adoptForm(f *form, access []wire.Access, uses []desk.UseSchedule) desk.AdoptForm {
	form := desk.AdoptForm{
		Reader: f.Trim("reader"), Door: f.Trim("door"), Place: f.Trim("place"), TimeZone: f.Trim("time-zone"), Broker: f.Trim("broker"), Cell: f.Get("cell"), Access: access, Uses: uses,
	}
	if f.Has("compared", "on") {
		form.Fingerprint = f.Get("fingerprint")
	}
	return form
}

// accessChoice reads who may open the door of a reader being adopted; nil: unchanged.
// uses say whose hours are those of schedules. It marks missing input.
func accessChoice(f *form) (access []wire.Access, uses []desk.UseSchedule) {
	switch f.Get("access") {
	case "everyone":
		return []wire.Access{{Group: wire.Everyone}}, nil
	case "nobody":
		return []wire.Access{}, nil
	case "groups":
		hours, by := readTimes(f)
		access = []wire.Access{}
		groups := groupsOf(f)
		slices.Sort(groups)
		for _, group := range groups {
			if err := wire.CheckName(group); err != nil && f.Wrong["groups"] == nil {
				f.says("groups", desk.SaidOf(err))
			}
		}
		for _, group := range slices.Compact(groups) {
			access = append(access, wire.Access{Group: group, Schedule: hours})
			by.HoursUse = accessOf(group)
			uses = append(uses, by)
		}
		if len(access) == 0 {
			f.Wrong["access"] = language.Say("Choose the groups that may open the door, or choose nobody yet.")
		}
		return access, uses
	case "keep":
	default:
		f.Wrong["access"] = language.Say("Choose who may open the door.")
	}
	return nil, nil
}

// printLines cuts a fingerprint into the lines that a reader's screen has.
func printLines(print string) []string {
	groups := strings.Fields(print)
	half := len(groups) / 2
	return []string{strings.Join(groups[:half], " "), strings.Join(groups[half:], " ")}
}
