package console

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

func post(body string) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestAnyFormIsReadAsBrowsersWriteIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := url.Values{"name": {rapid.String().Draw(t, "name")}, "password": {rapid.String().Draw(t, "password")}, "group": rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "groups")}
		f, err := readForm(post(values.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		if string(f.secret["password"]) != values.Get("password") || f.Get("name") != values.Get("name") || !slices.Equal(f.Values["group"], values["group"]) {
			t.Fatalf("%+v", f)
		}
		if f.Values.Has("password") {
			t.Fatal("a secret is a string")
		}
		f.wipe()
		if slices.ContainsFunc(f.secret["password"], func(b byte) bool { return b != 0 }) {
			t.Fatal("it is not wiped")
		}
	})
}

func TestSpacesBetweenDigitsCountForNothing(t *testing.T) {
	f, err := readForm(post("digits=+5831+0274+"))
	if err != nil {
		t.Fatal(err)
	}
	whole := f.secret["digits"]
	if got := string(f.digits("digits")); got != "58310274" {
		t.Errorf("%q", got)
	}
	f.wipe()
	if !bytes.Equal(whole, make([]byte, len(whole))) {
		t.Errorf("%q is left", whole)
	}
}

func TestSecretsStandWhereTheMarkersWere(t *testing.T) {
	answer := httptest.NewRecorder()
	w := &secretWriter{ResponseWriter: answer, marker: []byte("mark"), secrets: [][]byte{[]byte("one"), []byte("two")}}
	page := []byte("a mark b mark c mark d")
	if n, err := w.Write(page); n != len(page) || err != nil {
		t.Fatal(n, err)
	}
	if got := answer.Body.String(); got != "a one b two c mark d" {
		t.Errorf("%q", got)
	}
}

func TestWhatWasDoneIsSaidInWholeLetters(t *testing.T) {
	answer := httptest.NewRecorder()
	setFlash(answer, "x"+strings.Repeat("é", 400)+" was added.")
	next := httptest.NewRequest("GET", "/", nil)
	next.AddCookie(answer.Result().Cookies()[0])
	if notice := takeFlash(httptest.NewRecorder(), next); notice != "x"+strings.Repeat("é", 299) {
		t.Errorf("%q", notice)
	}
}

func TestAPageThatPanicsIsLoggedAndCut(t *testing.T) {
	for what, logged := range map[any]bool{"index out of range": true, any(http.ErrAbortHandler): false} {
		var log strings.Builder
		c := &Console{log: slog.New(slog.NewTextHandler(&log, nil))}
		func() {
			defer func() {
				if got := recover(); got != http.ErrAbortHandler {
					t.Errorf("%v: the server sees %v", what, got)
				}
			}()
			c.logPanics(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(what) })).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		}()
		if got := strings.Contains(log.String(), "unit_test.go"); got != logged {
			t.Errorf("%v: the log says %q", what, log.String())
		}
	}
}

func TestHolidaysAreSortedAndStayWhatTheyWere(t *testing.T) {
	got, err := parseHolidays("2027-01-06\n12-25, 12-25\n2026-12-24\n02-29")
	want := []wire.Holiday{{Month: 2, Day: 29}, {Month: 12, Day: 25}, {Year: 2026, Month: 12, Day: 24}, {Year: 2027, Month: 1, Day: 6}}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v, %v", got, err)
	}
	if again, err := parseHolidays(holidayText(got)); err != nil || !slices.Equal(again, got) {
		t.Errorf("%v, %v", again, err)
	}
	for _, text := range []string{"2026-13-01", "Christmas", "2026-02-29", "25.12."} {
		if _, err := parseHolidays(text); err == nil || !strings.Contains(err.Error(), "is not a date") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAChartKeepsItsBarsWithinItsFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hours := make([]desk.Hour, rapid.IntRange(1, 48).Draw(t, "hours"))
		granted := 0
		for i := range hours {
			hours[i] = desk.Hour{Begins: time.Date(2026, 11, 23, i, 0, 0, 0, time.UTC), Granted: rapid.IntRange(0, 5000).Draw(t, "granted"), Denied: rapid.IntRange(0, 5000).Draw(t, "denied")}
			granted += hours[i].Granted
		}
		c := newChart(hours, time.UTC)
		for i, b := range c.Bars {
			if b.X < chartLeft || b.X+b.W > chartWidth || b.DeniedY < 0 || b.GrantedY+b.Tall != chartHeight-chartBottom || (hours[i].Denied > 0) != (b.Denied > 0) {
				t.Fatalf("bar %d: %+v", i, b)
			}
		}
		if !strings.HasPrefix(c.Label.String(), language.Say("%d ", granted).String()) {
			t.Fatalf("%q", c.Label)
		}
	})
}

