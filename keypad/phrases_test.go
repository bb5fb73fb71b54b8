package keypad

import (
	"image"
	"strings"
	"testing"

	"golang.org/x/text/language"
)

// looks are the variants of every screen.
var looks = []struct {
	name            string
	large, contrast bool
}{{"usual", false, false}, {"large", true, false}, {"contrast", false, true}, {"large-contrast", true, true}}

func TestEverySentenceIsThereInEveryLanguageAndInEveryFace(t *testing.T) {
	if len(Languages()) != tongues {
		t.Fatalf("%d languages for %d tongues", len(Languages()), tongues)
	}
	p, _ := testPainter(t, image.Pt(240, 320))
	for english := range phrases {
		for i := range tongue(tongues) {
			said := i.say(english)
			if said == "" || said != strings.TrimSpace(said) {
				t.Errorf("%q in %v is %q", english, Languages()[i], said)
			}
			if strings.Count(said, "{}") != strings.Count(english, "{}") {
				t.Errorf("%q in %v names nobody: %q", english, Languages()[i], said)
			}
			for _, fs := range p.types {
				for _, f := range []*face{fs.digit, fs.headline, fs.title, fs.body, fs.note, fs.label, fs.fine} {
					for _, r := range strings.ReplaceAll(said, "{}", "") {
						if !f.has(r) {
							t.Errorf("no picture of %q in %q at %d px", r, said, f.px)
						}
					}
					if got := f.legible(said); got != said && !strings.Contains(said, "{}") {
						t.Errorf("%q is shown as %q", said, got)
					}
				}
			}
		}
	}
}

// spoken is scenes in which every sentence stands, without names of any length.
func spoken() []scene {
	var all []scene
	add := func(change func(s *scene)) { all = append(all, example(change)) }
	for _, g := range gallery() {
		if g.view.Reason == "" && g.page != crossPage && g.name != "granted-long-name" {
			g.view.Notes = ""
			all = append(all, g.scene)
		}
	}
	add(func(s *scene) { s.view.Screen = Granted })
	add(func(s *scene) { s.view.Screen, s.view.Door = Granted, "" })
	add(func(s *scene) { s.view.Screen, s.view.Identify, s.view.ReaderID = Paused, true, "" })
	add(func(s *scene) { s.view.PIN, s.view.CardOutOfOrder = false, true })
	add(func(s *scene) { s.view.Screen, s.view.CardOutOfOrder = Paused, true })
	add(func(s *scene) { s.view.Screen, s.view.PIN, s.view.CardOutOfOrder = OutOfOrder, false, true })
	for _, words := range Sentences() {
		if strings.Contains(words, "{}") {
			continue
		}
		switch words {
		case "Touch the cross", "Not exact enough: start again", "Touch is set":
			// Where the crosses stand depends on the panel: see below.
		default:
			add(func(s *scene) { s.view.Screen, s.view.Reason = Denied, words })
		}
		switch words {
		case "The reader is open", "Storage fault", "Not up to date", "No card reader", "No touch", "Clean the screen", "Ask for help", "Door was forced", "Close the door":
			add(func(s *scene) { s.view.Notes = words })
			add(func(s *scene) {
				s.view.Screen, s.view.PIN, s.view.Notes, s.view.LinkLost = OutOfOrder, false, words, true
			})
		}
	}
	return all
}

