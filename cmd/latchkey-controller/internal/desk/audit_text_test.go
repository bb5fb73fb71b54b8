package desk

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// audited returns all entries of the audit.
func (w *world) audited() map[int64]*store.Audit {
	w.t.Helper()
	ids := make([]int64, 200)
	for i := range ids {
		ids[i] = int64(i) + 1
	}
	var all map[int64]*store.Audit
	w.must(w.site.View(w.t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Audit(ids)
		return err
	}))
	return all
}

// pseudo returns the pseudo-language, in which what is said has brackets.
func pseudo() *language.Language { return language.New().Choose(language.Pseudo, "") }

// ofTheSite are acts of which the audit keeps the site's own words: an event of a webhook.
var ofTheSite = map[Act]bool{ResendDelivery: true}

func TestWhatTheAuditKeepsOfEachActIsSaidInALanguage(t *testing.T) {
	t.Parallel()
	for _, act := range Acts() {
		for i, prepare := range attempts[act] {
			for _, role := range []Role{Owner, Viewer} {
				t.Run(fmt.Sprint(act, " ", i, " ", role), func(t *testing.T) {
					t.Parallel()
					w, l := newWorld(t), pseudo()
					do := prepare(w)
					before := len(w.audited())
					failed := do(t.Context(), as(role))
					for id, a := range w.audited() {
						if id <= int64(before) || a.Text == "" {
							continue
						}
						says, err := language.Kept(a.Said)
						if err != nil || says.String() != withoutRefusal(a.Text) {
							t.Errorf("%s, %s: %q is kept as %q: %v (%v)", a.Act, a.Outcome, a.Text, a.Said, err, failed)
							continue
						}
						if text := l.Say(says); !strings.HasPrefix(text, "⟦") && strings.ContainsFunc(text, unicode.IsLetter) && !ofTheSite[act] {
							t.Errorf("%s, %s: %q is not said", a.Act, a.Outcome, text)
						}
					}
				})
			}
		}
	}
}

func TestWhatIsKeptOfAnActIsEnglishAsBefore(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", maxAuditText)
	for _, c := range []struct {
		text          auditText
		english, said string
	}{
		{auditOf(nil), "", ""},
		{auditOf(language.Say("to %s¦a new name", "crew")), "to crew", `{"s":"to %s¦a new name","v":[{"k":"text","t":"crew"}]}`},
		{auditOf(language.Say("to %s¦a new name", "a\nb")), "to a\ufffdb", ""},
		{auditOf(language.Say("to %s¦a new name", long)), ("to " + long)[:maxAuditText], ""},
		{auditWhy(notAllowed(language.Say("no token can do this"))), "not allowed: no token can do this", `{"s":"no token can do this"}`},
		{auditWhy(fmt.Errorf("at the door: %w", language.Say("no token can do this"))), "at the door: no token can do this", ""},
		{auditWhy(wrong("name", "Enter a name")), "Enter a name", `{"s":"Enter a name"}`},
		{auditWhy(errors.New("full")), "full", `{"s":"full","data":true}`},
	} {
		got := new(auditTarget).audit(newWorld(t).time, as(Owner), EditUser, store.Done, c.text)
		if got.Text != c.english || got.Said != c.said {
			t.Errorf("%q, %s\nnot %q, %s", got.Text, got.Said, c.english, c.said)
		}
	}
}

// An older version has left no sentence, and what is damaged is none, or says something else than the English.
func TestAnActWithoutASentenceThatCanBeSaidIsToldInEnglish(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, user := pseudo(), w.user()
	w.must(w.SuspendUser(t.Context(), as(Owner), user, false))
	const english = "Owner ended the suspension of User 1 as before"
	said := l.Say(w.newest().Text)
	if strings.Count(said, "⟦") < 3 || w.newest().Text.String() != english {
		t.Fatalf("%q, %q", said, w.newest().Text)
	}
	kept := language.Say("as before").Keep()
	for _, damaged := range []string{"", "as before", kept[1:], kept + " ", `{"s":"as after"}`, `{"s":"as before","stop":true}`, `{"s":"as before %s"}`, `{"s":"as %d","v":[{"k":"text","t":"before"}]}`, `{"s":"as %9999999d","v":[{"k":"int"}]}`} {
		if n := sitetest.Execute(t, w.dir, `UPDATE audit SET said = '`+damaged+`' WHERE text = 'as before'`); n != 1 {
			t.Fatalf("%d rows", n)
		}
		got := w.newest().Text
		if want := strings.Replace(said, "⟦as before⟧", "as before", 1); got.String() != english || damaged != kept+" " && l.Say(got) != want {
			t.Errorf("%s: %q, %q, not %q", damaged, got, l.Say(got), want)
		}
	}
}

func TestWhatAnAlarmTellsIsSaidInALanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := pseudo()
	w.must(w.site.AddAlarm(t.Context(), store.NewAlarm("", store.LeadTakenOver, w.time.UnixMilli(), language.Say("the controller on %s has left", "attic"))))
	if got := l.Say(w.newest().Text); got != "⟦⟦the controller on attic has left⟧⟧" {
		t.Error(got)
	}
	for _, said := range []string{"", `{"s":"another"}`} {
		w.must(w.site.AddAlarm(t.Context(), &store.Alarm{Kind: store.LogForeign, At: w.time.UnixMilli(), Text: "of before", Said: said}))
		if got := l.Say(w.newest().Text); got != "⟦of before⟧" { // the sentence around it only
			t.Errorf("%q: %q", said, got)
		}
	}
}
