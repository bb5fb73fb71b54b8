package desk

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// calendarFile returns an iCalendar file of events: "uid name 2027-01-01[..2027-01-02][ yearly]".
func calendarFile(events ...string) []byte {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
	for _, e := range events {
		words := strings.Fields(e)
		first, _, _ := strings.Cut(words[2], "..")
		fmt.Fprintf(&b, "BEGIN:VEVENT\r\nUID:%s\r\nSUMMARY:%s\r\nDTSTART;VALUE=DATE:%s\r\n", words[0], strings.ReplaceAll(words[1], "_", " "), strings.ReplaceAll(first, "-", ""))
		if len(words) > 3 {
			b.WriteString("RRULE:FREQ=YEARLY\r\n")
		}
		b.WriteString("END:VEVENT\r\n")
	}
	b.WriteString("END:VCALENDAR\r\n")
	return []byte(b.String())
}

// imports takes all of a file, and returns what the plan said.
func (w *world) imports(file []byte) (said []string) {
	w.t.Helper()
	plan, err := w.PlanHolidays(w.t.Context(), as(Owner), file)
	w.must(err)
	var chosen []Holiday
	for _, h := range plan.Holidays {
		said = append(said, strings.TrimSpace(fmt.Sprintf("%s %s, %s %s", h.Fate, h.Name, HolidayText(&h.Holiday), h.Tells)))
		chosen = append(chosen, h.Holiday)
	}
	added, changed, err := w.TakeHolidays(w.t.Context(), as(Owner), chosen)
	w.must(err)
	if added != plan.Count(HolidayAdds) || changed != plan.Count(HolidayChanges) {
		w.t.Errorf("%d added, %d changed, and the plan said %d, %d", added, changed, plan.Count(HolidayAdds), plan.Count(HolidayChanges))
	}
	return append(said, texts(plan.Left)...)
}

func (w *world) listedHolidays() (all []string) {
	w.t.Helper()
	h, err := w.Holidays(w.t.Context(), as(Owner))
	w.must(err)
	for _, h := range h.All {
		all = append(all, h.Name+", "+HolidayText(h).String())
	}
	return all
}

func TestACalendarThatIsReadAgainChangesAndDoesNotDouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	y := w.time.Year()
	reader := w.reader()
	_, err := w.AddHoliday(t.Context(), as(Owner), HolidayForm{Name: "Xmas", First: "2020-12-25", Yearly: true})
	w.must(err)
	_, err = w.AddHoliday(t.Context(), as(Owner), HolidayForm{Name: "May", First: fmt.Sprint(y+1, "-05-01")})
	w.must(err)
	file := calendarFile(fmt.Sprint("a Christmas ", y+1, "-12-25"), fmt.Sprint("b Labour_Day ", y+1, "-05-01"), fmt.Sprint("c Feast ", y+1, "-06-01"),
		fmt.Sprint("d Feast_too ", y+1, "-06-01"), "e National_Day 1990-08-01 yearly", fmt.Sprint("f Old ", y-1, "-06-01"), fmt.Sprint("g Bank\x07_holiday ", y+2, "-06-01"))
	want := []string{
		fmt.Sprintf("change Labour Day, 1 May %d was called May", y+1), fmt.Sprintf("add Feast, 1 June %d", y+1), fmt.Sprintf("keep Christmas, 25 December %d Xmas has this day each year", y+1),
		fmt.Sprintf("add Bank\uFFFD holiday, 1 June %d", y+2), "add National Day, 1 August each year", "1 event is past",
	}
	said := w.imports(file)
	slices.Sort(want)
	slices.Sort(said)
	if !slices.Equal(said, want) {
		t.Errorf("%q\nnot %q", said, want)
	}
	first := w.listedHolidays()
	if len(first) != 5 {
		t.Errorf("%q", first)
	}
	events := w.newest().ID
	for _, said := range w.imports(file) {
		if !strings.HasPrefix(said, "keep") && !strings.Contains(said, "event") {
			t.Errorf("once more: %s", said)
		}
	}
	if again := w.listedHolidays(); !slices.Equal(again, first) || w.newest().ID != events {
		t.Errorf("read again: %q, and it is noted", again)
	}
	// the calendar has another name and another day by now
	w.imports(calendarFile(fmt.Sprint("c Feast_of_the_town ", y+1, "-06-02"), "e National_Day 1990-08-02 yearly"))
	if again := w.listedHolidays(); len(again) != 5 || !slices.Contains(again, fmt.Sprintf("Feast of the town, 2 June %d", y+1)) || !slices.Contains(again, "National Day, 2 August each year") {
		t.Errorf("%q", again)
	}
	if got, want := w.holidaysAt(reader), fmt.Sprintf("08-02, 12-25, %d-05-01, %d-06-02, %d-06-01", y+1, y+1, y+2); got != want {
		t.Errorf("the door has %s, not %s", got, want)
	}
	w.check()
}

