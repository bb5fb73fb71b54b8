package status

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"latchkey/sync/wire"
)

// sample is one line of an exposition: a metric's name with its labels in the
// order written, as in the text.
type samples map[string]float64

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$`)
	headerLine = regexp.MustCompile(`^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$`)
)

// parseExposition reads Prometheus' text format, version 0.0.4, and refuses
// what its description forbids: a family in two places or typed late, a sample
// twice, a histogram without its parts or with buckets that shrink.
func parseExposition(text string) (samples, error) {
	if !utf8.ValidString(text) || !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("not UTF-8, or its last line does not end")
	}
	all, kinds, helped := samples{}, map[string]string{}, map[string]bool{}
	family := ""
	var below float64
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if m := headerLine.FindStringSubmatch(line); m != nil {
			if m[1] == "HELP" {
				if helped[m[2]] {
					return nil, fmt.Errorf("line %d: a family in two places: %s", i+1, line)
				}
				helped[m[2]], family = true, m[2]
				continue
			}
			if _, twice := kinds[m[2]]; twice || family != m[2] {
				return nil, fmt.Errorf("line %d: %s", i+1, line)
			}
			if m[3] != "counter" && m[3] != "gauge" && m[3] != "histogram" {
				return nil, fmt.Errorf("line %d: no such type: %s", i+1, line)
			}
			kinds[m[2]] = m[3]
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("line %d is none: %s", i+1, line)
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		of := m[1]
		if kinds[family] == "histogram" {
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				of = strings.TrimSuffix(of, part)
			}
			if strings.HasSuffix(m[1], "_bucket") {
				if value < below {
					return nil, fmt.Errorf("line %d: a bucket holds less than the one before: %s", i+1, line)
				}
				below = value
			}
		}
		if of != family || kinds[family] == "" {
			return nil, fmt.Errorf("line %d is not of %s: %s", i+1, family, line)
		}
		if kinds[family] == "counter" && (value < 0 || math.IsNaN(value)) {
			return nil, fmt.Errorf("line %d: a counter below zero: %s", i+1, line)
		}
		key := strings.TrimSuffix(line, " "+m[3])
		if _, twice := all[key]; twice {
			return nil, fmt.Errorf("line %d is there twice: %s", i+1, line)
		}
		all[key] = value
		if strings.HasSuffix(m[1], "_count") && kinds[family] == "histogram" {
			if all[family+`_bucket{le="+Inf"}`] != value {
				return nil, fmt.Errorf("%s: the last bucket does not hold all", family)
			}
			if _, ok := all[family+"_sum"]; !ok {
				return nil, fmt.Errorf("%s has no sum", family)
			}
			below = 0
		}
	}
	return all, nil
}

func TestTheExpositionIsWhatItsFormatSays(t *testing.T) {
	s := &Status{Reader: "front-door", Version: "a\"b\\c\nd", PIN: "on", Lockout: "none", Health: map[wire.Subject]string{"nfc": "x", "panel": "y"}}
	if got, err := parseExposition(string(s.exposition())); err != nil || got["latchkey_tpm_limit"] != 0 {
		t.Error("a TPM that is not there", got, err)
	}
	s.TPM = &TPM{Spent: 123, Limit: 500}
	s.Figures.Chips = []Chip{{Name: "panel", Transfers: 7}, {Name: "nfc", Resets: 1}}
	s.Figures.Lookups = new(Lookups).counted()
	for _, d := range []time.Duration{0, 100 * time.Microsecond, 101 * time.Microsecond, time.Second, time.Hour} {
		var one Timing
		one.Add(d)
		s.Figures.Strike = one.Times()
		if _, err := parseExposition(string(s.exposition())); err != nil {
			t.Error(d, err)
		}
	}
	var all Timing
	for _, d := range []time.Duration{time.Millisecond, 100 * time.Microsecond, 101 * time.Microsecond, time.Hour} {
		all.Add(d)
	}
	s.Figures.Strike = all.Times()
	got, err := parseExposition(string(s.exposition()))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range (samples{
		`latchkey_strike_seconds_bucket{le="0.0001"}`:                     1,
		`latchkey_strike_seconds_bucket{le="0.0002"}`:                     2,
		`latchkey_strike_seconds_bucket{le="0.001"}`:                      3,
		`latchkey_strike_seconds_bucket{le="10"}`:                         3,
		`latchkey_strike_seconds_bucket{le="+Inf"}`:                       4,
		`latchkey_strike_seconds_count`:                                   4,
		`latchkey_strike_seconds_sum`:                                     3600.001201,
		`latchkey_info{reader="front-door",version="a\"b\\c\nd",site=""}`: 1,
		`latchkey_pin_ready`:                                              1,
		`latchkey_card_ready`:                                             0,
		`latchkey_lockout`:                                                0,
		`latchkey_fault{subject="nfc"}`:                                   1,
		`latchkey_fault{subject="panel"}`:                                 1,
		`latchkey_chip_transfers_total{chip="panel"}`:                     7,
		`latchkey_chip_resets_total{chip="nfc"}`:                          1,
		`latchkey_tpm_spent`:                                              123,
		`latchkey_tpm_limit`:                                              500,
		`latchkey_lookups_total{kind="pin",outcome="unknown"}`:            0,
	}) {
		if value, found := got[key]; !found || math.Abs(value-want) > 1e-9 {
			t.Errorf("%s is %v (there: %v), not %v", key, value, found, want)
		}
	}
}

func TestFiguresAreForThisMachineOnlyAndOffUnlessAskedFor(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:9273", ":9273", "192.0.2.1:9273", "127.0.0.1", "localhost:9273", "[::]:9273"} {
		if err := (Config{listen}).Check(); err == nil || !strings.Contains(err.Error(), "metrics.listen") {
			t.Errorf("%s: %v", listen, err)
		}
	}
	for _, listen := range []string{"", "127.0.0.1:9273", "[::1]:9273", "127.0.0.2:0"} {
		if err := (Config{listen}).Check(); err != nil {
			t.Error(err)
		}
	}
	asked := false
	if err := ServeMetrics(t.Context(), Config{}, func() *Status { asked = true; return new(Status) }, nil); err != nil || asked {
		t.Error("figures are given away by default", err)
	}
}

func TestFiguresAreNotGivenToAForeignName(t *testing.T) {
	server := ownHost(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "figures") }))
	for host, want := range map[string]int{
		"127.0.0.1:9273": 200, "127.0.0.1": 200, "localhost:9273": 200, "LOCALHOST": 200, "[::1]:9273": 200, "[::1]": 200, "127.0.0.2:1": 200,
		"attacker.example:9273": 421, "attacker.example": 421, "": 421, "192.0.2.1:9273": 421, "localhost.attacker.example": 421,
		"127.0.0.1.attacker.example": 421, "0.0.0.0:9273": 421, "[::]:9273": 421, "localhost.": 421, "127.0.0.1:9273:1": 421,
	} {
		request := httptest.NewRequest("GET", "/metrics", nil)
		request.Host = host
		got := httptest.NewRecorder()
		server.ServeHTTP(got, request)
		if got.Code != want || strings.Contains(got.Body.String(), "figures") != (want == 200) {
			t.Errorf("host %q: %d", host, got.Code)
		}
	}
}
