package zone

import (
	_ "embed"
	"strings"
)

// names are the zones of zone.tab of the time zone database, each once, by region; and UTC.
//
//go:embed names.txt
var names string

// Names returns the names of the zones that people choose from, by region: one or more of each
// country. Others, and older names, are zones as well.
func Names() []string { return strings.Fields(names) }
