// Package zone is the time zone of a site: which one it is, and which moment a
// person means who writes a day or a time of day in it.
package zone

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"latchkey/sync/wire"
)

// Load returns the zone of an IANA name, as policies may have one.
func Load(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" || len(name) > wire.MaxName {
		return nil, fmt.Errorf("unknown time zone %.40q; write one like Europe/Berlin, or UTC", name)
	}
	return zone, nil
}

// OfMachine returns the name of this machine's zone: what TZ says, or where
// /etc/localtime leads, or what stands in /etc/timezone; UTC if none of them
// tells.
func OfMachine() string {
	tz, set := os.LookupEnv("TZ")
	return ofMachine(tz, set, "/etc")
}

func ofMachine(tz string, set bool, etc string) string {
	tz = strings.TrimPrefix(tz, ":")
	if set && tz != "/etc/localtime" {
		return known(tz) // as Go's own time.Local is
	}
	if link, err := os.Readlink(filepath.Join(etc, "localtime")); err == nil && strings.Contains(link, inZones) {
		return known(link)
	}
	b, _ := os.ReadFile(filepath.Join(etc, "timezone"))
	return known(strings.TrimSpace(string(b)))
}

// inZones stands in paths before the names of zones.
const inZones = "zoneinfo/"

// known returns a name, or the one at the end of a path, or UTC if there is no
// such zone.
func known(name string) string {
	if _, end, ok := strings.Cut(name, inZones); ok {
		name = end
	}
	if _, err := Load(name); err != nil {
		return "UTC"
	}
	return name
}
