package console

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// adoptPage is the adoption of a reader: upload the request, compare the
// fingerprints, download the bundle.
type adoptPage struct {
	Step        int // 1, 2, 3
	Form        *form
	Request     *desk.Request
	Locations   []*desk.Location
	Readers     []*desk.Reader
	Groups      []string // existing ones, without everyone
	Days        []day    // for the schedule
	Adoption    *site.Adoption
	OtherBroker bool   // the broker is a separate program
	Download    string // URL of the bundle
	File        string
}

func (c *Console) adoptRoutes(page route) {
	page("GET /devices/adopt", c.adoptPage)
	page("POST /devices/adopt", c.readRequest)
	page("POST /devices/adopt/reader", c.adopt)
	page("GET /devices/bundles/{key}", c.bundle)
}

func (c *Console) showAdopt(w http.ResponseWriter, r *http.Request, v *visit, status int, p *adoptPage) error {
	if p.Step == 2 {
		var err error
		if p.Locations, err = c.desk.Places(r.Context(), v.Actor); err != nil {
			return err
		}
		if p.Readers, err = c.desk.Readers(r.Context(), v.Actor); err != nil {
			return err
		}
		if p.Groups, err = c.desk.Groups(r.Context(), v.Actor); err != nil {
			return err
		}
		p.Days = newWeek(wire.Access{}).Days
	}
	c.show(w, r, status, "adopt", &view{visit: v, Title: "Adopt a reader", Section: "devices", Page: p})
	return nil
}

func (c *Console) adoptPage(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := v.refusal(desk.AdoptReader); err != nil {
		return err
	}
	return c.showAdopt(w, r, v, http.StatusOK, &adoptPage{Step: 1, Form: newForm("reader", r.URL.Query().Get("reader"))})
}

// readRequest reads the uploaded request and shows its fingerprint.
func (c *Console) readRequest(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, file, err := readUpload(r, "request", desk.MaxRequest, "password")
	if err != nil {
		return err
	}
	defer f.wipe()
	again := func() error {
		return c.showAdopt(w, r, v, http.StatusUnprocessableEntity, &adoptPage{Step: 1, Form: f})
	}
	if len(file) > desk.MaxRequest {
		f.Wrong["request"] = fmt.Sprintf("This is not a request: it is larger than %d KiB.", desk.MaxRequest>>10)
		return again()
	}
	right, err := c.confirmPassword(r, v, f)
	if err != nil {
		return err
	}
	if !right {
		return again()
	}
	request, err := c.desk.ReadRequest(r.Context(), v.Actor, file)
	if errors.Is(err, desk.ErrSignInAgain) {
		v.Actor.FreshSignIn = false
	}
	if f.refused(err) {
		return again()
	}
	if err != nil {
		return err
	}
	f = newForm("request", base64.StdEncoding.EncodeToString(file), "reader", request.Reader, "broker", c.broker(r))
	if request.Reader != "" {
		f.Values.Set("access", "keep")
	}
	return c.showAdopt(w, r, v, http.StatusOK, &adoptPage{Step: 2, Form: f, Request: request})
}

// broker returns the broker's URL to propose; if its host is not configured, with the
// host of the request.
func (c *Console) broker(r *http.Request) string {
	port, ok := strings.CutPrefix(c.brokerURL, "ssl://:")
	if !ok {
		return c.brokerURL
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return "ssl://" + net.JoinHostPort(host, port)
}

// otherBroker says whether the broker is a separate program, which must be configured
// with the readers.
func (c *Console) otherBroker() bool { return !strings.HasPrefix(c.brokerURL, "ssl://:") }

// adopt makes the board a reader and keeps the bundle for download.
func (c *Console) adopt(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := c.formOf(r, v, "password")
	if err != nil {
		return err
	}
	defer f.wipe()
	request, err := base64.StdEncoding.DecodeString(f.Get("request"))
	if err != nil {
		return desk.ErrNotFound
	}
	return c.once(w, r, v, f, func() (answer, error) { return c.adopted(w, r, v, f, request) })
}

// adopted adopts the board of a request and shows the result.
func (c *Console) adopted(w http.ResponseWriter, r *http.Request, v *visit, f *form, request []byte) (answer, error) {
	right, err := c.confirmPassword(r, v, f)
	if err != nil {
		return nil, err
	}
	access := accessChoice(f)
	if len(f.Wrong) > 0 {
		if err := v.refusal(desk.AdoptReader); err != nil {
			return nil, err
		}
	} else if right {
		adoption, key, err := c.makeBundle(r, v, f, request, access)
		if err == nil {
			result := func(w http.ResponseWriter, r *http.Request, v *visit) error {
				return c.showAdopt(w, r, v, http.StatusOK, &adoptPage{Step: 3, Adoption: adoption, OtherBroker: c.otherBroker(), Download: "/devices/bundles/" + key, File: bundleName(adoption.Reader)})
			}
			return result, result(w, r, v)
		}
		if errors.Is(err, desk.ErrSignInAgain) {
			v.Actor.FreshSignIn = false
		}
		if !f.refused(err) {
			return nil, err
		}
	}
	_, fingerprint, err := wire.ParseRequest(request)
	if err != nil {
		return nil, desk.ErrNotFound
	}
	return nil, c.showAdopt(w, r, v, http.StatusUnprocessableEntity, &adoptPage{Step: 2, Form: f, Request: &desk.Request{Fingerprint: fingerprint}})
}

// accessChoice reads who may open the door of a reader being adopted; nil: unchanged.
// It marks missing input.
func accessChoice(f *form) []wire.Access {
	switch f.Get("access") {
	case "everyone":
		return []wire.Access{{Group: wire.Everyone}}
	case "nobody":
		return []wire.Access{}
	case "groups":
		hours := readTimes(f)
		access := []wire.Access{}
		groups := groupsOf(f)
		slices.Sort(groups)
		for _, group := range slices.Compact(groups) {
			access = append(access, wire.Access{Group: group, Schedule: hours})
		}
		if len(access) == 0 {
			f.Wrong["access"] = "Choose the groups that may open the door, or choose nobody yet."
		}
		return access
	case "keep":
	default:
		f.Wrong["access"] = "Choose who may open the door."
	}
	return nil
}

func bundleName(reader string) string { return reader + ".bundle" }

// makeBundle adopts the reader and writes its bundle to a file without a name, which
// vanishes with this process.
func (c *Console) makeBundle(r *http.Request, v *visit, f *form, request []byte, access []wire.Access) (a *site.Adoption, key string, err error) {
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
	form := desk.AdoptForm{
		Reader: f.Trim("reader"), Request: request, Door: f.Trim("door"), Place: f.Trim("place"), TimeZone: f.Trim("time-zone"), Broker: f.Trim("broker"), Access: access,
	}
	if f.Has("compared", "on") {
		form.Fingerprint = f.Get("fingerprint")
	}
	a, err = c.desk.Adopt(r.Context(), v.Actor, form, func(bundle []byte) error {
		_, err := file.Write(bundle)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return a, c.downloads.keep(&download{file: file, name: bundleName(a.Reader), admin: v.Actor.ID, ends: time.Now().Add(bundleEnds)}), nil
}
