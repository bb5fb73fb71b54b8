package tests

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const doraPIN = "90417263"

// n8nRoutes are the requests that n8n-nodes-unifi-access makes, all 25.
var n8nRoutes = []string{
	"POST users", "GET users", "GET users/ID", "PUT users/ID", "DELETE users/ID",
	"PUT users/ID/access_policies", "PUT users/ID/nfc_cards", "PUT users/ID/nfc_cards/delete",
	"PUT users/ID/pin_codes", "DELETE users/ID/pin_codes", "POST users/identity/invitations",
	"POST credentials/pin_codes", "POST credentials/nfc_cards/sessions", "GET credentials/nfc_cards/sessions/ID", "DELETE credentials/nfc_cards/sessions/ID",
	"GET credentials/nfc_cards/tokens", "GET credentials/nfc_cards/tokens/ID", "DELETE credentials/nfc_cards/tokens/ID",
	"GET access_policies", "GET access_policies/ID", "GET devices",
	"GET webhooks/endpoints", "POST webhooks/endpoints", "PUT webhooks/endpoints/ID", "DELETE webhooks/endpoints/ID",
}

// routes returns what the node has asked for since the last call, with ids as ID.
func (n *n8n) routes() map[string]bool {
	n.t.Helper()
	var asked []string
	n.must(n.ask("asked", nil, &asked))
	id := regexp.MustCompile(`/([0-9a-f-]{36}|[0-9a-f]{64}|[^/]*[0-9A-Z][^/]*)(/|$)`)
	routes := map[string]bool{}
	for _, request := range asked {
		routes[id.ReplaceAllString(strings.Replace(request, "/api/v1/developer/", "", 1), "/ID$2")] = true
	}
	return routes
}

func TestAWorkflowOfN8nRunsUsersCardsAndPINs(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false)
	c.addPIN(t, "Dora Staff", doraPIN, "--group", "staff")
	c.serveAPI()
	reader := c.adopt(t, "front-door")
	reader.start()
	reader.linked()
	c.tell("", "group", "access", "staff", "give", "--reader", "front-door")
	n := c.n8n(c.token("n8n", "read", "activity", "operate", "manage", "webhooks"))
	n.must(n.ask("test", nil, nil))

	n.policiesAndDevices()
	grace := n.user()
	n.pins(reader, grace)
	n.cards(reader, grace)
	n.policiesOf(grace)
	n.invitations(grace)
	n.endpoints(c)
	n.deactivation(reader, grace)

	var offered []string
	n.must(n.ask("operations", nil, &offered))
	if ran := slices.Sorted(maps.Keys(n.ran)); !slices.Equal(ran, slices.Sorted(slices.Values(offered))) {
		t.Errorf("of %q these were tried: %q", offered, ran)
	}
	routes := n.routes()
	for _, route := range n8nRoutes {
		if !routes[route] {
			t.Errorf("%s was not asked for", route)
		}
		delete(routes, route)
	}
	if len(routes) > 0 {
		t.Errorf("it asks for more: %v", routes)
	}
	noPINInClear(t, reader, doraPIN, gracePIN)
}

// policiesAndDevices looks at what a person chooses from in n8n's forms.
func (n *n8n) policiesAndDevices() {
	n.t.Helper()
	type option struct{ Name, Value string }
	var devices, policies []option
	n.must(n.ask("load", map[string]any{"method": "getDevices"}, &devices))
	if len(devices) != 1 || devices[0].Value == "" || devices[0].Name == "" {
		n.t.Errorf("devices to choose from: %+v", devices)
	}
	n.must(n.ask("load", map[string]any{"method": "getAccessPolicies"}, &policies))
	if names := fmt.Sprint(policies); len(policies) != 2 || !strings.Contains(names, "staff") {
		n.t.Fatalf("policies to choose from: %s", names)
	}
	all := n.run("device getAll", nil)
	if len(all) != 1 || all[0]["id"] != devices[0].Value || all[0]["is_online"] != true {
		n.t.Errorf("devices: %v", all)
	}
	for _, policy := range n.run("accessPolicy getAll", nil) {
		one := n.run("accessPolicy get", map[string]any{"accessPolicyId": policy["id"]})
		if len(one) != 1 || fmt.Sprint(one[0]) != fmt.Sprint(policy) || len(policy["resources"].([]any)) != 1 {
			n.t.Errorf("a policy is %v in the list, and %v by itself", policy, one)
		}
	}
	if r := n.refused("accessPolicy get", map[string]any{"accessPolicyId": "00000000-0000-8000-8000-000000000000"}); r.Status != 404 || r.Code != "CODE_NOT_EXISTS" {
		n.t.Errorf("a policy that does not exist: %+v", r)
	}
}

