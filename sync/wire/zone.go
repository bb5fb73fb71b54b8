package wire

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"time"
)

// zonesGzip are the zones of the IANA time zone database that comes with Go: the encoding
// of a zones. go test ./sync/wire -update makes it anew, of another release of Go.
//
//go:embed zones.gz
var zonesGzip []byte

// zones are time zones by name. Many names have the same data.
type zones struct {
	Names []string `cbor:"1,keyasint"` // sorted
	Data  []uint16 `cbor:"2,keyasint"` // of each name, an index of Files
	Files [][]byte `cbor:"3,keyasint"` // RFC 9636
}

// maxZones bounds the encoding of the zones.
const maxZones = 1 << 20

// LoadZone returns the time zone of a policy, by its IANA name: the system's, which may be
// newer, or else the one that is built in.
func LoadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" || len(name) > MaxName {
		return nil, fmt.Errorf("unknown time zone %.40q", name)
	}
	if zone, err := time.LoadLocation(name); err == nil {
		return zone, nil
	}
	return builtInZone(name)
}

func builtInZone(name string) (*time.Location, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(zonesGzip))
	if err != nil {
		return nil, fmt.Errorf("time zones: %w", err)
	}
	encoded, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, fmt.Errorf("time zones: %w", err)
	}
	var all zones
	if err := Unmarshal(encoded, maxZones, &all); err != nil {
		return nil, fmt.Errorf("time zones: %w", err)
	}
	at, found := slices.BinarySearch(all.Names, name)
	if !found {
		return nil, fmt.Errorf("unknown time zone %.40q", name)
	}
	return time.LoadLocationFromTZData(name, all.Files[all.Data[at]])
}
