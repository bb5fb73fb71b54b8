package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// An attempt is a request that is made from an operation of the OpenAPI document.
type attempt struct {
	method, path string
	scope        desk.Scope
	body         *openapi3.Schema // nil: it takes none
}

// attempts are all operations, on the things with a number and on a reader.
func attempts(t *testing.T, w *world, number int64, reader string) (all []*attempt) {
	t.Helper()
	document, err := described()
	if err != nil {
		t.Fatal(err)
	}
	ids := []struct {
		name string // of the part of the path before it, or what that contains
		kind kind
	}{
		{"holiday", kindHolidays}, {"user_groups", kindGroup}, {"door_groups", kindLocation}, {"polic", kindGroup}, {"endpoints", kindWebhook},
		{"location", kindLocation}, {"hub", kindHub}, {"door", kindDoor}, {"user", kindUser}, {"visitor", kindUser}, {"schedule", kindSchedule},
	}
	paths := document.Paths.Map()
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for method, o := range paths[path].Operations() {
			if strings.HasSuffix(path, "/notifications") { // a WebSocket
				continue
			}
			scope, _ := o.Extensions["x-scope"].(string)
			a := &attempt{method, path, desk.Scope(scope), nil}
			for strings.Contains(a.path, "{") {
				before, rest, _ := strings.Cut(a.path, "{")
				_, after, _ := strings.Cut(rest, "}")
				id := reader
				parts := strings.Split(strings.Trim(before, "/"), "/")
				last := parts[len(parts)-1]
				if i := slices.IndexFunc(ids, func(of struct {
					name string
					kind kind
				}) bool {
					return strings.Contains(last, of.name)
				}); i >= 0 {
					id = w.api.ids.of(ids[i].kind, number)
				} else if last == "tokens" {
					id = w.api.ids.token(uint64(number))
				}
				a.path = before + id + after
			}
			if o.RequestBody != nil {
				if content := o.RequestBody.Value.Content.Get("application/json"); content != nil && content.Schema != nil {
					a.body = content.Schema.Value
				}
			}
			all = append(all, a)
		}
	}
	return all
}

// unchanged fails the test if anything was done since an event.
func (w *world) unchanged(since int64) {
	w.t.Helper()
	page, err := w.desk.Activity(w.t.Context(), root, desk.Query{After: since, Limit: 1000})
	w.must(err)
	for _, e := range page.Events {
		if e.Result != desk.Refused {
			w.t.Errorf("it was done: %s", e.Text)
		}
	}
	w.live.mu.Lock()
	defer w.live.mu.Unlock()
	if len(w.live.orders) > 0 {
		w.t.Errorf("orders went out: %+v", w.live.orders)
	}
	if log := w.logged.String(); strings.Contains(log, "ERROR") {
		w.t.Errorf("logged: %s", log)
	}
}

// newest returns the newest event.
func (w *world) newest() int64 {
	w.t.Helper()
	page, err := w.desk.Activity(w.t.Context(), root, desk.Query{Limit: 1})
	w.must(err)
	return page.Events[0].ID
}

// rightBody is a body that is right for all operations, but those of others.
func rightBody(w *world, a *attempt, reader string) any {
	switch {
	case strings.HasSuffix(a.path, "/users"), strings.HasSuffix(a.path, "/users/delete"):
		if strings.Contains(a.path, "/user_groups/") {
			return []string{w.api.ids.of(kindUser, 1)}
		}
	case strings.HasSuffix(a.path, "/invitations"):
		return []map[string]string{{"user_id": w.api.ids.of(kindUser, 1)}}
	case strings.HasSuffix(a.path, "/policy"):
		p, err := w.desk.Policy(w.t.Context(), root, reader)
		w.must(err)
		return shown(p)
	case strings.HasSuffix(a.path, "/settings"):
		return map[string]any{"pin_code": map[string]string{"enabled": "no"}}
	}
	return map[string]any{
		"lockdown": true, "device_id": reader, "type": "keep_lock", "topic": "all", "timezone": "UTC", "since": 1, "until": 2, "name": siteHolidaysName, "holidays": []any{}, "first_name": "Ada",
		"access_policy_ids": []string{}, "token": w.api.ids.token(1), "pin_code": "48151623", "invited": true,
	}
}

