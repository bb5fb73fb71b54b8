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

// addBrokerClient adds a broker client whose key nobody keeps.
func (w *world) addBrokerClient(ctx context.Context, a Actor, name string) error {
	return w.AddBrokerClient(ctx, a, name, func(_, _ []byte) error { return nil })
}

// brokerClient is an attempt on a broker client, the only one.
func brokerClient(do func(*world, context.Context, Actor, string) error) attempt {
	return func(w *world) func(context.Context, Actor) error {
		all, err := w.BrokerClients(w.t.Context(), as(Owner))
		w.must(err)
		for _, i := range all {
			w.must(w.RemoveBrokerClient(w.t.Context(), as(Owner), i.Name))
		}
		w.n++
		name := fmt.Sprint("program-", w.n)
		w.must(w.addBrokerClient(w.t.Context(), as(Owner), name))
		return func(ctx context.Context, a Actor) error { return do(w, ctx, a, name) }
	}
}

func TestABrokerClientHasACertificateOfItsOwnUntilItIsRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	var pair tls.Certificate
	w.must(w.AddBrokerClient(ctx, as(Owner), "home-assistant", func(key, certificate []byte) (err error) {
		pair, err = tls.X509KeyPair(certificate, key)
		return err
	}))
	serials, err := w.site.BrokerClients(ctx)
	w.must(err)
	if c := pair.Leaf; c.Subject.CommonName != "home-assistant.client" || c.CheckSignatureFrom(w.site.Authority()) != nil || serials["home-assistant.client"] != c.SerialNumber.Text(16) {
		t.Errorf("%v, %v", c.Subject, serials)
	}
	if e := w.newest(); !strings.Contains(e.Text.String(), "home-assistant.client") {
		t.Errorf("%s", e.Text)
	}
	if err := w.addBrokerClient(ctx, as(Owner), "home-assistant"); !strings.Contains(Fields(err)["name"].String(), "has this name") {
		t.Error(err)
	}
	for _, name := range []string{"", "Home Assistant", "a.b", "+", "#", "home\nuser x", strings.Repeat("x", 33)} {
		if err := w.addBrokerClient(ctx, as(Owner), name); Fields(err)["name"] == nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	failed := errors.New("the disk is full")
	if err := w.AddBrokerClient(ctx, as(Owner), "other", func(_, _ []byte) error { return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	for n := range MaxBrokerClients - 1 {
		w.must(w.addBrokerClient(ctx, as(Owner), fmt.Sprint("other-", n)))
	}
	if err := w.addBrokerClient(ctx, as(Owner), "one-more"); !strings.Contains(Fields(err)["name"].String(), "at most 4") {
		t.Error(err)
	}
	w.must(w.RemoveBrokerClient(ctx, as(Owner), "home-assistant"))
	if err := w.RemoveBrokerClient(ctx, as(Owner), "home-assistant"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	all, err := w.BrokerClients(ctx, as(Owner))
	w.must(err)
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	if !slices.Equal(names, []string{"other-0", "other-1", "other-2"}) {
		t.Errorf("%v", names)
	}
	w.must(w.addBrokerClient(ctx, as(Owner), "home-assistant")) // with another certificate
	if now, err := w.site.BrokerClients(ctx); err != nil || now["home-assistant.client"] == serials["home-assistant.client"] {
		t.Errorf("%v, %v", now, err)
	}
	w.check()
}
