package console

import (
	"html/template"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// accessLine says when, and with what, a door opens to somebody: "Mon-Fri 08:00-18:00 until 2 Mar 2026, 09:05, with PIN or
// card". Dates are in the zone of the page.
func accessLine(a *desk.Access, in *time.Location) *language.Sentence {
	when := language.Say("Always")
	switch {
	case a.Hours != nil:
		when = zoned(a.When().Capital(), a.Zone, in)
	case !a.From.IsZero() || !a.Until.IsZero():
		when = language.Say("At any time")
	}
	from, until := language.Moment(a.From.In(in)), language.Moment(a.Until.In(in))
	switch {
	case a.From.IsZero() && a.Until.IsZero():
		return language.Say("%s, with %s¦hours; PIN or card", when, a.How())
	case a.Until.IsZero():
		return language.Say("%s from %s, with %s¦hours, date; PIN or card", when, from, a.How())
	case a.From.IsZero():
		return language.Say("%s until %s, with %s¦hours, date; PIN or card", when, until, a.How())
	}
	return language.Say("%s from %s until %s, with %s¦hours, date, date; PIN or card", when, from, until, a.How())
}

// zoned returns hours of a door with its zone, if that is not the page's.
func zoned(hours *language.Sentence, zone string, in *time.Location) *language.Sentence {
	if zone == in.String() {
		return hours
	}
	return language.Say("%s (%s)", hours, zone)
}

// notBy says why one of several ways does not open a door now; nil: it does.
func notBy(w desk.Way) *language.Sentence {
	switch {
	case w.Why == "":
		return nil
	case w.Means == wire.ByPIN:
		return language.Say("Not by PIN now: %s", w.WhyText())
	}
	return language.Say("Not by card now: %s", w.WhyText())
}

// boldDoors returns the names of readers' doors, for a page to emphasize: "Lab, Yard and Hall".
func boldDoors(readers []*desk.Reader) *language.Sentence {
	var all *language.Sentence
	for i, r := range readers {
		switch {
		case i == 0:
			all = language.Say("%s", language.Name(r.Door))
		case i == len(readers)-1:
			all = language.Say("%s and %s", all, language.Name(r.Door))
		default:
			all = language.Say("%s, %s", all, language.Name(r.Door))
		}
	}
	return all
}

// stamp returns a time, said as a text, for programs to read too.
func stamp(t time.Time, text string) template.HTML {
	return template.HTML(`<time datetime="`+t.UTC().Format(time.RFC3339)+`">`) + template.HTML(template.HTMLEscapeString(text)) + "</time>"
}

// linkAs returns a link with an id.
func linkAs(id, href, text string) template.HTML {
	return template.HTML(`<a id="`+template.HTMLEscapeString(id)+`" href="`+template.HTMLEscapeString(href)+`">`) + template.HTML(template.HTMLEscapeString(text)) + "</a>"
}
