package language

import (
	"errors"
	"fmt"
	"html/template"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/feature/plural"
)

// with returns a language that has more sentences than its file.
func with(t *testing.T, tag string, sentences map[string]forms) *Language {
	t.Helper()
	l := *New().Choose(tag, "")
	if l.Tag != tag {
		t.Fatalf("there is no %s", tag)
	}
	l.sentences = func() map[string]forms { return sentences }
	return &l
}

func TestASentenceIsSaidInALanguageWithItsValues(t *testing.T) {
	german := with(t, "de", map[string]forms{
		"%s opens %s %s":    {plural.Other: "%[3]s öffnet %[1]s die Tür %[2]s"},
		"for %s":            {plural.Other: "für %s"},
		"%s and %s":         {plural.Other: "%s und %s"},
		"%d users":          {plural.One: "%d Person", plural.Other: "%d Personen"},
		"Its readers wait.": {plural.One: "Ihr Leser wartet.", plural.Other: "Ihre Leser warten."},
		"%d%% of %s":        {plural.Other: "%d %% von %s"},
	})
	at := time.Date(2026, 3, 2, 9, 5, 0, 0, time.UTC)
	for _, c := range []struct {
		s              *Sentence
		english, there string
	}{
		{Say("%s opens %s %s", "Ada", Say("for %s", List{"Bob"}), Date(at)), "Ada opens for Bob 2 Mar 2026", "02.03.2026 öffnet Ada die Tür für Bob"},
		{Say("%s and %s", List{"A", "B", "C"}, Moment(at)), "A, B and C and 2 Mar 2026, 09:05", "A, B und C und 02.03.2026, 09:05"},
		{Count(1, "%d user", "%d users"), "1 user", "1 Person"},
		{Count(1234, "%d user", "%d users"), "1,234 users", "1.234 Personen"},
		{Count(0, "%d user", "%d users"), "0 users", "0 Personen"},
		{Count(1, "Its reader waits.", "Its readers wait."), "Its reader waits.", "Ihr Leser wartet."},
		{Count(2, "Its reader waits.", "Its readers wait."), "Its readers wait.", "Ihre Leser warten."},
		{Say("%d%% of %s", 5, Weekday(time.Monday)), "5% of Monday", "5 % von Montag"},
		{Say("not in the file"), "not in the file", "not in the file"},
		{Say("Open¦a state"), "Open", "Open"},
		{Data("50%s off"), "50%s off", "50%s off"},
		{Say("it is %s", Of(errors.New("full"))), "it is full", "it is full"},
		{Say("for %s", Say("a_b")).Alone(), "For a_b.", "Für a_b."},
		{Say("a_b is full").Alone(), "a_b is full.", "a_b is full."},
		{Say("%s", Join{Say("for %s", "A"), Say("b")}), "for A; b", "für A; b"},
		{Say("%s", Series{Say("for %s", "A"), Say("b")}), "for A, b", "für A, b"},
		{Say("for %s").With("Ada", "whom it does not name"), "for Ada", "für Ada"},
		{Say("%s, %s: %s", LongDate(at), YearDay(at), ShortWeekday(at.Weekday())), "2 March 2026, 2 March: Mon", "2. März 2026, 2. März: Mo."},
	} {
		if got := c.s.String(); got != c.english {
			t.Errorf("%q, not %q", got, c.english)
		}
		if got := german.Say(c.s); got != c.there {
			t.Errorf("%q, not %q", got, c.there)
		}
	}
}

func TestFrenchHasASpaceThatDoesNotBreakBeforeItsSigns(t *testing.T) {
	french := New().Choose("fr", "")
	if got, want := french.Say(Say("%s: %s", "Lab", Join{Data("1"), Data("2")})), "Lab\u00a0: 1\u202f; 2"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	for english, in := range french.sentences() {
		for _, text := range in {
			if regexp.MustCompile(` [:;?!»]|\x{202f}:`).MatchString(text) {
				t.Errorf("%q for %q", text, english)
			}
		}
	}
}

func TestManyNamesAreCounted(t *testing.T) {
	for want, names := range map[string][]string{"": nil, "A": {"A"}, "A and B": {"A", "B"}, "A, B, C, D and E": {"A", "B", "C", "D", "E"}, "A, B, C, D and 2 more": {"A", "B", "C", "D", "E", "F"}} {
		if got := english.Text(Several(names)); got != want {
			t.Errorf("%v: %q, not %q", names, got, want)
		}
	}
}

