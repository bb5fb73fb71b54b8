package console

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// adoptPage is the adoption of a reader: upload the request, compare the
// fingerprints, download the bundle.
type adoptPage struct {
	Step         int // 1, 2, 3
	Form         *form
	Request      *desk.Request
	Locations    []*desk.Location
	Groups       []string // existing ones, without everyone
	Days         []day    // for hours
	Schedules    []*desk.Schedule
	MaySchedules bool            // add one
	Cells        []desk.CellName // to choose from
	Adoption     *site.Adoption
	OtherBroker  bool   // the broker is a separate program
	Download     string // URL of the bundle
	File         string
}

// Unnamed says which brokers a reader gets if the form names none.
func (p *adoptPage) Unnamed() string {
	if slices.ContainsFunc(p.Cells, func(c desk.CellName) bool { return c.Brokers }) {
		return "those of its cell"
	}
	return "unchanged"
}

func (c *Console) showAdopt(w http.ResponseWriter, r *http.Request, v *visit, status int, p *adoptPage) error {
	c.show(w, r, status, "adopt", &view{visit: v, Title: "Adopt a reader", Section: "devices", Page: p})
	return nil
}

// showUpload shows step 1.
func (c *Console) showUpload(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	if f == nil {
		f = newForm("reader", r.URL.Query().Get("reader"))
	}
	return c.showAdopt(w, r, v, status, &adoptPage{Step: 1, Form: f})
}

// readRequest reads the uploaded request and shows step 2.
func (c *Console) readRequest(r *http.Request, v *visit, f *form) (answer, error) {
	if len(f.file) > desk.MaxRequest {
		return answer{}, f.wrong("request", fmt.Sprintf("This is not a request: it is larger than %d KiB.", desk.MaxRequest>>10))
	}
	request, err := c.desk.ReadRequest(r.Context(), v.Actor, f.file)
	if err != nil {
		return answer{}, err
	}
	cells, err := c.desk.CellNames(r.Context(), v.Actor)
	if err != nil {
		return answer{}, err
	}
	next := newForm("request", base64.StdEncoding.EncodeToString(f.file), "reader", request.Reader)
	if !slices.ContainsFunc(cells, func(c desk.CellName) bool { return c.Brokers }) {
		next.Values.Set("broker", c.broker(r))
	}
	if request.Reader != "" {
		next.Values.Set("access", "keep")
	}
	return answer{show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.showStep2(w, r, v, http.StatusOK, next, request)
	}}, nil
}

// showStep2 shows a request's fingerprint, and the form of the reader.
func (c *Console) showStep2(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form, request *desk.Request) (err error) {
	p := &adoptPage{Step: 2, Form: f, Request: request, Days: newWeek(wire.Access{}).Days}
	if p.Locations, err = c.desk.Places(r.Context(), v.Actor); err != nil {
		return err
	}
	if p.Groups, err = c.desk.Groups(r.Context(), v.Actor); err != nil {
		return err
	}
	if p.Cells, err = c.desk.CellNames(r.Context(), v.Actor); err != nil {
		return err
	}
	p.MaySchedules = v.May(string(desk.EditSchedules))
	if p.Schedules, err = c.desk.Schedules(r.Context(), v.Actor); err != nil {
		return err
	}
	return c.showAdopt(w, r, v, status, p)
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

// accessChoice reads who may open the door of a reader being adopted; nil: unchanged.
// uses say whose hours
// are those of schedules. It marks missing input.
func accessChoice(f *form) (access []wire.Access, uses []desk.UseSchedule) {
	switch f.Get("access") {
	case "everyone":
		return []wire.Access{{Group: wire.Everyone}}, nil
	case "nobody":
		return []wire.Access{}, nil
	case "groups":
		hours, by := readTimes(f)
		access = []wire.Access{}
		groups := groupsOf(f)
		slices.Sort(groups)
		for _, group := range slices.Compact(groups) {
			access = append(access, wire.Access{Group: group, Schedule: hours})
			by.HoursUse = accessOf(group)
			uses = append(uses, by)
		}
		if len(access) == 0 {
			f.Wrong["access"] = "Choose the groups that may open the door, or choose nobody yet."
		}
		return access, uses
	case "keep":
	default:
		f.Wrong["access"] = "Choose who may open the door."
	}
	return nil, nil
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
	form := desk.AdoptForm{
		Reader: f.Trim("reader"), Request: request, Door: f.Trim("door"), Place: f.Trim("place"), TimeZone: f.Trim("time-zone"), Broker: f.Trim("broker"), Cell: f.Get("cell"), Access: access, Uses: uses,
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
	return a, c.bundles.keep(file, bundleName(a.Reader), v.Actor.ID), nil
}
