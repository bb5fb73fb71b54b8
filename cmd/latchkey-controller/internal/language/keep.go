package language

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/zone"
)

// Limits of a kept sentence.
const (
	MaxKept       = 4096 // bytes
	maxKeptDepth  = 8    // sentences in sentences
	maxKeptValues = 64   // of all sentences in it together, which count too
)

// A kept sentence is one as JSON.
type kept struct {
	English string      `json:"s"`
	One     string      `json:"one,omitempty"`
	Count   int         `json:"n,omitempty"`
	Values  []keptValue `json:"v,omitempty"`
	Data    bool        `json:"data,omitempty"`
	Capital bool        `json:"capital,omitempty"`
	Stop    bool        `json:"stop,omitempty"`
}

// A keptValue is a value of a kept sentence. Which of the others it has depends on its kind.
type keptValue struct {
	Kind   string   `json:"k"`
	Text   string   `json:"t,omitempty"` // or the zone of a time
	Number int64    `json:"n,omitempty"` // or a time, Unix milliseconds
	Float  float64  `json:"f,omitempty"`
	List   []string `json:"l,omitempty"`
	Said   []*kept  `json:"s,omitempty"`
}

// Keep returns a sentence as text, for Kept; "": it is too long, or has values that cannot be kept. The errors of Because are
// not kept.
func (s *Sentence) Keep() string {
	if s == nil {
		return ""
	}
	var left keeping
	k, err := left.sentence(s, 1)
	if err != nil {
		return ""
	}
	var text bytes.Buffer
	to := json.NewEncoder(&text)
	to.SetEscapeHTML(false)
	if err := to.Encode(k); err != nil {
		return ""
	}
	got := strings.TrimSuffix(text.String(), "\n")
	if again, err := Kept(got); err != nil || again.String() != s.String() {
		return ""
	}
	return got
}

// Kept returns the sentence that Keep returned as text. It is an error if it is none, or more than Keep makes of one. A
// sentence that this version does not say any more is in English.
func Kept(text string) (*Sentence, error) {
	if len(text) > MaxKept {
		return nil, fmt.Errorf("a kept sentence has %d bytes, which are more than %d", len(text), MaxKept)
	}
	from := json.NewDecoder(strings.NewReader(text))
	from.DisallowUnknownFields()
	var k *kept
	if err := from.Decode(&k); err != nil {
		return nil, fmt.Errorf("read a kept sentence: %w", err)
	}
	if _, err := from.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows a kept sentence")
	}
	var left keeping
	return left.read(k, 1)
}

// A keeping counts the values of a sentence that is kept or read.
type keeping struct{ values int }

var errNotKept = errors.New("no sentence that can be kept")

// count counts one more value, or sentence at a depth.
func (c *keeping) count(depth int) error {
	if c.values++; c.values > maxKeptValues || depth > maxKeptDepth {
		return fmt.Errorf("it has more than %d values, or is more than %d deep: %w", maxKeptValues, maxKeptDepth, errNotKept)
	}
	return nil
}

func (c *keeping) sentence(s *Sentence, depth int) (*kept, error) {
	if s == nil {
		return nil, errNotKept
	}
	if err := c.count(depth); err != nil {
		return nil, err
	}
	k := &kept{English: s.english, One: s.one, Count: s.count, Data: s.data, Capital: s.capital, Stop: s.stop}
	for _, v := range s.values {
		value, err := c.value(v, depth)
		if err != nil {
			return nil, err
		}
		k.Values = append(k.Values, value)
	}
	return k, nil
}

func (c *keeping) value(v any, depth int) (k keptValue, err error) {
	series := func(kind string, all []*Sentence) (keptValue, error) {
		k.Kind = kind
		for _, s := range all {
			one, err := c.sentence(s, depth+1)
			if err != nil {
				return k, err
			}
			k.Said = append(k.Said, one)
		}
		return k, nil
	}
	switch v := v.(type) {
	case *Sentence:
		return series("say", []*Sentence{v})
	case Series:
		return series("series", v)
	case Join:
		return series("join", v)
	}
	if err := c.count(depth); err != nil {
		return k, err
	}
	switch v := v.(type) {
	case Name:
		return keptValue{Kind: "name", Text: string(v)}, nil
	case List:
		return keptValue{Kind: "list", List: v}, nil
	case Several:
		return keptValue{Kind: "several", List: v}, nil
	case Decimal:
		return keptValue{Kind: "decimal", Float: v.Number, Number: int64(v.Digits)}, nil
	case Weekday:
		return keptValue{Kind: "weekday", Number: int64(v)}, nil
	case ShortWeekday:
		return keptValue{Kind: "short-weekday", Number: int64(v)}, nil
	case said:
		return keptTime(v)
	case error:
		return series("say", []*Sentence{Of(v)})
	case fmt.Stringer:
		return keptValue{Kind: "text", Text: v.String()}, nil
	}
	switch of := reflect.ValueOf(v); {
	case of.Kind() == reflect.String:
		return keptValue{Kind: "text", Text: of.String()}, nil
	case of.CanInt():
		return keptValue{Kind: "int", Number: of.Int()}, nil
	case of.CanUint() && of.Uint() <= 1<<63-1:
		return keptValue{Kind: "int", Number: int64(of.Uint())}, nil
	}
	return k, errNotKept
}