// policy returns the id of a policy.
func (n *n8n) policy(name string) string {
	n.t.Helper()
	for _, policy := range n.run("accessPolicy getAll", nil) {
		if policy["name"] == name {
			return policy["id"].(string)
		}
	}
	n.t.Fatalf("there is no policy %q", name)
	return ""
}

// user makes Grace, and changes her.
func (n *n8n) user() (id string) {
	n.t.Helper()
	made := n.run("user create", map[string]any{"firstName": "Grace", "lastName": "Hoper", "email": "grace@example.com", "employeeNumber": "E-17"})
	id, _ = made[0]["id"].(string)
	if id == "" || made[0]["first_name"] != "Grace" {
		n.t.Fatalf("made: %v", made)
	}
	if out := n.run("user update", map[string]any{"userId": id, "lastNameOpt": "Hopper"}); len(out) != 1 || len(out[0]) != 0 {
		n.t.Errorf("updated: %v", out)
	}
	one := n.run("user get", map[string]any{"userId": id, "optionsGet": map[string]any{"expandAccessPolicies": true}})
	for field, want := range map[string]any{
		"first_name": "Grace", "last_name": "Hopper", "user_email": "grace@example.com", "employee_number": "E-17", "status": "ACTIVE", "pin_code": nil,
	} {
		if got, found := one[0][field]; !found || got != want {
			n.t.Errorf("%s is %v, not %v", field, got, want)
		}
	}
	if _, ok := one[0]["access_policy_ids"].([]any); !ok {
		n.t.Errorf("access_policy_ids is %v", one[0]["access_policy_ids"])
	}
	if all := n.run("user getAll", nil); len(all) != 4 || all.find(id) == nil {
		n.t.Errorf("%d users, Grace is %v", len(all), all.find(id))
	}
	if some := n.run("user getAll", map[string]any{"optionsGetAll": map[string]any{"limit": 2}}); len(some) != 2 {
		n.t.Errorf("%d users of 2", len(some))
	}
	if r := n.refused("user get", map[string]any{"userId": "00000000-0000-8000-8000-000000000000"}); r.Status != 404 || r.Code != "CODE_USER_WORKER_NOT_EXISTS" {
		n.t.Errorf("a user who does not exist: %+v", r)
	}
	return id
}

// pins gives Grace a PIN, and takes it.
func (n *n8n) pins(reader *testReader, grace string) {
	n.t.Helper()
	pin, _ := n.run("credential generatePin", nil)[0]["pin"].(string)
	if !regexp.MustCompile(`^[0-9]{8}$`).MatchString(pin) {
		n.t.Fatal("the PIN that was generated is none")
	}
	taken := n.refused("user setPin", map[string]any{"userId": grace, "pin": doraPIN})
	unsuitable := n.refused("user setPin", map[string]any{"userId": grace, "pin": "11111111"})
	if taken != unsuitable || taken.Status != 400 || taken.Code != "CODE_PARAMS_INVALID" {
		n.t.Errorf("a PIN that is taken: %+v\none that is unsuitable: %+v", taken, unsuitable)
	}
	if r := n.refused("user setPin", map[string]any{"userId": grace, "pin": "1234"}); r.Status != 400 || r.Code != "CODE_CREDS_PIN_CODE_CREDS_LENGTH_INVALID" {
		n.t.Errorf("a short PIN: %+v", r)
	}
	before := reader.revision()
	n.run("user setPin", map[string]any{"userId": grace, "pin": pin})
	reader.eventually("the PIN has arrived", func() bool { return reader.revision() > before })
	reader.typePIN(pin)
	reader.opens("the PIN")
	reader.closed()
	one := n.run("user get", map[string]any{"userId": grace})
	if code, _ := one[0]["pin_code"].(map[string]any); code == nil || code["token"] == "" || code["token"] == pin {
		n.t.Error("Grace's PIN is not told of as an opaque token")
	}
	before = reader.revision()
	n.run("user clearPin", map[string]any{"userId": grace})
	n.run("user clearPin", map[string]any{"userId": grace}) // none is there
	reader.eventually("the PIN is gone", func() bool { return reader.revision() > before })
	reader.wrong(pin)
}

