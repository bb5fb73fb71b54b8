package handover

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device/pin/tpm"
	"latchkey/sync/wire"
)

// newSearch returns the search of a new board, which has its keys and shows their fingerprint.
func newSearch(t *testing.T, config Config, reader string) (*Search, *told) {
	t.Helper()
	told := new(told)
	s := &Search{Config: config, Dir: t.TempDir(), Reader: reader, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Tell: told.tell}
	outcome := s.Run(t.Context())
	if outcome.Bundle != nil || outcome.Fingerprint == "" {
		t.Fatalf("a board without keys: %+v", outcome)
	}
	s.Shown = outcome.Fingerprint
	return s, told
}

func TestABoardWaitsAtAControllerUntilThatHasAdoptedIt(t *testing.T) {
	t.Parallel()
	home := newSite(t, "home")
	s, told := newSearch(t, Config{Controller: serve(t, home)}, "")
	time.AfterFunc(time.Second, func() { home.adopt("front-door") })
	outcome := s.Run(t.Context())
	if outcome.Bundle == nil || outcome.Bundle.Reader != "front-door" || outcome.Fingerprint != s.Shown {
		t.Fatalf("%+v", outcome)
	}
	if want := [][]string{nil, {"home"}}; !reflect.DeepEqual(told.all, want) {
		t.Errorf("told %v, not %v", told.all, want)
	}
	home.mu.Lock()
	defer home.mu.Unlock()
	if n := len(home.heard); n < 2 || n > 4 {
		t.Errorf("asked %d times", n)
	}
	for _, h := range home.heard {
		if _, fingerprint, err := wire.ParseRequest(h.Request); err != nil || fingerprint != s.Shown || h.Reader != "" {
			t.Errorf("handed over %s as %q, and the screen shows %s: %v", fingerprint, h.Reader, s.Shown, err)
		}
	}
	adoption.NewInbox(s.Dir, s.Log).TakeOver()
	if held, err := adoption.ReadSite(s.Dir); err != nil || held.Name != "home" || held.Controller != home.controller() {
		t.Errorf("%+v, %v", held, err)
	}
}

func TestABoardWhoseScreenShowsAnotherFingerprintIsNotHandedOver(t *testing.T) {
	t.Parallel()
	home := newSite(t, "home")
	s, _ := newSearch(t, Config{Controller: serve(t, home)}, "")
	shown := s.Shown
	s.Shown = wire.Fingerprint([]byte("another"))
	if outcome := s.Run(t.Context()); outcome.Bundle != nil || outcome.Fingerprint != shown || home.asked() != 0 {
		t.Errorf("%+v, asked %d times", outcome, home.asked())
	}
}

// TestABoardWithATPMWaitsAWhileForWhatTheTPMWantsInAFirstGrant starts a board whose TPM was
// reached before, in an earlier run.
func TestABoardWithATPMWaitsAWhileForWhatTheTPMWantsInAFirstGrant(t *testing.T) {
	t.Parallel()
	chip := tpm.Open(filepath.Join(t.TempDir(), "none"))
	t.Cleanup(func() { chip.Close() })
	s := &Search{Dir: t.TempDir(), Chip: chip, began: time.Now()}
	waits := func(want bool, what string) {
		t.Helper()
		if _, _, err := s.request(t.Context()); err == nil || errors.Is(err, adoption.ErrNotReached) != want {
			t.Errorf("%s: %v", what, err)
		}
	}
	waits(true, "it was never reached")
	named := &wire.RequestTPM{Parent: []byte("parent")}
	if _, err := adoption.KeepTPM(s.Dir, named); err != nil {
		t.Fatal(err)
	}
	waits(true, "it has not said yet what it wants in a first grant")
	named.Nonce = wire.TPMNonce{1}
	if _, err := adoption.KeepTPM(s.Dir, named); err != nil {
		t.Fatal(err)
	}
	waits(false, "it has")
	if err := adoption.ForgetNonce(s.Dir); err != nil {
		t.Fatal(err)
	}
	s.began = time.Now().Add(-nonceWithin)
	waits(false, "it does not say, and the link can bring a first grant")
}

