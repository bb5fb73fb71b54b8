package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// userPanel is one user.
type userPanel struct {
	User      *desk.User
	Tab       string // "about", "credentials", "access", "activity"
	Ask       string // open question: "remove", "remove-pin", "remove-duress-pin", or "card-7", "rekey-7" or "return-7" about a card
	Add       string // what is being added: "any", "pin", "duress-pin", "card", "enrol", "confirm", "new"
	Shown     string // the PIN that this page shows: "pin", "duress-pin"; "": none
	Rollout   desk.Rollout
	Access    []*desk.Access // where they may open
	Now       desk.DoorsNow  // of Access
	Readers   []*desk.Reader // that can read a card
	Enrolment *desk.Enrolment
	Written   *writtenCard
	Events    []*desk.Event
}

func userURL(id uint64, tab string) string {
	return "/users/" + strconv.FormatUint(id, 10) + "?tab=" + tab
}

// userPanel reads the data of a tab of a user's panel.
func (c *Console) userPanel(r *http.Request, v *visit, id uint64, tab string) (p *userPanel, err error) {
	p = &userPanel{Tab: tab}
	if p.User, err = c.desk.User(r.Context(), v.Actor, id); err != nil {
		return nil, err
	}
	v.beyond(v.reach.User(&p.User.UserRow), userActs...)
	if wants(r, "panel") || wants(r, "doors-now") || wants(r, "access") {
		if err := c.readAccessOf(r, v, p); err != nil {
			return nil, err
		}
	}
	switch tab {
	case "about", "access":
	case "activity":
		page, err := c.desk.Activity(r.Context(), v.Actor, desk.Query{User: id, Lines: true, Limit: 25})
		if err != nil {
			return nil, err
		}
		p.Events = page.Events
	default:
		p.Tab = "credentials"
	}
	return p, nil
}

// readAccessOf fills in where the user may open, by location and door.
func (c *Console) readAccessOf(r *http.Request, v *visit, p *userPanel) error {
	readers, err := c.desk.ReadersOf(r.Context(), v.Actor, p.User.ID)
	if err != nil {
		return err
	}
	p.Access, err = c.desk.UserAccess(r.Context(), v.Actor, readers, p.User.ID)
	desk.SortAccess(p.Access)
	p.Now = desk.SumUp(p.Access)
	return err
}

// readRollout fills in how far a PIN that was given has spread, and where it opens.
func (c *Console) readRollout(r *http.Request, v *visit, p *userPanel) (err error) {
	if p.Rollout, err = c.desk.Rollout(r.Context(), v.Actor); err != nil {
		return err
	}
	return c.readAccessOf(r, v, p)
}

// OpensAlone returns at how many doors the user's PIN opens by itself.
func (p *userPanel) OpensAlone() int {
	alone, _ := desk.PINDoors(p.Access)
	return alone
}

// OpensBoth returns at how many more it opens together with a card.
func (p *userPanel) OpensBoth() int {
	_, both := desk.PINDoors(p.Access)
	return both
}

func (c *Console) user(w http.ResponseWriter, r *http.Request, v *visit) error {
	q := r.URL.Query()
	panel, err := c.userPanel(r, v, uint64(v.id), q.Get("tab"))
	if err != nil {
		return err
	}
	if v.Beyond == nil {
		panel.Ask, panel.Add = q.Get("ask"), q.Get("add")
	}
	page := &usersPage{userPanel: panel, Form: newForm("pin", "auto")}
	if panel.Add == "pin" {
		fillLimits(page.Form, panel.limits())
	}
	switch {
	case r.Header.Get("HX-Target") == "rollout", r.Header.Get("HX-Target") == "doors-now" && q.Has("new-pin"):
		v.Renewed = r.Header.Get("HX-Target") == "doors-now"
		if err := c.readRollout(r, v, panel); err != nil {
			return err
		}
	case panel.Tab == "about":
		page.Form, page.Elsewhere = userFields(panel.User, v), panel.User.Elsewhere
		page.Groups, err = c.groupsToJoin(r.Context(), v)
	case panel.needsReader():
		panel.Readers, err = c.onlineReaders(r, v)
	}
	if err != nil {
		return err
	}
	return c.showUsers(w, r, v, http.StatusOK, page)
}

// limits returns the limits of the user's own PIN.
func (p *userPanel) limits() desk.PINLimits {
	for _, c := range p.User.Credentials {
		if c.Kind == "pin" && !c.Duress {
			return c.Limits
		}
	}
	return desk.PINLimits{}
}

// needsReader says whether a reader is chosen for what is being added or asked.
func (p *userPanel) needsReader() bool {
	return p.Add == "enrol" || p.Add == "new" || strings.HasPrefix(p.Ask, "rekey-") || strings.HasPrefix(p.Ask, "return-")
}

// userFields returns the form of a user's current data.
func userFields(u *desk.User, v *visit) *form {
	shown := u.Form(v.zone())
	f := newForm("zone", v.zone().String(), "first", shown.First, "last", shown.Last, "from", shown.From, "until", shown.Until, "revision", shown.Revision())
	for _, group := range shown.Groups {
		f.Values.Add("group", group)
	}
	f.Values.Set("email", shown.Email)
	f.Values.Set("employee", shown.Employee)
	tick(f, "extended", shown.Extended)
	return f
}

func (c *Console) editUser(r *http.Request, v *visit, f *form) (answer, error) {
	id := uint64(v.id)
	err := c.desk.EditUser(r.Context(), v.Actor, id, f.Get("revision"), zoneOf(f, v), func(as *desk.UserForm) { *as = userForm(f, v) })
	return answer{to: userURL(id, "about"), notice: language.Say("Saved. Readers are told now.")}, err
}

// showAbout shows the form of a user again.
func (c *Console) showAbout(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	panel, err := c.userPanel(r, v, uint64(v.id), "about")
	if err != nil {
		return err
	}
	f.warn("user", panel.User.Form(zoneOf(f, v)).Revision())
	return c.showUserForm(w, r, v, status, &usersPage{userPanel: panel, Form: f})
}

func (c *Console) removeUser(r *http.Request, v *visit, _ *form) (answer, error) {
	id := uint64(v.id)
	var notice *language.Sentence
	u, err := c.desk.User(r.Context(), v.Actor, id)
	if err == nil {
		notice = language.Say("%s was removed, with PIN and cards.", u.Name)
		err = c.desk.RemoveUser(r.Context(), v.Actor, id)
	}
	return removed(err, "/users", notice, language.Say("This user was already removed."))
}

// suspendUser suspends a user, or ends that.
func (c *Console) suspendUser(r *http.Request, v *visit, f *form) (answer, error) {
	id, suspended := uint64(v.id), f.Get("suspended") == "true"
	notice := language.Say("The suspension is over. Readers are being updated.")
	if suspended {
		notice = language.Say("Suspended. PIN and cards open no door as soon as each reader is updated.")
	}
	return answer{to: userURL(id, "about"), notice: notice}, c.desk.SuspendUser(r.Context(), v.Actor, id, suspended)
}

// onlineReaders returns the readers that can read a card now.
func (c *Console) onlineReaders(r *http.Request, v *visit) ([]*desk.Reader, error) {
	readers, err := c.desk.Readers(r.Context(), v.Actor)
	return slices.DeleteFunc(readers, func(r *desk.Reader) bool { return r.Removed != "" || !r.Live.Online }), err
}
