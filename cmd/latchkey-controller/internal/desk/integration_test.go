package desk

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// addIntegration adds an integration whose key nobody keeps.
func (w *world) addIntegration(ctx context.Context, a Actor, name string) error {
	return w.AddIntegration(ctx, a, name, func(_, _ []byte) error { return nil })
}

// integration is an attempt on an integration, the only one.
func integration(do func(*world, context.Context, Actor, string) error) attempt {
	return func(w *world) func(context.Context, Actor) error {
		all, err := w.Integrations(w.t.Context(), as(Owner))
		w.must(err)
		for _, i := range all {
			w.must(w.RemoveIntegration(w.t.Context(), as(Owner), i.Name))
		}
		w.n++
		name := fmt.Sprint("program-", w.n)
		w.must(w.addIntegration(w.t.Context(), as(Owner), name))
		return func(ctx context.Context, a Actor) error { return do(w, ctx, a, name) }
	}
}

func TestAnIntegrationHasACertificateOfItsOwnUntilItIsRemoved(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	var pair tls.Certificate
	w.must(w.AddIntegration(ctx, as(Owner), "home-assistant", func(key, certificate []byte) (err error) {
		pair, err = tls.X509KeyPair(certificate, key)
		return err
	}))
	serials, err := w.site.Integrations(ctx)
	w.must(err)
	if c := pair.Leaf; c.Subject.CommonName != "home-assistant.integration" || c.CheckSignatureFrom(w.site.Authority()) != nil || serials["home-assistant.integration"] != c.SerialNumber.Text(16) {
		t.Errorf("%v, %v", c.Subject, serials)
	}
	if e := w.newest(); !strings.Contains(e.Text.String(), "home-assistant.integration") {
		t.Errorf("%s", e.Text)
	}
	if err := w.addIntegration(ctx, as(Owner), "home-assistant"); !strings.Contains(Fields(err)["name"], "has this name") {
		t.Error(err)
	}
	for _, name := range []string{"", "Home Assistant", "a.b", "+", "#", "home\nuser x", strings.Repeat("x", 33)} {
		if err := w.addIntegration(ctx, as(Owner), name); Fields(err)["name"] == "" {
			t.Errorf("%q: %v", name, err)
		}
	}
	failed := errors.New("the disk is full")
	if err := w.AddIntegration(ctx, as(Owner), "other", func(_, _ []byte) error { return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	for n := range MaxIntegrations - 1 {
		w.must(w.addIntegration(ctx, as(Owner), fmt.Sprint("other-", n)))
	}
	if err := w.addIntegration(ctx, as(Owner), "one-more"); !strings.Contains(Fields(err)["name"], "at most 4") {
		t.Error(err)
	}
	w.must(w.RemoveIntegration(ctx, as(Owner), "home-assistant"))
	if err := w.RemoveIntegration(ctx, as(Owner), "home-assistant"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	all, err := w.Integrations(ctx, as(Owner))
	w.must(err)
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	if !slices.Equal(names, []string{"other-0", "other-1", "other-2"}) {
		t.Errorf("%v", names)
	}
	w.must(w.addIntegration(ctx, as(Owner), "home-assistant")) // with another certificate
	if now, err := w.site.Integrations(ctx); err != nil || now["home-assistant.integration"] == serials["home-assistant.integration"] {
		t.Errorf("%v, %v", now, err)
	}
	w.check()
}
