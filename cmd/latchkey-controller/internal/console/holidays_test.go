package console

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// christmas adds the site's first holiday.
func (w *world) christmas() {
	w.t.Helper()
	_, err := w.desk.AddHoliday(w.t.Context(), owner, desk.HolidayForm{Name: "Christmas", First: "2026-12-25", Last: "2026-12-26", Yearly: true})
	w.must(err)
}

func TestHolidaysAreAddedEditedAndRemovedInTheConsole(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	b.get(holidaysPath).shows(t, http.StatusOK, "No holidays yet")
	b.post(holidaysPath, "name", "", "first", "2026-13-01").shows(t, http.StatusUnprocessableEntity, "Enter a name", "Enter a day like 2026-12-25")
	b.post(holidaysPath, "name", "Christmas", "first", "2026-12-25", "last", "2026-12-26", "yearly", "on").shows(t, http.StatusOK, "Import a calendar")
	b.get(holidaysPath).shows(t, http.StatusOK, "Christmas", "25 and 26 December each year")
	b.get(holidaysPath+"/1").shows(t, http.StatusOK, `value="2026-12-26"`, " checked")
	b.post(holidaysPath+"/1/edit", "name", "Christmas Eve", "first", "2026-12-24", "revision", "1").shows(t, http.StatusOK, "Import a calendar")
	b.post(holidaysPath+"/1/edit", "name", "X", "first", "2026-12-24", "revision", "1").shows(t, http.StatusUnprocessableEntity, "Somebody else has changed this holiday")
	b.get("/doors/1?tab=hours").shows(t, http.StatusOK, "Extra holidays of this door", "those of the site")
	b.get("/doors/1?tab=access").shows(t, http.StatusOK, `href="/doors/1?tab=hours#calendar"`)
	b.post("/readers/front-door/calendar", "time-zone", "UTC", "holidays", "03-19").shows(t, http.StatusOK)
	policy, err := w.desk.Policy(t.Context(), owner, "front-door")
	w.must(err)
	if got := holidayText(policy.Holidays); got != "03-19\n2026-12-24" {
		t.Errorf("the door has %q", got)
	}
	b.get("/doors/1?tab=hours").shows(t, http.StatusOK, ">03-19</textarea>")
	// Of two forms of the tab one is refused, and the other one shows what is saved.
	b.post("/readers/front-door/calendar", "time-zone", "Mars/Olympus", "holidays", "03-20").shows(t, http.StatusUnprocessableEntity, ">03-20</textarea>", `value="Mars/Olympus"`, `id="f-never" name="when" value="never" checked`)
	b.post("/readers/front-door/opening", "when", "times", "mon", "25:00").shows(t, http.StatusUnprocessableEntity, ">03-19</textarea>", `value="UTC"`)
	b.get(holidaysPath).shows(t, http.StatusOK, "1 door has extra holidays of its own: Front door.")
	b.get(holidaysPath+"/1?ask=remove").shows(t, http.StatusOK, "Remove Christmas Eve?")
	b.post(holidaysPath+"/1/remove").shows(t, http.StatusOK, "Import a calendar")
	b.post(holidaysPath+"/1/remove").shows(t, http.StatusOK, "Import a calendar")
	b.get(holidaysPath+"/1").shows(t, http.StatusNotFound)
	b.post(holidaysPath, "name", "Old", "first", "2001-01-01").shows(t, http.StatusOK, "Import a calendar")
	b.get(holidaysPath).shows(t, http.StatusOK, "1 past holiday", `href="/schedules/holidays?ask=remove-past"`)
	if page := b.get(holidaysPath); page.says(`action="/schedules/holidays/past"`) {
		t.Error("past holidays are removed without a question")
	}
	b.get(holidaysPath+"?ask=remove-past").shows(t, http.StatusOK, "Remove the past holiday?", `action="/schedules/holidays/past"`)
	b.post(holidaysPath+"/past").shows(t, http.StatusOK, "Import a calendar")
	b.get(holidaysPath).shows(t, http.StatusOK, "No holidays yet")
}

const calendar = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nSUMMARY:Founders' <Day>\r\nDTSTART;VALUE=DATE:20200504\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:b\r\nSUMMARY:Advent\r\nDTSTART;VALUE=DATE:20201201\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:c\r\nSUMMARY:Meeting\r\nDTSTART:20261201T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

func (p *page) says(word string) bool { return strings.Contains(p.body, word) }