// enrol has the reader read a card while n8n waits, and returns its token. The reader may still
// wait for a card of a session before, which n8n has removed: the card is shown again until this
// one has it.
func (n *n8n) enrol(reader *testReader, uid string) string {
	n.t.Helper()
	var read items
	var over atomic.Bool
	var shown sync.WaitGroup
	shown.Go(func() {
		for !over.Load() {
			if reader.soon(again, func() bool { return over.Load() || !reader.offers("pin") }) && !over.Load() {
				reader.showCard(uid)
			}
		}
	})
	defer shown.Wait()
	defer over.Store(true)
	reader.eventually("a card is read", func() bool {
		r := n.try("credential enrollNfc", map[string]any{"deviceId": "front-door"}, &read)
		if r != nil && r.Code != "CODE_CREDS_NFC_READ_SESSION_NOT_FOUND" && r.Message != "CODE_CREDS_NFC_READ_POLL_TOKEN_EMPTY" { // it has just ended
			n.t.Fatalf("%+v", *r)
		}
		return r == nil
	})
	token, _ := read[0]["token"].(string)
	if id, _ := read[0]["card_id"].(string); !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(token) || strings.Contains(strings.ToUpper(token), uid) || strings.Contains(id, uid) {
		n.t.Fatalf("enrolled: %v", read)
	}
	return token
}

// cards has cards read, and gives them to Grace.
func (n *n8n) cards(reader *testReader, grace string) {
	n.t.Helper()
	nothing := map[string]any{"deviceId": "front-door", "optionsEnrollNfc": map[string]any{"maxWaitTime": 1}}
	if r := n.refused("credential enrollNfc", nothing); r.Message != "CODE_CREDS_NFC_READ_POLL_TOKEN_EMPTY" {
		n.t.Errorf("no card was shown: %+v", r)
	}
	token := n.enrol(reader, carolUID)
	before := reader.revision()
	n.run("user assignNfc", map[string]any{"userId": grace, "token": token})
	reader.eventually("the card has arrived", func() bool { return reader.revision() > before })
	reader.opensByCard(carolUID, "the card that was enrolled")

	all := n.run("credential getAllNfcs", map[string]any{"optionsGetAllNfcs": map[string]any{"limit": 50}})
	var bob, own string // tokens
	for _, card := range all {
		switch user, _ := card["user"].(map[string]any); {
		case card["user_id"] == grace:
			own = card["token"].(string)
		case user["first_name"] == "Bob" || user["name"] == "Bob Martin":
			bob = card["token"].(string)
		}
	}
	if len(all) != 2 || own == "" || bob == "" {
		n.t.Fatalf("cards: %v", all)
	}
	if one := n.run("credential getNfc", map[string]any{"nfcToken": own}); one[0]["user_id"] != grace {
		n.t.Errorf("Grace's card: %v", one)
	}
	if r := n.refused("user assignNfc", map[string]any{"userId": grace, "token": bob}); r.Status != 400 || r.Code != "CODE_CREDS_NFC_HAS_BIND_USER" {
		n.t.Errorf("somebody's card: %+v", r)
	}
	before = reader.revision()
	n.run("user assignNfc", map[string]any{"userId": grace, "token": bob, "forceAdd": true})
	reader.eventually("the card has moved", func() bool { return reader.revision() > before })
	reader.opensByCard(bobUID, "the card that was Bob's")

	before = reader.revision()
	n.run("user unassignNfc", map[string]any{"userId": grace, "token": own})
	for _, card := range n.run("credential getAllNfcs", nil) { // it may have got another token as it moved
		if card["user_id"] == grace {
			bob = card["token"].(string)
		}
	}
	n.run("credential deleteNfc", map[string]any{"nfcToken": bob})
	reader.eventually("both cards are gone", func() bool { return reader.revision() >= before+2 })
	for _, uid := range []string{carolUID, bobUID} {
		unknown := reader.cards("unknown")
		lift := reader.lay(uid, "uid", 0)
		reader.eventually("the card opens nothing", func() bool { return reader.cards("unknown") == unknown+1 })
		lift()
	}
	if r := n.refused("credential getNfc", map[string]any{"nfcToken": own}); r.Status != 404 {
		n.t.Errorf("a card that is gone: %+v", r)
	}
}

