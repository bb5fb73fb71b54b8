package console

import (
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

const twoProofsPage, twoProofsAct = "/doors/1?tab=identification", "/readers/front-door/two-proofs"

// twoProofs returns what the policy of the first reader demands.
func (w *world) twoProofs() *wire.TwoProofs {
	w.t.Helper()
	r, err := w.desk.Reader(w.t.Context(), owner, "front-door")
	w.must(err)
	return r.Policy.TwoProofs
}

func TestCardAndPINAreDemandedAsTheFormSays(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	b.get(twoProofsPage).shows(t, http.StatusOK, `value="off" checked`, "A card or a PIN is enough.", "Card and PIN together are never needed.", "With set times or a schedule, one is enough at other times.")
	b.get("/").shows(t, http.StatusOK, "· PIN on")

	b.post(twoProofsAct, "when", "times", "mon", "00:00-06:00, 20:00-24:00", "tue", "8-12", "wed", "", "sat", "0-24", "holiday", "10:00–11:30").
		shows(t, http.StatusOK, "Saved.", `value="times" checked`, `value="00:00-06:00, 20:00-24:00"`, `value="08:00-12:00"`, `value="00:00-24:00"`, `value="10:00-11:30"`)
	want := &wire.TwoProofs{Schedule: &wire.Schedule{Week: []wire.Span{
		{Day: 1, From: 0, To: 360}, {Day: 1, From: 1200, To: 1440}, {Day: 2, From: 480, To: 720}, {Day: 6, From: 0, To: 1440}}, Holiday: []wire.Span{{From: 600, To: 690}}}}
	if got := w.twoProofs(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	// What the page shows is what it sends.
	page := b.get(twoProofsPage)
	page.shows(t, http.StatusOK, "Monday 00:00-06:00, 20:00-24:00; Tuesday 08:00-12:00; Saturday 00:00-24:00; Holidays 10:00-11:30")
	fields := []string{"when", "times"}
	for _, field := range regexp.MustCompile(`name="(mon|tue|wed|thu|fri|sat|sun|holiday|revision)" value="([^"]*)"`).FindAllStringSubmatch(page.body, -1) {
		fields = append(fields, field[1], field[2])
	}
	b.post(twoProofsAct, fields...).shows(t, http.StatusOK, "Saved.")
	if got := w.twoProofs(); !reflect.DeepEqual(got, want) {
		t.Errorf("sent back: %+v", got)
	}
	for path, says := range map[string]string{
		"/": "· card and PIN at set times", "/doors/1": "Opens withcard and PIN at set times", "/readers/front-door": "Opens withcard and PIN at set times",
	} {
		got := strings.ReplaceAll(text(b.get(path).body), "Opens with ", "Opens with")
		if !strings.Contains(got, says) {
			t.Errorf("%s does not say %q: %s", path, says, got)
		}
	}

	b.post(twoProofsAct, "when", "always", "mon", "08:00-12:00").shows(t, http.StatusOK, `value="always" checked`, "Card and PIN together are always needed.", "A card alone still ends a pause of PIN entry.")
	if got := w.twoProofs(); got == nil || got.Schedule != nil {
		t.Errorf("always: %+v", got)
	}
	b.get("/").shows(t, http.StatusOK, "· card and PIN")
	b.post(twoProofsAct, "when", "off").shows(t, http.StatusOK, "Card and PIN together are never needed.")
	if got := w.twoProofs(); got != nil {
		t.Errorf("off: %+v", got)
	}
}

func TestCardAndPINStayAsTheyAreWhenTheFormIsWrong(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	b.post(twoProofsAct, "when", "always").shows(t, http.StatusOK, "Saved.")
	for _, test := range []struct {
		fields []string
		says   []string
	}{
		{[]string{"when", "times", "mon", "12:00-25:00"}, []string{"Enter hours like", `id="w-mon"`, `value="12:00-25:00"`, `value="times" checked`}},
		{[]string{"when", "times", "mon", "8-12", "holiday", "noon"}, []string{"Enter hours like", `id="w-holiday"`, `value="8-12"`}},
		{[]string{"when", "times", "mon", " "}, []string{"never demands", `id="w-two-proofs"`, `value="times" checked`}},
		{nil, []string{"Choose when card and PIN are demanded.", `id="w-two-proofs"`}},
		{[]string{"when", "sometimes"}, []string{"Choose when card and PIN are demanded."}},
	} {
		b.post(twoProofsAct, test.fields...).shows(t, http.StatusUnprocessableEntity, test.says...)
		if got := w.twoProofs(); got == nil || got.Schedule != nil {
			t.Errorf("%q: %+v", test.fields, got)
		}
	}
	if got := w.visitor(desk.Editor).get(twoProofsPage); !strings.Contains(got.body, "<fieldset disabled") || strings.Contains(got.body, ">Save<") {
		t.Error("who may not change it is offered to")
	}
}

func TestCardAndPINNeedPINEntry(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	w.must(w.desk.SwitchPIN(t.Context(), owner, "front-door", false))
	b.get(twoProofsPage).shows(t, http.StatusOK, "PIN entry is off here: switch it on first.")
	b.post(twoProofsAct, "when", "always").shows(t, http.StatusUnprocessableEntity, `id="w-two-proofs"`, "PIN entry")
	w.must(w.desk.SwitchPIN(t.Context(), owner, "front-door", true))
	b.post(twoProofsAct, "when", "always").shows(t, http.StatusOK, "Saved.")
	got := b.get("/doors/1?tab=identification")
	got.shows(t, http.StatusOK, "Front door demands card and PIN: end that first to switch this off.")
	if !regexp.MustCompile(`role="switch"[^>]* disabled`).MatchString(got.body) {
		t.Error("it can be switched off")
	}
	if got := b.post("/readers/front-door/pin", "on", "false"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("%d: %s", got.status, text(got.body))
	}
}

func TestAReaderThatIsTooOldForCardAndPINSaysWhatToDo(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	w.older("front-door")
	b.get(twoProofsPage).shows(t, http.StatusOK, "version is too old to demand both: update the reader first.")
	b.post(twoProofsAct, "when", "always").shows(t, http.StatusUnprocessableEntity, `id="w-two-proofs"`)
	if got := b.get("/"); strings.Contains(text(got.body), "which nobody can give") {
		t.Error("nothing is demanded, and nobody gets in")
	}
	w.adopt("barn", "Barn", "Farm") // and is replaced by an older one
	w.must(func() error {
		_, err := w.desk.SetPolicy(t.Context(), owner, "barn", 0, func(p *wire.Policy) { p.TwoProofs = new(wire.TwoProofs) })
		return err
	}())
	w.older("barn")
	b.get("/").shows(t, http.StatusOK, "Lets nobody in", "Barn demands card and PIN, which nobody can give: its program is too old to demand card and PIN, so it lets nobody in: update it.")
	b.get("/readers/barn?tab=two-proofs").shows(t, http.StatusOK, "Nobody can give both: its program is too old", "Until that is mended, choose that one is enough.")
	b.post("/readers/barn/two-proofs", "when", "off").shows(t, http.StatusOK, "Card and PIN together are never needed.")
}

func TestADoorWhereNobodyCanGiveCardAndPINIsAnAlert(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	w.live.states[0].State.Condition.Card = wire.ReasonNone
	const alert = "Front door demands card and PIN, which nobody can give: it has no card reader."
	if got := b.get("/"); strings.Contains(text(got.body), alert) {
		t.Error("nothing is demanded")
	}
	b.post(twoProofsAct, "when", "always").shows(t, http.StatusOK, "Nobody can give both: it has no card reader. Until that is mended, choose that one is enough.")
	b.get("/").shows(t, http.StatusOK, alert)
}

func TestWithoutATrustedClockCardAndPINAreDemandedAtAnyTime(t *testing.T) {
	monday := time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)
	morning := &wire.TwoProofs{Schedule: &wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 720}}}}
	trusted := desk.ReaderStatus{Known: true, Condition: wire.Condition{ClockTrusted: true}}
	for _, test := range []struct {
		two  *wire.TwoProofs
		live desk.ReaderStatus
		at   time.Time
		want bool
	}{
		{nil, trusted, monday, false},
		{nil, desk.ReaderStatus{Known: true}, monday, false},
		{new(wire.TwoProofs), trusted, monday, true},
		{morning, trusted, monday, true},
		{morning, trusted, monday.Add(2 * time.Hour), false},
		{morning, trusted, monday.AddDate(0, 0, 1), false},
		{morning, desk.ReaderStatus{Known: true}, monday.AddDate(0, 0, 1), true},
		{morning, desk.ReaderStatus{}, monday.AddDate(0, 0, 1), false}, // not heard from yet
	} {
		reader := desk.Reader{Policy: &wire.Policy{TimeZone: "UTC", TwoProofs: test.two}, Live: test.live, Level: wire.Level}
		if got := reader.DemandsTwo(test.at); got != test.want {
			t.Errorf("%+v, %v, %v: %v", test.two, test.live.ClockTrusted, test.at, got)
		}
	}
	w := small(t)
	b := w.visitor(desk.Super)
	now := time.Now().UTC()
	day := desk.Days()[(int(now.Weekday())+1)%7].Key // the day after tomorrow
	b.post(twoProofsAct, "when", "times", day, "8-9").shows(t, http.StatusOK, "A card or a PIN is enough.")
	w.live.states[0].State.Condition.ClockTrusted = false
	b.get(twoProofsPage).shows(t, http.StatusOK, "clock is not trusted yet: until it is, both are demanded at any time")
}
