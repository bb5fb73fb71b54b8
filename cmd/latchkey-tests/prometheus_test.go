package tests

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/cmd/internal/freeport"
)

// forPrometheus is where what the package brings for Prometheus lies.
const forPrometheus = "../latchkey-package/latchkey-controller/"

// unused returns an address of loopback at which nobody listens.
func unused(t testing.TB) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// promtool runs Prometheus's own check.
func promtool(t *testing.T, stdin []byte, args ...string) {
	t.Helper()
	cmd := exec.Command("promtool", args...)
	cmd.Stdin = bytes.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 && args[1] == "metrics" {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// A prometheus is a real one, with what it has read.
type prometheus struct {
	t  *testing.T
	at string
}

// startPrometheus has one read a controller and a reader each second.
func startPrometheus(t *testing.T, c *controller, token, reader string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rules, err := filepath.Abs(forPrometheus + "prometheus-rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	write("token", token)
	write("ca.pem", c.tell("", "authority"))
	write("prometheus.yml", fmt.Sprintf(`global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: latchkey-controller
    scheme: https
    authorization: {credentials_file: token}
    tls_config: {ca_file: ca.pem}
    static_configs: [{targets: [%q]}]
  - job_name: latchkeyd
    static_configs: [{targets: [%q]}]
`, rules, c.api, reader))
	p := &prometheus{t, unused(t)}
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.at, "--log.level=warn")
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; make setup installs it", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return p
}

// get reads an answer of its API into v; false: it does not answer yet.
func (p *prometheus) get(path string, v any) bool {
	response, err := http.Get("http://" + p.at + path)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(v) == nil && response.StatusCode == http.StatusOK
}

// value returns the value of an expression of one sample; "": there is none.
func (p *prometheus) value(expression string) string {
	var found struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	if !p.get("/api/v1/query?query="+url.QueryEscape(expression), &found) || len(found.Data.Result) != 1 {
		return ""
	}
	value, _ := found.Data.Result[0].Value[1].(string)
	return value
}

// firing returns the names of the alerts that are pending or fire.
func (p *prometheus) firing() map[string]bool {
	var found struct {
		Data struct {
			Alerts []struct{ Labels map[string]string }
		}
	}
	p.get("/api/v1/alerts", &found)
	names := map[string]bool{}
	for _, alert := range found.Data.Alerts {
		names[alert.Labels["alertname"]] = true
	}
	return names
}

func TestARealPrometheusReadsControllerAndReader(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false)
	c.api = unused(t)
	reader := c.adopt(t, "front-door")
	text, err := os.ReadFile(reader.config())
	if err != nil {
		t.Fatal(err)
	}
	metrics := unused(t)
	reader.configure(string(text) + fmt.Sprintf("\n[metrics]\nlisten = %q\n", metrics))
	c.serve()
	reader.start()
	reader.begun()
	token := strings.TrimSpace(c.tell("", "token", "make", "Prometheus", "--scope", "read"))
	p := startPrometheus(t, c, token, metrics)
	reader.eventually("the first scrape", func() bool {
		return p.value(`latchkey_controller_reader_up{reader="front-door"}`) == "1" && p.value(`latchkey_controller_attempts_total{outcome="granted"}`) == "0"
	})
	reader.typePIN(adaPIN)
	reader.opens("a PIN")
	reader.eventually("the attempt", func() bool {
		return p.value(`latchkey_controller_attempts_total{outcome="granted"}`) == "1" && p.value("latchkey_strike_seconds_count") == "1"
	})
	c.tell("", "policy", "front-door", "set", "--limit", "1")
	reader.wrong(wrongPIN)
	reader.eventually("the lockout and its alert", func() bool {
		return p.value("latchkey_controller_reader_lockout") == "1" && p.value("latchkey_controller_lockouts_total") == "1" && p.firing()["LatchkeyLockout"]
	})
	if p.value(`up{job="latchkey-controller"}`) != "1" || p.value(`count({__name__=~".+",person=~".+"}) or vector(0)`) != "0" {
		t.Error("the controller's own scrape")
	}

	// The rules are valid, the names are as Prometheus wants them, and what the dashboard
	// shows and the rules watch is there.
	promtool(t, nil, "check", "rules", forPrometheus+"prometheus-rules.yml")
	promtool(t, nil, "test", "rules", "testdata/prometheus/rules_test.yml")
	page := scrape(t, c, token)
	promtool(t, withoutGo(page), "check", "metrics")
	known := string(page) + scrapeReader(t, metrics)
	for _, file := range []string{"prometheus-rules.yml", "grafana-dashboard.json"} {
		b, err := os.ReadFile(forPrometheus + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`latchkey_[a-z_]+`).FindAllString(string(b), -1) {
			if !strings.Contains(known, "\n"+strings.TrimSuffix(name, "_bucket")) {
				t.Errorf("%s names %s, which nobody tells", file, name)
			}
		}
	}
	for _, expression := range dashboard(t) {
		if p.value("count(("+expression+")) or vector(0)") == "" {
			t.Errorf("the dashboard has an expression that Prometheus does not take: %s", expression)
		}
	}
}

// dashboard returns the expressions of the dashboard, with Grafana's variables filled in.
func dashboard(t *testing.T) (expressions []string) {
	t.Helper()
	b, err := os.ReadFile(forPrometheus + "grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			expressions = append(expressions, strings.NewReplacer("$__rate_interval", "5m", "$door", ".*").Replace(target.Expr))
		}
	}
	return expressions
}

// trusting returns a client that trusts the site's authority alone.
func (c *controller) trusting() *http.Client {
	c.t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(c.tell("", "authority"))) {
		c.t.Fatal("no certificate of an authority")
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
}

// scrape reads the controller's metrics as Prometheus does.
func scrape(t *testing.T, c *controller, token string) []byte {
	t.Helper()
	client := c.trusting()
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+c.api+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v: %s", response.StatusCode, err, b)
	}
	return b
}

// withoutGo leaves out what the library tells of the process: its names are not ours.
func withoutGo(page []byte) []byte {
	var ours []byte
	for line := range bytes.Lines(page) {
		if bytes.Contains(line, []byte("latchkey_")) {
			ours = append(ours, line...)
		}
	}
	return ours
}

// scrapeReader reads a reader's metrics.
func scrapeReader(t *testing.T, at string) string {
	t.Helper()
	response, err := http.Get("http://" + at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
