package site

import (
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

func TestACheckFindsAnIntegrationWithSomebodyElsesCertificate(t *testing.T) {
	for _, statement := range []string{
		`UPDATE integrations SET name = 'other'`,
		`UPDATE integrations SET serial = '1'`,
		`UPDATE integrations SET certificate = x'00'`,
		`UPDATE integrations SET certificate = (SELECT root FROM site)`,
	} {
		s, dir := newSite(t)
		err := s.Update(t.Context(), func(tx *store.Tx) error {
			_, _, err := s.NewIntegration(tx, time.Now(), "home")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		check(t, s)
		execute(t, dir, statement)
		if _, err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate of the integration") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
