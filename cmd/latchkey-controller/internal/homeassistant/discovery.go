package homeassistant

import (
	"cmp"
	"encoding/json"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A config describes a reader as a device of Home Assistant.
type config struct {
	Device           device              `json:"device"`
	Origin           origin              `json:"origin"`
	Availability     []availability      `json:"availability"`
	AvailabilityMode string              `json:"availability_mode"`
	QoS              int                 `json:"qos"`
	StateTopic       string              `json:"state_topic"`
	Components       map[string]settings `json:"components"`
}

type device struct {
	Identifiers  []string `json:"identifiers"`
	Name         string   `json:"name"`
	Manufacturer string   `json:"manufacturer"`
	Model        string   `json:"model"`
	Version      string   `json:"sw_version,omitempty"`
	Area         string   `json:"suggested_area,omitempty"`
	Page         string   `json:"configuration_url,omitempty"`
}

type origin struct {
	Name    string `json:"name"`
	Version string `json:"sw_version,omitempty"`
}

type availability struct {
	Topic string `json:"topic"`
}

// settings describe one entity.
type settings map[string]any

// config returns the description of a reader; alone says that its door has no other.
func (b *Bridge) config(r *desk.Reader, alone bool) []byte {
	name := r.Door
	if !alone {
		name += " (" + r.ID + ")"
	}
	c := config{
		Device:       device{Identifiers: []string{b.id + r.ID}, Name: name, Manufacturer: "Latchkey", Model: "Door reader", Version: r.Live.Version, Area: r.Place},
		Origin:       origin{"latchkey-controller", b.o.Version},
		Availability: []availability{{b.status()}, {b.topic(r.ID, "link")}}, AvailabilityMode: "all",
		QoS: 1, StateTopic: b.topic(r.ID, "state"), Components: map[string]settings{},
	}
	if b.o.Console != "" {
		c.Device.Page = b.o.Console + "/readers/" + r.ID
	}
	// An entity that is not offered stands there with its platform alone, which removes it if it
	// was there before.
	add := func(key, platform string, offered bool, s settings) {
		entity := settings{"platform": platform}
		if offered {
			entity["unique_id"] = b.id + r.ID + "_" + key
			for k, v := range s {
				entity[k] = v
			}
		}
		c.Components[key] = entity
	}
	add("release", "button", b.o.Commands, settings{"name": "Open", "icon": "mdi:door-open",
		"command_topic": b.topic(r.ID, "command/unlock"), "payload_press": press, "retain": false})
	add("lock", "lock", b.o.Commands, settings{"name": "Keep unlocked", "command_topic": b.topic(r.ID, "command/mode"),
		"value_template": "{{ value_json.lock }}", "payload_lock": lock, "payload_unlock": unlock,
		"state_locked": locked, "state_unlocked": unlocked, "state_jammed": jammed, "optimistic": false, "retain": false})
	add("access", "event", true, settings{"name": "Access", "state_topic": b.topic(r.ID, onAccess), "event_types": accessEvents[:]})
	add("alarm", "event", true, settings{"name": "Alarm", "state_topic": b.topic(r.ID, onAlarm), "event_types": alarmEvents[:]})
	add("door", "binary_sensor", true, settings{"name": "Door", "device_class": "door", "value_template": "{{ value_json.door }}", "payload_on": doorOpen, "payload_off": doorClosed})
	add("tamper", "binary_sensor", true, settings{"name": "Tamper", "device_class": "tamper", "value_template": "{{ value_json.tamper }}", "entity_category": "diagnostic"})
	add("problem", "binary_sensor", true, settings{"name": "Fault", "device_class": "problem", "value_template": "{{ value_json.problem }}", "entity_category": "diagnostic"})
	add("lockout", "binary_sensor", true, settings{"name": "PIN entry locked out", "device_class": "problem", "value_template": "{{ value_json.lockout }}"})
	add("last_user", "sensor", b.o.Names, settings{"name": "Last user", "icon": "mdi:account", "value_template": "{{ value_json.last_user }}", "enabled_by_default": false})
	add("firmware", "update", true, settings{"name": "Firmware", "device_class": "firmware", "state_topic": b.topic(r.ID, "firmware"), "entity_category": "diagnostic"})
	return marshal(c)
}

// marshal returns JSON of what can be written as JSON.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// A firmware is a reader's program. There is no command to update it.
type firmware struct {
	Installed string `json:"installed_version"`
	Latest    string `json:"latest_version"`
	Title     string `json:"title"`
}

// firmware returns the program of a reader; readers and controller are released together.
func (b *Bridge) firmware(r *desk.Reader) []byte {
	latest := b.o.Version
	if latest == "" || latest == "devel" {
		latest = r.Live.Version
	}
	return marshal(firmware{r.Live.Version, cmp.Or(latest, r.Live.Version), "Latchkey reader"})
}
