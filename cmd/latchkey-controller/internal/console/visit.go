package console

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// sessionCookie holds a session's token. The prefix restricts it to TLS and to this
// host (RFC 6265bis §4.1.3.2).
const sessionCookie = "__Host-latchkey"

// browserCookie holds the token of a browser in which somebody has signed in.
const browserCookie = "__Host-browser"

// themeCookie is set by the page's script.
const themeCookie = "theme"

// A visit is one request. Without a session, Actor has no name.
type visit struct {
	Actor    desk.Actor
	Site     string
	Theme    string             // "light", "dark"; "": the system's
	Flash    string             // notice of the previous request
	pages    *pages             // in the site's time zone
	Since    uint64             // number of the newest change when it began
	Standing *language.Sentence // that this controller does not lead; nil: it does
	Whose    string             // proof in forms that the actor is their owner

	Answers bool // the page answers a form: whoever leaves it does not come back to it

	Renewed bool // doors-now renews itself, and the line on the new PIN with it

	Beyond  *language.Sentence // why what the page is about is out of the actor's reach; nil: it is not
	reach   *desk.Reach
	refused map[desk.Act]error // why the page offers none of these acts

	token string
	id    int64 // {id} of the URL, if it has one
}

// zone returns the site's time zone.
func (v *visit) zone() *time.Location { return v.pages.zone }

// ThemeChoice returns the theme's name in the switch.
func (v *visit) ThemeChoice() string {
	if v.Theme == "" {
		return "system"
	}
	return v.Theme
}

// May says whether the actor may do an act to what the page is about.
func (v *visit) May(act string) bool { return v.refusal(desk.Act(act)) == nil }

// refusal returns why the actor may not do an act; nil: they may. The act's page itself
// asks for the password again.
func (v *visit) refusal(act desk.Act) error {
	if v.Actor.May(act) {
		return v.refused[act]
	}
	return v.Actor.Refusal(act)
}

// WhyNot says why the actor may not do an act; nil: they may.
func (v *visit) WhyNot(act string) *language.Sentence { return language.Of(v.refusal(desk.Act(act))) }

func (c *Console) newVisit(r *http.Request) *visit {
	v := &visit{Site: c.site, Since: c.updates.current(), pages: c.pages.Load().in[c.languageOf(r)], Answers: r.Method == http.MethodPost}
	if cookie, err := r.Cookie(themeCookie); err == nil && (cookie.Value == "light" || cookie.Value == "dark") {
		v.Theme = cookie.Value
	}
	return v
}

// signedIn wraps a page for signed-in administrators.
func (c *Console) signedIn(handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := c.newVisit(r)
		session, err := c.session(r, !live(r) && r.URL.Path != "/events")
		if err == nil {
			err = c.enter(r.Context(), v, session)
		}
		if err == nil {
			err = v.readID(r)
		}
		if err == nil {
			err = handle(w, r, v)
		}
		if err != nil {
			c.fail(w, r, v, err)
		}
	})
}

// readID reads the number in the URL's path, if it has one.
func (v *visit) readID(r *http.Request) (err error) {
	text := r.PathValue("id")
	if text == "" {
		return nil
	}
	if v.id, err = strconv.ParseInt(text, 10, 64); err != nil || v.id <= 0 {
		return desk.ErrNotFound
	}
	return nil
}

// enter adds a session to a visit.
func (c *Console) enter(ctx context.Context, v *visit, s *desk.Session) error {
	v.Actor, v.token, v.Whose = s.Actor, s.Token, c.savedForms.whose(s.Actor.ID)
	pages, err := c.pagesNow(ctx)
	if err != nil {
		return err
	}
	v.pages = pages.in[v.pages.language]
	c.readStanding(ctx, v)
	return c.readReach(ctx, v)
}

// session returns the session of a request.
func (c *Console) session(r *http.Request, active bool) (*desk.Session, error) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil, desk.ErrSignedOut
	}
	session, err := c.desk.Session(r.Context(), cookie.Value, active)
	if err != nil {
		return nil, err
	}
	session.Token = cookie.Value
	return session, nil
}