func TestWordsForNumbersAndNames(t *testing.T) {
	for got, want := range map[string]string{
		initials("Ada Lovelace"): "AL", initials("Karen Spärck Jones"): "KJ", initials("łukasz"): "Ł", initials(" "): "?", initials("command line (ada)"): "CA",
		ago(3 * time.Second).String(): "just now", ago(59 * time.Second).String(): "59 seconds ago", ago(time.Minute).String(): "1 minute ago", ago(26 * time.Hour).String(): "yesterday", ago(72 * time.Hour).String(): "3 days ago",
		oneIn(0).String(): "none", oneIn(1.0 / 12345678).String(): "1 in 12,000,000", oneIn(0.7).String(): "likely",
		years(0.01).String(): "3 days", years(1.5).String(): "18 months", years(137).String(): "140 years", years(1e12).String(): "never",
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

func TestTheWorstOfAReaderIsSaidFirst(t *testing.T) {
	reader := func(change func(*desk.Reader)) *desk.Reader {
		r := &desk.Reader{ID: "front-door", Door: "Front door", Board: "1", Policy: &wire.Policy{PIN: true}, Live: desk.ReaderStatus{Known: true, Online: true, Current: true, Condition: wire.Condition{Door: "closed", Strike: "off", ClockTrusted: true}}}
		change(r)
		return r
	}
	for _, test := range []struct {
		reader, door string
		alerts       int
		change       func(*desk.Reader)
	}{
		{"Online", "Closed", 0, func(*desk.Reader) {}},
		{"Offline", "Not known", 1, func(r *desk.Reader) { r.Live.Online, r.Live.Lockout = false, "too many" }},
		{"Housing open", "Forced open", 3, func(r *desk.Reader) { r.Live.Tamper, r.Live.Lockout, r.Live.Door = true, "tamper", "forced" }},
		{"PIN paused", "Unlocked", 1, func(r *desk.Reader) { r.Live.Lockout, r.Live.Strike = "too many", "held" }},
		{"Fault", "Open for too long", 2, func(r *desk.Reader) {
			r.Live.Faults, r.Live.Door = []wire.Fault{{Subject: "nfc", Text: "it is gone"}}, "held"
		}},
		{"Catching up", "Unlocked", 0, func(r *desk.Reader) { r.Live.Current, r.Live.Strike = false, "pulse" }},
		{"Not heard from yet", "Not known", 0, func(r *desk.Reader) { r.Live = desk.ReaderStatus{} }},
		{"Removed", "Closed", 0, func(r *desk.Reader) { r.Removed = desk.Lost }},
	} {
		r := reader(test.change)
		if got := readerLight(r).Word.String(); got != test.reader {
			t.Errorf("%q, not %q", got, test.reader)
		}
		if got := contactLight(r).Word.String(); got != test.door {
			t.Errorf("door: %q, not %q", got, test.door)
		}
		if got := alerts([]*desk.Reader{r}, false); len(got) != test.alerts {
			t.Errorf("%s: %+v", test.reader, got)
		}
	}
}
