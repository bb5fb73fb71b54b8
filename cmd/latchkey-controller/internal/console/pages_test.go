package console

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// everywhere are all pages, with those who may not see them.
var everywhere = []struct {
	path   string
	not    []desk.Role
	within string // text that the page shows
}{
	{"/", nil, "Front door"},
	{"/?ask=mode", nil, "Front door"},
	{"/users", nil, "Ada Lovelace"},
	{"/users/new", []desk.Role{desk.Viewer}, "Auto Generated"},
	{"/users/1", nil, "It cannot be shown again"},
	{"/users/1?add=duress-pin", nil, "Ada Lovelace"},
	{"/users/1?add=pin", nil, "Auto Generated"},
	{"/users/1?add=enrol", nil, "A card, read at a reader"},
	{"/users/1?add=card", nil, "In hexadecimal"},
	{"/users/1?add=new", nil, "Can be copied: it only has a number."},
	{"/users/return-card", []desk.Role{desk.Viewer}, "is nobody’s any more"},
	{"/users/1?tab=about", nil, "Added on"},
	{"/users/1?tab=access", nil, "Front door"},
	{"/users/1?tab=activity", nil, "Ada Lovelace"},
	{"/users?group=staff", nil, "Only those in the group"},
	{"/users/import", []desk.Role{desk.Viewer}, "What is in it"},
	{"/users/edit?user=1", []desk.Role{desk.Viewer}, "Put them into"},
	{"/users/edit?found=1&state=valid", []desk.Role{desk.Viewer}, "What changes"},
	{"/groups", nil, "staff"},
	{"/groups?new=1", []desk.Role{desk.Viewer}, "A group is there while"},
	{"/groups?new=1&name=crew", []desk.Role{desk.Viewer}, "Choose who is in crew."},
	{"/groups/staff", nil, "Ada Lovelace"},
	{"/groups/staff?ask=add", nil, "Ada Lovelace"},
	{"/groups/staff?tab=doors", nil, "by Office hours"},
	{"/groups/everyone?tab=doors", nil, "by PIN or card"},
	{"/groups/everyone?tab=doors&ask=add&door=1", nil, "Front door"},
	{"/groups/everyone?tab=doors&ask=take&door=1", nil, "Front door"},
	{"/groups/staff?tab=settings", nil, "staff"},
	{"/groups/staff?tab=settings&ask=remove", nil, "staff"},
	{"/visitors", nil, "No visitors"},
	{"/visitors/new", []desk.Role{desk.Viewer}, "No door takes visitors yet"},
	{"/places", nil, "Main building"},
	{"/places/new/location", []desk.Role{desk.Viewer, desk.Editor}, "New location"},
	{"/places/new/hub", []desk.Role{desk.Viewer, desk.Editor}, "New hub"},
	{"/places/new/door", []desk.Role{desk.Viewer, desk.Editor}, "New door"},
	{"/doors/1", nil, "Everyone may open it now"},
	{"/doors/1", nil, "Last 24 hours"},
	{"/doors/1?tab=access", nil, "everyone"},
	{"/doors/1?tab=access&ask=add", nil, "everyone"},
	{"/doors/1?tab=hours", nil, "never unlocked by schedule"},
	{"/doors/1?tab=identification", nil, "The odds of guessing"},
	{"/doors/1?tab=identification", nil, "Card and PIN together are never needed."},
	{"/doors/1?tab=settings", nil, "Seconds it is unlocked"},
	{"/doors/1?tab=access", nil, "Always, with PIN or card"},
	{"/doors/1?tab=settings", nil, "Visitors cannot be invited"},
	{"/doors/1?tab=activity", nil, "Front door"},
	{"/locations/1", nil, "Main building"},
	{"/schedules", nil, "used by 1 door"},
	{"/schedules/new", []desk.Role{desk.Viewer, desk.Editor}, "Monday to Friday"},
	{"/schedules/1", nil, "access of staff"},
	{"/schedules/holidays", nil, "25 and 26 December each year"},
	{"/schedules/holidays/new", []desk.Role{desk.Viewer, desk.Editor}, "New holiday"},
	{"/schedules/holidays/1", nil, "On these days each year"},
	{"/schedules/holidays/import", []desk.Role{desk.Viewer, desk.Editor}, "What is taken"},
	{"/devices", nil, "front-door"},
	{"/devices/adopt", []desk.Role{desk.Viewer, desk.Editor}, "Its request"},
	{"/devices/waiting/1", []desk.Role{desk.Viewer, desk.Editor}, "Is this it?"},
	{"/devices/waiting/1?ask=refuse", []desk.Role{desk.Viewer, desk.Editor}, "Refuse this reader?"},
	{"/hubs/1", nil, "front-door"},
	{"/readers/front-door", nil, "Last attempt"},
	{"/readers/front-door/pin", nil, "The reader has applied this."},
	{"/readers/front-door?tab=screen", nil, "while nobody uses the reader"},
	{"/readers/front-door?tab=device", nil, "Fingerprint"},
	{"/activity", nil, "Everything"},
	{"/activity?kind=granted&from=2026-01-01", nil, "Everything"},
	{"/tokens", []desk.Role{desk.Viewer, desk.Editor}, "With a token a program"},
	{"/mail", []desk.Role{desk.Viewer, desk.Editor, desk.Super}, "Nobody is told by e-mail"},
	{"/mail?ask=off", []desk.Role{desk.Viewer, desk.Editor, desk.Super}, "Switch e-mail off?"},
	{"/webhooks", []desk.Role{desk.Viewer, desk.Editor}, "A webhook tells a program"},
	{"/webhooks?ask=add", []desk.Role{desk.Viewer, desk.Editor}, "A new webhook"},
	{"/webhooks?ask=host", []desk.Role{desk.Viewer, desk.Editor}, "None is allowed"},
	{"/tokens?ask=make", []desk.Role{desk.Viewer, desk.Editor}, "What a program may do with it"},
	{"/cells", []desk.Role{desk.Viewer, desk.Editor, desk.Super}, "A cell is up to four brokers"},
	{"/cells/new", []desk.Role{desk.Viewer, desk.Editor, desk.Super}, "A cell is up to four brokers"},
	{"/cells/1", []desk.Role{desk.Viewer, desk.Editor, desk.Super}, "home cell"},
	{"/cells/1?ask=remove", []desk.Role{desk.Viewer, desk.Editor, desk.Super}, "home cell"},
	{"/settings", nil, "Settings"}, // others are sent to their account
	{"/settings?ask=tpms", nil, "Settings"},
	{"/settings?ask=backup", nil, "Settings"},
	{"/settings/administrators?ask=add", []desk.Role{desk.Viewer, desk.Editor, desk.Super}, "A new administrator"},
	{"/settings/administrators?ask=role&about=1", []desk.Role{desk.Viewer, desk.Editor, desk.Super}, "Another role for"},
	{"/settings/audit", []desk.Role{desk.Viewer}, "added"},
	{"/settings/account", nil, "Your password"},
	{"/settings/account?ask=add", nil, "Passkeys work only at"},
	{"/settings/sign-in?ask=provider", []desk.Role{desk.Viewer, desk.Editor, desk.Super}, "Which value gives which role"},
	{"/settings/sign-in", []desk.Role{desk.Viewer, desk.Editor, desk.Super}, "Who signs in with a passkey only"},
	{"/settings/administrators", []desk.Role{desk.Viewer, desk.Editor, desk.Super}, "Grace Hopper"},
}

