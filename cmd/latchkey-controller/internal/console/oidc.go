package console

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// providerCookie holds a sign-in at the provider that has begun, sealed.
const providerCookie = "__Host-provider"

func setProviderCookie(w http.ResponseWriter, kept string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: providerCookie, Value: kept, Path: "/", MaxAge: int(age / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, // it comes back from another site
	})
}

// goToProvider sends a browser to the provider, and with the query "again" has it ask who
// is there even if it knows.
func (c *Console) goToProvider(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if !c.atOrigin(r) && c.desk.Origin() != "" { // the provider sends it back there, and the cookie is not
		http.Redirect(w, r, c.desk.Origin()+r.URL.RequestURI(), http.StatusSeeOther)
		return nil
	}
	to, kept, err := c.desk.BeginAtProvider(r.Context(), local(q.Get("next")), q.Has("again"))
	if err != nil {
		return c.providerRefused(w, r, err)
	}
	setProviderCookie(w, kept, desk.ProviderEnds)
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// fromProvider signs in who comes back from the provider.
func (c *Console) fromProvider(w http.ResponseWriter, r *http.Request) error {
	kept := ""
	if cookie, err := r.Cookie(providerCookie); err == nil {
		kept = cookie.Value
	}
	setProviderCookie(w, "", -time.Second)
	session, next, err := c.desk.SignInAtProvider(r.Context(), kept, r.URL.Query(), client(r))
	if err != nil {
		return c.providerRefused(w, r, err)
	}
	c.welcome(w, r, session, local(next))
	return nil
}

// providerRefused shows the sign-in page with what went wrong at the provider.
func (c *Console) providerRefused(w http.ResponseWriter, r *http.Request, err error) error {
	f := newForm("next", "/")
	status := http.StatusForbidden
	switch {
	case errors.Is(err, desk.ErrNoProvider):
		return desk.ErrNotFound
	case errors.Is(err, desk.ErrProvider):
		status = http.StatusBadGateway
		f.Wrong[""] = language.Of(desk.ErrProvider).Alone()
	case errors.Is(err, desk.ErrWrongProviderAnswer), errors.Is(err, desk.ErrNoRole):
		f.Wrong[""] = language.Of(err).Alone()
	default:
		return err
	}
	c.showSignIn(w, r, status, signInPage{Form: f})
	return nil
}

// providerForm returns the form of a provider.
func providerForm(p *desk.Provider) *form {
	f := newForm("issuer", p.Issuer, "client", p.Client, "claim", p.Claim, "provider-revision", fmt.Sprint(p.Revision))
	var lines []string
	for _, value := range slices.Sorted(maps.Keys(p.Roles)) {
		lines = append(lines, value+" = "+string(p.Roles[value]))
	}
	f.Values.Set("mapping", strings.Join(lines, "\n"))
	for name, on := range map[string]bool{"owners": p.Owners, "inside": p.Inside} {
		if on {
			f.Values.Set(name, "on")
		}
	}
	return f
}

func (c *Console) setProvider(r *http.Request, v *visit, f *form) (answer, error) {
	was, err := strconv.ParseInt(f.Get("provider-revision"), 10, 64)
	if err != nil {
		return answer{}, errBadForm
	}
	p := &desk.Provider{Issuer: f.Trim("issuer"), Client: f.Trim("client"), Claim: f.Trim("claim"), Roles: map[string]desk.Role{}, Owners: f.Has("owners", "on"), Inside: f.Has("inside", "on")}
	for line := range strings.Lines(f.Get("mapping")) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		at := strings.LastIndex(line, "=")
		if at < 0 {
			return answer{}, f.wrong("mapping", "Write VALUE = ROLE on each line.")
		}
		p.Roles[strings.TrimSpace(line[:at])] = desk.Role(strings.TrimSpace(line[at+1:]))
	}
	return answer{to: "/settings/sign-in", notice: language.Say("Saved. Who had signed in at a provider is signed out.")}, c.desk.SetProvider(r.Context(), v.Actor, was, p, slices.Clone(f.secret["oidc-secret"]))
}

func (c *Console) removeProvider(r *http.Request, v *visit, _ *form) (answer, error) {
	return answer{to: "/settings/sign-in", notice: language.Say("Administrators sign in only here. Who had signed in at the provider is signed out.")}, c.desk.RemoveProvider(r.Context(), v.Actor)
}