// keptTimes are the kinds of times.
var keptTimes = map[string]func(time.Time) said{
	"date":      func(t time.Time) said { return Date(t) },
	"day":       func(t time.Time) said { return Day(t) },
	"clock":     func(t time.Time) said { return Clock(t) },
	"second":    func(t time.Time) said { return Second(t) },
	"moment":    func(t time.Time) said { return Moment(t) },
	"year-day":  func(t time.Time) said { return YearDay(t) },
	"long-date": func(t time.Time) said { return LongDate(t) },
}

func keptTime(v said) (keptValue, error) {
	for kind, of := range keptTimes {
		like := reflect.TypeOf(of(time.Time{}))
		if reflect.TypeOf(v) == like {
			t := reflect.ValueOf(v).Convert(reflect.TypeFor[time.Time]()).Interface().(time.Time)
			return keptValue{Kind: kind, Number: t.UnixMilli(), Text: t.Location().String()}, nil
		}
	}
	return keptValue{}, errNotKept
}

func (c *keeping) read(k *kept, depth int) (*Sentence, error) {
	if k == nil {
		return nil, errNotKept
	}
	if err := c.count(depth); err != nil {
		return nil, err
	}
	s := &Sentence{english: k.English, one: k.One, count: k.Count, data: k.Data, capital: k.Capital, stop: k.Stop}
	for _, v := range k.Values {
		value, err := c.readValue(v, depth)
		if err != nil {
			return nil, err
		}
		s.values = append(s.values, value)
	}
	return s, s.check()
}

func (c *keeping) readValue(k keptValue, depth int) (any, error) {
	if len(k.Said) == 0 { // otherwise they count
		if err := c.count(depth); err != nil {
			return nil, err
		}
	}
	var all []*Sentence
	for _, one := range k.Said {
		s, err := c.read(one, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	switch {
	case k.Kind == "text":
		return k.Text, nil
	case k.Kind == "int":
		return k.Number, nil
	case k.Kind == "name":
		return Name(k.Text), nil
	case k.Kind == "list":
		return List(k.List), nil
	case k.Kind == "several":
		return Several(k.List), nil
	case k.Kind == "say" && len(all) == 1:
		return all[0], nil
	case k.Kind == "series":
		return Series(all), nil
	case k.Kind == "join":
		return Join(all), nil
	case k.Kind == "decimal" && k.Number >= 0 && k.Number <= 9:
		return Decimal{k.Float, int(k.Number)}, nil
	case k.Kind == "weekday" && k.Number >= 0 && k.Number < 7:
		return Weekday(k.Number), nil
	case k.Kind == "short-weekday" && k.Number >= 0 && k.Number < 7:
		return ShortWeekday(k.Number), nil
	}
	of, known := keptTimes[k.Kind]
	if !known || k.Text == "Local" {
		return nil, fmt.Errorf("%.20q with %d sentences is no kind of value: %w", k.Kind, len(all), errNotKept)
	}
	in, err := zone.Load(k.Text)
	if err != nil {
		return nil, err
	}
	t := time.UnixMilli(k.Number).In(in)
	if t.Year() < 1 || t.Year() > 9999 {
		return nil, fmt.Errorf("a time of a kept sentence is in the year %d: %w", t.Year(), errNotKept)
	}
	return of(t), nil
}

// check says whether a sentence can be formatted: that its English, for one too, has verbs that its values fit, and that each
// value is said, but for how many it is. What says it in another language has the same verbs.
func (s *Sentence) check() error {
	counts := false
	if len(s.values) > 0 {
		n, is := s.values[0].(int64)
		counts = is && n == int64(s.count)
	}
	if s.data && len(s.values) > 0 || (s.data || !counts) && s.one != "" {
		return fmt.Errorf("%.40q has values that it cannot have: %w", s.english, errNotKept)
	}
	if s.data {
		return nil
	}
	for _, english := range []string{s.english, s.one} {
		says, fits := s.fits(english)
		for i := range s.values {
			fits = fits && (says[i] || english == "" || s.one != "" && i == 0)
		}
		if !fits {
			return fmt.Errorf("%.40q does not fit its %d values: %w", english, len(s.values), errNotKept)
		}
	}
	return nil
}

// fits says whether a text has no verbs but those of values, and which it has.
func (s *Sentence) fits(english string) (has map[int]bool, fits bool) {
	english, _, _ = strings.Cut(english, "¦")
	has, next := map[int]bool{}, 0
	for {
		_, after, found := strings.Cut(english, "%")
		if !found {
			return has, true
		}
		if english = after; strings.HasPrefix(english, "%") {
			english = english[1:]
			continue
		}
		if index, rest, is := strings.Cut(english, "]"); is && strings.HasPrefix(index, "[") {
			n, err := strconv.Atoi(index[1:])
			if err != nil || n < 1 {
				return has, false
			}
			next, english = n-1, rest
		}
		if english == "" || next >= len(s.values) {
			return has, false
		}
		if _, number := s.values[next].(int64); english[0] != 's' && english[0] != 'd' || number != (english[0] == 'd') {
			return has, false
		}
		has[next], next, english = true, next+1, english[1:]
	}
}