// small is a world with one door and one user, of a test that runs beside
// others.
func small(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	w := newWorld(t)
	w.adopt("front-door", "Front door", "Main building")
	w.user("Ada", "Lovelace", true, "04A1B2C3D4E580", "staff")
	return w
}

func TestEachPageIsShownToThoseWhoMaySeeIt(t *testing.T) {
	w := small(t)
	w.officeHours("front-door")
	w.waits("")
	w.christmas()
	for _, role := range desk.Roles() {
		b := w.visitor(role)
		for _, e := range everywhere {
			got := b.get(e.path)
			refused := false
			for _, not := range e.not {
				refused = refused || not == role
			}
			switch {
			case refused && got.status != http.StatusForbidden:
				t.Errorf("%s sees %s: %d", role, e.path, got.status)
			case refused:
				got.shows(t, http.StatusForbidden, "and you are "+role.Title().String())
			case !refused:
				got.shows(t, http.StatusOK, e.within)
			}
			if role == desk.Owner {
				for _, silent := range unexplained(got.body) {
					t.Errorf("%s: no sentence says what %s does", e.path, silent)
				}
			}
		}
	}
	if w.logged.Len() > 0 {
		t.Errorf("logged: %s", w.logged)
	}
}

// acts are all forms, with a role that may not send them: the one below those
// who may.
var acts = []struct {
	path   string
	fields []string
	not    desk.Role
}{
	{"/users", []string{"first", "Eve", "pin", "auto"}, desk.Viewer},
	{"/users/1", []string{"first", "Eve"}, desk.Viewer},
	{"/users/1/remove", nil, desk.Viewer},
	{"/users/1/suspend", []string{"suspended", "true"}, desk.Viewer},
	{"/users/1/suspend", []string{"suspended", "false"}, desk.Viewer},
	{"/users/1/pin", []string{"pin", "auto"}, desk.Viewer},
	{"/users/1/pin/remove", nil, desk.Viewer},
	{"/users/1/duress-pin", []string{"pin", "auto"}, desk.Viewer},
	{"/users/1/duress-pin/remove", nil, desk.Viewer},
	{"/users/1/cards", []string{"card", "04000000000001"}, desk.Viewer},
	{"/users/1/cards/2/remove", nil, desk.Viewer},
	{"/users/1/cards/new", []string{"reader", "front-door"}, desk.Viewer},
	{"/users/1/cards/2/rekey", []string{"reader", "front-door"}, desk.Viewer},
	{"/users/1/cards/2/return", []string{"reader", "front-door"}, desk.Viewer},
	{"/users/return-card", []string{"reader", "front-door"}, desk.Viewer},
	{"/users/1/enrol", []string{"reader", "front-door"}, desk.Viewer},
	{"/users/1/enrol/read", []string{"last-four", "E580"}, desk.Viewer},
	{"/users/1/enrol/read/drop", nil, desk.Viewer},
	{"/users/import", nil, desk.Viewer},
	{"/users/import/file/none", []string{"revision", "1"}, desk.Viewer},
	{"/users/export", nil, desk.Viewer},
	{"/users/edit", []string{"user", "1", "suspend", "yes"}, desk.Viewer},
	{"/groups", []string{"name", "crew", "user", "1"}, desk.Viewer},
	{"/groups/staff/members", []string{"user", "1"}, desk.Viewer},
	{"/groups/staff/members/remove", []string{"user", "1"}, desk.Viewer},
	{"/groups/staff/access", []string{"door", "1"}, desk.Editor},
	{"/groups/staff/access/remove", []string{"door", "1"}, desk.Editor},
	{"/groups/staff/rename", []string{"name", "crew"}, desk.Editor},
	{"/groups/staff/remove", nil, desk.Editor},
	{"/visitors", []string{"first", "Eve", "until", "2099-01-01", "door", "1"}, desk.Viewer},
	{"/visitors/1/end", nil, desk.Viewer},
	{"/visitors/1/pin", nil, desk.Viewer},
	{"/doors/1/visitors", []string{"on", "true"}, desk.Editor},
	{"/readers/front-door/pin", []string{"on", "false"}, desk.Viewer},
	{"/readers/front-door/order", []string{"order", "unlock"}, desk.Viewer},
	{"/readers/front-door/order", []string{"order", "identify"}, desk.Viewer},
	{"/mode", []string{"mode", "lockdown"}, desk.Viewer},
	{"/mode", []string{"mode", "evacuation"}, desk.Viewer},
	{"/mode", []string{"mode", "locked"}, desk.Viewer},
	{"/locations/1/mode", []string{"mode", "lockdown"}, desk.Viewer},
	{"/doors/1/mode", []string{"mode", "unlocked", "for", "1h"}, desk.Viewer},
	{"/doors/1/early", nil, desk.Viewer},
	{"/modes/1/end", nil, desk.Editor}, // a lockdown
	{"/readers/front-door/authentication", []string{"limit", "5", "guess-limit", "60"}, desk.Editor},
	{"/readers/front-door/opening", []string{"when", "times", "mon", "08:00-12:00"}, desk.Editor},
	{"/readers/front-door/two-proofs", []string{"when", "always"}, desk.Editor},
	{"/readers/front-door/mode-groups", []string{"in-lockdown", "staff"}, desk.Editor},
	{"/readers/front-door/door", []string{"unlock", "5", "extended", "20", "held-after", "0"}, desk.Editor},
	{"/readers/front-door/screen", []string{"greeting", "Hello"}, desk.Editor},
	{"/readers/front-door/access", []string{"group", "staff"}, desk.Editor},
	{"/readers/front-door/access/remove", []string{"group", "everyone"}, desk.Editor},
	{"/readers/front-door/calendar", []string{"time-zone", "Europe/Berlin"}, desk.Editor},
	{"/readers/front-door/move", []string{"door", "1"}, desk.Editor},
	{"/readers/front-door/budget", nil, desk.Editor},
	{"/readers/front-door/remove", []string{"how", "lost"}, desk.Editor},
	{"/schedules", []string{"name", "Night", "mon", "22-6"}, desk.Editor},
	{"/schedules/1", []string{"name", "Night", "mon", "22-6"}, desk.Editor},
	{"/schedules/1/remove", nil, desk.Editor},
	{"/schedules/holidays", []string{"name", "Epiphany", "first", "2027-01-06"}, desk.Editor},
	{"/schedules/holidays/1/edit", []string{"name", "Christmas", "first", "2026-12-24"}, desk.Editor},
	{"/schedules/holidays/1/remove", nil, desk.Editor},
	{"/schedules/holidays/past", nil, desk.Editor},
	{"/schedules/holidays/import", nil, desk.Editor},
	{"/schedules/holidays/take", []string{"take", "0", "row", `{"n":"Epiphany","f":"2027-01-06","l":"2027-01-06"}`}, desk.Editor},
	{"/readers/front-door/access", []string{"group", "staff", "when", "schedule", "schedule", "1"}, desk.Editor},
	{"/places/new/location", []string{"name", "Annex"}, desk.Editor},
	{"/locations/1", []string{"name", "Annex"}, desk.Editor},
	{"/locations/1/remove", nil, desk.Editor},
	{"/hubs/1", []string{"name", "Annex"}, desk.Editor},
	{"/hubs/1/remove", nil, desk.Editor},
	{"/doors/1", []string{"name", "Annex"}, desk.Editor},
	{"/doors/1/remove", nil, desk.Editor},
	{"/devices/adopt/reader", []string{"reader", "back-door"}, desk.Editor},
	{"/devices/waiting/1", []string{"which", "new", "door", "Back door", "access", "nobody"}, desk.Editor},
	{"/devices/waiting/1/refuse", nil, desk.Editor},
	{"/devices/waiting/1/take-back", []string{"fetched", "false"}, desk.Editor},
	{"/activity/export", []string{"format", "csv"}, desk.Viewer},
	{"/tokens", []string{"name", "n8n", "scope", "read"}, desk.Editor},
	{"/tokens/1/revoke", nil, desk.Editor},
	{"/mail", []string{"host", "mail.example.com", "port", "465", "security", "tls", "sender", "doors@example.com", "recipients", "ada@example.com", "notice", "lockout", "revision", "0"}, desk.Super},
	{"/mail/test", nil, desk.Super},
	{"/mail/off", nil, desk.Super},
	{"/webhooks", []string{"name", "n8n", "url", "https://example.com/", "event", "access.door.unlock", "style", "unifi"}, desk.Editor},
	{"/webhooks/1", []string{"name", "n8n"}, desk.Editor},
	{"/webhooks/1/secret", nil, desk.Editor},
	{"/webhooks/1/remove", nil, desk.Editor},
	{"/webhooks/1/test", nil, desk.Editor},
	{"/webhooks/1/resend", []string{"delivery", "1"}, desk.Editor},
	{"/webhooks/hosts", []string{"host", "n8n.home:5678"}, desk.Super},
	{"/webhooks/hosts/remove", []string{"host", "n8n.home:5678"}, desk.Super},
	{"/cells", []string{"name", "north", "brokers", "ssl://broker.example"}, desk.Super},
	{"/cells/1", []string{"name", "north", "brokers", "ssl://broker.example"}, desk.Super},
	{"/cells/1/move", []string{"reader", "front-door", "cell", "1"}, desk.Super},
	{"/cells/1/remove", nil, desk.Super},
	{"/readers/front-door/cell", []string{"cell", "1"}, desk.Super},
	{"/settings", []string{"keep-days", "30"}, desk.Super},
	{"/settings/zone", []string{"zone", "Europe/Zurich"}, desk.Super},
	{"/first-steps/hide", nil, desk.Super},
	{"/settings/guesses", []string{"guess-budget", "300"}, desk.Super},
	{"/settings/pins", []string{"only", "true"}, desk.Super},
	{"/settings/brokers", []string{"brokers", "ssl://broker.example"}, desk.Super},
	{"/settings/tpms", nil, desk.Super},
	{"/settings/tpms/remove", []string{"authority", "AB"}, desk.Super},
	{"/settings/backup", nil, desk.Super},
	{"/settings/epoch", nil, desk.Super},
	{"/settings/sign-in", []string{"revision", "0"}, desk.Super},
	{"/settings/sign-in/provider", []string{"provider-revision", "0", "issuer", "https://login.example.com", "client", "doors", "claim", "groups", "mapping", "doors = limited-view"}, desk.Super},
	{"/settings/sign-in/provider/remove", nil, desk.Super},
	{"/settings/administrators", []string{"name", "Eve", "role", "owner"}, desk.Super},
	{"/settings/administrators/1/role", []string{"role", "limited-view"}, desk.Super},
	{"/settings/administrators/1/locations", []string{"at", "some", "location", "1"}, desk.Super},
	{"/settings/administrators/1/link", nil, desk.Super},
	{"/settings/administrators/1/sign-out", nil, desk.Super},
	{"/settings/administrators/1/remove", nil, desk.Super},
}

