package console

import (
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// ending finds where the modes that a page shows are ended.
var ending = regexp.MustCompile(`action="(/modes/\d+/end)"`)

func TestOnePressLocksDownTheSiteAndOneUndoesIt(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	b.get("/").shows(t, http.StatusOK, `id="lockdown-site"`, `id="evacuate-site"`)
	for mode, says := range map[string]string{"lockdown": "Lockdown: the whole site", "evacuation": "Evacuation: the whole site"} {
		toast := b.part("toasts").post("/mode", "mode", mode, "back", "/")
		toast.shows(t, http.StatusOK, "the readers are told now.", "Undo")
		if strings.Contains(toast.body, "<html") {
			t.Error("more than a toast is sent")
		}
		undo := ending.FindStringSubmatch(toast.body)
		if undo == nil {
			t.Fatalf("nothing undoes it: %s", toast.body)
		}
		b.get("/").shows(t, http.StatusOK, says, "by "+names[desk.Super], "until somebody ends it", undo[1])
		got := b.post(undo[1], "back", "/")
		got.shows(t, http.StatusOK, "Ended.")
		if strings.Contains(text(got.body), says) {
			t.Errorf("it is still wanted: %s", text(got.body))
		}
		b.post(undo[1], "back", "/").shows(t, http.StatusOK, "has ended this ")
		// Without scripts, the page that follows has the button.
		b.post("/mode", "mode", mode, "back", "/").shows(t, http.StatusOK, "the readers are told now.", says, "End")
		b.post(ending.FindStringSubmatch(b.get("/").body)[1]).shows(t, http.StatusOK, "Ended.")
	}
}

func TestWhoMayLockDownAndNotEndItIsToldWhoMay(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	b.part("toasts").post("/mode", "mode", "lockdown").shows(t, http.StatusOK, "Undo") // for two minutes
	got := b.get("/")
	got.shows(t, http.StatusOK, "You cannot end it: this requires Owner or Super Admin, and you are "+desk.Editor.Title().String()+".")
	if ending.MatchString(got.body) {
		t.Errorf("it can be ended: %s", text(got.body))
	}
	b.part("toasts").post("/mode", "mode", "evacuation").shows(t, http.StatusOK, "Undo")
}

func TestAModeThatCannotBeSetByOnePressIsSaidInTheCorner(t *testing.T) {
	w := small(t)
	got := w.visitor(desk.Owner).part("toasts").post("/doors/77/mode", "mode", "lockdown")
	got.shows(t, http.StatusNotFound, "was removed")
	got = w.visitor(desk.Owner).part("toasts").post("/locations/77/mode", "mode", "lockdown")
	got.shows(t, http.StatusUnprocessableEntity, "There is no location 77", `role="alert"`)
}

func TestAModeIsSetAtTheSiteALocationOrADoor(t *testing.T) {
	w := small(t)
	w.adopt("barn", "Barn", "Farm")
	b := w.visitor(desk.Owner)
	for _, test := range []struct{ page, action, place, elsewhere string }{
		{"/?ask=mode", "/mode", "the whole site", ""},
		{"/locations/1", "/locations/1/mode", "Main building", "/locations/2"},
		{"/doors/1", "/doors/1/mode", "Front door", "/doors/2"},
	} {
		b.get(test.page).shows(t, http.StatusOK, `action="`+test.action+`"`, "15 minutes")
		b.post(test.action, "mode", "unlocked", "for", "1h", "back", test.page)
		got := b.get(test.page)
		got.shows(t, http.StatusOK, "Unlocked: "+test.place, "by "+names[desk.Owner])
		if test.elsewhere != "" {
			if other := b.get(test.elsewhere); strings.Contains(other.body, `class="mode `) {
				t.Errorf("%s shows a mode of %s", test.elsewhere, test.place)
			}
		}
		b.post(ending.FindStringSubmatch(got.body)[1], "back", test.page).shows(t, http.StatusOK, "Ended.")
	}
}

func TestTheEndOfAModeAtADoorIsInTheTimeZoneOfTheDoor(t *testing.T) {
	w := small(t)
	_, err := w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(p *wire.Policy) { p.TimeZone = "Asia/Tokyo" })
	w.must(err)
	b := w.visitor(desk.Owner)
	b.get("/doors/1").shows(t, http.StatusOK, "Until (Asia/Tokyo)", "(Asia/Tokyo)</option>")
	tokyo, err := zone.Load("Asia/Tokyo")
	w.must(err)
	day := time.Now().In(tokyo).AddDate(0, 0, 2)
	b.post("/doors/1/mode", "mode", "unlocked", "for", "time", "until", day.Format("2006-01-02")+"T09:30").shows(t, http.StatusOK, "Unlocked: Front door")
	wanted, err := w.desk.WantedModes(t.Context(), owner)
	w.must(err)
	if want := time.Date(day.Year(), day.Month(), day.Day(), 9, 30, 0, 0, tokyo); len(wanted) != 1 || !wanted[0].Until.Equal(want) {
		t.Errorf("%+v, not until %v", wanted, want)
	}
}

