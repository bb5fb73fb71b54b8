package console

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// visitedDoors lists the doors of a visit, with what has become of the invitation to each.
func visitedDoors(v *desk.Visit, in *language.Language) template.HTML {
	if len(v.Doors) == 0 {
		return template.HTML(fmt.Sprintf(`<span class="muted">%s</span>`, template.HTMLEscapeString(in.Say(language.Say("no door")))))
	}
	doors := make([]string, len(v.Doors))
	for i := range v.Doors {
		d := &v.Doors[i]
		doors[i] = template.HTMLEscapeString(d.Name)
		if but := d.But(); but != nil {
			doors[i] += fmt.Sprintf(` <span class="warn-text">(%s)</span>`, template.HTMLEscapeString(in.Say(but)))
		}
	}
	return template.HTML(strings.Join(doors, ", "))
}

// sighting says where and how long ago somebody was last let in: "Lab, 5 minutes ago".
func sighting(s *desk.Seen, now time.Time, in *language.Language) template.HTML {
	return template.HTML(template.HTMLEscapeString(s.Door)) + ", " + timeAgo(s.At, now, in)
}

// timeAgo says how long ago something happened, in an element that app.js keeps right.
func timeAgo(t, now time.Time, in *language.Language) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s" data-ago>%s</time>`, t.UTC().Format(time.RFC3339), template.HTMLEscapeString(in.Say(ago(now.Sub(t))))))
}
