package api

import (
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// happens stores records of a new journal of a reader, in order.
func (w *world) happens(reader string, records ...wire.Record) {
	w.t.Helper()
	w.n++
	m := &wire.Records{Reader: reader, Journal: wire.JournalID{byte(w.n), byte(w.n >> 8)}, First: 1}
	var before wire.Hash
	for i, r := range records {
		r.Number, r.Before, r.Trusted = uint64(i+1), before, true
		if r.Time == 0 {
			r.Time = w.clock().Wall.UnixMilli()
		}
		encoded := wire.Marshal(&r)
		before = wire.Sum(encoded)
		m.Records = append(m.Records, encoded)
	}
	_, err := w.site.StoreRecords(w.t.Context(), w.clock(), []*wire.Records{m})
	w.must(err)
}

func TestLogsAreListedByTopicAndPage(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeActivity)
	reader, door := w.reader()
	ada := w.user("Ada", "Lovelace")
	w.happens(reader,
		wire.Record{Kind: wire.AccessGranted, By: wire.ByCard, User: ada, Credential: 1, Seconds: 5},
		wire.Record{Kind: wire.AccessDenied, By: wire.ByPIN, Reason: wire.ReasonSchedule, User: ada, Credential: 1},
		wire.Record{Kind: wire.AttemptUnknown, Seq: 1, Wrong: 1},
		wire.Record{Kind: wire.Duress, Seq: 2, User: ada, Credential: 2},
		wire.Record{Kind: wire.DoorForced},
		wire.Record{Kind: wire.ReaderStarted, Version: "1.4.0"},
		wire.Record{Kind: wire.AccessGranted, By: wire.ByRemote, Who: "Hass (token)", Seconds: 5},
	)
	list := func(query string, body any) (page logPage) {
		t.Helper()
		p.unifi("POST", "/system/logs"+query, body).into(t, &page)
		return page
	}
	keys := func(page logPage) string {
		var all []string
		for _, hit := range page.Hits {
			all = append(all, hit.Source.Event.LogKey)
		}
		return strings.Join(all, " ")
	}
	for topic, want := range map[string]string{
		"door_openings": "access.granted attempt.unknown access.denied access.granted",
		"critical":      "door.forced",
		"updates":       "reader.started",
		"device_events": "reader.started",
		"visitor":       "",
	} {
		if page := list("", map[string]any{"topic": topic}); keys(page) != want || page.Total != len(page.Hits) || page.Page != 1 {
			t.Errorf("%s: %q of %d", topic, keys(page), page.Total)
		}
	}
	all := list("", map[string]any{"topic": "all"})
	if !strings.HasPrefix(keys(all), "access.granted reader.started door.forced attempt.unknown access.denied access.granted admin.") || strings.Contains(keys(all), "duress") {
		t.Error(keys(all))
	}
	if admins := list("", map[string]any{"topic": "admin_activity"}); len(admins.Hits) == 0 || admins.Hits[0].Source.Actor.Type != "admin" {
		t.Errorf("%+v", admins)
	}
	var pages []string
	for _, query := range []string{"?page_num=1&page_size=3", "?page_num=2&page_size=3", "?page_num=3&page_size=3", "?page_num=1000000000&page_size=1000000000"} {
		page := list(query, map[string]any{"topic": "door_openings"})
		if page.Total != 4 {
			t.Errorf("%s: %d", query, page.Total)
		}
		pages = append(pages, keys(page))
	}
	if !slices.Equal(pages, []string{"access.granted attempt.unknown access.denied", "access.granted", "", ""}) {
		t.Errorf("%q", pages)
	}
	mine := list("", map[string]any{"topic": "door_openings", "actor_id": w.api.ids.of(kindUser, int64(ada)), "until": time.Now().Add(time.Hour).Unix(), "since": time.Now().Add(-time.Hour).Unix()})
	if keys(mine) != "access.denied access.granted" {
		t.Errorf("%q", keys(mine))
	}
	denied := mine.Hits[0]
	s := denied.Source
	if s.Actor.Name != "Ada Lovelace" || s.Actor.ID != w.api.ids.of(kindUser, int64(ada)) || s.Event.Result != "BLOCKED" || s.Event.Reason != "schedule" || s.Event.Type != "access.door.unlock" || s.Authentication.Provider != "PIN_CODE" || s.Authentication.Issuer != "" ||
		!slices.Contains(s.Target, named{w.doorID(door), "door", "Door of " + reader}) || !slices.Contains(s.Target, named{reader, "device_config", "entry"}) || denied.Tag != "door_openings" {
		t.Errorf("%+v", s)
	}
	if first := all.Hits[0].Source; first.Actor.Name != "Hass (token)" || first.Authentication.Provider != "REMOTE_THROUGH_UAH" || first.Event.Result != "ACCESS" {
		t.Errorf("%+v", first)
	}
	if page := list("", map[string]any{"topic": "all", "until": 1}); len(page.Hits) != 0 {
		t.Errorf("%q", keys(page))
	}
}

