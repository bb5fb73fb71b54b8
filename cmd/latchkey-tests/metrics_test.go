package tests

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
)

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
	reader.call("PUT", "/api/card", map[string]string{"uid": strangerUID}, nil)
	reader.eventually("the stranger's card is looked up", func() bool {
		return reader.figures()["lookups"].(map[string]any)["card"].(map[string]any)["unknown"].(float64) == 1
	})

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
	got := map[string]float64{}
	for line := range strings.Lines(string(body)) {
		if i := strings.LastIndexByte(line, ' '); line[0] != '#' {
			if got[line[:i]], err = strconv.ParseFloat(strings.TrimSpace(line[i:]), 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	for key, want := range map[string]float64{
		`latchkey_strike_seconds_count`:                         1,
		`latchkey_lookups_total{kind="pin",outcome="known"}`:    1,
		`latchkey_lookups_total{kind="pin",outcome="unknown"}`:  1,
		`latchkey_lookups_total{kind="card",outcome="unknown"}`: 1,
		`latchkey_lookups_total{kind="card",outcome="known"}`:   0,
		`latchkey_derivation_seconds_count`:                     3,
		`latchkey_lookup_seconds_count`:                         3,
		`latchkey_chip_errors_total{chip="panel"}`:              0,
		`latchkey_pin_ready`:                                    1,
		`latchkey_link_up`:                                      0,
	} {
		if value, found := got[key]; !found || value != want {
			t.Errorf("%s is %v (there: %v), not %v", key, value, found, want)
		}
	}
	for _, key := range []string{
		`latchkey_strike_seconds_sum`, `latchkey_fdatasync_seconds_count`, `latchkey_records_total`, `latchkey_records_waiting`,
		`latchkey_chip_transfers_total{chip="panel"}`, `latchkey_chip_transfers_total{chip="touch"}`, `latchkey_chip_transfers_total{chip="nfc"}`,
		`latchkey_wakeups_total`, `process_cpu_seconds_total`, `process_resident_memory_bytes`, `latchkey_running_seconds`,
		`latchkey_credentials_age_seconds`, `latchkey_credentials_revision`,
		`latchkey_chip_resets_total{chip="nfc"}`, // once as it begins, and again if a busy machine lets it wait
	} {
		if got[key] <= 0 {
			t.Errorf("%s is %v", key, got[key])
		}
	}
	// Nobody acknowledges.
	if got["latchkey_records_waiting"] != got["latchkey_records_total"] {
		t.Errorf("%v records wait of %v", got["latchkey_records_waiting"], got["latchkey_records_total"])
	}

	var status struct {
		Figures struct {
			Strike struct {
				Count uint64
				P50   float64 `json:"p50_ms"`
				P99   float64 `json:"p99_ms"`
			} `json:"last_digit_to_strike"`
		}
	}
	printed := do(t, "", "latchkeyd", "status", "--config", reader.config(), "--json")
	if err := json.Unmarshal([]byte(printed), &status); err != nil {
		t.Fatal(err)
	}
	if s := status.Figures.Strike; s.Count != 1 || s.P50 <= 0 || s.P50 != s.P99 {
		t.Errorf("the status says %+v", s)
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
