package console

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"

	"golang.org/x/net/html"
)

// twoLocations is a world with a location for administrators who are limited to it, Home, and
// Annex, of which they see nothing. Each has a reader, a user, a group, a schedule, a visitor,
// activity and a mode. All that is in Annex is called by one of elsewhereWords.
func twoLocations(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	w := newWorld(t)
	w.adopt("front-door", "Front door", "Home")
	w.adopt("hidden-reader", "Hidden gate", "Annex")
	for i, of := range []struct{ reader, group, first, hours string }{{"front-door", "staff", "Ada", "Office hours"}, {"hidden-reader", "annexers", "Bob", "Night hours"}} {
		hours, err := desk.ParseHours(map[string]string{"mon": "8-18"})
		w.must(err)
		_, err = w.desk.AddSchedule(t.Context(), owner, desk.ScheduleForm{Name: of.hours, Hours: hours})
		w.must(err)
		_, err = w.desk.SetPolicy(t.Context(), owner, of.reader, 0, func(p *wire.Policy) { p.Access = []wire.Access{{Group: of.group}} }, desk.UseSchedule{HoursUse: accessOf(of.group), Schedule: of.hours})
		w.must(err)
		id := w.user(of.first, "Lovelace", true, []string{"04A1B2C3D4E580", "04A1B2C3D4E581"}[i], of.group)
		w.must(w.desk.TakeVisitors(t.Context(), owner, int64(i+1), true))
		_, _, err = w.desk.Invite(t.Context(), owner, desk.VisitForm{First: []string{"Konrad", "Hiddenvisitor"}[i], Until: time.Now().Add(6 * time.Hour).UTC().Format(time.RFC3339), Doors: []int64{int64(i + 1)}, Zone: time.UTC})
		w.must(err)
		w.journal(of.reader).report(time.Now().Add(-time.Minute), wire.Record{Kind: wire.AccessGranted, By: "pin", Seq: 1, User: id, Credential: 1, Seconds: 5})
		_, err = w.desk.SetMode(t.Context(), owner, desk.Where{Level: desk.Locations, ID: int64(i + 1)}, wire.ModeLocked, 0)
		w.must(err)
	}
	_, err := w.desk.SetMode(t.Context(), owner, desk.Where{}, wire.ModeLocked, 0)
	w.must(err)
	return w
}

// elsewhereWords are the words of what nobody sees who is limited to Home.
var elsewhereWords = []string{"Annex", "Hidden gate", "hidden-reader", "Hiddenvisitor", "/doors/2", "/locations/2", "/hubs/2"}

// limited returns a browser that is signed in as an administrator of a role who acts at some
// locations only.
func (w *world) limited(role desk.Role, locations ...int64) *browser {
	w.t.Helper()
	b := w.visitor(role)
	id, err := w.desk.FindAdmin(w.t.Context(), owner, names[role])
	w.must(err)
	w.must(w.desk.SetLimit(w.t.Context(), owner, id, "", locations))
	return b
}

// limitedRoles are the roles of those who can be limited.
var limitedRoles = desk.Roles()[1:]

// walk fetches a page, and all that can be reached from it by links.
func walk(t *testing.T, b *browser) map[string]*page {
	t.Helper()
	seen, todo := map[string]*page{}, []string{"/"}
	for len(todo) > 0 {
		path := todo[0]
		if todo = todo[1:]; seen[path] != nil {
			continue
		}
		got := b.get(path)
		seen[path] = got
		for link, _ := range elements(t, got.body, "a") {
			address, err := url.Parse(link.Get("href"))
			if err != nil || address.Host != "" || !strings.HasPrefix(address.Path, "/") || strings.HasPrefix(address.Path, "/sign-in") || address.Query().Get("after") != "" {
				continue
			}
			todo = append(todo, address.RequestURI())
		}
	}
	return seen
}

// elements yields the attributes of all elements of a page with a name, and their contents.
func elements(t *testing.T, body, name string) func(func(url.Values, *html.Node) bool) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(url.Values, *html.Node) bool) {
		for n := range root.Descendants() {
			if n.Type == html.ElementNode && n.Data == name {
				attributes := url.Values{}
				for _, a := range n.Attr {
					attributes.Set(a.Key, a.Val)
				}
				if !yield(attributes, n) {
					return
				}
			}
		}
	}
}

