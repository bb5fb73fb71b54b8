package console

import (
	"net/http"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestTheProviderIsSetUpOnThePageAndOffered(t *testing.T) {
	w := newWorld(t)
	b, nobody := w.visitor(desk.Owner), w.visitor("")
	if got := nobody.get(desk.ProviderCallback + "?code=1&state=2"); got.status != http.StatusForbidden {
		t.Errorf("an answer that nobody asked for: %d %s", got.status, text(got.body))
	}
	set := []string{"provider-revision", "0", "issuer", "https://login.example.com", "client", "doors", "oidc-secret", "of the client", "claim", "groups"}
	b.post("/settings/sign-in/provider", append(set, "mapping", "doors viewer")...).shows(t, http.StatusUnprocessableEntity, "Write VALUE = ROLE on each line")
	b.post("/settings/sign-in/provider", append(set, "mapping", "doors = king")...).shows(t, http.StatusUnprocessableEntity, "is not a role")
	if got := nobody.get("/sign-in"); strings.Contains(got.body, "login.example.com") {
		t.Error("a provider is offered that was not saved")
	}
	b.post("/settings/sign-in/provider", append(set, "mapping", "a=b = limited-view\r\n\r\ndoors = super-admin")...).shows(t, http.StatusOK, "https://login.example.com")
	b.get("/settings/sign-in?ask=provider").shows(t, http.StatusOK, "a=b = limited-view")
	if got := b.get("/settings/sign-in?ask=provider"); strings.Contains(got.body, `"of the client`) {
		t.Error("the page shows the secret")
	}
	nobody.get("/sign-in").shows(t, http.StatusOK, "Sign in at login.example.com")
	b.post("/settings/sign-in/provider", append(set, "mapping", "doors = super-admin")...).shows(t, http.StatusUnprocessableEntity, "Saving again overwrites that change")
	b.post("/settings/sign-in/provider/remove").shows(t, http.StatusOK, "Set up")
}