func TestACalendarIsShownBeforeItIsTaken(t *testing.T) {
	w := small(t)
	w.christmas()
	b := w.visitor(desk.Owner)
	b.send(holidaysPath+"/import", "file", []byte("words")).shows(t, http.StatusUnprocessableEntity, "This is not an iCalendar file")
	b.send(holidaysPath+"/import", "file", []byte("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")).shows(t, http.StatusOK, "The file has no holidays from")
	shown := b.send(holidaysPath+"/import", "file", []byte(calendar))
	shown.shows(t, http.StatusOK, "Founders&#39; &lt;Day&gt;", "4 May each year", "1 event is not a whole day")
	if b.get(holidaysPath).says("Founders") {
		t.Error("it is taken before anybody says so")
	}
	var fields []string
	for _, row := range regexp.MustCompile(`name="row" value="([^"]*)"`).FindAllStringSubmatch(shown.body, -1) {
		fields = append(fields, "row", strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", `\u003c`, "<", `\u003e`, ">").Replace(row[1]))
	}
	if len(fields) != 4 {
		t.Fatalf("%q", fields)
	}
	for _, bad := range [][]string{{"take", "2"}, {"take", "-1"}, {"take", "x"}} {
		b.post(holidaysPath+"/take", append(fields, bad...)...).shows(t, http.StatusBadRequest)
	}
	first := "0"
	if strings.Contains(fields[1], "Advent") {
		first = "1"
	}
	b.post(holidaysPath+"/take", append(fields, "take", first)...).shows(t, http.StatusOK, "Import a calendar")
	b.get(holidaysPath).shows(t, http.StatusOK, "Founders&#39; &lt;Day&gt;")
	if b.get(holidaysPath).says("Advent") {
		t.Error("what nobody has ticked is taken")
	}
	b.send(holidaysPath+"/import", "file", []byte(calendar)).shows(t, http.StatusOK, "here already")
}

func TestADayIsCopiedInEachFormOfHoursAndNothingIsSaved(t *testing.T) {
	w := small(t)
	w.officeHours("front-door")
	b := w.visitor(desk.Super)
	before := w.newest()
	fields := []string{"group", "crew", "when", "times", "mon", "22-6", "copy", "day", "copy-from", "mon", "copy-onto", "weekend", "name", "Night", "kind", "group"}
	for _, path := range []string{"/schedules", "/schedules/1", "/readers/front-door/access", "/readers/front-door/opening", "/readers/front-door/two-proofs"} {
		b.post(path, fields...).shows(t, http.StatusOK, `name="sun" value="22-6"`, "The hours of Monday are copied to Saturday and Sunday. Nothing is saved yet.", "Monday 22:00 until Tuesday 06:00")
	}
	if w.newest() != before {
		t.Error("something was done")
	}
}

// holidayTour looks at the pages of holidays.
func (w *world) holidayTour(t *testing.T, ctx context.Context) {
	tour(t, ctx, w, []stop{{"holidays-none", "/schedules/holidays", ""}, {"holiday-new", "/schedules/holidays/new", ""}, {"holidays-import", "/schedules/holidays/import", ""}})
	w.christmas()
	for _, h := range []desk.HolidayForm{
		{Name: "Epiphany", First: "2031-01-06"}, {Name: "Works outing", First: "2001-05-28"}, {Name: "Summer holidays of the schools, and of the laboratory besides", First: "2031-07-05", Last: "2031-08-16"},
	} {
		_, err := w.desk.AddHoliday(t.Context(), owner, h)
		w.must(err)
	}
	_, err := w.desk.SetPolicy(t.Context(), owner, "front-door", 0, func(p *wire.Policy) { p.Holidays = append(p.Holidays, wire.Holiday{Year: 2032, Month: 3, Day: 19}) })
	w.must(err)
	tour(t, ctx, w, []stop{
		{"holidays", "/schedules/holidays", `document.querySelector("#past-holidays").open = true; window.settled = true`},
		{"holiday", "/schedules/holidays/1", ""},
		{"holiday-remove", "/schedules/holidays/1?ask=remove", ""},
		{"holidays-remove-past", "/schedules/holidays?ask=remove-past", ""},
		{"holidays-of-door", "/doors/1?tab=hours", ""},
	})
	do(t, ctx, wide, arrive(w.server.URL+"/schedules/holidays/import"))
	eval[bool](t, ctx, fmt.Sprintf(`(() => { const files = new DataTransfer(); files.items.add(new File([%q], "holidays.ics", {type: "text/calendar"})); document.querySelector("#f-file").files = files.files; return true })()`, calendar))
	do(t, ctx, chromedp.Click(chromedp.CSS("main form button.primary")), chromedp.WaitVisible(chromedp.CSS("#f-take-0")))
	lookAt(t, ctx, "holidays-preview")
	do(t, ctx, chromedp.Click(chromedp.CSS("main form button.primary")), chromedp.WaitVisible(chromedp.CSS("#holiday-list table")))
}
