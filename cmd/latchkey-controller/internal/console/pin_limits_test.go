package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// pinOf returns a user's own PIN, or the one for duress; nil: there is none.
func (w *world) pinOf(user uint64, duress bool) *desk.Credential {
	w.t.Helper()
	u, err := w.desk.User(w.t.Context(), owner, user)
	w.must(err)
	for _, c := range u.Credentials {
		if c.Kind == "pin" && c.Duress == duress {
			return &c
		}
	}
	return nil
}

// uses reports that a user's own PIN was used, for the nth time at the reader.
func (j *journal) uses(at time.Time, user, n uint64) {
	j.w.t.Helper()
	pin := j.w.pinOf(user, false)
	j.report(at, wire.Record{Kind: wire.UseCounted, Seq: uint64(n), User: user, Credential: pin.ID, Count: n, From: pin.Given.UnixMilli()})
	j.report(at, wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, Seq: uint64(n), User: user, Credential: pin.ID, Seconds: 5})
}

func TestTheCardOfAPINWithLimitsSaysWhatItMayAndWhatItDid(t *testing.T) {
	w := small(t)
	w.adopt("back-door", "Back door", "Main building")
	b, viewer := w.visitor(desk.Editor), w.visitor(desk.Viewer)
	for _, path := range []string{"/users/1?add=pin", "/users/new"} {
		b.get(path).shows(t, http.StatusOK, `<details class="limits"><summary>Limits</summary>`, "two readers without a link may each allow all of them")
	}
	if got := viewer.get("/users/1"); strings.Contains(text(got.body), "Not used yet") || strings.Contains(text(got.body), "May be used") {
		t.Error("a PIN without limits has some")
	}
	b.post("/users/1/pin", "pin", "auto", "uses", "3", "within", "2", "within-unit", "hours").shows(t, http.StatusOK, "New PIN", "May be used 3 times, within 2 hours of its first use.", "Not used yet.")
	shows := func(without string, says ...string) {
		t.Helper()
		for _, visitor := range []*browser{b, viewer} {
			got := visitor.get("/users/1")
			got.shows(t, http.StatusOK, says...)
			if strings.Contains(text(got.body), without) {
				t.Errorf("it says %q: %s", without, text(got.body))
			}
		}
	}
	const may = "May be used 3 times, within 2 hours of its first use. It is removed when it is used up."
	shows("Its time", may, "Not used yet.")

	first := time.Now().Add(time.Hour)
	front, back := w.journal("front-door"), w.journal("back-door")
	front.uses(first, 1, 1)
	shows("Not used yet", may, "Used once at Front door on "+desk.Moment(first, time.UTC), "Its time has begun, and ends on "+desk.Moment(first.Add(2*time.Hour), time.UTC))
	back.uses(first.Add(time.Minute), 1, 1)
	shows("Not used yet", may, "Used once at Front door on", "Used once at Back door on")
	b.get("/users/1?add=pin").shows(t, http.StatusOK, `<details class="limits" open>`, `name="uses" type="number" value="3"`, `value="2"`, `<option value="hours" selected>`)
	front.uses(first.Add(2*time.Minute), 1, 2)
	shows("May be used", "Card", "Given on")
	if w.pinOf(1, false) != nil {
		t.Error("it is used up, and there")
	}
	// The uses are bookkeeping.
	if got := b.get("/activity"); strings.Contains(got.body, "use.counted") || !strings.Contains(text(got.body), "Ada Lovelace at Back door by PIN") {
		t.Error(text(got.body))
	}
	if got := b.get("/activity?kind=use.counted"); strings.Count(got.body, `class="event"`) != 3 {
		t.Errorf("asked for: %s", text(got.body))
	}
}

func TestAPINWhoseTimeHasEndedSaysSo(t *testing.T) {
	w := small(t)
	use := func(c desk.Credential) string {
		var b strings.Builder
		page, err := w.console.pages.Load().in[w.console.languages.All()[0]].page("users")
		w.must(err)
		w.must(page.ExecuteTemplate(&b, "pin-use", c))
		return text(b.String())
	}
	ended := time.Now().Add(-time.Hour)
	c := desk.Credential{Limits: desk.PINLimits{Within: 30 * time.Minute}, Used: []desk.PINUse{{Door: "Lab", Uses: 2, First: ended.Add(-30 * time.Minute)}}, Ends: ended}
	if got, want := use(c), "May be used for 30 minutes from its first use. Used 2 times at Lab, first on "+desk.Moment(c.Used[0].First, time.UTC)+". Its time ended on "+desk.Moment(ended, time.UTC)+": it opens nothing any more."; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if got := use(desk.Credential{}); got != "" {
		t.Errorf("without limits: %q", got)
	}
}

func TestANewUserGetsAPINWithLimits(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	b.post("/users", "first", "Bob", "pin", "auto", "uses", "1").shows(t, http.StatusOK, "New PIN", "May be used once.")
	b.post("/users", "first", "Eve", "pin", "typed", "digits", "5831 0274", "within", "31", "within-unit", "days").shows(t, http.StatusOK, "May be used for 31 days from its first use.")
	b.post("/users", "first", "Mallory", "pin", "none", "uses", "often").shows(t, http.StatusOK, "Mallory") // it has no PIN to limit
	if got := w.pinOf(2, false).Limits; got != (desk.PINLimits{Uses: 1}) {
		t.Errorf("%+v", got)
	}
	if got := w.pinOf(3, false).Limits; got != (desk.PINLimits{Within: 31 * 24 * time.Hour}) {
		t.Errorf("%+v", got)
	}
}

func TestLimitsAreSaidInTheLongestUnitAndStayWhatTheyWere(t *testing.T) {
	for limits, want := range map[desk.PINLimits]string{
		{}:                                     "",
		{Uses: 1}:                              "May be used once.",
		{Uses: 100}:                            "May be used 100 times.",
		{Within: time.Minute}:                  "May be used for 1 minute from its first use.",
		{Within: 90 * time.Minute}:             "May be used for 90 minutes from its first use.",
		{Within: 24 * time.Hour}:               "May be used for 1 day from its first use.",
		{Uses: 2, Within: 36 * time.Hour}:      "May be used 2 times, within 36 hours of its first use.",
		{Uses: 1, Within: 31 * 24 * time.Hour}: "May be used once, within 31 days of its first use.",
	} {
		if got := limitsText(limits).String(); got != want {
			t.Errorf("%+v: %q", limits, got)
		}
		f := newForm()
		fillLimits(f, limits)
		if got := readLimits(f); got != limits || len(f.Wrong) > 0 {
			t.Errorf("%+v comes back as %+v, %v", limits, got, f.Wrong)
		}
	}
	f := newForm()
	fillLimits(f, desk.PINLimits{Within: 90 * time.Second}) // by the command line
	if got := readLimits(f).Within; got != 2*time.Minute {
		t.Errorf("90 s come back as %v", got)
	}
}