// The document of the original has the page within the data, and its controllers send it
// beside the data, where unifi-access (npm) looks for the next one.
func TestAPageOfLogsIsNamedBesideThemToo(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeActivity)
	reader, _ := w.reader()
	w.happens(reader, wire.Record{Kind: wire.DoorForced}, wire.Record{Kind: wire.DoorForced}, wire.Record{Kind: wire.DoorForced})
	for topic, total := range map[string]int{"critical": 3, "visitor": 0} {
		got := p.unifi("POST", "/system/logs?page_num=2&page_size=2", map[string]any{"topic": topic})
		var body struct{ Pagination *pagination }
		w.must(json.Unmarshal([]byte(got.body), &body))
		if want := (pagination{Number: 2, Size: 2, Total: total}); body.Pagination == nil || *body.Pagination != want {
			t.Errorf("%s: %s, want %+v", topic, got.body, want)
		}
	}
}

func TestABadRequestForLogsIsRefused(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeActivity)
	now := time.Now().Unix()
	both := func(body any) map[string]any {
		return map[string]any{"/system/logs": body, "/system/logs/export": body}
	}
	for _, test := range []map[string]any{
		both(nil), both("[]"), both("{"), both(map[string]any{"topic": ""}), both(map[string]any{"topic": "everything"}), both(map[string]any{"topic": 1}),
		both(map[string]any{"topic": "all", "since": -1, "timezone": "UTC"}), both(map[string]any{"topic": "all", "since": 2, "until": 2, "timezone": "UTC"}),
		both(map[string]any{"topic": "all", "until": 1 << 60, "timezone": "UTC"}), both(map[string]any{"topic": "all", "since": "now", "timezone": "UTC"}),
		both(map[string]any{"topic": "all", "since": now - 60, "actor_id": "x", "timezone": "UTC"}), both(map[string]any{"topic": "all", "since": now - 60, "actor_id": w.doorID(1), "timezone": "UTC"}),
		{"/system/logs?page_num=0": map[string]any{"topic": "all"}}, {"/system/logs?page_size=x": map[string]any{"topic": "all"}},
		{"/system/logs/export": map[string]any{"topic": "all", "since": now - 60}}, {"/system/logs/export": map[string]any{"topic": "all", "since": now - 60, "timezone": "../etc/passwd"}},
		{"/system/logs/export": map[string]any{"topic": "all", "timezone": "UTC"}}, {"/system/logs/export": map[string]any{"topic": "all", "timezone": "UTC", "since": now - 33*24*3600}},
		{"/system/logs/export": map[string]any{"topic": "all", "timezone": "UTC", "since": 1, "until": 33 * 24 * 3600}},
	} {
		for path, body := range test {
			if a := p.unifi("POST", path, body); a.code() != "400 CODE_PARAMS_INVALID" {
				t.Errorf("%s %v: %s", path, body, a.body)
			}
		}
	}
	for _, path := range []string{"/system/logs", "/system/logs/export"} {
		if a := w.program(desk.ScopeRead, desk.ScopeManage).unifi("POST", path, map[string]any{"topic": "all", "since": now - 60, "timezone": "UTC"}); a.code() != "403 CODE_UNAUTHORIZED" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

func TestAnExportIsAFileOfATopic(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeActivity)
	reader, _ := w.reader()
	w.happens(reader, wire.Record{Kind: wire.AccessGranted, By: wire.ByCard, User: w.user("=Ada", "Lovelace"), Credential: 1, Seconds: 5}, wire.Record{Kind: wire.DoorForced}, wire.Record{Kind: wire.DoorOpened})
	export := func(topic string) (rows [][]string) {
		t.Helper()
		a := p.unifi("POST", "/system/logs/export", map[string]any{"topic": topic, "since": time.Now().Add(-time.Hour).Unix(), "timezone": "Asia/Tokyo"})
		if a.status != 200 || a.header.Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Fatalf("%d %v %s", a.status, a.header, a.body)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.body, "\ufeff"))).ReadAll()
		w.must(err)
		return rows
	}
	rows := export("door_openings")
	if len(rows) != 3 || rows[1][5] != "access.granted" || rows[2][5] != "door.opened" || !strings.HasSuffix(rows[1][1], "+09:00") || rows[1][10] != "'=Ada Lovelace" {
		t.Errorf("%q", rows)
	}
	if rows := export("visitor"); len(rows) != 1 {
		t.Errorf("%q", rows)
	}
	if rows := export("all"); len(rows) < 6 {
		t.Errorf("%q", rows)
	}
}