func TestNoFormIsTakenFromARoleThatMayNotSendIt(t *testing.T) {
	w := small(t)
	w.officeHours("front-door")
	w.waits("")
	w.christmas()
	visitors := map[desk.Role]*browser{}
	for _, role := range desk.Roles() {
		visitors[role] = w.visitor(role)
	}
	_, err := w.desk.SetMode(t.Context(), owner, desk.Where{}, wire.ModeLockdown, 0)
	w.must(err)
	before := w.newest()
	for _, act := range acts {
		for _, role := range desk.Roles()[1:] {
			mightier := indexOf(role) < indexOf(act.not)
			if mightier {
				continue
			}
			want := http.StatusForbidden
			if strings.Contains(act.path, "duress") {
				want = http.StatusNotFound // nor may they know of it
			}
			if got := visitors[role].post(act.path, act.fields...); got.status != want {
				t.Errorf("%s posts %v to %s: %d: %s", role, act.fields, act.path, got.status, text(got.body))
			}
		}
	}
	page, err := w.desk.Activity(t.Context(), owner, desk.Query{After: before, Limit: 1000})
	w.must(err)
	for _, e := range page.Events {
		if e.Result != desk.Refused {
			t.Errorf("%s was done: %s", e.Kind, e.Text)
		}
	}
	if len(w.live.orders) > 0 {
		t.Errorf("orders went out: %+v", w.live.orders)
	}
}

