package console

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// officeHours adds a schedule, Monday to Friday from 08:00 to 18:00, and lets staff open the
// doors of readers by it.
func (w *world) officeHours(readers ...string) (id int64) {
	w.t.Helper()
	hours, err := desk.ParseHours(map[string]string{"mon": "8-18", "tue": "8-18", "wed": "8-18", "thu": "8-18", "fri": "8-18"})
	w.must(err)
	id, err = w.desk.AddSchedule(w.t.Context(), owner, desk.ScheduleForm{Name: "Office hours", Hours: hours})
	w.must(err)
	for _, reader := range readers {
		_, err := w.desk.SetPolicy(w.t.Context(), owner, reader, 0, func(*wire.Policy) {}, desk.UseSchedule{HoursUse: accessOf("staff"), Schedule: "Office hours"})
		w.must(err)
	}
	return id
}

func TestAScheduleIsAddedWithACopyOfADay(t *testing.T) {
	w := small(t)
	w.officeHours("front-door")
	b := w.visitor(desk.Super)
	fields := []string{"name", "Night", "mon", "22:00-06:00", "sat", "10-12", "copy-from", "mon", "copy-onto", "mon-fri"}
	copied := b.post("/schedules", append(fields, "copy", "day")...)
	copied.shows(t, http.StatusOK, "The hours of Monday are copied to Monday to Friday. Nothing is saved yet.", `name="fri" value="22:00-06:00"`, `name="sat" value="10-12"`, `name="name" type="text" value="Night"`)
	if all, err := w.desk.Schedules(t.Context(), owner); err != nil || len(all) != 1 {
		t.Fatalf("%d schedules, %v: a copy saves nothing", len(all), err)
	}
	b.post("/schedules", "name", "Night", "mon", "22-6", "fri", "22-6", "sat", "10-12").shows(t, http.StatusOK, "Night was added. Doors use it when you choose it there. Hours of 2 days go on after midnight, like Monday 22:00 until Tuesday 06:00.", `name="fri" value="22:00-06:00"`, `name="sat" value="10:00-12:00"`, "Nowhere yet")
	b.get("/schedules").shows(t, http.StatusOK, "Night", "not used yet", `aria-label="Monday 22:00 until Tuesday 06:00; Friday 22:00 until Saturday 06:00; Saturday 10:00-12:00"`)
	b.post("/readers/front-door/access", "group", "night", "when", "times", "mon", "18:00-8:00").shows(t, http.StatusOK, "These hours go on after midnight: Monday 18:00 until Tuesday 08:00.")
	b.get("/doors/1?tab=access&group=night").shows(t, http.StatusOK, ">Monday 18:00 until Tuesday 08:00</p>")
	if page := b.post("/readers/front-door/access", "group", "night", "when", "always", "mon", "18:00-8:00"); strings.Contains(page.body, "after midnight") {
		t.Error("hours that are not taken are told of")
	}
}

func TestWhatIsWrongInAScheduleIsSaidAtItsField(t *testing.T) {
	w := small(t)
	w.officeHours("front-door")
	b := w.visitor(desk.Super)
	for _, c := range []struct{ fields, want []string }{
		{[]string{"name", "", "mon", "8-9"}, []string{"Enter a name"}},
		{[]string{"name", "office hours", "mon", "8-9"}, []string{"There already is a schedule with this name"}},
		{[]string{"name", "Never open"}, []string{"This schedule would never be open: enter hours for at least one day"}},
		{[]string{"name", "Bad", "mon", "x", "holiday", "22-6"}, []string{`id="w-mon"`, "Enter hours like", `id="w-holiday"`, "enter 22:00-24:00", `value="Bad"`}},
		{[]string{"name", "Bad", "mon", "22-6", "tue", "5-7"}, []string{`id="w-tue"`, "05:00-07:00 overlaps Monday&#39;s 22:00-06:00"}},
	} {
		b.post("/schedules", c.fields...).shows(t, http.StatusUnprocessableEntity, c.want...)
	}
	b.post("/schedules/1", "name", "Office hours", "revision", "7", "mon", "9-10").shows(t, http.StatusUnprocessableEntity,
		"Somebody else has changed this schedule; check it again. Saving again overwrites that change.", `name="revision" value="1"`, `name="mon" value="9-10"`)
	b.post("/schedules/1/remove").shows(t, http.StatusUnprocessableEntity, "Office hours is in use at Front door (access of staff)")
	b.get("/schedules/99").shows(t, http.StatusNotFound)
}

