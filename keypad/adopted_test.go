package keypad

import (
	"strings"
	"testing"
	"time"
)

func TestATouchAnywhereSaysThatWhoAdoptedTheReaderWasSeen(t *testing.T) {
	seen := 0
	run(t, func(b *bench) {
		v := View{Screen: Adopted, Site: "home", Fingerprint: someKey}
		b.show(v)
		b.showsView(v)
		b.wait(time.Minute)
		if !b.light.lit() {
			t.Error("the screen goes dark")
		}
		b.tap("done")
		if seen != 1 || len(b.entries) != 0 {
			t.Errorf("seen %d times", seen)
		}
		b.showsView(v) // until the next view comes
		b.show(home())
		b.tap("pin", "cancel")
		if seen != 1 {
			t.Errorf("another screen is seen as this one, %d times", seen)
		}
	}, func(b *bench, o *Opts) { o.OnSeen = func() { seen++ } })
}

func TestTheLightGoesOnWhenAReaderWaitsAtASite(t *testing.T) {
	run(t, func(b *bench) {
		v := View{Screen: NotSetUp, Fingerprint: someKey, Looking: true}
		b.show(v)
		b.wait(time.Minute)
		if b.light.lit() {
			t.Fatal("the screen stays lit while it looks for a controller")
		}
		v.Site = "home"
		b.show(v)
		b.wait(time.Second)
		if !b.light.lit() {
			t.Error("the screen stays dark")
		}
	})
}

func TestAFingerprintIsWholeWhateverTheSiteIsCalled(t *testing.T) {
	for _, site := range []string{strings.Repeat("w", 32), "w-" + strings.Repeat("w", 30), strings.Repeat("w-", 16)} {
		for _, at := range sizes() {
			p, l := testPainter(t, at)
			for in := range lang(len(languages)) {
				for _, look := range looks {
					for _, screen := range []Screen{NotSetUp, Adopted} {
						s := example(func(s *scene) {
							s.view.Screen, s.view.Site, s.view.Fingerprint, s.view.MoreSites, s.view.ReaderID = screen, site, someKey, 200, strings.Repeat("m", 32)
							s.language, s.view.LargeText, s.view.HighContrast = in, look.large, look.contrast
							s.view.LinkLost, s.view.ClockUntrusted, s.view.Notes = true, true, "Clean the screen"
						})
						_, boxes := p.arrange(&s)
						whole := false
						for _, b := range boxes {
							for _, words := range b.texts {
								whole = whole || words.whole == someKey && !words.cut && words.size().Y <= b.Dy()
							}
						}
						if !whole {
							t.Errorf("%v, %s, %s, screen %d: the fingerprint is cut", l, look.name, languages[in], screen)
						}
					}
				}
			}
		}
	}
}