func indexOf(role desk.Role) int {
	for i, r := range desk.Roles() {
		if r == role {
			return i
		}
	}
	return -1
}

func (w *world) newest() int64 {
	w.t.Helper()
	page, err := w.desk.Activity(w.t.Context(), owner, desk.Query{Limit: 1})
	w.must(err)
	return page.Events[0].ID
}

func TestNothingIsDoneForAnotherSitesPage(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://elsewhere.example"}} {
		r, err := http.NewRequest("POST", w.server.URL+"/users/1/remove", strings.NewReader(""))
		w.must(err)
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: b.session})
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(header[0], header[1])
		response, err := w.server.Client().Do(r)
		w.must(err)
		response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%v: %s", header, response.Status)
		}
	}
	b.get("/users/1").shows(t, http.StatusOK, "Ada Lovelace")
}

func TestEachAnswerAllowsBrowsersOnlyWhatPagesNeed(t *testing.T) {
	w := small(t)
	b, nobody := w.visitor(desk.Owner), w.visitor("")
	for _, p := range []*page{b.get("/"), b.get("/nowhere"), nobody.get("/sign-in"), b.post("/users", "first", ""), b.post("/activity/export", "format", "csv"), nobody.get("/static/nothing")} {
		csp := p.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: no %s", p.url.Path, want)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", p.url.Path, csp)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store", "X-Frame-Options": "DENY"} {
			if got := p.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", p.url.Path, name, got)
			}
		}
		for _, banned := range []string{"<style", "style=", "<script>", "onclick=", "javascript:"} {
			if strings.Contains(p.body, banned) {
				t.Errorf("%s has %s", p.url.Path, banned)
			}
		}
	}
}