func TestWhatTakesADoorOutOfALockdownAsksForThePasswordAgain(t *testing.T) {
	w := small(t)
	w.officeHours("front-door")
	_, err := w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(p *wire.Policy) { p.Access = p.Access[1:] }) // without everyone
	w.must(err)
	b := w.visitor(desk.Super)
	_, err = w.desk.SetMode(t.Context(), owner, desk.Where{Level: desk.Locations, ID: 1}, wire.ModeLockdown, 0)
	w.must(err)
	w.adopt("shed", "Shed", "Annex")
	w.pass(desk.FreshFor * 2)
	refused := func(path string, fields ...string) {
		t.Helper()
		b.post(path, fields...).shows(t, http.StatusUnprocessableEntity, "Your password", "Enter your password again to go on.")
	}
	groups := []string{"kind", "modes", "in-lockdown", "staff"}
	refused("/readers/front-door/mode-groups", groups...)
	b.post("/readers/front-door/mode-groups", append(groups, "password", password)...).shows(t, http.StatusOK, "Saved")
	w.pass(desk.FreshFor * 2)
	refused("/readers/front-door/move", "door", "2")
	refused("/readers/front-door/access", "kind", "group", "group", "staff", "when", "always")
	refused("/readers/front-door/calendar", "time-zone", "Asia/Tokyo", "holidays", "")
	refused("/schedules/1", "name", "Office hours", "mon", "0-24")
	refused("/groups/staff/access", "door", "1", "when", "always")
	door := []string{"name", "Front door", "hub", "2"}
	refused("/doors/1", door...)
	b.post("/doors/1", append(door, "password", password)...).shows(t, http.StatusOK, "Saved")
}

func TestAModeOfTheWholeSiteThatIsNoEmergencyAsksForThePasswordAgain(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	w.pass(desk.FreshFor * 2)
	b.get("/?ask=mode").shows(t, http.StatusOK, "Your password")
	got := b.post("/mode", "mode", "locked", "for", "end")
	got.shows(t, http.StatusUnprocessableEntity, "Enter your password again", `value="end" selected`)
	if strings.Contains(got.body, `class="mode `) {
		t.Error("it is wanted all the same")
	}
	w.visitor(desk.Super).post("/mode", "mode", "lockdown").shows(t, http.StatusOK, "Lockdown: the whole site")
	end := ending.FindStringSubmatch(b.get("/").body)[1]
	b.post(end, "back", "/places").shows(t, http.StatusUnprocessableEntity, "End lockdown: the whole site?", "Your password", `name="back" value="/places"`)
	b.get("/").shows(t, http.StatusOK, "Lockdown: the whole site")
	ended := b.post(end, "back", "/places", "password", password)
	ended.shows(t, http.StatusOK, "Ended.")
	if ended.url.Path != "/places" {
		t.Errorf("one comes back to %s", ended.url)
	}
	b.post("/mode", "mode", "locked", "for", "end", "password", password).shows(t, http.StatusOK, "Locked: the whole site")
}

func TestTheDoorShowsWhatItsReaderReportsAndWhatItHasNotConfirmed(t *testing.T) {
	w := small(t)
	w.live.took(1) // an old policy
	b := w.visitor(desk.Viewer)
	normal := b.get("/")
	normal.shows(t, http.StatusOK, "Front door")
	for _, unexpected := range []string{"mode-note", `class="mode `, "lockdown-site", "evacuate-site"} {
		if strings.Contains(normal.body, unexpected) {
			t.Errorf("nothing is wanted, and the page has %s", unexpected)
		}
	}
	id, err := w.desk.SetMode(t.Context(), owner, desk.Where{}, wire.ModeLockdown, 0)
	w.must(err)
	const unconfirmed = "Lockdown is wanted: not confirmed yet."
	pages := []string{"/", "/doors/1", "/readers/front-door"}
	for _, page := range pages {
		got := b.get(page)
		got.shows(t, http.StatusOK, unconfirmed)
		if strings.Contains(got.body, "/end") {
			t.Errorf("%s offers a Viewer to end it", page)
		}
	}
	w.live.enters("front-door", wire.ModeState{Mode: wire.ModeLockdown, Cause: wire.CauseWanted, By: "Owner"})
	for _, page := range append(pages, "/places") {
		got := b.get(page)
		got.shows(t, http.StatusOK, "Lockdown")
		if strings.Contains(text(got.body), unconfirmed) {
			t.Errorf("%s: it is confirmed", page)
		}
	}
	w.must(w.desk.EndMode(t.Context(), owner, id))
	b.get("/").shows(t, http.StatusOK, "Lockdown was ended: not confirmed yet.")
}