func TestEverySentenceFitsEveryPanelAndLookUncut(t *testing.T) {
	for _, at := range sizes() {
		p, l := testPainter(t, at)
		seen := map[string]bool{}
		for _, look := range looks {
			for i := range tongue(tongues) {
				all := spoken()
				all = append(all, example(func(s *scene) { s.page, s.said = crossPage, "Touch is set" }))
				for n, cross := range crosses(at) {
					for _, words := range []string{"Touch the cross", "Not exact enough: start again"} {
						all = append(all, example(func(s *scene) { s.page, s.said, s.cross, s.nth = crossPage, words, cross, n+4 }))
					}
				}
				for _, s := range all {
					s.tongue, s.view.LargeText, s.view.HighContrast = i, look.large, look.contrast
					_, boxes := p.arrange(&s)
					for n, b := range boxes {
						for _, words := range b.said {
							seen[words.whole] = true
							if words.cut || words.size().X > b.Dx() || words.size().Y > b.Dy() {
								t.Errorf("%v, %s, %v: %q in %v", l, look.name, Languages()[i], words.lines, b.Size())
							}
						}
						if !b.In(p.bounds().Inset(l.px(3))) {
							t.Errorf("%v, %s, %v: %v is over the edge", l, look.name, Languages()[i], b.Rectangle)
						}
						for _, other := range boxes[:n] {
							if b.Overlaps(other.Rectangle) {
								t.Errorf("%v, %s, %v: %v overlaps %v", l, look.name, Languages()[i], b.Rectangle, other.Rectangle)
							}
						}
					}
				}
			}
		}
		for english := range phrases {
			for i := range tongue(tongues) {
				var whole string
				switch {
				case english == "Backspace": // is a sign on its key
					continue
				case strings.Contains(english, "{}"):
					whole = i.name(english, map[string]string{"Welcome, {}": "Ada", "{} is open": "Front door"}[english])
				default:
					whole = i.say(english)
				}
				if !seen[whole] {
					t.Errorf("%v: %q stands on no screen", l, whole)
				}
			}
		}
	}
}

func TestALockoutSendsNobodyForACardWhereNoneIsRead(t *testing.T) {
	p, _ := testPainter(t, image.Pt(240, 320))
	for none, want := range map[bool]string{false: "Use your card or ask for the door to be opened", true: "Ask for the door to be opened"} {
		s := example(func(s *scene) { s.view.Screen, s.view.PIN, s.view.CardOutOfOrder = Paused, false, none })
		p.draw(&s)
		if todo := p.noticeOf(&s).todo; todo != want {
			t.Errorf("no card is read %v: %q", none, todo)
		}
	}
}

func TestTheNearestLanguageIsSpoken(t *testing.T) {
	in := newInterpreter("nl-BE")
	for tag, want := range map[string]language.Tag{
		"de": language.German, "de-AT": language.German, "DE_ch": language.German, "gsw": language.German,
		"pt-BR": language.Portuguese, "pt-PT": language.Portuguese, "es-419": language.Spanish, "en-GB": language.English,
		"pl": language.Polish, "it": language.Italian, "fr-CA": language.French,
		"": language.Dutch, "zh": language.Dutch, "no such tag": language.Dutch,
	} {
		if got := Languages()[in.tongue(tag)]; got != want {
			t.Errorf("for %q %v is spoken, want %v", tag, got, want)
		}
	}
	if newInterpreter("").tongue("") != 0 || newInterpreter("tlh").tongue("") != 0 {
		t.Error("no language is not English")
	}
}

func TestAViewIsShownInItsLanguageAndLook(t *testing.T) {
	run(t, func(b *bench) {
		v := home()
		v.Language, v.LargeText, v.HighContrast = "pl-PL", true, true
		b.show(v)
		if c, ok := b.control("pin"); !ok || c.Label != "PIN" {
			t.Errorf("%+v", c)
		}
		plain := func(v View, t tongue) scene {
			v.Language = ""
			return scene{view: v, tongue: t, pressed: nothing}
		}
		b.shows("Polish", plain(v, 6))
		b.tap("pin")
		if c, _ := b.control("cancel"); c.Label != "Anuluj" {
			t.Errorf("%+v", c)
		}
		b.tap("cancel")
		v.Language, v.LargeText, v.HighContrast = "", false, false
		b.show(v)
		b.shows("the reader's own language", plain(v, 1))
	}, func(b *bench, o *Opts) { o.Language = "de" })
}
