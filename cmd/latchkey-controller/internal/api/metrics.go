package api

import (
	"context"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// metrics are what a Prometheus reads. The counters count from the start of the API; each
// scrape counts what has come since the one before.
type metrics struct {
	mu      sync.Mutex
	counted int64             // the newest event that is in the counters
	doors   map[string]string // of the readers that the counters have, by id

	limited map[int64]*metrics // of tokens that are limited to locations, by the actor's id
	local   bool               // these are such

	program  prometheus.Gatherer // of this process
	own      *prometheus.Registry
	attempts *prometheus.CounterVec
	lockouts *prometheus.CounterVec
	alarms   *prometheus.CounterVec
	acts     prometheus.Counter
}

// Labels of readers.
var atReader = []string{"reader", "door"}

func counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "latchkey_controller_" + name, Help: help}, labels)
}

func newMetrics() *metrics {
	program := prometheus.NewRegistry()
	program.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m := &metrics{
		counted: -1, limited: map[int64]*metrics{}, program: program, own: prometheus.NewRegistry(),
		attempts: counterVec("attempts_total", "Attempts to open a door, by what came of them: granted or denied.", "reader", "door", "outcome"),
		lockouts: counterVec("lockouts_total", "Times that PIN entry was locked out.", atReader...),
		alarms:   counterVec("alarms_total", "Alarms, by their kind.", "reader", "door", "kind"),
		acts:     prometheus.NewCounter(prometheus.CounterOpts{Name: "latchkey_controller_acts_total", Help: "Acts of administrators and of programs with a token."}),
	}
	m.own.MustRegister(m.attempts, m.lockouts, m.alarms, m.acts)
	return m
}