func TestAFireIsSaidFirstAndNobodyCanEndIt(t *testing.T) {
	w := small(t)
	w.live.enters("front-door", wire.ModeState{Mode: wire.ModeEvacuation, Cause: wire.CauseFire})
	b := w.visitor(desk.Owner)
	for _, page := range []string{"/", "/locations/1", "/doors/1"} {
		got := b.get(page)
		got.shows(t, http.StatusOK, "The fire input is active at Front door")
		if ending.MatchString(got.body) {
			t.Errorf("%s offers to end it", page)
		}
	}
}

func TestASpanOfTheScheduleIsEndedEarly(t *testing.T) {
	w := small(t)
	week := []wire.Span{}
	for day := range uint8(7) {
		week = append(week, wire.Span{Day: day, From: 6 * 60, To: 18 * 60})
	}
	w.pass(time.Until(time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour))) // to noon
	_, err := w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(p *wire.Policy) { p.Opening = &wire.Opening{Schedule: wire.Schedule{Week: week}} })
	w.must(err)
	b := w.visitor(desk.Editor)
	pages := []string{"/doors/1", "/readers/front-door", "/doors/1?tab=hours"}
	for _, page := range pages {
		if strings.Contains(b.get(page).body, "End early") {
			t.Errorf("%s offers to end what is not", page)
		}
	}
	w.live.enters("front-door", wire.ModeState{Mode: wire.ModeUnlocked, Cause: wire.CauseSchedule})
	for _, page := range pages {
		b.get(page).shows(t, http.StatusOK, "End early", "Unlocked by schedule")
	}
	got := b.post("/doors/1/early", "back", "/readers/front-door")
	got.shows(t, http.StatusOK, "it locks")
	if got.url.Path != "/readers/front-door" {
		t.Errorf("one comes back to %s", got.url)
	}
	r, err := w.desk.Reader(t.Context(), owner, "front-door")
	w.must(err)
	if r.Policy.Opening.After == 0 {
		t.Errorf("%+v", r.Policy.Opening)
	}
	b.get("/doors/1?tab=hours").shows(t, http.StatusOK, "The hours were ended early")
}

func TestOpeningHoursAreSetAtTheReadersPage(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	_, err := w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(p *wire.Policy) { p.Access = []wire.Access{{Group: "lab"}, {Group: "staff"}} })
	w.must(err)
	const page, act = "/doors/1?tab=hours", "/readers/front-door/opening"
	opening := func() *wire.Opening {
		r, err := w.desk.Reader(t.Context(), owner, "front-door")
		w.must(err)
		return r.Policy.Opening
	}
	b.get(page).shows(t, http.StatusOK, "The door is never unlocked by schedule.", `value="never" checked`, `<option value="lab"`, `<option value="staff"`)
	b.post(act, "when", "times", "mon", "08:00-12:00, 13:00-18:00", "holiday", "10:00-11:00", "first", "staff").
		shows(t, http.StatusOK, "Saved.", `value="times" checked`, `value="08:00-12:00, 13:00-18:00"`, "Each day it waits for the first person of staff.", `<option value="staff" selected>`)
	want := &wire.Opening{First: "staff", Schedule: wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 720}, {Day: 1, From: 780, To: 1080}}, Holiday: []wire.Span{{From: 600, To: 660}}}}
	if got := opening(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	// What was ended early stays ended when the hours are changed.
	_, err = w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(p *wire.Policy) { p.Opening.After = 1 << 31 })
	w.must(err)
	b.post(act, "when", "times", "tue", "08:00-12:00", "first", "").shows(t, http.StatusOK, "Saved.")
	want = &wire.Opening{After: 1 << 31, Schedule: wire.Schedule{Week: []wire.Span{{Day: 2, From: 480, To: 720}}}}
	if got := opening(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	b.post(act, "when", "times", "tue", " ").shows(t, http.StatusUnprocessableEntity, "never opens", `id="w-opening"`)
	w.live.states[0].State.Condition.ClockTrusted = false
	b.get(page).shows(t, http.StatusOK, "clock is not trusted yet")
	b.post(act, "when", "never").shows(t, http.StatusOK, "The door is never unlocked by schedule.")
	if got := opening(); got != nil {
		t.Errorf("%+v", got)
	}
	if strings.Contains(text(b.get(page).body), "clock is not trusted yet") {
		t.Error("there is no schedule, and its clock is complained about")
	}
}

