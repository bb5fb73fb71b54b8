package api

import (
	"encoding/json"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// Receivers (unifi-access on npm) read mode, value and glocal.
func TestWebhooksSayWhichEmergencyBeganOrEnded(t *testing.T) {
	for _, c := range []struct{ mode, status, want string }{
		{"lockdown", "lockdown", `{"glocal":false,"mode":"lockdown","status":"lockdown","value":true}`},
		{"lockdown", "evacuation", `{"glocal":false,"mode":"lockdown","status":"evacuation","value":false}`},
		{"evacuation", "none", `{"glocal":false,"mode":"evacuation","status":"none","value":false}`},
	} {
		n := &desk.WebhookEvent{Name: "access.device.emergency_status", Mode: c.mode, Status: c.status, Event: &desk.Event{}}
		b, err := json.Marshal(idsOf(wire.SiteID{}).webhookData(n, true).Object)
		if err != nil || string(b) != c.want {
			t.Errorf("%s, %v; not %s", b, err, c.want)
		}
	}
}
