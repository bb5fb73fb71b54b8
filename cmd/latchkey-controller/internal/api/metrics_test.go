package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/sync/wire"
)

// samples returns the samples of a scrape by what precedes their values.
func (p *program) samples() map[string]string {
	p.w.t.Helper()
	a := p.ask("GET", "/metrics", nil)
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		p.w.t.Fatalf("%d %v: %s", a.status, a.header, a.body)
	}
	all := map[string]string{}
	for line := range strings.Lines(a.body) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), "} "); found {
			all[name+"}"] = value
		} else if name, value, found := strings.Cut(strings.TrimSpace(line), " "); found && name != "#" {
			all[name] = value
		}
	}
	return all
}

// records stores records of a new journal of a reader, in order.
func (w *world) records(reader string, records ...*wire.Record) {
	w.t.Helper()
	w.n++
	m := &wire.Records{Reader: reader, Journal: wire.JournalID{byte(w.n)}, First: 1}
	var before wire.Hash
	for i, r := range records {
		r.Number, r.Before, r.Trusted, r.Time = uint64(i+1), before, true, time.Now().UnixMilli()
		encoded := wire.Marshal(r)
		before = wire.Sum(encoded)
		m.Records = append(m.Records, encoded)
	}
	_, err := w.site.StoreRecords(w.t.Context(), w.clock(), []*wire.Records{m})
	w.must(err)
}

func TestMetricsTellOfEachBrokerAndWhoLeads(t *testing.T) {
	postgrestest.SQLiteOnly(t) // where this controller leads, so that there is a cell with brokers
	w := newWorld(t)
	w.live.brokers = []link.BrokerStatus{{URL: "ssl://a.example:8883", Up: true}, {URL: "ssl://b.example:8883", Why: "connection refused"}}
	all := w.program(desk.ScopeRead).samples()
	if all[`latchkey_controller_leads{cell="main"}`] != "1" || all[`latchkey_controller_standbys{cell="main"}`] != "0" || all[`latchkey_controller_cell_led{cell="main"}`] != "1" {
		t.Errorf("who leads is not told: %v", all)
	}
	for name, want := range map[string]string{`latchkey_controller_broker_up{broker="ssl://a.example:8883",cell="main"}`: "1", `latchkey_controller_broker_up{broker="ssl://b.example:8883",cell="main"}`: "0"} {
		if all[name] != want {
			t.Errorf("%s is %q, not %s", name, all[name], want)
		}
	}
}

func TestMetricsTellOfEachReaderAndCountEachEventOnce(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead)
	reader, _ := w.reader()
	user := w.user("Ada", "Lovelace")
	w.records(reader, &wire.Record{Kind: wire.AccessGranted, By: wire.ByCard, User: user, Seconds: 5}) // before the first scrape
	first := p.samples()
	of := func(name, more string) string {
		return "latchkey_controller_" + name + `{door="Door of ` + reader + `"` + more + `,reader="` + reader + `"}`
	}
	for name, want := range map[string]string{
		of("reader_up", ""): "0", of("attempts_total", `,outcome="granted"`): "0", of("attempts_total", `,outcome="denied"`): "0", of("lockouts_total", ""): "0",
		"latchkey_controller_users": "1", "latchkey_controller_disk_full": "0", `latchkey_controller_info{site="home"}`: "1",
	} {
		if first[name] != want {
			t.Errorf("%s is %q, not %s", name, first[name], want)
		}
	}
	if first["go_goroutines"] == "" || first["process_open_fds"] == "" {
		t.Error("nothing of the process itself")
	}

	locked := sound
	locked.Lockout, locked.Door, locked.Mode = wire.CauseAttempts, wire.DoorIsHeld, &wire.ModeState{Mode: wire.ModeLocked}
	w.live.say(reader, locked)
	denied := &wire.Record{Kind: wire.AccessDenied, By: wire.ByCard, Reason: wire.ReasonUnknown, Tag: make([]byte, 8)}
	again := *denied
	w.records(reader, denied, &again, &wire.Record{Kind: wire.LockoutStarted, Cause: wire.CauseAttempts}, &wire.Record{Kind: wire.DoorForced}, &wire.Record{Kind: wire.TamperStarted}, &wire.Record{Kind: wire.TamperEnded}, &wire.Record{Kind: wire.Duress, Seq: 7, User: user, Credential: 1})
	for range 2 { // the second scrape counts nothing twice
		got := p.samples()
		for name, want := range map[string]string{
			of("reader_up", ""): "1", of("reader_lockout", ""): "1", of("reader_door_open", ""): "1", of("reader_strike_on", ""): "0",
			of("attempts_total", `,outcome="granted"`): "0", of("attempts_total", `,outcome="denied"`): "2", of("lockouts_total", ""): "1",
			of("alarms_total", `,kind="door.forced"`): "1", of("alarms_total", `,kind="duress"`): "",
			of("alarms_total", `,kind="tamper.started"`): "1", of("alarms_total", `,kind="tamper.ended"`): "", of("alarms_total", `,kind="card.copied"`): "0",
			`latchkey_controller_reader_mode{door="Door of ` + reader + `",mode="locked",reader="` + reader + `"}`: "1",
			`latchkey_controller_reader_mode{door="Door of ` + reader + `",mode="normal",reader="` + reader + `"}`: "0",
		} {
			if got[name] != want {
				t.Errorf("%s is %q, not %q", name, got[name], want)
			}
		}
		for name := range got {
			if strings.Contains(name, "Ada") {
				t.Errorf("%s names a person", name)
			}
		}
	}
	if a := w.program(desk.ScopeManage).ask("GET", "/metrics", nil); a.status != http.StatusForbidden {
		t.Errorf("without the scope: %s", a.body)
	}
	if a := (&program{w, ""}).ask("GET", "/metrics", nil); a.status != http.StatusUnauthorized {
		t.Errorf("without a token: %s", a.body)
	}
	w.live.mu.Lock()
	w.live.states = []link.ReaderStatus{}
	w.live.mu.Unlock()
	if got := p.samples(); got[of("reader_up", "")] != "0" || got[of("reader_lockout", "")] != "" {
		t.Errorf("a reader that is not heard of: %v", got[of("reader_lockout", "")])
	}
}

func TestMetricsForgetReadersThatAreGoneAndNamesThatDoorsHad(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead)
	stays, _ := w.reader()
	renamed, door := w.reader()
	removed, _ := w.reader()
	p.samples()
	for _, id := range []string{stays, renamed, removed} {
		w.records(id, &wire.Record{Kind: wire.DoorForced})
	}
	of := func(reader, door string) string {
		return `latchkey_controller_alarms_total{door="` + door + `",kind="door.forced",reader="` + reader + `"}`
	}
	before := p.samples()
	for _, id := range []string{stays, renamed, removed} {
		if name := of(id, "Door of "+id); before[name] != "1" {
			t.Errorf("%s is %q", name, before[name])
		}
	}
	w.must(w.desk.EditPlace(t.Context(), root, desk.Doors, door, "", func(f *desk.PlaceForm) { f.Name = "Lab" }))
	_, err := w.desk.RemoveReader(t.Context(), root, removed, desk.Lost)
	w.must(err)
	w.records(renamed, &wire.Record{Kind: wire.DoorForced})
	after := p.samples()
	if after[of(stays, "Door of "+stays)] != "1" || after[of(renamed, "Lab")] != "1" {
		t.Errorf("the counters of readers that are there do not go on: %v", after)
	}
	for name := range after {
		if strings.Contains(name, removed) || strings.Contains(name, "Door of "+renamed) {
			t.Errorf("%s is still there", name)
		}
	}
}
