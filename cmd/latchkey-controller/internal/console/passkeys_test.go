package console

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// device gives a browser a device that keeps passkeys and recognises its owner.
func device(t *testing.T, ctx context.Context) {
	t.Helper()
	do(t, ctx, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		_, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}})
		return err
	}))
}

// atOrigin signs an administrator in where passkeys work.
func (w *world) atOrigin(t *testing.T, ctx context.Context, role desk.Role) {
	t.Helper()
	do(t, ctx, arrive(w.origin()+"/sign-in"))
	cookie := sessionCookie + "=" + w.visitor(role).session
	eval[string](t, ctx, `document.cookie = "`+cookie+`; path=/; secure"`)
}

func TestAPasskeyOfABrowserSignsInAndConfirmsActs(t *testing.T) {
	w := newWorld(t)
	ctx, complaints := window(t, t.Context())
	device(t, ctx)
	w.atOrigin(t, ctx, desk.Owner)
	do(t, ctx, arrive(w.origin()+"/settings/account"))
	lookAt(t, ctx, "passkeys-none")
	do(t, ctx, arrive(w.origin()+"/settings/account?ask=add"))
	const add = `form[action="/settings/account/passkeys"] `
	do(t, ctx, chromedp.SendKeys(chromedp.CSS(add+"[name=name]"), "Laptop"))
	lookAt(t, ctx, "passkeys-add")
	do(t, ctx, chromedp.Click(chromedp.CSS(add+"[data-passkey]")), chromedp.WaitVisible(chromedp.CSS(`[aria-label="Remove Laptop"]`)))
	lookAt(t, ctx, "passkeys-one")

	// Signed out, the passkey alone signs in.
	do(t, ctx, chromedp.Click(chromedp.CSS(`form[action="/sign-out"] button`)), chromedp.WaitVisible(chromedp.CSS("[data-passkey]")))
	lookAt(t, ctx, "sign-in-passkey")
	do(t, ctx, chromedp.Click(chromedp.CSS("[data-passkey]")), chromedp.WaitVisible(chromedp.CSS(".me-name")))
	if who := eval[string](t, ctx, `document.querySelector(".me-name b").textContent`); who != names[desk.Owner] {
		t.Errorf("signed in as %q", who)
	}

	// Later an act asks for it again, and the form is sent with it.
	w.pass(desk.FreshFor + time.Minute)
	do(t, ctx, arrive(w.origin()+"/settings/sign-in"), chromedp.Click(chromedp.CSS("#f-role-owner")))
	lookAt(t, ctx, "sign-in-rules")
	do(t, ctx, chromedp.Click(chromedp.CSS("[data-passkey]")), chromedp.WaitVisible(chromedp.CSS(".toast")))
	rules, err := w.desk.SignInRules(t.Context(), owner)
	if err != nil || len(rules.PasskeyRoles) != 1 || rules.PasskeyRoles[0] != desk.Owner || rules.Host != "localhost" {
		t.Errorf("%+v, %v", rules, err)
	}
	w.pass(desk.FreshFor + time.Minute)
	do(t, ctx, arrive(w.origin()+"/settings/account?ask=remove&about=1"))
	if eval[bool](t, ctx, `document.querySelector("form[action$='/remove'] [name=password]") !== null`) {
		t.Error("it asks for a password, which would not be taken")
	}
	do(t, ctx, chromedp.Click(chromedp.CSS("form[action$='/remove'] [data-passkey]")), chromedp.WaitVisible(chromedp.CSS(".about .banner")))
	if said := eval[string](t, ctx, `document.querySelector(".about .banner").innerText`); !strings.Contains(said, "could not sign in any more") {
		t.Errorf("the only way in: %q", said)
	}
	lookAt(t, ctx, "passkeys-last")
	contented(t, complaints)
}

func TestPasskeysAreOfferedOnlyWhereTheyWork(t *testing.T) {
	w := newWorld(t)
	b := w.visitor(desk.Owner)
	w.visitor("").get("/sign-in").shows(t, http.StatusOK, "Passkeys work only at")
	if b.get("/settings/account?ask=add").shows(t, http.StatusOK, w.origin()); strings.Contains(b.get("/settings/account?ask=add").body, "Make the passkey") {
		t.Error("it is offered at an address")
	}
	if got := w.visitor("").get("/sign-in/passkey"); got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" || !strings.Contains(got.body, `"rpId":"localhost"`) || !strings.Contains(got.body, `"userVerification":"required"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, path := range []string{"/settings/account/passkey", "/settings/account/again"} {
		if got := w.visitor("").get(path); !strings.Contains(got.url.Path, "/sign-in") {
			t.Errorf("%s without a session: %s", path, got.url)
		}
		if got := b.get(path); got.status != http.StatusOK || !strings.Contains(got.body, `"challenge"`) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	w.visitor("").post("/sign-in", "passkey", "{}").shows(t, http.StatusUnprocessableEntity, "This passkey is not known here")
	b.post("/settings/account/passkeys", "name", "Phone", "passkey", "{}").shows(t, http.StatusUnprocessableEntity, "made no passkey that can be used here")
	w.pass(desk.FreshFor + time.Minute)
	b.post("/settings/account/again", "password", "wrong").shows(t, http.StatusUnprocessableEntity, "Your password")
	b.post("/settings/account/again", "password", password).shows(t, http.StatusOK, "Passkeys work only at")
	b.post("/settings/account/passkeys/7/remove").shows(t, http.StatusOK, "removed before")
	if got := b.post("/settings/account/passkeys/7/sell"); got.status != http.StatusNotFound {
		t.Error(got.status)
	}
}
