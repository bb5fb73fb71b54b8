package keypad

import (
	"fmt"
	"image"
	"maps"
	"slices"
	"strings"
	"testing"
)

// looks are the variants of every screen.
var looks = []struct {
	name            string
	large, contrast bool
}{{"usual", false, false}, {"large", true, false}, {"contrast", false, true}, {"large-contrast", true, true}}

func TestEveryFaceDrawsEverySentence(t *testing.T) {
	p, _ := testPainter(t, image.Pt(240, 320))
	for l := range lang(len(languages)) {
		for english := range translations {
			text := l.say(english)
			for _, fs := range p.faceSets {
				for _, f := range []*face{fs.digit, fs.far, fs.headline, fs.title, fs.body, fs.note, fs.label, fs.fine} {
					for _, r := range strings.ReplaceAll(text, "{}", "") {
						if !f.has(r) {
							t.Errorf("no picture of %q in %q at %d px", r, text, f.px)
						}
					}
					if got := f.legible(text); got != text && !strings.Contains(text, "{}") {
						t.Errorf("%q is shown as %q", text, got)
					}
				}
			}
		}
	}
}

// What a screen says is translated, but for what the View holds: names, a greeting.
func TestEveryWordOnAScreenIsASentenceOrTheViewsOwn(t *testing.T) {
	for _, at := range sizes() {
		p, l := testPainter(t, at)
		for _, s := range spoken(at) {
			v := &s.view
			known := append(slices.Collect(maps.Keys(translations)), "", v.Place, v.Door, v.ReaderID, v.Greeting, v.Fingerprint)
			known = append(known, "Welcome, Ada", "Front door is open", "Waiting at home", "Waiting at home and 2 more", "Adopted by home", fmt.Sprintf("%d / %d", s.crossNumber, crossRounds*crossPlaces))
			_, boxes := p.arrange(&s)
			for _, b := range boxes {
				for _, words := range b.texts {
					if !slices.Contains(known, words.whole) {
						t.Errorf("%v: %q is in no language file", l, words.whole)
					}
				}
			}
			for _, c := range s.controls(l) {
				if !slices.Contains(known, c.Label) && !strings.HasPrefix(c.Name, "digit-") {
					t.Errorf("%v: the label %q is in no language file", l, c.Label)
				}
			}
		}
	}
}

// spoken is scenes of a panel of that size in which every sentence stands, without names of
// any length.
func spoken(at image.Point) []scene {
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
	for _, words := range slices.Sorted(maps.Keys(translations)) {
		if strings.Contains(words, "{}") {
			continue
		}
		switch words {
		case "Touch the cross", "Not exact enough: start again":
			for n, cross := range crosses(at) {
				add(func(s *scene) { s.page, s.prompt, s.cross, s.crossNumber = crossPage, words, cross, n+4 })
			}
		case "Touch is set":
			add(func(s *scene) { s.page, s.prompt = crossPage, words })
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
		all := spoken(at)
		for in := range lang(len(languages)) {
			seen := map[string]bool{}
			for _, look := range looks {
				for _, s := range all {
					s.language, s.view.LargeText, s.view.HighContrast = in, look.large, look.contrast
					_, boxes := p.arrange(&s)
					for n, b := range boxes {
						for _, words := range b.texts {
							seen[words.whole] = true
							if words.cut || words.size().X > b.Dx() || words.size().Y > b.Dy() {
								t.Errorf("%v, %s, %s: %q in %v", l, look.name, languages[in], words.lines, b.Size())
							}
						}
						if !b.In(p.bounds().Inset(l.px(3))) {
							t.Errorf("%v, %s, %s: %v is over the edge", l, look.name, languages[in], b.Rectangle)
						}
						for _, other := range boxes[:n] {
							if b.Overlaps(other.Rectangle) {
								t.Errorf("%v, %s, %s: %v overlaps %v", l, look.name, languages[in], b.Rectangle, other.Rectangle)
							}
						}
					}
				}
			}
			for english := range translations {
				text := in.say(english)
				switch english {
				case "Backspace": // is a sign on its key
					continue
				case "Welcome, {}":
					text = in.sayTo(english, "Ada")
				case "{} is open":
					text = in.sayTo(english, "Front door")
				case "Waiting at {}", "Waiting at {} and {} more", "Adopted by {}":
					text = in.sayTo(english, "home", "2")
				}
				if !seen[text] {
					t.Errorf("%v, %s: %q stands on no screen", l, languages[in], text)
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
	belgian := newLanguagePicker("nl-BE")
	for tag, want := range map[string]string{
		"de": "de", "de-AT": "de", "DE_ch": "de", "gsw": "de", "pt-BR": "pt", "pt-PT": "pt", "es-419": "es",
		"en-GB": "en", "pl": "pl", "it": "it", "fr-CA": "fr",
		"": "nl", "zh": "nl", "no such tag": "nl",
	} {
		if got := languages[belgian.find(tag)]; got != want {
			t.Errorf("for %q %v is spoken, want %v", tag, got, want)
		}
	}
	for _, own := range []string{"", "tlh"} {
		if got := newLanguagePicker(own).find(""); got != 0 {
			t.Errorf("where the reader's own language is %q, it is %v", own, got)
		}
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
		plain := func(v View, tag string) scene {
			v.Language = ""
			return scene{view: v, language: b.k.languages.find(tag), pressed: nothing}
		}
		b.shows("Polish", plain(v, "pl"))
		b.tap("pin")
		if c, _ := b.control("cancel"); c.Label != "Anuluj" {
			t.Errorf("%+v", c)
		}
		b.tap("cancel")
		v.Language, v.LargeText, v.HighContrast = "", false, false
		b.show(v)
		b.shows("the reader's own language", plain(v, "de"))
	}, func(b *bench, o *Opts) { o.Language = "de" })
}
