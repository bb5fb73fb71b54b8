package console

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// settingsPage shows the settings of the site and the administrator's account.
type settingsPage struct {
	Tab         string // "site", "administrators", "audit", "account"
	Form        *form
	Ask         string
	Fingerprint string
	Database    string             // where it is
	Doubt       *language.Sentence // why the controller's clock is in doubt; nil: it is not
	Odds        *desk.GuessOdds
	Theft       *desk.Theft
	Zone        *desk.SiteZone
	Authorities []*desk.TPMAuthority
	Brokers     *desk.Brokers
	Controllers []desk.ControllerStatus
	Cells       *desk.Cells
	Trust       trust
	activityPage
}

// Elsewhere returns the controller that leads, if it is another one.
func (p *settingsPage) Elsewhere() *desk.ControllerStatus {
	if len(p.Controllers) > 0 && p.Controllers[0].Leads && !p.Controllers[0].This {
		return &p.Controllers[0]
	}
	return nil
}

// Named says whether cells name the brokers of their readers.
func (p *settingsPage) Named() bool {
	return slices.ContainsFunc(p.Cells.All, func(c desk.CellStatus) bool { return len(c.Brokers) > 0 })
}

// Apart returns the readers that are told of other brokers than any cell names.
func (p *settingsPage) Apart() []desk.ReaderBrokers {
	return slices.DeleteFunc(slices.Clone(p.Brokers.Readers), func(r desk.ReaderBrokers) bool {
		return slices.ContainsFunc(p.Cells.All, func(c desk.CellStatus) bool { return slices.Equal(c.Brokers, r.Wanted()) })
	})
}

func (c *Console) settings(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.Actor.May(desk.EditSettings) {
		http.Redirect(w, r, "/settings/account", http.StatusSeeOther)
		return nil
	}
	return c.showSettings(r.URL.Query().Get("ask"))(w, r, v, http.StatusOK, nil)
}

// showSettings returns the page of the site, with an open dialog; "": none.
func (c *Console) showSettings(ask string) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) (err error) {
		if f == nil {
			f = newForm()
		}
		p := &settingsPage{Tab: "site", Form: f, Ask: ask, Fingerprint: c.fingerprint, Database: c.desk.Database(), Trust: c.trustOf(r)}
		days, err := c.desk.KeepDays(r.Context(), v.Actor)
		if err != nil {
			return err
		}
		if p.Doubt, err = c.doubt(r); err != nil {
			return err
		}
		if p.Odds, err = c.desk.Odds(r.Context(), v.Actor, "", nil); err != nil {
			return err
		}
		if p.Theft, err = c.desk.Theft(r.Context(), v.Actor); err != nil {
			return err
		}
		if p.Zone, err = c.desk.SiteZone(r.Context(), v.Actor); err != nil {
			return err
		}
		if p.Brokers, err = c.desk.Brokers(r.Context(), v.Actor); err != nil {
			return err
		}
		if p.Controllers, err = c.desk.Controllers(r.Context(), v.Actor); err != nil {
			return err
		}
		if p.Cells, err = c.desk.Cells(r.Context(), v.Actor); err != nil {
			return err
		}
		if p.Authorities, err = c.desk.TPMAuthorities(r.Context(), v.Actor); err != nil {
			return err
		}
		if !f.Values.Has("authority") {
			f.Values.Set("authority", r.URL.Query().Get("authority"))
		}
		f.Values.Set("zone-revision", p.Zone.Revision) // of the doors that the page asks about
		if !f.Values.Has("zone") {
			tick(f, "zone-doors", !p.Zone.Chosen)
		}
		for name, value := range map[string]string{"brokers": strings.Join(p.Brokers.Common(), "\n"), "revision": p.Brokers.Revision, "guess-budget": fmt.Sprint(p.Theft.Budget), "keep-days": fmt.Sprint(days), "zone": p.Zone.Zone.String()} {
			if !f.Values.Has(name) {
				f.Values.Set(name, value)
			}
		}
		c.show(w, r, status, "settings", &view{visit: v, Title: language.Say("Settings"), Section: "settings", Page: p})
		return nil
	}
}

// doubt returns why the controller's clock is in doubt; nil: it is not.
func (c *Console) doubt(r *http.Request) (*language.Sentence, error) {
	doubt, err := c.desk.Doubt(r.Context())
	if doubt == nil {
		return nil, err
	}
	return doubt.Alone(), err
}

func (c *Console) setSettings(r *http.Request, v *visit, f *form) (answer, error) {
	days := wholeNumber(f, "keep-days", 3650)
	if len(f.Wrong) > 0 {
		return answer{}, errWrong
	}
	return answer{to: "/settings", notice: language.Say("Saved.")}, c.desk.SetKeepDays(r.Context(), v.Actor, int(days))
}

