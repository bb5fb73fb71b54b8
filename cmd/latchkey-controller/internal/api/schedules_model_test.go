package api

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func TestAnyHoursComeBackAsTheyWere(t *testing.T) {
	a := &API{ids: idsOf(wire.SiteID{1})}
	rapid.Check(t, func(t *rapid.T) {
		hours := new(wire.Schedule)
		for day := range uint8(8) { // the last one: holidays
			ends := rapid.SliceOfNDistinct(rapid.Uint16Range(0, 24*60), 0, 8, rapid.ID[uint16]).Draw(t, "ends")
			slices.Sort(ends)
			for i := 0; i+1 < len(ends); i += 2 {
				if span := (wire.Span{Day: day % 7, From: ends[i], To: ends[i+1]}); day == 7 {
					hours.Holiday = append(hours.Holiday, span)
				} else {
					hours.Week = append(hours.Week, span)
				}
			}
		}
		sent, err := json.Marshal(a.scheduleObject(&desk.Schedule{ID: 1, Name: "Any", Hours: hours}))
		if err != nil {
			t.Fatal(err)
		}
		var body scheduleRequest
		if err := json.Unmarshal(sent, &body); err != nil {
			t.Fatal(err)
		}
		edit, err := a.edit(&body)
		if err != nil {
			t.Fatal(err)
		}
		var form desk.ScheduleForm
		edit(&form)
		for _, d := range desk.Days() {
			if got, want := d.Spans(form.Hours), d.Spans(hours); !slices.Equal(got, want) {
				t.Fatalf("%s: %v, not %v", d.Name, got, want)
			}
		}
	})
}
