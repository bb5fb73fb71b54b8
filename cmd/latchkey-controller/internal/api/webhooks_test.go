package api

import (
	"encoding/json"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestEndpointsAreKeptAsClientsAskForThem(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeWebhooks)
	list := func() (all []*endpointObject) {
		t.Helper()
		p.unifi("GET", "/webhooks/endpoints", nil).into(t, &all)
		return all
	}
	if all := list(); len(all) != 0 {
		t.Error(all)
	}
	var added endpointObject
	body := map[string]any{"name": "n8n", "endpoint": "https://n8n.example.com/webhook/1", "events": []string{"access.door.unlock", "access.doorbell.incoming"}, "headers": map[string]string{"x-key": "hunter2"}, "of_an_earlier_item": 1}
	p.unifi("POST", "/webhooks/endpoints", body).into(t, &added)
	if !strings.HasPrefix(added.Secret, "whsec_") || added.Name != "n8n" || len(added.Events) != 2 || len(added.Headers) != 1 || added.Headers["x-key"] != "" {
		t.Errorf("%+v", added)
	}
	if a := p.unifi("POST", "/webhooks/endpoints", body); a.code() != "400 CODE_DEVICE_WEBHOOK_ENDPOINT_DUPLICATED" {
		t.Error(a.body)
	}
	all := list()
	if len(all) != 1 || all[0].ID != added.ID || all[0].Secret != "" || all[0].Headers["X-Key"] != "" || len(all[0].Headers) != 1 {
		t.Errorf("%+v", all[0])
	}
	body["name"], body["events"], body["headers"] = "Door bot", []string{"latchkey.lockout.started"}, map[string]string{"X-Key": ""}
	var set endpointObject
	p.unifi("PUT", "/webhooks/endpoints/"+added.ID, body).into(t, &set)
	if all := list(); set.Name != "Door bot" || set.Secret != "" || all[0].Name != "Door bot" || all[0].Events[0] != "latchkey.lockout.started" {
		t.Errorf("%+v, %+v", set, all[0])
	}
	webhooks, err := w.desk.Webhooks(t.Context(), root)
	w.must(err)
	if webhooks[0].Persons || webhooks[0].Denied || webhooks[0].Style != desk.StyleUniFi {
		t.Errorf("a token without the scope activity has names sent: %+v", webhooks[0])
	}
	if a := p.unifi("DELETE", "/webhooks/endpoints/"+added.ID, nil); a.code() != "200 SUCCESS" || len(list()) != 0 {
		t.Error(a.body)
	}
	w.program(desk.ScopeWebhooks, desk.ScopeActivity).unifi("POST", "/webhooks/endpoints", body).into(t, &added)
	if webhooks, err := w.desk.Webhooks(t.Context(), root); err != nil || !webhooks[0].Persons {
		t.Errorf("%+v, %v", webhooks[0], err)
	}
}

func TestEndpointsThatAreWrongAreRefusedAndNothingChanges(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeWebhooks)
	var added endpointObject
	p.unifi("POST", "/webhooks/endpoints", map[string]any{"name": "n8n", "endpoint": "https://example.com/1", "events": []string{"access.door.unlock"}}).into(t, &added)
	state := func() string {
		all, err := w.desk.Webhooks(t.Context(), root)
		w.must(err)
		b, err := json.Marshal(all)
		w.must(err)
		return string(b)
	}
	before := state()
	const endpoints = "/webhooks/endpoints"
	at := func(id string) string { return "/webhooks/endpoints/" + id }
	fine := `{"name": "a", "endpoint": "https://example.com/2", "events": ["access.door.unlock"]}`
	for _, c := range []struct {
		who                      *program
		method, path, body, want string
	}{
		{p, "POST", endpoints, `{"name": 1}`, "400 CODE_PARAMS_INVALID"},
		{p, "POST", endpoints, `[`, "400 CODE_PARAMS_INVALID"},
		{p, "POST", endpoints, `{}`, "400 CODE_PARAMS_INVALID"},
		{p, "POST", endpoints, `{"name": "a", "endpoint": "https://example.com/2"}`, "400 CODE_PARAMS_INVALID"},
		{p, "POST", endpoints, `{"name": "a", "endpoint": "https://example.com/2", "events": ["access.door.duress"]}`, "400 CODE_PARAMS_INVALID"},
		{p, "POST", endpoints, `{"name": "a", "endpoint": "http://example.com/2", "events": ["access.door.unlock"]}`, "400 CODE_PARAMS_INVALID"},
		{p, "POST", endpoints, `{"name": "a", "endpoint": "https://127.0.0.1/2", "events": ["access.door.unlock"]}`, "400 CODE_PARAMS_INVALID"},
		{p, "POST", endpoints, `{"name": "a", "endpoint": "https://169.254.169.254/", "events": ["access.door.unlock"]}`, "400 CODE_PARAMS_INVALID"},
		{p, "POST", endpoints, `{"name": "` + strings.Repeat("a", 100) + `", "endpoint": "https://example.com/2", "events": ["access.door.unlock"]}`, "400 CODE_PARAMS_INVALID"},
		{p, "POST", endpoints, `{"name": "a", "endpoint": "https://example.com/2", "events": ["access.door.unlock"], "headers": {"Host": "b"}}`, "400 CODE_PARAMS_INVALID"},
		{p, "POST", endpoints, `{"name": "a", "endpoint": "https://example.com/2", "events": ["access.door.unlock"], "headers": {"a": 1}}`, "400 CODE_PARAMS_INVALID"},
		{p, "POST", endpoints, strings.Repeat(" ", 2<<20) + fine, "413 CODE_PARAMS_INVALID"},
		{p, "PUT", at(added.ID), `{}`, "400 CODE_PARAMS_INVALID"},
		{p, "PUT", at(w.api.ids.of(kindWebhook, 99)), fine, "404 CODE_NOT_EXISTS"},
		{p, "PUT", at("none"), fine, "404 CODE_NOT_EXISTS"},
		{p, "DELETE", at(w.api.ids.of(kindDoor, 1)), "", "404 CODE_NOT_EXISTS"},
		{w.program(desk.ScopeManage), "GET", endpoints, "", "403 CODE_UNAUTHORIZED"},
		{w.program(desk.ScopeManage), "POST", endpoints, fine, "403 CODE_UNAUTHORIZED"},
		{w.program(desk.ScopeManage), "PUT", at(added.ID), fine, "403 CODE_UNAUTHORIZED"},
		{w.program(desk.ScopeManage), "DELETE", at(added.ID), "", "403 CODE_UNAUTHORIZED"},
	} {
		var body any
		if c.body != "" {
			body = c.body
		}
		if a := c.who.unifi(c.method, c.path, body); a.code() != c.want {
			t.Errorf("%s %s %.80s: %s, not %s", c.method, c.path, c.body, a.body, c.want)
		}
		if state() != before {
			t.Fatalf("%s %s %.80s changed something", c.method, c.path, c.body)
		}
	}
}
