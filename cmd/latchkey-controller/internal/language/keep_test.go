package language

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type mode string

// sentences draws sentences that can be kept, with others in them to a depth.
func sentences(depth int) *rapid.Generator[*Sentence] {
	return rapid.Custom(func(t *rapid.T) *Sentence {
		names := rapid.SliceOfN(rapid.String(), 0, 3)
		at := rapid.Custom(func(t *rapid.T) time.Time {
			zone := rapid.SampledFrom([]string{"UTC", "Europe/Zurich", "America/St_Johns"}).Draw(t, "zone")
			in, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			return time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(t, "at"), 0).In(in)
		}).Draw(t, "time")
		values := []any{
			rapid.String().Draw(t, "text"), mode("locked"), Name("Ada"), List(names.Draw(t, "list")), Several(names.Draw(t, "several")),
			Decimal{1234.5, 1}, Weekday(2), ShortWeekday(0), Date(at), Day(at), Clock(at), Second(at), Moment(at), YearDay(at), LongDate(at),
			time.Second, errors.New("it is full"),
		}
		if depth > 1 {
			inner := sentences(depth - 1)
			values = append(values, inner.Draw(t, "inner"), error(inner.Draw(t, "error")), Series{inner.Draw(t, "one")}, Join{inner.Draw(t, "one"), inner.Draw(t, "other")})
		}
		value := func() any { return rapid.SampledFrom(values).Draw(t, "value") }
		n := rapid.IntRange(-2000, 2000).Draw(t, "n")
		s := []*Sentence{
			Say("it is new"), Say("%s was %s¦a note", value(), value()), Data(rapid.String().Draw(t, "data")), Count(n, "%d user", "%d users"),
			Count(1, "one of %[2]s", "%[1]d of %[2]s", value()), Say("%d%% of %s", uint16(n&0xff), value()),
		}[rapid.IntRange(0, 5).Draw(t, "which")]
		switch rapid.IntRange(0, 2).Draw(t, "shape") {
		case 1:
			s = s.Capital()
		case 2:
			s = s.Alone()
		}
		return s
	})
}

func TestAKeptSentenceIsTheSameInEachLanguage(t *testing.T) {
	all := New().Every()
	rapid.Check(t, func(t *rapid.T) {
		s := sentences(3).Draw(t, "sentence")
		text := s.Keep()
		if text == "" { // too large
			return
		}
		got, err := Kept(text)
		if err != nil {
			t.Fatal(err)
		}
		if again := got.Keep(); again != text {
			t.Errorf("%s is then %s", text, again)
		}
		for _, l := range all {
			if was, is := l.Say(s), l.Say(got); was != is {
				t.Errorf("%s: %q is %q", l.Tag, was, is)
			}
			if was, is := fmt.Sprint(l.HTML(s)), fmt.Sprint(l.HTML(got)); was != is {
				t.Errorf("%s: %q is %q", l.Tag, was, is)
			}
		}
	})
}

func TestWhatIsKeptIsASmallText(t *testing.T) {
	for _, c := range []struct {
		s    *Sentence
		text string
	}{
		{nil, ""},
		{Say("it is new"), `{"s":"it is new"}`},
		{Say("%s from %s to %s", Say("groups"), "<a>", mode("b")), `{"s":"%s from %s to %s","v":[{"k":"say","s":[{"s":"groups"}]},{"k":"text","t":"<a>"},{"k":"text","t":"b"}]}`},
		{Count(1, "%d user", "%d users"), `{"s":"%d users","one":"%d user","n":1,"v":[{"k":"int","n":1}]}`},
		{Say("until %s", Moment(time.UnixMilli(5).UTC())), `{"s":"until %s","v":[{"k":"moment","t":"UTC","n":5}]}`},
		{Say("%s", strings.Repeat("a", MaxKept)), ""},
		{Say("%s", []string{"a"}), ""},
		{Say("%s", "a\xff"), ""},
		{Say("%s"), ""},
		{Say("until %s", Clock(time.Unix(0, 0).In(time.FixedZone("nowhere", 60)))), ""},
	} {
		if got := c.s.Keep(); got != c.text {
			t.Errorf("%s is kept as %s", c.s, got)
		}
	}
}