func TestASessionIsKeptInACookieThatOnlyThisHostGetsBack(t *testing.T) {
	w := small(t)
	w.visitor(desk.Owner)
	client := w.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Post(w.server.URL+"/sign-in", "application/x-www-form-urlencoded", strings.NewReader("name=Grace+Hopper&password="+strings.ReplaceAll(password, " ", "%20")+"&next=/users"))
	w.must(err)
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if to := response.Header.Get("Location"); response.StatusCode != http.StatusSeeOther || to != "/sign-in?given=1&next=%2Fusers" {
		t.Fatalf("%s to %q", response.Status, to)
	}
	sites := map[string]http.SameSite{sessionCookie: http.SameSiteLaxMode, browserCookie: http.SameSiteStrictMode}
	if len(response.Cookies()) != len(sites) {
		t.Errorf("%v", response.Cookies())
	}
	for _, cookie := range response.Cookies() {
		if !strings.HasPrefix(cookie.Name, "__Host-") || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != sites[cookie.Name] || cookie.Path != "/" || cookie.Domain != "" {
			t.Errorf("%s", cookie)
		}
	}
}

func TestWhoIsSignedOutComesToTheSignInAndBack(t *testing.T) {
	w := small(t)
	w.officeHours("front-door")
	w.christmas()
	nobody := w.visitor("")
	got := nobody.get("/users/1?tab=access")
	got.shows(t, http.StatusOK, "Sign in")
	if got.url.RequestURI() != "/sign-in?next=%2Fusers%2F1%3Ftab%3Daccess" {
		t.Errorf("%s", got.url)
	}
	part := nobody.part("panel").get("/users/1")
	if part.status != http.StatusUnauthorized || !strings.HasPrefix(part.header.Get("HX-Redirect"), "/sign-in") {
		t.Errorf("a part: %d, %q", part.status, part.header.Get("HX-Redirect"))
	}
	for _, e := range everywhere {
		if got := nobody.get(e.path); got.url.Path != "/sign-in" {
			t.Errorf("nobody sees %s", e.path)
		}
	}
	for _, act := range acts {
		if got := nobody.post(act.path, act.fields...); got.status != http.StatusUnauthorized || !strings.Contains(text(got.body), "nothing was done. Sign in") {
			t.Errorf("nobody posts to %s: %d", act.path, got.status)
		}
	}
	nobody.get("/events").shows(t, http.StatusOK, "event: ended")
	b := w.visitor(desk.Owner)
	b.post("/sign-out").shows(t, http.StatusOK, "Sign in")
	b.get("/users").shows(t, http.StatusOK, "Sign in")
}