// A filled form is one as a browser sends it if nobody has typed anything.
type filled struct {
	path   string
	fields []string
}

// formsOf returns the forms of a page that are posted, once for each button.
func formsOf(t *testing.T, body string) (all []filled) {
	t.Helper()
	for form, node := range elements(t, body, "form") {
		if form.Get("method") != "post" || form.Get("action") == "/sign-out" {
			continue
		}
		var fields []string
		buttons, disabled := [][]string{}, 0
		var visit func(n *html.Node, off bool)
		visit = func(n *html.Node, off bool) {
			a := url.Values{}
			for _, attribute := range n.Attr {
				a.Set(attribute.Key, attribute.Val)
			}
			off = off || a.Has("disabled")
			switch {
			case n.Type != html.ElementNode:
			case n.Data == "button" && a.Get("type") == "submit" && off:
				disabled++
			case n.Data == "button" && a.Get("type") == "submit":
				buttons = append(buttons, []string{a.Get("formaction"), a.Get("name"), a.Get("value")})
			case off || a.Get("name") == "":
			case n.Data == "input" && (a.Get("type") == "radio" || a.Get("type") == "checkbox"):
				if a.Has("checked") {
					fields = append(fields, a.Get("name"), a.Get("value"))
				}
			case n.Data == "input":
				fields = append(fields, a.Get("name"), a.Get("value"))
			case n.Data == "select":
				value := ""
				for o := range n.Descendants() {
					if o.Type == html.ElementNode && o.Data == "option" {
						for _, attribute := range o.Attr {
							if attribute.Key == "value" && value == "" {
								value = attribute.Val
							}
						}
					}
				}
				fields = append(fields, a.Get("name"), value)
			}
			for child := range n.ChildNodes() {
				visit(child, off)
			}
		}
		visit(node, false)
		if len(buttons) == 0 && disabled > 0 {
			continue
		}
		for _, button := range buttons {
			path, sent := form.Get("action"), slices.Clone(fields)
			if button[0] != "" {
				path = button[0]
			}
			if button[1] != "" {
				sent = append(sent, button[1], button[2])
			}
			all = append(all, filled{path, sent})
		}
	}
	return all
}

// late orders forms: the later ones leave nothing to the others.
func late(path string) int {
	order := []string{`/(remove|end|drop|suspend|revoke|rename)$`, `/mode$`, `^/readers/[^/]*/remove$`, `^/(doors|hubs)/[0-9]+/remove$`, `^/settings/account`}
	for i := len(order) - 1; i >= 0; i-- {
		if regexp.MustCompile(order[i]).MatchString(path) {
			return i + 1
		}
	}
	return 0
}

func TestNoLinkAndNoFormLeadsALimitedAdministratorToARefusal(t *testing.T) {
	for name, role := range map[string]desk.Role{"super": desk.Super, "editor": desk.Editor, "viewer": desk.Viewer, "everyone elsewhere": desk.Super, "nowhere": desk.Super} {
		t.Run(name, func(t *testing.T) {
			w := twoLocations(t)
			b := w.limited(role, 1)
			switch name {
			case "everyone elsewhere":
				w.everyoneElsewhere()
			case "nowhere":
				w.nowhere(role)
			}
			pages := walk(t, b)
			forms, known := []filled{}, map[string]bool{}
			for path, got := range pages {
				if got.status != http.StatusOK {
					t.Errorf("%s: %d: %.300s", path, got.status, text(got.body))
				}
				for _, f := range formsOf(t, got.body) {
					key := f.path + " " + strings.Join(without(f.fields, "once", "whose", "back"), " ")
					if late(f.path) > 2 { // it can be removed once
						key = f.path
					}
					if !known[key] {
						known[key] = true
						forms = append(forms, f)
					}
				}
			}
			if name != "nowhere" && (len(pages) < 40 || role != desk.Viewer && len(forms) < 40) {
				t.Errorf("only %d pages with %d forms", len(pages), len(forms))
			}
			slices.SortStableFunc(forms, func(a, b filled) int { return late(a.path) - late(b.path) })
			for _, f := range forms {
				if got := b.post(f.path, f.fields...); got.status == http.StatusForbidden || got.status >= 500 {
					t.Errorf("%s %q: %d: %.300s", f.path, f.fields, got.status, text(got.body))
				}
			}
			if w.logged.Len() > 0 {
				t.Errorf("logged: %s", w.logged)
			}
		})
	}
}