func TestMarkupIsThatOfTheProgramOnly(t *testing.T) {
	german := with(t, "de", map[string]forms{"%s & %s": {plural.Other: "<%[2]s> & %[1]s"}})
	if got := german.HTML(Say("%s & %s", "<i>", "b")); got != "<b> & <i>" {
		t.Errorf("text is %#v", got)
	}
	if got := german.HTML(nil); got != "" {
		t.Errorf("nothing is %#v", got)
	}
	for _, c := range []struct {
		s    *Sentence
		want template.HTML
	}{
		{Say("%s & %s", "<i>", Name("<u>")), "&lt;<b>&lt;u&gt;</b>&gt; &amp; &lt;i&gt;"},
		{Say("%s & %s", template.HTML("<kbd>x</kbd>"), 3*time.Second), "&lt;3s&gt; &amp; <kbd>x</kbd>"},
		{Say("%s & %s", Say("<%s>", Name("n")), "y"), "&lt;y&gt; &amp; &lt;<b>n</b>&gt;"},
		{Say("%s & %s", Name("n"), Say("<%s>", "z")), "&lt;&lt;z&gt;&gt; &amp; <b>n</b>"},
		{Say("for %s", Name("n")).Alone(), "For <b>n</b>."},
		{Say("%s & %s", (*Sentence)(nil), Name("n")), "&lt;<b>n</b>&gt; &amp; "},
	} {
		if got := german.HTML(c.s); got != c.want {
			t.Errorf("%#v, not %#v", got, c.want)
		}
	}
}

func TestEachPluralFormOfALanguageIsUsed(t *testing.T) {
	polish := with(t, "pl", map[string]forms{"%d users": {plural.One: "%d osoba", plural.Few: "%d osoby", plural.Many: "%d osób", plural.Other: "%d osoby"}})
	for n, want := range map[int]string{1: "1 osoba", 2: "2 osoby", 5: "5 osób", 12: "12 osób", 22: "22 osoby", 0: "0 osób", -2: "-2 osoby"} {
		if got := polish.Say(Count(n, "%d user", "%d users")); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

func TestTheLanguageIsThatWhichWasChosenOrTheBrowsers(t *testing.T) {
	l := New()
	for _, c := range []struct{ chosen, accepted, want string }{
		{"", "", "en"}, {"pl", "de", "pl"}, {"xx", "de-CH, en;q=0.5", "de"}, {"", "ja, fr-CA;q=0.8", "fr"}, {"", "ja", "en"}, {"", "pt-BR", "pt"},
		{"", "en-US, de", "en"}, {"", ";;;", "en"}, {"../de", "it", "it"},
		{"", "de," + strings.Repeat("de,", 300), "de"}, {"", "de," + strings.Repeat("de,", 400), "en"}, {"pl", strings.Repeat("de,", 400), "pl"},
	} {
		if got := l.Choose(c.chosen, c.accepted); got.Tag != c.want {
			t.Errorf("%q, %q: %s, not %s", c.chosen, c.accepted, got.Tag, c.want)
		}
	}
}

func TestEnglishTimesAreThoseOfBefore(t *testing.T) {
	for day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() == 2026; day = day.AddDate(0, 0, 1) {
		at := day.Add(9*time.Hour + 5*time.Minute + 7*time.Second)
		if got, want := Say("%s %s %s %s", Date(at), Clock(at), Second(at), Weekday(at.Weekday())).String(), at.Format("2 Jan 2006 15:04 15:04:05 Monday"); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

func TestATimeThatClocksShowTwiceSaysWhichItIs(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)
	for want, at := range map[string]time.Time{"25 Oct 2026, 02:30 CEST": at, "25 Oct 2026, 02:30 CET": at.Add(time.Hour), "25 Oct 2026, 03:30": at.Add(2 * time.Hour)} {
		if got := english.Text(Moment(at.In(berlin))); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

func TestAnErrorKeepsItsCausesAndSaysItsSentence(t *testing.T) {
	gone, deep := errors.New("gone"), Say("%s is away", "it")
	s := Say("this failed: %s", deep).Because(gone)
	if !errors.Is(s, gone) || !errors.Is(s, deep) || errors.Is(deep, gone) {
		t.Error("causes")
	}
	if got := Of(fmt.Errorf("outside: %w", s)); got != s {
		t.Errorf("%v", got)
	}
	if got := Of(gone).String(); got != "gone" || Of(nil) != nil {
		t.Errorf("%q", got)
	}
}

func TestADayOfTheYearIsWrittenWithoutIt(t *testing.T) {
	may := YearDay(time.Date(2026, 5, 24, 0, 0, 0, 0, time.UTC))
	for _, l := range New().All() {
		want := map[string]string{"en": "24 May", "de": "24. Mai", "es": "24 de mayo", "fr": "24 mai", "it": "24 maggio", "nl": "24 mei", "pl": "24 maja", "pt": "24 de maio"}[l.Tag]
		if got := l.Text(may); got != want {
			t.Errorf("%s: %q, not %q", l.Tag, got, want)
		}
	}
}
