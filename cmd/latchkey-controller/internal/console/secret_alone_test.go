package console

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

var (
	pressed  = regexp.MustCompile(`(?s)<(a|button|form|input|select|textarea|summary)\b([^>]*)>(.*?)</`)
	inside   = regexp.MustCompile(`(?s)<svg.*?</svg>|</?(span|b)\b[^>]*>`)
	leadsTo  = regexp.MustCompile(`href="([^"]*)"`)
	mainPart = regexp.MustCompile(`(?s)<main .*</main>`)
	sidePart = regexp.MustCompile(`(?s)<aside id="panel".*</aside>`)
)

// TestNothingBesideANewSecretLosesIt looks at each page that shows one, as its form's answer, and
// at the next page, to which "I have noted it" leads.
func TestNothingBesideANewSecretLosesIt(t *testing.T) {
	w := hosts(t)
	b := w.visitor(desk.Owner)
	w.visitor(desk.Viewer)
	viewer, err := w.desk.FindAdmin(t.Context(), owner, names[desk.Viewer])
	w.must(err)
	_, _, err = w.desk.MakeToken(t.Context(), owner, desk.TokenForm{Name: "n8n", Days: 5, Scopes: []desk.Scope{desk.ScopeRead}})
	w.must(err)
	digits, spaced := `data-text="(\d{8})">`, `data-text="\d{8}">(\d{4} \d{4})<`
	token, link, secret := `>(lk_[^<]+)<`, `>(https://[^<]+/link/[^<]+)<`, `>(whsec_[^<]+)<`
	user := []string{"Copy", "I have noted it", "Close"}
	page := []string{"Copy", "I have noted it"}
	webhook := []string{"name", "Door bot", "url", "https://example.com/hook", "event", "latchkey.door.forced", "style", "standard"}
	for _, test := range []struct {
		form, id, shown, back, next string
		fields, offers              []string
	}{
		{"/users/1/pin", "pin-digits", digits, "/users/1?tab=credentials", "Add a credential", []string{"pin", "auto"}, user},
		{"/users/1/duress-pin", "duress-pin-digits", spaced, "/users/1?tab=credentials", "Add a credential", []string{"pin", "auto"}, user},
		{"/users", "pin-digits", digits, "/users/2?tab=credentials", "Add a credential", []string{"first", "Bob", "last", "Martin", "pin", "auto"}, user},
		{"/visitors", "slip-digits", spaced, "/visitors/3", "End the visit", []string{"first", "Annie", "last", "Cannon", "until", tomorrow(), "zone", "UTC", "door", "1"}, []string{"Print the slip", "Copy the PIN", "I have noted it", "Close"}},
		{"/visitors/3/pin", "slip-digits", digits, "/visitors/3", "End the visit", nil, []string{"Print the slip", "Copy the PIN", "I have noted it", "Close"}},
		{"/users/3/pin", "pin-digits", digits, "/users/3?tab=credentials", "Change", []string{"pin", "auto"}, user},
		{"/tokens", "token-text-2", token, "/tokens", "Make a token", []string{"name", "Home Assistant", "scope", "read", "days", "30"}, page},
		{"/webhooks", "secret-text-1", secret, "/webhooks", "Add a webhook", webhook, page},
		{"/webhooks/1/secret", "secret-text-1", secret, "/webhooks/1", "New secret", nil, page},
		{"/settings/administrators", "one-time-link-", link, "/settings/administrators", "Add administrator", []string{"name", "Eve", "role", "limited-view", "at", "all"}, page},
		{fmt.Sprintf("/settings/administrators/%d/link", viewer), fmt.Sprint("one-time-link-", viewer), link, "/settings/administrators", "Add administrator", []string{"name", "Vic"}, page},
	} {
		got := b.post(test.form, test.fields...)
		got.shows(t, http.StatusOK, "Shown once: note it now.", `id="`+test.id)
		is := regexp.MustCompile(test.shown).FindStringSubmatch(got.body)
		if is == nil {
			t.Errorf("%s shows no secret", test.form)
			continue
		}
		part := mainPart.FindString(got.body)
		if slices.Contains(test.offers, "Close") {
			part = sidePart.FindString(got.body)
		}
		offered := []string{}
		for _, one := range pressed.FindAllStringSubmatch(inside.ReplaceAllString(part, ""), -1) {
			name := strings.TrimSpace(one[3])
			if _, label, found := strings.Cut(one[2], `aria-label="`); found {
				name, _, _ = strings.Cut(label, `"`)
			}
			offered = append(offered, name)
			if to := leadsTo.FindStringSubmatch(one[2]); name == "I have noted it" && (to == nil || to[1] != test.back) {
				t.Errorf("%s: %s leads to %q", test.form, name, to)
			}
		}
		slices.Sort(offered)
		if want := slices.Sorted(slices.Values(test.offers)); !slices.Equal(offered, want) {
			t.Errorf("%s offers %q beside the secret", test.form, offered)
		}
		after := b.get(test.back)
		after.shows(t, http.StatusOK, test.next)
		if strings.Contains(after.body, is[1]) || strings.Contains(after.body, "I have noted it") {
			t.Errorf("%s still shows it", test.back)
		}
	}
}
