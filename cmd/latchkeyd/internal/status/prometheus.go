package status

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config says where Prometheus can read the reader's figures.
type Config struct {
	Listen string `toml:"listen"` // loopback address and port; "": nowhere
}

// Check returns what is wrong with a config.
func (c Config) Check() error {
	if c.Listen == "" {
		return nil
	}
	at, err := netip.ParseAddrPort(c.Listen)
	if err != nil || !at.Addr().IsLoopback() {
		return fmt.Errorf("metrics.listen: %q is not a loopback address with a port: use 127.0.0.1:9273", c.Listen)
	}
	return nil
}

// ServeMetrics answers GET /metrics until ctx ends. It tries again when that fails.
func ServeMetrics(ctx context.Context, c Config, now func() *Status, log *slog.Logger) error {
	if c.Listen == "" {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Write(now().exposition())
	})
	return keepServing(ctx, log, "metrics.listen", func() error {
		listener, err := net.Listen("tcp", c.Listen)
		if err != nil {
			return err
		}
		log.Info("metrics", "at", "http://"+listener.Addr().String()+"/metrics")
		server := &http.Server{Handler: ownHost(mux), ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10}
		defer context.AfterFunc(ctx, func() { server.Close() })()
		return server.Serve(listener)
	})
}

// ownHost refuses requests to names that are not this machine's (DNS rebinding): a page
// in a browser here sends them when an attacker's DNS points the page's name to this
// machine.
func ownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		at, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if !strings.EqualFold(host, "localhost") && (err != nil || !at.IsLoopback()) {
			http.Error(w, "this is not a name of this machine: ask 127.0.0.1, [::1] or localhost", http.StatusMisdirectedRequest)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// exposition is the status in Prometheus' text format, version 0.0.4.
func (s *Status) exposition() []byte {
	f := &s.Figures
	var e exposition
	e.gauge("latchkey_info", "What runs here.", 1, "reader", s.Reader, "version", s.Version, "site", s.Site)
	e.gauge("latchkey_pin_ready", "1 while a PIN is taken.", truth(s.PIN == "on"))
	e.gauge("latchkey_card_ready", "1 while a card is taken.", truth(s.Card == "on"))
	e.gauge("latchkey_lockout", "1 while PIN entry is locked out.", truth(s.Lockout != "none"))
	e.gauge("latchkey_link_up", "1 while the controller answers.", truth(s.Link == "up"))
	if s.TPM != nil {
		e.gauge("latchkey_tpm_spent", "PINs that the TPM has checked.", float64(s.TPM.Spent))
		e.gauge("latchkey_tpm_limit", "Count of PINs at which the TPM stops.", float64(s.TPM.Limit))
	}
	e.family("latchkey_fault", "gauge", "1 for each part that is out of order.")
	for _, subject := range slices.Sorted(maps.Keys(s.Health)) {
		e.sample("latchkey_fault", 1, "subject", string(subject))
	}

	e.histogram("latchkey_strike_seconds", "From a PIN's last digit to the strike's line.", f.Strike)
	e.histogram("latchkey_card_strike_seconds", "From a card that proves itself to the strike's line.", f.Card)
	e.histogram("latchkey_derivation_seconds", "Deriving a tag; Argon2id for a PIN.", f.Derivation)
	e.histogram("latchkey_lookup_seconds", "Looking a tag up.", f.Lookup)
	e.histogram("latchkey_proof_seconds", "A card's proof that it is no copy, successful or not.", f.Proof)
	e.histogram("latchkey_fdatasync_seconds", "Bringing records to the disk, fdatasync alone.", f.Sync)

	e.family("latchkey_lookups_total", "counter", "Look-ups by their outcome.")
	for _, kind := range kinds {
		for _, outcome := range outcomes {
			e.sample("latchkey_lookups_total", float64(f.Lookups[kind][outcome]), "kind", kind, "outcome", outcome)
		}
	}
	for i, of := range [...][2]string{
		{"latchkey_chip_transfers_total", "Transfers on a chip's bus."},
		{"latchkey_chip_errors_total", "Errors of a chip's bus or lines."},
		{"latchkey_chip_retries_total", "Requests to a chip that had to be repeated."},
		{"latchkey_chip_resets_total", "Times a chip was found reset or disturbed, and set up again."},
	} {
		e.family(of[0], "counter", of[1])
		for _, c := range f.Chips {
			e.sample(of[0], float64([...]uint64{c.Transfers, c.Errors, c.Retries, c.Resets}[i]), "chip", c.Name)
		}
	}
	e.counter("latchkey_records_total", "Records stored.", float64(f.Records))
	e.gauge("latchkey_records_waiting", "Records that the controller has not acknowledged.", float64(f.Waiting))
	e.gauge("latchkey_credentials_age_seconds", "Since the controller last answered, 0 while it does; without a link, since the credentials were written.", f.Credentials)
	e.gauge("latchkey_credentials_revision", "Place in the credential log that is held.", float64(s.Revision))
	e.counter("latchkey_wakeups_total", "Voluntary context switches of this process.", float64(f.Wakeups))
	e.counter("process_cpu_seconds_total", "User and system time of this process.", f.CPU)
	e.gauge("process_resident_memory_bytes", "Resident memory of this process.", float64(f.Resident))
	e.gauge("latchkey_running_seconds", "Since this process began.", f.Running)
	return e.Bytes()
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// exposition is text in Prometheus' format.
type exposition struct{ bytes.Buffer }

func (e *exposition) family(name, kind, help string) {
	fmt.Fprintf(e, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (e *exposition) gauge(name, help string, value float64, labels ...string) {
	e.family(name, "gauge", help)
	e.sample(name, value, labels...)
}

func (e *exposition) counter(name, help string, value float64) {
	e.family(name, "counter", help)
	e.sample(name, value)
}

// histogram writes the cumulative buckets of a timing, in seconds.
func (e *exposition) histogram(name, help string, t Times) {
	e.family(name, "histogram", help)
	var upTo uint64
	for i, bound := range bounds {
		upTo += t.counts[i]
		e.sample(name+"_bucket", float64(upTo), "le", number(bound.Seconds()))
	}
	e.sample(name+"_bucket", float64(t.Count), "le", "+Inf")
	e.sample(name+"_sum", t.Seconds)
	e.sample(name+"_count", float64(t.Count))
}

// sample writes one sample; labels are names and values in turn.
func (e *exposition) sample(name string, value float64, labels ...string) {
	e.WriteString(name)
	for i := 0; i < len(labels); i += 2 {
		e.WriteByte("{,"[min(i, 1)])
		fmt.Fprintf(e, `%s="%s"`, labels[i], labelEscapes.Replace(labels[i+1]))
	}
	if len(labels) > 0 {
		e.WriteByte('}')
	}
	fmt.Fprintf(e, " %s\n", number(value))
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
