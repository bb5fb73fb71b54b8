package api

import (
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestWhatASiteHasNotIsAnsweredAsADeviceThatLacksIt(t *testing.T) {
	w := newWorld(t)
	p, stranger := w.program(desk.ScopeRead), &program{w, ""}
	for _, what := range []string{
		"GET /credentials/touch_passes", "POST /credentials/touch_passes", "GET /credentials/touch_passes/search", "GET /credentials/touch_passes/assignable",
		"GET /credentials/touch_passes/1", "PUT /credentials/touch_passes/1", "PUT /users/touch_passes/assign", "PUT /users/1/touch_passes/1", "DELETE /users/1/touch_passes/1",
		"PUT /users/1/license_plates", "DELETE /users/1/license_plates/1", "PUT /visitors/1/license_plates", "DELETE /visitors/1/license_plates/1",
		"PUT /visitors/1/qr_codes", "DELETE /visitors/1/qr_codes", "GET /credentials/qr_codes/download/1",
		"POST /users/1/avatar",
		"GET /users/identity/assignments", "GET /users/1/identity/assignments", "POST /users/1/identity/assignments",
		"GET /user_groups/1/identity/assignments", "POST /user_groups/1/identity/assignments",
		"POST /api_server/certificates", "DELETE /api_server/certificates",
		"GET /system/logs/resource/1", "POST /devices/1/doorbell",
	} {
		method, path, _ := strings.Cut(what, " ")
		if a := p.unifi(method, path, nil); a.code() != "400 CODE_DEVICE_API_NOT_SUPPORTED" || !strings.Contains(a.body, `"msg":"There are no `) {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	if a := stranger.unifi("POST", "/devices/1/doorbell", nil); a.code() != "401 CODE_AUTH_FAILED" {
		t.Error(a.body)
	}
}
