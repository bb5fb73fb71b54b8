package api

import (
	"encoding/json"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A webhookFrame is an event as receivers of the UniFi Access API read it.
type webhookFrame struct {
	Event    string      `json:"event"`
	Receiver string      `json:"receiver_id"`
	Object   string      `json:"event_object_id"` // the reader's id; "": none
	Save     bool        `json:"save_to_history"`
	Data     webhookData `json:"data"`
	Meta     webhookMeta `json:"meta"`
}

type webhookMeta struct {
	Type   string   `json:"object_type"`
	Fields []string `json:"target_field"`
	All    bool     `json:"all_field"`
	ID     string   `json:"id"`
	Source string   `json:"source"`
}

// A webhookEvent is an event in the form of Standard Webhooks.
type webhookEvent struct {
	Type      string      `json:"type"`
	Timestamp string      `json:"timestamp"` // of the event, RFC 3339
	Data      webhookData `json:"data"`
}

type webhookData struct {
	Location webhookLocation `json:"location"`
	Device   webhookDevice   `json:"device"`
	Actor    *webhookActor   `json:"actor"`
	Object   map[string]any  `json:"object"`
	Extra    json.RawMessage `json:"extra"` // what a program said of its unlock; {}: nothing
}

type webhookLocation struct {
	ID      string   `json:"id"` // the door's; "": the event is of no door
	Type    string   `json:"location_type"`
	Name    string   `json:"name"`
	Up      string   `json:"up_id"` // the hub's
	Extras  struct{} `json:"extras"`
	Devices []string `json:"device_ids"`
}

type webhookDevice struct {
	ID        string   `json:"id"` // the reader's; "": the event is of no reader
	Name      string   `json:"name"`
	Alias     string   `json:"alias"`
	IP        string   `json:"ip"`
	MAC       string   `json:"mac"`
	Online    bool     `json:"online"`
	Type      string   `json:"device_type"`
	Hub       string   `json:"connected_hub_id"`
	Location  string   `json:"location_id"`
	Firmware  string   `json:"firmware"`
	Version   string   `json:"version"`
	GUID      string   `json:"guid"`
	StartTime int64    `json:"start_time"`
	Hardware  string   `json:"hw_type"`
	Revision  string   `json:"revision"`
	Cap       []string `json:"cap"`
}

type webhookActor struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // user, visitor, admin
}

// WebhookBody returns what writes the bodies of webhooks of a site.
func WebhookBody(site wire.SiteID) desk.Body {
	ids := idsOf(site)
	return func(n *desk.WebhookEvent, style desk.WebhookStyle, persons bool) []byte {
		data, id, at := ids.webhookData(n, persons), "", time.Now()
		if n.Event != nil {
			id, at = ids.of(kindEvent, n.Event.ID), n.Event.At
		}
		var v any = webhookEvent{n.Name, at.UTC().Format("2006-01-02T15:04:05.000Z"), data}
		if style == desk.StyleUniFi {
			v = webhookFrame{Event: n.Name, Object: data.Device.ID, Data: data, Meta: webhookMeta{Type: "event", Fields: []string{}, All: true, ID: id, Source: "latchkey"}}
		}
		b, err := json.Marshal(v)
		if err != nil {
			panic(err) // impossible: our own types
		}
		return b
	}
}

// webhookData returns the data of an event.
func (s ids) webhookData(n *desk.WebhookEvent, persons bool) (d webhookData) {
	d.Location.Type, d.Device.Cap, d.Object = "door", []string{}, map[string]any{}
	d.Extra = json.RawMessage("{}")
	if n.Event == nil {
		d.Object["message"] = "A test of this webhook"
		return d
	}
	e := n.Event
	d.Location.Name = e.Door
	if e.Reader != "" {
		d.Device.ID, d.Device.Name, d.Device.Alias, d.Device.Type, d.Device.GUID = e.Reader, e.Reader, e.Door, "LATCHKEY", e.Reader
		d.Device.Online, d.Device.Firmware, d.Device.Version = n.Online, n.Runs, n.Runs
		d.Device.Cap = []string{"is_hub", "is_reader", "nfc", "pin_code"}
	}
	if p := n.Place; p != nil && p.Door != 0 {
		d.Location.ID, d.Location.Up, d.Location.Name = s.of(kindDoor, p.Door), s.of(kindHub, p.Hub), p.DoorName
		d.Device.Location, d.Device.Hub = d.Location.ID, e.Reader
	}
	d.Actor = s.webhookActor(e, persons)
	if persons && e.Note.Extra != "" { // whoever wrote it may have named somebody
		d.Extra = json.RawMessage(e.Note.Extra)
	}
	s.webhookObject(d.Object, n)
	return d
}

// webhookActor returns who did something; nil: nobody, or nobody knows.
func (s ids) webhookActor(e *desk.Event, persons bool) *webhookActor {
	a := &webhookActor{Name: e.Who, Type: "admin"}
	switch {
	case e.Source != "admin" && e.User != 0:
		a = &webhookActor{ID: s.of(kindUser, int64(e.User)), Name: e.Person, Type: "user"}
	case e.Who == "":
		return nil
	}
	if !persons {
		a.Name = ""
	} else if e.Note.ActorName != "" { // whom a program names is no user, although the id may look like one
		a.ID, a.Name = e.Note.ActorID, e.Note.ActorName
	}
	return a
}

// authenticationTypes are the words of the UniFi Access API for means.
var authenticationTypes = map[wire.Means]string{wire.ByCard: "NFC", wire.ByPIN: "PIN_CODE", wire.ByBoth: "NFC_PIN_CODE", wire.ByRemote: "REMOTE"}

// webhookObject fills in what an event says besides who, where and when.
func (s ids) webhookObject(o map[string]any, n *desk.WebhookEvent) {
	e, r := n.Event, n.Event.Record
	switch n.Name {
	case "access.door.unlock":
		o["authentication_type"], o["authentication_value"] = "PIN_CODE", ""
		o["policy_id"], o["policy_name"], o["reader_id"] = "", "", e.Reader
		o["result"] = "Access Granted"
		if e.Result == desk.Denied {
			o["result"] = "Access Denied"
		}
		if r != nil {
			if word := authenticationTypes[r.By]; word != "" {
				o["authentication_type"] = word
			}
			if r.Reason != "" {
				o["reason"] = string(r.Reason)
			}
		}
	case "access.device.dps_status":
		o["event_type"], o["status"] = "dps_change", n.Status
	case "access.device.emergency_status":
		o["mode"], o["value"], o["status"] = n.Mode, n.Mode == n.Status, n.Status
		o["glocal"] = false // as the original misspells "global": it is at this door
	case "access.visitor.status.changed":
		o["id"], o["status"] = "", n.Status
		if e.User != 0 {
			o["id"] = s.of(kindUser, int64(e.User))
		}
	default:
		if r == nil {
			return
		}
		if r.To != 0 && r.Kind == wire.ModeChanged {
			o["until"] = r.To / 1000
		}
		if r.Seconds != 0 {
			o["seconds"] = r.Seconds
		}
		if r.Cause != "" {
			o["cause"] = string(r.Cause)
		}
	}
}