func (c *Console) confirmClock(r *http.Request, v *visit, _ *form) (answer, error) {
	return answer{to: "/settings", notice: language.Say("The controller's clock is confirmed.")}, c.desk.ConfirmClock(r.Context(), v.Actor)
}

func (c *Console) setZone(r *http.Request, v *visit, f *form) (answer, error) {
	form := desk.ZoneForm{Zone: f.Get("zone"), Doors: f.Has("zone-doors", "on"), Revision: f.Get("zone-revision")}
	did, err := c.desk.SetZone(r.Context(), v.Actor, form)
	notice := language.Say("Saved. Times are now shown in this zone.")
	switch {
	case did.From == did.To:
		notice = language.Say("Saved. The site stays in %s.", did.To)
	case len(did.Doors) > 0:
		notice = language.Say("Saved. Times are now shown in this zone. The doors that were in the old one are in it, too, and their readers are told now.")
	}
	return answer{to: "/settings", notice: notice}, err
}

func (c *Console) setGuesses(r *http.Request, v *visit, f *form) (answer, error) {
	guesses := wholeNumber(f, "guess-budget", desk.MaxGuessBudget)
	if len(f.Wrong) > 0 {
		return answer{}, errWrong
	}
	return answer{to: "/settings", notice: language.Say("Saved. What readers have got already stays theirs.")}, c.desk.SetGuessBudget(r.Context(), v.Actor, int(guesses))
}

func (c *Console) setPINReaders(r *http.Request, v *visit, f *form) (answer, error) {
	only := f.Get("only") == "true"
	a := answer{to: "/settings", notice: language.Say("Readers without a TPM get the PIN key, and take PINs.")}
	if only {
		a.notice = language.Say("All readers get a new site key, and only those with a TPM take PINs.")
	}
	return a, c.desk.SetPINReaders(r.Context(), v.Actor, only)
}

func (c *Console) addTPMAuthorities(r *http.Request, v *visit, f *form) (answer, error) {
	if len(f.file) > desk.MaxRequest {
		return answer{}, f.wrong("authority", "The file is larger than %d KiB, so it is no certificate: choose the file that the maker publishes.", desk.MaxRequest>>10)
	}
	added, err := c.desk.AddTPMAuthorities(r.Context(), v.Actor, f.file)
	if err != nil {
		return answer{}, err
	}
	notice := language.Say("From now on readers are adopted if their TPM is certified by %s.", added[0].Name)
	if len(added) > 1 {
		notice = language.Say("From now on readers are adopted if their TPM is certified by one of %d more authorities.", len(added))
	}
	return answer{to: "/settings", notice: notice}, nil
}

func (c *Console) removeTPMAuthority(r *http.Request, v *visit, f *form) (answer, error) {
	return answer{to: "/settings", notice: language.Say("Removed. What was adopted stays as it is.")}, c.desk.RemoveTPMAuthority(r.Context(), v.Actor, f.Get("authority"))
}

// backup checks the form, and sends the backup.
func (c *Console) backup(_ *http.Request, v *visit, f *form) (answer, error) {
	if !bytes.Equal(f.secret["passphrase"], f.secret["passphrase-again"]) {
		return answer{}, f.wrong("passphrase-again", "The two passphrases differ. Type the same one twice.")
	}
	name := fmt.Sprintf("%s-%s.tar.age", c.site, time.Now().In(v.zone()).Format("2006-01-02-1504"))
	form := &desk.BackupForm{Passphrase: f.secret["passphrase"], Recipients: f.Trim("recipients")}
	return answer{show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.download(w, r, "application/octet-stream", name, func(to http.ResponseWriter) error {
			return c.desk.WriteBackup(r.Context(), v.Actor, form, to)
		})
	}}, nil
}

func (c *Console) newEpoch(r *http.Request, v *visit, _ *form) (answer, error) {
	_, err := c.desk.NewEpoch(r.Context(), v.Actor)
	return answer{to: "/settings", notice: language.Say("There is a new site key. Readers switch to it one after another.")}, err
}

// audit shows the acts of administrators.
func (c *Console) audit(w http.ResponseWriter, r *http.Request, v *visit) error {
	p := &settingsPage{Tab: "audit", activityPage: activityPage{Filter: newForm(), Audit: true}}
	if err := c.readActivity(r, v, &p.activityPage, desk.Query{Kind: "admin"}); err != nil {
		return err
	}
	c.show(w, r, http.StatusOK, "settings", &view{visit: v, Title: language.Say("Audit"), Section: "settings", Page: p})
	return nil
}

// rolesLine lists the roles as a mapping has them.
func rolesLine() string {
	var all []string
	for _, r := range desk.Roles() {
		all = append(all, string(r))
	}
	return strings.Join(all, ", ")
}