// policiesOf puts Grace into groups.
func (n *n8n) policiesOf(grace string) {
	n.t.Helper()
	staff, everyone := n.policy("staff"), n.policy("everyone")
	has := func() (ids []string) {
		one := n.run("user get", map[string]any{"userId": grace, "optionsGet": map[string]any{"expandAccessPolicies": true}})
		for _, id := range one[0]["access_policy_ids"].([]any) {
			ids = append(ids, id.(string))
		}
		slices.Sort(ids)
		return ids
	}
	for _, step := range []struct {
		overwrite bool
		ids, want []string
	}{
		{true, []string{staff}, []string{staff, everyone}},
		{false, []string{everyone}, []string{staff, everyone}}, // n8n adds to what she has
		{true, []string{everyone}, []string{everyone}},
		{false, []string{staff}, []string{staff, everyone}},
		{true, []string{}, []string{everyone}},
	} {
		n.run("user assignAccessPolicy", map[string]any{"userId": grace, "accessPolicyIds": step.ids, "overwrite": step.overwrite})
		slices.Sort(step.want)
		if got := has(); !slices.Equal(got, step.want) {
			n.t.Errorf("%+v: she has %q", step, got)
		}
	}
}

// invitations sends one, to an app that there is not.
func (n *n8n) invitations(grace string) {
	n.t.Helper()
	out := n.run("user sendInvitations", map[string]any{"invitations": map[string]any{"invitation": []any{map[string]any{"userId": grace, "email": "grace@example.com"}}}})
	if len(out) != 1 || out[0]["user_id"] != grace || out[0]["error_code"] == "" || out[0]["error_msg"] == "" {
		n.t.Errorf("an invitation: %v", out)
	}
}

// endpoints adds a webhook, changes and removes it.
func (n *n8n) endpoints(c *controller) {
	n.t.Helper()
	var events []string
	n.must(n.ask("events", nil, &events))
	given := func(more ...any) map[string]any {
		all := map[string]any{"name": "all", "endpoint": "https://n8n.example/webhook/1", "events": events}
		for i := 0; i < len(more); i += 2 {
			all[more[i].(string)] = more[i+1]
		}
		return all
	}
	made := n.run("notification add", given())
	id, _ := made[0]["id"].(string)
	if secret, _ := made[0]["secret"].(string); id == "" || !strings.HasPrefix(secret, "whsec_") {
		n.t.Fatalf("made: %v", made)
	}
	if r := n.refused("notification add", given()); r.Status != 400 || r.Code != "CODE_DEVICE_WEBHOOK_ENDPOINT_DUPLICATED" {
		n.t.Errorf("the same URL again: %+v", r)
	}
	if r := n.refused("notification add", given("endpoint", "https://127.0.0.1:8443/")); r.Status != 400 || r.Code != "CODE_PARAMS_INVALID" {
		n.t.Errorf("an address inside: %+v", r)
	}
	n.run("notification update", given("webhookId", id, "name", "one", "events", events[:1]))
	one := n.run("notification getAll", nil).find(id)
	if one["name"] != "one" || fmt.Sprint(one["events"]) != fmt.Sprint(events[:1]) || one["secret"] != "" {
		n.t.Errorf("changed: %v", one)
	}
	n.run("notification delete", map[string]any{"webhookId": id})
	if all := n.run("notification getAll", nil); all.find(id) != nil {
		n.t.Errorf("removed: %v", all)
	}
}

// deactivation takes the right to enter from Grace, gives it back, and removes her.
func (n *n8n) deactivation(reader *testReader, grace string) {
	n.t.Helper()
	status := func(status string) {
		before := reader.revision()
		n.run("user update", map[string]any{"userId": grace, "status": status})
		reader.eventually("the reader knows that she is "+status, func() bool { return reader.revision() > before })
		if one := n.run("user get", map[string]any{"userId": grace}); one[0]["status"] != status {
			n.t.Errorf("she is %v", one[0]["status"])
		}
	}
	before := reader.revision()
	n.run("user setPin", map[string]any{"userId": grace, "pin": gracePIN})
	reader.eventually("the PIN has arrived", func() bool { return reader.revision() > before })
	status("DEACTIVATED")
	reader.wrong(gracePIN)
	status("ACTIVE")
	reader.typePIN(gracePIN)
	reader.opens("the PIN after its user is active again")
	reader.closed()
	if r := n.refused("user delete", map[string]any{"userId": grace}); r.Status != 400 || r.Code != "CODE_PARAMS_INVALID" {
		n.t.Errorf("a user who is active is removed: %+v", r)
	}
	status("DEACTIVATED")
	n.run("user delete", map[string]any{"userId": grace})
	if r := n.refused("user get", map[string]any{"userId": grace}); r.Status != 404 {
		n.t.Errorf("removed: %+v", r)
	}
}
