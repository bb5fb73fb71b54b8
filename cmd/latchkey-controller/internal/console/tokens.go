package console

import (
	"cmp"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// tokensPage lists the tokens of programs.
type tokensPage struct {
	Tab    string // of the integrations
	Tokens []*desk.Token
	Form   *form
	Ask    string // open dialog: "make", "revoke"
	About  *desk.Token
	Text   string // of a new token, shown once
	For    string // its name
	ID     int64  // its number
	API    string // its URL; "": there is none
}

// A tokenPreset is what a well-known program needs.
type tokenPreset struct {
	Key, Name string
	Scopes    []desk.Scope
}

// Presets are programs whose needs are known.
func (*tokensPage) Presets() []tokenPreset {
	return []tokenPreset{
		{"home-assistant", "Home Assistant", []desk.Scope{desk.ScopeRead, desk.ScopeActivity, desk.ScopeOperate}},
		{"n8n", "n8n", []desk.Scope{desk.ScopeRead, desk.ScopeActivity, desk.ScopeOperate, desk.ScopeManage, desk.ScopeWebhooks}},
	}
}

// tokens shows the list, with the dialog that is asked for.
func (c *Console) tokens(w http.ResponseWriter, r *http.Request, v *visit) error {
	p := &tokensPage{Ask: r.URL.Query().Get("ask")}
	for _, preset := range p.Presets() {
		if preset.Key != r.URL.Query().Get("preset") {
			continue
		}
		p.Form = newTokenForm()
		p.Form.Values.Set("name", preset.Name)
		for _, scope := range preset.Scopes {
			p.Form.Values.Add("scope", string(scope))
		}
	}
	return c.showTokens(w, r, v, http.StatusOK, p)
}

func newTokenForm() *form { return newForm("days", strconv.Itoa(desk.TokenDays)) }

// showTokens shows the page with the dialog that the caller has filled in.
func (c *Console) showTokens(w http.ResponseWriter, r *http.Request, v *visit, status int, p *tokensPage) (err error) {
	p.Tab = "tokens"
	if p.Tokens, err = c.desk.Tokens(r.Context(), v.Actor); err != nil {
		return err
	}
	about, _ := strconv.ParseInt(r.URL.Query().Get("about"), 10, 64)
	if at := slices.IndexFunc(p.Tokens, func(k *desk.Token) bool { return k.ID == about }); at >= 0 && p.Ask == "revoke" {
		p.About = p.Tokens[at]
	}
	if p.Form == nil {
		p.Form = newTokenForm()
	}
	if c.apiPort != "" {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		p.API = "https://" + net.JoinHostPort(host, c.apiPort)
	}
	c.show(w, r, status, "tokens", &view{visit: v, Title: language.Say("Tokens"), Section: "integrations", Page: p})
	return nil
}

func (c *Console) showNewToken(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showTokens(w, r, v, status, &tokensPage{Form: f, Ask: "make"})
}

func (c *Console) makeToken(r *http.Request, v *visit, f *form) (answer, error) {
	days, err := strconv.Atoi(cmp.Or(f.Trim("days"), strconv.Itoa(desk.TokenDays)))
	if err != nil {
		return answer{}, f.wrong("days", "Enter a whole number of days.")
	}
	form := desk.TokenForm{Name: f.Get("name"), Days: days}
	for _, scope := range f.Values["scope"] {
		form.Scopes = append(form.Scopes, desk.Scope(scope))
	}
	form.Networks = strings.FieldsFunc(f.Get("networks"), func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) })
	id, text, err := c.desk.MakeToken(r.Context(), v.Actor, form)
	return answer{to: "/tokens", show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.showTokens(w, r, v, http.StatusOK, &tokensPage{Text: text, For: desk.TidyName(form.Name), ID: id})
	}}, err
}

func (c *Console) revokeToken(r *http.Request, v *visit, f *form) (answer, error) {
	return removed(c.desk.RevokeToken(r.Context(), v.Actor, v.id), "/tokens", language.Say("The token was revoked: it has no effect any more."), language.Say("This token was already revoked."))
}
