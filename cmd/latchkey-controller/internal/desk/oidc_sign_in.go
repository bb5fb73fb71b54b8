package desk

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/outbound"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// Limits of a provider.
const (
	ProviderEnds    = 10 * time.Minute // to sign in there
	providerTimeout = 10 * time.Second // of each request
	providerKnown   = 10 * time.Minute // what it says of itself
	providerAnswer  = 1 << 20          // bytes
	clockAllowance  = time.Minute      // by which its clock may differ
)

// Errors of signing in at a provider.
var (
	// ErrNoProvider: there is none, or the console has no name to come back to.
	ErrNoProvider = language.Say("there is no provider at which administrators sign in")
	// ErrProvider: the provider cannot be reached, or does not do what it should.
	ErrProvider = language.Say("the provider cannot be reached, or did not answer as it should; an Owner with a password or passkey can still sign in here")
	// ErrWrongProviderAnswer does not say what was wrong.
	ErrWrongProviderAnswer = language.Say("what came back from the provider cannot be used, took too long, or belongs to a sign-in that was begun at another controller; sign in again")
	// ErrNoRole: the provider's account has no role here.
	ErrNoRole = language.Say("your account has no role here; ask an Owner")
	// ErrAtProvider: what is done is the provider's to do.
	ErrAtProvider = language.Say("this administrator signs in at the provider, which decides it")
)

// providers is what is known of the provider.
type providers struct {
	trust *tls.Config // nil: the machine's authorities; for tests

	mu    sync.Mutex
	known *oidc.Provider
	as    store.OIDC // the settings for which it is known
	until time.Time  // monotonic
	seal  cipher.AEAD
}

// A begun is a sign-in at the provider, sealed in a cookie of its browser.
type begun struct {
	State, Nonce, Verifier, Next string
	Ends                         clock.Steady
	Revision                     int64
}

// sealer returns what seals begun sign-ins, with a key of this process.
func (p *providers) sealer() (cipher.AEAD, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seal != nil {
		return p.seal, nil
	}
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err == nil {
		p.seal, err = cipher.NewGCMWithRandomNonce(block)
	}
	return p.seal, err
}

// guarded sends requests over TLS to the provider, and nowhere that its settings do not allow.
type guarded struct{ http.RoundTripper }

func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errors.New("the provider wants to be asked without TLS")
	}
	response, err := g.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, providerAnswer), response.Body}
	}
	return response, err
}

