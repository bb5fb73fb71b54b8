package homeassistant

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What Home Assistant takes, written from its documentation of MQTT discovery and of each
// platform (home-assistant.io/integrations/mqtt, button.mqtt, lock.mqtt, event.mqtt,
// binary_sensor.mqtt, sensor.mqtt, update.mqtt). It drops keys that it does not know; here they
// are refused.

// A kind says what a value has to be, or "".
type kind func(v any) string

func text(v any) string {
	if s, ok := v.(string); !ok || s == "" {
		return "is no text"
	}
	return ""
}

func truth(v any) string {
	if _, ok := v.(bool); !ok {
		return "is neither true nor false"
	}
	return ""
}

// publishTopic is a topic without wildcards; subscribeTopic may have them, ours never do.
func publishTopic(v any) string {
	s, ok := v.(string)
	if !ok || s == "" || len(s) > 65535 || strings.ContainsAny(s, "+#\x00") {
		return "is no topic"
	}
	return ""
}

var templates = regexp.MustCompile(`^\{\{ value_json\.([a-z_]+) \}\}$`) // those that we use

func template(v any) string {
	if s, ok := v.(string); !ok || !templates.MatchString(s) {
		return "is no template of ours"
	}
	return ""
}

func icon(v any) string {
	if s, ok := v.(string); !ok || !strings.HasPrefix(s, "mdi:") {
		return "is no icon"
	}
	return ""
}

func oneOf(values ...string) kind {
	return func(v any) string {
		if s, ok := v.(string); !ok || !slices.Contains(values, s) {
			return "is none of " + strings.Join(values, ", ")
		}
		return ""
	}
}

func texts(v any) string {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return "is no list of texts"
	}
	for _, each := range list {
		if text(each) != "" {
			return "is no list of texts"
		}
	}
	return ""
}

func qos(v any) string {
	if n, ok := v.(float64); !ok || n != 0 && n != 1 && n != 2 {
		return "is no QoS"
	}
	return ""
}

func address(v any) string {
	s, _ := v.(string)
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "homeassistant"}, u.Scheme) {
		return "is no URL"
	}
	return ""
}

// A schema has the keys of a mapping; those that must be there begin with "!".
type schema map[string]kind

// with returns the schema with the keys of others.
func (s schema) with(others ...schema) schema {
	all := maps.Clone(s)
	for _, other := range others {
		maps.Copy(all, other)
	}
	return all
}

// wrongs says what is wrong with a mapping.
func (s schema) wrongs(at string, v any) (wrongs []string) {
	m, ok := v.(map[string]any)
	if !ok {
		return []string{at + " is no mapping"}
	}
	for key := range s {
		if name, must := strings.CutPrefix(key, "!"); must && m[name] == nil {
			wrongs = append(wrongs, at+" lacks "+name)
		}
	}
	for key, value := range m {
		check := s[key]
		if check == nil {
			check = s["!"+key]
		}
		if check == nil {
			wrongs = append(wrongs, at+" has "+key+", which Home Assistant does not know")
		} else if why := check(value); why != "" {
			wrongs = append(wrongs, at+": "+key+" "+why)
		}
	}
	return wrongs
}

func anything(any) string { return "" }

// What all entities have, those that publish, and those that are published to.
var (
	common = schema{"!platform": text, "!unique_id": text, "name": text, "icon": icon, "enabled_by_default": truth,
		"entity_category": oneOf("diagnostic"), "entity_picture": address, "default_entity_id": text, "json_attributes_topic": publishTopic,
		"json_attributes_template": template, "qos": qos, "encoding": text}
	told  = schema{"state_topic": publishTopic, "value_template": template} // the topic may be the device's
	asked = schema{"!command_topic": publishTopic, "command_template": template, "retain": truth, "optimistic": truth}
)

var platforms = map[string]schema{
	"button": common.with(asked, schema{"payload_press": text, "device_class": oneOf("identify", "restart", "update")}),
	"lock": common.with(told, asked, schema{"code_format": text, "payload_lock": text, "payload_unlock": text, "payload_open": text, "payload_reset": text,
		"state_jammed": text, "state_locked": text, "state_locking": text, "state_open": text, "state_opening": text, "state_unlocked": text, "state_unlocking": text}),
	"event":         common.with(told, schema{"!event_types": texts, "device_class": oneOf("button", "doorbell", "motion")}),
	"binary_sensor": common.with(told, schema{"device_class": oneOf("door", "tamper", "problem", "connectivity", "lock", "opening"), "payload_on": text, "payload_off": text, "force_update": truth}),
	"sensor":        common.with(told, schema{"device_class": text, "state_class": text, "unit_of_measurement": text, "force_update": truth}),
	"update": common.with(told, schema{"device_class": oneOf("firmware"), "title": text, "release_summary": text, "release_url": address,
		"latest_version_topic": publishTopic, "latest_version_template": template, "command_topic": publishTopic, "payload_install": text, "retain": truth}),
}

