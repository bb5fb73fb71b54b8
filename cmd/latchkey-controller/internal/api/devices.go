package api

import (
	"net/http"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// deviceType is the type of a reader: it is the board with the strike as well.
const deviceType = "Latchkey"

// A deviceObject is a reader.
type deviceObject struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Alias        string   `json:"alias"` // the door's name
	Type         string   `json:"type"`
	Capabilities []string `json:"capabilities"`
	Hub          string   `json:"connected_uah_id"` // "": it is its own
	Location     string   `json:"location_id"`      // the door; "": none
	Adopted      bool     `json:"is_adopted"`
	Connected    bool     `json:"is_connected"`
	Managed      bool     `json:"is_managed"`
	Online       bool     `json:"is_online"`
}

func (a *API) deviceObject(r *desk.Reader) *deviceObject {
	o := &deviceObject{ID: r.ID, Name: r.ID, Alias: r.Door, Type: deviceType, Capabilities: capabilities(r), Adopted: r.Bundle != 0, Connected: r.Live.Online, Managed: r.Bundle != 0, Online: r.Live.Online}
	if r.DoorID != 0 {
		o.Location = a.ids.of(kindDoor, r.DoorID)
	}
	return o
}

// capabilities are what a reader has, as far as it has said.
func capabilities(r *desk.Reader) []string {
	all := []string{"is_hub", "is_reader"}
	if hasCards(r) {
		all = append(all, "nfc")
	}
	if hasPINs(r) {
		all = append(all, "pin_code")
	}
	return all
}

func hasCards(r *desk.Reader) bool { return r.Live.Card != wire.ReasonNone }

func hasPINs(r *desk.Reader) bool { return r.Live.PIN != wire.ReasonNone }

// devices answers GET /devices: the readers of each door in a list of their own, then each
// that has no door.
func (a *API) devices(c *call) (any, error) {
	readers, err := a.desk.Readers(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	all, at := [][]*deviceObject{}, map[int64]int{}
	for _, r := range readers {
		if r.Removed != "" {
			continue
		}
		i, ok := at[r.DoorID]
		if !ok || r.DoorID == 0 {
			i, all = len(all), append(all, nil)
			at[r.DoorID] = i
		}
		all[i] = append(all[i], a.deviceObject(r))
	}
	return all, nil
}

// A yesNo is whether something is enabled: it is written "yes" or "no", and read as true and
// false, too.
type yesNo bool

func (b yesNo) MarshalText() ([]byte, error) {
	if b {
		return []byte("yes"), nil
	}
	return []byte("no"), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (b *yesNo) UnmarshalJSON(text []byte) error {
	word, err := strconv.Unquote(string(text))
	if err != nil {
		word = string(text)
	}
	switch word {
	case "yes", "true":
		*b = true
	case "no", "false":
		*b = false
	default:
		return badRequest("A setting is \"yes\" or \"no\"")
	}
	return nil
}

// deviceSettings are how people can open a reader's door.
type deviceSettings struct {
	ID      string        `json:"device_id"`
	Methods accessMethods `json:"access_methods"`
}

// accessMethods are those that readers here have.
type accessMethods struct {
	NFC *pinMethod `json:"nfc,omitempty"`
	PIN *pinMethod `json:"pin_code,omitempty"`
}

// A pinMethod is a method; only PINs can be shuffled.
type pinMethod struct {
	Enabled *yesNo `json:"enabled,omitempty"`
	Shuffle *yesNo `json:"pin_code_shuffle,omitempty"`
}

// reader returns the reader that the path names.
func (a *API) reader(c *call) (*desk.Reader, error) {
	r, err := a.desk.Reader(c.r.Context(), c.actor, c.r.PathValue("id"))
	if err == nil && r.Removed != "" {
		err = desk.ErrNotFound
	}
	return r, err
}

// deviceSettings answers GET /devices/{id}/settings.
func (a *API) deviceSettings(c *call) (any, error) {
	r, err := a.reader(c)
	if err != nil {
		return nil, err
	}
	s := deviceSettings{ID: r.ID}
	yes, pin, shuffle := yesNo(true), yesNo(r.Policy.PIN), yesNo(r.Policy.ShufflePIN)
	if hasCards(r) {
		s.Methods.NFC = &pinMethod{Enabled: &yes}
	}
	if hasPINs(r) {
		s.Methods.PIN = &pinMethod{&pin, &shuffle}
	}
	return s, nil
}

// setDeviceSettings answers PUT /devices/{id}/settings. The methods are in access_methods, or
// in the body itself.
func (a *API) setDeviceSettings(c *call) (any, error) {
	var body struct {
		NFC     *pinMethod
		PIN     *pinMethod `json:"pin_code"`
		Face    *pinMethod
		Methods map[string]*pinMethod `json:"access_methods"`
	}
	if err := c.body(&body); err != nil {
		return nil, err
	}
	methods := body.Methods
	if methods == nil {
		methods = map[string]*pinMethod{"nfc": body.NFC, "pin_code": body.PIN, "face": body.Face}
	}
	for name, m := range methods {
		if m != nil && m.Enabled != nil && name != "pin_code" && bool(*m.Enabled) != (name == "nfc") {
			return nil, refuse(http.StatusBadRequest, codeUnsupported, "A reader here takes cards and PINs: only PINs can be switched off, and nothing else on")
		}
	}
	id, ctx := c.r.PathValue("id"), c.r.Context()
	switch pin := methods["pin_code"]; {
	case pin == nil || pin.Enabled == nil && pin.Shuffle == nil:
		_, err := a.reader(c)
		return done, err
	case pin.Shuffle == nil:
		return done, a.desk.SwitchPIN(ctx, c.actor, id, bool(*pin.Enabled))
	default:
		_, err := a.desk.SetPolicy(ctx, c.actor, id, 0, func(p *wire.Policy) {
			p.ShufflePIN = bool(*pin.Shuffle)
			if pin.Enabled != nil {
				p.PIN = bool(*pin.Enabled)
			}
		})
		return done, err
	}
}