func TestTheGroupsOfTheModesAreChosenAmongThoseWhoMayOpen(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	_, err := w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(p *wire.Policy) { p.Access = []wire.Access{{Group: "lab"}, {Group: "staff"}} })
	w.must(err)
	const page, act, warning = "/doors/1?tab=access", "/readers/front-door/mode-groups", "No group opens in a lockdown"
	groups := func() [2][]string {
		r, err := w.desk.Reader(t.Context(), owner, "front-door")
		w.must(err)
		return [2][]string{r.Policy.Exempt, r.Policy.InLockdown}
	}
	b.get(page).shows(t, http.StatusOK, warning, `name="exempt" value="lab"`, `name="in-lockdown" value="staff"`)
	got := b.post(act, "kind", "modes", "exempt", "staff", "exempt", "lab", "in-lockdown", "staff")
	got.shows(t, http.StatusOK, "Saved.", `name="in-lockdown" value="staff" checked`, `name="exempt" value="lab" checked`)
	if strings.Contains(text(got.body), warning) {
		t.Error("staff opens in a lockdown")
	}
	if got, want := groups(), [2][]string{{"lab", "staff"}, {"staff"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	b.post(act, "kind", "modes", "exempt", "strangers").shows(t, http.StatusUnprocessableEntity, `id="w-exempt"`, `name="exempt" value="strangers" checked`)
	// The form of another part that is refused leaves these boxes as they are.
	b.post("/readers/front-door/access", "kind", "group", "group", "staff", "when", "times", "mon", "12:00-25:00").shows(t, http.StatusUnprocessableEntity, `name="in-lockdown" value="staff" checked`)
	b.post("/readers/front-door/access/remove", "group", "staff").shows(t, http.StatusOK, warning)
	_, err = w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(p *wire.Policy) {
		p.Opening = &wire.Opening{Schedule: wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 720}}}, First: "lab"}
	})
	w.must(err)
	b.post("/readers/front-door/access/remove", "group", "lab").shows(t, http.StatusUnprocessableEntity, "it cannot be the group of the first person")
	if got, want := groups(), [2][]string{{"lab"}, {}}; len(got[1]) > 0 || !reflect.DeepEqual(got[0], want[0]) {
		t.Errorf("%q", got)
	}
}

func TestTheEndOfAModeIsReadAsThePersonMeantIt(t *testing.T) {
	berlin, err := zone.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 10, 24, 15, 30, 0, 0, time.UTC) // 17:30 in Berlin, the day before its clocks change
	for _, test := range []struct {
		now        time.Time
		how, until string
		want       int64
		wrong      string
	}{
		{now, "", "", 0, ""},
		{now, "end", "", 0, ""},
		{now, "15m", "", now.Unix() + 900, ""},
		{now, "1h", "", now.Unix() + 3600, ""},
		{now, "evening", "", now.Unix() + 1800, ""},
		{now.Add(30 * time.Minute), "evening", "", now.Unix() + 1800 + 25*3600, ""},
		{now, "time", "2026-10-25T18:00", now.Unix() + 1800 + 25*3600, ""},
		{now, "time", "", 0, "Write it like"},
		{now, "time", "later", 0, "Write it like"},
	} {
		f := newForm("for", test.how, "until", test.until)
		got := modeEnd(f, test.now, berlin)
		if !strings.Contains(f.Wrong["until"].String(), test.wrong) || test.wrong == "" && (got != test.want || len(f.Wrong) > 0) {
			t.Errorf("%s %q: %d, not %d: %v", test.how, test.until, got, test.want, f.Wrong)
		}
	}
	for at, want := range map[time.Time]string{now: "until 18:00", now.Add(time.Hour): "until 18:00 tomorrow"} {
		if got := eveningText(at, berlin, berlin).String(); got != want {
			t.Errorf("%v: %q", at, got)
		}
	}
	if got := eveningText(now, berlin, time.UTC).String(); got != "until 18:00 (Europe/Berlin)" {
		t.Errorf("elsewhere: %q", got)
	}
}