func TestADoorTakesTheHoursOfASchedule(t *testing.T) {
	w := small(t)
	w.officeHours("front-door")
	b := w.visitor(desk.Super)
	b.post("/readers/front-door/opening", "when", "schedule", "schedule", "1", "first", "staff").shows(t, http.StatusOK, `<a href="/schedules/1">Schedule: Office hours</a>`, `value="schedule" checked`)
	b.post("/readers/front-door/two-proofs", "when", "schedule", "schedule", "1").shows(t, http.StatusOK, `<a href="/schedules/1">Schedule: Office hours</a>`)
	b.post("/readers/front-door/access", "group", "lab", "when", "schedule", "schedule", "1").shows(t, http.StatusOK, `<span class="chip">Office hours</span>`)
	b.get("/schedules/1").shows(t, http.StatusOK, `href="/doors/1?tab=hours&amp;reader=front-door"`, `href="/doors/1?tab=identification&amp;reader=front-door"`, "access of lab", "It is in use.")
	policy, err := w.desk.Policy(t.Context(), owner, "front-door")
	w.must(err)
	before := policy.Revision
	b.post("/schedules/1", "name", "Office hours", "revision", "1", "sat", "9-10").shows(t, http.StatusOK, "The readers that use it are told now.")
	b.post("/readers/front-door/opening", "when", "never", "revision", fmt.Sprint(before)).shows(t, http.StatusUnprocessableEntity, "Somebody else has changed this policy")
	r, err := w.desk.Reader(t.Context(), owner, "front-door")
	w.must(err)
	for use, hours := range map[desk.HoursUse]*wire.Schedule{unlocking: &r.Policy.Opening.Schedule, demandingBoth: r.Policy.TwoProofs.Schedule} {
		if text := desk.HoursText(hours); r.Named[use] != "Office hours" || text["sat"] != "09:00-10:00" || text["mon"] != "" {
			t.Errorf("%v: %q, %v", use, r.Named[use], text)
		}
	}
	if r.Policy.Opening.First != "staff" {
		t.Errorf("the first person is of %q", r.Policy.Opening.First)
	}

	// Hours of its own, and none, end that.
	b.post("/readers/front-door/opening", "when", "times", "sat", "9-10").shows(t, http.StatusOK, `value="times" checked`)
	b.post("/readers/front-door/two-proofs", "when", "off").shows(t, http.StatusOK, "Card and PIN together are never needed.")
	b.post("/readers/front-door/access", "group", "lab", "when", "always").shows(t, http.StatusOK)
	b.post("/readers/front-door/access", "group", "staff", "when", "always").shows(t, http.StatusOK)
	b.post("/readers/front-door/access", "group", "staff", "when", "schedule").shows(t, http.StatusUnprocessableEntity, "Choose a schedule.")
	b.post("/readers/front-door/access", "group", "staff", "when", "schedule", "schedule", "99").shows(t, http.StatusUnprocessableEntity, "Somebody has removed this schedule")
	b.post("/schedules/1/remove").shows(t, http.StatusOK, "The schedule was removed.", "No schedules yet")
	b.post("/schedules/1/remove").shows(t, http.StatusOK, "It was already removed.")
	if page := b.get("/doors/1?tab=hours"); strings.Contains(page.body, "By a schedule") {
		t.Error("a schedule can be chosen where there is none")
	}
}

func TestWhoMayOnlyLookSeesSchedulesWithoutAWayToChangeThem(t *testing.T) {
	w := small(t)
	w.officeHours("front-door")
	page := w.visitor(desk.Viewer).get("/schedules/1")
	page.shows(t, http.StatusOK, "The schedule (read-only)", `value="08:00-18:00"`)
	for _, not := range []string{"Copy a day", ">Save<", "Removal", "What you save"} {
		if strings.Contains(page.body, not) {
			t.Errorf("it shows %q", not)
		}
	}
}

func TestSchedulesAreSearchedAndPaged(t *testing.T) {
	w := small(t)
	hours, err := desk.ParseHours(map[string]string{"mon": "8-9"})
	w.must(err)
	for n := range 2*schedulesShown + 3 {
		_, err := w.desk.AddSchedule(t.Context(), owner, desk.ScheduleForm{Name: fmt.Sprintf("Shift %d", n), Hours: hours})
		w.must(err)
	}
	b := w.visitor(desk.Viewer)
	for path, want := range map[string]int{"/schedules": schedulesShown, "/schedules?page=2": schedulesShown, "/schedules?page=3": 3, "/schedules?page=9": 3, "/schedules?page=-1": schedulesShown, "/schedules?q=shift": schedulesShown, "/schedules?q=SHI+102": 1} {
		p := b.get(path)
		if got := strings.Count(p.body, `id="schedule-`) - 1; got != want { // one is the list's own
			t.Errorf("%s: %d schedules, not %d", path, got, want)
		}
	}
	b.get("/schedules").shows(t, http.StatusOK, "103 schedules, page 1 of 3", `href="/schedules?page=2">Next page`)
	b.get("/schedules?q=shift&page=2").shows(t, http.StatusOK, "103 schedules found, page 2 of 3", `href="/schedules?q=shift"`, `href="/schedules?page=3&amp;q=shift">Next page`)
	b.get("/schedules?q=102").shows(t, http.StatusOK, "Shift 102", "1 schedule found")
	b.get("/schedules?q=night").shows(t, http.StatusOK, "No schedule found")
}