func TestAPageThatRefreshesItselfKeepsNobodySignedIn(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	for range 3 { // a person keeps the session
		w.pass(desk.SessionIdle * 2 / 3)
		b.part("panel").get("/users/1").shows(t, http.StatusOK)
	}
	refresh := b.part("glance")
	refresh.trigger = "glance"
	w.pass(desk.SessionIdle * 2 / 3)
	refresh.get("/").shows(t, http.StatusOK)
	w.pass(desk.SessionIdle * 2 / 3)
	if got := refresh.get("/"); got.status != http.StatusUnauthorized || got.header.Get("HX-Redirect") == "" {
		t.Errorf("%d", got.status)
	}
}

func TestTheSignInSendsNobodyToAnotherSite(t *testing.T) {
	for _, address := range []string{"https://elsewhere.example/", "//elsewhere.example", `/\elsewhere.example`, "javascript:alert(1)", "", "users", "/a\r\nb", "mailto:x@example"} {
		if got := local(address); got != "/" {
			t.Errorf("%q leads to %q", address, got)
		}
	}
	if got := local("/users?q=a%20b&x=1"); got != "/users?q=a%20b&x=1" {
		t.Errorf("%q", got)
	}
}

func TestWrongPasswordsAreSaidAndThenNotLookedAt(t *testing.T) {
	w := small(t)
	w.visitor(desk.Owner)
	nobody := w.visitor("")
	for i := range 30 {
		got := nobody.post("/sign-in", "name", "Grace Hopper", "password", fmt.Sprint("wrong number ", i), "next", "/users")
		if strings.Contains(got.body, "wrong number") {
			t.Fatal("a password is sent back")
		}
		if got.status == http.StatusTooManyRequests {
			got.shows(t, got.status, "try again in", `value="Grace Hopper"`)
			if got.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return
		}
		got.shows(t, http.StatusUnprocessableEntity, "Name or password is wrong.", `value="Grace Hopper"`, `name="next" value="/users"`)
	}
	t.Error("one may go on for ever")
}

func TestPagesHearWhatHasChanged(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Viewer)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", w.server.URL+"/events?since=18446744073709551615", nil)
	w.must(err)
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: b.session})
	response, err := w.server.Client().Do(r)
	w.must(err)
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("%s, %s", response.Status, kind)
	}
	// What changed just before may be told in the same bytes as the first event.
	told := bufio.NewScanner(response.Body)
	if !told.Scan() || told.Text() != "event: ready" {
		t.Fatalf("%q", told.Text())
	}
	w.user("Bob", "Martin", false, "", "staff")
	for told.Scan() {
		if strings.HasPrefix(told.Text(), "data: activity acts") {
			return
		}
	}
	t.Fatal("nothing was heard of it")
}