// serveMetrics answers GET /metrics, in the format that the client asks for.
func (a *API) serveMetrics(c *call) (any, error) {
	found, m, err := a.measure(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	name, _ := a.desk.Site()
	now := prometheus.NewRegistry()
	now.MustRegister(&collector{found, name})
	promhttp.HandlerFor(prometheus.Gatherers{now, m.own, a.metrics.program}, promhttp.HandlerOpts{}).ServeHTTP(c.w, c.r)
	return answered{}, nil
}

// maxLimited bounds the tokens that have metrics of their own. Beyond it one begins again.
const maxLimited = 64

// measure returns what is to be told to an actor now, and the metrics to which it was added.
func (a *API) measure(ctx context.Context, actor desk.Actor) (*desk.Measures, *metrics, error) {
	limited := actor.Limited()
	for {
		m := a.metricsOf(actor.ID, limited)
		found, err := m.measure(ctx, a.desk, actor)
		if err != nil || found.Limited == limited {
			return found, m, err
		}
		limited = found.Limited // since the request came
	}
}

// metricsOf returns the metrics for an actor: the site's, or, for tokens that are limited to
// locations, those of what the token sees, which count from its first scrape.
func (a *API) metricsOf(actor int64, limited bool) *metrics {
	if !limited {
		return a.metrics
	}
	a.metrics.mu.Lock()
	defer a.metrics.mu.Unlock()
	m := a.metrics.limited[actor]
	if m == nil {
		for id := range a.metrics.limited {
			if len(a.metrics.limited) < maxLimited {
				break
			}
			delete(a.metrics.limited, id)
		}
		m = newMetrics()
		m.local = true
		a.metrics.limited[actor] = m
	}
	return m
}

// measure returns what is to be told now, and adds what has happened to the counters, unless it is
// of locations and they are of the site, or the other way round.
func (m *metrics) measure(ctx context.Context, d *desk.Desk, a desk.Actor) (*desk.Measures, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, err := d.Measure(ctx, a, m.counted)
	if err != nil {
		return nil, err
	}
	if found.Limited != m.local {
		return found, nil
	}
	m.counted = found.Until
	doors := map[string]string{}
	for _, r := range found.Readers {
		doors[r.ID] = r.Door
	}
	for id, door := range m.doors {
		if is, there := doors[id]; !there || is != door {
			m.drop(id)
		}
	}
	m.doors = doors
	for _, r := range found.Readers {
		for _, outcome := range []wire.RecordClass{wire.ClassGranted, wire.ClassDenied} {
			m.attempts.WithLabelValues(r.ID, r.Door, string(outcome)) // from 0 on
		}
		m.lockouts.WithLabelValues(r.ID, r.Door)
		for _, kind := range desk.AlarmKinds() {
			m.alarms.WithLabelValues(r.ID, r.Door, kind)
		}
	}
	for _, c := range found.Events {
		n := float64(c.N)
		door, there := doors[c.Reader]
		switch {
		case c.Class == desk.ClassAdmin:
			m.acts.Add(n)
		case c.Reader != "" && !there: // it was removed meanwhile
		case c.Class == wire.ClassGranted, c.Class == wire.ClassDenied:
			m.attempts.WithLabelValues(c.Reader, door, string(c.Class)).Add(n)
		case c.Kind == string(wire.LockoutStarted):
			m.lockouts.WithLabelValues(c.Reader, door).Add(n)
		case slices.Contains(desk.AlarmKinds(), c.Kind):
			m.alarms.WithLabelValues(c.Reader, door, c.Kind).Add(n)
		}
	}
	return found, nil
}

// drop removes the counters of a reader that was removed, or whose door is called otherwise now:
// they would stay as they are until the API starts again. Under a new name they begin at 0.
func (m *metrics) drop(reader string) {
	for _, vec := range []*prometheus.CounterVec{m.attempts, m.lockouts, m.alarms} {
		vec.DeletePartialMatch(prometheus.Labels{"reader": reader})
	}
}

// A collector tells what a site is like now.
type collector struct {
	*desk.Measures
	site string
}

// cell returns the name of a cell.
func (c *collector) cell(id int64) string {
	if c.Standing != nil {
		for _, cell := range c.Standing.Cells {
			if cell.ID == id {
				return cell.Name
			}
		}
	}
	return ""
}

// Describe implements prometheus.Collector, which checks each scrape by itself.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	tell := func(name, help string, value float64, labels, values []string) {
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc("latchkey_controller_"+name, help, labels, nil), prometheus.GaugeValue, value, values...)
	}
	tell("info", "The site of this controller.", 1, []string{"site"}, []string{c.site})
	tell("users", "Users of the site.", float64(c.Users), nil, nil)
	tell("cards", "Cards of all users, by whether they can be copied.", float64(c.Cards.Copyable), []string{"copyable"}, []string{"true"})
	tell("cards", "Cards of all users, by whether they can be copied.", float64(c.Cards.Cards-c.Cards.Copyable), []string{"copyable"}, []string{"false"})
	tell("credentials_revision", "The newest place in the credential log.", float64(c.Revision), nil, nil)
	tell("disk_full", "1 while the controller's disk is full.", truth(c.Full), nil, nil)
	tell("clock_doubted", "1 while the controller's clock is in doubt.", truth(c.Doubted), nil, nil)
	if s := c.Standing; s != nil {
		tell("boards_waiting", "New readers that wait for an administrator to adopt them.", float64(c.Waiting), nil, nil)
		cell, own := []string{"cell"}, []string{s.Cell}
		tell("leads", "1 while this controller leads its cell, 0 while it stands by.", truth(s.Leads), cell, own)
		tell("term", "The number of this controller's lead; 0 while it stands by. Each later lead of the cell has a higher one.", float64(s.Term), cell, own)
		tell("standbys", "Controllers that stand by for this one's cell, with this one if it does.", float64(s.StandBys), cell, own)
		for _, c := range s.Cells {
			tell("cell_led", "1 while any controller leads the cell.", truth(c.Led), cell, []string{c.Name})
		}
	}
	for _, b := range c.Brokers {
		tell("broker_up", "1 while the controller is connected to the broker.", truth(b.Up), []string{"broker", "cell"}, []string{b.URL, c.cell(b.Cell)})
	}
	for _, r := range c.Readers {
		reader := func(name, help string, value float64) {
			tell("reader_"+name, help, value, atReader, []string{r.ID, r.Door})
		}
		live := &r.Live
		if live.Unled { // nobody knows
			continue
		}
		reader("up", "1 while the reader is connected.", truth(live.Online))
		if !live.Heard.IsZero() {
			reader("heard_timestamp_seconds", "When the reader was heard of last.", float64(live.Heard.UnixMilli())/1000)
		}
		if live.Version == "" { // it has said nothing yet
			continue
		}
		tell("reader_info", "What runs at the reader.", 1, []string{"reader", "door", "version"}, []string{r.ID, r.Door, live.Version})
		reader("current", "1 while the reader has the newest credentials and policy.", truth(live.Current))
		reader("credentials_revision", "The place in the credential log that the reader has.", float64(live.Revision))
		reader("records_waiting", "Records that have not come yet.", float64(live.Waiting))
		reader("lockout", "1 while PIN entry is locked out.", truth(live.Lockout != ""))
		reader("tamper", "1 while the reader's housing is open.", truth(live.Tamper))
		reader("clock_trusted", "1 while the reader trusts its clock.", truth(live.ClockTrusted))
		reader("faults", "Parts of the reader that do not work.", float64(len(live.Faults)))
		reader("strike_on", "1 while the strike lets the door open.", truth(live.Strike != wire.StrikeOff))
		if open := live.Door == wire.DoorIsOpen || live.Door == wire.DoorIsForced || live.Door == wire.DoorIsHeld; open || live.Door == wire.DoorIsClosed {
			reader("door_open", "1 while the door is open.", truth(open))
		}
		if mode := live.Mode; mode != nil {
			for _, m := range wire.Modes() {
				tell("reader_mode", "1 for the mode that is in force at the door.", truth(mode.Mode == m), []string{"reader", "door", "mode"}, []string{r.ID, r.Door, string(m)})
			}
		}
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