func TestWhereNoScheduleIsYetOneCanBeAddedByThoseWhoMay(t *testing.T) {
	w := small(t)
	const hint = "Hours that several doors share: add a schedule."
	b := w.visitor(desk.Super)
	paths := []string{"/doors/1?tab=access&ask=add", "/doors/1?tab=hours", "/doors/1?tab=identification", "/groups/staff?tab=doors&ask=add"}
	for _, path := range paths {
		b.get(path).shows(t, http.StatusOK, hint)
	}
	if p := w.visitor(desk.Viewer).get("/doors/1?tab=hours"); strings.Contains(text(p.body), "several doors share") {
		t.Error("who may add no schedule is told to")
	}
	w.officeHours()
	for _, path := range paths {
		p := b.get(path)
		p.shows(t, http.StatusOK, `id="f-by-schedule"`)
		if strings.Contains(text(p.body), "several doors share") {
			t.Errorf("%s: there is one", path)
		}
	}
}

func TestOfAScheduleThatManyDoorsUseOnlySomeAreShown(t *testing.T) {
	p := &schedulePage{Schedule: &desk.Schedule{Uses: make([]desk.ScheduleUse, maxUses+7)}}
	if len(p.Uses()) != maxUses || p.MoreUses() != 7 {
		t.Errorf("%d, and %d more", len(p.Uses()), p.MoreUses())
	}
	p.Schedule.Uses = p.Schedule.Uses[:2]
	if len(p.Uses()) != 2 || p.MoreUses() != 0 {
		t.Errorf("%d, and %d more", len(p.Uses()), p.MoreUses())
	}
}

// scheduleTour looks at schedules, and at doors that use them.
func scheduleTour(t *testing.T, beside context.Context) {
	w := newWorld(t)
	w.stage()
	ctx, complaints := chromium(t, beside, w, desk.Super)
	tour(t, ctx, w, []stop{{"schedules-none", "/schedules", ""}})
	w.officeHours("front-door", "lab")
	night, err := desk.ParseHours(map[string]string{"mon": "22-6", "tue": "22-6", "wed": "22-6", "thu": "22-6", "sat": "10-12, 14-16, 17-18", "sun": "22-6", "holiday": "0-24"})
	w.must(err)
	for _, name := range []string{"Night", "Cleaning of the laboratories, storerooms and the loading bay"} {
		_, err := w.desk.AddSchedule(t.Context(), owner, desk.ScheduleForm{Name: name, Hours: night})
		w.must(err)
	}
	_, err = w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(*wire.Policy) {}, desk.UseSchedule{HoursUse: unlocking, Schedule: "Office hours"}, desk.UseSchedule{HoursUse: demandingBoth, Schedule: "Night"})
	w.must(err)
	tour(t, ctx, w, []stop{
		{"schedules", "/schedules", ""},
		{"schedule", "/schedules/1", ""},
		{"schedule-night", "/schedules/2", ""},
		{"schedule-long", "/schedules/3", ""},
		{"schedule-remove", "/schedules/3?ask=remove", ""},
		{"schedule-new", "/schedules/new", ""},
		{"schedule-access", "/doors/1?tab=access", ""},
		{"schedule-access-edit", "/doors/1?tab=access&group=staff", ""},
		{"schedule-opening", "/doors/1?tab=hours", ""},
		{"schedule-two-proofs", "/doors/1?tab=identification", ""},
	})
	do(t, ctx, wide, arrive(w.server.URL+"/schedules/2"), chromedp.Click(chromedp.CSS("button[name=copy]")))
	until(t, ctx, "the hours of Monday are on Friday", `document.querySelector("#f-fri").value === "22:00-06:00"`)
	until(t, ctx, "it is said when Friday's end", `document.querySelector("#o-fri").checkVisibility() && document.querySelector("#o-fri").textContent === "Friday 22:00 until Saturday 06:00"`)
	lookAt(t, ctx, "schedule-copied")
	do(t, ctx, wide, chromedp.SendKeys(chromedp.CSS("#f-fri"), ", x"), chromedp.SendKeys(chromedp.CSS("#f-sat"), "\r"), chromedp.WaitVisible(chromedp.CSS("#w-fri")))
	lookAt(t, ctx, "schedule-wrong")
	w.holidayTour(t, ctx)
	contented(t, complaints)
	ctx, complaints = chromium(t, beside, w, desk.Viewer)
	tour(t, ctx, w, []stop{{"viewer-schedules", "/schedules", ""}, {"viewer-schedule", "/schedules/2", ""}, {"viewer-holidays", "/schedules/holidays", ""}, {"viewer-holiday", "/schedules/holidays/1", ""}})
	contented(t, complaints)
}
