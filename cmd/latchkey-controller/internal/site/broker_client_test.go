package site

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestACheckFindsABrokerClientWithSomebodyElsesCertificate(t *testing.T) {
	for _, statement := range []string{
		`UPDATE broker_clients SET name = 'other'`,
		`UPDATE broker_clients SET serial = '1'`,
		`UPDATE broker_clients SET certificate = x'00'`,
		`UPDATE broker_clients SET certificate = (SELECT root FROM site)`,
	} {
		s, dir := newSite(t)
		err := s.Update(t.Context(), func(tx *store.Tx) error {
			_, _, err := s.NewBrokerClient(tx, time.Now(), "home")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		check(t, s)
		sitetest.Execute(t, dir, statement)
		if _, err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate of the broker client") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestNoReaderCanHaveTheNameOfABrokerClient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,31}`).Draw(t, "name")
		if err := wire.CheckName(name); err != nil {
			t.Fatal(err)
		}
		for _, client := range []string{BrokerClientCommonName(name), HomeAssistantName} {
			if wire.CheckName(client) == nil {
				t.Fatalf("%s can be the name of a reader", client)
			}
		}
		if BrokerClientCommonName(name) == HomeAssistantName {
			t.Fatal("a broker client has the controller's own name")
		}
	})
}