var (
	deviceKeys = schema{"!identifiers": texts, "name": text, "manufacturer": text, "model": text, "model_id": text, "hw_version": text, "sw_version": text,
		"serial_number": text, "suggested_area": text, "configuration_url": address, "via_device": text}
	originKeys       = schema{"!name": text, "sw_version": text, "support_url": address}
	availabilityKeys = schema{"!topic": publishTopic, "payload_available": text, "payload_not_available": text, "value_template": template}
	configKeys       = schema{"!device": anything, "!origin": anything, "!components": anything, "availability": anything, "availability_mode": oneOf("all", "any", "latest"),
		"state_topic": publishTopic, "command_topic": publishTopic, "qos": qos, "encoding": text}
	updateKeys = schema{"installed_version": text, "latest_version": text, "title": text, "release_summary": text, "release_url": address, "entity_picture": address}
)

// configTopics is what topics of devices look like.
var configTopics = regexp.MustCompile(`^homeassistant/device/[a-zA-Z0-9_-]+/config$`)

// wrongConfig says what Home Assistant would not take of a description of a device.
func wrongConfig(topic string, payload []byte) (wrongs []string) {
	if !configTopics.MatchString(topic) {
		wrongs = append(wrongs, "the topic has other letters than are allowed")
	}
	var c map[string]any
	if err := json.Unmarshal(payload, &c); err != nil {
		return append(wrongs, err.Error())
	}
	wrongs = append(wrongs, configKeys.wrongs("the device", c)...)
	wrongs = append(wrongs, deviceKeys.wrongs("device", c["device"])...)
	wrongs = append(wrongs, originKeys.wrongs("origin", c["origin"])...)
	if list, ok := c["availability"].([]any); ok {
		for _, each := range list {
			wrongs = append(wrongs, availabilityKeys.wrongs("availability", each)...)
		}
	}
	components, _ := c["components"].(map[string]any)
	ids := map[any]bool{}
	for key, v := range components {
		entity, _ := v.(map[string]any)
		platform, _ := entity["platform"].(string)
		if platforms[platform] == nil {
			wrongs = append(wrongs, key+" has no platform")
			continue
		}
		if len(entity) == 1 {
			continue // it removes the entity
		}
		if ids[entity["unique_id"]] {
			wrongs = append(wrongs, key+" has the unique_id of another entity")
		}
		ids[entity["unique_id"]] = true
		wrongs = append(wrongs, platforms[platform].wrongs(key, entity)...)
		reads := platform != "button"
		if reads && entity["state_topic"] == nil && c["state_topic"] == nil {
			wrongs = append(wrongs, key+" has no state_topic")
		}
	}
	return wrongs
}

// entities returns the entities of a device that are offered, by their keys.
func entities(t *testing.T, payload string) map[string]map[string]any {
	t.Helper()
	var c struct{ Components map[string]map[string]any }
	if err := json.Unmarshal([]byte(payload), &c); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(c.Components, func(_ string, entity map[string]any) bool { return len(entity) == 1 })
	return c.Components
}

// wrongMessage says what Home Assistant would not take of a message on a topic that devices
// name.
func (h *home) wrongMessage(m received) (wrongs []string) {
	wrong := func(format string, args ...any) { wrongs = append(wrongs, fmt.Sprintf(format, args...)) }
	if m.payload == "" {
		return nil
	}
	for topic, config := range h.configs {
		var c map[string]any
		json.Unmarshal([]byte(config), &c)
		for key, entity := range entities(h.t, config) {
			at := entity["state_topic"]
			if at == nil {
				at = c["state_topic"]
			}
			if at != m.topic {
				continue
			}
			var told map[string]any
			if err := json.NewDecoder(bytes.NewReader([]byte(m.payload))).Decode(&told); err != nil {
				wrong("%v", err)
				continue
			}
			value := any(nil)
			if t, ok := entity["value_template"].(string); ok {
				value = told[templates.FindStringSubmatch(t)[1]]
			}
			among := func(values ...any) {
				if !slices.Contains(values, value) {
					wrong("%s of %s is %v, and may be %v", key, topic, value, values)
				}
			}
			switch entity["platform"] {
			case "event":
				if !slices.Contains(entity["event_types"].([]any), told["event_type"]) {
					wrong("%s does not know the type %v", key, told["event_type"])
				}
				if m.retained {
					wrong("an event is retained")
				}
			case "lock":
				among(entity["state_locked"], entity["state_unlocked"], entity["state_jammed"], "None")
			case "binary_sensor":
				on, off := entity["payload_on"], entity["payload_off"]
				if on == nil {
					on, off = "ON", "OFF"
				}
				among(on, off, "None")
			case "sensor":
				if s, ok := value.(string); !ok || s == "" || len(s) > 255 {
					wrong("%s is %v", key, value)
				}
			case "update":
				wrongs = append(wrongs, updateKeys.wrongs(key, told)...)
			}
		}
		if list, ok := c["availability"].([]any); ok {
			for _, each := range list {
				if each.(map[string]any)["topic"] == m.topic && m.payload != "online" && m.payload != "offline" {
					wrong("%s is %q", m.topic, m.payload)
				}
			}
		}
	}
	return wrongs
}
