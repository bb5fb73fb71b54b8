package api

import (
	"encoding/json"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A frame is a message to those who follow the site.
type frame struct {
	Event    string    `json:"event"`
	Receiver string    `json:"receiver_id"`     // ""
	Object   string    `json:"event_object_id"` // the reader that it is about; "": none
	History  bool      `json:"save_to_history"` // false
	Data     any       `json:"data"`
	Meta     frameMeta `json:"meta"`
}

type frameMeta struct {
	ObjectType string   `json:"object_type"`
	Fields     []string `json:"target_field"` // none
	All        bool     `json:"all_field"`
	ID         string   `json:"id"`
	Source     string   `json:"source"`
}

// encodeFrame returns the text of a frame about an object, which has a type and an id.
func encodeFrame(event, reader, objectType, id string, data any) []byte {
	b, err := json.Marshal(frame{Event: event, Object: reader, Data: data, Meta: frameMeta{ObjectType: objectType, Fields: []string{}, All: true, ID: id}})
	if err != nil {
		panic(err) // impossible: our own types
	}
	return b
}

// A locationUpdate is a door as it is.
type locationUpdate struct {
	ID        string        `json:"id"`
	Type      string        `json:"location_type"` // door
	Name      string        `json:"name"`
	Up        string        `json:"up_id"` // the hub
	Devices   []string      `json:"device_ids"`
	Extras    any           `json:"extras"`    // null
	Thumbnail any           `json:"thumbnail"` // null
	State     locationState `json:"state"`
}

// A locationState has the one of RemainLock and RemainUnlock that applies: clients take the
// first that is there, even if it is null.
type locationState struct {
	Lock         string           `json:"lock"`          // locked, unlocked
	DPS          string           `json:"dps"`           // open, close; "": not known
	DPSConnected bool             `json:"dps_connected"` // the door has a contact
	Emergency    emergencyState   `json:"emergency"`
	Unavailable  bool             `json:"is_unavailable"` // no reader is online
	RemainLock   *remain          `json:"remain_lock,omitempty"`
	RemainUnlock *json.RawMessage `json:"remain_unlock,omitempty"`
}

// An emergencyState says why the door is in an emergency.
type emergencyState struct {
	Software string `json:"software"` // none, lockdown, evacuation: that is wanted
	Hardware string `json:"hardware"` // none, evacuation: the fire input
}

// A remain is how long a door stays locked or unlocked.
type remain struct {
	Type  string `json:"type"`  // as of a lock rule
	Until int64  `json:"until"` // Unix seconds; 0: it has no end
	State string `json:"state"`
}

const locked, unlocked = "locked", "unlocked"

func lockWord(relay string) string {
	if relay == "unlock" {
		return unlocked
	}
	return locked
}

// locationFrame returns what tells of a door.
func (a *API) locationFrame(door *desk.Door, s *desk.Situation) []byte {
	is := a.doorObject(door)
	u := &locationUpdate{ID: is.ID, Type: "door", Name: door.Name, Up: is.Floor, Devices: []string{}}
	u.State = locationState{Lock: lockWord(is.Relay), DPS: string(is.Position), DPSConnected: is.Position != "", Emergency: emergencyState{"none", "none"}, Unavailable: true}
	object := ""
	for _, r := range door.Readers {
		u.Devices = append(u.Devices, r.ID)
		u.State.Unavailable = u.State.Unavailable && !r.Live.Online
		if r.Live.Online && r.Live.Mode != nil && r.Live.Mode.Cause == wire.CauseFire {
			u.State.Emergency.Hardware = string(wire.ModeEvacuation)
		}
	}
	if len(u.Devices) > 0 {
		object = u.Devices[0]
	}
	if mode := s.Wanted[door.ID]; mode == wire.ModeLockdown || mode == wire.ModeEvacuation {
		u.State.Emergency.Software = string(mode)
	}
	rule := lockRuleOf(s.Rules[door.ID])
	if rule.Type == lockRuleTypes[desk.RuleLocked] {
		u.State.RemainLock = &remain{rule.Type, rule.Ended, locked}
	} else {
		text := json.RawMessage("null")
		if rule.Type != "" {
			b, err := json.Marshal(remain{rule.Type, rule.Ended, unlocked})
			if err != nil {
				panic(err) // impossible: our own type
			}
			text = b
		}
		u.State.RemainUnlock = &text
	}
	return encodeFrame("access.data.v2.location.update", object, "location", is.ID, u)
}

// A deviceUpdate is a reader as it is.
type deviceUpdate struct {
	ID        string                `json:"id"`
	Name      string                `json:"name"`
	Alias     string                `json:"alias"`
	Type      string                `json:"device_type"`
	Online    bool                  `json:"online"`
	Adopting  bool                  `json:"adopting"`
	Firmware  string                `json:"firmware"`
	Version   string                `json:"version"`
	Location  string                `json:"location_id"`
	States    []deviceLocationState `json:"location_states"`
	Category  []string              `json:"category"`
	Abilities []string              `json:"cap"`
}

type deviceLocationState struct {
	Location string `json:"location_id"`
	Lock     string `json:"lock"`
	DPS      string `json:"dps"`
}

// deviceFrame returns what tells of a door's reader.
func (a *API) deviceFrame(r *desk.Reader, door *desk.Door) []byte {
	is, at := a.deviceObject(r), a.doorObject(door)
	return encodeFrame("access.data.v2.device.update", r.ID, "device", r.ID, &deviceUpdate{
		ID: r.ID, Name: is.Name, Alias: is.Alias, Type: is.Type, Online: is.Online, Firmware: r.Live.Version, Version: r.Live.Version, Location: is.Location,
		States: []deviceLocationState{{at.ID, lockWord(at.Relay), string(at.Position)}}, Category: []string{"hub", "reader"}, Abilities: is.Capabilities,
	})
}

// settingFrame returns what tells of an emergency.
func (a *API) settingFrame(e desk.Emergency) []byte {
	return encodeFrame("access.data.setting.update", "", "setting", "", emergencyObject(e))
}

// A remoteUnlock says that a door was unlocked for a program or an administrator.
type remoteUnlock struct {
	ID       string         `json:"unique_id"`
	Name     string         `json:"name"`
	FullName string         `json:"full_name"`
	Up       string         `json:"up_id"`
	Type     string         `json:"location_type"` // door
	Level    int            `json:"level"`
	Timezone string         `json:"timezone"`
	Work     string         `json:"work_time"` // "[]"
	WorkID   string         `json:"work_time_id"`
	Extra    string         `json:"extra_type"`
	Extras   map[string]any `json:"extras"`
}

// An insight is an attempt to open a door, and what came of it.
type insight struct {
	ID        string           `json:"id"`
	LogKey    string           `json:"log_key"`
	Type      string           `json:"event_type"`
	Message   string           `json:"message"`
	Published int64            `json:"published"` // Unix milliseconds
	Result    string           `json:"result"`    // ACCESS, BLOCKED
	Metadata  map[string]named `json:"metadata"`
}

// eventFrames returns what tells of an event; none: it is not told.
func (a *API) eventFrames(e *desk.Event, doors map[string]desk.ReaderDoor) (frames [][]byte) {
	if !isAttempt(e) || e.Record == nil {
		return nil
	}
	at, source, id := doors[e.Reader], a.logSource(e, doors), a.ids.of(kindEvent, e.ID)
	door := named{Type: "door", Name: e.Door}
	building := named{Type: "building", Name: at.LocationName}
	if at.Door != 0 {
		door.ID, building.ID = a.ids.of(kindDoor, at.Door), a.ids.of(kindLocation, at.Location)
	}
	means := named{Type: "authentication", Name: source.Authentication.Provider}
	frames = append(frames, encodeFrame("access.logs.insights.add", e.Reader, "log", id, &insight{
		ID: id, LogKey: source.Event.LogKey, Type: unlockEvent, Message: source.Event.Message, Published: source.Event.Published, Result: source.Event.Result,
		Metadata: map[string]named{
			"actor": {source.Actor.ID, source.Actor.Type, source.Actor.Name}, "authentication": means, "door": door, "device": {e.Reader, "UAH", e.Reader}, "building": building,
			"policy": {Type: "policy"}, "opened_method": {Type: "opened_method", Name: means.Name}, "opened_direction": {Type: "opened_direction", Name: "entry"}, "reader_capture": {Type: "reader_capture"},
		},
	}), encodeFrame("access.logs.add", e.Reader, "log", id, &logHit{Time: e.At.UTC().Format(time.RFC3339Nano), ID: id, Tag: "door_openings", Source: source}))
	if e.Record.By == wire.ByRemote && e.Result == desk.Granted && at.Door != 0 {
		frames = append(frames, encodeFrame("access.data.device.remote_unlock", e.Reader, "location", door.ID, &remoteUnlock{
			ID: door.ID, Name: at.DoorName, FullName: at.LocationName + " - " + at.HubName + " - " + at.DoorName, Up: a.ids.of(kindHub, at.Hub), Type: "door", Work: "[]", Extras: map[string]any{},
		}))
	}
	return slices.Clip(frames)
}
