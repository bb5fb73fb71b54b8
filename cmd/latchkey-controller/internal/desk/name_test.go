package desk

import (
	"slices"
	"testing"

	"latchkey/sync/wire"

	"pgregory.net/rapid"
)

func TestANameIsKeptWithoutWhatNobodySees(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Ada Lovelace":                 "Ada Lovelace",
		" \u00a0Ada\u2003\u3000 L.\t":  "Ada L.",
		"Ada\u3164\u2800B":             "Ada B",
		"\u3164\u2800\uffa0":           "",
		"A\u200bd\u00ada\u2060\ufeff":  "Ada",
		"A\U000e0061\U000e007fda":      "Ada", // tags
		"A\u034f\u17b4da":              "Ada", // default-ignorables
		"\u0301Ada \u0308B":            "Ada B",
		"\u0301\u200b\ufe0f":           "",
		"Jose\u0301":                   "José",
		"e\u034f\u0301":                "é",
		"Ada\ufe0f1\ufe0e":             "Ada1",
		"1\ufe0f\u20e3":                "1\ufe0f\u20e3",
		"\u2764\ufe0f\ufe0f":           "\u2764\ufe0f",
		"葛\U000e0100城":                 "葛\U000e0100城",
		"A\u200dd\u200ca":              "Ada",
		"\u200dAda\u200c":              "Ada",
		"👩\u200d🔧":                     "👩\u200d🔧",
		"علی\u200cرضا":                 "علی\u200cرضا",
		"ا\u200cر":                     "ار",
		"ക്\u200d":                     "ക്\u200d",
		"क\u200cष":                     "कष",
		"क्\u200cष":                    "क्\u200cष",
		"A\U0001d173\ufffe\U000e0fffb": "Ab",
		"A\tb":                         "A\tb", // a later check refuses it
		"A\u202eb":                     "A\u202eb",
		"A\xffb":                       "A\xffb",
	} {
		if is := TidyName(text); is != want {
			t.Errorf("%+q: %+q, want %+q", text, is, want)
		}
	}
}

func TestATidyNameStaysAsItIs(t *testing.T) {
	t.Parallel()
	some := rapid.SampledFrom([]rune("Ae1 \u0301\u00a0\u3164\u200b\u200c\u200d\ufe0f\u20e3👩\u2764علاक\u094d葛\U000e0100\u180b\u1820\t\u034f"))
	if got := TidyName("A\u094d\u200c\u3164"); got != "A\u094d" { // the non-joiner stood before a removed character
		t.Errorf("%+q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		once := TidyName(rapid.OneOf(rapid.String(), rapid.StringOf(some)).Draw(t, "text"))
		if twice := TidyName(once); twice != once {
			t.Fatalf("%+q becomes %+q", once, twice)
		}
	})
}

func TestTypedNamesAreTidy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := as(Owner)
	const hidden = "\u200b\u0301\u00a0Ada\u3164\u2060 \ufe0fL\U000e0061\u00ad "
	reader := w.reader()
	user, _, err := w.AddUser(t.Context(), owner, UserForm{First: hidden, Last: "\u2800", Groups: []string{"staff\u200b"}}, PIN{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if u, err := w.User(t.Context(), owner, user); err != nil || u.First != "Ada L" || u.Name != "Ada L" || len(u.Groups) != 1 || u.Groups[0] != "staff" {
		t.Errorf("%+v, %v", u, err)
	}
	if _, _, err := w.AddUser(t.Context(), owner, UserForm{First: "\u3164\u200b"}, PIN{}, nil); Fields(err)["first"] == nil {
		t.Errorf("a user whom nobody sees: %v", err)
	}
	if _, err := w.AddPlace(t.Context(), owner, Locations, 0, "\u2800\u200b"); Fields(err)["name"] == nil {
		t.Errorf("a location that nobody sees: %v", err)
	}
	location, err := w.AddPlace(t.Context(), owner, Locations, 0, hidden)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddPlace(t.Context(), owner, Locations, 0, "Ada L"); Fields(err)["name"] == nil {
		t.Errorf("two locations that look alike: %v", err)
	}
	hub, err := w.AddPlace(t.Context(), owner, Hubs, location, hidden)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddPlace(t.Context(), owner, Doors, hub, hidden); err != nil {
		t.Fatal(err)
	}
	if err := w.EditPlace(t.Context(), owner, Hubs, hub, "", renamed("\u200bHall\u200b")); err != nil {
		t.Fatal(err)
	}
	places, err := w.Places(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	if l := places[len(places)-1]; !slices.ContainsFunc(places, func(l *Location) bool {
		return l.Name == "Ada L" && l.Hubs[0].Name == "Hall" && l.Hubs[0].Doors[0].Name == "Ada L"
	}) {
		t.Errorf("%+v", l)
	}
	if _, _, err := w.AddAdmin(t.Context(), owner, hidden, Viewer, nil); err != nil {
		t.Fatal(err)
	}
	admins, err := w.Admins(t.Context(), owner)
	if err != nil || !slices.ContainsFunc(admins, func(a *Admin) bool { return a.Name == "Ada L" }) {
		t.Errorf("%+v, %v", admins, err)
	}
	p, err := w.SetPolicy(t.Context(), owner, reader, 0, func(p *wire.Policy) { p.Greeting = hidden })
	if err != nil || p.Greeting != "Ada L" {
		t.Errorf("greeting %+q, %v", p.Greeting, err)
	}
}