// everyoneElsewhere has the door at Annex open to everyone.
func (w *world) everyoneElsewhere() {
	w.t.Helper()
	_, err := w.desk.SetPolicy(w.t.Context(), owner, "hidden-reader", 0, func(p *wire.Policy) { p.Access = append(p.Access, wire.Access{Group: wire.Everyone}) })
	w.must(err)
}

// nowhere has the administrator of a role be limited to locations of which none is left.
func (w *world) nowhere(role desk.Role) {
	w.t.Helper()
	w.must(w.site.Update(w.t.Context(), func(tx *store.Tx) error {
		admin, err := tx.AdminNamed(names[role])
		return errors.Join(err, tx.LimitAdmin(admin.ID, true, nil))
	}))
}

// without returns a form's fields without some.
func without(fields []string, names ...string) (rest []string) {
	for i := 0; i+1 < len(fields); i += 2 {
		if !slices.Contains(names, fields[i]) {
			rest = append(rest, fields[i:i+2]...)
		}
	}
	return rest
}

func TestNothingOfAnotherLocationIsOnThePagesOfALimitedAdministrator(t *testing.T) {
	for _, role := range limitedRoles {
		t.Run(string(role), func(t *testing.T) {
			w := twoLocations(t)
			b := w.limited(role, 1)
			for path, got := range walk(t, b) {
				for _, word := range elsewhereWords {
					if strings.Contains(got.body, word) {
						t.Errorf("%s shows %q: …%s…", path, word, around(got.body, word))
					}
				}
			}
			for _, path := range []string{"/doors/2", "/locations/2", "/hubs/2", "/readers/hidden-reader", "/activity?door=2"} {
				got := b.get(path)
				for _, word := range elsewhereWords[:4] {
					if strings.Contains(got.body, word) {
						t.Errorf("%s, which no link leads to, shows %q: …%s…", path, word, around(got.body, word))
					}
				}
			}
		})
	}
}

// around returns what stands around a word.
func around(body, word string) string {
	at := strings.Index(body, word)
	return body[max(at-150, 0):min(at+150, len(body))]
}

func TestALimitedAdministratorSeesWhereTheyActAndWhatTheyCannot(t *testing.T) {
	w := twoLocations(t)
	b := w.limited(desk.Super, 1)
	got := b.get("/")
	got.shows(t, http.StatusOK, "only Home", `aria-label="Lockdown: Home"`, `aria-label="Evacuate: Home"`, "You cannot end it: it is for the whole site")
	for path, says := range map[string]string{
		"/users/1": "", "/users/3": "Bob Lovelace may open doors that are not at your locations.",
		"/groups/staff": "", "/groups/annexers": "The group annexers may open doors that are not at your locations.",
		"/schedules/1": "", "/schedules/2": "A door that is not at one of your locations uses it.",
	} {
		got := b.get(path)
		got.shows(t, http.StatusOK, says)
		if says == "" && strings.Contains(got.body, "Ask an administrator of the whole site") {
			t.Errorf("%s: out of reach", path)
		}
		if says != "" && slices.ContainsFunc(formsOf(t, got.body), func(f filled) bool { return strings.HasPrefix(f.path, path) }) {
			t.Errorf("%s offers a change", path)
		}
	}
	if list := b.get("/users").body; !strings.Contains(list, `id="tick-1"`) || strings.Contains(list, `id="tick-3"`) || strings.Contains(list, "Change all") || strings.Contains(list, "/users/import") {
		t.Error("in the list of users those can be ticked who are elsewhere")
	}
	if form := b.get("/users/new").body; !strings.Contains(form, `value="staff"`) || strings.Contains(form, `value="annexers"`) {
		t.Error("a new user can be put into a group that opens doors elsewhere")
	}
	b.get("/settings/account").shows(t, http.StatusOK, "You act at these locations only: Home.")
	b.get("/places/new/location").shows(t, http.StatusForbidden, "ask an administrator of the whole site to add one")
	for _, path := range []string{"/places", "/locations/1"} {
		if body := b.get(path).body; strings.Contains(body, "/places/new/location") || strings.Contains(body, "ask=remove") {
			t.Errorf("%s offers to add or remove a location", path)
		}
	}
	whole := w.visitor(desk.Editor).get("/")
	if whole.shows(t, http.StatusOK, `aria-label="Lockdown: the whole site"`); strings.Contains(whole.body, "my-locations") {
		t.Error("somebody who is not limited is told where they act")
	}
}

