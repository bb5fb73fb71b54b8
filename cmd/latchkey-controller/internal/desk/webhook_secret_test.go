package desk

import (
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

func TestTheSecretBeforeSignsForADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.hook(eventContact)
	f.Headers = map[string]string{"X-Key": "hunter2"}
	id, first, err := w.AddWebhook(t.Context(), as(Owner), f)
	w.must(err)
	w.must(w.TestWebhook(t.Context(), as(Owner), id))
	signs := func(secret, former string) {
		t.Helper()
		due, _, err := w.Due(t.Context(), func(int64, int64) bool { return true })
		if err != nil || len(due) != 1 {
			t.Fatal(due, err)
		}
		if o := due[0]; o.Secret != secret || o.Former != former || o.Headers["X-Key"] != "hunter2" {
			t.Errorf("%+v, not %s and %s", o, secret, former)
		}
	}
	signs(first, "")
	second, err := w.NewWebhookSecret(t.Context(), as(Owner), id)
	w.must(err)
	if second == first || len(second) != len(first) || !strings.HasPrefix(second, "whsec_") {
		t.Errorf("%q after %q", second, first)
	}
	if e := w.newest(); strings.Contains(e.Text.String(), "whsec_") || !strings.Contains(e.Text.String(), "made a new secret for the webhook "+f.Name) {
		t.Error(e.Text)
	}
	signs(second, first)
	w.must(w.EditWebhook(t.Context(), as(Owner), id, "", func(f *WebhookForm) { f.Name = "Renamed" }))
	signs(second, first)
	w.pass(formerSigns - time.Minute)
	signs(second, first)
	w.must(w.dropFormerSecrets(t.Context()))
	signs(second, first)
	w.put -= 48 * time.Hour // whoever sets the clock back does not lengthen the day
	w.pass(2 * time.Minute)
	signs(second, "")
	stored := func() (part sealedPart) {
		w.must(w.site.View(t.Context(), func(tx *store.Tx) error {
			row, err := tx.Webhook(id)
			if err != nil {
				return err
			}
			part, err = unsealWebhook(w.site, row)
			return err
		}))
		return part
	}
	if is := stored(); is.Former != first {
		t.Fatalf("%+v", is)
	}
	w.must(w.maintain(t.Context()))
	if is := stored(); is.Former != "" || is.Until != 0 || is.Secret != second || is.Headers["X-Key"] != "hunter2" {
		t.Errorf("stored after a day: %+v", is)
	}
	signs(second, "")
	third, err := w.NewWebhookSecret(t.Context(), as(Owner), id)
	w.must(err)
	fourth, err := w.NewWebhookSecret(t.Context(), as(Owner), id)
	w.must(err)
	signs(fourth, third)
}
