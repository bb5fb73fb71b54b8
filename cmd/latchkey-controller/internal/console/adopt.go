package console

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"os"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// adoptPage is the adoption of a reader: upload the request, compare the
// fingerprints, download the bundle.
type adoptPage struct {
	adoptChoices
	Step        int                   // 1, 2, 3
	Waiting     []*desk.WaitingReader // that need no files, in step 1
	Request     *desk.Request
	Adoption    *site.Adoption
	OtherBroker bool   // the broker is a separate program
	Download    string // URL of the bundle
	File        string
}

func (c *Console) showAdopt(w http.ResponseWriter, r *http.Request, v *visit, status int, p *adoptPage) error {
	c.show(w, r, status, "adopt", &view{visit: v, Title: language.Say("Adopt a reader"), Section: "devices", Page: p})
	return nil
}

// showUpload shows step 1.
func (c *Console) showUpload(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	if f == nil {
		f = newForm("reader", r.URL.Query().Get("reader"))
	}
	waiting, err := c.waitingReaders(r, v)
	if err != nil {
		return err
	}
	return c.showAdopt(w, r, v, status, &adoptPage{Step: 1, Waiting: waiting, adoptChoices: adoptChoices{Form: f}})
}

// readRequest reads the uploaded request and shows step 2.
func (c *Console) readRequest(r *http.Request, v *visit, f *form) (answer, error) {
	if len(f.file) > desk.MaxRequest {
		return answer{}, f.wrong("request", "The file is larger than %d KiB, so it is no request: choose the file that the reader wrote.", desk.MaxRequest>>10)
	}
	request, err := c.desk.ReadRequest(r.Context(), v.Actor, f.file)
	if err != nil {
		return answer{}, err
	}
	next := newForm("request", base64.StdEncoding.EncodeToString(f.file), "reader", request.Reader)
	if err := c.proposeBroker(r, v, next); err != nil {
		return answer{}, err
	}
	if request.Reader != "" {
		next.Values.Set("access", "keep")
	}
	return answer{show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.showStep2(w, r, v, http.StatusOK, next, request)
	}}, nil
}

// showStep2 shows a request's fingerprint, and the form of the reader.
func (c *Console) showStep2(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form, request *desk.Request) error {
	choices, err := c.adoptChoices(r, v, f)
	if err != nil {
		return err
	}
	choices.MayKeep = true
	return c.showAdopt(w, r, v, status, &adoptPage{adoptChoices: choices, Step: 2, Request: request})
}

// adopt makes the board a reader and keeps the bundle for download.
func (c *Console) adopt(r *http.Request, v *visit, f *form) (answer, error) {
	request, err := base64.StdEncoding.DecodeString(f.Get("request"))
	if err != nil {
		return answer{}, desk.ErrNotFound
	}
	access, uses := accessChoice(f)
	if len(f.Wrong) > 0 {
		return answer{}, cmp.Or(v.refusal(desk.AdoptReader), errWrong)
	}
	adoption, key, err := c.makeBundle(r, v, f, request, access, uses)
	if err != nil {
		return answer{}, err
	}
	return answer{show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.showAdopt(w, r, v, http.StatusOK, &adoptPage{Step: 3, Adoption: adoption, OtherBroker: c.otherBroker(), Download: "/devices/bundles/" + key, File: bundleName(adoption.Reader)})
	}}, nil
}

// showCompare shows step 2 again.
func (c *Console) showCompare(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	accessChoice(f) // marks what is missing there even if another field was refused
	request, err := base64.StdEncoding.DecodeString(f.Get("request"))
	if err != nil {
		return desk.ErrNotFound
	}
	read, err := c.desk.ReadRequest(r.Context(), v.Actor, request)
	if err != nil {
		return desk.ErrNotFound
	}
	return c.showStep2(w, r, v, status, f, read)
}

func bundleName(reader string) string { return reader + ".bundle" }

// makeBundle adopts the reader and writes its bundle to a file without a name, which the
// system removes with this process.
func (c *Console) makeBundle(r *http.Request, v *visit, f *form, request []byte, access []wire.Access, uses []desk.UseSchedule) (a *site.Adoption, key string, err error) {
	file, err := os.CreateTemp("", "bundle-*")
	if err != nil {
		return nil, "", err
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	if err := os.Remove(file.Name()); err != nil {
		return nil, "", err
	}
	form := adoptForm(f, access, uses)
	form.Request = request
	a, err = c.desk.Adopt(r.Context(), v.Actor, form, func(bundle []byte) error {
		_, err := file.Write(bundle)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return a, c.bundles.keep(file, bundleName(a.Reader), v.Actor.ID), nil
}