func TestNoOperationIsForWhoHasNoRight(t *testing.T) {
	w := newWorld(t)
	reader, _ := w.reader()
	w.user("Ada", "Lovelace")
	without := map[desk.Scope]*program{}
	for _, scope := range desk.Scopes() {
		without[scope] = w.program(slices.DeleteFunc(desk.Scopes(), func(s desk.Scope) bool { return s == scope })...)
	}
	over := w.program(desk.Scopes()...)
	since := w.newest()
	for _, a := range attempts(t, w, 1, reader) {
		var body any
		header := map[string]string{}
		if a.method != "GET" {
			body = rightBody(w, a, reader)
		}
		if strings.HasSuffix(a.path, "/policy") {
			header["If-Match"] = "*"
		}
		got := without[a.scope].askWith(header, a.method, a.path, body)
		absent := a.scope == desk.ScopeRead && got.code() == "400 CODE_DEVICE_API_NOT_SUPPORTED"
		if got.status != http.StatusForbidden && !absent {
			t.Errorf("%s %s without %s: %d %s", a.method, a.path, a.scope, got.status, got.body)
		}
	}
	w.passed.Store(int64(31 * 24 * time.Hour))
	for _, a := range attempts(t, w, 1<<40, "nowhere") {
		if got := over.ask(a.method, a.path, nil); got.code() != "401 CODE_ACCESS_TOKEN_INVALID" && got.status != http.StatusTooManyRequests {
			t.Errorf("%s %s after its end: %d %s", a.method, a.path, got.status, got.body)
		}
	}
	w.unchanged(since)
}

func TestNoOperationFindsWhatIsNotThere(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.Scopes()...)
	since := w.newest()
	document, err := described()
	w.must(err)
	for _, a := range attempts(t, w, 1<<40, "nowhere") {
		if document.Paths.Value(a.path) != nil { // it is about no single thing
			continue
		}
		if got := p.ask(a.method, a.path, nil); got.status < 400 || got.status >= 500 {
			t.Errorf("%s %s: %d %s", a.method, a.path, got.status, got.body)
		}
		if a.method == http.MethodGet {
			if got := p.ask(a.method, a.path, nil); got.status != http.StatusNotFound && got.status != http.StatusBadRequest {
				t.Errorf("%s %s: %d %s", a.method, a.path, got.status, got.body)
			}
		}
	}
	w.unchanged(since)
}

func TestNoOperationTakesABodyThatIsWrong(t *testing.T) {
	w := newWorld(t)
	reader, _ := w.reader()
	_, _, err := w.desk.AddUser(t.Context(), root, desk.UserForm{First: "Ada", Groups: []string{"staff"}}, desk.PIN{Choice: desk.Auto}, nil)
	w.must(err)
	p := w.program(desk.Scopes()...)
	since := w.newest()
	for _, a := range attempts(t, w, 1, reader) {
		if a.body == nil {
			continue
		}
		bodies := map[string]any{"not JSON": `{"`, "a list": `[1]`, "a string": `"text"`, "a number": `7`, "more than 1 MiB": `{"name": "` + strings.Repeat("x", 1<<20) + `"}`}
		for name, schema := range properties(a.body) {
			bodies[name+" of another type"] = map[string]any{name: otherType(schema)}
		}
		for what, body := range bodies {
			got := p.askWith(map[string]string{"If-Match": "*"}, a.method, a.path, body)
			if got.status < 400 || got.status >= 500 {
				t.Errorf("%s %s, %s: %d %s", a.method, a.path, what, got.status, got.body)
			}
			if len(got.body) > 2000 || strings.Contains(got.body, "xxxx") {
				t.Errorf("%s %s, %s: it is sent back: %.200s", a.method, a.path, what, got.body)
			}
		}
	}
	w.unchanged(since)
}

// properties returns what an object has.
func properties(s *openapi3.Schema) map[string]*openapi3.Schema {
	all := map[string]*openapi3.Schema{}
	for name, of := range s.Properties {
		all[name] = of.Value
	}
	for _, parts := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
		for _, part := range parts {
			maps.Copy(all, properties(part.Value))
		}
	}
	return all
}

// otherType returns a value of a type that a schema does not allow.
func otherType(s *openapi3.Schema) any {
	if s.Type != nil && s.Type.Includes("object") {
		return "text"
	}
	return map[string]any{"x": 1}
}
