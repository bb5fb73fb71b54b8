package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"latchkey/device"
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
	s := &status{Reader: "front-door", Version: "a\"b\\c\nd", PIN: "on", Lockout: "none", Health: map[string]string{"nfc": "x", "panel": "y"}}
	for _, d := range []time.Duration{0, 100 * time.Microsecond, 101 * time.Microsecond, time.Second, time.Hour} {
		var one timing
		one.took(d)
		s.Figures.Strike = one.now()
		if _, err := parseExposition(string(s.exposition())); err != nil {
			t.Error(d, err)
		}
	}
	var all timing
	for _, d := range []time.Duration{time.Millisecond, 100 * time.Microsecond, 101 * time.Microsecond, time.Hour} {
		all.took(d)
	}
	s.Figures.Strike = all.now()
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
	}) {
		if value, found := got[key]; !found || math.Abs(value-want) > 1e-9 {
			t.Errorf("%s is %v (there: %v), not %v", key, value, found, want)
		}
	}
}

func TestPercentilesAreThoseOfTheNewest(t *testing.T) {
	var of timing
	for i := range 1000 {
		of.took(time.Duration(i+1) * time.Millisecond)
	}
	// The newest 256 are 745 to 1000 ms.
	if got := of.now(); got.Count != 1000 || got.P50 != 872 || got.P99 != 998 || got.Longest != 1000 {
		t.Errorf("%+v", got)
	}
	var one timing
	one.took(7 * time.Millisecond)
	if got := one.now(); got.P50 != 7 || got.P99 != 7 {
		t.Errorf("of one: %+v", got)
	}
	if got := new(timing).now(); got.P50 != 0 || got.Count != 0 {
		t.Errorf("of none: %+v", got)
	}
}

func TestOnlyPINsThatOpenTheDoorAreTimed(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1, 0).Add(time.Duration(ms) * time.Millisecond) }
	var s stopwatch
	s.line(true, at(5)) // a card
	s.line(false, at(10))
	s.digit(at(20))
	s.line(true, at(25)) // a card, while the PIN is checked
	s.line(false, at(30))
	s.outcome(true)
	s.line(true, at(50))
	if got := s.timing.now(); got.Count != 1 || got.Longest != 30 {
		t.Fatalf("%+v", got)
	}
	s.digit(at(60)) // the strike is still on
	s.outcome(true)
	s.line(false, at(70))
	s.line(true, at(80)) // somebody else
	s.digit(at(90))
	s.outcome(false)
	s.line(false, at(95))
	s.line(true, at(100))
	if got := s.timing.now(); got.Count != 1 {
		t.Errorf("%+v", got)
	}
}

func TestEachOutcomeIsCountedByItsName(t *testing.T) {
	var of tally
	for i, outcome := range []device.Outcome{device.Known, device.Unknown, device.Damaged, device.KeyFailed, device.EpochChanged, device.Enrolled} {
		for range i + 1 {
			of.add(wire.Card, outcome)
		}
	}
	want := map[string]uint64{"known": 1, "unknown": 2, "damaged": 3, "key-failed": 4, "epoch-changed": 5, "enrolled": 6}
	for name, n := range want {
		if got := of.now()["card"][name]; got != n {
			t.Errorf("%s: %d, not %d", name, got, n)
		}
		if got := of.now()["pin"][name]; got != 0 {
			t.Errorf("%s of PINs: %d", name, got)
		}
	}
}

func TestAReaderSaysWhatItHasMeasured(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).adopt(t, "front-door")
	text, err := os.ReadFile(reader.config())
	if err != nil {
		t.Fatal(err)
	}
	reader.configure(string(text) + "\n[metrics]\nlisten = \"127.0.0.1:0\"\n")
	reader.start()
	reader.begun()
	reader.wrong(wrongPIN)
	reader.typePIN(adaPIN)
	reader.opens("a PIN")
	reader.showCard(strangerUID)

	var url string
	reader.eventually("where the metrics are", func() bool {
		_, after, found := strings.Cut(reader.log.String(), "at=")
		url, _, _ = strings.Cut(after, "\n")
		return found && strings.HasSuffix(url, "/metrics")
	})
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if kind := response.Header.Get("Content-Type"); kind != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("content type %q", kind)
	}
	got, err := parseExposition(string(body))
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	for key, want := range (samples{
		`latchkey_strike_seconds_count`:                         1,
		`latchkey_lookups_total{kind="pin",outcome="known"}`:    1,
		`latchkey_lookups_total{kind="pin",outcome="unknown"}`:  1,
		`latchkey_lookups_total{kind="card",outcome="unknown"}`: 1,
		`latchkey_lookups_total{kind="card",outcome="known"}`:   0,
		`latchkey_derivation_seconds_count`:                     3,
		`latchkey_lookup_seconds_count`:                         3,
		`latchkey_chip_errors_total{chip="panel"}`:              0,
		`latchkey_chip_resets_total{chip="nfc"}`:                1,
		`latchkey_pin_ready`:                                    1,
		`latchkey_link_up`:                                      0,
	}) {
		if value, found := got[key]; !found || value != want {
			t.Errorf("%s is %v (there: %v), not %v", key, value, found, want)
		}
	}
	for _, key := range []string{
		`latchkey_strike_seconds_sum`, `latchkey_fdatasync_seconds_count`, `latchkey_records_total`, `latchkey_records_waiting`,
		`latchkey_chip_transfers_total{chip="panel"}`, `latchkey_chip_transfers_total{chip="touch"}`, `latchkey_chip_transfers_total{chip="nfc"}`,
		`latchkey_wakeups_total`, `process_cpu_seconds_total`, `process_resident_memory_bytes`, `latchkey_running_seconds`,
		`latchkey_credentials_age_seconds`, `latchkey_credentials_revision`,
	} {
		if got[key] <= 0 {
			t.Errorf("%s is %v", key, got[key])
		}
	}
	// Nobody acknowledges.
	if got["latchkey_records_waiting"] != got["latchkey_records_total"] {
		t.Errorf("%v records wait of %v", got["latchkey_records_waiting"], got["latchkey_records_total"])
	}

	said := reader.status()["figures"].(map[string]any)
	strike := said["last_digit_to_strike"].(map[string]any)
	if strike["count"].(float64) != 1 || strike["p50_ms"].(float64) <= 0 || strike["p50_ms"] != strike["p99_ms"] {
		t.Errorf("the status says %v", strike)
	}
	for _, want := range []string{"last digit to strike", "nfc chip", "wake-ups", "waiting for the controller"} {
		if printed := do(t, "", "latchkeyd", "status", "--config", reader.config()); !strings.Contains(printed, want) {
			t.Errorf("the status does not say %q:\n%s", want, printed)
		}
	}
	if strings.Contains(string(body)+reader.log.String(), adaPIN) {
		t.Error("a PIN is in the figures or in the log")
	}
}

func TestFiguresAreForThisMachineOnlyAndOffUnlessAskedFor(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:9273", ":9273", "192.0.2.1:9273", "127.0.0.1", "localhost:9273", "[::]:9273"} {
		if err := (metricsConfig{listen}).check(); err == nil || !strings.Contains(err.Error(), "metrics.listen") {
			t.Errorf("%s: %v", listen, err)
		}
	}
	for _, listen := range []string{"", "127.0.0.1:9273", "[::1]:9273", "127.0.0.2:0"} {
		if err := (metricsConfig{listen}).check(); err != nil {
			t.Error(err)
		}
	}
	asked := false
	if err := serveMetrics(t.Context(), metricsConfig{}, func() *status { asked = true; return new(status) }, nil); err != nil || asked {
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
