package console

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

var shownToken = regexp.MustCompile(`lk_[0-9A-Za-z]{36}`)

func TestATokenIsShownOnceAndWorksUntilItIsRevoked(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	b.get("/tokens?ask=make&preset=home-assistant").shows(t, http.StatusOK, `value="Home Assistant"`, `value="read" checked`, `value="activity" checked`, `value="operate" checked`, `value="365"`)
	if p := b.get("/tokens?ask=make&preset=home-assistant"); strings.Contains(p.body, `value="manage" checked`) {
		t.Error("Home Assistant would manage users")
	}
	fields := []string{"name", "Home Assistant", "scope", "read", "scope", "operate", "days", "30", "networks", "192.0.2.1, 198.51.100.0/24", "once", "a token"}
	made := b.post("/tokens", fields...)
	made.shows(t, http.StatusOK, "The token of Home Assistant", "Shown once: note it now.", "hidden data-copy")
	text := shownToken.FindString(made.body)
	actor, err := w.desk.TokenActor(t.Context(), text, "198.51.100.9")
	if err != nil || !actor.May(desk.Unlock) || actor.May(desk.ViewUsers) {
		t.Errorf("%q is of %+v: %v", text, actor, err)
	}
	for _, p := range []*page{b.post("/tokens", fields...), b.get("/tokens"), b.get("/tokens?ask=revoke&about=1"), b.get("/settings/audit")} {
		if shownToken.MatchString(p.body) {
			t.Errorf("%s shows the token again", p.url.Path)
		}
	}
	b.get("/tokens?ask=revoke&about=1").shows(t, http.StatusOK, "Home Assistant", "only from 192.0.2.1/32, 198.51.100.0/24", "Made by Edsger Dijkstra", "Revoke Home Assistant?")
	b.post("/tokens/1/revoke").shows(t, http.StatusOK, "it has no effect any more", "No tokens")
	b.post("/tokens/1/revoke").shows(t, http.StatusOK, "already revoked")
	if _, err := w.desk.TokenActor(t.Context(), text, "192.0.2.1"); err != desk.ErrNoToken {
		t.Errorf("after that: %v", err)
	}
}

func TestATokenIsOnlyMadeByWhoWasJustThere(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	w.pass(desk.SessionIdle / 2)
	b.post("/tokens", "name", "Program", "scope", "read", "days", "30").shows(t, http.StatusUnprocessableEntity, "Enter your password again", `value="read" checked`)
	b.post("/tokens", "name", "Program", "scope", "read", "days", "30", "password", password).shows(t, http.StatusOK, "The token of Program")
}

func TestTheTokensPageSaysWhereTheAPIIs(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	b.get("/tokens").shows(t, http.StatusOK, "The API is off")
	w.console.apiPort = "12445"
	b.get("/tokens").shows(t, http.StatusOK, "https://127.0.0.1:12445")
	if p := w.visitor(desk.Editor).get("/"); strings.Contains(p.body, `href="/tokens"`) {
		t.Error("who may not see tokens is led to them")
	}
	b.get("/").shows(t, http.StatusOK, `href="/tokens"`)
}

// tokenTour looks at the page of tokens.
func tokenTour(t *testing.T, beside context.Context) {
	t.Helper()
	w := newWorld(t)
	ctx, complaints := chromium(t, beside, w, desk.Owner)
	tour(t, ctx, w, []stop{{"tokens-none", "/tokens", ""}})
	for _, form := range []desk.TokenForm{
		{Name: "Home Assistant", Scopes: []desk.Scope{desk.ScopeRead, desk.ScopeActivity, desk.ScopeOperate}, Days: 365},
		{Name: "An old importer of users from the register", Scopes: desk.Scopes(), Networks: []string{"192.0.2.10", "2001:db8:1234:5678::/64", "198.51.100.0/24"}, Days: 1},
	} {
		_, _, err := w.desk.MakeToken(t.Context(), owner, form)
		w.must(err)
	}
	w.console.apiPort = "12445"
	tour(t, ctx, w, []stop{
		{"tokens", "/tokens", ""},
		{"token-new", "/tokens?ask=make&preset=n8n", ""},
		{"token-revoke", "/tokens?ask=revoke&about=1", ""},
	})
	do(t, ctx, arrive(w.server.URL+"/tokens?ask=make&preset=n8n"))
	const form, submit = `const form = document.querySelector("form.card"); form.noValidate = true; `, `form.querySelector("button[type=submit]").click(); true`
	eval[bool](t, ctx, form+`form.days.value = "0"; form.networks.value = "home"; `+submit)
	do(t, ctx, chromedp.WaitVisible(chromedp.CSS("#w-days")))
	lookAt(t, ctx, "token-wrong")
	eval[bool](t, ctx, form+`form.days.value = "30"; form.networks.value = ""; `+submit)
	do(t, ctx, chromedp.WaitVisible(chromedp.CSS("[id^=token-text-]")))
	lookAt(t, ctx, "token-made")
	contented(t, complaints)
}