// client returns what asks a provider.
func (p *providers) client(o *store.OIDC) *http.Client {
	host := provider(o).Host()
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		to, _, _ := net.SplitHostPort(address)
		return outbound.Dialer{Inside: o.Inside && to == host, Timeout: providerTimeout}.DialContext(ctx, network, address)
	}
	return &http.Client{
		Timeout:       providerTimeout,
		Transport:     guarded{&http.Transport{DialContext: dial, TLSClientConfig: p.trust, DisableKeepAlives: true, MaxResponseHeaderBytes: 32 << 10}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// provider returns what a provider says of itself, and a context in which it is asked.
func (p *providers) provider(ctx context.Context, o *store.OIDC) (*oidc.Provider, context.Context, error) {
	ctx = oidc.ClientContext(ctx, p.client(o))
	p.mu.Lock()
	defer p.mu.Unlock() // strangers together ask once
	if p.known != nil && p.as.Revision == o.Revision && p.as.Issuer == o.Issuer && time.Now().Before(p.until) {
		return p.known, ctx, nil
	}
	known, err := oidc.NewProvider(context.WithoutCancel(ctx), o.Issuer)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	p.known, p.as, p.until = known, *o, time.Now().Add(providerKnown)
	return known, ctx, nil
}

// atProvider returns the provider's settings, its secret and the current time.
func (d *Desk) atProvider(ctx context.Context) (o *store.OIDC, secret []byte, now clock.Steady, err error) {
	err = d.site.View(ctx, func(tx *store.Tx) error {
		if o, err = tx.OIDC(); errors.Is(err, store.ErrNotFound) || err == nil && d.Origin() == "" {
			return ErrNoProvider
		}
		if err != nil {
			return err
		}
		if len(o.Secret) > 0 {
			if secret, err = d.site.Unseal(site.SealedOIDC, 0, o.Secret); err != nil {
				return err
			}
		}
		now, err = d.steady(tx)
		return err
	})
	return o, secret, now, err
}

// ProviderCallback is the path to which the provider sends browsers back.
const ProviderCallback = "/sign-in/oidc/callback"

func (d *Desk) oauth(o *store.OIDC, secret []byte, at *oidc.Provider) *oauth2.Config {
	scopes := []string{oidc.ScopeOpenID, "profile"}
	if o.Claim == "groups" {
		scopes = append(scopes, "groups")
	}
	return &oauth2.Config{ClientID: o.Client, ClientSecret: string(secret), Endpoint: at.Endpoint(), RedirectURL: d.Origin() + ProviderCallback, Scopes: scopes}
}

// BeginAtProvider returns where a browser goes to sign in, and what it keeps until it is
// back. again has the provider ask who is there, even if it knows. The error is
// ErrNoProvider or ErrProvider.
func (d *Desk) BeginAtProvider(ctx context.Context, next string, again bool) (to, kept string, err error) {
	o, secret, now, err := d.atProvider(ctx)
	if err != nil {
		return "", "", err
	}
	defer clear(secret)
	at, _, err := d.providers.provider(ctx, o)
	if err != nil {
		return "", "", err
	}
	b := &begun{rand.Text(), rand.Text(), oauth2.GenerateVerifier(), cut(next, 1024), now.Add(ProviderEnds), o.Revision}
	content, err := json.Marshal(b)
	if err != nil {
		return "", "", err
	}
	seal, err := d.providers.sealer()
	if err != nil {
		return "", "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(b.Nonce), oauth2.S256ChallengeOption(b.Verifier)}
	if again {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return d.oauth(o, nil, at).AuthCodeURL(b.State, options...), base64.RawURLEncoding.EncodeToString(seal.Seal(nil, nil, content, nil)), nil
}

// opened returns what a browser kept, if the answer is to it.
func (p *providers) opened(kept string, answer url.Values) (*begun, error) {
	seal, err := p.sealer()
	if err != nil {
		return nil, err
	}
	sealed, err := base64.RawURLEncoding.DecodeString(kept)
	if err != nil {
		return nil, ErrWrongProviderAnswer
	}
	content, err := seal.Open(nil, nil, sealed, nil)
	b := new(begun)
	if err != nil || json.Unmarshal(content, b) != nil || subtle.ConstantTimeCompare([]byte(b.State), []byte(answer.Get("state"))) != 1 {
		return nil, ErrWrongProviderAnswer
	}
	return b, nil
}

// An account is who a provider says is there.
type account struct {
	subject, name string
	role          Role // "": none
	fresh         bool // it was asked just now
}

// SignInAtProvider signs in who comes back from the provider with an answer, the query of
// ProviderCallback, and what the browser kept; next is the page to go to. Who is unknown
// becomes an administrator. The errors are ErrWrongProviderAnswer, ErrNoRole, ErrProvider
// and ErrNoProvider.
func (d *Desk) SignInAtProvider(ctx context.Context, kept string, answer url.Values, from Client) (session *Session, next string, err error) {
	b, err := d.providers.opened(kept, answer)
	if err != nil {
		return nil, "", err
	}
	o, secret, now, err := d.atProvider(ctx)
	if err != nil {
		return nil, "", err
	}
	defer clear(secret)
	if now >= b.Ends || b.Revision != o.Revision || !d.passkeys.use(now, b.State) { // an answer counts once
		return nil, "", ErrWrongProviderAnswer
	}
	who, err := d.identify(ctx, o, secret, b, answer)
	if err == nil && who.role == "" {
		err = ErrNoRole
	}
	if err != nil {
		return nil, "", d.refuseAtProvider(ctx, o, who, from, err)
	}
	err = d.site.Update(ctx, func(tx *store.Tx) error {
		is, err := tx.OIDC()
		if err != nil || is.Revision != o.Revision {
			return errors.Join(err, ErrWrongProviderAnswer)
		}
		admin, err := d.adminOf(tx, o.Issuer, who)
		if err != nil {
			return err
		}
		if session, err = d.begin(tx, admin, from); err != nil {
			return err
		}
		if !who.fresh {
			if err := d.stale(tx, session); err != nil {
				return err
			}
		}
		return tx.AddAudit(new(auditTarget).audit(d.now(), session.Actor, actSignIn, store.Done, auditOf(language.Say("as %s at %s, from %s¦a role, a provider, an address", who.role.Title(), o.Issuer, from.Address))))
	})
	return session, b.Next, err
}

// identify asks the provider who is there.
func (d *Desk) identify(ctx context.Context, o *store.OIDC, secret []byte, b *begun, answer url.Values) (account, error) {
	at, ctx, err := d.providers.provider(ctx, o)
	if err != nil {
		return account{}, err
	}
	if iss := answer.Get("iss"); answer.Get("code") == "" || iss != "" && iss != o.Issuer { // RFC 9207
		return account{}, ErrWrongProviderAnswer
	}
	got, err := d.oauth(o, secret, at).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(b.Verifier))
	if refused := (*oauth2.RetrieveError)(nil); errors.As(err, &refused) {
		return account{}, ErrWrongProviderAnswer
	} else if err != nil {
		return account{}, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	raw, _ := got.Extra("id_token").(string)
	now := d.now()
	verifier := at.VerifierContext(ctx, &oidc.Config{
		ClientID: o.Client, Now: func() time.Time { return now.Add(-clockAllowance) },
		SupportedSigningAlgs: []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA},
	})
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		return account{}, ErrWrongProviderAnswer
	}
	var all map[string]any
	var claims struct {
		Party    string `json:"azp"`
		Name     string `json:"name"`
		User     string `json:"preferred_username"`
		AuthTime int64  `json:"auth_time"`
	}
	if token.Claims(&all) != nil || token.Claims(&claims) != nil || token.Subject == "" || len(token.Subject) > 255 ||
		subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(b.Nonce)) != 1 ||
		claims.Party != o.Client && (claims.Party != "" || len(token.Audience) > 1) || token.IssuedAt.After(now.Add(clockAllowance)) {
		return account{}, ErrWrongProviderAnswer
	}
	asked := now.Sub(time.Unix(claims.AuthTime, 0))
	return account{token.Subject, cmp.Or(claims.Name, claims.User), provider(o).role(all[o.Claim]), asked < FreshFor && asked > -clockAllowance}, nil
}

// role returns the mightiest role that a claim's value gives, a text or a list; "": none.
func (p *Provider) role(claim any) Role {
	values, _ := claim.([]any)
	if one, ok := claim.(string); ok {
		values = []any{one}
	}
	for _, role := range Roles() {
		if role == Owner && !p.Owners {
			continue
		}
		if slices.ContainsFunc(values, func(v any) bool { text, ok := v.(string); return ok && p.Roles[text] == role }) {
			return role
		}
	}
	return ""
}

// adminOf returns the administrator who a provider's account is, with the role it says now.
func (d *Desk) adminOf(tx *store.Tx, issuer string, who account) (*store.Admin, error) {
	admin, err := tx.AdminOf(issuer, who.subject)
	if err == nil {
		admin.Role = string(who.role)
		return admin, tx.SetRole(admin.ID, admin.Role)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	for n := range 1000 { // names are no identity, so another's is not taken
		name := TidyName(cut(Clean(who.name), 48))
		switch {
		case checkAdminName(name) != nil:
			name = fmt.Sprintf("Administrator %d", n+1)
		case n > 0:
			name = fmt.Sprintf("%s (%d)", name, n+1)
		}
		admin = &store.Admin{Name: name, Role: string(who.role), Created: d.now().Unix()}
		if err = tx.AddAdmin(admin); !errors.Is(err, store.ErrNameTaken) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	admin.Issuer = issuer
	return admin, tx.SetSubject(admin.ID, issuer, who.subject)
}

// stale has a new session not count as fresh.
func (d *Desk) stale(tx *store.Tx, s *Session) error {
	row, err := tx.Session(s.Actor.session)
	if err != nil {
		return err
	}
	row.Authenticated = row.Began.Add(-FreshFor)
	s.Actor.FreshSignIn = false
	return tx.TouchSession(row, d.now())
}

// refuseAtProvider audits why nobody was signed in, and returns that.
func (d *Desk) refuseAtProvider(ctx context.Context, o *store.OIDC, who account, from Client, why error) error {
	text := language.Say("an answer that cannot be used came from %s, from %s¦a provider, an address", o.Issuer, from.Address)
	switch {
	case errors.Is(why, ErrNoRole):
		text = language.Say("the account %s of %s has no role, from %s¦at a provider, an address", cut(Clean(who.subject), 128), o.Issuer, from.Address)
	case errors.Is(why, ErrProvider):
		text = language.Say("the provider %s cannot be reached, from %s¦an address", o.Issuer, from.Address)
		d.log.Error("the provider at which administrators sign in", "err", why)
	}
	err := d.site.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		return tx.AddRefused(new(auditTarget).audit(d.now(), Actor{Name: unknownAccount, Via: Console}, actSignIn, store.Refused, auditOf(text)))
	})
	if err != nil {
		return err
	}
	return why
}
