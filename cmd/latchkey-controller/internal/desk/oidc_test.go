package desk

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// A login is a provider with TLS, at which a person is who the test says.
type login struct {
	*mockoidc.MockOIDC
	w      *world
	client *http.Client // of the person's browser
	token  string       // instead of the signed ID token; "": that
}

// A person is a provider's account. Its claims replace those that the provider gives.
type person struct {
	subject string
	claims  map[string]any
}

func (p *person) ID() string                        { return p.subject }
func (p *person) Userinfo([]string) ([]byte, error) { return []byte("{}"), nil }

func (p *person) Claims(_ []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	b, err := json.Marshal(base)
	all := jwt.MapClaims{}
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	for claim, value := range p.claims {
		if all[claim] = value; value == nil {
			delete(all, claim)
		}
	}
	return all, err
}

// login starts a provider and has administrators sign in there.
func (w *world) login(change func(*Provider)) *login {
	w.t.Helper()
	like := httptest.NewTLSServer(nil) // for its certificate
	like.Close()
	transport := like.Client().Transport.(*http.Transport)
	l := &login{w: w, client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	var err error
	l.MockOIDC, err = mockoidc.NewServer(nil)
	w.must(err)
	w.must(l.AddMiddleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(to http.ResponseWriter, r *http.Request) {
			if l.token == "" || !strings.HasSuffix(r.URL.Path, "/token") {
				next.ServeHTTP(to, r)
				return
			}
			to.Header().Set("Content-Type", "application/json")
			json.NewEncoder(to).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": l.token})
		})
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	config := &tls.Config{Certificates: like.TLS.Certificates}
	w.must(l.Start(tls.NewListener(listener, config), config))
	w.t.Cleanup(func() { l.Shutdown() })
	w.time = time.Now() // as the provider has it
	w.must(w.ServeAt(consoleHere))
	w.providers.trust = transport.TLSClientConfig
	p := &Provider{Issuer: l.Issuer(), Client: l.ClientID, Claim: "groups", Inside: true, Roles: map[string]Role{"guards": Viewer, "doors": Editor, "heads": Owner}, Owners: true}
	if change != nil {
		change(p)
	}
	w.must(w.SetProvider(w.t.Context(), as(Owner), 0, p, []byte(l.ClientSecret)))
	return l
}

// begin goes to the provider, where a person signs in, and returns what the browser kept and
// with what it comes back.
func (l *login) begin(p *person) (kept string, answer url.Values) {
	l.w.t.Helper()
	l.QueueUser(p)
	to, kept, err := l.w.BeginAtProvider(l.w.t.Context(), "/users", false)
	l.w.must(err)
	response, err := l.client.Get(to)
	l.w.must(err)
	response.Body.Close()
	back, err := response.Location()
	l.w.must(err)
	if got := back.Scheme + "://" + back.Host + back.Path; got != consoleHere+ProviderCallback {
		l.w.t.Errorf("it comes back to %s", got)
	}
	return kept, back.Query()
}

func (l *login) signIn(p *person) (*Session, error) {
	l.w.t.Helper()
	kept, answer := l.begin(p)
	s, _, err := l.w.SignInAtProvider(l.w.t.Context(), kept, answer, here)
	return s, err
}

func grace(claims ...any) *person {
	p := &person{"grace", map[string]any{"groups": []string{"doors"}, "name": "Grace Hopper"}}
	for i := 0; i+1 < len(claims); i += 2 {
		p.claims[claims[i].(string)] = claims[i+1]
	}
	return p
}

func TestAProvidersAccountSignsInWithTheRoleThatItHasThen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.login(nil)
	first := w.owner()
	kept, answer := l.begin(grace())
	s, next, err := w.SignInAtProvider(t.Context(), kept, answer, here)
	w.must(err)
	if a := s.Actor; a.Name != "Grace Hopper" || a.Role != Editor || !a.Provider || !a.NoPassword || a.FreshSignIn || next != "/users" {
		t.Errorf("%+v to %s", a, next)
	}
	if e := w.newest(); e.Text.String() != "Grace Hopper signed in as Limited Admin (Can Edit) at "+l.Issuer()+", from 192.0.2.7" {
		t.Errorf("%q", e.Text)
	}
	again, err := l.signIn(grace("groups", []string{"x", "guards", "heads"}, "name", "Somebody else", "auth_time", time.Now().Unix()))
	w.must(err)
	if a := again.Actor; a.ID != s.Actor.ID || a.Name != "Grace Hopper" || a.Role != Owner || !a.FreshSignIn {
		t.Errorf("%+v", a)
	}
	if text, err := l.signIn(grace("groups", "guards", "auth_time", time.Now().Add(-FreshFor-time.Minute).Unix())); err != nil || text.Actor.Role != Viewer || text.Actor.FreshSignIn {
		t.Errorf("one value as a text: %+v, %v", text, err)
	}
	// Somebody who is only called the same is somebody else.
	other, err := l.signIn(&person{"eve", map[string]any{"groups": []string{"guards"}, "name": "ADA lovelace"}})
	w.must(err)
	if a := other.Actor; a.ID == first.Actor.ID || a.Name != "ADA lovelace (2)" || a.Role != Viewer {
		t.Errorf("%+v", a)
	}
	if nameless, err := l.signIn(&person{"bob", map[string]any{"groups": []string{"guards"}}}); err != nil || nameless.Actor.Name != "Administrator 1" {
		t.Errorf("%+v, %v", nameless, err)
	}
	// They have no other way in, and the provider decides their role.
	for what, err := range map[string]error{
		"a role": w.SetRole(t.Context(), first.Actor, s.Actor.ID, Owner),
		"a link": func() error { _, err := w.NewOneTimeLink(t.Context(), first.Actor, s.Actor.ID); return err }(),
		"a passkey": func() error {
			fresh, err := l.signIn(grace("auth_time", time.Now().Unix()))
			w.must(err)
			return w.AddPasskey(t.Context(), fresh.Token, "Phone", nil)
		}(),
	} {
		if !errors.Is(err, ErrAtProvider) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := w.RemoveAdmin(t.Context(), first.Actor, first.Actor.ID); Fields(err)["role"] == nil {
		t.Error("the last Owner of this console is removed:", err)
	}
	w.must(w.RemoveProvider(t.Context(), first.Actor))
	if _, err := w.Session(t.Context(), s.Token, true); !errors.Is(err, ErrSignedOut) {
		t.Error("the provider is gone, and who signed in there is not:", err)
	}
	if _, err := w.Session(t.Context(), first.Token, true); err != nil {
		t.Error(err)
	}
}

func TestWhoHasNoRoleAtTheProviderHasNoneHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.login(func(p *Provider) { p.Owners = false; delete(p.Roles, "heads") })
	for _, groups := range []any{nil, "", []string{}, []string{"Doors"}, []string{"heads"}, 7, []any{7, map[string]any{"doors": 1}}, map[string]any{"doors": true}} {
		if _, err := l.signIn(grace("groups", groups)); !errors.Is(err, ErrNoRole) {
			t.Errorf("%v: %v", groups, err)
		}
	}
	if e := w.newest(); e.Text.String() != "Somebody unknown could not sign in: the account grace of "+l.Issuer()+" has no role, from 192.0.2.7" {
		t.Errorf("%q", e.Text)
	}
	if admins, err := w.Admins(t.Context(), as(Owner)); err != nil || len(admins) != 0 {
		t.Errorf("%+v, %v", admins, err)
	}
}

func TestATokenThatIsNotForThisSignInSignsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.login(nil)
	refuses := func(why string, p *person, change func(url.Values)) {
		t.Helper()
		kept, answer := l.begin(p)
		if change != nil {
			change(answer)
		}
		if _, _, err := w.SignInAtProvider(t.Context(), kept, answer, here); !errors.Is(err, ErrWrongProviderAnswer) {
			t.Errorf("%s: %v", why, err)
		}
	}
	for why, p := range map[string]*person{
		"another audience":           grace("aud", []string{"other"}),
		"no audience":                grace("aud", nil),
		"another party":              grace("azp", "other"),
		"two audiences and no party": grace("aud", []string{l.ClientID, "other"}),
		"another issuer":             grace("iss", "https://example.com"),
		"another nonce":              grace("nonce", "other"),
		"no nonce":                   grace("nonce", nil),
		"expired":                    grace("exp", time.Now().Add(-2*time.Minute).Unix()),
		"no end":                     grace("exp", nil),
		"of tomorrow":                grace("iat", time.Now().Add(time.Hour).Unix()),
		"no subject":                 grace("sub", ""),
		"a long subject":             grace("sub", strings.Repeat("x", 256)),
	} {
		refuses(why, p, nil)
	}
	for why, change := range map[string]func(url.Values){
		"another state":  func(q url.Values) { q.Set("state", "other") },
		"no state":       func(q url.Values) { q.Del("state") },
		"another code":   func(q url.Values) { q.Set("code", "other") },
		"no code":        func(q url.Values) { q.Del("code") },
		"another's iss":  func(q url.Values) { q.Set("iss", "https://example.com") },
		"a refusal only": func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") },
	} {
		refuses(why, grace(), change)
	}
	if _, err := l.signIn(grace("exp", time.Now().Add(-30*time.Second).Unix())); err != nil {
		t.Error("within the allowance for clocks:", err)
	}
	stranger, err := mockoidc.RandomKeypair(2048)
	w.must(err)
	claims := func() (jwt.MapClaims, string, url.Values) {
		kept, answer := l.begin(grace())
		b, err := w.providers.opened(kept, answer)
		w.must(err)
		return jwt.MapClaims{"iss": l.Issuer(), "aud": l.ClientID, "sub": "grace", "nonce": b.Nonce, "groups": []string{"heads"}, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}, kept, answer
	}
	for why, sign := range map[string]func(jwt.MapClaims) (string, error){
		"unsigned": func(c jwt.MapClaims) (string, error) {
			return jwt.NewWithClaims(jwt.SigningMethodNone, c).SignedString(jwt.UnsafeAllowNoneSignatureType)
		},
		"by the secret": func(c jwt.MapClaims) (string, error) {
			return jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(l.ClientSecret))
		},
		"by an unknown key":   func(c jwt.MapClaims) (string, error) { return stranger.SignJWT(c) },
		"no token":            func(jwt.MapClaims) (string, error) { return "x", nil },
		"right, as a control": func(c jwt.MapClaims) (string, error) { return l.Keypair.SignJWT(c) },
	} {
		c, kept, answer := claims()
		l.token, err = sign(c)
		w.must(err)
		if _, _, err := w.SignInAtProvider(t.Context(), kept, answer, here); (err == nil) != strings.HasPrefix(why, "right") || err != nil && !errors.Is(err, ErrWrongProviderAnswer) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestASignInAtTheProviderIsOfOneBrowserOnceAndInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.login(nil)
	kept, answer := l.begin(grace())
	other, _ := l.begin(grace())
	for why, kept := range map[string]string{"another browser": other, "no cookie": "", "no seal": strings.Repeat("A", 200)} {
		if _, _, err := w.SignInAtProvider(t.Context(), kept, answer, here); !errors.Is(err, ErrWrongProviderAnswer) {
			t.Errorf("%s: %v", why, err)
		}
	}
	if _, _, err := w.SignInAtProvider(t.Context(), kept, answer, here); err != nil {
		t.Error(err)
	}
	l.token = "x" // the provider would take the code again
	if _, _, err := w.SignInAtProvider(t.Context(), kept, answer, here); !errors.Is(err, ErrWrongProviderAnswer) || w.newest().Result == Refused {
		t.Error("a second time, and the provider is asked:", err)
	}
	l.token = ""
	kept, answer = l.begin(grace())
	w.time = w.time.Add(ProviderEnds)
	if _, _, err := w.SignInAtProvider(t.Context(), kept, answer, here); !errors.Is(err, ErrWrongProviderAnswer) {
		t.Error("too late:", err)
	}
	w.time = time.Now()
	kept, answer = l.begin(grace())
	p, err := w.Provider(t.Context(), as(Owner))
	w.must(err)
	w.must(w.SetProvider(t.Context(), as(Owner), p.Revision, p, nil))
	if _, _, err := w.SignInAtProvider(t.Context(), kept, answer, here); !errors.Is(err, ErrWrongProviderAnswer) {
		t.Error("the settings were changed meanwhile:", err)
	}
	if _, err := l.signIn(grace()); err != nil {
		t.Error("the secret is not kept:", err)
	}
}

func TestTheControllerAsksNoHostThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.login(func(p *Provider) { p.Inside = false })
	if _, _, err := w.BeginAtProvider(t.Context(), "/", false); !errors.Is(err, ErrProvider) {
		t.Error("inside the network:", err)
	}
	p, err := w.Provider(t.Context(), as(Owner))
	w.must(err)
	p.Inside = true
	w.must(w.SetProvider(t.Context(), as(Owner), p.Revision, p, nil))
	l.Shutdown()
	if _, _, err := w.BeginAtProvider(t.Context(), "/", false); !errors.Is(err, ErrProvider) {
		t.Error("it is down:", err)
	}
	w.must(w.RemoveProvider(t.Context(), as(Owner)))
	if _, _, err := w.BeginAtProvider(t.Context(), "/", false); !errors.Is(err, ErrNoProvider) {
		t.Error("there is none:", err)
	}
}

func TestAProviderIsSetWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := func() *Provider {
		return &Provider{Issuer: "https://login.example.com", Client: "doors", Claim: "groups", Roles: map[string]Role{"a": Viewer}}
	}
	many := map[string]Role{}
	for i := range maxMapping + 1 {
		many[strings.Repeat("a", i+1)] = Viewer
	}
	for _, c := range []struct {
		field  string
		change func(*Provider)
		secret string
	}{
		{"issuer", func(p *Provider) { p.Issuer = "http://login.example.com" }, ""},
		{"issuer", func(p *Provider) { p.Issuer = "https://" }, ""},
		{"issuer", func(p *Provider) { p.Issuer = "https://me:you@login.example.com" }, ""},
		{"client", func(p *Provider) { p.Client = " " }, ""},
		{"claim", func(p *Provider) { p.Claim = strings.Repeat("x", maxOIDCText+1) }, ""},
		{"mapping", func(p *Provider) { p.Roles = nil }, ""},
		{"mapping", func(p *Provider) { p.Roles = many }, ""},
		{"mapping", func(p *Provider) { p.Roles["a"] = "king" }, ""},
		{"mapping", func(p *Provider) { p.Roles["a"] = Owner }, ""},
		{"oidc-secret", func(*Provider) {}, strings.Repeat("x", maxOIDCSecret+1)},
	} {
		p := good()
		c.change(p)
		if err := w.SetProvider(t.Context(), as(Owner), 0, p, []byte(c.secret)); Fields(err)[c.field] == nil {
			t.Errorf("%s of %+v: %v", c.field, p, err)
		}
	}
	secret := []byte("a secret of the client")
	w.must(w.SetProvider(t.Context(), as(Owner), 0, good(), secret))
	if strings.Contains(string(secret), "client") {
		t.Error("the secret is still in memory")
	}
	if e := w.newest(); e.Text.String() != "Owner changed how administrators of home sign in: at https://login.example.com by groups, a is Limited Admin (Can View)" {
		t.Errorf("%q", e.Text)
	}
	if err := w.SetProvider(t.Context(), as(Owner), 0, good(), nil); Fields(err)["provider"] == nil {
		t.Error("it was changed meanwhile:", err)
	}
	stored := func() (o *store.OIDC) {
		w.must(w.site.View(t.Context(), func(tx *store.Tx) (err error) { o, err = tx.OIDC(); return err }))
		return o
	}
	if o := stored(); len(o.Secret) == 0 || slices.Contains([]string{string(o.Secret)}, "a secret of the client") {
		t.Error("the secret is not sealed")
	}
	other := good()
	other.Issuer = "https://evil.example.com"
	w.must(w.SetProvider(t.Context(), as(Owner), 1, other, nil))
	if o := stored(); len(o.Secret) > 0 {
		t.Error("another provider gets the secret")
	}
}
