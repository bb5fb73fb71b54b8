// Package zone finds time zones, and the moment that somebody means who writes a day or a
// time in one.
package zone

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"latchkey/sync/wire"
)

// Load returns the zone with an IANA name, if a policy may have it.
func Load(name string) (*time.Location, error) {
	zone, err := wire.LoadZone(name)
	if err != nil {
		return nil, fmt.Errorf("unknown time zone %.40q; write one like Europe/Berlin, or UTC", name)
	}
	return zone, nil
}

// Named returns the name of the zone that somebody means who has typed a text: a zone's name, or that
// of its city if only one zone of Names has it, in capitals or not. A text that means none stays as it is.
func Named(text string) string {
	if _, err := wire.LoadZone(text); err == nil {
		return text
	}
	if names := called(text); len(names) == 1 {
		return names[0]
	}
	return text
}

// called returns the zones of Names that have a text for their whole name or for their city.
func called(text string) (names []string) {
	plain := func(text string) string { return strings.ToLower(strings.ReplaceAll(text, "_", " ")) }
	for _, name := range Names() {
		if city := name[strings.LastIndex(name, "/")+1:]; plain(name) == plain(text) || plain(city) == plain(text) {
			names = append(names, name)
		}
	}
	return names
}

// OfMachine returns the name of this machine's zone, from TZ, the link /etc/localtime or
// the file /etc/timezone; UTC if none of them has it.
func OfMachine() string {
	tz, set := os.LookupEnv("TZ")
	return ofMachine(tz, set, "/etc")
}

func ofMachine(tz string, set bool, etc string) string {
	tz = strings.TrimPrefix(tz, ":")
	if set && tz != "/etc/localtime" {
		return known(tz) // as for time.Local
	}
	if link, err := os.Readlink(filepath.Join(etc, "localtime")); err == nil && strings.Contains(link, inZones) {
		return known(link)
	}
	b, _ := os.ReadFile(filepath.Join(etc, "timezone"))
	return known(strings.TrimSpace(string(b)))
}

// inZones comes before the names of zones in paths.
const inZones = "zoneinfo/"

// known returns a name, or the one at the end of a path; UTC if there is no such zone.
func known(name string) string {
	if _, end, ok := strings.Cut(name, inZones); ok {
		name = end
	}
	if _, err := Load(name); err != nil {
		return "UTC"
	}
	return name
}
