package console

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// importPath takes larger bodies than others: a file of users, and the form around it.
const (
	importPath    = "/users/import"
	maxImportBody = desk.MaxImport + 2<<20
)

// importPage takes a file of users, shows what it would do, and then the slips.
type importPage struct {
	Form   *form
	Upload *upload             // nil: none yet
	Fate   desk.RowFate        // of the rows that are shown
	Rows   []*desk.ImportRow   // a page of them
	Next   int                 // the number of the first row of the next page; 0: this is the last
	Slips  []*desk.ImportedPIN // with PINs that the page shows
}

// rowsPerPage is how many rows of a preview a page shows.
const rowsPerPage = 100

// Fates returns the fates that rows of the file have.
func (p *importPage) Fates() (all []desk.RowFate) {
	for _, fate := range []desk.RowFate{desk.RowWrong, desk.RowAdds, desk.RowChanges, desk.RowKeeps} {
		if p.Upload.Preview.Count[fate] > 0 {
			all = append(all, fate)
		}
	}
	return all
}

// Count returns how many rows have a fate.
func (p *importPage) Count(fate desk.RowFate) int { return p.Upload.Preview.Count[fate] }

// Wrong returns how many rows are wrong.
func (p *importPage) Wrong() int { return p.Count(desk.RowWrong) }

// Does says whether the import would do anything.
func (p *importPage) Does() bool { return p.Count(desk.RowAdds)+p.Count(desk.RowChanges) > 0 }

// fateTitles are the fates for people.
var fateTitles = map[desk.RowFate]*language.Sentence{
	desk.RowWrong: language.Say("Wrong¦rows of a file"), desk.RowAdds: language.Say("Added¦rows of a file"),
	desk.RowChanges: language.Say("Changed¦rows of a file"), desk.RowKeeps: language.Say("As before"),
}

// slow gives a handler time for a large body and for thousands of changes.
func slow(handle handler) handler {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error {
		until := time.Now().Add(15 * time.Minute)
		// A test's recorder has no deadlines.
		if err := http.NewResponseController(w).SetReadDeadline(until); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if err := http.NewResponseController(w).SetWriteDeadline(until); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		return handle(w, r, v)
	}
}

func (c *Console) showImport(w http.ResponseWriter, r *http.Request, v *visit, status int, p *importPage) error {
	c.show(w, r, status, "import", &view{visit: v, Title: language.Say("Import users"), Section: "users", Panel: p.Slips != nil, Page: p})
	return nil
}

func (c *Console) showUsersFile(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	if f == nil {
		f = newForm()
	}
	return c.showImport(w, r, v, status, &importPage{Form: f})
}

// uploadUsers takes a file, and shows what it would do.
func (c *Console) uploadUsers(r *http.Request, v *visit, f *form) (answer, error) {
	preview, err := c.desk.PreviewImport(r.Context(), v.Actor, f.file)
	if err != nil {
		return answer{}, err
	}
	return answer{to: importPath + "/file/" + c.uploads.keep(v.Actor.ID, f.file, preview)}, nil
}

func (c *Console) preview(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showPreview(w, r, v, http.StatusOK, newForm("deliver", "file"))
}

// showPreview shows a page of the rows of an upload.
func (c *Console) showPreview(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	u := c.uploads.of(v.Actor.ID, r.PathValue("key"))
	if u == nil {
		return desk.ErrNotFound
	}
	p := &importPage{Form: f, Upload: u, Fate: desk.RowFate(r.URL.Query().Get("rows"))}
	if fates := p.Fates(); !slices.Contains(fates, p.Fate) {
		p.Fate = fates[0]
	}
	first, _ := strconv.Atoi(r.URL.Query().Get("from"))
	n := 0
	for _, row := range u.Preview.Rows {
		if row.Fate != p.Fate {
			continue
		}
		if n++; n <= first {
			continue
		}
		if len(p.Rows) == rowsPerPage {
			p.Next = n - 1
			break
		}
		p.Rows = append(p.Rows, row)
	}
	return c.showImport(w, r, v, status, p)
}