func TestNestedSentencesAreKeptToADepthAndANumber(t *testing.T) {
	nested := func(depth int) *Sentence {
		s := Say("it")
		for range depth - 1 {
			s = Say("that %s", s)
		}
		return s
	}
	many := func(n int) *Sentence {
		join := make(Join, n)
		for i := range join {
			join[i] = Say("it")
		}
		return Say("%s", join)
	}
	for s, keeps := range map[*Sentence]bool{nested(maxKeptDepth): true, nested(maxKeptDepth + 1): false, many(maxKeptValues - 1): true, many(maxKeptValues): false} {
		if got := s.Keep(); (got != "") != keeps {
			t.Errorf("%s: %s", s, got)
		}
	}
	deep := `{"s":"it"}`
	for range maxKeptDepth {
		deep = `{"s":"that %s","v":[{"k":"say","s":[` + deep + `]}]}`
	}
	if s, err := Kept(deep); err == nil {
		t.Error(s)
	}
	if s, err := Kept(`{"s":"%s","v":[{"k":"join","s":[` + strings.Repeat(`{"s":"it"},`, maxKeptValues-1) + `{"s":"it"}]}]}`); err == nil {
		t.Error(s)
	}
}

// The database may be damaged, or somebody else has written to it.
func TestADamagedSentenceIsRefused(t *testing.T) {
	for _, text := range []string{
		``, `null`, `it is new`, `"it is new"`, `[]`, `{`, `{"s":"it"}x`, `{"s":"it"}{"s":"it"}`, `{"s":"it","x":1}`, `{"s":1}`,
		`{"s":"it","v":[{"k":"text","t":"a"}]}`,          // no verb
		`{"s":"%s"}`, `{"s":"%s %s","v":[{"k":"text"}]}`, // no value
		`{"s":"%d","v":[{"k":"text"}]}`, `{"s":"%s","v":[{"k":"int","n":1}]}`, // of another kind
		`{"s":"%v","v":[{"k":"text"}]}`, `{"s":"%9999999s","v":[{"k":"text"}]}`, // no verb of ours
		`{"s":"%[3]s","v":[{"k":"text"}]}`, `{"s":"%[0]s","v":[{"k":"text"}]}`, // another's value
		`{"s":"%[1","v":[{"k":"text"}]}`, `{"s":"it %","v":[{"k":"text"}]}`, // half a verb
		`{"s":"%s","v":[{"k":"text"}],"data":true}`, `{"s":"it","one":"it"}`, // values of none
		`{"s":"%d","one":"%d","n":1,"v":[{"k":"int","n":2}]}`,                     // another number
		`{"s":"%d","one":"%s","n":1,"v":[{"k":"int","n":1}]}`,                     // another verb for one
		`{"s":"%s","v":[{"k":"say"}]}`, `{"s":"%s","v":[{"k":"say","s":[null]}]}`, // no sentence
		`{"s":"%s","v":[{"k":"html","t":"<b>"}]}`, `{"s":"%s","v":[{}]}`, // no kind
		`{"s":"%s","v":[{"k":"moment","t":"../../etc/passwd"}]}`,                       // no zone
		`{"s":"%s","v":[{"k":"moment","t":"Local"}]}`, `{"s":"%s","v":[{"k":"date"}]}`, // whose?
		`{"s":"%s","v":[{"k":"date","t":"UTC","n":9223372036854775807}]}`, // no year
		`{"s":"%s","v":[{"k":"weekday","n":7}]}`, `{"s":"%s","v":[{"k":"decimal","n":1000000}]}`,
		`{"s":"` + strings.Repeat("a", MaxKept) + `"}`,
	} {
		if s, err := Kept(text); err == nil {
			t.Errorf("%s is %q", text, s)
		}
	}
	good := Say("%s from %s to %s", Say("groups"), List{"a", "b"}, Moment(time.UnixMilli(5).UTC())).Keep()
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(good)
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		if s, err := Kept(string(text)); err == nil && strings.Contains(s.String(), "%!") {
			t.Errorf("%s says %q", text, s)
		}
	})
}

func TestAKeptSentenceThatIsNotSaidAnyMoreIsEnglish(t *testing.T) {
	s, err := Kept(`{"s":"%s was said once¦a note","v":[{"k":"text","t":"It"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := New().Choose("de", "").Say(s); got != "It was said once" {
		t.Error(got)
	}
}