func TestALimitedAdministratorIsOfferedNoAdoptionAndNoRemovalAsLost(t *testing.T) {
	w := twoLocations(t)
	b := w.limited(desk.Super, 1)
	for path, got := range walk(t, b) {
		if strings.Contains(got.body, "/devices/adopt") || strings.Contains(got.body, "ask=lost") {
			t.Errorf("%s leads to what is refused", path)
		}
	}
	const own = "/readers/front-door"
	b.get(own+"?tab=device").shows(t, http.StatusOK, "ask=returned", "ask an administrator of the whole site to remove it")
	if body := b.get(own + "?tab=device&ask=lost").body; strings.Contains(body, own+"/remove") {
		t.Error("the question is asked all the same")
	}
	b.get("/devices/adopt").shows(t, http.StatusForbidden, "This is for the whole site")
	b.post(own+"/remove", "how", "lost").shows(t, http.StatusForbidden, "exposes PINs and cards of the whole site")
	b.post(own+"/remove", "how", "returned").shows(t, http.StatusOK, "The reader was removed")
}

func TestOnePressLocksDownAllLocationsOfALimitedAdministrator(t *testing.T) {
	w := twoLocations(t)
	third, err := w.desk.AddPlace(t.Context(), owner, desk.Locations, 0, "Yard")
	w.must(err)
	w.endModes()
	b := w.limited(desk.Editor, 1, third)
	b.post("/mode", "mode", "lockdown", "back", "/").shows(t, http.StatusOK, "Lockdown: the readers are told now.")
	if got, want := w.modes(), []string{"lockdown: Home", "lockdown: Yard"}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	w.endModes()
	got := b.part("toasts").post("/mode", "mode", "evacuation", "back", "/")
	got.shows(t, http.StatusOK, "Evacuation: the readers are told now.", "Undo at Home", "Undo at Yard")
	if got, want := w.modes(), []string{"evacuation: Home", "evacuation: Yard"}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	for _, f := range formsOf(t, got.body) {
		b.post(f.path, f.fields...).shows(t, http.StatusOK)
	}
	if got := w.modes(); len(got) > 0 {
		t.Errorf("undone, and still %q", got)
	}
	b.get("/?ask=mode").shows(t, http.StatusOK, "Lock or unlock all doors of Home and Yard")
	b.post("/mode", "mode", "unlocked", "for", "1h", "back", "/").shows(t, http.StatusOK, "Unlocked: the readers are told now.")
	b.post("/mode", "mode", "unlocked", "for", "end").shows(t, http.StatusUnprocessableEntity, "Say until when")
	if got, want := w.modes(), []string{"unlocked: Home", "unlocked: Yard"}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	w.endModes()
	w.must(w.desk.RemovePlace(t.Context(), owner, desk.Locations, third))
	nowhere := w.limited(desk.Super, 1)
	w.nowhere(desk.Super)
	nowhere.get("/").shows(t, http.StatusOK, "no location any more")
	nowhere.get("/places").shows(t, http.StatusOK, "none of these is there any more: ask an Owner to choose others.")
	nowhere.post("/mode", "mode", "lockdown").shows(t, http.StatusForbidden, "None of your locations is there any more")
	nowhere.get("/devices/adopt").shows(t, http.StatusForbidden, "This is for the whole site")
	if got := w.modes(); len(got) > 0 {
		t.Errorf("who acts nowhere has set %q", got)
	}
}

// modes are the modes that are wanted, sorted.
func (w *world) modes() (all []string) {
	w.t.Helper()
	wanted, err := w.desk.WantedModes(w.t.Context(), owner)
	w.must(err)
	for _, m := range wanted {
		all = append(all, string(m.Mode)+": "+m.Place)
	}
	slices.Sort(all)
	return all
}

// endModes ends all modes.
func (w *world) endModes() {
	w.t.Helper()
	wanted, err := w.desk.WantedModes(w.t.Context(), owner)
	w.must(err)
	for _, m := range wanted {
		w.must(w.desk.EndMode(w.t.Context(), owner, m.ID))
	}
}