// importUsers does what the preview said.
func (c *Console) importUsers(r *http.Request, v *visit, f *form) (answer, error) {
	u := c.uploads.of(v.Actor.ID, r.PathValue("key"))
	if u == nil {
		return answer{}, desk.ErrNotFound
	}
	var sealed bytes.Buffer
	var slips []*desk.ImportedPIN
	pins, err := pinDelivery(u, f, &sealed, &slips)
	if err != nil {
		return answer{}, err
	}
	done, err := c.desk.ImportUsers(r.Context(), v.Actor, u.file, f.Get("revision"), pins)
	if err != nil {
		desk.WipePINs(slips)
		if errors.Is(err, desk.ErrChanged) {
			anew, failed := c.desk.PreviewImport(r.Context(), v.Actor, u.file)
			if failed != nil {
				return answer{}, failed
			}
			c.uploads.renew(u.Key, anew)
		}
		return answer{}, err
	}
	a := answer{to: "/users", notice: language.Say("Imported: %d added, %d changed.", done.Count[desk.RowAdds], done.Count[desk.RowChanges])}
	switch {
	case slips != nil:
		a.show = c.showSlips(slips)
	case sealed.Len() > 0:
		name := fmt.Sprintf("%s-pins-%s.csv.age", c.site, time.Now().In(v.zone()).Format("2006-01-02-1504"))
		a.show = func(w http.ResponseWriter, r *http.Request, v *visit) error {
			return c.download(w, r, "application/octet-stream", name, func(to http.ResponseWriter) error {
				_, err := to.Write(sealed.Bytes())
				return err
			})
		}
	}
	return a, nil
}

// pinDelivery reads from a form where the PINs go; nil: none is made.
func pinDelivery(u *upload, f *form, sealed *bytes.Buffer, slips *[]*desk.ImportedPIN) (*desk.PINDelivery, error) {
	switch {
	case u.Preview.PINs == 0:
		return nil, nil
	case f.Get("deliver") == "slips":
		return &desk.PINDelivery{How: language.Say("on slips"), Give: func(pins []*desk.ImportedPIN) error {
			*slips = pins
			return nil
		}}, nil
	case !bytes.Equal(f.secret["passphrase"], f.secret["passphrase-again"]):
		return nil, f.wrong("passphrase-again", "The two passphrases differ. Type the same one twice.")
	}
	form := &desk.PINFileForm{Passphrase: f.secret["passphrase"], Recipients: f.Trim("recipients")}
	return form.Delivery(sealed, nil)
}

// showSlips shows the PINs of new users, once, and wipes them.
func (c *Console) showSlips(slips []*desk.ImportedPIN) handler {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error {
		defer desk.WipePINs(slips)
		var spaced [][]byte
		defer func() {
			for _, digits := range spaced {
				clear(digits)
			}
		}()
		for _, slip := range slips {
			half := len(slip.Digits) / 2
			spaced = append(spaced, slices.Concat(slip.Digits[:half], []byte(" "), slip.Digits[half:]))
		}
		return c.showImport(&secretWriter{ResponseWriter: w, marker: c.marker, secrets: spaced}, r, v, http.StatusOK, &importPage{Form: newForm(), Slips: slips})
	}
}

// exportUsers sends the users that the list shows.
func (c *Console) exportUsers(r *http.Request, v *visit, _ *form) (answer, error) {
	q := r.URL.Query()
	query := desk.UserQuery{Search: truncate(strings.TrimSpace(q.Get("q")), 100), State: desk.UserState(q.Get("state")), Group: truncate(q.Get("group"), 100)}
	name := fmt.Sprintf("%s-users-%s.csv", c.site, time.Now().In(v.zone()).Format(time.DateOnly))
	return answer{show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.download(w, r, "text/csv; charset=utf-8", name, func(to http.ResponseWriter) error {
			return c.desk.ExportUsers(r.Context(), v.Actor, query, to)
		})
	}}, nil
}

// fateTitle returns a fate for people.
func fateTitle(fate desk.RowFate) *language.Sentence { return fateTitles[fate] }