func TestTheModeOfAReaderIsSaidInOneWord(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	until := now.Add(6 * time.Hour).Unix()
	wants := func(modes ...wire.WantedMode) *wire.Policy { return &wire.Policy{Modes: modes} }
	for _, test := range []struct {
		word, note string
		policy     *wire.Policy
		mode       *wire.ModeState
		change     func(*desk.Reader)
	}{
		{"", "", wants(), &wire.ModeState{Mode: wire.ModeNormal}, nil},
		{"Waits for the first person", "", wants(), &wire.ModeState{Mode: wire.ModeNormal, Cause: wire.CauseSchedule, Waits: true}, nil},
		{"Unlocked by schedule", "", &wire.Policy{Opening: new(wire.Opening)}, &wire.ModeState{Mode: wire.ModeUnlocked, Cause: wire.CauseSchedule}, nil},
		{"Unlocked until 18:00", "", wants(wire.WantedMode{Mode: wire.ModeUnlocked, Until: until}), &wire.ModeState{Mode: wire.ModeUnlocked, Cause: wire.CauseWanted, Until: until}, nil},
		{"Unlocked until 25 Nov 2026, 18:00", "Unlocked was ended", wants(), &wire.ModeState{Mode: wire.ModeUnlocked, Cause: wire.CauseWanted, Until: until + 24*3600}, nil},
		{"Locked", "Lockdown is wanted", wants(wire.WantedMode{Mode: wire.ModeLocked}, wire.WantedMode{Mode: wire.ModeLockdown}), &wire.ModeState{Mode: wire.ModeLocked, Cause: wire.CauseWanted}, nil},
		{"Locked", "", wants(wire.WantedMode{Mode: wire.ModeLocked}, wire.WantedMode{Mode: wire.ModeLockdown, Until: now.Unix()}), &wire.ModeState{Mode: wire.ModeLocked, Cause: wire.CauseWanted}, nil},
		{"Lockdown", "", wants(wire.WantedMode{Mode: wire.ModeLockdown}), &wire.ModeState{Mode: wire.ModeLockdown, Cause: wire.CauseWanted}, nil},
		{"Evacuation", "", wants(wire.WantedMode{Mode: wire.ModeEvacuation}), &wire.ModeState{Mode: wire.ModeEvacuation, Cause: wire.CauseWanted}, nil},
		{"Fire", "", wants(wire.WantedMode{Mode: wire.ModeLockdown}), &wire.ModeState{Mode: wire.ModeEvacuation, Cause: wire.CauseFire}, nil},
		{"Lockdown when last heard", "", wants(wire.WantedMode{Mode: wire.ModeLockdown}), &wire.ModeState{Mode: wire.ModeLockdown, Cause: wire.CauseWanted}, func(r *desk.Reader) { r.Live.Online = false }},
		{"", "Takes no part in modes", wants(), nil, func(r *desk.Reader) { r.Level = 0 }},
		{"", "Lockdown is not in force here", wants(wire.WantedMode{Mode: wire.ModeLockdown}), nil, func(r *desk.Reader) { r.Level = 0 }},
		{"", "", wants(wire.WantedMode{Mode: wire.ModeLockdown}), nil, func(r *desk.Reader) { r.Live = desk.ReaderStatus{} }},
		{"", "", wants(wire.WantedMode{Mode: wire.ModeLockdown}), &wire.ModeState{Mode: wire.ModeLockdown}, func(r *desk.Reader) { r.Removed = desk.Lost }},
	} {
		r := &desk.Reader{ID: "front-door", Board: "1", Policy: test.policy, Level: wire.Level, Live: desk.ReaderStatus{Known: true, Online: true, Condition: wire.Condition{Mode: test.mode}}}
		if test.change != nil {
			test.change(r)
		}
		l := modeLight(r, now, time.UTC)
		if l.Word.String() != test.word || l.Word.String() != "" && icons[l.Icon] == "" {
			t.Errorf("%+v, not %q", l, test.word)
		}
		note := modeNote(r, now)
		if test.note == "" && note.Word.String() != "" || !strings.HasPrefix(note.Word.String(), test.note) || note.Word != nil && icons[note.Icon] == "" {
			t.Errorf("%q: the note is %+v, not %q", test.word, note, test.note)
		}
	}
	both := &desk.Door{Readers: []*desk.Reader{}}
	for _, mode := range []wire.Mode{wire.ModeLockdown, wire.ModeLockdown, wire.ModeNormal} {
		both.Readers = append(both.Readers, &desk.Reader{Board: "1", Policy: wants(), Live: desk.ReaderStatus{Known: true, Online: true, Condition: wire.Condition{Mode: &wire.ModeState{Mode: mode}}}})
	}
	if got := doorModes([]*desk.Door{both}, now, time.UTC); len(got) != 1 {
		t.Errorf("a door of three readers, two of them in a lockdown: %+v", got)
	}
}