func TestACalendarThatIsNoneOfHolidaysIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var many []string
	for day := dayOf(w.time.Year()+1, 1, 1); len(many) < 600; day = day.AddDate(0, 0, 1) {
		many = append(many, fmt.Sprintf("%d Shift %s", len(many), day.Format("2006-01-02")))
	}
	for _, file := range [][]byte{nil, []byte("a,b,c"), calendarFile(many...)} {
		if _, err := w.PlanHolidays(t.Context(), as(Owner), file); Fields(err)["file"] == nil {
			t.Errorf("%.40q: %v", file, err)
		}
	}
	plan, err := w.PlanHolidays(t.Context(), as(Owner), calendarFile(many[:500]...))
	w.must(err)
	var chosen []Holiday
	for _, h := range plan.Holidays {
		chosen = append(chosen, h.Holiday)
	}
	w.holiday()
	if _, _, err := w.TakeHolidays(t.Context(), as(Owner), slices.Concat(chosen, chosen[:20])); Fields(err)["holidays"] == nil {
		t.Error(err)
	}
	for i := range 12 {
		chosen = append(chosen, Holiday{Name: "More", First: dayOf(2100+i, 1, 1), Last: dayOf(2100+i, 1, 1)})
	}
	if _, _, err := w.TakeHolidays(t.Context(), as(Owner), chosen); Fields(err)["holidays"] == nil {
		t.Errorf("513 days: %v", err)
	}
	if n := len(w.listedHolidays()); n != 1 {
		t.Errorf("what was refused is there: %d", n)
	}
}

// Nothing that an import adds or changes is changed by it once more: the day would be gone.
func TestEachHolidayOfACalendarIsOneOfTheList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader, y := w.reader(), w.time.Year()
	two := []byte(fmt.Sprintf("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nSUMMARY:Christmas\r\nDTSTART;VALUE=DATE:%d1225\r\nRRULE:FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25,26;COUNT=4\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", y+1))
	want := fmt.Sprintf("%d-12-25, %[1]d-12-26, %d-12-25, %[2]d-12-26", y+1, y+2)
	for range 2 {
		w.imports(two)
		if got := w.holidaysAt(reader); got != want {
			t.Errorf("the door has %s, not %s", got, want)
		}
	}
	w.must(w.SetHolidays(t.Context(), as(Owner), nil))
	for step, c := range []struct {
		file []byte
		want []string
	}{
		{calendarFile(fmt.Sprint("a One ", y+1, "-05-01"), fmt.Sprint("a Two ", y+1, "-05-02"), "e National_Day 1990-08-01 yearly"), []string{"One, 1 May 2027", "Two, 2 May 2027", "National Day, 1 August each year"}},
		{calendarFile(fmt.Sprint("a Two ", y+1, "-05-02"), fmt.Sprint("a One ", y+1, "-05-01")), []string{"One, 1 May 2027", "Two, 2 May 2027", "National Day, 1 August each year"}},
		{calendarFile("e National_Day 1990-08-02 yearly", fmt.Sprint("f Fair ", y+1, "-08-01"), "g Feast 1990-08-01 yearly"), []string{"One, 1 May 2027", "Two, 2 May 2027", "Fair, 1 August 2027", "Feast, 1 August each year", "National Day, 2 August each year"}},
	} {
		w.imports(c.file)
		got := w.listedHolidays()
		for i := range c.want {
			c.want[i] = strings.ReplaceAll(c.want[i], "2027", fmt.Sprint(y+1))
		}
		slices.Sort(c.want)
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("%d: %q, not %q", step, got, c.want)
		}
	}
	w.check()
}

// What is over does not come back with the next import.
func TestACalendarsPastDaysAreNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	day := func(n int) string { return w.time.UTC().AddDate(0, 0, n).Format("2006-01-02") }
	said := w.imports(calendarFile("a Over "+day(-3), "b Not_yet_everywhere "+day(-1), "c Today "+day(0)))
	if got := strings.Join(said, "\n"); strings.Contains(got, "Over") || !strings.Contains(got, "1 event is past") || len(w.listedHolidays()) != 2 {
		t.Error(got)
	}
	if n, err := w.RemovePastHolidays(t.Context(), as(Owner)); n != 0 || err != nil {
		t.Errorf("%d of what was just imported are past: %v", n, err)
	}
}