// signCookies sets the cookies of a new session.
func (c *Console) signCookies(w http.ResponseWriter, s *desk.Session) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: s.Token, Path: "/", MaxAge: int(desk.SessionEnds / time.Second), // independent of the browser's clock
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.SetCookie(w, &http.Cookie{
		Name: browserCookie, Value: s.Browser, Path: "/", MaxAge: int(desk.BrowserEnds / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// welcome sets the cookies of a new session and redirects to a page.
func (c *Console) welcome(w http.ResponseWriter, r *http.Request, s *desk.Session, to string) {
	c.signCookies(w, s)
	// By way of the sign-in page, which checks that the cookie comes back.
	http.Redirect(w, r, "/sign-in?"+url.Values{"given": {"1"}, "next": {to}}.Encode(), http.StatusSeeOther)
}

func (c *Console) clearSession(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// client returns the origin of a request.
func client(r *http.Request) desk.Client {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	from := desk.Client{Address: host, Agent: truncate(r.UserAgent(), 200)}
	if cookie, err := r.Cookie(browserCookie); err == nil {
		from.Browser = cookie.Value
	}
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		from.Session = cookie.Value
	}
	return from
}

func truncate(text string, n int) string {
	if len(text) > n {
		text = text[:n]
	}
	return strings.ToValidUTF8(text, "")
}

// local returns an address on this console, or "/".
func local(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(address, "\\\r\n") {
		return "/"
	}
	return u.RequestURI()
}

// fail answers a request with an error.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	var tooBig *http.MaxBytesError
	switch {
	case errors.Is(err, desk.ErrSignedOut):
		c.askSignIn(w, r)
	case errors.Is(err, desk.ErrNotAllowed):
		c.sorry(w, r, v, http.StatusForbidden, language.Say("You may not do this"), language.Of(err).Alone())
	case errors.Is(err, desk.ErrNotFound):
		c.sorry(w, r, v, http.StatusNotFound, language.Say("Not found"), language.Say("What you are looking for was removed, or never was at this address."))
	case errors.Is(err, desk.ErrSignInAgain):
		c.sorry(w, r, v, http.StatusForbidden, language.Say("Enter your password again"), language.Of(err).Alone())
	case errors.Is(err, errNotYours):
		c.sorry(w, r, v, http.StatusConflict, language.Say("Form of another administrator"), language.Of(err).Alone())
	case errors.Is(err, errBadForm):
		c.sorry(w, r, v, http.StatusBadRequest, language.Say("Invalid form"), language.Of(err).Alone())
	case errors.As(err, &tooBig):
		c.sorry(w, r, v, http.StatusRequestEntityTooLarge, language.Say("This is too large"), language.Say("At most %d KiB can be sent here.", tooBig.Limit>>10))
	case desk.Fields(err) != nil, errors.Is(err, errWrong):
		c.sorry(w, r, v, http.StatusUnprocessableEntity, language.Say("This was not done"), language.Of(err).Alone())
	case r.Context().Err() != nil: // the client has gone
	default:
		c.serverError(w, r, err)
	}
}

// askSignIn sends a browser to the sign-in page, and back afterwards. If a form that
// a script sends can be saved, the browser itself sends it again (app.js).
func (c *Console) askSignIn(w http.ResponseWriter, r *http.Request) {
	c.clearSession(w)
	back := r.URL.RequestURI()
	switch {
	case byScript(r):
		if u, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil {
			back = u.RequestURI()
		}
	case r.Method == http.MethodPost:
		back = "/"
		if u, err := url.Parse(r.Referer()); err == nil {
			back = u.RequestURI()
		}
	}
	to := "/sign-in"
	if back = local(back); back != "/" && r.URL.Path != "/events" {
		to += "?next=" + url.QueryEscape(back)
	}
	switch {
	case r.Method == http.MethodPost && !byScript(r):
		c.saveForm(w, r, back)
	case r.URL.Path == "/events": // the page goes to the sign-in by itself
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, endOfStream)
	case byScript(r):
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusUnauthorized)
	default:
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// sorry shows why something was not done: on a page, or as a toast if htmx asked.
func (c *Console) sorry(w http.ResponseWriter, r *http.Request, v *visit, status int, title, text *language.Sentence) {
	if byScript(r) {
		if live(r) { // the part no longer exists
			w.WriteHeader(http.StatusNoContent)
			return
		}
		c.toast(w, r, status, text)
		return
	}
	c.show(w, r, status, "sorry", &view{visit: v, Title: title, Page: text})
}

// toast shows a sentence in the corner of the page.
func (c *Console) toast(w http.ResponseWriter, r *http.Request, status int, text *language.Sentence) {
	box := "toast-box"
	if status != http.StatusOK {
		box = "sorry-toast"
	}
	c.corner(w, r, status, box, c.languageOf(r).Say(text))
}

// corner adds a template to the corner of the page. Slow requests use the corner as
// their target, because the form may have been replaced by then.
func (c *Console) corner(w http.ResponseWriter, r *http.Request, status int, box string, data any) {
	if r.Header.Get("HX-Target") != "toasts" {
		w.Header().Set("HX-Retarget", "#toasts")
		w.Header().Set("HX-Reswap", "beforeend")
	}
	w.Header().Set("HX-Push-Url", "false")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	sorry, err := c.newVisit(r).pages.page("sorry")
	if err == nil {
		err = sorry.ExecuteTemplate(w, box, data)
	}
	if err != nil {
		c.log.Error("console: page", "error", err)
	}
}