// TestWhatIsNotForThisReaderIsNotTaken has controllers answer with what is none of this board's
// business. Each time it goes on asking, and takes what is right.
func TestWhatIsNotForThisReaderIsNotTaken(t *testing.T) {
	other, _ := newSearch(t, Config{Controller: Off}, "")
	ofAnother := requestOf(t, other)
	home, rogue := newSite(t, "home"), newSite(t, "rogue")
	for name, test := range map[string]struct {
		config Config
		reader string
		answer func(*wire.Request) *wire.HandoverAnswer
	}{
		"another board's bundle": {answer: func(*wire.Request) *wire.HandoverAnswer {
			return &wire.HandoverAnswer{Site: "home", Controller: home.controller(), Bundle: home.bundle(ofAnother, "front-door")}
		}},
		"another controller's bundle": {answer: func(r *wire.Request) *wire.HandoverAnswer {
			return &wire.HandoverAnswer{Site: "home", Controller: home.controller(), Bundle: rogue.bundle(r, "front-door", func(b *wire.Bundle) { b.SiteName = "home" })}
		}},
		"another site's bundle": {answer: func(r *wire.Request) *wire.HandoverAnswer {
			return &wire.HandoverAnswer{Site: "home", Controller: rogue.controller(), Bundle: rogue.bundle(r, "front-door")}
		}},
		"a bundle for another id": {reader: "front-door", answer: func(r *wire.Request) *wire.HandoverAnswer {
			return &wire.HandoverAnswer{Site: "home", Controller: home.controller(), Bundle: home.bundle(r, "back-door")}
		}},
		"a stranger's bundle where the config names the controller": {
			config: Config{Key: wire.Fingerprint(home.key[32:])},
			answer: func(r *wire.Request) *wire.HandoverAnswer {
				return &wire.HandoverAnswer{Site: "rogue", Controller: rogue.controller(), Bundle: rogue.bundle(r, "front-door")}
			},
		},
		"a bundle cut short": {answer: func(r *wire.Request) *wire.HandoverAnswer {
			b := home.bundle(r, "front-door")
			return &wire.HandoverAnswer{Site: "home", Controller: home.controller(), Bundle: b[:len(b)-1]}
		}},
		"no bundle": {answer: func(r *wire.Request) *wire.HandoverAnswer {
			return &wire.HandoverAnswer{Site: "home", Controller: home.controller(), Bundle: []byte("garbage")}
		}},
		"a bundle to a broker that there is not": {answer: func(r *wire.Request) *wire.HandoverAnswer {
			return &wire.HandoverAnswer{Site: "home", Controller: home.controller(), Bundle: home.bundle(r, "front-door", func(b *wire.Bundle) { b.Broker = "http://example.com" })}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.Controller = Off
			s, _ := newSearch(t, test.config, test.reader)
			request := requestOf(t, s)
			if bundle, err := s.take(test.answer(request)); bundle != nil || err == nil {
				t.Errorf("it is taken: %+v, %v", bundle, err)
			}
			if _, err := os.Stat(filepath.Join(s.Dir, datadir.Adoption)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("it is in the data directory: %v", err)
			}
			right := &wire.HandoverAnswer{Site: "home", Controller: home.controller(), Bundle: home.bundle(request, "front-door")}
			if bundle, err := s.take(right); err != nil || bundle.Reader != "front-door" {
				t.Errorf("after it the right one: %v", err)
			}
		})
	}
}

// requestOf returns what a board hands over.
func requestOf(t *testing.T, s *Search) *wire.Request {
	t.Helper()
	handover, _, err := s.request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h, err := wire.ParseHandover(handover)
	if err != nil {
		t.Fatal(err)
	}
	request, _, err := wire.ParseRequest(h.Request)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// TestABundleThatWasTakenOverOnceIsNoGoodToAnotherBoard: whoever has recorded it can only give
// it to the board that it is sealed for, and that belongs to a site by then.
func TestABundleThatWasTakenOverOnceIsNoGoodToAnotherBoard(t *testing.T) {
	home := newSite(t, "home")
	s, _ := newSearch(t, Config{Controller: Off}, "")
	old := &wire.HandoverAnswer{Site: "home", Controller: home.controller(), Bundle: home.bundle(requestOf(t, s), "front-door")}
	newer := &wire.HandoverAnswer{Site: "home", Controller: home.controller(), Bundle: home.bundle(requestOf(t, s), "front-door", func(b *wire.Bundle) { b.Number = 2 })}
	if _, err := s.take(newer); err != nil {
		t.Fatal(err)
	}
	inbox := adoption.NewInbox(s.Dir, s.Log)
	inbox.TakeOver()
	if inbox.Refused() != "" {
		t.Fatal(inbox.Refused())
	}
	for _, again := range []*wire.HandoverAnswer{old, newer} {
		if _, err := s.take(again); err == nil {
			t.Error("a reader that belongs to a site takes a bundle from the network")
		}
	}
	reset, _ := newSearch(t, Config{Controller: Off}, "")
	if _, err := reset.take(newer); err == nil {
		t.Error("a board with new keys takes the bundle of the old ones")
	}
}

// TestABoardTakesTheRightBundleWhileOthersAnswerWithNonsense has it hand itself over to a
// controller whose first answers are a stranger's.
func TestABoardTakesTheRightBundleWhileOthersAnswerWithNonsense(t *testing.T) {
	t.Parallel()
	home, rogue := newSite(t, "home"), newSite(t, "rogue")
	s, told := newSearch(t, Config{Controller: serve(t, home)}, "")
	home.mu.Lock()
	home.adopted = func(r *wire.Request) []byte {
		if len(home.heard) == 1 {
			return rogue.bundle(r, "front-door")
		}
		return home.bundle(r, "front-door")
	}
	home.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if outcome := s.Run(ctx); outcome.Bundle == nil || outcome.Bundle.SiteName != "home" || home.asked() != 2 {
		t.Errorf("%+v after %d", outcome, home.asked())
	}
	if want := [][]string{nil, {"home"}}; len(told.all) > 2 || !reflect.DeepEqual(told.all, want[:len(told.all)]) {
		t.Errorf("told %v", told.all)
	}
}
