package console

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestAPINStaysInItsPanelWhileACardIsAddedUntilItIsNoted(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	made := b.post("/users/1/pin", "pin", "auto")
	digits := digitsShown.FindStringSubmatch(made.body)
	if digits == nil {
		t.Fatal("it is not shown")
	}
	for _, path := range []string{"/users/1", "/users/1?add=any", "/users/1?add=card", "/users/1?tab=credentials"} {
		b.get(path).shows(t, http.StatusOK, "New PIN", digits[2], "I have noted it")
		b.get(path).lacks(t, "It cannot be shown again")
	}
	w.visitor(desk.Editor).get("/users/1").shows(t, http.StatusOK, "It cannot be shown again")
	b.part("panel").get("/users/1?add=card").shows(t, http.StatusOK, digits[2])
	b.post("/users/1/cards", "card", "04 11 22 33 44 55 66").shows(t, http.StatusOK, digits[2], "The card was added.")
	for path, who := range map[string]*browser{"/users/1?tab=about": b, "/users/1?tab=access": b, "/users": b, "/activity": b, "/users/1": w.visitor(desk.Editor)} {
		if got := who.get(path); strings.Contains(got.body, digits[1]) || strings.Contains(got.body, digits[2]) {
			t.Errorf("%s shows it", path)
		}
	}
	got := b.post("/noted", "at", "/users/1?tab=credentials", "what", "pin")
	got.shows(t, http.StatusOK, "It cannot be shown again")
	if digitsShown.MatchString(got.body) {
		t.Error("it is shown after it was noted")
	}
}

func TestAPINIsNoLongerShownWhenItIsRemoved(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	b.post("/users/1/pin", "pin", "auto").shows(t, http.StatusOK, "I have noted it")
	w.must(w.desk.RemovePIN(t.Context(), owner, 1))
	if got := b.get("/users/1"); digitsShown.MatchString(got.body) {
		t.Error("it is shown although it opens nothing")
	}
}

func TestSecretsThatAreShownEndWithTheSession(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Editor)
	b.post("/users/1/pin", "pin", "auto").shows(t, http.StatusOK, "I have noted it")
	if n := len(w.console.secrets.all); n != 1 {
		t.Fatalf("%d are kept", n)
	}
	digits := w.console.secrets.all[0].texts[0]
	b.post("/sign-out")
	if len(w.console.secrets.all) != 0 || strings.Trim(string(digits), "\x00") != "" {
		t.Errorf("%d are kept, the digits are %q", len(w.console.secrets.all), digits)
	}
}

func TestSecretsThatAreShownAreWipedInTimeAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k secretsShown
		var first *shownSecret
		always := func(*shownSecret) bool { return true }
		for i := range maxShownPerSession + 1 {
			s := &shownSecret{At: "/tokens", What: "token", For: string(rune('a' + i)), texts: twice("secret")}
			if first == nil {
				first = s
			}
			k.keep("session", s)
		}
		if shown := k.of("session", "/tokens", always); len(shown) != maxShownPerSession || shown[0].For != "b" {
			t.Errorf("%d are shown", len(shown))
		}
		if string(first.texts[0]) == "secret" {
			t.Error("the oldest is not wiped")
		}
		if k.of("another", "/tokens", always) != nil || k.of("session", "/webhooks", always) != nil {
			t.Error("it is shown elsewhere")
		}
		last := k.all[len(k.all)-1]
		time.Sleep(shownFor - time.Second)
		if k.of("session", "/tokens", always) == nil {
			t.Error("it is gone too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(k.all) > 0 || string(last.texts[0]) == "secret" {
			t.Error("it is shown too long")
		}
		for i := range 2 * maxShown {
			k.keep(string(rune(i+1)), &shownSecret{At: "/tokens"})
		}
		if len(k.all) > maxShown {
			t.Errorf("%d are kept", len(k.all))
		}
		k.close()
	})
}
